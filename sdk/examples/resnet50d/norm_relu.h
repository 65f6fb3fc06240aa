/* norm_relu.h: batch norm, the sum with a shortcut and relu, as kernels of this plugin.
 *
 *     y = max((x - mean) * weight / sqrt(var + eps) + bias + shortcut, 0)
 *
 * Three operations that each read and write the whole image become one that does it once. On the
 * CPU they are their decompositions. */
#ifndef NORM_RELU_H
#define NORM_RELU_H

#include "corbel/plugin.h"

/* torch.nn.BatchNorm2d, each [C] */
struct batch_norm {
    corbel_value weight, bias, running_mean, running_var;
};

struct batch_norm create_batch_norm(corbel_build *b, const char *module, int64_t channels);

/* x [B,C,H,W] -> the same shape: the norm alone. */
corbel_value norm_only(corbel_build *b, corbel_value x, const struct batch_norm *n);
/* With relu; shortcut: shaped like x, or none. */
corbel_value norm_relu(corbel_build *b, corbel_value x, const struct batch_norm *n,
                       corbel_value shortcut);

extern const corbel_kernel norm_relu_kernel, norm_add_relu_kernel;

#endif
