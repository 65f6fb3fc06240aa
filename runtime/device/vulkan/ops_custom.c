/* device/vulkan/ops_custom.c: kernels of plugins.
 *
 * They are bound exactly: a buffer is its value and nothing beside it, so what lies at an offset
 * that can't be bound is copied first. */
#include "device/vulkan/call.h"

#define COPY_GROUP      64
#define TURNS_GUESS     64 /* multiplications of an invocation: to keep a submission short */
#define SCRATCH_ALIGNED 256

/* Weights that are a mapped file's pages lie where the file has them. */
static struct operand aligned(struct recorder *r, struct operand o, VkDeviceSize *scratch)
{
    const VkDeviceSize alignment = r->device->properties.limits.minStorageBufferOffsetAlignment;
    const uint64_t n = o.size / 4;
    if (!o.buffer || (o.offset & (alignment - 1)) == 0)
        return o;
    const struct operand copy = recorder_scratch(r, *scratch, o.size);
    *scratch += (o.size + SCRATCH_ALIGNED - 1) / SCRATCH_ALIGNED * SCRATCH_ALIGNED;
    call_begin(r, KERNEL_UNARY);
    call_spec(r, FUNCTION_NONE);
    call_spec(r, (uint32_t)o.dtype);
    call_read(r, o);
    call_write(r, copy);
    call_uint(r, n);
    call_float(r, 1.0);
    call_float(r, 0.0);
    call_work(r, (double)n);
    call_end_flat(r, COPY_GROUP, n);
    return copy;
}

void record_custom(struct recorder *r, const struct program_op *op)
{
    const struct program_kernel *k = program_kernel(&r->plan->program, op->custom);
    const struct vulkan_shader *shader = k ? custom_shader(r->device, k) : NULL;
    const struct program_launch *launch = op->launch;
    struct operand in[PROGRAM_MAX_INPUTS];
    VkDeviceSize scratch = 0;
    if (!shader || !launch) {
        recorder_fail(r, CORBEL_E_UNSUPPORTED, "%s: kernel %s at %s: its shader is not there",
                      r->device->base.name, op->custom, op->module ? op->module : "");
        return;
    }
    for (uint32_t i = 0; i < op->n_in; i++)
        in[i] = aligned(r, input(r, op, i), &scratch);
    call_begin_custom(r, shader);
    for (uint32_t i = 0; i < op->n_in; i++)
        call_read(r, in[i]);
    call_write(r, result(r, op, 0));
    for (uint32_t i = 0; i < launch->n_push; i++)
        call_word(r, launch->push[i].word);
    call_work(r, (double)launch->grid[0] * launch->grid[1] * launch->grid[2] * k->local_size[0] *
                     k->local_size[1] * k->local_size[2] * TURNS_GUESS);
    call_end(r, 1, launch->grid[0], launch->grid[1], launch->grid[2]);
}
