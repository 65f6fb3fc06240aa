/* trust/bundle.c and manifest.c on copies of the llama bundle, each spoilt in one way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "test.h"
#include "trust/bundle.h"
#include "trust/sign.h"

#define SOURCE  TEST_BUILD_DIR "/plugins/llama"
#define FOLDER  TEST_BUILD_DIR "/tests/trust/bundle"
#define LIBRARY "lib/x86_64-linux-gnu/llama.so"
#define assert_ok(status, err)          \
    do {                                \
        if ((status) != CORBEL_OK)      \
            fail_msg("%s", (err).text); \
    } while (0)

static struct sign_key key;
static struct trust_key trusted;
static struct trust_policy policy = {.keys = &trusted, .n_keys = 1};

/* Not inlined: gcc 12 then warns of a pointer to `data` that there is not. */
__attribute__((noinline)) static char *read_text(const char *path, size_t *size)
{
    char *data = NULL;
    corbel_error err;

    assert_ok(file_read(path, 1 << 20, &data, size, &err), err);
    return data;
}

static void write_signed(const char *data, size_t size)
{
    struct text signature = {0};
    corbel_error err;

    assert_ok(file_write(FOLDER "/" MANIFEST_NAME, data, size, &err), err);
    if (sign_manifest(&key, data, size, MANIFEST_NAME, &signature, &err)) /* spoilt: sign anyway */
        assert_ok(sign_data(&key, data, size, "spoilt", &signature, &err), err);
    assert_ok(file_write(FOLDER "/" MANIFEST_SIGNATURE_NAME, signature.data, signature.size, &err),
              err);
    text_finish(&signature);
}

/* A sound bundle, signed with our key. */
static int fresh(void **state)
{
    char *data;
    size_t size;
    corbel_error err;

    (void)state;
    if (system("rm -rf '" FOLDER "' && cp -r '" SOURCE "' '" FOLDER "'") != 0)
        return 1;
    assert_ok(sign_key_create(&key, &err), err);
    trusted = (struct trust_key){.key = key.public, .label = "test"};
    data = read_text(FOLDER "/" MANIFEST_NAME, &size);
    write_signed(data, size);
    free(data);
    return 0;
}

/* Opens and checks everything. */
static corbel_status verify(corbel_error *err)
{
    struct bundle bundle;
    corbel_status status = bundle_open(&bundle, FOLDER, &policy, err);

    if (status)
        return status;
    status = bundle_check_files(&bundle, err);
    bundle_close(&bundle);
    return status;
}

static void refused(corbel_status expect, const char *says)
{
    corbel_error err = {0};
    corbel_status status = verify(&err);

    if (status != expect || !strstr(err.text, says))
        fail_msg("expected %s with \"%s\", got %s \"%s\"", corbel_status_name(expect), says,
                 corbel_status_name(status), err.text);
}

static void flip(const char *path, size_t byte)
{
    char *data;
    size_t size;
    corbel_error err;

    data = read_text(path, &size);
    data[byte < size ? byte : size / 2] ^= 1;
    assert_ok(file_write(path, data, size, &err), err);
    free(data);
}

static void test_a_sound_bundle_is_accepted(void **state)
{
    corbel_error err;

    (void)state;
    assert_ok(verify(&err), err);
}

static void test_a_bit_of_the_library(void **state)
{
    (void)state;
    flip(FOLDER "/" LIBRARY, SIZE_MAX);
    refused(CORBEL_E_UNTRUSTED, "sha256");
}

static void test_a_bit_of_the_manifest(void **state)
{
    (void)state;
    flip(FOLDER "/" MANIFEST_NAME, SIZE_MAX);
    refused(CORBEL_E_UNTRUSTED, "does not fit the file");
}

static void test_a_bit_of_the_signature(void **state)
{
    (void)state;
    flip(FOLDER "/" MANIFEST_SIGNATURE_NAME, 120);
    refused(CORBEL_E_UNTRUSTED, "");
}

static void test_no_signature(void **state)
{
    (void)state;
    unlink(FOLDER "/" MANIFEST_SIGNATURE_NAME);
    refused(CORBEL_E_UNTRUSTED, "no signature");
}

static void test_another_key(void **state)
{
    struct sign_key other;
    corbel_error err;

    (void)state;
    assert_ok(sign_key_create(&other, &err), err);
    trusted.key = other.public;
    refused(CORBEL_E_UNTRUSTED, "not trusted");
    memcpy(trusted.key.id, key.public.id, 8);
    refused(CORBEL_E_UNTRUSTED, "does not fit the file");
}

static void test_a_key_outside_its_scope(void **state)
{
    static const char *const other[] = {"acme/*", NULL}, *const right[] = {"corbel/*", NULL};
    corbel_error err;

    (void)state;
    trusted.plugins = other;
    refused(CORBEL_E_UNTRUSTED, "not trusted for the plugin corbel/llama");
    trusted.plugins = right;
    assert_ok(verify(&err), err);
}

static void test_a_trusted_comment_that_lies(void **state)
{
    struct text signature = {0};
    char *data;
    size_t size;
    corbel_error err;

    (void)state;
    data = read_text(FOLDER "/" MANIFEST_NAME, &size);
    assert_ok(sign_data(&key, data, size, "name:corbel/llama release:2 pin:0", &signature, &err),
              err);
    assert_ok(file_write(FOLDER "/" MANIFEST_SIGNATURE_NAME, signature.data, signature.size, &err),
              err);
    refused(CORBEL_E_UNTRUSTED, "trusted comment");
    text_finish(&signature);
    free(data);
}

static void test_files_that_should_not_be_there(void **state)
{
    corbel_error err;

    (void)state;
    assert_ok(file_write(FOLDER "/extra.txt", "x", 1, &err), err);
    refused(CORBEL_E_UNTRUSTED, "extra.txt");
    unlink(FOLDER "/extra.txt");
    assert_int_equal(mkfifo(FOLDER "/lib/pipe", 0600), 0);
    refused(CORBEL_E_UNTRUSTED, "lib/pipe");
    unlink(FOLDER "/lib/pipe");
    unlink(FOLDER "/" LIBRARY);
    refused(CORBEL_E_UNTRUSTED, LIBRARY);
}

static void test_links_are_not_followed(void **state)
{
    (void)state;
    assert_int_equal(rename(FOLDER "/" LIBRARY, FOLDER ".so"), 0);
    assert_int_equal(symlink(FOLDER ".so", FOLDER "/" LIBRARY), 0);
    refused(CORBEL_E_UNTRUSTED, LIBRARY);
    unlink(FOLDER "/" LIBRARY);
    assert_int_equal(mkdir(FOLDER "/" LIBRARY, 0700), 0);
    refused(CORBEL_E_UNTRUSTED, "not a regular file");
    rmdir(FOLDER "/" LIBRARY);
    unlink(FOLDER ".so");
}

static void test_a_linked_folder_or_manifest(void **state)
{
    (void)state;
    assert_int_equal(
        system("mv '" FOLDER "/lib' '" FOLDER ".lib' && ln -s '" FOLDER ".lib' '" FOLDER "/lib'"),
        0);
    refused(CORBEL_E_UNTRUSTED, "lib");
    assert_int_equal(system("rm '" FOLDER "/lib' && mv '" FOLDER ".lib' '" FOLDER
                            "/lib' && mv '" FOLDER "/" MANIFEST_NAME "' '" FOLDER
                            ".json' && ln -s '" FOLDER ".json' '" FOLDER "/" MANIFEST_NAME "'"),
                     0);
    refused(CORBEL_E_UNTRUSTED, "a link");
    unlink(FOLDER ".json");
}

/* ---- the manifest --------------------------------------------------------------------------- */

static const struct {
    const char *from, *to, *says;
} rows[] = {
    {"\"schema\"", "\"s\": 1,\n \"schema\"", "unknown key s"},
    {"\"schema\": \"corbel.plugin/1\"", "\"schema\": \"corbel.plugin/2\"", "schema"},
    {" \"name\": \"corbel/llama\",\n", "", "name is missing"},
    {"\"name\": \"corbel/llama\"", "\"name\": \"llama\"", "publisher/name"},
    {"\"name\": \"corbel/llama\"", "\"name\": 1", "expected string"},
    {"\"release\": 1", "\"release\": 0", "release"},
    {"\"release\": 1", "\"release\": 9223372036854775807", "release"},
    {"\"release\": 1", "\"release\": 1.0", "floats"},
    {"\"license\": \"Apache-2.0\"", "\"license\": null", "nulls"},
    {"\"path\": \"lib/", "\"path\": \"../lib/", "plain relative path"},
    {"\"path\": \"lib/", "\"path\": \"/lib/", "plain relative path"},
    {"\"path\": \"lib/", "\"path\": \"lib//", "plain relative path"},
    {"\"sha256\": \"", "\"sha256\": \"Z", "sha256"},
    {"\"size\": ", "\"size\": -", "size"},
    {"\"imports\": [\n", "\"imports\": [\n    \"strcmp\",\n", "imports"},
    {"\"name\": \"LlamaModel\"", "\"name\": \"LlamaForCausalLM\"", "twice"},
    {"\"name\": \"LlamaModel\"", "\"name\": \"../x\"", "architectures"},
    {"{\n \"abi\"", "{ \"abi\"", "canonical"},
    {"{\n \"abi\"", "{\n  \"abi\"", "canonical"},
    {"\n}\n", "\n}", "canonical"},
    {"\n}\n", "\n}\n\n", "canonical"},
    {"\n}\n", "\n}\nx", ""},
    {"corbel/llama", "corbel\\/llama", "canonical"},
    {"corbel/llama", "corbel/ll\\u0061ma", "canonical"},
    {"\"version\"", "\"version\": \"1.0.0\",\n \"version\"", "version"},
};

/* `text` with the first `from` replaced. */
static void replaced(struct text *out, const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);

    if (!at)
        fail_msg("no %s", from);
    else {
        text_append_bytes(out, text, (size_t)(at - text));
        text_append(out, to);
        text_append(out, at + strlen(from));
    }
}

static void test_manifests_that_are_refused_though_signed(void **state)
{
    size_t size;
    char *data = read_text(FOLDER "/" MANIFEST_NAME, &size);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct text text = {0};
        struct bundle bundle;
        corbel_error err = {0};

        replaced(&text, data, rows[i].from, rows[i].to);
        write_signed(text.data, text.size);
        if (bundle_open(&bundle, FOLDER, &policy, &err) != CORBEL_E_UNTRUSTED ||
            !strstr(err.text, rows[i].says))
            fail_msg("row %zu (%s): %s", i, rows[i].says, err.text);
        text_finish(&text);
    }
    free(data);
}

static void test_extension_keys_are_ignored(void **state)
{
    char *data;
    size_t size;
    struct text text = {0};
    corbel_error err;

    (void)state;
    data = read_text(FOLDER "/" MANIFEST_NAME, &size);
    text_append_bytes(&text, data, size - 3); /* "\n}\n" */
    text_append(&text, ",\n \"x-note\": \"hello\"\n}\n");
    write_signed(text.data, text.size);
    assert_ok(verify(&err), err);
    text_finish(&text);
    free(data);
}

static void test_writing_gives_the_same_text(void **state)
{
    struct manifest m;
    struct text text = {0};
    char *data;
    size_t size;
    corbel_error err;

    (void)state;
    data = read_text(FOLDER "/" MANIFEST_NAME, &size);
    assert_ok(manifest_read(&m, data, size, "m", &err), err);
    manifest_write(&m, &text);
    assert_int_equal(text.size, size);
    assert_memory_equal(text.data, data, size);
    manifest_finish(&m);
    text_finish(&text);
    free(data);
}

static double milliseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* Signature, manifest, policy and every file's hash: 10 ms at most, the best of some. */
static void test_verification_is_quick(void **state)
{
    double best = 1e9;

    (void)state;
    for (int i = 0; i < 20; i++) {
        double start = milliseconds(), took;
        corbel_error err;

        assert_ok(verify(&err), err);
        took = milliseconds() - start;
        best = took < best ? took : best;
    }
    print_message("verified in %.2f ms\n", best);
    assert_true(best < 10.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_sound_bundle_is_accepted, fresh),
        cmocka_unit_test_setup(test_a_bit_of_the_library, fresh),
        cmocka_unit_test_setup(test_a_bit_of_the_manifest, fresh),
        cmocka_unit_test_setup(test_a_bit_of_the_signature, fresh),
        cmocka_unit_test_setup(test_no_signature, fresh),
        cmocka_unit_test_setup(test_another_key, fresh),
        cmocka_unit_test_setup(test_a_key_outside_its_scope, fresh),
        cmocka_unit_test_setup(test_a_trusted_comment_that_lies, fresh),
        cmocka_unit_test_setup(test_files_that_should_not_be_there, fresh),
        cmocka_unit_test_setup(test_links_are_not_followed, fresh),
        cmocka_unit_test_setup(test_a_linked_folder_or_manifest, fresh),
        cmocka_unit_test_setup(test_manifests_that_are_refused_though_signed, fresh),
        cmocka_unit_test_setup(test_extension_keys_are_ignored, fresh),
        cmocka_unit_test_setup(test_writing_gives_the_same_text, fresh),
        cmocka_unit_test_setup(test_verification_is_quick, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
