/* chat/jinja/string_methods.c: "...".method(): Python's, on code points. */
#include "chat/jinja/string_methods.h"
#include "chat/jinja/characters.h"
#include "chat/jinja/evaluate.h"
#include "chat/jinja/library.h"

#include <string.h>

/* ---- strip, case ----------------------------------------------------------------------------- */

static struct value strip_sides(struct machine *m, struct value self, const struct arguments *a,
                                const char *name, int sides)
{
    struct value characters;
    if (!BIND(m, name, a, 0, &characters, "chars") || !optional_string(m, name, &characters))
        return none();
    return strip(m, self, characters, sides);
}

METHOD(str_strip)
{
    return strip_sides(m, self, a, "strip", STRIP_LEFT | STRIP_RIGHT);
}
METHOD(str_lstrip)
{
    return strip_sides(m, self, a, "lstrip", STRIP_LEFT);
}
METHOD(str_rstrip)
{
    return strip_sides(m, self, a, "rstrip", STRIP_RIGHT);
}

static struct value cased(struct machine *m, struct value self, const struct arguments *a,
                          const char *name, enum text_case how)
{
    return bind_nothing(m, name, a) ? change_case(m, self, how) : none();
}

METHOD(str_upper)
{
    return cased(m, self, a, "upper", CASE_UPPER);
}
METHOD(str_lower)
{
    return cased(m, self, a, "lower", CASE_LOWER);
}
METHOD(str_title)
{
    return cased(m, self, a, "title", CASE_TITLE);
}
METHOD(str_capitalize)
{
    return cased(m, self, a, "capitalize", CASE_CAPITAL);
}
METHOD(str_swapcase)
{
    return cased(m, self, a, "swapcase", CASE_SWAPPED);
}
METHOD(str_casefold)
{
    return cased(m, self, a, "casefold", CASE_FOLDED);
}

/* ---- split, join ----------------------------------------------------------------------------- */

static struct list *split_at(struct machine *m, const struct string *s, const struct string *by,
                             int64_t most)
{
    struct list *parts = list_create(m, 8);
    size_t at = 0;
    for (; most != 0 && spend(m, 1); most -= most > 0) {
        const char *found = memmem(s->data + at, s->size - at, by->data, by->size);
        if (!found)
            break;
        list_push(m, parts, piece(m, s, at, (size_t)(found - s->data)));
        at = (size_t)(found - s->data) + by->size;
    }
    list_push(m, parts, piece(m, s, at, s->size));
    return parts;
}

static void reverse_items(struct list *list)
{
    for (size_t i = 0; list && i < list->n / 2; i++) {
        const struct value other = list->items[list->n - 1 - i];
        list->items[list->n - 1 - i] = list->items[i];
        list->items[i] = other;
    }
}

static struct list *split_at_right(struct machine *m, const struct string *s,
                                   const struct string *by, int64_t most)
{
    struct list *parts = list_create(m, 8);
    size_t end = s->size, at = s->size;
    while (most != 0 && at >= by->size && spend_bytes(m, 256)) {
        while (at >= by->size && !is_at(m, s->data + at - by->size, by))
            at--;
        if (at < by->size || m->failed)
            break;
        list_push(m, parts, piece(m, s, at, end));
        end = at -= by->size;
        most -= most > 0;
    }
    list_push(m, parts, piece(m, s, 0, end));
    reverse_items(parts);
    return parts;
}

/* At white space, of which there is none at the ends of parts. */
static struct list *split_words(struct machine *m, const struct string *s, int64_t most)
{
    struct list *parts = list_create(m, 8);
    size_t at = 0, size;
    while (!m->failed) {
        while (at < s->size && character_is_space(character_get(s->data + at, &size)))
            at += size;
        if (at >= s->size)
            break;
        const size_t begin = at;
        if (most == 0) {
            list_push(m, parts, piece(m, s, begin, s->size));
            break;
        }
        while (at < s->size && !character_is_space(character_get(s->data + at, &size)))
            at += size;
        list_push(m, parts, piece(m, s, begin, at));
        most -= most > 0;
    }
    return parts;
}

static struct list *split_words_right(struct machine *m, const struct string *s, int64_t most)
{
    struct list *parts = list_create(m, 8);
    size_t at = s->size, size;
    while (!m->failed) {
        while (at > 0 &&
               character_is_space(character_get(s->data + character_before(s->data, at), &size)))
            at = character_before(s->data, at);
        if (at == 0)
            break;
        const size_t end = at;
        if (most == 0) {
            list_push(m, parts, piece(m, s, 0, end));
            break;
        }
        while (at > 0 &&
               !character_is_space(character_get(s->data + character_before(s->data, at), &size)))
            at = character_before(s->data, at);
        list_push(m, parts, piece(m, s, at, end));
        most -= most > 0;
    }
    reverse_items(parts);
    return parts;
}

static struct value split(struct machine *m, struct value self, const struct arguments *a,
                          bool from_right)
{
    struct value out[2];
    const char *name = from_right ? "rsplit" : "split";
    int64_t most;
    struct list *parts;
    if (!BIND(m, name, a, 0, out, "sep", "maxsplit") || !optional_string(m, name, &out[0]) ||
        !optional_int(m, name, out[1], -1, &most) || !spend_bytes(m, self.string->size))
        return none();
    if (!is_given(out[0]))
        parts = from_right ? split_words_right(m, self.string, most)
                           : split_words(m, self.string, most);
    else if (out[0].string->size == 0)
        return fail_type(m, "%s(): empty separator", name);
    else
        parts = from_right ? split_at_right(m, self.string, out[0].string, most)
                           : split_at(m, self.string, out[0].string, most);
    return list_value(all_like(self, parts));
}

METHOD(str_split)
{
    return split(m, self, a, false);
}
METHOD(str_rsplit)
{
    return split(m, self, a, true);
}

METHOD(str_splitlines)
{
    struct value keep;
    if (!BIND(m, "splitlines", a, 0, &keep, "keepends"))
        return none();
    const struct list *lines = split_lines(m, self.string, is_given(keep) && value_truth(m, keep));
    struct list *copy = list_create(m, lines ? lines->n : 0);
    for (size_t i = 0; lines && i < lines->n; i++)
        list_push(m, copy, lines->items[i]);
    return list_value(all_like(self, copy));
}

/* str.partition: what is before, the separator, what is behind. */
static struct value partition(struct machine *m, struct value self, const struct arguments *a,
                              bool from_right)
{
    struct value by;
    const char *name = from_right ? "rpartition" : "partition";
    const struct string *s = self.string, *sep;
    if (!BIND(m, name, a, 1, &by, "sep") || !string_argument(m, name, by, &sep))
        return none();
    if (sep->size == 0)
        return fail_type(m, "%s(): empty separator", name);
    const struct list *parts = from_right ? split_at_right(m, s, sep, 1) : split_at(m, s, sep, 1);
    struct list *result = list_create(m, 3);
    const struct value empty = string_of(m, "", 0);
    if (m->failed)
        return none();
    const bool found = parts->n == 2;
    list_push(m, result, found ? parts->items[0] : from_right ? empty : self);
    list_push(m, result, found ? by : empty);
    list_push(m, result, found ? parts->items[1] : from_right ? self : empty);
    return tuple_value(all_like(self, result));
}

METHOD(str_partition)
{
    return partition(m, self, a, false);
}
METHOD(str_rpartition)
{
    return partition(m, self, a, true);
}

METHOD(str_join)
{
    struct value of, item;
    if (!BIND(m, "join", a, 1, &of, "iterable"))
        return none();
    struct builder b = {0};
    struct walk walk = walk_begin(m, of);
    for (bool first = true; walk_next(m, &walk, &item); first = false) {
        const struct string *s;
        const struct value text = self.safe ? escaped(m, item) : item;
        if (!string_argument(m, "join", text, &s))
            return none();
        if (!first)
            build_bytes(m, &b, self.string->data, self.string->size);
        build_bytes(m, &b, s->data, s->size);
    }
    return like(self, builder_string(m, &b));
}

METHOD(str_replace)
{
    struct value out[3];
    const struct string *old, *new;
    int64_t most;
    if (!BIND(m, "replace", a, 2, out, "old", "new", "count") ||
        !optional_int(m, "replace", out[2], -1, &most) ||
        !string_argument(m, "replace", out[0], &old) ||
        !string_argument(m, "replace", self.safe ? escaped(m, out[1]) : out[1], &new))
        return none();
    return like(self, replace(m, self.string, old, new, most));
}

/* ---- format ---------------------------------------------------------------------------------- */

METHOD(str_format)
{
    return like(self, format_braces(m, self, a));
}

METHOD(str_format_map)
{
    struct value map;
    if (!BIND(m, "format_map", a, 1, &map, "mapping"))
        return none();
    if (map.kind != KIND_DICT)
        return fail_type(m, "format_map() needs a dict, found %s", value_type(map));
    struct arguments named = {.keywords = take_memory(m, map.dict->n, sizeof(struct keyword))};
    for (size_t i = 0; !m->failed && i < map.dict->n; i++)
        if (is_string(map.dict->entries[i].key))
            named.keywords[named.n_keywords++] =
                (struct keyword){map.dict->entries[i].key.string, map.dict->entries[i].value};
    return m->failed ? none() : like(self, format_braces(m, self, &named));
}

const struct function string_methods[] = {
    {"strip", str_strip},
    {"lstrip", str_lstrip},
    {"rstrip", str_rstrip},
    {"upper", str_upper},
    {"lower", str_lower},
    {"title", str_title},
    {"capitalize", str_capitalize},
    {"swapcase", str_swapcase},
    {"casefold", str_casefold},
    {"split", str_split},
    {"rsplit", str_rsplit},
    {"splitlines", str_splitlines},
    {"partition", str_partition},
    {"rpartition", str_rpartition},
    {"join", str_join},
    {"replace", str_replace},
    {"format", str_format},
    {"format_map", str_format_map},
    {NULL, NULL},
};
