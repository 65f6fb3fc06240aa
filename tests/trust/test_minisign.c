/* trust/minisign.c and sign.c: strict reading, negative vectors, both directions with minisign. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "test.h"
#include "trust/base64.h"
#include "trust/blake2b.h"
#include "trust/minisign.h"
#include "trust/sign.h"

#define assert_ok(status, err)          \
    do {                                \
        if ((status) != CORBEL_OK)      \
            fail_msg("%s", (err).text); \
    } while (0)

static const char message[] = "a message";

/* A key, and the four lines of its signature of `message`. */
static void make(struct sign_key *key, struct text *signature)
{
    corbel_error err;

    assert_ok(sign_key_create(key, &err), err);
    assert_ok(sign_data(key, message, sizeof message, "a comment", signature, &err), err);
}

static corbel_status check(const struct minisign_key *key, const char *signature, size_t size,
                           const void *data, size_t data_size)
{
    struct minisign_signature s;
    corbel_error err;
    corbel_status status = minisign_signature_parse(&s, signature, size, "t.minisig", &err);

    return status ? status : minisign_verify(key, &s, data, data_size, "t", &err);
}

static void test_blake2b_is_libcryptos(void **state)
{
    uint8_t data[400], ours[64], theirs[64];

    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    for (size_t n = 0; n <= sizeof data; n += 1) {
        blake2b(ours, 64, data, n);
        assert_int_equal(EVP_Digest(data, n, theirs, NULL, EVP_blake2b512(), NULL), 1);
        assert_memory_equal(ours, theirs, 64);
    }
}

static void test_base64_is_canonical(void **state)
{
    static const struct {
        const char *text;
        size_t size;
        bool good;
    } rows[] = {
        {"AAAA", 3, true},  {"AAA=", 2, true},  {"AA==", 1, true},  {"AAB=", 2, false},
        {"AB==", 1, false}, {"AAA", 2, false},  {"AA=A", 2, false}, {"A A=", 2, false},
        {"AAAA", 2, false}, {"AAA-", 3, false}, {"====", 1, false},
    };
    uint8_t out[3];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (base64_decode(out, rows[i].size, rows[i].text, strlen(rows[i].text)) != rows[i].good)
            fail_msg("%s", rows[i].text);
}

static void test_every_flipped_bit_is_refused(void **state)
{
    struct text signature = {0};
    struct sign_key key, other;
    char copy[sizeof message];
    corbel_error err;

    (void)state;
    make(&key, &signature);
    assert_ok(sign_key_create(&other, &err), err);
    assert_int_equal(check(&key.public, signature.data, signature.size, message, sizeof message),
                     CORBEL_OK);
    for (size_t i = 0; i < 8 * sizeof message; i++) {
        memcpy(copy, message, sizeof message);
        copy[i / 8] ^= (char)(1 << i % 8);
        assert_int_equal(check(&key.public, signature.data, signature.size, copy, sizeof copy),
                         CORBEL_E_UNTRUSTED);
    }
    /* The untrusted comment is what its name says; from line 2 on every bit counts. */
    for (size_t i = (size_t)(strchr(signature.data, '\n') - signature.data); i < signature.size;
         i++)
        for (int bit = 0; bit < 8; bit++) {
            signature.data[i] ^= (char)(1 << bit);
            /* The key id is a hint; the caller compares it. */
            if (check(&key.public, signature.data, signature.size, message, sizeof message) ==
                CORBEL_OK) {
                struct minisign_signature s;

                assert_ok(minisign_signature_parse(&s, signature.data, signature.size, "t", &err),
                          err);
                assert_memory_not_equal(s.key_id, key.public.id, 8);
            }
            signature.data[i] ^= (char)(1 << bit);
        }
    memcpy(other.public.id, key.public.id, 8); /* right key id, other key */
    assert_int_equal(check(&other.public, signature.data, signature.size, message, sizeof message),
                     CORBEL_E_UNTRUSTED);
    text_finish(&signature);
}

/* Replaces the first `from` in a copy of `text`. */
static void replaced(struct text *out, const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);

    assert_non_null(at);
    text_clear(out);
    text_append_bytes(out, text, (size_t)(at - text));
    text_append(out, to);
    text_append(out, at + strlen(from));
}

static void test_the_reader_is_strict(void **state)
{
    static const struct {
        const char *from, *to;
    } rows[] = {
        {"\n", "\r\n"},
        {"\n", "\n\n"},
        {"untrusted comment: ", "untrusted comment:"},
        {"\ntrusted comment: ", "\nTrusted comment: "},
        {"\ntrusted comment: a", "\ntrusted comment: A"},
        {"\ntrusted comment: a", "\ntrusted comment: \ta"},
        {"\nRU", "\n RU"},
        {"\nRUQ", "\nRWQ"}, /* "Ed": the legacy form */
        {"==", "="},
    };
    struct text signature = {0}, bad = {0};
    struct sign_key key;

    (void)state;
    make(&key, &signature);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!strstr(signature.data, rows[i].from))
            continue;
        replaced(&bad, signature.data, rows[i].from, rows[i].to);
        if (check(&key.public, bad.data, bad.size, message, sizeof message) == CORBEL_OK)
            fail_msg("row %zu was accepted", i);
    }
    for (size_t n = 0; n < signature.size; n++)
        assert_int_not_equal(check(&key.public, signature.data, n, message, sizeof message),
                             CORBEL_OK);
    text_append(&signature, "x");
    assert_int_not_equal(
        check(&key.public, signature.data, signature.size, message, sizeof message), CORBEL_OK);
    text_finish(&signature);
    text_finish(&bad);
}

static void test_negative_vectors(void **state)
{
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                      0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    struct minisign_signature s, other, bad;
    struct text signature = {0}, second = {0};
    struct sign_key key;
    unsigned carry = 0;
    corbel_error err;

    (void)state;
    make(&key, &signature);
    assert_ok(sign_data(&key, "else", 4, "a comment", &second, &err), err);
    assert_ok(minisign_signature_parse(&s, signature.data, signature.size, "t", &err), err);
    assert_ok(minisign_signature_parse(&other, second.data, second.size, "t", &err), err);
    assert_ok(minisign_verify(&key.public, &s, message, sizeof message, "t", &err), err);

    bad = s; /* S + L: the same number modulo the order */
    for (int i = 0; i < 32; i++) {
        carry += (unsigned)bad.signature[32 + i] + order[i];
        bad.signature[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    assert_int_equal(minisign_verify(&key.public, &bad, message, sizeof message, "t", &err),
                     CORBEL_E_UNTRUSTED);
    bad = s;
    memset(bad.signature, 0, 64);
    assert_int_equal(minisign_verify(&key.public, &bad, message, sizeof message, "t", &err),
                     CORBEL_E_UNTRUSTED);
    bad = s; /* the global signature of another file */
    memcpy(bad.global, other.global, 64);
    assert_int_equal(minisign_verify(&key.public, &bad, message, sizeof message, "t", &err),
                     CORBEL_E_UNTRUSTED);
    bad = s;
    strcpy(bad.trusted_comment, "another comment");
    assert_int_equal(minisign_verify(&key.public, &bad, message, sizeof message, "t", &err),
                     CORBEL_E_UNTRUSTED);
    text_finish(&signature);
    text_finish(&second);
}

static void test_keys_of_small_order_are_refused(void **state)
{
    static const uint8_t points[][32] = {
        {0},
        {1},
        {[31] = 0x80},
        {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
         0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
         0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x85},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        struct minisign_key key = {0}, parsed;
        char text[MINISIGN_KEY_TEXT];
        corbel_error err;

        memcpy(key.key, points[i], 32);
        minisign_key_print(&key, text);
        assert_int_equal(minisign_key_parse(&parsed, text, strlen(text), "key", &err),
                         CORBEL_E_UNTRUSTED);
    }
}

static void test_secret_keys_go_round(void **state)
{
    static const char *const passphrases[] = {NULL, "", "correct horse"};
    struct sign_key key, back;
    corbel_error err;

    (void)state;
    assert_ok(sign_key_create(&key, &err), err);
    for (size_t i = 0; i < 3; i++) {
        struct text text = {0};

        /* 1 MiB instead of 1 GiB, for speed */
        assert_ok(sign_key_print(&key, passphrases[i], 32768, 1 << 20, &text, &err), err);
        assert_ok(sign_key_parse(&back, text.data, text.size, passphrases[i], "key", &err), err);
        assert_memory_equal(&key, &back, sizeof key);
        if (passphrases[i]) {
            assert_int_not_equal(sign_key_parse(&back, text.data, text.size, "wrong", "key", &err),
                                 CORBEL_OK);
            assert_int_equal(sign_key_parse(&back, text.data, text.size, NULL, "key", &err),
                             CORBEL_E_ARGUMENT);
        }
        text.data[100] ^= 1;
        assert_int_not_equal(
            sign_key_parse(&back, text.data, text.size, passphrases[i], "key", &err), CORBEL_OK);
        text_finish(&text);
    }
}

static void test_public_keys_go_round(void **state)
{
    struct text text = {0};
    struct minisign_key back;
    struct sign_key key;
    corbel_error err;

    (void)state;
    assert_ok(sign_key_create(&key, &err), err);
    sign_public_print(&key.public, &text);
    assert_ok(minisign_key_parse(&back, text.data, text.size, "key", &err), err);
    assert_true(minisign_key_equal(&key.public, &back));
    assert_ok(minisign_key_parse(&back, strchr(text.data, '\n') + 1, 56, "key", &err), err);
    text_append(&text, "x\n");
    assert_int_not_equal(minisign_key_parse(&back, text.data, text.size, "key", &err), CORBEL_OK);
    text_finish(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blake2b_is_libcryptos),
        cmocka_unit_test(test_base64_is_canonical),
        cmocka_unit_test(test_every_flipped_bit_is_refused),
        cmocka_unit_test(test_the_reader_is_strict),
        cmocka_unit_test(test_negative_vectors),
        cmocka_unit_test(test_keys_of_small_order_are_refused),
        cmocka_unit_test(test_secret_keys_go_round),
        cmocka_unit_test(test_public_keys_go_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
