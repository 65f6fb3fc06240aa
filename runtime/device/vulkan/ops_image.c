/* device/vulkan/ops_image.c: convolution, batch norm, pooling and resizing. One spatial axis is an
 * image of height 1. */
#include "device/vulkan/call.h"

#define GROUP      64
#define TAPS_LIMIT 50000

struct plane {
    uint64_t height, width;
};

static struct plane plane_of(const struct program_value *v)
{
    return v->rank == 3 ? (struct plane){1, (uint64_t)v->shape[2]}
                        : (struct plane){(uint64_t)v->shape[2], (uint64_t)v->shape[3]};
}

static uint64_t attribute(const struct program_op *op, enum program_attr_key key, uint64_t fallback)
{
    return (uint64_t)program_op_int(op, key, (int64_t)fallback);
}

static void push_all(struct recorder *r, const uint64_t *sizes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        call_uint(r, sizes[i]);
}

#define PUSH_ALL(r, sizes) push_all(r, sizes, sizeof(sizes) / sizeof((sizes)[0]))

void record_conv(struct recorder *r, const struct program_op *op)
{
    const struct program_value *x = input_value(r, op, 0), *w = input_value(r, op, 1);
    const struct program_value *y = result_value(r, op, 0);
    const struct plane in = plane_of(x), kernel = plane_of(w), out = plane_of(y);
    const uint64_t groups = attribute(op, ATTR_GROUPS, 1);
    const uint64_t channels = (uint64_t)x->shape[1], outs = (uint64_t)w->shape[0];
    const uint64_t group_size = channels / groups, per_group = outs / groups;
    const uint32_t together = per_group % 8 == 0 ? 8 : per_group % 4 == 0 ? 4 : 1;
    const uint64_t taps = group_size * kernel.height * kernel.width;
    const uint64_t places = out.height * out.width;
    if (taps + group_size * (kernel.height + 1) > TAPS_LIMIT)
        recorder_fail(r, CORBEL_E_UNSUPPORTED, "a convolution over %llu elements",
                      (unsigned long long)taps);
    call_begin(r, KERNEL_CONV);
    call_spec(r, (uint32_t)w->dtype);
    call_spec(r, (uint32_t)input(r, op, 2).dtype);
    call_spec(r, together);
    call_read(r, input(r, op, 0));
    call_read(r, input(r, op, 1));
    call_read(r, input(r, op, 2));
    call_write(r, result(r, op, 0));
    const uint64_t sizes[] = {group_size,
                              in.height,
                              in.width,
                              outs,
                              kernel.height,
                              kernel.width,
                              out.height,
                              out.width,
                              attribute(op, ATTR_STRIDE_H, 1),
                              attribute(op, ATTR_STRIDE_W, 1),
                              attribute(op, ATTR_PAD_H, 0),
                              attribute(op, ATTR_PAD_W, 0),
                              attribute(op, ATTR_DILATION_H, 1),
                              attribute(op, ATTR_DILATION_W, 1),
                              channels,
                              per_group};
    PUSH_ALL(r, sizes);
    call_work(r, (double)value_count(y) * (double)taps);
    call_end(r, GROUP, (places + GROUP - 1) / GROUP, outs / together, (uint64_t)x->shape[0]);
}

void record_batch_norm(struct recorder *r, const struct program_op *op)
{
    const struct program_value *x = input_value(r, op, 0);
    const uint64_t n = (uint64_t)value_count(x), channels = (uint64_t)x->shape[1];
    call_begin(r, KERNEL_BATCH_NORM);
    for (uint32_t slot = 1; slot < 5; slot++)
        call_spec(r, (uint32_t)input(r, op, slot).dtype);
    for (uint32_t slot = 0; slot < 5; slot++)
        call_read(r, input(r, op, slot));
    call_write(r, result(r, op, 0));
    call_uint(r, n);
    call_uint(r, channels);
    call_uint(r, n / ((uint64_t)x->shape[0] * channels));
    call_float(r, program_op_float(op, ATTR_EPS, 0.0));
    call_work(r, (double)n);
    call_end_flat(r, GROUP, n);
}

void record_pool(struct recorder *r, const struct program_op *op)
{
    const struct program_value *y = result_value(r, op, 0);
    const struct plane in = plane_of(input_value(r, op, 0)), out = plane_of(y);
    const uint64_t kernel_h = attribute(op, ATTR_KERNEL_H, 1);
    const uint64_t kernel_w = attribute(op, ATTR_KERNEL_W, 1);
    const uint64_t pad_h = attribute(op, ATTR_PAD_H, 0), pad_w = attribute(op, ATTR_PAD_W, 0);
    const uint64_t n = (uint64_t)value_count(y);
    if (kernel_h * (kernel_w + 1) > TAPS_LIMIT)
        recorder_fail(r, CORBEL_E_UNSUPPORTED, "a pool over %llu x %llu",
                      (unsigned long long)kernel_h, (unsigned long long)kernel_w);
    call_begin(r, KERNEL_POOL);
    call_spec(r, op->kind == OP_AVG_POOL);
    call_spec(r, program_op_int(op, ATTR_COUNT_PAD, 1) != 0);
    call_read(r, input(r, op, 0));
    call_write(r, result(r, op, 0));
    const uint64_t sizes[] = {n,
                              in.height,
                              in.width,
                              out.height,
                              out.width,
                              kernel_h,
                              kernel_w,
                              attribute(op, ATTR_STRIDE_H, kernel_h),
                              attribute(op, ATTR_STRIDE_W, kernel_w),
                              pad_h,
                              pad_w,
                              attribute(op, ATTR_DILATION_H, 1),
                              attribute(op, ATTR_DILATION_W, 1),
                              in.height + pad_h + attribute(op, ATTR_PAD_END_H, pad_h),
                              in.width + pad_w + attribute(op, ATTR_PAD_END_W, pad_w)};
    PUSH_ALL(r, sizes);
    call_work(r, (double)n * (double)kernel_h * (double)kernel_w);
    call_end_flat(r, GROUP, n);
}

void record_interpolate(struct recorder *r, const struct program_op *op)
{
    const struct program_value *y = result_value(r, op, 0);
    const struct plane in = plane_of(input_value(r, op, 0)), out = plane_of(y);
    const uint64_t n = (uint64_t)value_count(y);
    const uint64_t sizes[] = {n, in.height, in.width, out.height, out.width};
    call_begin(r, KERNEL_INTERPOLATE);
    call_spec(r, program_op_int(op, ATTR_CUBIC, 0) != 0);
    call_read(r, input(r, op, 0));
    call_write(r, result(r, op, 0));
    PUSH_ALL(r, sizes);
    call_float(r, (double)in.height / (double)out.height);
    call_float(r, (double)in.width / (double)out.width);
    call_work(r, (double)n * 16);
    call_end_flat(r, GROUP, n);
}
