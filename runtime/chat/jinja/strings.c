/* chat/jinja/strings.c: what methods and filters of strings have in common. See library.h. */
#include "chat/jinja/characters.h"
#include "chat/jinja/library.h"

#include <string.h>

struct value substring(struct machine *m, struct value string, size_t begin, size_t end)
{
    const struct string *s = string.string;
    size_t from = begin, to = end;
    if (s->n_characters != s->size) {
        if (!spend_bytes(m, s->size))
            return none();
        from = character_offset(s->data, s->size, begin);
        to = from + character_offset(s->data + from, s->size - from, end - begin);
    }
    return with_safety(string_of(m, s->data + from, to - from), string.safe);
}

/* ---- stripping ------------------------------------------------------------------------------- */

static bool is_stripped(const struct value characters, const char *s, size_t size)
{
    size_t length;
    if (!is_string(characters))
        return character_is_space(character_get(s, &length));
    const struct string *set = characters.string;
    for (size_t at = 0; at < set->size; at += length) {
        character_get(set->data + at, &length);
        if (length == size && memcmp(set->data + at, s, size) == 0)
            return true;
    }
    return false;
}

struct value strip(struct machine *m, struct value string, struct value characters, int sides)
{
    const struct string *s = string.string;
    size_t begin = 0, end = s->size, size;
    if (!spend_bytes(m, s->size + (is_string(characters) ? 64 * characters.string->size : 0)))
        return none();
    while ((sides & STRIP_LEFT) && begin < end) {
        character_get(s->data + begin, &size);
        if (!is_stripped(characters, s->data + begin, size))
            break;
        begin += size;
        if (is_string(characters) && !spend_bytes(m, characters.string->size))
            return none();
    }
    while ((sides & STRIP_RIGHT) && end > begin) {
        const size_t before = character_before(s->data, end);
        if (!is_stripped(characters, s->data + before, end - before))
            break;
        end = before;
        if (is_string(characters) && !spend_bytes(m, characters.string->size))
            return none();
    }
    return with_safety(string_of(m, s->data + begin, end - begin), string.safe);
}

/* ---- case ------------------------------------------------------------------------------------ */

/* A sigma is final behind a cased letter and before none. */
static bool is_final_sigma(const struct string *s, size_t at, size_t size)
{
    size_t length, i = at;
    bool cased_before = false;
    while (i > 0) {
        i = character_before(s->data, i);
        const uint32_t c = character_get(s->data + i, &length);
        if (character_is_case_ignorable(c))
            continue;
        cased_before = character_is_cased(c);
        break;
    }
    for (i = at + size; cased_before && i < s->size; i += length) {
        const uint32_t c = character_get(s->data + i, &length);
        if (!character_is_case_ignorable(c))
            return !character_is_cased(c);
    }
    return cased_before;
}

static enum casing casing_of(enum text_case how, uint32_t c, bool first, bool in_word)
{
    switch (how) {
    case CASE_UPPER: return TO_UPPER;
    case CASE_LOWER: return TO_LOWER;
    case CASE_FOLDED: return TO_FOLDED;
    case CASE_CAPITAL: return first ? TO_TITLE : TO_LOWER;
    case CASE_TITLE: return in_word ? TO_LOWER : TO_TITLE;
    case CASE_SWAPPED: return character_is_upper(c) ? TO_LOWER : TO_UPPER;
    }
    return TO_LOWER;
}

struct value change_case(struct machine *m, struct value string, enum text_case how)
{
    const struct string *s = string.string;
    struct builder b = {0};
    bool in_word = false;
    if (!spend_bytes(m, 8 * s->size))
        return none();
    for (size_t at = 0, size; at < s->size && !m->failed; at += size) {
        const uint32_t c = character_get(s->data + at, &size);
        const enum casing casing = casing_of(how, c, at == 0, in_word);
        uint32_t out[3];
        size_t n = character_to_case(c, casing, out);
        if (c == 0x3a3 && casing == TO_LOWER && spend(m, 1))
            out[0] = is_final_sigma(s, at, size) ? 0x3c2 : 0x3c3;
        for (size_t i = 0; i < n; i++)
            build_character(m, &b, out[i]);
        in_word = character_is_cased(c);
    }
    return with_safety(builder_string(m, &b), string.safe);
}

/* ---- replacing, splitting -------------------------------------------------------------------- */

/* Between all characters, as Python does with an empty `old`. */
static struct value interleave(struct machine *m, const struct string *in,
                               const struct string *with, int64_t most)
{
    struct builder b = {0};
    size_t at = 0, size;
    for (;; at += size) {
        if (most != 0)
            build_bytes(m, &b, with->data, with->size);
        most -= most > 0;
        if (at >= in->size || !spend(m, 1))
            break;
        character_get(in->data + at, &size);
        build_bytes(m, &b, in->data + at, size);
    }
    return builder_string(m, &b);
}

struct value replace(struct machine *m, const struct string *in, const struct string *old,
                     const struct string *new, int64_t most)
{
    struct builder b = {0};
    size_t at = 0;
    if (old->size == 0)
        return interleave(m, in, new, most);
    while (most != 0 && spend(m, 1)) {
        const char *found = memmem(in->data + at, in->size - at, old->data, old->size);
        if (!found)
            break;
        build_bytes(m, &b, in->data + at, (size_t)(found - in->data) - at);
        build_bytes(m, &b, new->data, new->size);
        at = (size_t)(found - in->data) + old->size;
        most -= most > 0;
    }
    if (at == 0)
        return spend_bytes(m, in->size) ? string_of(m, in->data, in->size) : none();
    build_bytes(m, &b, in->data + at, in->size - at);
    return builder_string(m, &b);
}

const struct list *split_lines(struct machine *m, const struct string *s, bool keep_ends)
{
    struct list *lines = list_create(m, 8);
    size_t begin = 0, size;
    for (size_t at = 0; at < s->size && !m->failed; at += size) {
        const uint32_t c = character_get(s->data + at, &size);
        if (!character_is_line_end(c))
            continue;
        if (c == '\r' && at + 1 < s->size && s->data[at + 1] == '\n')
            size = 2;
        list_push(m, lines, string_of(m, s->data + begin, at - begin + (keep_ends ? size : 0)));
        begin = at + size;
    }
    if (begin < s->size)
        list_push(m, lines, string_of(m, s->data + begin, s->size - begin));
    spend_bytes(m, s->size);
    return lines;
}

struct value centered(struct machine *m, struct value string, int64_t width)
{
    const int64_t n = (int64_t)string.string->n_characters;
    if (width <= n)
        return string;
    if (width > JINJA_MAX_TEXT)
        width = JINJA_MAX_TEXT + 1;
    const int64_t pad = width - n, left = pad / 2 + (pad & width & 1);
    struct builder b = {0};
    build_repeated(m, &b, ' ', (size_t)left);
    build_bytes(m, &b, string.string->data, string.string->size);
    build_repeated(m, &b, ' ', (size_t)(pad - left));
    return with_safety(builder_string(m, &b), string.safe);
}

struct value escaped(struct machine *m, struct value v)
{
    static const struct {
        char c;
        const char *entity;
    } entities[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'\'', "&#39;"}, {'"', "&#34;"}};
    if (is_string(v) && v.safe)
        return v;
    const struct value text = value_text(m, v);
    if (m->failed)
        return none();
    struct builder b = {0};
    const struct string *s = text.string;
    for (size_t i = 0; i < s->size && !m->failed; i++) {
        const char *entity = NULL;
        for (size_t j = 0; j < sizeof(entities) / sizeof(*entities); j++)
            if (s->data[i] == entities[j].c)
                entity = entities[j].entity;
        if (entity)
            build_text(m, &b, entity);
        else
            build_bytes(m, &b, s->data + i, 1);
    }
    spend_bytes(m, s->size);
    return with_safety(builder_string(m, &b), true);
}
