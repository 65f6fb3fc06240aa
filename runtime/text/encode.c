/* text/encode.c: a text, or two, to tokens: corbel_encode. */
#include "base/error.h"
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

static bool found_put(struct workshop *shop, int which, int32_t id, struct span span)
{
    if (shop->n_found[which] == shop->found_capacity[which]) {
        size_t n = shop->found_capacity[which] ? shop->found_capacity[which] * 2 : 256;
        struct token *grown = reallocarray(shop->found[which], n, sizeof(*grown));
        if (!grown)
            return false;
        shop->found[which] = grown;
        shop->found_capacity[which] = n;
    }
    shop->found[which][shop->n_found[which]++] = (struct token){id, span.begin, span.end};
    return true;
}

static corbel_status encode_piece(const corbel_tokenizer *t, struct workshop *shop, int which,
                                  const struct piece *p, corbel_error *err)
{
    const struct work *w = &shop->work;

    if (p->token != PIECE_TEXT)
        return found_put(shop, which, p->token, p->original) ? CORBEL_OK
                                                             : error_memory(err, 0, "tokens");
    shop->model.n_tokens = 0;
    corbel_status status =
        model_encode(&t->model, &shop->model, w->text + p->begin, p->end - p->begin, err);
    for (size_t i = 0; i < shop->model.n_tokens && status == CORBEL_OK; i++) {
        const struct token *token = &shop->model.tokens[i];
        struct span span = work_original(w, p, p->begin + token->begin, p->begin + token->end);
        if (!found_put(shop, which, token->id, span))
            status = error_memory(err, 0, "tokens");
    }
    return status;
}

/* Byte offsets of the tokens become code points. */
static bool count_characters(struct workshop *shop, int which, const char *text, size_t size)
{
    struct token *found = shop->found[which];
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
    for (size_t i = 0; i < n; i++) {
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
        struct token *token = &shop->found[which][i];
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

static corbel_status encode_text(const corbel_tokenizer *t, struct workshop *shop, int which,
                                 const char *text, size_t size, corbel_error *err)
{
    struct work *w = &shop->work;
    corbel_status status;

    shop->n_found[which] = 0;
    work_begin(w, text, size, err);
    added_split(&t->added, false, w);
    normalizers_run(&t->normalizers, w, &shop->patterns);
    added_split(&t->added, true, w);
    if (w->status == CORBEL_OK)
        pre_tokenizers_run(&t->pre_tokenizers, w, &shop->patterns);
    status = w->status;
    shop->model.failed = false;
    for (size_t i = 0; i < w->n_pieces && status == CORBEL_OK; i++)
        status = encode_piece(t, shop, which, &w->pieces[i], err);
    if (status == CORBEL_OK && !count_characters(shop, which, text, size))
        status = error_memory(err, size, "offsets");
    if (status == CORBEL_OK && t->post_processor.trim_offsets)
        trim_offsets(t, shop, which);
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

static corbel_status encode_both(const corbel_tokenizer *t, struct workshop *shop, const char *text,
                                 size_t size, const corbel_encode_params *p, corbel_error *err)
{
    size_t pair_size = p->pair_size ? p->pair_size : p->pair ? strlen(p->pair) : 0;
    corbel_status status;

    if ((status = params_check(p, err)) != CORBEL_OK ||
        (status = check_text(text, size, "the text", err)) != CORBEL_OK ||
        (p->pair && (status = check_text(p->pair, pair_size, "the pair", err)) != CORBEL_OK) ||
        (status = encode_text(t, shop, 0, text, size, err)) != CORBEL_OK)
        return status;
    return p->pair ? encode_text(t, shop, 1, p->pair, pair_size, err) : CORBEL_OK;
}

/* A caller compiled against an older header has a shorter struct. */
static corbel_encode_params own_params(const corbel_encode_params *params)
{
    corbel_encode_params p = CORBEL_ENCODE_PARAMS(0);

    if (params)
        memcpy(&p, params,
               params->struct_size && params->struct_size < sizeof p ? params->struct_size
                                                                     : sizeof p);
    return p;
}

corbel_status corbel_encode(const corbel_tokenizer *tokenizer, const char *text, size_t text_size,
                            const corbel_encode_params *params, corbel_encoding **encoding,
                            corbel_error *err)
{
    if (!tokenizer || !text || !encoding)
        return error_set(err, CORBEL_E_ARGUMENT, "corbel_encode needs a tokenizer and a text");

    corbel_encode_params p = own_params(params);
    struct workshop *shop = borrow(tokenizer, err);
    *encoding = NULL;
    if (!shop)
        return CORBEL_E_MEMORY;
    if (text_size == (size_t)-1)
        text_size = strlen(text);

    corbel_status status = encode_both(tokenizer, shop, text, text_size, &p, err);
    if (status == CORBEL_OK)
        status = windows_make(tokenizer, shop, &p, encoding, err);
    if (status != CORBEL_OK)
        corbel_encoding_destroy(encoding);
    give_back(tokenizer, shop);
    return status;
}
