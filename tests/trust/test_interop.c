/* The real minisign reads what we write, and we read what it writes. Skipped where it is absent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "test.h"
#include "trust/minisign.h"
#include "trust/sign.h"

#define FOLDER TEST_BUILD_DIR "/tests/trust/interop"
#define assert_ok(status, err)          \
    do {                                \
        if ((status) != CORBEL_OK)      \
            fail_msg("%s", (err).text); \
    } while (0)

static const char message[] = "what is signed\n";

static int run(const char *command)
{
    return system(command);
}

static void write_text(const char *path, const struct text *text)
{
    corbel_error err;

    assert_ok(file_write(path, text->data, text->size, &err), err);
}

static void test_minisign_accepts_ours(void **state)
{
    struct text secret = {0}, public = {0}, signature = {0};
    struct sign_key key;
    corbel_error err;

    (void)state;
    assert_ok(sign_key_create(&key, &err), err);
    assert_ok(sign_data(&key, message, sizeof message - 1, "from Corbel", &signature, &err), err);
    assert_ok(sign_key_print(&key, NULL, 0, 0, &secret, &err), err);
    sign_public_print(&key.public, &public);
    write_text(FOLDER "/ours.key", &secret);
    write_text(FOLDER "/ours.pub", &public);
    write_text(FOLDER "/message.minisig", &signature);
    assert_ok(file_write(FOLDER "/message", message, sizeof message - 1, &err), err);
    assert_int_equal(run("cd " FOLDER " && minisign -VH -q -p ours.pub -m message"), 0);
    /* and can sign with our secret key */
    unlink(FOLDER "/message.minisig");
    assert_int_equal(run("cd " FOLDER " && minisign -SH -W -s ours.key -m message -t again "
                         ">/dev/null 2>&1 && minisign -VH -q -p ours.pub -m message"),
                     0);
    text_finish(&secret);
    text_finish(&public);
    text_finish(&signature);
}

static void test_we_accept_minisigns(void **state)
{
    struct minisign_signature s;
    struct minisign_key public;
    struct sign_key key;
    char *data;
    size_t size;
    corbel_error err;

    (void)state;
    assert_ok(file_write(FOLDER "/message", message, sizeof message - 1, &err), err);
    assert_int_equal(run("cd " FOLDER
                         " && minisign -G -f -W -p theirs.pub -s theirs.key >/dev/null "
                         "&& minisign -SH -s theirs.key -m message -t hello >/dev/null"),
                     0);
    assert_ok(file_read(FOLDER "/theirs.pub", 4096, &data, &size, &err), err);
    assert_ok(minisign_key_parse(&public, data, size, "theirs.pub", &err), err);
    free(data);
    assert_ok(file_read(FOLDER "/message.minisig", 16384, &data, &size, &err), err);
    assert_ok(minisign_signature_parse(&s, data, size, "message.minisig", &err), err);
    free(data);
    assert_string_equal(s.trusted_comment, "hello");
    assert_ok(minisign_verify(&public, &s, message, sizeof message - 1, "message", &err), err);
    assert_ok(file_read(FOLDER "/theirs.key", 4096, &data, &size, &err), err);
    assert_ok(sign_key_parse(&key, data, size, NULL, "theirs.key", &err), err);
    free(data);
    assert_true(minisign_key_equal(&key.public, &public));
}

/* With minisign's own cost of scrypt: 1 GiB and about a second, each way. */
static void test_passphrases_go_both_ways(void **state)
{
    struct text secret = {0}, public = {0};
    struct sign_key key, theirs;
    char *data;
    size_t size;
    corbel_error err;

    (void)state;
    assert_ok(sign_key_create(&key, &err), err);
    assert_ok(sign_key_print(&key, "a passphrase", 0, 0, &secret, &err), err);
    sign_public_print(&key.public, &public);
    write_text(FOLDER "/locked.key", &secret);
    write_text(FOLDER "/locked.pub", &public);
    assert_ok(file_write(FOLDER "/message", message, sizeof message - 1, &err), err);
    assert_int_equal(run("cd " FOLDER
                         " && echo 'a passphrase' | minisign -SH -s locked.key -m message "
                         ">/dev/null 2>&1 && minisign -VH -q -p locked.pub -m message"),
                     0);
    assert_int_equal(sign_key_parse(&theirs, secret.data, secret.size, "another", "ours", &err),
                     CORBEL_E_FORMAT);
    assert_int_equal(run("cd " FOLDER
                         " && printf 'secret\nsecret\n' | minisign -G -f -p their2.pub "
                         "-s their2.key >/dev/null 2>&1"),
                     0);
    assert_ok(file_read(FOLDER "/their2.key", 4096, &data, &size, &err), err);
    assert_ok(sign_key_parse(&theirs, data, size, "secret", "their2.key", &err), err);
    free(data);
    text_finish(&secret);
    text_finish(&public);
}

/* -l: the form without prehashing. */
static void test_the_legacy_form_is_refused(void **state)
{
    struct minisign_signature s;
    char *data;
    size_t size;
    corbel_error err;

    (void)state;
    assert_ok(file_write(FOLDER "/old", message, sizeof message - 1, &err), err);
    if (run("cd " FOLDER " && minisign -Sl -s theirs.key -m old >/dev/null 2>&1") != 0)
        skip(); /* this minisign no longer makes it */
    assert_ok(file_read(FOLDER "/old.minisig", 16384, &data, &size, &err), err);
    assert_int_equal(minisign_signature_parse(&s, data, size, "old.minisig", &err),
                     CORBEL_E_UNTRUSTED);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minisign_accepts_ours),
        cmocka_unit_test(test_we_accept_minisigns),
        cmocka_unit_test(test_passphrases_go_both_ways),
        cmocka_unit_test(test_the_legacy_form_is_refused),
    };

    if (system("minisign -v >/dev/null 2>&1") != 0) {
        printf("skipped: minisign is not installed\n");
        return 77;
    }
    mkdir(FOLDER, 0700);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
