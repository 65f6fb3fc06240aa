/* test_text_batches.c: pairs, truncation, windows and padding give what transformers gives. */
#include "base/json.h"
#include "fixtures.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct batch {
    const char *name;
    corbel_encode_params params;
    bool all_windows;
    struct json_object *result;
};

static int64_t option(struct json_object *options, const char *key, int64_t fallback)
{
    struct json_object *value = json_object_object_get(options, key);
    return value ? json_object_get_int64(value) : fallback;
}

static void read_options(struct batch *b, struct json_object *options)
{
    struct json_object *truncation = json_object_object_get(options, "truncation");
    struct json_object *rows = json_object_object_get(b->result, "input_ids");

    b->params = CORBEL_ENCODE_PARAMS(0);
    b->all_windows = json_object_object_get(options, "return_overflowing_tokens") != NULL;
    if (truncation) {
        b->params.max_length = option(options, "max_length", 64);
        b->params.stride = option(options, "stride", 0);
        if (json_object_is_type(truncation, json_type_string))
            b->params.truncation = json_object_get_string(truncation);
    }
    if (json_object_object_get(options, "padding"))
        b->params.pad_to = (int64_t)json_object_array_length(json_object_array_get_idx(rows, 0));
}

static int64_t value_of(const corbel_encoding *e, const char *key, size_t i)
{
    return strcmp(key, "input_ids") == 0        ? e->ids[i]
           : strcmp(key, "token_type_ids") == 0 ? e->type_ids[i]
           : strcmp(key, "attention_mask") == 0 ? e->attention_mask[i]
                                                : e->special_tokens_mask[i];
}

static void check_window(const struct batch *b, const corbel_encoding *e, size_t window)
{
    static const char *const keys[] = {"input_ids", "token_type_ids", "attention_mask",
                                       "special_tokens_mask"};

    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        struct json_object *rows = json_object_object_get(b->result, keys[k]);
        if (!rows)
            continue;
        struct json_object *row = json_object_array_get_idx(rows, window);
        if (json_object_array_length(row) != e->n)
            fail_msg("%s, window %zu: %zu tokens", b->name, window, e->n);
        for (size_t i = 0; i < e->n; i++)
            if (json_object_get_int64(json_object_array_get_idx(row, i)) != value_of(e, keys[k], i))
                fail_msg("%s, window %zu: %s of token %zu", b->name, window, keys[k], i);
    }
    struct json_object *row =
        json_object_array_get_idx(json_object_object_get(b->result, "offset_mapping"), window);
    for (size_t i = 0; row && i < 2 * e->n; i++)
        if (json_object_get_int64(json_object_array_get_idx(json_object_array_get_idx(row, i / 2),
                                                            i % 2)) != e->offsets[i / 2][i % 2])
            fail_msg("%s, window %zu: offset of token %zu", b->name, window, i / 2);
}

static void check_batch(const corbel_tokenizer *t, struct json_object *json, const char *side)
{
    struct json_object *texts = json_object_object_get(json, "texts");
    struct json_object *pairs = json_object_object_get(json, "text_pairs");
    struct batch b = {.name = json_object_get_string(json_object_object_get(json, "name")),
                      .result = json_object_object_get(json, "result")};
    size_t window = 0;

    if (strncmp(b.name, "pad_side_", 9) == 0 && strcmp(b.name + 9, side) != 0)
        return; /* a call's own side, which corbel_encode has not */
    read_options(&b, json_object_object_get(json, "options"));
    for (size_t i = 0; i < json_object_array_length(texts); i++) {
        struct json_object *text = json_object_array_get_idx(texts, i);
        corbel_encoding *encoding = NULL;
        corbel_error err;
        b.params.pair = pairs ? json_object_get_string(json_object_array_get_idx(pairs, i)) : NULL;
        if (corbel_encode(t, json_object_get_string(text), (size_t)-1, &b.params, &encoding,
                          &err) != CORBEL_OK)
            fail_msg("%s: %s", b.name, err.text);
        for (const corbel_encoding *e = encoding; e; e = b.all_windows ? e->overflow : NULL)
            check_window(&b, e, window++);
        corbel_encoding_destroy(&encoding);
    }
    assert_int_equal(window,
                     json_object_array_length(json_object_object_get(b.result, "input_ids")));
}

static void test_batches(void **state)
{
    static const char *const names[] = {
        "llama2",     "llama2_llamatokenizer", "llama3", "gpt2", "gemma", "bert_uncased",
        "bert_cased", "distilbert_uncased",    "unigram"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char relative[256], path[PATH_MAX];
        struct json_object *root;
        corbel_error err;
        corbel_tokenizer *t = fixture_tokenizer(names[i]);
        snprintf(relative, sizeof relative, "tokenizers/%s/batches.json", names[i]);
        if (json_load(fixture_path(path, relative), 1 << 24, JSON_DATA, &root, &err) != CORBEL_OK)
            fail_msg("%s", err.text);
        const char *side = json_object_get_string(json_object_object_get(root, "padding_side"));
        struct json_object *batches = json_object_object_get(root, "batches");
        for (size_t k = 0; k < json_object_array_length(batches); k++)
            check_batch(t, json_object_array_get_idx(batches, k), side);
        json_object_put(root);
        corbel_tokenizer_destroy(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
