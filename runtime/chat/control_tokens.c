/* chat/control_tokens.c: what users write does not become control tokens.
 *
 * As transformers does with sanitize_control_tokens: control tokens in the caller's strings are put
 * between two private-use characters before the template is rendered, and what is found between
 * these afterwards is encoded as text. The template may move, cut or repeat such strings. */
#include "base/error.h"
#include "chat/chat.h"
#include "text/parts.h"

#include <stdlib.h>
#include <string.h>

static const char begin_mark[] = "\xf3\xb0\x80\x80",
                  end_mark[] = "\xf3\xb0\x80\x81"; /* U+F0000, U+F0001 */
enum { MARK_SIZE = 4 };

/* Some of the tokenizer's added tokens, longest first. */
struct token_set {
    const struct added_token **items;
    size_t n;
};

/* ---- which tokens ---------------------------------------------------------------------------- */

static bool is_listed(struct json_object *list, const char *content)
{
    for (size_t i = 0;
         json_object_is_type(list, json_type_array) && i < json_object_array_length(list); i++) {
        struct json_object *item = json_object_array_get_idx(list, i);
        if (json_object_is_type(item, json_type_string) &&
            strcmp(json_object_get_string(item), content) == 0)
            return true;
    }
    return false;
}

static bool is_blank(const char *s)
{
    return s[strspn(s, " \t\n\r\f\v")] == '\0';
}

/* Special ones, and those that the template writes (white space aside, which anybody writes). */
static bool is_control_token(const corbel_chat *chat, const struct jinja_template *t,
                             const struct added_token *token)
{
    if (token->special)
        return true;
    if (chat->control_tokens)
        return is_listed(chat->control_tokens, token->content);
    return !is_blank(token->content) && jinja_says(t, token->content, strlen(token->content));
}

static int longest_first(const void *a, const void *b)
{
    const struct added_token *const *left = a, *const *right = b;
    const size_t n = strlen((*left)->content), m = strlen((*right)->content);
    return n != m ? (n < m) - (n > m) : ((*left)->id > (*right)->id) - ((*left)->id < (*right)->id);
}

/* Of template NULL: all. */
static corbel_status token_set_init(struct token_set *set, const corbel_chat *chat,
                                    const struct jinja_template *t, corbel_error *err)
{
    const struct added_tokens *added = &chat->tokenizer->added;
    *set = (struct token_set){.items = calloc(added->n + 1, sizeof(*set->items))};
    if (!set->items)
        return error_memory(err, added->n * sizeof(*set->items), "control tokens");
    for (size_t i = 0; i < added->n; i++)
        if (added->items[i].content[0] && (!t || is_control_token(chat, t, &added->items[i])))
            set->items[set->n++] = &added->items[i];
    qsort(set->items, set->n, sizeof(*set->items), longest_first);
    return CORBEL_OK;
}

/* The longest one at `s`; NULL: none. */
static const struct added_token *token_at(const struct token_set *set, const char *s, size_t left)
{
    for (size_t i = 0; i < set->n; i++) {
        const size_t n = strlen(set->items[i]->content);
        if (n <= left && memcmp(set->items[i]->content, s, n) == 0)
            return set->items[i];
    }
    return NULL;
}

static bool is_mark(const char *s, size_t left, const char *which)
{
    return left >= MARK_SIZE && memcmp(s, which, MARK_SIZE) == 0;
}

/* ---- marking --------------------------------------------------------------------------------- */

/* Marks that are there already are dropped first, so that nobody can forge one. */
static void append_without_marks(struct text *out, const char *s, size_t size)
{
    for (size_t i = 0; i < size;) {
        if (is_mark(s + i, size - i, begin_mark) || is_mark(s + i, size - i, end_mark))
            i += MARK_SIZE;
        else
            text_append_char(out, s[i++]);
    }
}

static struct json_object *marked_string(const struct token_set *set, struct json_object *string)
{
    struct text plain = {0}, out = {0};
    struct json_object *result = NULL;
    append_without_marks(&plain, json_object_get_string(string),
                         (size_t)json_object_get_string_len(string));
    for (size_t i = 0; i < plain.size;) {
        const struct added_token *token = token_at(set, plain.data + i, plain.size - i);
        if (!token) {
            text_append_char(&out, plain.data[i++]);
            continue;
        }
        text_append(&out, begin_mark);
        text_append(&out, token->content);
        text_append(&out, end_mark);
        i += strlen(token->content);
    }
    if (!plain.failed && !out.failed)
        result = json_object_new_string_len(text_cstr(&out), (int)out.size);
    text_finish(&plain);
    text_finish(&out);
    return result;
}

/* A new value; NULL with *failed where memory ran out (and for null itself). Values are at most as
 * deep as base/json lets them be. */
static struct json_object *marked_value(const struct token_set *set, struct json_object *value,
                                        bool *failed)
{
    struct json_object *result = NULL;
    if (json_object_is_type(value, json_type_string)) {
        result = marked_string(set, value);
        *failed |= !result;
    } else if (json_object_is_type(value, json_type_array)) {
        result = json_object_new_array();
        for (size_t i = 0; result && i < json_object_array_length(value); i++)
            json_object_array_add(result,
                                  marked_value(set, json_object_array_get_idx(value, i), failed));
        *failed |= !result;
    } else if (json_object_is_type(value, json_type_object)) {
        struct json_object_iter member;
        result = json_object_new_object();
        *failed |= !result;
        json_object_object_foreachC(value, member)
        {
            if (result)
                json_object_object_add(result, member.key, marked_value(set, member.val, failed));
        }
    } else {
        result = json_object_get(value);
    }
    return result;
}

corbel_status control_tokens_mark(const corbel_chat *chat, const struct jinja_template *t,
                                  struct json_object **value, corbel_error *err)
{
    struct token_set set;
    bool failed = false;
    if (!*value)
        return CORBEL_OK;
    corbel_status status = token_set_init(&set, chat, t, err);
    if (status != CORBEL_OK)
        return status;
    struct json_object *result = marked_value(&set, *value, &failed);
    free(set.items);
    json_object_put(*value);
    *value = result;
    return failed ? error_memory(err, 64, "marked messages") : CORBEL_OK;
}

/* ---- encoding -------------------------------------------------------------------------------- */

struct encoder {
    const corbel_tokenizer *tokenizer;
    struct token_set all;
    int32_t *ids;
    size_t n, capacity;
    int32_t newline[16]; /* what "\n" is alone */
    size_t n_newline;
    corbel_error *err;
};

static corbel_status push_ids(struct encoder *e, const int32_t *ids, size_t n)
{
    if (n > e->capacity - e->n) {
        const size_t capacity = 2 * (e->n + n);
        int32_t *more = realloc(e->ids, capacity * sizeof(*more));
        if (!more)
            return error_memory(e->err, capacity * sizeof(*more), "token ids");
        e->ids = more;
        e->capacity = capacity;
    }
    if (n > 0)
        memcpy(e->ids + e->n, ids, n * sizeof(*ids));
    e->n += n;
    return CORBEL_OK;
}

/* Tokens as text: also those that are not special, which the tokenizer finds all the same. */
static corbel_status encode(const struct encoder *e, const char *s, size_t size, bool as_text,
                            corbel_encoding **encoding)
{
    return corbel_encode(e->tokenizer, s, size,
                         &CORBEL_ENCODE_PARAMS(.no_special = 1, .split_special_tokens = as_text),
                         encoding, e->err);
}

/* The token must not come out of its own text again. */
static corbel_status check_token(const struct encoder *e, const char *s, size_t size,
                                 const int32_t *ids, size_t n)
{
    const struct added_token *token = token_at(&e->all, s, size);
    for (size_t i = 0; token && i < n; i++)
        if (ids[i] == token->id)
            return error_set(e->err, CORBEL_E_ARGUMENT,
                             "can't sanitize \"%s\": the tokenizer produces it from plain text",
                             token->content);
    return CORBEL_OK;
}

/* A piece from the middle: behind a newline, so that no space is put before it as before a text's
 * first word. */
static corbel_status encode_piece(struct encoder *e, const char *s, size_t size, bool as_text)
{
    corbel_encoding *encoding = NULL;
    struct text line = {0};
    if (size == 0)
        return CORBEL_OK;
    text_append_char(&line, '\n');
    text_append_bytes(&line, s, size);
    corbel_status status = line.failed ? error_memory(e->err, size, "a piece of a chat")
                                       : encode(e, line.data, line.size, as_text, &encoding);
    text_finish(&line);
    size_t skip = e->n_newline;
    if (status == CORBEL_OK &&
        (encoding->n < skip || memcmp(encoding->ids, e->newline, skip * sizeof(int32_t)) != 0)) {
        skip = 0;
        corbel_encoding_destroy(&encoding);
        status = encode(e, s, size, as_text, &encoding);
    }
    if (status == CORBEL_OK && as_text)
        status = check_token(e, s, size, encoding->ids + skip, encoding->n - skip);
    if (status == CORBEL_OK)
        status = push_ids(e, encoding->ids + skip, encoding->n - skip);
    corbel_encoding_destroy(&encoding);
    return status;
}

static corbel_status encode_first(struct encoder *e, const char *s, size_t size)
{
    corbel_encoding *encoding = NULL;
    corbel_status status = encode(e, s, size, false, &encoding);
    if (status == CORBEL_OK)
        status = push_ids(e, encoding->ids, encoding->n);
    corbel_encoding_destroy(&encoding);
    return status;
}

static corbel_status learn_newline(struct encoder *e)
{
    corbel_encoding *encoding = NULL;
    corbel_status status = encode(e, "\n", 1, false, &encoding);
    if (status == CORBEL_OK && encoding->n <= sizeof(e->newline) / sizeof(*e->newline)) {
        e->n_newline = encoding->n;
        memcpy(e->newline, encoding->ids, encoding->n * sizeof(int32_t));
    }
    corbel_encoding_destroy(&encoding);
    return status;
}

/* The token between two marks that begin at `s`; NULL: the mark stands alone. */
static const struct added_token *token_between_marks(const struct encoder *e, const char *s,
                                                     size_t left)
{
    if (!is_mark(s, left, begin_mark))
        return NULL;
    s += MARK_SIZE;
    left -= MARK_SIZE;
    for (size_t i = 0; i < e->all.n; i++) {
        const size_t n = strlen(e->all.items[i]->content);
        if (n < left && memcmp(e->all.items[i]->content, s, n) == 0 &&
            is_mark(s + n, left - n, end_mark))
            return e->all.items[i];
    }
    return NULL;
}

static corbel_status encode_marked(struct encoder *e, const char *text, size_t size)
{
    corbel_status status = CORBEL_OK;
    size_t begin = 0;
    bool first = true;
    for (size_t at = 0; at <= size && status == CORBEL_OK; at++) {
        const bool mark = at < size && (is_mark(text + at, size - at, begin_mark) ||
                                        is_mark(text + at, size - at, end_mark));
        if (!mark && at < size)
            continue;
        status = first ? encode_first(e, text + begin, at - begin)
                       : encode_piece(e, text + begin, at - begin, false);
        first = false;
        if (!mark || status != CORBEL_OK)
            break;
        const struct added_token *token = token_between_marks(e, text + at, size - at);
        begin = at + MARK_SIZE;
        if (token) {
            status = encode_piece(e, token->content, strlen(token->content), true);
            begin += strlen(token->content) + MARK_SIZE;
        }
        at = begin - 1;
    }
    return status;
}

corbel_status control_tokens_encode(const corbel_chat *chat, const char *text, size_t size,
                                    int32_t **ids, size_t *n_ids, corbel_error *err)
{
    struct encoder e = {.tokenizer = chat->tokenizer, .err = err};
    corbel_status status = token_set_init(&e.all, chat, NULL, err);
    if (status == CORBEL_OK)
        status = learn_newline(&e);
    if (status == CORBEL_OK)
        status = encode_marked(&e, text, size);
    free(e.all.items);
    if (status != CORBEL_OK) {
        free(e.ids);
        return status;
    }
    *ids = e.ids;
    *n_ids = e.n;
    return CORBEL_OK;
}
