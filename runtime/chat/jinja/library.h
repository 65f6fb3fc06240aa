/* chat/jinja/library.h: what templates find there: filters, tests, methods, globals.
 *
 * Filters and tests are functions whose `self` is the value they are applied to. */
#ifndef CHAT_JINJA_LIBRARY_H
#define CHAT_JINJA_LIBRARY_H

#include "chat/jinja/machine.h"

/* NULL: there is none of that name. */
const struct function *find_filter(const char *name, size_t size);
const struct function *find_test(const char *name, size_t size);
const struct function *find_global(const char *name, size_t size);
/* A method of a string, list, tuple, dict or range. */
const struct function *find_method(struct value of, const char *name, size_t size);

/* Tables of functions, each closed by one without name. */
const struct function *find_function(const struct function *table, const char *name, size_t size);
extern const struct function string_methods[], string_searches[], text_filters[], sorting_filters[],
    number_filters[], sequence_filters[], selection_filters[];

/* tojson's argument is checked and written here (to_json.c). */
struct value to_json(struct machine *m, struct value self, const struct arguments *a);
/* "..." % value (format_percent.c), "...".format(...) (format_braces.c) */
struct value format_percent(struct machine *m, struct value format, struct value values);
struct value format_braces(struct machine *m, struct value format, const struct arguments *a);
/* & < > ' " as entities; of what is safe, itself. */
struct value escaped(struct machine *m, struct value v);
/* str.upper, lower, ... of a whole string. */
enum text_case { CASE_UPPER, CASE_LOWER, CASE_TITLE, CASE_CAPITAL, CASE_SWAPPED, CASE_FOLDED };
struct value change_case(struct machine *m, struct value string, enum text_case how);
/* str.strip: white space if `characters` is not given. */
enum strip_side { STRIP_LEFT = 1, STRIP_RIGHT = 2 };
struct value strip(struct machine *m, struct value string, struct value characters, int sides);
struct value replace(struct machine *m, const struct string *in, const struct string *old,
                     const struct string *new, int64_t most);
const struct list *split_lines(struct machine *m, const struct string *s, bool keep_ends);
/* `s` centred in so many characters, by spaces. */
struct value centered(struct machine *m, struct value string, int64_t width);
/* Characters `begin` to `end` (which are in range) of a string. */
struct value substring(struct machine *m, struct value string, size_t begin, size_t end);
/* int(v, base), float(v): KIND_MISSING where Python raises ValueError or TypeError. */
struct value parse_int(struct machine *m, const struct string *s, int64_t base);
struct value parse_float(struct machine *m, const struct string *s);
struct value int_of_float(struct machine *m, double f);
/* obj.a.b.0 for filters that take an attribute's name. */
struct value get_path(struct machine *m, struct value of, struct value path);
/* The same; where a part is undefined, `fallback` if that is given. */
struct value get_path_or(struct machine *m, struct value of, struct value path,
                         struct value fallback);
/* What a filter compares of an item: its attribute (of KIND_MISSING and none, itself), strings
 * without their case unless asked for. */
struct value filter_key(struct machine *m, struct value item, struct value attribute,
                        bool case_sensitive);
bool flag_argument(struct machine *m, struct value v); /* given, and true */
/* All items of what can be gone through, in a list of their own. */
struct list *list_collect(struct machine *m, struct value from);
/* Sorted by keys, which stand beside the items; stable. */
void sort_items(struct machine *m, struct list *items, struct list *keys, bool reverse);

#endif
