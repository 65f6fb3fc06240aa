/* hub/resources.h: where the files that belong to this build of Corbel lie.
 *
 * Built-in bundles and demo models are found relative to the library itself, in the build tree and
 * in an installed one, never by the working directory or the environment. */
#ifndef HUB_RESOURCES_H
#define HUB_RESOURCES_H

#include "corbel/corbel.h"

/* The folder that holds `marker`, a path inside the resource ("storyteller/config.json");
 * CORBEL_E_NOT_FOUND otherwise. `out` has `size` bytes. */
corbel_status resource_plugins(char *out, size_t size, corbel_error *err);
corbel_status resource_demo(const char *name, char *out, size_t size, corbel_error *err);
/* The same for one of their files, "shapes/examples/star.png". */
corbel_status resource_demo_file(const char *name, char *out, size_t size, corbel_error *err);
/* What `corbel plugin new` copies; where find_package(CorbelSDK) looks. */
corbel_status resource_template(char *out, size_t size, corbel_error *err);
corbel_status resource_sdk(char *out, size_t size, corbel_error *err);
/* The program that isolated plugins run in. */
corbel_status resource_plugin_host(char *out, size_t size, corbel_error *err);

#endif
