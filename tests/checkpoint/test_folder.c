/* test_folder.c: which files of a folder are read, in which order, and nothing outside of it. */
#include "test.h"

#include "base/scratch.h"
#include "checkpoint/checkpoint.h"

#include <sys/stat.h>

/* One tensor of one byte. */
static void write_shard(const struct scratch *s, const char *file, const char *tensor)
{
    const corbel_tensor t = {
        .name = tensor, .dtype = CORBEL_U8, .rank = 1, .shape = {1}, .data = "x"};
    assert_int_equal(safetensors_write(scratch_path(s, file), &t, 1, NULL), CORBEL_OK);
}

static void expect(const struct scratch *s, corbel_status status, const char *words)
{
    struct checkpoint c;
    corbel_error err = {.text = ""};
    const corbel_status got = checkpoint_open(&c, s->dir, &err);
    if (got != status || !strstr(err.text, words))
        fail_msg("%s: %s, expected %s: %s", corbel_status_name(got), err.text,
                 corbel_status_name(status), words);
    assert_true(got == CORBEL_OK || (c.n_files == 0 && c.tensors == NULL));
    checkpoint_close(&c);
}

static void test_order_of_search(void **state)
{
    const struct scratch *s = *state;
    struct checkpoint c;
    expect(s, CORBEL_E_NOT_FOUND, "no weights: expected model.safetensors");
    write_shard(s, "model-00001-of-00001.safetensors", "sharded");
    scratch_write_text(s, "model.safetensors.index.json",
                       "{\"weight_map\":{\"sharded\":\"model-00001-of-00001.safetensors\"}}");
    assert_int_equal(checkpoint_open(&c, s->dir, NULL), CORBEL_OK);
    assert_non_null(checkpoint_find(&c, "sharded"));
    assert_null(checkpoint_find(&c, "single"));
    assert_string_equal(c.files[0].name, "model-00001-of-00001.safetensors");
    checkpoint_close(&c);

    write_shard(s, "model.safetensors", "single");
    assert_int_equal(checkpoint_open(&c, s->dir, NULL), CORBEL_OK);
    assert_non_null(checkpoint_find(&c, "single"));
    assert_false(c.pickled);
    checkpoint_close(&c);

    /* A bad file is not passed over for a good one. */
    scratch_write_text(s, "model.safetensors", "broken");
    expect(s, CORBEL_E_FORMAT, "model.safetensors: 6 bytes");
}

static void test_index_files(void **state)
{
    static const struct {
        const char *index, *words;
        corbel_status status;
    } rows[] = {
        {"{\"weight_map\":{\"a\":\"s1\",\"b\":\"s2\"}}", "", CORBEL_OK},
        {"{\"metadata\":{\"total_size\":999},\"weight_map\":{\"a\":\"s1\",\"b\":\"s2\"}}", "",
         CORBEL_OK},
        {"{\"weight_map\":{\"a\":\"s1\"}", "index.json:1:25", CORBEL_E_FORMAT},
        {"{\"weight_map\":{\"a\":\"s1\",\"\\u0061\":\"s2\"}}", "appears twice", CORBEL_E_FORMAT},
        {"[]", "expected an object", CORBEL_E_FORMAT},
        {"{}", "weight_map is missing", CORBEL_E_FORMAT},
        {"{\"weight_map\":[]}", "weight_map: expected an object", CORBEL_E_FORMAT},
        {"{\"weight_map\":{}}", "names 0 files", CORBEL_E_FORMAT},
        {"{\"weight_map\":{\"a\":1}}", "\"a\": expected the name of a file", CORBEL_E_FORMAT},
        {"{\"weight_map\":{\"a\":\"../s1\"}}", "found \"../s1\"", CORBEL_E_FORMAT},
        {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "name of a file in the same", CORBEL_E_FORMAT},
        {"{\"weight_map\":{\"a\":\"..\"}}", "name of a file in the same folder", CORBEL_E_FORMAT},
        {"{\"weight_map\":{\"a\":\"\"}}", "name of a file in the same folder", CORBEL_E_FORMAT},
        {"{\"weight_map\":{\"a\":\"x\\\\s1\"}}", "name of a file in the same", CORBEL_E_FORMAT},
        {"{\"weight_map\":{\"a\":\"s1\",\"b\":\"s3\"}}", "s3: No such file", CORBEL_E_FORMAT},
        {"{\"weight_map\":{\"a\":\"s1\"}}", "", CORBEL_OK},
        {"{\"weight_map\":{\"a\":\"s1\",\"c\":\"s1\"}}", "tensor \"c\" is not in s1",
         CORBEL_E_FORMAT},
        {"{\"weight_map\":{\"x\":\"s1\"}}", "\"a\" of s1 is not in weight_map", CORBEL_E_FORMAT},
        {"{\"weight_map\":{\"a\":\"s2\",\"b\":\"s1\"}}", "puts tensor \"a\" into s2, it is in s1",
         CORBEL_E_FORMAT},
        {"{\"weight_map\":{\"a\":\"s1\",\"b\":\"again\"}}", "\"a\" is in again and in s1",
         CORBEL_E_FORMAT},
        {"{\"weight_map\":{\"a\":\"s1\",\"b\":\"folder\"}}", "folder: not a regular file",
         CORBEL_E_FORMAT},
    };
    const struct scratch *s = *state;
    write_shard(s, "s1", "a");
    write_shard(s, "s2", "b");
    write_shard(s, "again", "a");
    assert_int_equal(mkdir(scratch_path(s, "folder"), 0700), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        scratch_write_text(s, "model.safetensors.index.json", rows[i].index);
        expect(s, rows[i].status, rows[i].words);
    }
}

static void test_links(void **state)
{
#define ETAG "0123456789abcdef0123456789abcdef01234567"
    static const struct {
        const char *target;
        corbel_status status;
        const char *words;
    } rows[] = {
        {"../../blobs/" ETAG, CORBEL_OK, ""},
        {"other.safetensors", CORBEL_OK, ""},
        {"../../outside", CORBEL_E_FORMAT, "a symbolic link to ../../outside"},
        {"../../blobs/../outside", CORBEL_E_FORMAT, "outside of the model's folder"},
        {"../blobs/" ETAG, CORBEL_E_FORMAT, "outside of the model's folder"},
        {"../../blobs/" ETAG "0", CORBEL_E_FORMAT, "outside of the model's folder"},
        {"/etc/passwd", CORBEL_E_FORMAT, "outside of the model's folder"},
        {"link", CORBEL_E_FORMAT, "not a regular file"},
        {"pipe", CORBEL_E_FORMAT, "not a regular file"},
        {"absent", CORBEL_E_FORMAT, "model.safetensors: No such file"},
        {"..", CORBEL_E_FORMAT, "outside of the model's folder"},
    };
    const struct scratch *s = *state;
    struct scratch snapshot;
    assert_int_equal(mkdir(scratch_path(s, "snapshots"), 0700), 0);
    assert_int_equal(mkdir(scratch_path(s, "blobs"), 0700), 0);
    assert_int_equal(mkdir(scratch_path(s, "snapshots/" ETAG), 0700), 0);
    assert_true(path_join(snapshot.dir, sizeof snapshot.dir, s->dir, "snapshots/" ETAG));
    write_shard(s, "blobs/" ETAG, "a");
    write_shard(s, "outside", "a");
    write_shard(&snapshot, "other.safetensors", "a");
    assert_int_equal(symlink("../../outside", scratch_path(&snapshot, "link")), 0);
    assert_int_equal(mkfifo(scratch_path(&snapshot, "pipe"), 0600), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *path = scratch_path(&snapshot, "model.safetensors");
        unlink(path);
        assert_int_equal(symlink(rows[i].target, path), 0);
        expect(&snapshot, rows[i].status, rows[i].words);
    }
}

static void test_hostile_folders(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool opens;
    } rows[] = {
        /* clang-format off */
        {"st_empty_file", false}, {"st_seven_bytes", false}, {"st_truncated_header", false},
        {"st_truncated_data", false}, {"st_header_length_beyond_file", false},
        {"st_header_length_2_63", false}, {"st_overlapping_offsets", false},
        {"st_offsets_out_of_range", false}, {"st_offsets_reversed", false},
        {"st_size_does_not_match_dtype", false}, {"st_unknown_dtype", false},
        {"st_duplicate_keys", false}, {"st_header_not_utf8", false},
        {"st_deeply_nested_header", false}, {"st_shape_product_overflows", false},
        {"st_offsets_2_63", false}, {"st_negative_shape", false},
        {"idx_parent_directories", false}, {"idx_absolute_path", false},
        {"idx_valid_file_outside", false}, {"idx_missing_shard", false},
        {"idx_weight_map_wrong_type", false},
        /* sound files; that they do not fit their config is found later */
        {"st_tensor_missing", true}, {"st_wrong_shape_for_config", true},
        {"ok_st_header_padding", true}, {"ok_st_extra_tensors", true},
        /* clang-format on */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char name[128];
        struct checkpoint c;
        corbel_error err = {.text = ""};
        snprintf(name, sizeof name, "hostile/%s/model", rows[i].name);
        if ((checkpoint_open(&c, fixture(name), &err) == CORBEL_OK) != rows[i].opens)
            fail_msg("%s: %s", rows[i].name, err.text);
        checkpoint_close(&c);
    }
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(test_order_of_search),
        IN_SCRATCH(test_index_files),
        IN_SCRATCH(test_links),
        cmocka_unit_test(test_hostile_folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
