/* test_text_cases.c: every text, id sequence and batch of the fixtures gives what transformers
 * gives. The files hold U+0000, which json-c can't, so they are read with text/scan.h. */
#include "base/file.h"
#include "fixtures.h"
#include "test.h"
#include "text/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_IDS 65536

struct ids {
    int64_t values[MAX_IDS];
    size_t n;
};

struct row {
    struct text text, decoded, decoded_skip;
    struct ids ids, special, offsets;
};

static void must(const struct scan *s, const corbel_error *err)
{
    if (s->status != CORBEL_OK)
        fail_msg("%s", err->text);
}

/* [1, 2, [3, 4], ...], flat */
static void read_numbers(struct scan *s, struct ids *list)
{
    int64_t value;

    if (scan_accept(s, '[')) {
        if (scan_accept(s, ']'))
            return;
        do
            read_numbers(s, list);
        while (scan_accept(s, ','));
        scan_expect(s, ']');
    } else if (scan_int(s, &value) && list->n < MAX_IDS) {
        list->values[list->n++] = value;
    }
}

static void read_text(struct scan *s, struct text *text)
{
    const char *data;
    size_t size;

    if (scan_string(s, &data, &size))
        text_append_bytes(text, data, size);
}

static void read_member(struct scan *s, const char *key, size_t size, struct row *row)
{
    const struct {
        const char *key;
        struct text *text;
        struct ids *ids;
    } members[] = {
        {"text", &row->text, NULL},
        {"decoded", &row->decoded, NULL},
        {"decoded_skip_special", &row->decoded_skip, NULL},
        {"ids", NULL, &row->ids},
        {"ids_special", NULL, &row->special},
        {"offsets", NULL, &row->offsets},
    };

    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (strlen(members[i].key) != size || memcmp(members[i].key, key, size) != 0)
            continue;
        if (members[i].text)
            read_text(s, members[i].text);
        else
            read_numbers(s, members[i].ids);
        return;
    }
    scan_skip(s);
}

static void check_ids(const corbel_encoding *e, const struct ids *ids, const struct text *text)
{
    if (e->n != ids->n)
        fail_msg("\"%s\": %zu tokens, expected %zu", text_cstr(text), e->n, ids->n);
    for (size_t i = 0; i < e->n; i++)
        if (e->ids[i] != ids->values[i])
            fail_msg("\"%s\": token %zu is %d, expected %d", text_cstr(text), i, (int)e->ids[i],
                     (int)ids->values[i]);
}

static void check_encoding(const corbel_tokenizer *t, const struct row *row)
{
    corbel_encoding *e = NULL;
    corbel_encode_params plain = CORBEL_ENCODE_PARAMS(.no_special = 1);
    corbel_error err;

    if (corbel_encode(t, text_cstr(&row->text), row->text.size, &plain, &e, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    check_ids(e, &row->ids, &row->text);
    assert_int_equal(row->offsets.n, 2 * e->n);
    for (size_t i = 0; i < 2 * e->n; i++)
        if (e->offsets[i / 2][i % 2] != row->offsets.values[i])
            fail_msg("\"%s\": offset of token %zu", text_cstr(&row->text), i / 2);
    corbel_encoding_destroy(&e);

    if (corbel_encode(t, text_cstr(&row->text), row->text.size, NULL, &e, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    check_ids(e, &row->special, &row->text);
    corbel_encoding_destroy(&e);
}

static void check_text(const struct text *got, const struct text *want, const char *how)
{
    if (got->size != want->size || memcmp(text_cstr(got), text_cstr(want), got->size) != 0)
        fail_msg("%s: \"%s\", expected \"%s\"", how, text_cstr(got), text_cstr(want));
}

static void stream(const corbel_tokenizer *t, const int32_t *ids, size_t n, bool skip,
                   struct text *out)
{
    corbel_decode_stream *s = NULL;
    corbel_error err;
    const char *text;

    assert_int_equal(corbel_decode_stream_create(t, skip, &s, &err), CORBEL_OK);
    for (size_t i = 0; i <= n; i++) {
        corbel_status status = i < n ? corbel_decode_stream_push(s, ids[i], &text, &err)
                                     : corbel_decode_stream_end(s, &text, &err);
        assert_int_equal(status, CORBEL_OK);
        text_append_bytes(out, text, tokenizer_stream_size(s));
    }
    corbel_decode_stream_destroy(&s);
}

static void check_decoding(const corbel_tokenizer *t, const struct row *row, const struct ids *list)
{
    static int32_t ids[MAX_IDS];
    corbel_error err;

    for (size_t i = 0; i < list->n; i++)
        ids[i] = (int32_t)list->values[i];
    for (int skip = 0; skip < 2; skip++) {
        const struct text *want = skip ? &row->decoded_skip : &row->decoded;
        struct text whole = {0}, streamed = {0};
        assert_int_equal(tokenizer_decode(t, ids, list->n, skip, &whole, &err), CORBEL_OK);
        check_text(&whole, want, "decoded at once");
        stream(t, ids, list->n, skip, &streamed);
        check_text(&streamed, want, "decoded as a stream");
        text_finish(&whole);
        text_finish(&streamed);
    }
}

static void read_rows(struct scan *s, const corbel_tokenizer *t, bool only_ids, size_t *n_rows)
{
    static struct row row;

    scan_expect(s, '[');
    do {
        const char *key;
        size_t size;
        memset(&row, 0, sizeof row);
        scan_expect(s, '{');
        do {
            if (scan_string(s, &key, &size) && scan_expect(s, ':'))
                read_member(s, key, size, &row);
        } while (scan_accept(s, ','));
        scan_expect(s, '}');
        if (s->status != CORBEL_OK)
            return;
        if (!only_ids)
            check_encoding(t, &row);
        check_decoding(t, &row, only_ids ? &row.ids : &row.special);
        ++*n_rows;
        text_finish(&row.text);
        text_finish(&row.decoded);
        text_finish(&row.decoded_skip);
    } while (scan_accept(s, ','));
    scan_expect(s, ']');
}

static void run_cases(const char *name)
{
    char relative[256], path[PATH_MAX], *data;
    const char *key;
    struct scan s;
    corbel_error err = {0};
    size_t size, n_rows = 0;
    corbel_tokenizer *t = fixture_tokenizer(name);

    snprintf(relative, sizeof relative, "tokenizers/%s/cases.json", name);
    assert_int_equal(file_read(fixture_path(path, relative), 1 << 24, &data, &size, &err),
                     CORBEL_OK);
    scan_init(&s, data, size, path, &err);
    scan_expect(&s, '{');
    do {
        if (!scan_string(&s, &key, &size) || !scan_expect(&s, ':'))
            break;
        bool cases = size == 5 && memcmp(key, "cases", 5) == 0;
        if (cases || (size == 19 && memcmp(key, "random_id_decodings", 19) == 0))
            read_rows(&s, t, !cases, &n_rows);
        else
            scan_skip(&s);
    } while (scan_accept(&s, ','));
    must(&s, &err);
    assert_int_equal(n_rows, 500);
    scan_finish(&s);
    free(data);
    corbel_tokenizer_destroy(&t);
}

#define CASES(name)                       \
    static void test_##name(void **state) \
    {                                     \
        (void)state;                      \
        run_cases(#name);                 \
    }

// clang-format off
CASES(llama2)
CASES(llama2_llamatokenizer)
CASES(llama3)
CASES(gpt2)
CASES(gemma)
CASES(bert_uncased)
CASES(bert_cased)
CASES(distilbert_uncased)
CASES(unigram)
// clang-format on

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_llama2),     cmocka_unit_test(test_llama2_llamatokenizer),
        cmocka_unit_test(test_llama3),     cmocka_unit_test(test_gpt2),
        cmocka_unit_test(test_gemma),      cmocka_unit_test(test_bert_uncased),
        cmocka_unit_test(test_bert_cased), cmocka_unit_test(test_distilbert_uncased),
        cmocka_unit_test(test_unigram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
