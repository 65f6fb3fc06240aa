/* test_file.c: files are read, mapped and replaced whole; digests. */
#include "test.h"

#include "base/digest.h"
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char dir[256], path[300];
};

static int make_place(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    snprintf(p->dir, sizeof p->dir, "%s/test_file_XXXXXX", TEST_BUILD_DIR);
    *state = p;
    if (!mkdtemp(p->dir))
        return -1;
    return path_join(p->path, sizeof p->path, p->dir, "file") ? 0 : -1;
}

static int remove_place(void **state)
{
    struct place *p = *state;
    unlink(p->path);
    const int left = rmdir(p->dir); /* fails if a temporary file was left behind */
    free(p);
    return left;
}

static void test_what_is_written_is_read(void **state)
{
    const struct place *p = *state;
    char *data;
    size_t size;
    struct file_map map;
    corbel_error err;
    assert_int_equal(file_write(p->path, "first", 5, &err), CORBEL_OK);
    assert_int_equal(file_write(p->path, "second\0x", 8, &err), CORBEL_OK);
    assert_int_equal(file_read(p->path, 8, &data, &size, &err), CORBEL_OK);
    assert_int_equal(size, 8);
    assert_memory_equal(data, "second\0x", 9);
    free(data);

    assert_int_equal(file_read(p->path, 7, &data, &size, &err), CORBEL_E_FORMAT);
    assert_non_null(strstr(err.text, "8 bytes, at most 7"));
    assert_int_equal(file_map_open(&map, p->path, &err), CORBEL_OK);
    assert_int_equal(map.size, 8);
    assert_memory_equal(map.data, "second", 6);
    file_map_close(&map);
    file_map_close(&map);
}

static void test_an_empty_file_is_mapped_as_nothing(void **state)
{
    const struct place *p = *state;
    struct file_map map;
    assert_int_equal(file_write(p->path, NULL, 0, NULL), CORBEL_OK);
    assert_int_equal(file_map_open(&map, p->path, NULL), CORBEL_OK);
    assert_null(map.data);
    assert_int_equal(map.size, 0);
    assert_true(map.open);
    file_map_close(&map);
}

static void test_a_mapping_survives_replacing_the_file(void **state)
{
    const struct place *p = *state;
    struct file_map map;
    assert_int_equal(file_write(p->path, "old", 3, NULL), CORBEL_OK);
    assert_int_equal(file_map_open(&map, p->path, NULL), CORBEL_OK);
    assert_int_equal(file_write(p->path, "new one", 7, NULL), CORBEL_OK);
    assert_memory_equal(map.data, "old", 3);
    file_map_close(&map);
}

static void test_what_is_no_regular_file_is_refused(void **state)
{
    const struct place *p = *state;
    struct file_map map;
    char *data;
    size_t size;
    corbel_error err;
    assert_int_equal(file_map_open(&map, p->path, &err), CORBEL_E_NOT_FOUND);
    assert_non_null(strstr(err.text, p->path));
    assert_int_equal(file_map_open(&map, p->dir, &err), CORBEL_E_FORMAT);
    assert_int_equal(mkfifo(p->path, 0600), 0); /* nobody writes to it: must not hang */
    assert_int_equal(file_read(p->path, 10, &data, &size, &err), CORBEL_E_FORMAT);
    assert_true(file_exists(p->path));
    assert_false(file_is_folder(p->path));
    assert_true(file_is_folder(p->dir));
}

static void test_what_is_discarded_leaves_nothing(void **state)
{
    const struct place *p = *state;
    struct file_out out;
    assert_int_equal(file_out_open(&out, p->path, NULL), CORBEL_OK);
    assert_int_equal(file_out_append(&out, "abc", 3, NULL), CORBEL_OK);
    file_out_discard(&out);
    file_out_discard(&out);
    assert_false(file_exists(p->path));
    assert_int_equal(file_write("/nonexistent-folder/x", "a", 1, NULL), CORBEL_E_NOT_FOUND);
}

static void test_paths_are_joined(void **state)
{
    (void)state;
    char out[8];
    assert_true(path_join(out, sizeof out, "ab", "cd"));
    assert_string_equal(out, "ab/cd");
    assert_true(path_join(out, sizeof out, "ab/", "cd"));
    assert_string_equal(out, "ab/cd");
    assert_true(path_join(out, sizeof out, "abc", "def"));
    assert_false(path_join(out, sizeof out, "abcd", "efg"));
}

static void test_digests_of_known_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *hex;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char hex[DIGEST_HEX_SIZE];
        digest_sha256_hex(rows[i].text, strlen(rows[i].text), hex);
        assert_string_equal(hex, rows[i].hex);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_written_is_read, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_an_empty_file_is_mapped_as_nothing, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(test_a_mapping_survives_replacing_the_file, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(test_what_is_no_regular_file_is_refused, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(test_what_is_discarded_leaves_nothing, make_place,
                                        remove_place),
        cmocka_unit_test(test_paths_are_joined),
        cmocka_unit_test(test_digests_of_known_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
