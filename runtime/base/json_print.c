/* base/json_print.c: a tree as Python's json.dumps(value, indent=2, sort_keys=True) writes it. */
#include "base/json.h"
#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INDENT = 2, MAX_DIGITS = 17 };

static void new_line(struct text *out, int depth)
{
    text_append_char(out, '\n');
    for (int i = 0; i < depth * INDENT; i++)
        text_append_char(out, ' ');
}

/* ---- strings --------------------------------------------------------------------------------- */

static uint32_t code_point(const unsigned char *s, size_t n)
{
    static const unsigned char lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = s[0] & lead[n];
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (s[i] & 0x3f);
    return c;
}

/* ensure_ascii: what is no ASCII is \uXXXX, beyond the first plane a pair of them. */
static void print_string(struct text *out, const char *s, size_t size)
{
    struct text plain = {0};
    text_append_json_string(&plain, s, size);
    for (size_t i = 0; i < plain.size;) {
        size_t n = text_utf8_length(plain.data + i, plain.size - i);
        uint32_t c = n ? code_point((const unsigned char *)plain.data + i, n) : 0xfffd;
        if (c < 0x7f)
            text_append_char(out, (char)c);
        else if (c < 0x10000)
            text_format(out, "\\u%04x", c);
        else
            text_format(out, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
                        0xdc00 + ((c - 0x10000) & 0x3ff));
        i += n ? n : 1;
    }
    out->failed = out->failed || plain.failed;
    text_finish(&plain);
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* repr(float): the fewest digits that give the same number, as 0.0001 or 1e-05. */
static void print_double(struct text *out, double value)
{
    char digits[40] = "", *exponent;
    if (!isfinite(value)) {
        text_append(out, isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
        return;
    }
    int n_decimals = 0;
    do
        snprintf(digits, sizeof digits, "%.*e", n_decimals, value);
    while (strtod(digits, NULL) != value && ++n_decimals < MAX_DIGITS);
    exponent = strchr(digits, 'e');
    int power = atoi(exponent + 1);
    if (power >= -4 && power < 16) {
        n_decimals = n_decimals > power ? n_decimals - power : 0;
        text_format(out, "%.*f%s", n_decimals, value, n_decimals ? "" : ".0");
    } else {
        *exponent = 0;
        text_format(out, "%se%c%02d", digits, power < 0 ? '-' : '+', abs(power));
    }
}

static void print_int(struct text *out, struct json_object *value)
{
    uint64_t positive = json_object_get_uint64(value);
    if (positive > INT64_MAX)
        text_format(out, "%" PRIu64, positive);
    else
        text_format(out, "%" PRId64, json_object_get_int64(value));
}

/* ---- containers ------------------------------------------------------------------------------ */

static void print_value(struct text *out, struct json_object *value, int depth);

static void print_list(struct text *out, struct json_object *list, int depth)
{
    size_t n = json_object_array_length(list);
    text_append_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        text_append(out, i ? "," : "");
        new_line(out, depth + 1);
        print_value(out, json_object_array_get_idx(list, i), depth + 1);
    }
    if (n)
        new_line(out, depth);
    text_append_char(out, ']');
}

static int compare_keys(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

static void print_object(struct text *out, struct json_object *object, int depth)
{
    size_t n = (size_t)json_object_object_length(object), i = 0;
    const char **keys = calloc(n ? n : 1, sizeof(*keys));
    if (!keys) {
        out->failed = true;
        return;
    }
    struct json_object_iterator at = json_object_iter_begin(object);
    struct json_object_iterator end = json_object_iter_end(object);
    for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at))
        keys[i++] = json_object_iter_peek_name(&at);
    qsort(keys, n, sizeof(*keys), compare_keys);
    text_append_char(out, '{');
    for (i = 0; i < n; i++) {
        text_append(out, i ? "," : "");
        new_line(out, depth + 1);
        print_string(out, keys[i], strlen(keys[i]));
        text_append(out, ": ");
        print_value(out, json_object_object_get(object, keys[i]), depth + 1);
    }
    if (n)
        new_line(out, depth);
    text_append_char(out, '}');
    free(keys);
}

static void print_value(struct text *out, struct json_object *value, int depth)
{
    switch (json_object_get_type(value)) {
    case json_type_null: text_append(out, "null"); break;
    case json_type_boolean:
        text_append(out, json_object_get_boolean(value) ? "true" : "false");
        break;
    case json_type_double: print_double(out, json_object_get_double(value)); break;
    case json_type_int: print_int(out, value); break;
    case json_type_object: print_object(out, value, depth); break;
    case json_type_array: print_list(out, value, depth); break;
    case json_type_string:
        print_string(out, json_object_get_string(value), (size_t)json_object_get_string_len(value));
        break;
    }
}

void json_print(struct text *out, struct json_object *value)
{
    print_value(out, value, 0);
    text_append_char(out, '\n');
}
