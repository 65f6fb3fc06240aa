/* tokenize_tool.c: a tokenizer folder on the command line: lines of JSON in, lines of JSON out.
 *
 *   tokenize_tool DIR [options]     each line: a string, or {"text", "pair"}
 *   tokenize_tool DIR --decode      each line: a list of ids; out: the text
 *   tokenize_tool DIR --stream      the same, but decoded token by token
 *   tokenize_tool DIR --bench N     all of stdin as one text, N times: bytes a second
 *
 * Options: --no-special, --skip-special, --max-length N, --stride N, --truncation S, --pad-to N,
 * --padding-side S, --truncation-side S, --split-special-tokens.
 * An encoding is {"ids", "tokens", "offsets", "type_ids", "special_tokens_mask", ...}; with
 * windows, "overflow" is the list of those that follow. */
#include "base/text.h"
#include "text/scan.h"
#include "text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void put_ints(struct text *out, const char *key, const int32_t *values, size_t n)
{
    text_format(out, ", \"%s\": [", key);
    for (size_t i = 0; i < n; i++)
        text_format(out, "%s%d", i ? ", " : "", (int)values[i]);
    text_append(out, "]");
}

static void put_bytes(struct text *out, const char *key, const uint8_t *values, size_t n)
{
    text_format(out, ", \"%s\": [", key);
    for (size_t i = 0; i < n; i++)
        text_format(out, "%s%d", i ? ", " : "", (int)values[i]);
    text_append(out, "]");
}

static void put_encoding(struct text *out, const corbel_encoding *e)
{
    text_append(out, "{\"tokens\": [");
    for (size_t i = 0; i < e->n; i++) {
        text_append(out, i ? ", " : "");
        text_append_json_string(out, e->tokens[i], strlen(e->tokens[i]));
    }
    text_append(out, "], \"offsets\": [");
    for (size_t i = 0; i < e->n; i++)
        text_format(out, "%s[%lld, %lld]", i ? ", " : "", (long long)e->offsets[i][0],
                    (long long)e->offsets[i][1]);
    text_append(out, "]");
    put_ints(out, "ids", e->ids, e->n);
    put_ints(out, "type_ids", e->type_ids, e->n);
    put_ints(out, "sequence_ids", e->sequence_ids, e->n);
    put_ints(out, "word_ids", e->word_ids, e->n);
    put_bytes(out, "special_tokens_mask", e->special_tokens_mask, e->n);
    put_bytes(out, "attention_mask", e->attention_mask, e->n);
    text_append(out, "}");
}

/* A string, or {"text": ..., "pair": ...}. */
static bool read_texts(struct scan *scan, struct text texts[2], bool *has_pair)
{
    const char *data;
    size_t size;

    if (scan_peek(scan) == '"') {
        if (!scan_string(scan, &data, &size))
            return false;
        text_append_bytes(&texts[0], data, size);
        return true;
    }
    if (!scan_expect(scan, '{'))
        return false;
    do {
        if (!scan_string(scan, &data, &size))
            return false;
        bool pair = size == 4 && memcmp(data, "pair", 4) == 0;
        if (!scan_expect(scan, ':') || !scan_string(scan, &data, &size))
            return false;
        text_append_bytes(&texts[pair], data, size);
        *has_pair = *has_pair || pair;
    } while (scan_accept(scan, ','));
    return scan_expect(scan, '}');
}

static corbel_status encode_line(const corbel_tokenizer *t, struct scan *scan,
                                 corbel_encode_params params, struct text *out, corbel_error *err)
{
    corbel_encoding *encoding = NULL;
    struct text texts[2] = {{0}, {0}};
    bool has_pair = false;
    corbel_status status = CORBEL_OK;

    if (!read_texts(scan, texts, &has_pair))
        status = scan->status;
    if (has_pair) {
        params.pair = text_cstr(&texts[1]);
        params.pair_size = texts[1].size;
    }
    if (status == CORBEL_OK)
        status = corbel_encode(t, text_cstr(&texts[0]), texts[0].size, &params, &encoding, err);
    if (status == CORBEL_OK) {
        put_encoding(out, encoding);
        out->size--; /* the brace */
        text_append(out, ", \"overflow\": [");
        for (const corbel_encoding *e = encoding->overflow; e; e = e->overflow) {
            put_encoding(out, e);
            text_append(out, e->overflow ? ", " : "");
        }
        text_append(out, "]}");
    }
    corbel_encoding_destroy(&encoding);
    text_finish(&texts[0]);
    text_finish(&texts[1]);
    return status;
}

static corbel_status stream_ids(const corbel_tokenizer *t, const int32_t *ids, size_t n, bool skip,
                                struct text *all, corbel_error *err)
{
    corbel_decode_stream *stream;
    const char *text;
    corbel_status status = corbel_decode_stream_create(t, skip, &stream, err);

    for (size_t i = 0; i <= n && status == CORBEL_OK; i++) {
        status = i < n ? corbel_decode_stream_push(stream, ids[i], &text, err)
                       : corbel_decode_stream_end(stream, &text, err);
        if (status == CORBEL_OK)
            text_append_bytes(all, text, tokenizer_stream_size(stream));
    }
    corbel_decode_stream_destroy(&stream);
    return status;
}

#define MAX_IDS 65536

static corbel_status decode_line(const corbel_tokenizer *t, struct scan *scan, bool skip,
                                 bool stream, struct text *out, corbel_error *err)
{
    static int32_t ids[MAX_IDS];
    struct text decoded = {0};
    int64_t id;
    size_t n = 0;

    scan_expect(scan, '[');
    while (n < MAX_IDS && scan_peek(scan) != ']' && scan_int(scan, &id)) {
        ids[n++] = (int32_t)id;
        if (!scan_accept(scan, ','))
            break;
    }
    if (!scan_expect(scan, ']'))
        return scan->status;
    corbel_status status = stream ? stream_ids(t, ids, n, skip, &decoded, err)
                                  : tokenizer_decode(t, ids, n, skip, &decoded, err);
    text_append_json_string(out, text_cstr(&decoded), decoded.size);
    text_finish(&decoded);
    return status;
}

static int bench(const corbel_tokenizer *t, int repeat)
{
    struct text all = {0};
    char block[65536];
    size_t n;
    double best = 1e9;

    while ((n = fread(block, 1, sizeof block, stdin)) > 0)
        text_append_bytes(&all, block, n);
    for (int i = 0; i < repeat; i++) {
        corbel_encoding *encoding = NULL;
        corbel_error err;
        double from = now();
        if (corbel_encode(t, text_cstr(&all), all.size, NULL, &encoding, &err) != CORBEL_OK) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
        double seconds = now() - from;
        best = seconds < best ? seconds : best;
        n = encoding->n;
        corbel_encoding_destroy(&encoding);
    }
    printf("%zu bytes, %zu tokens, %.2f MB/s, %.2f Mtokens/s\n", all.size, n,
           (double)all.size / best / 1e6, (double)n / best / 1e6);
    text_finish(&all);
    return 0;
}

static int lines(const corbel_tokenizer *t, const corbel_encode_params *params, bool decode,
                 bool stream, bool skip)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t n;

    while ((n = getline(&line, &capacity, stdin)) > 0) {
        struct scan scan;
        struct text out = {0};
        corbel_error err = {0};
        scan_init(&scan, line, (size_t)n, "stdin", &err);
        corbel_status status = decode ? decode_line(t, &scan, skip, stream, &out, &err)
                                      : encode_line(t, &scan, *params, &out, &err);
        if (status != CORBEL_OK) {
            text_clear(&out);
            text_append(&out, "{\"error\": ");
            text_append_json_string(&out, err.text, strlen(err.text));
            text_append(&out, "}");
        }
        puts(text_cstr(&out));
        text_finish(&out);
        scan_finish(&scan);
    }
    free(line);
    return 0;
}

int main(int argc, char **argv)
{
    corbel_encode_params params = CORBEL_ENCODE_PARAMS(0);
    corbel_tokenizer *t = NULL;
    corbel_error err = {0};
    bool decode = false, stream = false, skip = false;
    int repeat = 0, result;

    for (int i = 2; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : "0";
        stream = stream || strcmp(argv[i], "--stream") == 0;
        decode = decode || stream || strcmp(argv[i], "--decode") == 0;
        skip = skip || strcmp(argv[i], "--skip-special") == 0;
        if (strcmp(argv[i], "--no-special") == 0)
            params.no_special = 1;
        else if (strcmp(argv[i], "--max-length") == 0)
            params.max_length = atoll(next);
        else if (strcmp(argv[i], "--stride") == 0)
            params.stride = atoll(next);
        else if (strcmp(argv[i], "--pad-to") == 0)
            params.pad_to = atoll(next);
        else if (strcmp(argv[i], "--truncation") == 0)
            params.truncation = next;
        else if (strcmp(argv[i], "--padding-side") == 0)
            params.padding_side = next;
        else if (strcmp(argv[i], "--truncation-side") == 0)
            params.truncation_side = next;
        else if (strcmp(argv[i], "--split-special-tokens") == 0)
            params.split_special_tokens = 1;
        else if (strcmp(argv[i], "--bench") == 0)
            repeat = atoi(next);
    }
    double from = now();
    if (argc < 2 || tokenizer_load(argv[1], &t, &err) != CORBEL_OK) {
        fprintf(stderr, "%s\n", argc < 2 ? "usage: tokenize_tool DIR [options]" : err.text);
        return 1;
    }
    if (repeat > 0)
        printf("loaded in %.1f ms\n", (now() - from) * 1e3);
    result = repeat > 0 ? bench(t, repeat) : lines(t, &params, decode, stream, skip);
    corbel_tokenizer_destroy(&t);
    return result;
}
