/* model/names.h: the names under which a checkpoint may have a parameter. */
#ifndef MODEL_NAMES_H
#define MODEL_NAMES_H

#include "plugin/plugin.h"

enum { NAMES_MAX = 4, NAMES_SIZE = 1024 };

/* In the order in which they are looked for, as transformers does (modeling_utils.py,
 * from_pretrained): as it is; with the base model's prefix added or taken away, so that a base
 * model loads from a checkpoint with a head and the reverse; both under the older name that the
 * plugin gives. Returns how many. */
size_t names_of_param(const struct plugin_param *p, const char *prefix,
                      char names[NAMES_MAX][NAMES_SIZE]);

/* Does `name` begin with the prefix and a dot? Never with an empty prefix. */
bool name_has_prefix(const char *name, const char *prefix);

#endif
