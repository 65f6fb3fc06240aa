/* text/load_vocab.c: tokenizers from before tokenizer.json: vocab.txt (BERT), and vocab.json with
 * merges.txt (GPT-2). Their other parts are what the families always have. */
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "text/member.h"
#include "text/parts.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

#define VOCAB_MAX_SIZE ((size_t)256 << 20)

/* The next line of [*at, end), without its end; false: none. */
static bool next_line(const char **at, const char *end, const char **line, size_t *size)
{
    if (*at >= end)
        return false;
    const char *stop = memchr(*at, '\n', (size_t)(end - *at));
    *line = *at;
    *size = (size_t)((stop ? stop : end) - *at);
    *at = stop ? stop + 1 : end;
    if (*size > 0 && (*line)[*size - 1] == '\r')
        --*size;
    return true;
}

static corbel_status read_text(const char *path, char **data, size_t *size, corbel_error *err)
{
    corbel_status status = file_read(path, VOCAB_MAX_SIZE, data, size, err);

    if (status != CORBEL_OK)
        return status;
    size_t bad = utf8_validate(*data, *size);
    if (bad != *size) {
        free(*data);
        *data = NULL;
        return error_set(err, CORBEL_E_FORMAT, "%s: not valid UTF-8 at byte %zu", path, bad);
    }
    return CORBEL_OK;
}

static corbel_status load_standard(corbel_tokenizer *t, const char *json, const char *name,
                                   corbel_error *err)
{
    struct json_object *root = NULL;
    corbel_status status = json_parse(json, strlen(json), JSON_DATA, name, &root, err);

    if (status == CORBEL_OK)
        status = load_components(t, root, name, err);
    json_object_put(root);
    return status;
}

corbel_status load_vocab_txt(corbel_tokenizer *t, const char *path, corbel_error *err)
{
    static const char head[] =
        "{\"normalizer\":{\"type\":\"BertNormalizer\"},"
        "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
        "\"decoder\":{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true},"
        "\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\"},\"post_processor\":";
    char *data = NULL;
    const char *line;
    size_t size = 0, n;
    int64_t id = 0;
    corbel_status status = read_text(path, &data, &size, err);

    for (const char *at = data; status == CORBEL_OK && next_line(&at, data + size, &line, &n); id++)
        status = vocab_add(&t->model.vocab, line, n, id, path, err);
    free(data);
    if (status != CORBEL_OK)
        return status;

    int32_t cls = vocab_id(&t->model.vocab, "[CLS]", 5),
            sep = vocab_id(&t->model.vocab, "[SEP]", 5);
    struct text json = {0};
    text_append(&json, head);
    if (cls >= 0 && sep >= 0)
        text_format(&json,
                    "{\"type\":\"BertProcessing\",\"sep\":[\"[SEP]\",%d],\"cls\":[\"[CLS]\",%d]}}",
                    (int)sep, (int)cls);
    else
        text_append(&json, "null}");
    status = json.failed ? error_memory(err, size, "a tokenizer")
                         : load_standard(t, text_cstr(&json), path, err);
    text_finish(&json);
    return status;
}

static corbel_status add_vocab_json(corbel_tokenizer *t, const char *path, corbel_error *err)
{
    struct json_object *root = NULL;
    corbel_status status = json_load(path, VOCAB_MAX_SIZE, JSON_DATA, &root, err);

    if (status == CORBEL_OK && !json_object_is_type(root, json_type_object))
        status = error_set(err, CORBEL_E_FORMAT, "%s: expected an object", path);
    if (status == CORBEL_OK) {
        struct json_object_iterator at = json_object_iter_begin(root),
                                    end = json_object_iter_end(root);
        for (; status == CORBEL_OK && !json_object_iter_equal(&at, &end);
             json_object_iter_next(&at)) {
            const char *piece = json_object_iter_peek_name(&at);
            struct json_object *id = json_object_iter_peek_value(&at);
            status = json_object_is_type(id, json_type_int)
                         ? vocab_add(&t->model.vocab, piece, strlen(piece),
                                     json_object_get_int64(id), path, err)
                         : error_set(err, CORBEL_E_FORMAT, "%s: \"%.60s\" has no id", path, piece);
        }
    }
    json_object_put(root);
    return status;
}

static corbel_status add_merges_txt(corbel_tokenizer *t, const char *path, corbel_error *err)
{
    char *data = NULL;
    const char *line;
    size_t size = 0, n;
    corbel_status status = read_text(path, &data, &size, err);

    for (const char *at = data; status == CORBEL_OK && next_line(&at, data + size, &line, &n);) {
        if (n == 0 || (n >= 8 && memcmp(line, "#version", 8) == 0))
            continue;
        const char *space = memchr(line, ' ', n);
        size_t left = space ? (size_t)(space - line) : 0;
        if (!space || memchr(space + 1, ' ', n - left - 1))
            status = error_set(err, CORBEL_E_FORMAT,
                               "%s: \"%.*s\" is not two pieces with a space between", path,
                               (int)(n < 60 ? n : 60), line);
        else
            status = bpe_merges(&t->model,
                                (struct vocab_key[]){{.piece = line, .size = left},
                                                     {.piece = space + 1, .size = n - left - 1}},
                                2, path, err);
    }
    free(data);
    return status;
}

corbel_status load_vocab_and_merges(corbel_tokenizer *t, const char *vocab_path,
                                    const char *merges_path, corbel_error *err)
{
    static const char standard[] =
        "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
        "\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\"},"
        "\"post_processor\":{\"type\":\"ByteLevel\",\"trim_offsets\":false}}";
    corbel_status status = add_vocab_json(t, vocab_path, err);

    if (status == CORBEL_OK)
        status = add_merges_txt(t, merges_path, err);
    return status == CORBEL_OK ? load_standard(t, standard, vocab_path, err) : status;
}
