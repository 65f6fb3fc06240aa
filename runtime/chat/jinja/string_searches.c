/* chat/jinja/string_searches.c: methods that look into a string or pad it: find, startswith,
 * center, isdigit, ... */
#include "chat/jinja/characters.h"
#include "chat/jinja/library.h"
#include "chat/jinja/string_methods.h"

/* ---- finding --------------------------------------------------------------------------------- */

/* The part of a string that start and end leave, in bytes. */
struct part {
    size_t begin, end, first; /* first: code points before begin */
    bool empty;               /* start is behind the end: nothing is found, not even "" */
};

static bool read_part(struct machine *m, const char *name, const struct string *s,
                      struct value start, struct value end, struct part *part)
{
    const int64_t n = (int64_t)s->n_characters;
    int64_t from, to;
    if (!optional_int(m, name, start, 0, &from) || !optional_int(m, name, end, n, &to) ||
        !spend_bytes(m, s->size))
        return false;
    from = from < 0 ? from + n : from;
    to = to < 0 ? to + n : to;
    from = from < 0 ? 0 : from;
    to = to < 0 ? 0 : to > n ? n : to;
    part->empty = from > to;
    if (part->empty)
        from = to;
    part->first = (size_t)from;
    part->begin = character_offset(s->data, s->size, (size_t)from);
    part->end = part->begin +
                character_offset(s->data + part->begin, s->size - part->begin, (size_t)(to - from));
    return true;
}

/* Offset in bytes, or -1. */
static int64_t find_bytes(struct machine *m, const struct string *s, const struct part *part,
                          const struct string *what, bool from_right)
{
    const size_t size = part->end - part->begin;
    const char *data = s->data + part->begin;
    if (part->empty || what->size > size)
        return -1;
    if (!from_right) {
        const char *found = what->size ? memmem(data, size, what->data, what->size) : data;
        return found ? found - s->data : -1;
    }
    for (size_t at = size - what->size + 1; at-- > 0;)
        if (is_at(m, data + at, what))
            return (int64_t)(part->begin + at);
    return -1;
}

static struct value find(struct machine *m, struct value self, const struct arguments *a,
                         const char *name, bool from_right, bool must)
{
    struct value out[3];
    const struct string *what, *s = self.string;
    struct part part;
    if (!BIND(m, name, a, 1, out, "sub", "start", "end") ||
        !string_argument(m, name, out[0], &what) || !read_part(m, name, s, out[1], out[2], &part))
        return none();
    const int64_t at = find_bytes(m, s, &part, what, from_right);
    if (at < 0)
        return must ? fail_type(m, "%s(): substring not found", name) : integer(-1);
    return integer((int64_t)characters_count(s->data, (size_t)at));
}

METHOD(str_find)
{
    return find(m, self, a, "find", false, false);
}
METHOD(str_rfind)
{
    return find(m, self, a, "rfind", true, false);
}
METHOD(str_index)
{
    return find(m, self, a, "index", false, true);
}
METHOD(str_rindex)
{
    return find(m, self, a, "rindex", true, true);
}

METHOD(str_count)
{
    struct value out[3];
    const struct string *what, *s = self.string;
    struct part part;
    if (!BIND(m, "count", a, 1, out, "sub", "start", "end") ||
        !string_argument(m, "count", out[0], &what) ||
        !read_part(m, "count", s, out[1], out[2], &part))
        return none();
    if (part.empty)
        return integer(0);
    if (what->size == 0)
        return integer((int64_t)characters_count(s->data + part.begin, part.end - part.begin) + 1);
    int64_t n = 0;
    for (int64_t at; spend(m, 1) && (at = find_bytes(m, s, &part, what, false)) >= 0; n++)
        part.begin = (size_t)at + what->size;
    return integer(n);
}

static bool has_affix(const struct string *s, const struct part *part, const struct string *affix,
                      bool at_end)
{
    if (part->empty || affix->size > part->end - part->begin)
        return false;
    const char *at = s->data + (at_end ? part->end - affix->size : part->begin);
    return memcmp(at, affix->data, affix->size) == 0;
}

/* One affix, or a tuple of them. */
static struct value affixed(struct machine *m, struct value self, const struct arguments *a,
                            const char *name, bool at_end)
{
    struct value out[3];
    const struct string *affix;
    struct part part;
    if (!BIND(m, name, a, 1, out, "prefix", "start", "end") ||
        !read_part(m, name, self.string, out[1], out[2], &part))
        return none();
    if (out[0].kind == KIND_TUPLE) {
        for (size_t i = 0; i < out[0].list->n; i++)
            if (!string_argument(m, name, out[0].list->items[i], &affix))
                return none();
            else if (spend(m, 1) && has_affix(self.string, &part, affix, at_end))
                return boolean(true);
        return boolean(false);
    }
    if (!string_argument(m, name, out[0], &affix))
        return none();
    return boolean(has_affix(self.string, &part, affix, at_end));
}

METHOD(str_startswith)
{
    return affixed(m, self, a, "startswith", false);
}
METHOD(str_endswith)
{
    return affixed(m, self, a, "endswith", true);
}

static struct value without_affix(struct machine *m, struct value self, const struct arguments *a,
                                  const char *name, bool at_end)
{
    struct value affix;
    const struct string *s = self.string, *what;
    if (!BIND(m, name, a, 1, &affix, "affix") || !string_argument(m, name, affix, &what))
        return none();
    const struct part all = {0, s->size, 0, false};
    if (!has_affix(s, &all, what, at_end))
        return self;
    return like(self,
                at_end ? piece(m, s, 0, s->size - what->size) : piece(m, s, what->size, s->size));
}

METHOD(str_removeprefix)
{
    return without_affix(m, self, a, "removeprefix", false);
}
METHOD(str_removesuffix)
{
    return without_affix(m, self, a, "removesuffix", true);
}

/* ---- padding --------------------------------------------------------------------------------- */

enum side { PAD_LEFT, PAD_RIGHT, PAD_BOTH };

static struct value padded(struct machine *m, struct value self, const struct arguments *a,
                           const char *name, enum side side)
{
    struct value out[2];
    int64_t width;
    const struct string *fill = NULL, *s = self.string;
    if (!BIND(m, name, a, 1, out, "width", "fillchar") ||
        !integer_argument(m, name, out[0], &width) ||
        (is_given(out[1]) && !string_argument(m, name, out[1], &fill)))
        return none();
    if (fill && fill->n_characters != 1)
        return fail_type(m, "%s(): the fill character must be one character", name);
    const int64_t n = (int64_t)s->n_characters, pad = width > n ? width - n : 0;
    const int64_t left = side == PAD_LEFT    ? pad
                         : side == PAD_RIGHT ? 0
                                             : pad / 2 + (pad & width & 1);
    struct builder b = {0};
    for (int64_t i = 0; i < left && !m->failed; i++)
        build_bytes(m, &b, fill ? fill->data : " ", fill ? fill->size : 1);
    build_bytes(m, &b, s->data, s->size);
    for (int64_t i = left; i < pad && !m->failed; i++)
        build_bytes(m, &b, fill ? fill->data : " ", fill ? fill->size : 1);
    return like(self, builder_string(m, &b));
}

METHOD(str_ljust)
{
    return padded(m, self, a, "ljust", PAD_RIGHT);
}
METHOD(str_rjust)
{
    return padded(m, self, a, "rjust", PAD_LEFT);
}
METHOD(str_center)
{
    return padded(m, self, a, "center", PAD_BOTH);
}

METHOD(str_zfill)
{
    struct value out;
    int64_t width;
    const struct string *s = self.string;
    if (!BIND(m, "zfill", a, 1, &out, "width") || !integer_argument(m, "zfill", out, &width))
        return none();
    const int64_t n = (int64_t)s->n_characters;
    const bool has_sign = s->size > 0 && (s->data[0] == '+' || s->data[0] == '-');
    struct builder b = {0};
    build_bytes(m, &b, s->data, has_sign);
    build_repeated(m, &b, '0', width > n ? (size_t)(width - n) : 0);
    build_bytes(m, &b, s->data + has_sign, s->size - has_sign);
    return like(self, builder_string(m, &b));
}

METHOD(str_expandtabs)
{
    struct value size_given;
    int64_t tab;
    const struct string *s = self.string;
    if (!BIND(m, "expandtabs", a, 0, &size_given, "tabsize") ||
        !optional_int(m, "expandtabs", size_given, 8, &tab))
        return none();
    struct builder b = {0};
    int64_t column = 0;
    for (size_t at = 0, size; at < s->size && !m->failed; at += size) {
        const uint32_t c = character_get(s->data + at, &size);
        const int64_t pad = c == '\t' && tab > 0 ? tab - column % tab : 0;
        if (c == '\t')
            build_repeated(m, &b, ' ', (size_t)pad);
        else
            build_bytes(m, &b, s->data + at, size);
        column = c == '\n' || c == '\r' ? 0 : column + (c == '\t' ? pad : 1);
    }
    spend_bytes(m, s->size);
    return like(self, builder_string(m, &b));
}

/* ---- questions ------------------------------------------------------------------------------- */

/* Not empty, and all characters are so. */
static struct value all_are(struct machine *m, struct value self, const struct arguments *a,
                            const char *name, bool (*is)(uint32_t c))
{
    const struct string *s = self.string;
    if (!bind_nothing(m, name, a) || !spend_bytes(m, s->size))
        return none();
    for (size_t at = 0, size; at < s->size; at += size)
        if (!is(character_get(s->data + at, &size)))
            return boolean(false);
    return boolean(s->size > 0);
}

static bool is_alnum(uint32_t c)
{
    return character_is_alpha(c) || character_is_numeric(c);
}

METHOD(str_isalpha)
{
    return all_are(m, self, a, "isalpha", character_is_alpha);
}
METHOD(str_isalnum)
{
    return all_are(m, self, a, "isalnum", is_alnum);
}
METHOD(str_isdecimal)
{
    return all_are(m, self, a, "isdecimal", character_is_decimal);
}
METHOD(str_isdigit)
{
    return all_are(m, self, a, "isdigit", character_is_digit);
}
METHOD(str_isnumeric)
{
    return all_are(m, self, a, "isnumeric", character_is_numeric);
}
METHOD(str_isspace)
{
    return all_are(m, self, a, "isspace", character_is_space);
}

METHOD(str_isascii)
{
    return bind_nothing(m, "isascii", a) ? boolean(self.string->size == self.string->n_characters)
                                         : none();
}

/* Some character is cased, and none has the other case. */
static struct value has_one_case(struct machine *m, struct value self, const struct arguments *a,
                                 const char *name, bool upper)
{
    const struct string *s = self.string;
    bool cased = false;
    if (!bind_nothing(m, name, a) || !spend_bytes(m, 8 * s->size))
        return none();
    for (size_t at = 0, size; at < s->size; at += size) {
        const uint32_t c = character_get(s->data + at, &size);
        if (character_is_title(c) || (upper ? character_is_lower(c) : character_is_upper(c)))
            return boolean(false);
        cased |= upper ? character_is_upper(c) : character_is_lower(c);
    }
    return boolean(cased);
}

METHOD(str_isupper)
{
    return has_one_case(m, self, a, "isupper", true);
}
METHOD(str_islower)
{
    return has_one_case(m, self, a, "islower", false);
}

METHOD(str_istitle)
{
    const struct string *s = self.string;
    bool in_word = false, any = false;
    if (!bind_nothing(m, "istitle", a) || !spend_bytes(m, 8 * s->size))
        return none();
    for (size_t at = 0, size; at < s->size; at += size) {
        const uint32_t c = character_get(s->data + at, &size);
        const bool begins = character_is_upper(c) || character_is_title(c);
        if (begins ? in_word : character_is_lower(c) && !in_word)
            return boolean(false);
        in_word = begins || character_is_lower(c);
        any |= in_word;
    }
    return boolean(any);
}

const struct function string_searches[] = {
    {"find", str_find},
    {"rfind", str_rfind},
    {"index", str_index},
    {"rindex", str_rindex},
    {"count", str_count},
    {"startswith", str_startswith},
    {"endswith", str_endswith},
    {"removeprefix", str_removeprefix},
    {"removesuffix", str_removesuffix},
    {"ljust", str_ljust},
    {"rjust", str_rjust},
    {"center", str_center},
    {"zfill", str_zfill},
    {"expandtabs", str_expandtabs},
    {"isalpha", str_isalpha},
    {"isalnum", str_isalnum},
    {"isdecimal", str_isdecimal},
    {"isdigit", str_isdigit},
    {"isnumeric", str_isnumeric},
    {"isspace", str_isspace},
    {"isascii", str_isascii},
    {"isupper", str_isupper},
    {"islower", str_islower},
    {"istitle", str_istitle},
    {NULL, NULL},
};
