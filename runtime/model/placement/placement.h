/* model/placement/placement.h: which parameter lies where (specs.md 16).
 *
 * A place is a device, or "disk": then the weights stay in their mapped file, and the modules that
 * they belong to are computed on the main place, through which they stream. What decides is data
 * only: the parameters' names and sizes, the caller's device_map and max_memory, and a list of what
 * devices there are. No device is opened here.
 *
 * A unit is what "auto" never splits: the outermost module with a number (model.layers.3), and
 * outside of those the outermost module that holds no numbered one (model.embed_tokens). */
#ifndef MODEL_PLACEMENT_H
#define MODEL_PLACEMENT_H

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "device/device.h"

#define PLACEMENT_MAX_PLACES 18 /* the CPU, 16 GPUs, the disk */
#define PLACEMENT_NO_LIMIT   UINT64_MAX

struct place {
    char name[32]; /* "cpu", "vulkan:0", "disk" */
    bool is_disk;
    bool is_limited; /* max_memory says how much */
    uint64_t limit;  /* bytes that auto may put here; PLACEMENT_NO_LIMIT: as many as there are */
    uint64_t bytes;  /* that were put here */
};

struct placement_param {
    const char *name;
    uint64_t bytes;    /* in the dtype that it shall have */
    const char *older; /* in older checkpoints; NULL: the same. Maps may speak of either */
    const char *base; /* of a base model, its prefix in models with a head, which maps may have too;
                         NULL: none */
};

struct placement_unit {
    const char *path; /* module, or a parameter that is in none */
    uint64_t bytes;
    uint32_t place;
    bool is_split;   /* a map put its parameters in several places; `place` is the first's */
    const char *why; /* "fits", "vulkan:0 is full", ... */
};

struct placement {
    struct arena arena; /* owns all that follows */
    struct place places[PLACEMENT_MAX_PLACES];
    uint32_t n_places;
    struct placement_unit *units;
    uint32_t n_units;
    uint32_t *unit_of;  /* [n_params] */
    uint32_t *place_of; /* [n_params] */
    uint32_t n_params;
    const struct placement_param *params; /* the caller's */
    uint32_t main; /* the place where modules on the disk are computed; never the disk */
};

/* `device_map` and `max_memory` as in corbel_load_params. `devices`: what there is, for "auto" and
 * to refuse names that there are not; of GPUs may be left out what `placement_needs_gpus` denies.
 * CORBEL_E_ARGUMENT: a map that makes no sense, does not cover a parameter, or exceeds max_memory;
 * CORBEL_E_NOT_FOUND: a device that is not there. The caller finishes *p in either case. */
corbel_status placement_resolve(struct placement *p, const struct placement_param *params,
                                uint32_t n_params, const char *device_map, const char *max_memory,
                                const struct device_info *devices, uint32_t n_devices,
                                corbel_error *err);
void placement_finish(struct placement *p);

/* Whether the answer may depend on GPUs: looking for them loads their drivers. */
bool placement_needs_gpus(const char *device_map, const char *max_memory);

/* {"": "cpu"} or an entry a unit: what a device_map that says the same looks like. */
struct json_object *placement_map_json(const struct placement *p);
/* [{"module", "device", "bytes", "why"}], neighbours of one kind together. */
struct json_object *placement_units_json(const struct placement *p);
/* {"cpu": {"bytes", "limit"?}}. */
struct json_object *placement_places_json(const struct placement *p);

/* ---- placement_parse.c ----------------------------------------------------------------------- */

/* "cpu", "disk", "vulkan" (0), "vulkan:N", or N itself; false: none of them. */
bool placement_parse_place(const char *text, char name[32]);
/* "6GiB", "12 GB", "500000", 512MB: bytes. GB is 10^9, GiB 2^30; no unit: bytes. */
bool placement_parse_size(const char *text, uint64_t *bytes);

struct placement_entry {
    const char *prefix; /* "": the default */
    char place[32];
};
struct placement_limit {
    char place[32];
    uint64_t bytes;
};
/* A map's entries, or one default entry for a name. `is_auto`: neither. */
corbel_status placement_parse_map(const char *text, struct arena *arena, bool *is_auto,
                                  struct placement_entry **entries, uint32_t *n, corbel_error *err);
corbel_status placement_parse_limits(const char *text, struct arena *arena,
                                     struct placement_limit **limits, uint32_t *n,
                                     corbel_error *err);

#endif
