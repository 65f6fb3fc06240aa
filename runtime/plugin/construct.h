/* plugin/construct.h: from config.json to the arguments of a plugin's constructor. */
#ifndef PLUGIN_CONSTRUCT_H
#define PLUGIN_CONSTRUCT_H

#include "config/config.h"
#include "plugin/arguments.h"

/* One for each field of `arch`; strings and lists live in `arena`. CORBEL_E_CONFIG: a field is
 * missing or mistyped; the text names file, key and what was expected. */
corbel_status construct_arguments(const corbel_arch *arch, const struct config *config,
                                  struct arena *arena, union argument arguments[ARGUMENTS_MAX],
                                  corbel_error *err);

#endif
