/* program/shapes_image.c: shape rules of convolution, pooling and resizing.
 *
 * One spatial axis is an image of height 1: the attributes ending in _w speak of it, those in _h
 * are not given. */
#include "program/shapes.h"

#include <string.h>

/* How a window moves along one axis. */
struct window {
    int64_t size, kernel, stride, pad, pad_end, dilation;
    bool ceil_mode;
};

static const enum program_attr_key of_height[] = {
    ATTR_STRIDE_H, ATTR_PAD_H, ATTR_KERNEL_H, ATTR_DILATION_H, ATTR_PAD_END_H,
};

static bool check_no_height(const struct rule *r)
{
    for (size_t i = 0; i < sizeof(of_height) / sizeof(of_height[0]); i++)
        if (rule_has(r, of_height[i]))
            return rule_fail(r, "attribute %s, but x %s has one spatial axis",
                             program_attr_name(of_height[i]), shape_text(rule_in(r, 0)).s);
    return true;
}

/* torch's formula; sizes are below 2^42, a dilated kernel below 2^62. */
static bool window_steps(const struct rule *r, const struct window *w, int64_t *steps)
{
    const int64_t padded = w->size + w->pad + w->pad_end;
    const int64_t room = padded - w->dilation * (w->kernel - 1) - 1;
    const int64_t beyond = w->ceil_mode ? w->stride - 1 : 0;
    if (room + beyond < 0)
        return rule_fail(
            r, "a window of %lld (dilation %lld) does not fit size %lld padded to %lld",
            (long long)w->kernel, (long long)w->dilation, (long long)w->size, (long long)padded);
    *steps = (room + beyond) / w->stride + 1;
    /* The last window must begin inside x or its leading pad. */
    if (w->ceil_mode && (*steps - 1) * w->stride >= w->size + w->pad)
        (*steps)--;
    return true;
}

static struct window window_along(const struct rule *r, bool height, int64_t size, int64_t kernel,
                                  int64_t stride)
{
    const int64_t pad = rule_int(r, height ? ATTR_PAD_H : ATTR_PAD_W, 0);
    return (struct window){
        .size = size,
        .kernel = kernel,
        .stride = rule_int(r, height ? ATTR_STRIDE_H : ATTR_STRIDE_W, stride),
        .pad = pad,
        .pad_end = rule_int(r, height ? ATTR_PAD_END_H : ATTR_PAD_END_W, pad),
        .dilation = rule_int(r, height ? ATTR_DILATION_H : ATTR_DILATION_W, 1),
        .ceil_mode = rule_int(r, ATTR_CEIL_MODE, 0),
    };
}

bool infer_conv(const struct rule *r)
{
    const struct program_value *x = rule_in(r, 0), *w = rule_in(r, 1), *bias = rule_in(r, 2);
    const int64_t groups = rule_int(r, ATTR_GROUPS, 1);
    if (w->rank != x->rank || x->shape[1] % groups != 0 || w->shape[1] != x->shape[1] / groups ||
        w->shape[0] % groups != 0)
        return rule_fail(r, "x %s does not fit weight %s in %lld groups", shape_text(x).s,
                         shape_text(w).s, (long long)groups);
    if (bias && bias->shape[0] != w->shape[0])
        return rule_fail(r, "bias %s does not fit weight %s (expected [%lld])", shape_text(bias).s,
                         shape_text(w).s, (long long)w->shape[0]);
    if (x->rank == 3 && !check_no_height(r))
        return false;

    int64_t shape[PROGRAM_MAX_RANK] = {x->shape[0], w->shape[0]};
    for (uint32_t axis = 2; axis < x->rank; axis++) {
        const bool height = axis + 1 < x->rank;
        const struct window along = window_along(r, height, x->shape[axis], w->shape[axis], 1);
        if (!window_steps(r, &along, &shape[axis]))
            return false;
    }
    return rule_out(r, 0, CORBEL_F32, x->rank, shape);
}

bool infer_batch_norm(const struct rule *r)
{
    const struct program_value *x = rule_in(r, 0);
    for (uint32_t slot = 1; slot < 5; slot++)
        if (rule_in(r, slot)->shape[0] != x->shape[1])
            return rule_fail(r, "x %s does not fit %s %s (expected [%lld])", shape_text(x).s,
                             signature_argument(r->op->kind, slot)->name,
                             shape_text(rule_in(r, slot)).s, (long long)x->shape[1]);
    return rule_out_like(r, 0, CORBEL_F32, x);
}

bool infer_pool(const struct rule *r)
{
    const struct program_value *x = rule_in(r, 0);
    int64_t shape[PROGRAM_MAX_RANK];
    memcpy(shape, x->shape, x->rank * sizeof(*shape));
    if (x->rank == 3 && !check_no_height(r))
        return false;
    for (uint32_t axis = 2; axis < x->rank; axis++) {
        const bool height = axis + 1 < x->rank;
        const enum program_attr_key key = height ? ATTR_KERNEL_H : ATTR_KERNEL_W;
        const int64_t kernel = rule_int(r, key, 0);
        if (kernel == 0)
            return rule_fail(r, "attribute %s is missing", program_attr_name(key));
        const struct window along = window_along(r, height, x->shape[axis], kernel, kernel);
        /* Otherwise a window could lie in the pad alone, and have no maximum. */
        if (along.pad > kernel / 2)
            return rule_fail(r, "pad %lld is more than half of the window of %lld",
                             (long long)along.pad, (long long)kernel);
        if (!window_steps(r, &along, &shape[axis]))
            return false;
    }
    return rule_out(r, 0, CORBEL_F32, x->rank, shape);
}

bool infer_interpolate(const struct rule *r)
{
    const struct program_value *x = rule_in(r, 0);
    const int64_t shape[] = {x->shape[0], x->shape[1], rule_int(r, ATTR_HEIGHT, 0),
                             rule_int(r, ATTR_WIDTH, 0)};
    return rule_out(r, 0, CORBEL_F32, 4, shape);
}
