/* text/encode.c: a text, or two, to tokens: corbel_encode. */
#include "base/error.h"
#include "base/struct_copy.h"
#include "text/parts.h"
#include "text/unicode.h"
#include "text/windows.h"

#include <stdlib.h>
#include <string.h>

/* Positions are 32 bits while a text is worked on. */
#define MAX_TEXT_SIZE ((size_t)1 << 30)

/* ---- workshops ---- */

static struct workshop *borrow(const corbel_tokenizer *t, corbel_error *err)
{
    corbel_tokenizer *mutable = (corbel_tokenizer *)(uintptr_t)t;

    pthread_mutex_lock(&mutable->lock);
    struct workshop *shop = mutable->idle;
    if (shop)
        mutable->idle = shop->next;
    pthread_mutex_unlock(&mutable->lock);
    if (shop)
        return shop;

    shop = calloc(1, sizeof(*shop));
    if (!shop || pattern_room_init(&shop->patterns, err) != CORBEL_OK) {
        free(shop);
        error_memory(err, sizeof(*shop), "a tokenizer's work");
        return NULL;
    }
    return shop;
}

static void give_back(const corbel_tokenizer *t, struct workshop *shop)
{
    corbel_tokenizer *mutable = (corbel_tokenizer *)(uintptr_t)t;

    pthread_mutex_lock(&mutable->lock);
    shop->next = mutable->idle;
    mutable->idle = shop;
    pthread_mutex_unlock(&mutable->lock);
}

/* ---- one text ---- */

static corbel_status check_text(const char *text, size_t size, const char *what, corbel_error *err)
{
    if (size > MAX_TEXT_SIZE)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "%s has %zu bytes, at most 1 GiB is tokenized at once", what, size);
    size_t bad = utf8_validate(text, size);
    return bad == size
               ? CORBEL_OK
               : error_set(err, CORBEL_E_ARGUMENT, "%s is not valid UTF-8 at byte %zu", what, bad);
}

static bool found_put(struct workshop *shop, int which, int32_t id, struct span span, size_t word)
{
    if (shop->n_found[which] == shop->found_capacity[which]) {
        size_t n = shop->found_capacity[which] ? shop->found_capacity[which] * 2 : 256;
        struct found *grown = reallocarray(shop->found[which], n, sizeof(*grown));
        if (!grown)
            return false;
        shop->found[which] = grown;
        shop->found_capacity[which] = n;
    }
    shop->found[which][shop->n_found[which]++] =
        (struct found){id, span.begin, span.end, (uint32_t)word};
    return true;
}

static corbel_status encode_piece(const corbel_tokenizer *t, struct workshop *shop, int which,
                                  const struct piece *p, size_t word, corbel_error *err)
{
    const struct work *w = &shop->work;

    if (p->token != PIECE_TEXT)
        return found_put(shop, which, p->token, p->original, word) ? CORBEL_OK
                                                                   : error_memory(err, 0, "tokens");
    shop->model.n_tokens = 0;
    corbel_status status =
        model_encode(&t->model, &shop->model, w->text + p->begin, p->end - p->begin, err);
    for (size_t i = 0; i < shop->model.n_tokens && status == CORBEL_OK; i++) {
        const struct token *token = &shop->model.tokens[i];
        struct span span = work_original(w, p, p->begin + token->begin, p->begin + token->end);
        if (!found_put(shop, which, token->id, span, word))
            status = error_memory(err, 0, "tokens");
    }
    return status;
}

/* Byte offsets of the tokens from `first` on become code points. */
static bool count_characters(struct workshop *shop, int which, size_t first, const char *text,
                             size_t size)
{
    struct found *found = shop->found[which];
    size_t n = shop->n_found[which];
    uint32_t characters = 0;

    if (utf8_count(text, size) == size)
        return true;
    if (size + 1 > shop->characters_capacity) {
        uint32_t *grown = reallocarray(shop->characters, size + 1, 2 * sizeof(*grown));
        if (!grown)
            return false;
        shop->characters = grown;
        shop->characters_capacity = 2 * (size + 1);
    }
    for (size_t i = 0; i < size; i++) {
        characters += !utf8_is_continuation(text[i]);
        shop->characters[i] = characters - 1;
    }
    shop->characters[size] = characters;
    for (size_t i = first; i < n; i++) {
        found[i].begin = shop->characters[found[i].begin < size ? found[i].begin : size];
        found[i].end = shop->characters[found[i].end < size ? found[i].end : size];
    }
    return true;
}

static bool is_blank_character(uint32_t c)
{
    return c == 0x120 /* a space, as ByteLevel writes it */ || unicode_is_whitespace(c);
}

/* Spaces at a token's ends that ByteLevel's `trim_offsets` leaves out of its offsets. */
static void trim_offsets(const corbel_tokenizer *t, struct workshop *shop, int which)
{
    for (size_t i = 0; i < shop->n_found[which]; i++) {
        struct found *token = &shop->found[which][i];
        size_t size = 0;
        const char *piece = tokenizer_piece(t, token->id, &size);
        uint32_t leading = 0, trailing = 0;
        size_t at = 0, end = size;
        for (; at < size && is_blank_character(utf8_get(piece + at)); leading++)
            at += utf8_length((unsigned char)piece[at]);
        while (end > 0) {
            size_t last = end - 1;
            while (last > 0 && utf8_is_continuation(piece[last]))
                last--;
            if (!is_blank_character(utf8_get(piece + last)))
                break;
            trailing++;
            end = last;
        }
        /* A space that was put in front is not in the text. */
        if ((i == 0 || token->begin == 0) && t->post_processor.prefix_space && leading == 1)
            leading = 0;
        token->begin = token->begin + leading < token->end ? token->begin + leading : token->end;
        if (trailing > 0 && token->end >= trailing)
            token->end =
                token->end - trailing > token->begin ? token->end - trailing : token->begin;
    }
}

/* Appends the tokens of a text, all of them in word `word`, or (-1) each in its own. */
static corbel_status encode_text(const corbel_tokenizer *t, struct workshop *shop, int which,
                                 const char *text, size_t size, bool special, int64_t word,
                                 corbel_error *err)
{
    struct work *w = &shop->work;
    size_t first = shop->n_found[which];
    corbel_status status;

    work_begin(w, text, size, err);
    added_split(&t->added, false, special, w);
    normalizers_run(&t->normalizers, w, &shop->patterns);
    added_split(&t->added, true, special, w);
    if (w->status == CORBEL_OK)
        pre_tokenizers_run(&t->pre_tokenizers, w, &shop->patterns);
    status = w->status;
    shop->model.failed = false;
    for (size_t i = 0; i < w->n_pieces && status == CORBEL_OK; i++)
        status = encode_piece(t, shop, which, &w->pieces[i], word < 0 ? i : (size_t)word, err);
    if (status == CORBEL_OK && !count_characters(shop, which, first, text, size))
        status = error_memory(err, size, "offsets");
    return status;
}

/* ---- both texts ---- */

static corbel_status params_check(const corbel_encode_params *p, corbel_error *err)
{
    if (p->max_length < 0 || p->stride < 0 || p->pad_to < 0)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "max_length, stride and pad_to must not be negative");
    return CORBEL_OK;
}

/* The text, or its words. */
static corbel_status encode_first(const corbel_tokenizer *t, struct workshop *shop,
                                  const char *text, size_t size, const corbel_encode_params *p,
                                  corbel_error *err)
{
    bool special = !p->split_special_tokens;
    corbel_status status = CORBEL_OK;

    if (!p->words) {
        status = check_text(text, size, "the text", err);
        return status == CORBEL_OK ? encode_text(t, shop, 0, text, size, special, -1, err) : status;
    }
    for (size_t i = 0; i < p->n_words && status == CORBEL_OK; i++) {
        size_t word_size = strlen(p->words[i]);
        status = check_text(p->words[i], word_size, "a word", err);
        if (status == CORBEL_OK)
            status = encode_text(t, shop, 0, p->words[i], word_size, special, (int64_t)i, err);
    }
    return status;
}

static corbel_status encode_pair(const corbel_tokenizer *t, struct workshop *shop,
                                 const corbel_encode_params *p, corbel_error *err)
{
    size_t size = p->pair_size ? p->pair_size : strlen(p->pair);
    corbel_status status = check_text(p->pair, size, "the pair", err);

    return status == CORBEL_OK
               ? encode_text(t, shop, 1, p->pair, size, !p->split_special_tokens, -1, err)
               : status;
}

static corbel_status encode_both(const corbel_tokenizer *t, struct workshop *shop, const char *text,
                                 size_t size, const corbel_encode_params *p, corbel_error *err)
{
    corbel_status status = params_check(p, err);

    shop->n_found[0] = shop->n_found[1] = 0;
    if (status == CORBEL_OK)
        status = encode_first(t, shop, text, size, p, err);
    if (status == CORBEL_OK && p->pair)
        status = encode_pair(t, shop, p, err);
    for (int i = 0; i < 2 && status == CORBEL_OK && t->post_processor.trim_offsets; i++)
        trim_offsets(t, shop, i);
    return status;
}

/* A caller compiled against an older header has a shorter struct. */
static corbel_encode_params own_params(const corbel_encode_params *params)
{
    corbel_encode_params p = CORBEL_ENCODE_PARAMS(0);

    STRUCT_COPY(&p, params);
    return p;
}

corbel_status corbel_encode(const corbel_tokenizer *tokenizer, const char *text, size_t text_size,
                            const corbel_encode_params *params, corbel_encoding **encoding,
                            corbel_error *err)
{
    if (!tokenizer || !encoding || (!text && !(params && own_params(params).words)))
        return error_set(err, CORBEL_E_ARGUMENT, "corbel_encode needs a tokenizer and a text");

    corbel_encode_params p = own_params(params);
    struct workshop *shop = borrow(tokenizer, err);
    *encoding = NULL;
    if (!shop)
        return CORBEL_E_MEMORY;
    if (text && text_size == (size_t)-1)
        text_size = strlen(text);

    corbel_status status = encode_both(tokenizer, shop, text, text_size, &p, err);
    if (status == CORBEL_OK)
        status = windows_make(tokenizer, shop, &p, encoding, err);
    if (status != CORBEL_OK)
        corbel_encoding_destroy(encoding);
    give_back(tokenizer, shop);
    return status;
}
