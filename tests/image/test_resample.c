/* test_resample.c: resizing, turning and their limits. The rows of bytes are what Pillow 13 gives;
 * compare_images.py compares random pictures and sizes where Pillow is at hand. */
#include "image/orientation.h"
#include "image/resample.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

/* A grey picture of the bytes. */
static struct image grey(uint32_t width, uint32_t height, const uint8_t *levels)
{
    struct image image;
    assert_int_equal(image_create(&image, width, height, "a test", NULL), CORBEL_OK);
    for (size_t i = 0; i < (size_t)width * height; i++)
        memset(image.pixels + i * 3, levels[i], 3);
    return image;
}

static void check_grey(const char *what, const struct image *image, const uint8_t *levels)
{
    for (size_t i = 0; i < (size_t)image->width * image->height; i++)
        for (size_t c = 0; c < 3; c++)
            if (image->pixels[i * 3 + c] != levels[i])
                fail_msg("%s: pixel %zu is %d, expected %d", what, i, image->pixels[i * 3 + c],
                         levels[i]);
}

static const uint8_t picture[35] = {255, 52,  255, 0, 0,   205, 0, 113, 255, 0,   0,   13,
                                    255, 0,   255, 0, 172, 198, 0, 255, 0,   0,   149, 159,
                                    255, 216, 255, 0, 255, 0,   0, 236, 143, 241, 0};

static const struct {
    enum resample_filter filter;
    uint32_t width, height;
    uint8_t levels[24];
} rows[] = {
    {RESAMPLE_NEAREST, 3, 2, {255, 0, 255, 149, 255, 255}},
    {RESAMPLE_NEAREST, 8, 3, {255, 52, 255, 0, 0,   0, 205, 0,   255, 0,   172, 198,
                              198, 0,  255, 0, 255, 0, 0,   236, 236, 143, 241, 0}},
    {RESAMPLE_NEAREST,
     2,
     9,
     {52, 205, 52, 205, 255, 255, 255, 255, 0, 255, 149, 255, 149, 255, 0, 241, 0, 241}},
    {RESAMPLE_NEAREST, 7, 3, {255, 52,  255, 0,   0, 205, 0,   255, 0,   172, 198,
                              0,   255, 0,   255, 0, 0,   236, 143, 241, 0}},
    {RESAMPLE_NEAREST, 4, 5, {255, 255, 0, 0,   113, 0, 13,  0, 255, 172,
                              0,   0,   0, 159, 216, 0, 255, 0, 143, 0}},
    {RESAMPLE_LANCZOS, 3, 2, {159, 73, 98, 95, 178, 139}},
    {RESAMPLE_LANCZOS, 8, 3, {210, 148, 149, 67, 0,   85, 202, 0,   147, 114, 110, 174,
                              99,  115, 228, 0,  150, 72, 40,  195, 234, 209, 208, 0}},
    {RESAMPLE_LANCZOS,
     2,
     9,
     {150, 67, 128, 65, 101, 69, 109, 80, 140, 112, 153, 167, 141, 190, 119, 161, 105, 135}},
    {RESAMPLE_LANCZOS, 7, 3, {207, 139, 139, 0,   0,  225, 0,   145, 108, 127, 170,
                              53,  255, 0,   146, 52, 78,  255, 184, 246, 0}},
    {RESAMPLE_LANCZOS, 4, 5, {177, 126, 41, 99,  185, 37,  54,  123, 134, 133,
                              127, 106, 60, 191, 255, 111, 125, 46,  222, 100}},
    {RESAMPLE_BILINEAR, 3, 2, {148, 78, 106, 105, 168, 136}},
    {RESAMPLE_BILINEAR, 8, 3, {194, 149, 144, 64, 3,   75, 184, 0,   167, 104, 118, 151,
                               116, 115, 207, 0,  146, 79, 67,  167, 213, 197, 201, 0}},
    {RESAMPLE_BILINEAR,
     2,
     9,
     {134, 80, 123, 80, 106, 80, 114, 98, 130, 121, 137, 157, 138, 181, 115, 160, 102, 148}},
    {RESAMPLE_BILINEAR, 7, 3, {194, 139, 146, 0,   6,  226, 0,   167, 90,  131, 167,
                               51,  255, 0,   146, 64, 68,  244, 174, 247, 0}},
    {RESAMPLE_BILINEAR, 4, 5, {168, 143, 41, 88,  168, 51,  58,  110, 142, 145,
                               106, 109, 71, 184, 235, 120, 134, 66,  189, 110}},
    {RESAMPLE_BICUBIC, 3, 2, {156, 70, 102, 101, 175, 137}},
    {RESAMPLE_BICUBIC, 8, 3, {201, 149, 152, 61, 0,   69, 205, 0,   159, 105, 116, 162,
                              111, 106, 229, 0,  148, 71, 51,  181, 231, 201, 214, 0}},
    {RESAMPLE_BICUBIC,
     2,
     9,
     {145, 70, 129, 70, 103, 73, 113, 89, 137, 115, 144, 161, 139, 187, 115, 161, 102, 144}},
    {RESAMPLE_BICUBIC, 7, 3, {199, 140, 144, 0,   0,  226, 0,   157, 98,  130, 169,
                              51,  255, 0,   146, 59, 71,  252, 180, 247, 0}},
    {RESAMPLE_BICUBIC, 4, 5, {172, 138, 37, 94,  179, 42,  54,  117, 138, 143,
                              112, 110, 63, 190, 247, 113, 132, 57,  204, 106}},
    {RESAMPLE_BOX, 3, 2, {155, 71, 120, 102, 168, 125}},
    {RESAMPLE_BOX, 8, 3, {184, 154, 128, 0, 0,   7,  230, 0,   255, 0,   172, 198,
                          198, 0,   255, 0, 128, 75, 80,  246, 246, 180, 248, 0}},
    {RESAMPLE_BOX,
     2,
     9,
     {141, 68, 141, 68, 92, 89, 92, 89, 156, 85, 141, 157, 141, 157, 123, 128, 123, 128}},
    {RESAMPLE_BOX, 7, 3, {184, 154, 128, 0,   7,  230, 0,   255, 0,   172, 198,
                          0,   255, 0,   128, 75, 80,  246, 180, 248, 0}},
    {RESAMPLE_BOX, 4, 5, {154, 128, 0,  103, 184, 0,   13,  128, 128, 185,
                          0,   128, 75, 207, 216, 128, 128, 118, 143, 121}},
    {RESAMPLE_HAMMING, 3, 2, {155, 51, 118, 100, 185, 142}},
    {RESAMPLE_HAMMING, 8, 3, {201, 132, 155, 57, 2,   36, 216, 0,   198, 63,  134, 167,
                              126, 64,  245, 0,  159, 60, 59,  178, 217, 181, 237, 0}},
    {RESAMPLE_HAMMING,
     2,
     9,
     {148, 76, 142, 79, 114, 93, 120, 102, 130, 117, 133, 162, 133, 188, 93, 161, 85, 156}},
    {RESAMPLE_HAMMING, 7, 3, {201, 129, 159, 0,   5,  224, 0,   198, 58,  146, 178,
                              33,  255, 0,   159, 56, 60,  243, 171, 246, 0}},
    {RESAMPLE_HAMMING, 4, 5, {171, 175, 21, 85,  171, 26,  35,  106, 149, 160,
                              72,  106, 62, 180, 229, 107, 148, 55,  175, 101}},
};

static void test_each_filter_gives_pillows_pixels(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char what[80];
        struct image from = grey(7, 5, picture), to;
        snprintf(what, sizeof(what), "filter %d to %u x %u", rows[i].filter, rows[i].width,
                 rows[i].height);
        assert_int_equal(
            image_resize(&from, rows[i].width, rows[i].height, rows[i].filter, what, &to, NULL),
            CORBEL_OK);
        check_grey(what, &to, rows[i].levels);
        image_finish(&from);
        image_finish(&to);
    }
}

static void test_sizes_at_the_limits(void **state)
{
    (void)state;
    static const struct {
        uint64_t width, height;
        corbel_status expect;
    } sizes[] = {
        {1, IMAGE_MAX_SIDE, CORBEL_OK},
        {IMAGE_MAX_SIDE, 1, CORBEL_OK},
        {IMAGE_MAX_SIDE + 1, 1, CORBEL_E_FORMAT},
        {1, IMAGE_MAX_SIDE + 1, CORBEL_E_FORMAT},
        {IMAGE_MAX_SIDE, IMAGE_MAX_SIDE, CORBEL_E_FORMAT},
        {0, 1, CORBEL_E_FORMAT},
        {1, 0, CORBEL_E_FORMAT},
        {UINT64_MAX, UINT64_MAX, CORBEL_E_FORMAT},
        {UINT64_C(1) << 32, UINT64_C(1) << 32, CORBEL_E_FORMAT},
    };
    static const uint8_t levels[] = {9, 9, 9, 9};
    for (int filter = 0; filter < N_RESAMPLE_FILTERS; filter++)
        for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
            struct image from = grey(2, 2, levels), to;
            corbel_status status = image_resize(&from, sizes[i].width, sizes[i].height,
                                                (enum resample_filter)filter, "x", &to, NULL);
            if (status != sizes[i].expect)
                fail_msg("filter %d, row %zu: status %d", filter, i, status);
            /* One level stays that level. */
            for (size_t p = 0; status == CORBEL_OK && p < (size_t)to.width * to.height * 3; p++)
                assert_int_equal(to.pixels[p], 9);
            image_finish(&to);
            image_finish(&from);
        }
}

static void test_long_pictures_shrink_to_a_point(void **state)
{
    (void)state;
    for (int filter = 0; filter < N_RESAMPLE_FILTERS; filter++) {
        struct image from, to;
        assert_int_equal(image_create(&from, IMAGE_MAX_SIDE, 3, "x", NULL), CORBEL_OK);
        memset(from.pixels, 200, (size_t)IMAGE_MAX_SIDE * 9);
        assert_int_equal(image_resize(&from, 1, 1, (enum resample_filter)filter, "x", &to, NULL),
                         CORBEL_OK);
        assert_int_equal(to.pixels[0], 200);
        image_finish(&to);
        image_finish(&from);
    }
}

static void test_orientations_turn_the_picture(void **state)
{
    (void)state;
    /* 1 2 3
     * 4 5 6 as it is stored */
    static const uint8_t stored[] = {1, 2, 3, 4, 5, 6};
    static const struct {
        int orientation;
        uint32_t width, height;
        uint8_t upright[6];
    } turned[] = {
        {0, 3, 2, {1, 2, 3, 4, 5, 6}}, {1, 3, 2, {1, 2, 3, 4, 5, 6}}, {2, 3, 2, {3, 2, 1, 6, 5, 4}},
        {3, 3, 2, {6, 5, 4, 3, 2, 1}}, {4, 3, 2, {4, 5, 6, 1, 2, 3}}, {5, 2, 3, {1, 4, 2, 5, 3, 6}},
        {6, 2, 3, {4, 1, 5, 2, 6, 3}}, {7, 2, 3, {6, 3, 5, 2, 4, 1}}, {8, 2, 3, {3, 6, 2, 5, 1, 4}},
        {9, 3, 2, {1, 2, 3, 4, 5, 6}},
    };
    for (size_t i = 0; i < sizeof(turned) / sizeof(*turned); i++) {
        char what[40];
        struct image image = grey(3, 2, stored);
        snprintf(what, sizeof(what), "orientation %d", turned[i].orientation);
        assert_int_equal(orientation_apply(turned[i].orientation, &image, NULL), CORBEL_OK);
        assert_int_equal(image.width, turned[i].width);
        assert_int_equal(image.height, turned[i].height);
        check_grey(what, &image, turned[i].upright);
        image_finish(&image);
    }
}

#define ENTRY_SHORT(value) "\x12\x01\x03\0\x01\0\0\0" value "\0\0\0"

static void test_orientation_is_found_in_exif_and_xmp(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t size;
        bool xmp, found;
        int orientation;
    } sources[] = {
#define EXIF(text) text, sizeof(text) - 1, false
#define XMP(text)  text, sizeof(text) - 1, true
        {EXIF("II*\0\x08\0\0\0\x01\0" ENTRY_SHORT("\x06")), true, 6},
        {EXIF("Exif\0\0II*\0\x08\0\0\0\x01\0" ENTRY_SHORT("\x03")), true, 3},
        {EXIF("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0"), true, 8},
        {EXIF("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x04\0\0\0\x01\0\0\0\x05"), true, 5},
        /* the last of two counts; a wrong type says upright */
        {EXIF("II*\0\x08\0\0\0\x02\0" ENTRY_SHORT("\x06") ENTRY_SHORT("\x02")), true, 2},
        {EXIF("II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x01\0\0\0\x06\0\0\0"), true, 1},
        {EXIF("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x02\0\0\0\x06\0\x06\0"), true, 1},
        {EXIF("II*\0\x08\0\0\0\x01\0\x12\x01\x04\0\x01\0\0\0\x06\0\x01\0"), true, 0},
        /* broken */
        {EXIF(""), false, 1},
        {EXIF("Exif\0\0"), false, 1},
        {EXIF("II*\0"), false, 1},
        {EXIF("II*\0\x08\0\0\0"), false, 1},
        {EXIF("II*\0\xff\xff\xff\xff\x01\0" ENTRY_SHORT("\x06")), false, 1},
        {EXIF("II*\0\x07\0\0\0\xff"), false, 1},
        {EXIF("II*\0\x08\0\0\0\xff\xff\x12\x01\x03\0\x01\0\0"), false, 1},
        {EXIF("XX*\0\x08\0\0\0\x01\0" ENTRY_SHORT("\x06")), false, 1},
        {XMP("<a tiff:Orientation=\"6\"/>"), true, 6},
        {XMP("<tiff:Orientation>3</tiff:Orientation>"), true, 3},
        {XMP("tiff:Orientation= tiff:Orientation=\"x tiff:Orientation>8"), true, 8},
        {XMP("tiff:Orientation=\""), false, 1},
        {XMP("tiff:Orientation>"), false, 1},
        {XMP("tiff:Orientation"), false, 1},
        {XMP(""), false, 1},
    };
    for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
        int orientation = 1;
        bool found = sources[i].xmp
                         ? orientation_of_xmp(sources[i].data, sources[i].size, &orientation)
                         : orientation_of_exif((const uint8_t *)sources[i].data, sources[i].size,
                                               &orientation);
        if (found != sources[i].found || orientation != sources[i].orientation)
            fail_msg("row %zu: found %d, orientation %d", i, found, orientation);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_filter_gives_pillows_pixels),
        cmocka_unit_test(test_sizes_at_the_limits),
        cmocka_unit_test(test_long_pictures_shrink_to_a_point),
        cmocka_unit_test(test_orientations_turn_the_picture),
        cmocka_unit_test(test_orientation_is_found_in_exif_and_xmp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
