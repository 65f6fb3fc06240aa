/* plugin/params.h: the parameters of a model, and what is checked of them wherever they were
 * declared. */
#ifndef PLUGIN_PARAMS_H
#define PLUGIN_PARAMS_H

#include "base/arena.h"
#include "plugin/plugin.h"

enum { PARAMS_MAX = 1 << 19 };                 /* leaves as many values of a program for results */
#define PARAMS_MAX_ELEMENTS ((int64_t)1 << 45) /* of all together */

/* In the order of their declaration; handle i + 1 is items[i]. Names live elsewhere. */
struct param_list {
    struct plugin_param *items;
    uint32_t n, capacity;
    int64_t elements;
};

/* Each size is at least 1; *count is their product, at most PARAMS_MAX_ELEMENTS. */
bool params_shape_count(const int64_t *shape, uint32_t rank, int64_t *count);
/* A kind that there is, with a value that it can have, for a parameter of that shape. */
bool params_init_sound(const struct plugin_param_init *init, const int64_t *shape, uint32_t rank);
/* Of `count` elements. CORBEL_E_CONFIG: it is one too many; CORBEL_E_MEMORY. */
corbel_status params_append(struct param_list *list, const struct plugin_param *param,
                            int64_t count, corbel_error *err);
/* CORBEL_E_PROGRAM: two have one name; they would share a tensor without saying so. */
corbel_status params_check_names(const struct param_list *list, const char *arch,
                                 corbel_error *err);
void params_finish(struct param_list *list);

#endif
