/* test_image_hostile.c: picture files that are broken or malicious are errors that name the file,
 * and cost no more memory and time than they are worth. */
#include "base/file.h"
#include "image/image.h"
#include "oracle/fixture.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static void test_hostile_files_of_the_fixtures(void **state)
{
    (void)state;
    static const char *const files[] = {
        "img_png_truncated/model/image.png",
        "img_png_bomb/model/image.png",
        "img_not_an_image/model/image.jpg",
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        char path[4096];
        struct image image;
        corbel_error err = {0};
        fixture_path(path, sizeof(path), "hostile", files[i]);
        assert_int_equal(image_load(&image, path, &err), CORBEL_E_FORMAT);
        assert_null(image.pixels);
        if (!strstr(err.text, path))
            fail_msg("the file is not named: %s", err.text);
    }
}

static void test_what_is_no_file_is_an_error(void **state)
{
    (void)state;
    struct image image;
    corbel_error err = {0};
    assert_int_equal(image_load(&image, TEST_BUILD_DIR "/no-such.png", &err), CORBEL_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "no-such.png"));
    assert_int_not_equal(image_load(&image, TEST_BUILD_DIR, &err), CORBEL_OK);
    assert_int_not_equal(image_load(&image, "/dev/zero", &err), CORBEL_OK);
    assert_int_equal(image_decode(&image, "", 0, "nothing", &err), CORBEL_E_FORMAT);
}

static const char *const pictures[] = {
    "rgb.png",      "palette.png",     "bilevel.png",      "rgba.png",
    "baseline.jpg", "progressive.jpg", "exif_rotated.jpg",
};

/* A copy of its own size, so that a sanitizer sees the first byte too many. */
static void decode_copy(const char *data, size_t size, bool must_fail, const char *what)
{
    char *copy = malloc(size ? size : 1);
    struct image image;
    corbel_error err = {0};
    assert_non_null(copy);
    memcpy(copy, data, size);
    corbel_status status = image_decode(&image, copy, size, "a.file", &err);
    if (status == CORBEL_OK ? must_fail : !strstr(err.text, "a.file"))
        fail_msg("%s: status %d, \"%s\"", what, status, err.text);
    image_finish(&image);
    free(copy);
}

static void test_truncated_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(pictures) / sizeof(*pictures); i++) {
        char path[4096], *data;
        size_t size;
        fixture_path(path, sizeof(path), "images", pictures[i]);
        assert_int_equal(file_read(path, 1 << 20, &data, &size, NULL), CORBEL_OK);
        /* A PNG's pixels are complete before its last chunk. */
        const size_t tail = strstr(pictures[i], ".png") ? 24 : 0;
        for (size_t n = 0; n < size; n += n < 64 ? 1 : 7)
            decode_copy(data, n, n + tail < size, pictures[i]);
        free(data);
    }
}

static void test_flipped_bits_do_no_harm(void **state)
{
    (void)state;
    uint32_t random = 12345;
    for (size_t i = 0; i < sizeof(pictures) / sizeof(*pictures); i++) {
        char path[4096], *data;
        size_t size;
        fixture_path(path, sizeof(path), "images", pictures[i]);
        assert_int_equal(file_read(path, 1 << 20, &data, &size, NULL), CORBEL_OK);
        for (int round = 0; round < 300; round++) {
            random = random * 1664525u + 1013904223u;
            const size_t at = (random >> 8) % size;
            const char before = data[at];
            data[at] = (char)(before ^ (1 << (random & 7)));
            decode_copy(data, size, false, pictures[i]);
            data[at] = before;
        }
        free(data);
    }
}

/* ---- claims without pixels ---------------------------------------------------------------------
 */

static long peak_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

#define SOI "\xff\xd8"
/* Baseline and progressive, one component, HEIGHT WIDTH as two bytes each. */
#define SOF(kind, height, width) "\xff" kind "\x00\x0b\x08" height width "\x01\x01\x11\x00"
#define DQT                \
    "\xff\xdb\x00\x43\x00" \
    "1111111111111111111111111111111111111111111111111111111111111111"
/* One DC code and one AC code (end of block), of one bit each. */
#define DHT   "\xff\xc4\x00\x14\x00\x01" ZEROS "\x00\xff\xc4\x00\x14\x10\x01" ZEROS "\x00"
#define ZEROS "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define SOS   "\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"

static void test_large_claims_cost_little(void **state)
{
    (void)state;
    static const struct {
        const char *what, *data;
        size_t size;
        const char *why;
    } rows[] = {
#define ROW(what, data, why) {what, data, sizeof(data) - 1, why}
        ROW("larger than the limits", SOI DQT SOF("\xc2", "\x80\x00", "\x80\x00") DHT SOS,
            "32768 x 32768"),
        ROW("no height", SOI SOF("\xc0", "\x00\x00", "\x00\x10"), "a.jpg"),
        ROW("baseline, no pixels", SOI DQT SOF("\xc0", "\x20\x00", "\x20\x00") DHT SOS "\x00\x00",
            "ends early"),
        ROW("progressive, no pixels",
            SOI DQT SOF("\xc2", "\x20\x00", "\x20\x00") DHT SOS "\x00\x00", "ends early"),
        ROW("no tables", SOI SOF("\xc0", "\x00\x10", "\x00\x10") SOS "\x00\x00\xff\xd9", "a.jpg"),
    };
    const long before = peak_kib();
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct image image;
        corbel_error err = {0};
        assert_int_equal(image_decode(&image, rows[i].data, rows[i].size, "a.jpg", &err),
                         CORBEL_E_FORMAT);
        if (!strstr(err.text, rows[i].why))
            fail_msg("%s: %s", rows[i].what, err.text);
    }
    if (peak_kib() - before > 20000)
        fail_msg("%ld KiB for files of 100 bytes", peak_kib() - before);
}

/* Each scan of a progressive file walks over the whole picture. */
static void test_endless_scans_are_refused(void **state)
{
    (void)state;
    static const char head[] = SOI DQT SOF("\xc2", "\x02\x00", "\x02\x00") DHT;
    static const char scan[] = "\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00\xff\x00";
    enum { N_SCANS = 5000 };
    const size_t size = sizeof(head) - 1 + N_SCANS * (sizeof(scan) - 1);
    char *data = malloc(size);
    struct image image;
    corbel_error err = {0};
    assert_non_null(data);
    memcpy(data, head, sizeof(head) - 1);
    for (size_t i = 0; i < N_SCANS; i++)
        memcpy(data + sizeof(head) - 1 + i * (sizeof(scan) - 1), scan, sizeof(scan) - 1);
    assert_int_equal(image_decode(&image, data, size, "a.jpg", &err), CORBEL_E_FORMAT);
    assert_non_null(strstr(err.text, "too many scans"));
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large_claims_cost_little), /* first: it looks at the memory's peak */
        cmocka_unit_test(test_hostile_files_of_the_fixtures),
        cmocka_unit_test(test_what_is_no_file_is_an_error),
        cmocka_unit_test(test_truncated_files),
        cmocka_unit_test(test_flipped_bits_do_no_harm),
        cmocka_unit_test(test_endless_scans_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
