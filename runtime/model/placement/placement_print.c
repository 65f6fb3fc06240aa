/* model/placement/placement_print.c: a placement as JSON. */
#include "model/placement/placement.h"

#include <stdio.h>
#include <string.h>

static void add(struct json_object *o, const char *key, struct json_object *value)
{
    json_object_object_add(o, key, value);
}

struct json_object *placement_map_json(const struct placement *p)
{
    struct json_object *map = json_object_new_object();
    bool is_one = true;
    for (uint32_t i = 1; i < p->n_params && is_one; i++)
        is_one = p->place_of[i] == p->place_of[0];
    if (is_one) {
        const uint32_t place = p->n_params ? p->place_of[0] : p->main;
        add(map, "", json_object_new_string(p->places[place].name));
        return map;
    }
    for (uint32_t i = 0; i < p->n_params; i++) {
        const struct placement_unit *unit = &p->units[p->unit_of[i]];
        const char *place = p->places[p->place_of[i]].name;
        add(map, unit->is_split ? p->params[i].name : unit->path, json_object_new_string(place));
    }
    return map;
}

/* Are they entries of one list, with nothing to tell them apart but the number? */
static bool are_alike(const struct placement_unit *a, const struct placement_unit *b)
{
    const char *x = strrchr(a->path, '.'), *y = strrchr(b->path, '.');
    return x && y && x - a->path == y - b->path &&
           memcmp(a->path, b->path, (size_t)(x - a->path)) == 0 &&
           strspn(x + 1, "0123456789") == strlen(x + 1) && a->place == b->place && !a->is_split &&
           !b->is_split && strcmp(a->why, b->why) == 0;
}

struct json_object *placement_units_json(const struct placement *p)
{
    struct json_object *list = json_object_new_array();
    for (uint32_t i = 0; i < p->n_units;) {
        const struct placement_unit *first = &p->units[i];
        struct json_object *row = json_object_new_object();
        uint64_t bytes = 0;
        uint32_t n = 0;
        char module[1200];
        for (; i < p->n_units && (n == 0 || are_alike(first, &p->units[i])); i++, n++)
            bytes += p->units[i].bytes;
        const struct placement_unit *last = &p->units[i - 1];
        snprintf(module, sizeof(module), "%s%s%s", first->path, n > 1 ? "-" : "",
                 n > 1 ? strrchr(last->path, '.') + 1 : "");
        add(row, "module", json_object_new_string(module));
        add(row, "device",
            json_object_new_string(first->is_split ? "several" : p->places[first->place].name));
        add(row, "bytes", json_object_new_int64((int64_t)bytes));
        add(row, "why", json_object_new_string(first->why));
        json_object_array_add(list, row);
    }
    return list;
}

struct json_object *placement_places_json(const struct placement *p)
{
    struct json_object *o = json_object_new_object();
    for (uint32_t i = 0; i < p->n_places; i++) {
        const struct place *place = &p->places[i];
        struct json_object *row = json_object_new_object();
        if (place->bytes == 0 && !place->is_limited) {
            json_object_put(row);
            continue;
        }
        add(row, "bytes", json_object_new_int64((int64_t)place->bytes));
        if (place->limit <= INT64_MAX)
            add(row, "limit", json_object_new_int64((int64_t)place->limit));
        add(o, place->name, row);
    }
    return o;
}
