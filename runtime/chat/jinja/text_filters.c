/* chat/jinja/text_filters.c: filters that make text of what they are given. */
#include "chat/jinja/characters.h"
#include "chat/jinja/evaluate.h"
#include "chat/jinja/library.h"

#include <stdio.h>
#include <string.h>

#define FILTER(name) \
    static struct value name(struct machine *m, struct value self, const struct arguments *a)

/* str(v), for filters that take anything; the text of undefined is empty. */
static bool text_of(struct machine *m, struct value *v)
{
    *v = value_text(m, *v);
    return !m->failed;
}

static struct value cased(struct machine *m, struct value self, const struct arguments *a,
                          const char *name, enum text_case how)
{
    return bind_nothing(m, name, a) && text_of(m, &self) ? change_case(m, self, how) : none();
}

FILTER(filter_upper)
{
    return cased(m, self, a, "upper", CASE_UPPER);
}
FILTER(filter_lower)
{
    return cased(m, self, a, "lower", CASE_LOWER);
}
FILTER(filter_capitalize)
{
    return cased(m, self, a, "capitalize", CASE_CAPITAL);
}

/* Words begin behind white space and - ( { [ <, unlike those of str.title. */
FILTER(filter_title)
{
    if (!bind_nothing(m, "title", a) || !text_of(m, &self))
        return none();
    const struct string *s = self.string;
    struct builder b = {0};
    struct value word = string_of(m, "", 0);
    for (size_t at = 0, begin = 0, size; at <= s->size && !m->failed; at += size) {
        size = 1;
        const uint32_t c = at < s->size ? character_get(s->data + at, &size) : ' ';
        if (!character_is_space(c) && !(c < 0x80 && strchr("-({[<", (int)c)))
            continue;
        if (at > begin) { /* item[0].upper() + item[1:].lower() */
            character_get(s->data + begin, &size);
            word = change_case(m, string_of(m, s->data + begin, size), CASE_UPPER);
            build_value(m, &b, word);
            word =
                change_case(m, string_of(m, s->data + begin + size, at - begin - size), CASE_LOWER);
            build_value(m, &b, word);
            size = 1;
        }
        if (at < s->size) {
            character_get(s->data + at, &size);
            build_bytes(m, &b, s->data + at, size);
        }
        begin = at + size;
    }
    return builder_string(m, &b);
}

FILTER(filter_trim)
{
    struct value characters;
    const struct string *s;
    if (!BIND(m, "trim", a, 0, &characters, "chars") || !text_of(m, &self))
        return none();
    if (characters.kind == KIND_NONE)
        characters = missing();
    if (is_given(characters) && !string_argument(m, "trim", characters, &s))
        return none();
    return strip(m, self, characters, STRIP_LEFT | STRIP_RIGHT);
}

FILTER(filter_replace)
{
    struct value out[3];
    int64_t most = -1;
    if (!BIND(m, "replace", a, 2, out, "old", "new", "count") ||
        (is_given(out[2]) && out[2].kind != KIND_NONE &&
         !integer_argument(m, "replace", out[2], &most)) ||
        !text_of(m, &self) || !text_of(m, &out[0]) || !text_of(m, &out[1]))
        return none();
    return replace(m, self.string, out[0].string, out[1].string, most);
}

FILTER(filter_join)
{
    struct value out[2], item;
    if (!BIND(m, "join", a, 0, out, "d", "attribute"))
        return none();
    struct value separator = is_given(out[0]) ? out[0] : string_of(m, "", 0);
    if (!text_of(m, &separator))
        return none();
    struct builder b = {0};
    struct walk walk = walk_begin(m, self);
    for (bool first = true; walk_next(m, &walk, &item); first = false) {
        if (is_given(out[1]) && out[1].kind != KIND_NONE)
            item = get_path(m, item, out[1]);
        if (!first)
            build_bytes(m, &b, separator.string->data, separator.string->size);
        build_value(m, &b, item);
    }
    return builder_string(m, &b);
}

/* ---- indent, wordcount, center, truncate ----------------------------------------------------- */

static bool read_indention(struct machine *m, struct value width, struct value *out)
{
    int64_t n = 4;
    struct builder spaces = {0};
    if (is_string(width)) {
        *out = width;
        return true;
    }
    if (is_given(width) && !integer_argument(m, "indent", width, &n))
        return false;
    if (n > JINJA_MAX_TEXT)
        n = (int64_t)JINJA_MAX_TEXT + 1;
    build_repeated(m, &spaces, ' ', n > 0 ? (size_t)n : 0);
    *out = builder_string(m, &spaces);
    return !m->failed;
}

FILTER(filter_indent)
{
    struct value out[3], by, newline;
    const struct string *s;
    if (!BIND(m, "indent", a, 0, out, "width", "first", "blank") ||
        !read_indention(m, out[0], &by) || !string_argument(m, "indent", self, &s))
        return none();
    const bool first = is_given(out[1]) && value_truth(m, out[1]);
    const bool blank = is_given(out[2]) && value_truth(m, out[2]);
    struct builder b = {0};
    newline = string_of(m, "\n", 1);
    const bool safe = self.safe;
    self.safe = false;
    const struct value ended = strings_joined(m, self, newline);
    const struct list *lines = m->failed ? NULL : split_lines(m, ended.string, false);
    for (size_t i = 0; !m->failed && i < lines->n; i++) {
        const struct string *line = lines->items[i].string;
        if (i == 0 ? first : blank || line->size > 0) {
            build_text(m, &b, i > 0 ? "\n" : "");
            build_bytes(m, &b, by.string->data, by.string->size);
        } else if (i > 0) {
            build_text(m, &b, "\n");
        }
        build_bytes(m, &b, line->data, line->size);
    }
    return with_safety(builder_string(m, &b), safe);
}

FILTER(filter_wordcount)
{
    int64_t n = 0;
    bool in_word = false;
    if (!bind_nothing(m, "wordcount", a) || !text_of(m, &self) ||
        !spend_bytes(m, self.string->size))
        return none();
    for (size_t at = 0, size; at < self.string->size; at += size) {
        const bool is_word_character =
            character_is_word(character_get(self.string->data + at, &size));
        n += is_word_character && !in_word;
        in_word = is_word_character;
    }
    return integer(n);
}

FILTER(filter_center)
{
    struct value width;
    int64_t n = 80;
    if (!BIND(m, "center", a, 0, &width, "width") ||
        (is_given(width) && !integer_argument(m, "center", width, &n)) || !text_of(m, &self))
        return none();
    return centered(m, self, n);
}

FILTER(filter_truncate)
{
    struct value out[4], end;
    int64_t length = 255, leeway = 5;
    const struct string *s, *tail;
    if (!BIND(m, "truncate", a, 0, out, "length", "killwords", "end", "leeway") ||
        (is_given(out[0]) && !integer_argument(m, "truncate", out[0], &length)) ||
        (is_given(out[3]) && out[3].kind != KIND_NONE &&
         !integer_argument(m, "truncate", out[3], &leeway)))
        return none();
    end = is_given(out[2]) ? out[2] : string_of(m, "...", 3);
    if (!is_string(self) && value_length(self) >= 0 && length >= 0 && leeway >= 0 &&
        value_length(self) <= length)
        return self; /* whatever is short enough is not looked at */
    if (!string_argument(m, "truncate", self, &s) || !string_argument(m, "truncate", end, &tail))
        return none();
    if (length < (int64_t)tail->n_characters || leeway < 0)
        return fail_type(m, "truncate: expected a length of at least %zu, and no negative leeway",
                         tail->n_characters);
    if (length > JINJA_MAX_TEXT || (int64_t)s->n_characters <= length + leeway)
        return self;
    struct value cut = substring(m, self, 0, (size_t)length - tail->n_characters);
    const bool killwords = is_given(out[1]) && value_truth(m, out[1]);
    const char *space =
        m->failed || killwords ? NULL : memrchr(cut.string->data, ' ', cut.string->size);
    if (space)
        cut = string_of(m, cut.string->data, (size_t)(space - cut.string->data));
    return m->failed ? none() : strings_joined(m, cut, end);
}

/* ---- escapes, strings, formats --------------------------------------------------------------- */

FILTER(filter_escape)
{
    return bind_nothing(m, "escape", a) ? escaped(m, self) : none();
}

FILTER(filter_forceescape)
{
    if (!bind_nothing(m, "forceescape", a) || !text_of(m, &self))
        return none();
    return escaped(m, with_safety(self, false));
}

FILTER(filter_safe)
{
    return bind_nothing(m, "safe", a) && text_of(m, &self) ? with_safety(self, true) : none();
}

FILTER(filter_string)
{
    return bind_nothing(m, "string", a) && text_of(m, &self) ? self : none();
}

FILTER(filter_format)
{
    if (a->n > 0 && a->n_keywords > 0)
        return fail_type(m, "format: positional and keyword arguments at the same time");
    if (!text_of(m, &self))
        return none();
    if (a->n_keywords > 0) {
        struct dict *values = dict_create(m);
        for (size_t i = 0; i < a->n_keywords; i++)
            dict_set(m, values, (struct value){.kind = KIND_STRING, .string = a->keywords[i].name},
                     a->keywords[i].value);
        return m->failed
                   ? none()
                   : format_percent(m, self, (struct value){.kind = KIND_DICT, .dict = values});
    }
    struct list *values = list_create(m, a->n);
    for (size_t i = 0; i < a->n; i++)
        list_push(m, values, a->values[i]);
    return m->failed ? none() : format_percent(m, self, tuple_value(values));
}

/* Letters, digits and -._~/ stay; of a dict or a list of pairs, a query. */
static void build_quoted(struct machine *m, struct builder *b, struct value v, bool in_query)
{
    if (!text_of(m, &v))
        return;
    for (size_t i = 0; i < v.string->size && !m->failed; i++) {
        const unsigned char c = (unsigned char)v.string->data[i];
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || (c && strchr("-._~", c)) ||
                           (c == '/' && !in_query);
        if (plain)
            build_bytes(m, b, v.string->data + i, 1);
        else if (c == ' ' && in_query)
            build_text(m, b, "+");
        else
            build_format(m, b, "%%%02X", c);
    }
    spend_bytes(m, v.string->size);
}

FILTER(filter_urlencode)
{
    struct builder b = {0};
    struct value item;
    if (!bind_nothing(m, "urlencode", a))
        return none();
    if (is_string(self) || !is_iterable(self)) {
        build_quoted(m, &b, self, false);
        return builder_string(m, &b);
    }
    const struct view items = {self.kind == KIND_DICT ? self.dict : NULL, VIEW_ITEMS};
    struct walk walk =
        walk_begin(m, items.dict ? (struct value){.kind = KIND_VIEW, .view = &items} : self);
    for (bool first = true; walk_next(m, &walk, &item); first = false) {
        const struct list *pair = list_from(m, item);
        if (m->failed || pair->n != 2)
            return fail_type(m, "urlencode: expected pairs");
        build_text(m, &b, first ? "" : "&");
        build_quoted(m, &b, pair->items[0], true);
        build_text(m, &b, "=");
        build_quoted(m, &b, pair->items[1], true);
    }
    return builder_string(m, &b);
}

const struct function text_filters[] = {
    {"upper", filter_upper},
    {"lower", filter_lower},
    {"capitalize", filter_capitalize},
    {"title", filter_title},
    {"trim", filter_trim},
    {"replace", filter_replace},
    {"join", filter_join},
    {"indent", filter_indent},
    {"wordcount", filter_wordcount},
    {"center", filter_center},
    {"truncate", filter_truncate},
    {"escape", filter_escape},
    {"e", filter_escape},
    {"forceescape", filter_forceescape},
    {"safe", filter_safe},
    {"string", filter_string},
    {"format", filter_format},
    {"urlencode", filter_urlencode},
    {"tojson", to_json},
    {NULL, NULL},
};
