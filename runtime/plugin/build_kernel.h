/* plugin/build_kernel.h: marking what a kernel of the plugin may replace, while a program is built.
 */
#ifndef PLUGIN_BUILD_KERNEL_H
#define PLUGIN_BUILD_KERNEL_H

#include "plugin/build.h"

/* `op` has become the operations from `begin` on, of which the last makes `out`. Asks the kernel
 * how it is launched, and marks the region, unless it declines. */
void build_launch(struct build *b, const corbel_kernel *kernel, const corbel_op *op, uint32_t begin,
                  corbel_value out);
/* The same for a standard operation, if the plugin overrides it. */
void build_launch_override(struct build *b, const corbel_op *op, uint32_t begin, corbel_value out);

#endif
