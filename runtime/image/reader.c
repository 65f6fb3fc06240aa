/* image/reader.c: see reader.h. */
#include "image/reader.h"

#include "base/error.h"

#include <math.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct json_object *reader_find(const struct reader *r, const char *key)
{
    struct json_object *value = NULL;
    json_object_object_get_ex(r->object, key, &value);
    return value;
}

bool reader_is_null(const struct reader *r, const char *key)
{
    struct json_object *value = NULL;
    return json_object_object_get_ex(r->object, key, &value) && !value;
}

void reader_refuse(struct reader *r, const char *key, const char *expected,
                   struct json_object *found)
{
    if (r->status == CORBEL_OK)
        r->status = error_set(r->err, CORBEL_E_CONFIG, "%s: %s: expected %s, found %s", r->name,
                              key, expected, json_describe(found));
}

void reader_need(struct reader *r, bool given, const char *key, const char *step)
{
    if (r->status == CORBEL_OK && !given)
        r->status = error_set(r->err, CORBEL_E_CONFIG, "%s: %s: missing, but %s is true", r->name,
                              key, step);
}

void reader_bool(struct reader *r, const char *key, bool *out)
{
    if (reader_is_null(r, key))
        *out = false;
    if (r->status == CORBEL_OK)
        r->status = json_get_bool(r->object, key, out, r->name, r->err);
}

static bool positive_integer(struct json_object *value, int64_t *out)
{
    if (!json_object_is_type(value, json_type_int))
        return false;
    *out = json_object_get_int64(value);
    return *out >= 1 && *out <= INT32_MAX;
}

/* {"height": 224, "width": 224} and so on; only whole rules. */
static bool read_size_object(struct json_object *object, struct size_rule *size)
{
    const struct {
        const char *key;
        int64_t *out;
    } members[] = {
        {"height", &size->height},
        {"width", &size->width},
        {"shortest_edge", &size->shortest_edge},
        {"longest_edge", &size->longest_edge},
        {"max_height", &size->max_height},
        {"max_width", &size->max_width},
    };
    *size = (struct size_rule){0};
    struct json_object_iter member;
    json_object_object_foreachC(object, member)
    {
        const char *key = member.key;
        struct json_object *value = member.val;
        bool known = !value; /* null */
        for (size_t i = 0; i < COUNT(members); i++)
            if (value && strcmp(key, members[i].key) == 0)
                known = positive_integer(value, members[i].out);
        if (!known)
            return false;
    }
    const bool sides = size->height && size->width, edge = size->shortest_edge != 0,
               most = size->max_height && size->max_width;
    return sides + edge + most == 1 && !size->height == !size->width &&
           !size->max_height == !size->max_width && (edge || !size->longest_edge);
}

void reader_size(struct reader *r, const char *key, bool number_is_short, struct size_rule *out)
{
    struct json_object *value = reader_find(r, key);
    struct size_rule size = {0};
    bool good;
    if (!value) {
        *out = reader_is_null(r, key) ? size : *out;
        return;
    }
    if (json_object_is_type(value, json_type_object)) {
        good = read_size_object(value, &size);
    } else if (json_object_is_type(value, json_type_array)) {
        good = json_object_array_length(value) == 2 &&
               positive_integer(json_object_array_get_idx(value, 0), &size.height) &&
               positive_integer(json_object_array_get_idx(value, 1), &size.width);
    } else {
        good = positive_integer(value, number_is_short ? &size.shortest_edge : &size.height);
        size.width = size.height;
    }
    if (good)
        *out = size;
    else
        reader_refuse(r, key,
                      "a positive number, or an object of height and width, of shortest_edge (and "
                      "longest_edge), or of max_height and max_width",
                      value);
}

static bool finite_number(struct json_object *value, double *out)
{
    if (!json_object_is_type(value, json_type_int) && !json_object_is_type(value, json_type_double))
        return false;
    *out = json_object_get_double(value);
    return isfinite(*out);
}

void reader_number(struct reader *r, const char *key, double *out)
{
    struct json_object *value = reader_find(r, key);
    double number;
    if (!value)
        return;
    if (finite_number(value, &number))
        *out = number;
    else
        reader_refuse(r, key, "a number", value);
}

bool reader_channels(struct reader *r, const char *key, bool has_default, double out[3])
{
    struct json_object *value = reader_find(r, key);
    bool list = json_object_is_type(value, json_type_array);
    bool good = !list || json_object_array_length(value) == 3;
    if (!value)
        return has_default && !reader_is_null(r, key);
    for (size_t i = 0; i < 3 && good; i++)
        good = finite_number(list ? json_object_array_get_idx(value, i) : value, &out[i]);
    if (!good)
        reader_refuse(r, key, "a number, or three of them", value);
    return true;
}
