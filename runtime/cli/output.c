/* cli/output.c: see output.h. */
#include "cli/output.h"

#include "base/error.h"
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool on_terminal(FILE *stream)
{
    return isatty(fileno(stream)) == 1;
}

static bool wants_colour(FILE *stream)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return on_terminal(stream) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

const char *style(FILE *stream, enum style which)
{
    static const char *const codes[] = {"\033[0m",  "\033[1m",  "\033[2m", "\033[31m",
                                        "\033[33m", "\033[32m", "\033[36m"};
    return wants_colour(stream) ? codes[which] : "";
}

bool output_failed(void)
{
    return ferror(stdout) != 0;
}

corbel_status output_check(corbel_error *err)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return CORBEL_OK;
    return error_set(err, CORBEL_E_IO, "stdout: %s",
                     errno ? strerror(errno) : "could not be written");
}

corbel_status output_file_error(corbel_status status, corbel_error *err)
{
    if (status != CORBEL_E_NOT_FOUND)
        return status;
    err->status = CORBEL_E_IO;
    return CORBEL_E_IO;
}

static void append_scaled(struct text *out, double value, const char *const *units, size_t n_units)
{
    size_t unit = 0;
    while (value >= 999.5 && unit + 1 < n_units) {
        value /= 1000;
        unit++;
    }
    text_format(out, value >= 99.5 || unit == 0 ? "%.0f%s" : "%.3g%s", value, units[unit]);
}

void append_size(struct text *out, double bytes)
{
    static const char *const units[] = {" bytes", " kB", " MB", " GB", " TB", " PB"};
    append_scaled(out, bytes, units, 6);
}

void append_count(struct text *out, double count)
{
    static const char *const units[] = {"", " k", " M", " G", " T", " P"};
    append_scaled(out, count, units, 6);
}

void output_text(const char *text, size_t size)
{
    struct text shown = {0};
    text_append_bytes(&shown, text, size);
    if (shown.data && on_terminal(stdout))
        text_keep_printable(shown.data, shown.size, "\n\t");
    fwrite(text_cstr(&shown), 1, shown.size, stdout);
    text_finish(&shown);
}

void append_bar(struct text *out, double part, int width)
{
    int full = (int)(part * width + 0.5);
    for (int i = 0; i < width; i++)
        text_append(out, i < full ? "█" : "░");
}

/* ---- a JSON document for people -------------------------------------------------------------- */

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

static bool is_nested(struct json_object *value)
{
    return (json_object_is_type(value, json_type_object) && json_object_object_length(value) > 0) ||
           (json_object_is_type(value, json_type_array) && json_object_array_length(value) > 0 &&
            (json_object_is_type(json_object_array_get_idx(value, 0), json_type_object)));
}

/* One line, whatever a file, a label or a plugin is called. */
static void print_line(const char *s)
{
    struct text line = {0};
    text_append(&line, s);
    if (line.data)
        text_keep_printable(line.data, line.size, "");
    fputs(text_cstr(&line), stdout);
    text_finish(&line);
}

/* A scalar, or a list of scalars with commas. */
static void print_value(const char *key, struct json_object *value)
{
    if (json_object_is_type(value, json_type_array)) {
        size_t n = json_object_array_length(value);
        for (size_t i = 0; i < n; i++) {
            fputs(i ? ", " : "", stdout);
            print_value("", json_object_array_get_idx(value, i));
        }
        fputs(n ? "" : "-", stdout);
    } else if (json_object_is_type(value, json_type_int) && strstr(key, "bytes")) {
        struct text size = {0};
        append_size(&size, json_object_get_double(value));
        printf("%s %s(%s)%s", text_cstr(&size), style(stdout, STYLE_DIM),
               json_object_get_string(value), style(stdout, STYLE_PLAIN));
        text_finish(&size);
    } else if (json_object_is_type(value, json_type_int) && ends_with(key, "parameters")) {
        struct text count = {0};
        append_count(&count, json_object_get_double(value));
        printf("%s %s(%s)%s", text_cstr(&count), style(stdout, STYLE_DIM),
               json_object_get_string(value), style(stdout, STYLE_PLAIN));
        text_finish(&count);
    } else if (json_object_is_type(value, json_type_object) || !value) {
        fputs("-", stdout);
    } else {
        print_line(json_object_get_string(value));
    }
}

/* The key in words: "device_map" as "device map"; "" of a device map stands for the whole model. */
static void print_key(const char *key, int indent, int width)
{
    char words[64];
    snprintf(words, sizeof(words), "%s", *key ? key : "everything");
    for (char *c = words; *c; c++)
        *c = *c == '_' ? ' ' : *c;
    text_keep_printable(words, strlen(words), "");
    printf("%*s%s%-*s%s  ", indent, "", style(stdout, STYLE_CYAN), width, words,
           style(stdout, STYLE_PLAIN));
}

static int key_width(struct json_object *object)
{
    size_t width = 0;
    struct json_object_iter member;
    json_object_object_foreachC(object, member)
    {
        width = strlen(member.key) > width ? strlen(member.key) : width;
    }
    return (int)(width < 40 ? width : 40);
}

static void print_members(struct json_object *value, const char *parent, int indent);

static void print_member(const char *key, struct json_object *value, const char *parent, int indent,
                         int width)
{
    print_key(key, indent, width);
    if (is_nested(value)) {
        putchar('\n');
        print_members(value, key, indent + 2);
        return;
    }
    /* {"bytes": {"float32": 1024}}: what is counted is said by the key above. */
    print_value(strstr(parent, "bytes") ? parent : key, value);
    putchar('\n');
}

/* ---- lists of small objects as tables -------------------------------------------------------- */

static bool is_plain(struct json_object *value)
{
    return json_object_is_type(value, json_type_string) ||
           json_object_is_type(value, json_type_int);
}

/* Objects of the same plain members. */
static bool is_table(struct json_object *list)
{
    struct json_object *first = json_object_array_get_idx(list, 0);
    const size_t n = json_object_array_length(list);
    for (size_t i = 0; i < n; i++) {
        struct json_object *row = json_object_array_get_idx(list, i);
        if (!json_object_is_type(row, json_type_object) ||
            json_object_object_length(row) != json_object_object_length(first))
            return false;
        struct json_object_iter member;
        json_object_object_foreachC(row, member)
        {
            if (!is_plain(member.val) || !json_object_object_get_ex(first, member.key, NULL))
                return false;
        }
    }
    return n > 0;
}

static void append_cell(struct text *out, const char *key, struct json_object *value)
{
    if (json_object_is_type(value, json_type_int) && strstr(key, "bytes"))
        append_size(out, json_object_get_double(value));
    else
        text_append(out, json_object_get_string(value));
    if (out->data)
        text_keep_printable(out->data, out->size, "");
}

static int column_width(struct json_object *list, const char *key)
{
    size_t width = strlen(key);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *value;
        struct text cell = {0};
        json_object_object_get_ex(json_object_array_get_idx(list, i), key, &value);
        append_cell(&cell, key, value);
        width = cell.size > width ? cell.size : width;
        text_finish(&cell);
    }
    return (int)(width < 100 ? width : 100);
}

static void print_table(struct json_object *list, int indent)
{
    struct json_object *first = json_object_array_get_idx(list, 0);
    for (size_t i = 0; i < json_object_array_length(list) + 1; i++) {
        printf("%*s", indent, "");
        struct json_object_iter member;
        json_object_object_foreachC(first, member)
        {
            struct json_object *value;
            struct text cell = {0};
            if (i > 0) {
                json_object_object_get_ex(json_object_array_get_idx(list, i - 1), member.key,
                                          &value);
                append_cell(&cell, member.key, value);
            }
            printf("%s%-*s%s  ", style(stdout, i ? STYLE_PLAIN : STYLE_CYAN),
                   column_width(list, member.key), i ? text_cstr(&cell) : member.key,
                   style(stdout, STYLE_PLAIN));
            text_finish(&cell);
        }
        putchar('\n');
    }
}

static void print_members(struct json_object *value, const char *parent, int indent)
{
    if (json_object_is_type(value, json_type_array) && is_table(value)) {
        print_table(value, indent);
        return;
    }
    if (json_object_is_type(value, json_type_array)) {
        size_t n = json_object_array_length(value);
        for (size_t i = 0; i < n; i++) {
            fputs(i ? "\n" : "", stdout);
            print_members(json_object_array_get_idx(value, i), parent, indent);
        }
        return;
    }
    if (!json_object_is_type(value, json_type_object)) {
        printf("%*s", indent, "");
        print_value(parent, value);
        putchar('\n');
        return;
    }
    int width = key_width(value);
    struct json_object_iter member;
    json_object_object_foreachC(value, member)
    {
        print_member(member.key, member.val, parent, indent, width);
    }
}

corbel_status print_document(const char *json, const char *name, corbel_error *err)
{
    struct json_object *root = NULL;
    corbel_status status = json_parse(json, strlen(json), JSON_DATA, name, &root, err);
    if (status == CORBEL_OK)
        print_members(root, "", 0);
    json_object_put(root);
    return status;
}
