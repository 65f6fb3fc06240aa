/* text/load_json.c: reads tokenizer.json.
 *
 * Nearly all of the file is model.vocab and model.merges. These are read on the way (scan.h), and
 * what is left of the file is given to json-c as a whole. */
#include "base/file.h"
#include "base/json.h"
#include "text/member.h"
#include "text/parts.h"
#include "text/scan.h"

#include <stdlib.h>
#include <string.h>

#define TOKENIZER_MAX_SIZE ((size_t)256 << 20)

#define KEYS_AT_ONCE 128 /* two a merge */

struct reader {
    struct scan scan;
    corbel_tokenizer *t;
    struct text rest;      /* the file without vocab and merges */
    const char *kept_from; /* what comes next in `rest` begins here */
    const char *merges;    /* merges that stand before the vocabulary; NULL: none */
    bool has_vocab, has_merges;
    struct vocab_key keys[KEYS_AT_ONCE]; /* pieces of merges to be looked up */
    size_t n_keys;
    double *scores; /* Unigram; owned until given to the model */
    size_t n_scores, scores_capacity;
};

static bool fail_with(struct reader *r, corbel_status status)
{
    r->scan.status = status;
    return false;
}

/* ---- vocab ---- */

/* {"piece": id, ...} */
static bool read_vocab_object(struct reader *r)
{
    struct scan *s = &r->scan;
    const char *piece;
    int64_t id;
    size_t size;

    if (!scan_expect(s, '{') || scan_accept(s, '}'))
        return s->status == CORBEL_OK;
    do {
        if (!scan_string(s, &piece, &size))
            return false;
        /* An escaped piece lies in the scan's own buffer, which no number touches. */
        if (!scan_expect(s, ':') || !scan_int(s, &id))
            return false;
        corbel_status status = vocab_add(&r->t->model.vocab, piece, size, id, s->name, s->err);
        if (status != CORBEL_OK)
            return fail_with(r, status);
    } while (scan_accept(s, ','));
    return scan_expect(s, '}');
}

/* [["piece", score], ...]: the id is the place in the list. */
static bool read_vocab_array(struct reader *r)
{
    struct scan *s = &r->scan;
    const char *piece;
    double score;
    size_t size;

    if (!scan_expect(s, '[') || scan_accept(s, ']'))
        return s->status == CORBEL_OK;
    do {
        if (!scan_expect(s, '[') || !scan_string(s, &piece, &size) || !scan_expect(s, ',') ||
            !scan_double(s, &score) || !scan_expect(s, ']'))
            return false;
        double *room =
            member_append((void **)&r->scores, &r->n_scores, &r->scores_capacity, sizeof(*room));
        corbel_status status = room ? vocab_add(&r->t->model.vocab, piece, size,
                                                (int64_t)r->n_scores - 1, s->name, s->err)
                                    : error_memory(s->err, sizeof(*room), "the vocabulary");
        if (status != CORBEL_OK)
            return fail_with(r, status);
        *room = score;
    } while (scan_accept(s, ','));
    return scan_expect(s, ']');
}

/* ---- merges ---- */

/* Gives the merges that have been collected to the model. */
static bool flush_merges(struct reader *r)
{
    struct scan *s = &r->scan;
    corbel_status status = bpe_merges(&r->t->model, r->keys, r->n_keys, s->name, s->err);

    r->n_keys = 0;
    return status == CORBEL_OK || fail_with(r, status);
}

static bool is_unescaped(const struct scan *s, const char *text)
{
    return text >= s->unescaped.data && s->unescaped.data &&
           text <= s->unescaped.data + s->unescaped.size;
}

static bool add_key(struct reader *r, const char *piece, size_t size)
{
    r->keys[r->n_keys++] = (struct vocab_key){.piece = piece, .size = size};
    return true;
}

/* "a b"; pieces hold no space in this form. */
static bool read_merge_string(struct reader *r)
{
    struct scan *s = &r->scan;
    const char *merge;
    size_t size;

    if (!scan_string_unchecked(s, &merge, &size))
        return false;
    const char *space = memchr(merge, ' ', size);
    size_t left = space ? (size_t)(space - merge) : 0;
    if (!space || memchr(space + 1, ' ', size - left - 1))
        return scan_fail(s, "a merge is not two pieces with a space between");
    add_key(r, merge, left);
    add_key(r, space + 1, size - left - 1);
    /* What was unescaped is gone with the next string. */
    return !is_unescaped(s, merge) || flush_merges(r);
}

/* ["a", "b"] */
static bool read_merge_pair(struct reader *r)
{
    struct scan *s = &r->scan;
    const char *left, *right;
    char *copy = NULL;
    size_t left_size, right_size;

    if (!scan_expect(s, '[') || !scan_string_unchecked(s, &left, &left_size))
        return false;
    if (is_unescaped(s, left)) {
        copy = malloc(left_size + 1);
        if (!copy)
            return fail_with(r, error_memory(s->err, left_size, "a merge"));
        memcpy(copy, left, left_size);
        left = copy;
    }
    bool ok = scan_expect(s, ',') && scan_string_unchecked(s, &right, &right_size) &&
              scan_expect(s, ']') && add_key(r, left, left_size) && add_key(r, right, right_size);
    if (ok && (copy || is_unescaped(s, right)))
        ok = flush_merges(r);
    free(copy);
    return ok;
}

static bool read_merges(struct reader *r)
{
    struct scan *s = &r->scan;

    if (!scan_expect(s, '[') || scan_accept(s, ']'))
        return s->status == CORBEL_OK;
    do {
        if (r->n_keys == KEYS_AT_ONCE && !flush_merges(r))
            return false;
        if (!(scan_peek(s) == '[' ? read_merge_pair(r) : read_merge_string(r)))
            return false;
    } while (scan_accept(s, ','));
    return flush_merges(r) && scan_expect(s, ']');
}

/* ---- the way there ---- */

/* What has been read since is left out of the rest; `null` stands there instead. */
static void leave_out(struct reader *r, const char *from)
{
    text_append_bytes(&r->rest, r->kept_from, (size_t)(from - r->kept_from));
    text_append(&r->rest, "null");
    r->kept_from = r->scan.at;
}

static bool read_vocab_member(struct reader *r)
{
    struct scan *s = &r->scan;
    char first = scan_peek(s);
    const char *from = s->at;

    if (r->has_vocab)
        return scan_fail(s, "a second vocab");
    r->has_vocab = true;
    if (first == '{' ? !read_vocab_object(r) : !read_vocab_array(r))
        return false;
    leave_out(r, from);
    return true;
}

static bool read_merges_member(struct reader *r)
{
    struct scan *s = &r->scan;

    scan_peek(s);
    const char *from = s->at;
    if (r->has_merges)
        return scan_fail(s, "a second list of merges");
    r->has_merges = true;
    if (!r->has_vocab)
        r->merges = from;
    if (r->has_vocab ? !read_merges(r) : !scan_skip(s))
        return false;
    leave_out(r, from);
    return true;
}

static bool key_is(const char *key, size_t size, const char *name)
{
    return strlen(name) == size && memcmp(key, name, size) == 0;
}

/* A continuing_subword_prefix decides what a merge makes, so it must be known before them. */
static bool read_prefix(struct reader *r)
{
    struct scan *s = &r->scan;
    const char *prefix;
    size_t size;

    if (scan_peek(s) != '"')
        return scan_skip(s);
    if (!scan_string(s, &prefix, &size))
        return false;
    free(r->t->model.prefix);
    r->t->model.prefix = strndup(prefix, size);
    return r->t->model.prefix ||
           fail_with(r, error_memory(s->err, size, "continuing_subword_prefix"));
}

static bool read_model(struct reader *r)
{
    struct scan *s = &r->scan;
    const char *key;
    size_t size;

    if (scan_peek(s) != '{')
        return scan_skip(s);
    scan_expect(s, '{');
    if (scan_accept(s, '}'))
        return true;
    do {
        if (!scan_string(s, &key, &size) || !scan_expect(s, ':'))
            return false;
        bool ok = key_is(key, size, "vocab")                       ? read_vocab_member(r)
                  : key_is(key, size, "merges")                    ? read_merges_member(r)
                  : key_is(key, size, "continuing_subword_prefix") ? read_prefix(r)
                                                                   : scan_skip(s);
        if (!ok)
            return false;
    } while (scan_accept(s, ','));
    return scan_expect(s, '}');
}

static bool read_file(struct reader *r)
{
    struct scan *s = &r->scan;
    const char *key;
    size_t size;

    if (!scan_expect(s, '{'))
        return false;
    if (!scan_accept(s, '}')) {
        do {
            if (!scan_string(s, &key, &size) || !scan_expect(s, ':'))
                return false;
            if (key_is(key, size, "model") ? !read_model(r) : !scan_skip(s))
                return false;
        } while (scan_accept(s, ','));
        if (!scan_expect(s, '}'))
            return false;
    }
    text_append_bytes(&r->rest, r->kept_from, (size_t)(s->end - r->kept_from));
    if (r->merges) {
        s->at = r->merges;
        return read_merges(r);
    }
    return true;
}

corbel_status load_tokenizer_json(corbel_tokenizer *t, const char *path, corbel_error *err)
{
    struct reader r = {.t = t};
    struct json_object *root = NULL;
    char *data = NULL;
    size_t size = 0;
    corbel_status status = file_read(path, TOKENIZER_MAX_SIZE, &data, &size, err);

    if (status != CORBEL_OK)
        return status;
    scan_init(&r.scan, data, size, path, err);
    r.kept_from = data;
    if (!read_file(&r))
        status = r.scan.status;
    else if (r.rest.failed)
        status = error_memory(err, size, "tokenizer.json");
    if (status == CORBEL_OK)
        status = json_parse(text_cstr(&r.rest), r.rest.size, JSON_DATA, path, &root, err);
    free(t->model.prefix); /* model_load reads it again, checked */
    t->model.prefix = NULL;
    t->model.scores = r.scores;
    if (status == CORBEL_OK && !r.has_vocab)
        status = error_set(err, CORBEL_E_FORMAT, "%s: model.vocab is missing", path);
    if (status == CORBEL_OK)
        status = load_components(t, root, path, err);
    json_object_put(root);
    scan_finish(&r.scan);
    text_finish(&r.rest);
    free(data);
    return status;
}
