/* cli/tokenize.c: `corbel tokenize` and `corbel detokenize`: lines of stdin to ids and back. */
#include "base/error.h"
#include "cli/lines.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- what the options ask for ---------------------------------------------------------------- */

struct form {
    corbel_encode_params params;
    bool pad_to_longest; /* of all lines, so all are read before the first is written */
    bool windows;        /* what was cut off is printed too */
    bool skip_special;   /* detokenize */
    bool json, jsonl;
};

/* "", "true": yes; "false", "do_not_truncate", "do_not_pad": no. */
static bool is_off(const char *value)
{
    return strcmp(value, "false") == 0 || strncmp(value, "do_not_", 7) == 0;
}

/* As the call of a transformers tokenizer: --max-length alone truncates; with --padding it is
 * what max_length pads to, and truncates only if --truncation is there too. */
static corbel_status read_truncation(struct form *f, const struct arguments *a, int64_t max_length,
                                     corbel_error *err)
{
    const char *how = arguments_text(a, OPTION_TRUNCATION, NULL);
    bool padding = arguments_have(a, OPTION_PADDING);
    bool on = how ? !is_off(how) : arguments_have(a, OPTION_MAX_LENGTH) && !padding;
    if (!on)
        return CORBEL_OK;
    if (max_length == 0)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "--truncation needs --max-length: the tokenizer of %s has no "
                         "model_max_length",
                         a->words[0]);
    f->params.max_length = max_length;
    f->params.stride = arguments_int(a, OPTION_STRIDE, 0);
    if (how && *how && strcmp(how, "true") != 0)
        f->params.truncation = how;
    if (f->params.stride >= max_length)
        return error_set(err, CORBEL_E_ARGUMENT, "--stride: %lld is not less than the length %lld",
                         (long long)f->params.stride, (long long)max_length);
    return CORBEL_OK;
}

static corbel_status read_padding(struct form *f, const struct arguments *a, int64_t max_length,
                                  corbel_error *err)
{
    const char *how = arguments_text(a, OPTION_PADDING, NULL);
    if (!how || is_off(how))
        return CORBEL_OK;
    if (strcmp(how, "max_length") == 0) {
        if (max_length == 0)
            return error_set(err, CORBEL_E_ARGUMENT,
                             "--padding max_length needs --max-length: the tokenizer of %s has no "
                             "model_max_length",
                             a->words[0]);
        f->params.pad_to = max_length;
    } else if (*how >= '0' && *how <= '9') {
        f->params.pad_to = strtoll(how, NULL, 10);
    } else {
        f->pad_to_longest = true;
    }
    return CORBEL_OK;
}

static corbel_status read_form(struct form *f, const struct arguments *a,
                               const corbel_tokenizer *tokenizer, corbel_error *err)
{
    *f = (struct form){
        .params =
            CORBEL_ENCODE_PARAMS(.no_special = arguments_have(a, OPTION_NO_SPECIAL),
                                 .padding_side = arguments_text(a, OPTION_PADDING_SIDE, NULL),
                                 .truncation_side = arguments_text(a, OPTION_TRUNCATION_SIDE, NULL),
                                 .split_special_tokens =
                                     arguments_have(a, OPTION_SPLIT_SPECIAL_TOKENS)),
        .windows = arguments_have(a, OPTION_STRIDE),
        .skip_special = arguments_have(a, OPTION_SKIP_SPECIAL),
        .json = arguments_have(a, OPTION_JSON),
        .jsonl = arguments_have(a, OPTION_JSONL),
    };
    int64_t max_length =
        arguments_int(a, OPTION_MAX_LENGTH, corbel_tokenizer_max_length(tokenizer));
    if (f->json && f->jsonl)
        return error_set(err, CORBEL_E_ARGUMENT, "--json is one document, --jsonl one a line");
    corbel_status status = read_truncation(f, a, max_length, err);
    return status == CORBEL_OK ? read_padding(f, a, max_length, err) : status;
}

/* ---- encodings as JSON and as text ----------------------------------------------------------- */

static void append_ids(struct text *out, const char *name, const int32_t *values, size_t n)
{
    text_format(out, "\"%s\": [", name);
    for (size_t i = 0; i < n; i++)
        text_format(out, "%s%d", i ? ", " : "", values[i]);
    text_append(out, "]");
}

static void append_mask(struct text *out, const char *name, const uint8_t *values, size_t n)
{
    text_format(out, ", \"%s\": [", name);
    for (size_t i = 0; i < n; i++)
        text_append(out, i ? (values[i] ? ", 1" : ", 0") : values[i] ? "1" : "0");
    text_append(out, "]");
}

static void append_tokens(struct text *out, const corbel_encoding *e)
{
    text_append(out, ", \"tokens\": [");
    for (size_t i = 0; i < e->n; i++) {
        text_append(out, i ? ", " : "");
        text_append_json_string(out, e->tokens[i], strlen(e->tokens[i]));
    }
    text_append(out, "], \"offsets\": [");
    for (size_t i = 0; i < e->n; i++)
        text_format(out, "%s[%lld, %lld]", i ? ", " : "", (long long)e->offsets[i][0],
                    (long long)e->offsets[i][1]);
    text_append(out, "], ");
}

/* The window's members; the padding's only where there may be padding. */
static void append_window(struct text *out, const corbel_encoding *e, bool padded)
{
    append_ids(out, "ids", e->ids, e->n);
    append_tokens(out, e);
    append_ids(out, "type_ids", e->type_ids, e->n);
    append_mask(out, "special_tokens_mask", e->special_tokens_mask, e->n);
    if (padded)
        append_mask(out, "attention_mask", e->attention_mask, e->n);
}

static void append_encoding(struct text *out, const struct form *f, const corbel_encoding *e)
{
    bool padded = f->params.pad_to > 0 || f->pad_to_longest;
    text_append(out, "{");
    append_window(out, e, padded);
    if (f->windows) {
        text_append(out, ", \"overflow\": [");
        for (const corbel_encoding *w = e->overflow; w; w = w->overflow) {
            text_append(out, w == e->overflow ? "{" : ", {");
            append_window(out, w, padded);
            text_append(out, "}");
        }
        text_append(out, "]");
    }
    text_append(out, "}");
}

/* Ids with spaces between; further windows each on a line of its own. */
static void append_plain(struct text *out, const struct form *f, const corbel_encoding *e)
{
    for (const corbel_encoding *w = e; w; w = f->windows ? w->overflow : NULL) {
        text_append(out, w == e ? "" : "\n");
        for (size_t i = 0; i < w->n; i++)
            text_format(out, "%s%d", i ? " " : "", w->ids[i]);
    }
}

/* ---- tokenize -------------------------------------------------------------------------------- */

struct tokenize {
    const corbel_tokenizer *tokenizer;
    struct form form;
    struct text out;
    corbel_error *err;
};

static corbel_status encode_json(const struct tokenize *t, const struct lines *lines,
                                 corbel_encoding **encoding)
{
    struct json_object *line, *text = NULL, *pair = NULL;
    corbel_status status = lines_json(lines, &line, t->err);
    if (status != CORBEL_OK)
        return status;
    text = line;
    if (json_object_is_type(line, json_type_object)) {
        text = NULL;
        json_object_object_get_ex(line, "text", &text);
        json_object_object_get_ex(line, "pair", &pair);
    }
    if (!json_object_is_type(text, json_type_string) ||
        (pair && !json_object_is_type(pair, json_type_string))) {
        status = error_set(t->err, CORBEL_E_FORMAT,
                           "%s: expected a string, or an object with strings \"text\" and \"pair\"",
                           lines_place(lines));
    } else {
        corbel_encode_params params = t->form.params;
        if (pair) {
            params.pair = json_object_get_string(pair);
            params.pair_size = (size_t)json_object_get_string_len(pair);
        }
        status = corbel_encode(t->tokenizer, json_object_get_string(text),
                               (size_t)json_object_get_string_len(text), &params, encoding, t->err);
        status = input_error(status, t->err, lines_place(lines));
    }
    json_object_put(line);
    return status;
}

static corbel_status encode_line(const struct tokenize *t, const struct lines *lines,
                                 corbel_encoding **encoding)
{
    if (t->form.jsonl)
        return encode_json(t, lines, encoding);
    return input_error(
        corbel_encode(t->tokenizer, lines->line, lines->size, &t->form.params, encoding, t->err),
        t->err, lines_place(lines));
}

static corbel_status print_encoding(struct tokenize *t, const corbel_encoding *encoding, bool first)
{
    text_clear(&t->out);
    if (t->form.json)
        text_append(&t->out, first ? "" : ", ");
    if (t->form.json || t->form.jsonl)
        append_encoding(&t->out, &t->form, encoding);
    else
        append_plain(&t->out, &t->form, encoding);
    text_append(&t->out, t->form.json ? "" : "\n");
    if (t->out.failed)
        return error_memory(t->err, t->out.size, "a line of output");
    fwrite(t->out.data, 1, t->out.size, stdout);
    return CORBEL_OK;
}

/* Called with each line of stdin. */
typedef corbel_status line_function(struct tokenize *t, const struct lines *lines);

static corbel_status tokenize_line(struct tokenize *t, const struct lines *lines)
{
    corbel_encoding *encoding = NULL;
    corbel_status status = encode_line(t, lines, &encoding);
    if (status == CORBEL_OK)
        status = print_encoding(t, encoding, lines->number == 1);
    corbel_encoding_destroy(&encoding);
    return status;
}

static corbel_status each_line(struct tokenize *t, line_function *function)
{
    struct lines lines = {0};
    corbel_status status;
    while (lines_next(&lines, &status, t->err)) {
        status = function(t, &lines);
        if (status == CORBEL_OK && output_failed())
            status = output_check(t->err);
        if (status != CORBEL_OK)
            break;
    }
    lines_finish(&lines);
    return status;
}

/* ---- padding to the longest ------------------------------------------------------------------ */

/* All lines of stdin, since the first cannot be padded before the last is known. */
struct kept {
    struct lines *lines; /* [n] */
    size_t n, capacity;
};

static corbel_status keep(struct kept *kept, const struct lines *lines, corbel_error *err)
{
    if (kept->n == kept->capacity) {
        size_t capacity = kept->capacity ? 2 * kept->capacity : 64;
        struct lines *more = realloc(kept->lines, capacity * sizeof(*more));
        if (!more)
            return error_memory(err, capacity * sizeof(*more), "lines");
        kept->lines = more;
        kept->capacity = capacity;
    }
    struct lines copy = {.size = lines->size, .number = lines->number};
    copy.line = malloc(lines->size + 1);
    if (!copy.line)
        return error_memory(err, lines->size, "a line");
    memcpy(copy.line, lines->line, lines->size + 1);
    kept->lines[kept->n++] = copy;
    return CORBEL_OK;
}

static corbel_status keep_all(struct kept *kept, corbel_error *err)
{
    struct lines lines = {0};
    corbel_status status;
    while (lines_next(&lines, &status, err)) {
        status = keep(kept, &lines, err);
        if (status != CORBEL_OK)
            break;
    }
    lines_finish(&lines);
    return status;
}

static corbel_status tokenize_padded(struct tokenize *t)
{
    struct kept kept = {0};
    size_t longest = 0;
    corbel_status status = keep_all(&kept, t->err);
    for (size_t i = 0; i < kept.n && status == CORBEL_OK; i++) {
        corbel_encoding *encoding = NULL;
        status = encode_line(t, &kept.lines[i], &encoding);
        for (const corbel_encoding *w = encoding; w; w = w->overflow)
            longest = w->n > longest ? w->n : longest;
        corbel_encoding_destroy(&encoding);
    }
    t->form.params.pad_to = (int64_t)longest;
    for (size_t i = 0; i < kept.n && status == CORBEL_OK; i++)
        status = tokenize_line(t, &kept.lines[i]);
    for (size_t i = 0; i < kept.n; i++)
        lines_finish(&kept.lines[i]);
    free(kept.lines);
    return status;
}

/* ---- detokenize ------------------------------------------------------------------------------ */

/* Ids of a JSON list. */
static corbel_status ids_of_json(const struct lines *lines, struct json_object *list, int32_t **ids,
                                 size_t *n_ids, corbel_error *err)
{
    bool is_list = json_object_is_type(list, json_type_array);
    *n_ids = is_list ? json_object_array_length(list) : 0;
    *ids = calloc(*n_ids + 1, sizeof(**ids));
    if (!*ids)
        return error_memory(err, *n_ids * sizeof(**ids), "token ids");
    for (size_t i = 0; i < *n_ids && is_list; i++) {
        struct json_object *id = json_object_array_get_idx(list, i);
        int64_t value = json_object_get_int64(id);
        is_list = json_object_is_type(id, json_type_int) && value >= 0 && value <= INT32_MAX;
        (*ids)[i] = (int32_t)value;
    }
    return is_list ? CORBEL_OK
                   : error_set(err, CORBEL_E_FORMAT, "%s: expected a list of token ids",
                               lines_place(lines));
}

/* Ids with white space or commas between. */
static corbel_status ids_of_words(const struct lines *lines, int32_t **ids, size_t *n_ids,
                                  corbel_error *err)
{
    *n_ids = 0;
    *ids = calloc(lines->size / 2 + 2, sizeof(**ids));
    if (!*ids)
        return error_memory(err, lines->size, "token ids");
    const char *at = lines->line;
    while (*(at += strspn(at, " \t\r,"))) {
        char *end;
        errno = 0;
        long id = strtol(at, &end, 10);
        if (end == at || errno || id < 0 || id > INT32_MAX || !strchr(" \t\r,", *end))
            return error_set(err, CORBEL_E_FORMAT, "%s: expected token ids, found \"%.40s\"",
                             lines_place(lines), at);
        (*ids)[(*n_ids)++] = (int32_t)id;
        at = end;
    }
    return CORBEL_OK;
}

static corbel_status read_ids(const struct tokenize *t, const struct lines *lines, int32_t **ids,
                              size_t *n_ids)
{
    if (!t->form.jsonl)
        return ids_of_words(lines, ids, n_ids, t->err);
    struct json_object *list = NULL;
    corbel_status status = lines_json(lines, &list, t->err);
    if (status == CORBEL_OK)
        status = ids_of_json(lines, list, ids, n_ids, t->err);
    json_object_put(list);
    return status;
}

static corbel_status detokenize_line(struct tokenize *t, const struct lines *lines)
{
    int32_t *ids = NULL;
    size_t n_ids, size = 0;
    char *text = NULL;
    corbel_status status = read_ids(t, lines, &ids, &n_ids);
    if (status == CORBEL_OK)
        status = input_error(corbel_decode_sized(t->tokenizer, ids, n_ids, t->form.skip_special,
                                                 &text, &size, t->err),
                             t->err, lines_place(lines));
    if (status == CORBEL_OK) {
        text_clear(&t->out);
        text_append(&t->out, t->form.json && lines->number > 1 ? ", " : "");
        if (t->form.json || t->form.jsonl)
            text_append_json_string(&t->out, text, size);
        else
            text_append_bytes(&t->out, text, size);
        text_append(&t->out, t->form.json ? "" : "\n");
        fwrite(text_cstr(&t->out), 1, t->out.size, stdout);
        if (t->out.failed)
            status = error_memory(t->err, t->out.size, "a line of output");
    }
    corbel_free(text);
    free(ids);
    return status;
}

/* ---- the commands ---------------------------------------------------------------------------- */

static corbel_status tokenizer_command(const struct arguments *a, bool decode, corbel_error *err)
{
    struct tokenize t = {.err = err};
    corbel_tokenizer *tokenizer = NULL;
    corbel_status status = session_check(a, err);
    if (status == CORBEL_OK)
        status = session_tokenizer(a, &tokenizer, err);
    if (status == CORBEL_OK)
        status = read_form(&t.form, a, tokenizer, err);
    if (status == CORBEL_OK) {
        t.tokenizer = tokenizer;
        fputs(t.form.json ? "[" : "", stdout);
        if (t.form.pad_to_longest)
            status = tokenize_padded(&t);
        else
            status = each_line(&t, decode ? detokenize_line : tokenize_line);
        fputs(t.form.json ? "]\n" : "", stdout);
    }
    text_finish(&t.out);
    corbel_tokenizer_destroy(&tokenizer);
    return status;
}

corbel_status tokenize_command(const struct arguments *a, corbel_error *err)
{
    return tokenizer_command(a, false, err);
}

corbel_status detokenize_command(const struct arguments *a, corbel_error *err)
{
    return tokenizer_command(a, true, err);
}
