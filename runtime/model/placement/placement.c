/* model/placement/placement.c: a named device, a map of prefixes, or "auto".
 *
 * "auto" fills the places in order: GPUs, the CPU, and what is left stays on the disk. It never
 * goes back to an earlier place, so that a model crosses from one to the next once. If not all of
 * it fits the first, that one keeps room for the largest unit, which may have to pass through. */
#include "model/placement/placement_units.h"

#include "base/error.h"
#include "base/log.h"
#include "model/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is being resolved. */
struct request {
    struct placement *p;
    struct placement_entry *entries;
    uint32_t n_entries;
    struct placement_limit *limits;
    uint32_t n_limits;
    const struct device_info *devices;
    uint32_t n_devices;
    corbel_error *err;
};

static bool is_gpu(const char *place)
{
    return strcmp(place, "cpu") != 0 && strcmp(place, "disk") != 0;
}

/* ---- places ---------------------------------------------------------------------------------- */

static const struct placement_limit *find_limit(const struct request *r, const char *name)
{
    for (uint32_t i = 0; i < r->n_limits; i++)
        if (strcmp(r->limits[i].place, name) == 0)
            return &r->limits[i];
    return NULL;
}

static const struct device_info *find_device(const struct request *r, const char *name)
{
    for (uint32_t i = 0; i < r->n_devices; i++)
        if (strcmp(r->devices[i].name, name) == 0)
            return &r->devices[i];
    return NULL;
}

static corbel_status check_device(const struct request *r, const char *what, const char *name)
{
    struct text there = {0};
    if (strcmp(name, "disk") == 0 || find_device(r, name))
        return CORBEL_OK;
    for (uint32_t i = 0; i < r->n_devices; i++)
        text_format(&there, "%s%s", i ? ", " : "", r->devices[i].name);
    const corbel_status status = error_set(
        r->err, CORBEL_E_NOT_FOUND, "%s: there is no %s here (there are: %s; see corbel devices)",
        what, name, text_cstr(&there));
    text_finish(&there);
    return status;
}

/* Nine tenths of what there is: results and caches need memory too. */
static uint64_t usual_limit(const struct device_info *device)
{
    return device && device->memory ? device->memory / 10 * 9 : PLACEMENT_NO_LIMIT;
}

/* The place of that name, made if need be. PLACEMENT_MAX_PLACES are as many as there are names. */
static uint32_t place_of_name(const struct request *r, const char *name)
{
    struct placement *p = r->p;
    const struct placement_limit *limit = find_limit(r, name);
    for (uint32_t i = 0; i < p->n_places; i++)
        if (strcmp(p->places[i].name, name) == 0)
            return i;
    struct place *place = &p->places[p->n_places];
    *place = (struct place){.is_disk = strcmp(name, "disk") == 0, .limit = PLACEMENT_NO_LIMIT};
    snprintf(place->name, sizeof(place->name), "%s", name);
    if (!place->is_disk) {
        place->is_limited = limit != NULL;
        place->limit = limit ? limit->bytes : usual_limit(find_device(r, name));
    }
    return p->n_places++;
}

/* ---- auto ------------------------------------------------------------------------------------ */

/* max_memory, where it is given, names the GPUs that may be used. A software device must be. */
static bool may_use(const struct request *r, const struct device_info *device)
{
    return r->n_limits == 0 ? !device->is_software : find_limit(r, device->name) != NULL;
}

static void open_places(const struct request *r)
{
    for (uint32_t i = 0; i < r->n_devices; i++)
        if (is_gpu(r->devices[i].name) && may_use(r, &r->devices[i]))
            place_of_name(r, r->devices[i].name);
    place_of_name(r, "cpu");
    place_of_name(r, "disk");
}

/* largest[i]: of unit i and those after it. */
static uint64_t *find_largest(struct placement *p)
{
    uint64_t *largest = arena_array(&p->arena, (size_t)p->n_units + 1, sizeof(*largest));
    for (uint32_t i = p->n_units; largest && i-- > 0;)
        largest[i] = p->units[i].bytes > largest[i + 1] ? p->units[i].bytes : largest[i + 1];
    return largest;
}

static bool fits(const struct place *place, uint64_t bytes, uint64_t reserve)
{
    return place->limit == PLACEMENT_NO_LIMIT ||
           (place->bytes <= place->limit && bytes <= place->limit - place->bytes &&
            reserve <= place->limit - place->bytes - bytes);
}

static const char *why_here(struct placement *p, uint32_t place, uint32_t at_once)
{
    if (place == 0)
        return at_once ? "the whole model fits" : "fits";
    const char *text = arena_format(&p->arena, "%s is full", p->places[place - 1].name);
    return text ? text : "";
}

static corbel_status place_units(const struct request *r)
{
    struct placement *p = r->p;
    const uint64_t *largest = find_largest(p);
    uint64_t total = 0;
    uint32_t place = 0;
    if (!largest)
        return error_memory(r->err, p->n_units * sizeof(*largest), "the units of a model");
    for (uint32_t i = 0; i < p->n_units; i++)
        total += p->units[i].bytes;
    const bool at_once = fits(&p->places[0], total, 0);
    const char *why = why_here(p, 0, at_once);
    for (uint32_t i = 0; i < p->n_units; i++) {
        struct placement_unit *unit = &p->units[i];
        while (!p->places[place].is_disk &&
               !fits(&p->places[place], unit->bytes, place == 0 && !at_once ? largest[i] : 0))
            why = why_here(p, ++place, at_once);
        unit->place = place;
        unit->why = why;
        p->places[place].bytes += unit->bytes;
    }
    for (uint32_t i = 0; i < p->n_params; i++)
        p->place_of[i] = p->units[p->unit_of[i]].place;
    return CORBEL_OK;
}

/* ---- maps ------------------------------------------------------------------------------------ */

static bool begins_with(const char *name, const char *prefix, size_t size)
{
    return size == 0 ||
           (strncmp(name, prefix, size) == 0 && (name[size] == '.' || name[size] == '\0'));
}

static bool is_below(const struct placement_param *param, const char *prefix)
{
    const size_t size = strlen(prefix);
    if (begins_with(param->name, prefix, size) ||
        (param->older && begins_with(param->older, prefix, size)))
        return true;
    const char *rest =
        param->base && name_has_prefix(prefix, param->base) ? prefix + strlen(param->base) + 1 : "";
    return rest[0] && is_below(param, rest);
}

/* Longest first, so that the first that fits wins. */
static int compare_entries(const void *a, const void *b)
{
    const size_t x = strlen(((const struct placement_entry *)a)->prefix),
                 y = strlen(((const struct placement_entry *)b)->prefix);
    return x > y ? -1 : x < y;
}

/* The output layer of a model whose embeddings are tied has no parameter of its own; maps that
 * were made for transformers name it all the same. */
static bool is_tied_head(const char *prefix)
{
    return begins_with(prefix, "lm_head", strlen("lm_head"));
}

static corbel_status unknown_prefix(const struct request *r, const char *prefix)
{
    const struct placement *p = r->p;
    const char **paths = calloc((size_t)p->n_units + 1, sizeof(*paths));
    for (uint32_t i = 0; paths && i < p->n_units; i++)
        paths[i] = p->units[i].path;
    const char *near = paths && strlen(prefix) < 200 && p->n_units < 4096
                           ? text_nearest(prefix, paths, p->n_units)
                           : NULL;
    const corbel_status status =
        error_set(r->err, CORBEL_E_ARGUMENT,
                  "device_map: the model has no module or parameter \"%.200s\"%s%s%s", prefix,
                  near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    free(paths);
    return status;
}

static corbel_status place_params(const struct request *r, bool *known)
{
    struct placement *p = r->p;
    for (uint32_t i = 0; i < p->n_params; i++) {
        const struct placement_entry *chosen = NULL;
        for (uint32_t k = 0; k < r->n_entries; k++) {
            const struct placement_entry *e = &r->entries[k];
            if (!is_below(&p->params[i], e->prefix))
                continue;
            known[k] = true;
            chosen = chosen ? chosen : e;
        }
        if (!chosen)
            return error_set(r->err, CORBEL_E_ARGUMENT,
                             "device_map: no entry covers %s (an entry \"\" is the default of all "
                             "that no other covers)",
                             p->params[i].name);
        p->place_of[i] = place_of_name(r, chosen->place);
        p->places[p->place_of[i]].bytes += p->params[i].bytes;
        struct placement_unit *unit = &p->units[p->unit_of[i]];
        if (!unit->why) {
            unit->place = p->place_of[i];
            unit->why = arena_format(&p->arena, "device_map: \"%s\"", chosen->prefix);
            if (!unit->why)
                return error_memory(r->err, strlen(chosen->prefix), "device_map");
        } else if (unit->place != p->place_of[i]) {
            unit->is_split = true;
        }
    }
    return CORBEL_OK;
}

static corbel_status check_entries(const struct request *r, const bool *known)
{
    for (uint32_t k = 0; k < r->n_entries; k++) {
        const char *prefix = r->entries[k].prefix;
        if (known[k] || !prefix[0])
            continue;
        if (!is_tied_head(prefix))
            return unknown_prefix(r, prefix);
        log_line(CORBEL_LOG_INFO,
                 "device_map: %s has no parameters of its own in this model: it runs where the "
                 "input embedding is, to which it is tied",
                 prefix);
    }
    return CORBEL_OK;
}

static corbel_status check_limits(const struct request *r)
{
    for (uint32_t i = 0; i < r->p->n_places; i++) {
        const struct place *place = &r->p->places[i];
        if (place->is_limited && place->bytes > place->limit)
            return error_set(r->err, CORBEL_E_ARGUMENT,
                             "device_map puts %llu bytes of weights on %s, where max_memory allows "
                             "%llu (\"auto\" would put the rest elsewhere)",
                             (unsigned long long)place->bytes, place->name,
                             (unsigned long long)place->limit);
    }
    return CORBEL_OK;
}

static corbel_status place_by_map(const struct request *r)
{
    bool *known = calloc((size_t)r->n_entries + 1, sizeof(*known));
    if (!known)
        return error_memory(r->err, r->n_entries, "device_map");
    qsort(r->entries, r->n_entries, sizeof(*r->entries), compare_entries);
    corbel_status status = CORBEL_OK;
    for (uint32_t k = 0; k < r->n_entries && status == CORBEL_OK; k++)
        status = check_device(r, "device_map", r->entries[k].place);
    if (status == CORBEL_OK)
        status = place_params(r, known);
    if (status == CORBEL_OK)
        status = check_entries(r, known);
    if (status == CORBEL_OK)
        status = check_limits(r);
    free(known);
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* The GPU that holds parameters first, else the CPU. */
static uint32_t find_main(const struct request *r)
{
    const struct placement *p = r->p;
    for (uint32_t i = 0; i < p->n_params; i++) {
        const struct place *place = &p->places[p->place_of[i]];
        if (is_gpu(place->name))
            return p->place_of[i];
    }
    return place_of_name(r, "cpu");
}

static corbel_status resolve(struct request *r, const char *device_map, const char *max_memory)
{
    struct placement *p = r->p;
    bool is_auto;
    corbel_status status =
        placement_parse_map(device_map, &p->arena, &is_auto, &r->entries, &r->n_entries, r->err);
    if (status == CORBEL_OK)
        status = placement_parse_limits(max_memory, &p->arena, &r->limits, &r->n_limits, r->err);
    for (uint32_t i = 0; i < r->n_limits && status == CORBEL_OK; i++)
        status = check_device(r, "max_memory", r->limits[i].place);
    if (status == CORBEL_OK)
        status = placement_find_units(p, r->err);
    if (status != CORBEL_OK)
        return status;
    p->place_of = arena_array(&p->arena, (size_t)p->n_params + 1, sizeof(*p->place_of));
    if (!p->place_of)
        return error_memory(r->err, p->n_params * sizeof(*p->place_of), "a device map");
    if (is_auto)
        open_places(r);
    status = is_auto ? place_units(r) : place_by_map(r);
    if (status == CORBEL_OK)
        p->main = find_main(r);
    return status;
}

bool placement_needs_gpus(const char *device_map, const char *max_memory)
{
    struct arena arena = {0};
    struct placement_entry *entries = NULL;
    struct placement_limit *limits = NULL;
    uint32_t n_entries = 0, n_limits = 0;
    bool is_auto = false, named = false;
    /* What can't be read is refused later. */
    if (placement_parse_map(device_map, &arena, &is_auto, &entries, &n_entries, NULL) ==
            CORBEL_OK &&
        placement_parse_limits(max_memory, &arena, &limits, &n_limits, NULL) == CORBEL_OK) {
        for (uint32_t i = 0; i < n_entries; i++)
            named = named || is_gpu(entries[i].place);
        for (uint32_t i = 0; i < n_limits; i++)
            named = named || is_gpu(limits[i].place);
    }
    arena_finish(&arena);
    return named || (is_auto && device_gpu_seems_there());
}

corbel_status placement_resolve(struct placement *p, const struct placement_param *params,
                                uint32_t n_params, const char *device_map, const char *max_memory,
                                const struct device_info *devices, uint32_t n_devices,
                                corbel_error *err)
{
    *p = (struct placement){.params = params, .n_params = n_params};
    struct request r = {.p = p, .devices = devices, .n_devices = n_devices, .err = err};
    return resolve(&r, device_map, max_memory);
}

void placement_finish(struct placement *p)
{
    arena_finish(&p->arena);
    *p = (struct placement){0};
}
