/* chat/jinja/repr.c: how values are printed: Python's str and repr. */
#include "chat/jinja/characters.h"
#include "chat/jinja/loop.h"
#include "chat/jinja/machine.h"
#include "chat/jinja/tree.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- floats ---------------------------------------------------------------------------------- */

/* The digits and the exponent of the shortest text that reads back as `f`, which is finite. */
static int shortest_digits(double f, char digits[32], int *exponent)
{
    char text[40];
    int precision = 0;
    do
        snprintf(text, sizeof(text), "%.*e", precision, f);
    while (strtod(text, NULL) != f && ++precision < 17);

    char *e = strchr(text, 'e');
    *exponent = (int)strtol(e + 1, NULL, 10);
    int n = 0;
    for (const char *p = text; p < e; p++)
        if (*p >= '0' && *p <= '9')
            digits[n++] = *p;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    digits[n] = '\0';
    return n;
}

static void build_exponential(struct machine *m, struct builder *b, const char *digits, int n,
                              int exponent)
{
    build_bytes(m, b, digits, 1);
    if (n > 1)
        build_text(m, b, ".");
    build_bytes(m, b, digits + 1, (size_t)n - 1);
    build_format(m, b, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
}

static void build_positional(struct machine *m, struct builder *b, const char *digits, int n,
                             int exponent)
{
    if (exponent < 0) {
        build_text(m, b, "0.");
        build_repeated(m, b, '0', (size_t)(-exponent - 1));
        build_bytes(m, b, digits, (size_t)n);
        return;
    }
    const int whole = exponent + 1;
    build_bytes(m, b, digits, (size_t)(n < whole ? n : whole));
    build_repeated(m, b, '0', n < whole ? (size_t)(whole - n) : 0);
    build_text(m, b, ".");
    build_bytes(m, b, n > whole ? digits + whole : "0", n > whole ? (size_t)(n - whole) : 1);
}

void build_float(struct machine *m, struct builder *b, double f)
{
    if (isnan(f)) {
        build_text(m, b, "nan");
        return;
    }
    build_text(m, b, signbit(f) ? "-" : "");
    if (isinf(f)) {
        build_text(m, b, "inf");
        return;
    }
    char digits[32];
    int exponent;
    const int n = shortest_digits(fabs(f), digits, &exponent);
    if (exponent < -4 || exponent >= 16)
        build_exponential(m, b, digits, n, exponent);
    else
        build_positional(m, b, digits, n, exponent);
}

/* ---- strings --------------------------------------------------------------------------------- */

static void build_escaped(struct machine *m, struct builder *b, const char *s, size_t size,
                          uint32_t c, char quote)
{
    if (c == (uint32_t)quote || c == '\\') {
        const char escaped[2] = {'\\', (char)c};
        build_bytes(m, b, escaped, 2);
    } else if (c == '\n')
        build_text(m, b, "\\n");
    else if (c == '\r')
        build_text(m, b, "\\r");
    else if (c == '\t')
        build_text(m, b, "\\t");
    else if (character_is_printable(c))
        build_bytes(m, b, s, size);
    else
        build_format(m, b, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
}

static void build_quoted(struct machine *m, struct builder *b, const struct string *s)
{
    const bool single = memchr(s->data, '\'', s->size), twice = memchr(s->data, '"', s->size);
    const char quote = single && !twice ? '"' : '\'';
    build_bytes(m, b, &quote, 1);
    for (size_t i = 0, size; i < s->size && !m->failed; i += size) {
        const uint32_t c = character_get(s->data + i, &size);
        build_escaped(m, b, s->data + i, size, c, quote);
    }
    build_bytes(m, b, &quote, 1);
}

/* ---- containers ------------------------------------------------------------------------------ */

static void build_items(struct machine *m, struct builder *b, const struct list *list,
                        const char *open, const char *close)
{
    build_text(m, b, open);
    for (size_t i = 0; i < list->n && spend(m, 1); i++) {
        build_text(m, b, i ? ", " : "");
        build_repr(m, b, list->items[i]);
    }
    build_text(m, b, close);
}

static void build_dict(struct machine *m, struct builder *b, const struct dict *dict)
{
    build_text(m, b, "{");
    for (size_t i = 0; i < dict->n && spend(m, 1); i++) {
        build_text(m, b, i ? ", " : "");
        build_repr(m, b, dict->entries[i].key);
        build_text(m, b, ": ");
        build_repr(m, b, dict->entries[i].value);
    }
    build_text(m, b, "}");
}

static void build_range(struct machine *m, struct builder *b, const struct range *r)
{
    build_format(m, b, "range(%lld, %lld", (long long)r->start, (long long)r->stop);
    if (r->step != 1)
        build_format(m, b, ", %lld", (long long)r->step);
    build_text(m, b, ")");
}

static void build_view(struct machine *m, struct builder *b, struct value v)
{
    build_text(m, b, value_type(v));
    build_text(m, b, "(");
    struct list *items = list_create(m, v.view->dict->n);
    struct walk walk = walk_begin(m, v);
    struct value item;
    while (walk_next(m, &walk, &item))
        list_push(m, items, item);
    if (items && !m->failed)
        build_items(m, b, items, "[", "])");
}

/* ---- what others call ------------------------------------------------------------------------ */

static void build_by_kind(struct machine *m, struct builder *b, struct value v)
{
    switch (v.kind) {
    case KIND_MISSING: break;
    case KIND_UNDEFINED: build_text(m, b, "Undefined"); break;
    case KIND_NONE: build_text(m, b, "None"); break;
    case KIND_BOOL: build_text(m, b, v.b ? "True" : "False"); break;
    case KIND_INT: build_format(m, b, "%lld", (long long)v.i); break;
    case KIND_FLOAT: build_float(m, b, v.f); break;
    case KIND_STRING:
        build_text(m, b, v.safe ? "Markup(" : "");
        build_quoted(m, b, v.string);
        build_text(m, b, v.safe ? ")" : "");
        break;
    case KIND_LIST: build_items(m, b, v.list, "[", "]"); break;
    case KIND_TUPLE: build_items(m, b, v.list, "(", v.list->n == 1 ? ",)" : ")"); break;
    case KIND_DICT: build_dict(m, b, v.dict); break;
    case KIND_RANGE: build_range(m, b, v.range); break;
    case KIND_VIEW: build_view(m, b, v); break;
    case KIND_NAMESPACE:
        build_text(m, b, "<Namespace ");
        build_dict(m, b, v.names);
        build_text(m, b, ">");
        break;
    case KIND_MACRO:
        build_text(m, b, "<Macro ");
        if (v.macro->node->name)
            build_repr(m, b, (struct value){.kind = KIND_STRING, .string = v.macro->node->name});
        else
            build_text(m, b, "anonymous");
        build_text(m, b, ">");
        break;
    case KIND_LOOP:
        build_format(m, b, "<LoopContext %lld/%lld>", (long long)v.loop->index0 + 1,
                     (long long)loop_length(m, v.loop));
        break;
    case KIND_ITERATOR: /* Python prints an address; no template means to */
    case KIND_METHOD:
    case KIND_FUNCTION: build_format(m, b, "<%s>", value_type(v)); break;
    }
}

void build_repr(struct machine *m, struct builder *b, struct value v)
{
    if (!enter(m))
        return;
    build_by_kind(m, b, v);
    leave(m);
}

void build_value(struct machine *m, struct builder *b, struct value v)
{
    if (is_string(v))
        build_bytes(m, b, v.string->data, v.string->size);
    else if (!is_undefined(v))
        build_repr(m, b, v);
}

struct value value_text(struct machine *m, struct value v)
{
    if (is_string(v))
        return v;
    struct builder b = {0};
    build_value(m, &b, v);
    return builder_string(m, &b);
}
