/* model/saving/fill.h: what a parameter that no checkpoint holds begins as.
 *
 * The plugin says how (CORBEL_INIT_...); by default it is what transformers does for the kind of
 * module that name and rank betray. An element depends on the seed, the parameter's name and its
 * own index alone, so any part can be made in any order, by any number of threads. */
#ifndef MODEL_FILL_H
#define MODEL_FILL_H

#include "config/config.h"
#include "plugin/plugin.h"

struct fill {
    int32_t kind; /* CORBEL_INIT_..., but DEFAULT */
    double value;
    uint64_t key; /* where the parameter's own random numbers begin */
    uint64_t row; /* elements of a row along the first axis */
    uint64_t zero_begin, zero_end;
};

struct fill fill_of(const struct plugin_param *param, const struct config *config, uint64_t seed);

/* Elements `first`, which is even, to first + count. */
void fill_run(const struct fill *fill, uint64_t first, uint64_t count, float *out);
/* The same by up to so many threads. */
void fill_run_threads(const struct fill *fill, uint64_t first, uint64_t count, float *out,
                      uint32_t n_threads);

#endif
