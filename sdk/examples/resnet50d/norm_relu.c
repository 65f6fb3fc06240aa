/* norm_relu.c: see norm_relu.h. */
#include "norm_relu.h"

#define EPS 1e-5 /* torch.nn.BatchNorm2d's */

static const uint32_t norm_relu_spirv[] =
#include "norm_relu.comp.inc"
    ;
static const uint32_t norm_add_relu_spirv[] =
#include "norm_add_relu.comp.inc"
    ;

/* The inputs, in the kernels' order. */
enum { X, WEIGHT, BIAS, MEAN, VAR, SHORTCUT, N_INPUTS };

/* ---- parameters ------------------------------------------------------------------------------ */

static corbel_value create_buffer(corbel_build *b, const char *name, int64_t channels)
{
    return corbel_param_nd(b, name, &channels, 1, CORBEL_PARAM_BUFFER);
}

struct batch_norm create_batch_norm(corbel_build *b, const char *module, int64_t channels)
{
    struct batch_norm n;

    corbel_enter(b, module);
    n.weight = corbel_param_1d(b, "weight", channels);
    n.bias = corbel_param_1d(b, "bias", channels);
    n.running_mean = create_buffer(b, "running_mean", channels);
    n.running_var = create_buffer(b, "running_var", channels);
    corbel_leave(b);
    return n;
}

/* ---- as standard operations ------------------------------------------------------------------ */

static corbel_value batch_norm(corbel_build *b, const corbel_value *in)
{
    const corbel_attr eps = corbel_attr_float("eps", EPS);

    return corbel_emit(b, "batch_norm", in, 5, &eps, 1);
}

static void decompose(corbel_build *b, const corbel_op *op, corbel_value *out)
{
    corbel_value y = batch_norm(b, op->in);

    if (op->n_in > SHORTCUT)
        y = op_add(b, y, op->in[SHORTCUT]);
    *out = op_activation(b, y, CORBEL_FN_RELU);
}

/* ---- as shaders ------------------------------------------------------------------------------ */

/* The shaders' indices are 32-bit. */
static void launch(corbel_build *b, const corbel_op *op, corbel_value out, corbel_launch *launch)
{
    (void)op;
    if (launch->n_elements > INT32_MAX)
        return;
    corbel_launch_flat(launch, 64);
    corbel_push_int(b, launch, launch->n_elements);
    corbel_push_int(b, launch, corbel_dim(b, out, 1));
    corbel_push_int(b, launch, corbel_dim(b, out, 2) * corbel_dim(b, out, 3));
    corbel_push_float(b, launch, EPS);
}

const corbel_kernel norm_relu_kernel =
    CORBEL_KERNEL("norm_relu", norm_relu_spirv, N_INPUTS, 4 * 4, decompose, launch, 1e-5);
const corbel_kernel norm_add_relu_kernel = CORBEL_KERNEL(
    "norm_add_relu", norm_add_relu_spirv, N_INPUTS + 1, 4 * 4, decompose, launch, 1e-5);

/* ---- forward --------------------------------------------------------------------------------- */

corbel_value norm_only(corbel_build *b, corbel_value x, const struct batch_norm *n)
{
    const corbel_value in[] = {x, n->weight, n->bias, n->running_mean, n->running_var};

    return batch_norm(b, in);
}

corbel_value norm_relu(corbel_build *b, corbel_value x, const struct batch_norm *n,
                       corbel_value shortcut)
{
    const corbel_value in[] = {x, n->weight, n->bias, n->running_mean, n->running_var, shortcut};

    if (shortcut.id)
        return corbel_emit(b, "custom:norm_add_relu", in, N_INPUTS, NULL, 0);
    return corbel_emit(b, "custom:norm_relu", in, SHORTCUT, NULL, 0);
}
