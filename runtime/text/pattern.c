/* text/pattern.c: literals, and Oniguruma's regexes run by PCRE2. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/pattern.h"

#include "base/error.h"
#include "base/text.h"
#include "text/unicode.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

/* Backtracking steps for one match: a tenth of a second or so. Good patterns need a few a byte. */
#define PATTERN_MATCH_LIMIT    2000000
#define PATTERN_DEPTH_LIMIT    100000
#define PATTERN_HEAP_LIMIT_KIB 65536
#define PATTERN_MAX_SIZE       65536

/* ---- Oniguruma to PCRE2 ---- */

/* \w of Oniguruma; outside of classes its Latin-1 table also has the small digits and fractions. */
#define WORD_SET       "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}"
#define WORD_SET_ALONE WORD_SET "\\x{B2}\\x{B3}\\x{B9}\\x{BC}-\\x{BE}"

struct translation {
    const char *at;
    struct text out;
    unsigned class_depth;
    const char *unsupported; /* what can't be said in PCRE2 */
};

/* A property that Oniguruma names and PCRE2 does not, or NULL. */
static const char *property(const char *name, size_t size)
{
    // clang-format off
    static const struct {
        const char *name, *set; /* what stands between [ and ] */
    } known[] = {
        {"Alnum", "\\p{Alphabetic}\\p{Nd}"}, {"Alpha", "\\p{Alphabetic}"},
        {"Blank", "\\p{Zs}\\t"}, {"Cntrl", "\\p{Cc}"}, {"Digit", "\\p{Nd}"},
        {"Lower", "\\p{Lowercase}"}, {"Punct", "\\p{P}$+<=>^`|~"},
        {"Space", "\\p{White_Space}"}, {"Upper", "\\p{Uppercase}"}, {"XDigit", "0-9A-Fa-f"},
        {"Word", WORD_SET},
    };
    // clang-format on
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].name) == size && strncasecmp(known[i].name, name, size) == 0)
            return known[i].set;
    return NULL;
}

/* A set of characters, in or out of a class. */
static void put_set(struct translation *t, const char *set, bool negated)
{
    if (t->class_depth > 0 && negated && strncmp(set, "\\p{", 3) == 0 &&
        strchr(set, '}') == set + strlen(set) - 1) {
        text_format(&t->out, "\\P%s", set + 2);
    } else if (t->class_depth > 0) {
        if (negated)
            t->unsupported = "a negated set inside a class";
        text_append(&t->out, set);
    } else {
        text_format(&t->out, "[%s%s]", negated ? "^" : "", set);
    }
}

static void translate_property(struct translation *t, bool negated)
{
    const char *close = strchr(t->at, '}'), *name = t->at + 3;

    if (t->at[2] != '{' || !close) {
        t->unsupported = "\\p without {";
        t->at += 2;
        return;
    }
    if (*name == '^') {
        negated = !negated;
        name++;
    }
    const char *set = property(name, (size_t)(close - name));
    if (set)
        put_set(t, set, negated);
    else
        text_format(&t->out, "\\%c{%.*s}", negated ? 'P' : 'p', (int)(close - name), name);
    t->at = close + 1;
}

static void translate_escape(struct translation *t)
{
    char c = t->at[1];

    if (c == 'p' || c == 'P') {
        translate_property(t, c == 'P');
        return;
    }
    if (c == 's' || c == 'S')
        put_set(t, "\\p{White_Space}", c == 'S');
    else if (c == 'w' || c == 'W')
        put_set(t, t->class_depth > 0 ? WORD_SET : WORD_SET_ALONE, c == 'W');
    else if (c == 'h' || c == 'H')
        put_set(t, "0-9A-Fa-f", c == 'H');
    else if (c == 'd' || c == 'D')
        put_set(t, "\\p{Nd}", c == 'D');
    else if (c == 'C' || c == 'Q' || c == 'E' || c == 'y' || c == 'Y')
        t->unsupported = "an escape of another meaning in Oniguruma";
    else
        text_append_bytes(&t->out, t->at, c ? 2 : 1);
    t->at += c ? 2 : 1;
}

static void translate_class_char(struct translation *t)
{
    if (t->at[0] == '[' && t->at[1] == ':') {
        const char *close = strstr(t->at, ":]");
        if (close) {
            text_append_bytes(&t->out, t->at, (size_t)(close + 2 - t->at));
            t->at = close + 2;
            return;
        }
    }
    if (t->at[0] == '[')
        t->unsupported = "a class inside a class";
    if (t->at[0] == '&' && t->at[1] == '&')
        t->unsupported = "an intersection of classes (&&)";
    if (t->at[0] == ']')
        t->class_depth--;
    text_append_char(&t->out, *t->at++);
}

/* (?m) means here what (?s) means there. */
static void translate_group(struct translation *t)
{
    text_append_char(&t->out, *t->at++);
    if (t->at[0] != '?')
        return;
    const char *end = t->at + 1 + strspn(t->at + 1, "imx-");
    if (*end != ':' && *end != ')')
        return;
    for (; t->at < end; t->at++)
        text_append_char(&t->out, *t->at == 'm' ? 's' : *t->at);
}

static void translate(struct translation *t)
{
    while (*t->at) {
        if (*t->at == '\\') {
            translate_escape(t);
        } else if (t->class_depth > 0) {
            translate_class_char(t);
        } else if (*t->at == '[') {
            t->class_depth++;
            text_append_char(&t->out, *t->at++);
            if (*t->at == '^')
                text_append_char(&t->out, *t->at++);
            if (*t->at == ']')
                text_append_char(&t->out, *t->at++);
        } else if (*t->at == '(') {
            translate_group(t);
        } else {
            text_append_char(&t->out, *t->at++);
        }
    }
}

static corbel_status compile(struct pattern *p, const char *regex, const char *where,
                             corbel_error *err)
{
    struct translation t = {.at = regex};
    corbel_status status = CORBEL_OK;
    PCRE2_UCHAR why[128];
    PCRE2_SIZE at = 0;
    int code = 0;

    translate(&t);
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (t.unsupported) {
        status = error_set(err, CORBEL_E_UNSUPPORTED, "%s: the regex \"%.200s\" has %s", where,
                           regex, t.unsupported);
        goto done;
    }
    if (t.out.failed || !context) {
        status = error_memory(err, strlen(regex), "a regex");
        goto done;
    }
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_set_parens_nest_limit(context, 100);
    p->code = pcre2_compile((PCRE2_SPTR)text_cstr(&t.out), t.out.size,
                            PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
                            &code, &at, context);
    if (!p->code) {
        pcre2_get_error_message(code, why, sizeof why);
        status = error_set(err, CORBEL_E_FORMAT, "%s: the regex \"%.200s\" is not understood: %s",
                           where, regex, (const char *)why);
    }
done:
    pcre2_compile_context_free(context);
    text_finish(&t.out);
    return status;
}

/* ---- matching ---- */

static corbel_status find_regex(const struct pattern *p, struct pattern_room *room,
                                const char *text, size_t size, size_t at,
                                struct pattern_match *match, bool *found, corbel_error *err)
{
    int n = pcre2_match(p->code, (PCRE2_SPTR)text, size, at, PCRE2_NO_UTF_CHECK, room->match,
                        room->context);

    *found = n >= 0;
    if (n == PCRE2_ERROR_NOMATCH)
        return CORBEL_OK;
    if (n < 0) {
        PCRE2_UCHAR why[128];
        pcre2_get_error_message(n, why, sizeof why);
        return error_set(err, CORBEL_E_UNSUPPORTED, "the regex \"%.200s\" gave up on this text: %s",
                         p->source, (const char *)why);
    }
    const PCRE2_SIZE *range = pcre2_get_ovector_pointer(room->match);
    *match = (struct pattern_match){range[0], range[1]};
    if (range[1] < range[0]) /* \K in a look-ahead */
        *match = (struct pattern_match){range[1], range[1]};
    return CORBEL_OK;
}

static bool find_literal(const struct pattern *p, const char *text, size_t size, size_t at,
                         struct pattern_match *match)
{
    if (p->literal_size == 0 || at >= size)
        return false;
    const char *hit = memmem(text + at, size - at, p->literal, p->literal_size);
    if (!hit)
        return false;
    match->begin = (size_t)(hit - text);
    match->end = match->begin + p->literal_size;
    return true;
}

static bool find_in_class(const struct pattern *p, const char *text, size_t size, size_t at,
                          struct pattern_match *match)
{
    while (at < size) {
        size_t n = utf8_length((unsigned char)text[at]);
        if (p->in_class(utf8_get(text + at))) {
            *match = (struct pattern_match){at, at + n};
            return true;
        }
        at += n;
    }
    return false;
}

/* ---- what others call ---- */

corbel_status pattern_literal(struct pattern *p, const char *text, corbel_error *err)
{
    *p = (struct pattern){.kind = PATTERN_LITERAL, .literal_size = strlen(text)};
    p->literal = strdup(text);
    return p->literal ? CORBEL_OK : error_memory(err, p->literal_size, "a pattern");
}

corbel_status pattern_regex(struct pattern *p, const char *regex, const char *where,
                            corbel_error *err)
{
    *p = (struct pattern){.kind = PATTERN_REGEX, .scanner = scanner_for(regex)};
    if (p->scanner) {
        p->kind = PATTERN_SCANNER;
        return CORBEL_OK;
    }
    if (strlen(regex) > PATTERN_MAX_SIZE)
        return error_set(err, CORBEL_E_UNSUPPORTED, "%s: a regex of %zu bytes, at most %d are read",
                         where, strlen(regex), PATTERN_MAX_SIZE);
    p->source = strdup(regex);
    if (!p->source)
        return error_memory(err, strlen(regex), "a regex");
    return compile(p, regex, where, err);
}

void pattern_class(struct pattern *p, bool (*in_class)(uint32_t))
{
    *p = (struct pattern){.kind = PATTERN_CLASS, .in_class = in_class};
}

void pattern_finish(struct pattern *p)
{
    free(p->literal);
    free(p->source);
    pcre2_code_free(p->code);
    *p = (struct pattern){0};
}

corbel_status pattern_room_init(struct pattern_room *room, corbel_error *err)
{
    room->match = pcre2_match_data_create(1, NULL);
    room->context = pcre2_match_context_create(NULL);
    if (!room->match || !room->context) {
        pattern_room_finish(room);
        return error_memory(err, 0, "a regex");
    }
    pcre2_set_match_limit(room->context, PATTERN_MATCH_LIMIT);
    pcre2_set_depth_limit(room->context, PATTERN_DEPTH_LIMIT);
    pcre2_set_heap_limit(room->context, PATTERN_HEAP_LIMIT_KIB);
    return CORBEL_OK;
}

void pattern_room_finish(struct pattern_room *room)
{
    pcre2_match_data_free(room->match);
    pcre2_match_context_free(room->context);
    *room = (struct pattern_room){0};
}

corbel_status pattern_find(const struct pattern *p, struct pattern_room *room, const char *text,
                           size_t size, size_t at, struct pattern_match *match, bool *found,
                           corbel_error *err)
{
    *found = false;
    switch (p->kind) {
    case PATTERN_LITERAL: *found = find_literal(p, text, size, at, match); break;
    case PATTERN_CLASS: *found = find_in_class(p, text, size, at, match); break;
    case PATTERN_SCANNER:
        if (at < size) {
            *match = (struct pattern_match){at, at + p->scanner(text, at, size)};
            *found = true;
        }
        break;
    case PATTERN_REGEX: return find_regex(p, room, text, size, at, match, found, err);
    }
    return CORBEL_OK;
}
