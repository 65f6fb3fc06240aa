/* base/json_check.c: RFC 8259, and that no object names a key twice.
 *
 * A recursive descent over the bytes that builds nothing. The keys of the objects that are open
 * lie, decoded, in one text; when an object closes, its keys are sorted by hash and compared with
 * their neighbours. Sorting (not a hash table) keeps a file made to collide at n log n. */
#include "base/error.h"
#include "base/json.h"
#include "base/json_scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64 };

struct key {
    uint64_t hash;
    size_t begin, size; /* in checker.names */
    size_t at;          /* where it stands in the file */
};

struct checker {
    struct json_scan scan;
    enum json_level level;
    const char *name;
    int depth;
    struct text names; /* decoded keys of open objects */
    struct key *keys;
    size_t n_keys, keys_capacity;
    corbel_error *err;
};

static corbel_status check_value(struct checker *c);

static corbel_status refuse(const struct checker *c, size_t at, const char *what)
{
    size_t line = 1, begin = 0;
    for (size_t i = 0; i < at; i++) {
        if (c->scan.data[i] == '\n') {
            line++;
            begin = i + 1;
        }
    }
    return error_set(c->err, CORBEL_E_FORMAT, "%s:%zu:%zu: %s", c->name, line, at - begin + 1,
                     what);
}

/* ---- numbers and words --------------------------------------------------------------------- */

static size_t skip_digits(struct checker *c)
{
    const size_t begin = c->scan.at;
    while (json_scan_peek(&c->scan) >= '0' && json_scan_peek(&c->scan) <= '9')
        c->scan.at++;
    return c->scan.at - begin;
}

static bool fits_int64(const unsigned char *digits, size_t n, bool negative)
{
    const uint64_t most = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++) {
        const uint64_t digit = (uint64_t)(digits[i] - '0');
        if (value > (most - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    return true;
}

static corbel_status check_number(struct checker *c)
{
    const size_t begin = c->scan.at;
    const bool negative = json_scan_peek(&c->scan) == '-';
    c->scan.at += negative;

    const size_t digits_at = c->scan.at, digits = skip_digits(c);
    if (digits == 0)
        return refuse(c, begin, "expected a value");
    if (digits > 1 && c->scan.data[digits_at] == '0')
        return refuse(c, begin, "a number with a leading zero");
    bool integer = true;
    if (json_scan_peek(&c->scan) == '.') {
        integer = false;
        c->scan.at++;
        if (skip_digits(c) == 0)
            return refuse(c, begin, "a number without digits behind its point");
    }
    if (json_scan_peek(&c->scan) == 'e' || json_scan_peek(&c->scan) == 'E') {
        integer = false;
        c->scan.at++;
        if (json_scan_peek(&c->scan) == '+' || json_scan_peek(&c->scan) == '-')
            c->scan.at++;
        if (skip_digits(c) == 0)
            return refuse(c, begin, "a number without digits in its exponent");
    }
    if (integer && c->level == JSON_SECURITY &&
        !fits_int64(c->scan.data + digits_at, digits, negative))
        return refuse(c, begin, "an integer that does not fit 64 bits");
    return CORBEL_OK;
}

static corbel_status check_word(struct checker *c)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const size_t n = strlen(words[i]);
        if (c->scan.size - c->scan.at >= n && memcmp(c->scan.data + c->scan.at, words[i], n) == 0) {
            c->scan.at += n;
            return CORBEL_OK;
        }
    }
    const int b = json_scan_peek(&c->scan);
    if (b == 'N' || b == 'I')
        return refuse(c, c->scan.at, "NaN and Infinity are not JSON");
    return refuse(c, c->scan.at,
                  b < 0 ? "the file ends where a value is expected" : "expected a value");
}

/* ---- strings and keys ------------------------------------------------------------------------ */

/* What the string means is appended to `out` if not NULL. */
static corbel_status check_string(struct checker *c, struct text *out)
{
    if (!json_scan_string(&c->scan, out))
        return refuse(c, c->scan.fault_at, c->scan.fault);
    return CORBEL_OK;
}

static uint64_t hash_bytes(const char *data, size_t size)
{
    uint64_t h = 0xcbf29ce484222325;
    for (size_t i = 0; i < size; i++)
        h = (h ^ (unsigned char)data[i]) * 0x100000001b3;
    return h;
}

static corbel_status push_key(struct checker *c, size_t at, size_t names_begin)
{
    if (c->n_keys == c->keys_capacity) {
        const size_t capacity = c->keys_capacity ? c->keys_capacity * 2 : 64;
        struct key *keys = reallocarray(c->keys, capacity, sizeof(*keys));
        if (!keys)
            return error_memory(c->err, capacity * sizeof(*keys), c->name);
        c->keys = keys;
        c->keys_capacity = capacity;
    }
    if (c->names.failed)
        return error_memory(c->err, c->names.size, c->name);
    const size_t size = c->names.size - names_begin;
    c->keys[c->n_keys++] = (struct key){
        .hash = hash_bytes(c->names.data + names_begin, size),
        .begin = names_begin,
        .size = size,
        .at = at,
    };
    return CORBEL_OK;
}

static int compare_keys(const void *a, const void *b, void *names)
{
    const struct key *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return memcmp((const char *)names + x->begin, (const char *)names + y->begin, x->size);
}

/* An object has closed: its keys are those from `first` on. */
static corbel_status check_keys(struct checker *c, size_t first)
{
    struct key *keys = c->keys + first;
    const size_t n = c->n_keys - first;
    if (n < 2)
        return CORBEL_OK;
    qsort_r(keys, n, sizeof(*keys), compare_keys, c->names.data);
    for (size_t i = 1; i < n; i++) {
        if (compare_keys(&keys[i - 1], &keys[i], c->names.data) != 0)
            continue;
        const size_t at = keys[i].at > keys[i - 1].at ? keys[i].at : keys[i - 1].at;
        char what[160];
        snprintf(what, sizeof what, "the key \"%.*s\" appears twice in one object",
                 keys[i].size < 100 ? (int)keys[i].size : 100, c->names.data + keys[i].begin);
        return refuse(c, at, what);
    }
    return CORBEL_OK;
}

/* ---- arrays and objects -----------------------------------------------------------------------
 */

/* After a member or an item: true at the closing bracket, which is taken. */
static corbel_status next_or_end(struct checker *c, char close, bool *end)
{
    json_scan_space(&c->scan);
    const int b = json_scan_peek(&c->scan);
    if (b != ',' && b != close)
        return refuse(c, c->scan.at,
                      b < 0          ? "the file ends within an array or object"
                      : close == '}' ? "expected \",\" or \"}\""
                                     : "expected \",\" or \"]\"");
    c->scan.at++;
    *end = b == close;
    return CORBEL_OK;
}

static corbel_status check_array(struct checker *c)
{
    bool end = false;
    c->scan.at++;
    json_scan_space(&c->scan);
    if (json_scan_peek(&c->scan) == ']') {
        c->scan.at++;
        return CORBEL_OK;
    }
    while (!end) {
        corbel_status status = check_value(c);
        if (status == CORBEL_OK)
            status = next_or_end(c, ']', &end);
        if (status != CORBEL_OK)
            return status;
    }
    return CORBEL_OK;
}

static corbel_status check_member(struct checker *c)
{
    json_scan_space(&c->scan);
    const size_t at = c->scan.at, names_begin = c->names.size;
    if (json_scan_peek(&c->scan) != '"')
        return refuse(c, c->scan.at, "expected a key in double quotes");
    corbel_status status = check_string(c, &c->names);
    if (status == CORBEL_OK)
        status = push_key(c, at, names_begin);
    if (status != CORBEL_OK)
        return status;
    json_scan_space(&c->scan);
    if (json_scan_peek(&c->scan) != ':')
        return refuse(c, c->scan.at, "expected \":\" behind a key");
    c->scan.at++;
    return check_value(c);
}

static corbel_status check_object(struct checker *c)
{
    const size_t first_key = c->n_keys, names_begin = c->names.size;
    bool end = false;
    c->scan.at++;
    json_scan_space(&c->scan);
    if (json_scan_peek(&c->scan) == '}') {
        c->scan.at++;
        return CORBEL_OK;
    }
    corbel_status status = CORBEL_OK;
    while (status == CORBEL_OK && !end) {
        status = check_member(c);
        if (status == CORBEL_OK)
            status = next_or_end(c, '}', &end);
    }
    if (status == CORBEL_OK)
        status = check_keys(c, first_key);
    c->n_keys = first_key;
    c->names.size = names_begin;
    return status;
}

static corbel_status check_value(struct checker *c)
{
    json_scan_space(&c->scan);
    const int b = json_scan_peek(&c->scan);
    if (b == '"')
        return check_string(c, NULL);
    if (b == '-' || (b >= '0' && b <= '9'))
        return check_number(c);
    if (b != '{' && b != '[')
        return check_word(c);

    if (c->depth == MAX_DEPTH)
        return refuse(c, c->scan.at, "nested more than 64 deep");
    c->depth++;
    const corbel_status status = b == '{' ? check_object(c) : check_array(c);
    c->depth--;
    return status;
}

corbel_status json_check(const char *data, size_t size, enum json_level level, const char *name,
                         corbel_error *err)
{
    struct checker c = {
        .scan = {.data = (const unsigned char *)data, .size = size},
        .level = level,
        .name = name,
        .err = err,
    };
    corbel_status status = check_value(&c);
    if (status == CORBEL_OK) {
        json_scan_space(&c.scan);
        if (c.scan.at != c.scan.size)
            status = refuse(&c, c.scan.at, "more than one value");
    }
    text_finish(&c.names);
    free(c.keys);
    return status;
}
