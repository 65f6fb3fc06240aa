/* task/entities.c: see entities.h. */
#include "task/entities.h"

#include "base/error.h"
#include "task/labels.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

/* ---- the text that offsets count in ---------------------------------------------------------- */

void sentence_finish(struct sentence *s)
{
    text_finish(&s->text);
    free(s->at);
    free(s->word_at);
}

static bool join_words(struct sentence *s, struct json_object *words, const char *delimiter)
{
    size_t n = json_object_array_length(words), delimiter_size = strlen(delimiter);
    int64_t at = 0;
    s->word_at = calloc(n + 1, sizeof(*s->word_at));
    for (size_t i = 0; i < n && s->word_at; i++) {
        const char *word = json_object_get_string(json_object_array_get_idx(words, i));
        text_append(&s->text, i ? delimiter : "");
        text_append(&s->text, word);
        s->word_at[i] = at;
        at += (int64_t)(utf8_count(word, strlen(word)) + utf8_count(delimiter, delimiter_size));
    }
    return s->word_at != NULL;
}

bool sentence_init(struct sentence *s, struct json_object *input, const char *delimiter)
{
    *s = (struct sentence){0};
    bool done = true;
    if (json_object_is_type(input, json_type_array))
        done = join_words(s, input, delimiter);
    else
        text_append_bytes(&s->text, json_object_get_string(input),
                          (size_t)json_object_get_string_len(input));
    s->at = calloc(s->text.size + 1, sizeof(*s->at));
    if (!done || !s->at || s->text.failed)
        return false;
    for (size_t i = 0; i < s->text.size; i++)
        if (!utf8_is_continuation(s->text.data[i]))
            s->at[s->n++] = i;
    s->at[s->n] = s->text.size;
    return true;
}

/* sentence[begin:end] of Python. */
static struct piece_text slice(const struct sentence *s, int64_t begin, int64_t end)
{
    end = end < s->n ? end : s->n;
    begin = begin < 0 ? 0 : begin < end ? begin : end;
    return (struct piece_text){text_cstr(&s->text) + s->at[begin], s->at[end] - s->at[begin]};
}

/* ---- entities -------------------------------------------------------------------------------- */

struct entity *entities_add(struct entities *list)
{
    if (list->n == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 64;
        struct entity *items = reallocarray(list->items, capacity, sizeof(*items));
        if (!items)
            return NULL;
        list->items = items;
        list->capacity = capacity;
    }
    struct entity *e = &list->items[list->n++];
    *e = (struct entity){0};
    return e;
}

static void entities_clear(struct entities *list)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].owns_piece)
            free((char *)(uintptr_t)list->items[i].piece.bytes);
    list->n = 0;
}

void entities_finish(struct entities *list)
{
    entities_clear(list);
    free(list->items);
}

static int64_t best_label(const float *scores, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (scores[i] > scores[best])
            best = i;
    return best;
}

/* True if a token continues the word before it: where the vocabulary marks such pieces, one that is
 * spelled otherwise than the text; else one without a space at its beginning. */
static bool is_subword(const struct entity_maker *m, const struct entity *token)
{
    struct piece_text text = slice(m->sentence, token->begin, token->end);
    if (tokenizer_marks_continuation(m->call->pipeline->tokenizer))
        return utf8_count(token->piece.bytes, token->piece.size) !=
               utf8_count(text.bytes, text.size);
    struct piece_text edge = slice(m->sentence, token->begin - 1, token->begin + 1);
    return token->begin > 0 && !memchr(edge.bytes, ' ', edge.size);
}

static corbel_status gather_tokens(struct entity_maker *m, const struct window *window)
{
    const corbel_encoding *e = window->encoding;
    int32_t unk = corbel_tokenizer_special(m->call->pipeline->tokenizer, "unk_token");
    for (size_t i = 0; i < e->n; i++) {
        if (e->special_tokens_mask[i])
            continue;
        struct entity *token = entities_add(&m->tokens);
        if (!token)
            return error_memory(m->err, sizeof(*token), "tokens");
        float *scores = m->scores + (int64_t)i * m->n_labels;
        int64_t shift =
            m->sentence->word_at && e->word_ids[i] >= 0 ? m->sentence->word_at[e->word_ids[i]] : 0;
        scores_apply(SCORE_SOFTMAX, window->outputs[0] + (int64_t)i * m->n_labels, m->n_labels,
                     scores);
        *token = (struct entity){.label = best_label(scores, m->n_labels),
                                 .index = (int64_t)i,
                                 .begin = e->offsets[i][0] + shift,
                                 .end = e->offsets[i][1] + shift,
                                 .scores = scores,
                                 .piece = {e->tokens[i], strlen(e->tokens[i])}};
        token->score = scores[token->label];
        token->is_subword = is_subword(m, token);
        if (e->ids[i] == unk) {
            token->piece = slice(m->sentence, token->begin, token->end);
            token->is_subword = false;
        }
    }
    return CORBEL_OK;
}

/* The tokens as one text. */
static corbel_status join(const struct entity_maker *m, const struct entity *parts, size_t n,
                          struct entity *whole)
{
    struct piece_text *pieces = calloc(n, sizeof(*pieces));
    struct text text = {0};
    if (!pieces)
        return error_memory(m->err, n * sizeof(*pieces), "pieces");
    for (size_t i = 0; i < n; i++)
        pieces[i] = parts[i].piece;
    corbel_status status = tokenizer_join(m->call->pipeline->tokenizer, pieces, n, &text, m->err);
    free(pieces);
    text_append(&text, "");
    if (status == CORBEL_OK && text.failed)
        status = error_memory(m->err, text.size, "a word");
    if (status != CORBEL_OK) {
        text_finish(&text);
        return status;
    }
    whole->piece.size = text.size;
    whole->piece.bytes = text.data ? text_take(&text) : strdup("");
    whole->owns_piece = true;
    return whole->piece.bytes ? CORBEL_OK : error_memory(m->err, 1, "a word");
}

/* ---- tokens to words ------------------------------------------------------------------------- */

static void score_word(const struct entity_maker *m, const struct entity *tokens, size_t n,
                       struct entity *word)
{
    const struct entity *chosen = &tokens[0];
    if (m->strategy == AGGREGATE_AVERAGE) {
        for (int64_t k = 0; k < m->n_labels; k++) {
            double sum = 0;
            for (size_t i = 0; i < n; i++)
                sum += (double)tokens[i].scores[k];
            m->mean[k] = (float)(sum / (double)n);
        }
        word->label = best_label(m->mean, m->n_labels);
        word->score = m->mean[word->label];
        return;
    }
    for (size_t i = 1; i < n && m->strategy == AGGREGATE_MAX; i++)
        if (tokens[i].score > chosen->score)
            chosen = &tokens[i];
    word->label = chosen->label;
    word->score = chosen->score;
}

static corbel_status make_words(struct entity_maker *m)
{
    corbel_status status = CORBEL_OK;
    for (size_t first = 0, next; first < m->tokens.n && status == CORBEL_OK; first = next) {
        const struct entity *tokens = &m->tokens.items[first];
        for (next = first + 1; next < m->tokens.n && m->tokens.items[next].is_subword;)
            next++;
        struct entity *word = entities_add(&m->words);
        if (!word)
            return error_memory(m->err, sizeof(*word), "words");
        score_word(m, tokens, next - first, word);
        word->begin = tokens[0].begin;
        word->end = tokens[next - first - 1].end;
        status = join(m, tokens, next - first, word);
    }
    return status;
}

/* ---- words to groups ------------------------------------------------------------------------- */

/* "B-PER": begins a "PER"; "I-PER" and "PER": go on with one. */
static bool begins(const struct label_name *label)
{
    return label->size >= 2 && label->text[0] == 'B' && label->text[1] == '-';
}

static struct piece_text tag_of(const struct label_name *label)
{
    bool tagged = label->size >= 2 && (label->text[0] == 'B' || label->text[0] == 'I') &&
                  label->text[1] == '-';
    return (struct piece_text){label->text + 2 * tagged, label->size - 2 * tagged};
}

static bool equal(struct piece_text a, struct piece_text b)
{
    return a.size == b.size && memcmp(a.bytes, b.bytes, a.size) == 0;
}

static bool continues(const struct entity_maker *m, int64_t label, int64_t last)
{
    struct label_name a, b;
    label_name_get(&a, m->call, label);
    label_name_get(&b, m->call, last);
    return !begins(&a) && equal(tag_of(&a), tag_of(&b));
}

static corbel_status make_groups(struct entity_maker *m, const struct entities *parts)
{
    corbel_status status = CORBEL_OK;
    for (size_t first = 0, next; first < parts->n && status == CORBEL_OK; first = next) {
        const struct entity *part = &parts->items[first];
        double sum = (double)part->score;
        for (next = first + 1; next < parts->n &&
                               continues(m, parts->items[next].label, parts->items[next - 1].label);
             next++)
            sum += (double)parts->items[next].score;
        struct entity *group = entities_add(&m->groups);
        if (!group)
            return error_memory(m->err, sizeof(*group), "entities");
        group->label = part->label;
        group->score = (float)(sum / (double)(next - first));
        group->begin = part->begin;
        group->end = parts->items[next - 1].end;
        status = join(m, part, next - first, group);
    }
    return status;
}

/* ---- a window -------------------------------------------------------------------------------- */

corbel_status entities_make(struct entity_maker *m, const struct window *window,
                            struct entities **made)
{
    m->n_labels = window->width;
    free(m->scores);
    m->scores = calloc(window->encoding->n, (size_t)m->n_labels * sizeof(*m->scores));
    if (!m->mean)
        m->mean = calloc((size_t)m->n_labels, sizeof(*m->mean));
    if (!m->scores || !m->mean)
        return error_memory(m->err, window->encoding->n * sizeof(*m->scores), "scores");

    entities_clear(&m->tokens);
    entities_clear(&m->words);
    entities_clear(&m->groups);
    corbel_status status = gather_tokens(m, window);
    if (status == CORBEL_OK && m->strategy > AGGREGATE_SIMPLE)
        status = make_words(m);
    if (status == CORBEL_OK && m->strategy != AGGREGATE_NONE)
        status = make_groups(m, m->strategy > AGGREGATE_SIMPLE ? &m->words : &m->tokens);
    *made = m->strategy == AGGREGATE_NONE ? &m->tokens : &m->groups;
    return status;
}

void entity_maker_finish(struct entity_maker *m)
{
    entities_finish(&m->tokens);
    entities_finish(&m->words);
    entities_finish(&m->groups);
    free(m->scores);
    free(m->mean);
}

/* ---- several windows ------------------------------------------------------------------------- */

static int by_begin(const void *a, const void *b)
{
    const struct entity *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order; /* as they came */
}

size_t entities_drop_overlapping(struct entities *list)
{
    size_t n = 0; /* kept so far; the last of them may still lose */
    for (size_t i = 0; i < list->n; i++)
        list->items[i].order = i;
    qsort(list->items, list->n, sizeof(*list->items), by_begin);
    for (size_t i = 0; i < list->n; i++) {
        struct entity *last = n > 0 ? &list->items[n - 1] : NULL, *e = &list->items[i];
        bool overlaps = last && last->begin <= e->begin && e->begin < last->end;
        struct entity *place = overlaps ? last : &list->items[n++];
        int64_t longer = overlaps ? (e->end - e->begin) - (last->end - last->begin) : 1;
        if (place != e && (longer > 0 || (longer == 0 && e->score > last->score))) {
            struct entity lost = *place;
            *place = *e;
            *e = lost; /* freed with the rest */
        }
    }
    return n;
}
