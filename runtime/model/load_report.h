/* model/load_report.h: which parameters the checkpoint lacks, has beside, or has in another shape.
 *
 * Said as transformers says it (utils/loading_report.py): one line a name, where layers that share
 * a reason share a line ("model.layers.{0, 1}.mlp.bias"). */
#ifndef MODEL_LOAD_REPORT_H
#define MODEL_LOAD_REPORT_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

struct json_object;

/* Names, and to each a note or NULL. */
struct load_report_list {
    const char **names, **notes;
    uint32_t n, capacity;
};

struct load_report {
    struct load_report_list missing, unexpected, mismatched;
    uint32_t n_elsewhere; /* also unexpected, in shards that were not fetched */
};

/* name and note are copied into `arena`. False: no memory. */
bool load_report_add(struct load_report_list *list, struct arena *arena, const char *name,
                     const char *note);
/* Warns of all that there is. `source`: the model's folder; `seed`: of what is made anew. */
void load_report_log(const struct load_report *report, const char *class_name, const char *source,
                     uint64_t seed);
/* Adds missing_keys, unexpected_keys and mismatched_keys to an object. */
void load_report_add_json(const struct load_report *report, struct json_object *object);
void load_report_finish(struct load_report *report);

#endif
