/* device/vulkan/call.h: operations become calls of kernels.
 *
 * A call is one dispatch: a pipeline, buffers, push constants and a grid. Writing calls down is
 * sticky on failure: after the first one nothing happens, and recorder.status says why.
 *
 *     call_begin(r, KERNEL_SOFTMAX);
 *     call_spec(r, lanes);            // constant_id 1, 2, ...
 *     call_read(r, x);                // bindings in the shader's order
 *     call_write(r, y);
 *     call_uint(r, cols);             // push constants, after the buffers' offsets
 *     call_end(r, invocations, x_groups, y_groups, z_groups); */
#ifndef DEVICE_VULKAN_CALL_H
#define DEVICE_VULKAN_CALL_H

#include "device/vulkan/vulkan.h"

#define CALL_MAX_PUSH 32 /* words */

/* A range of memory with elements of one type. A zeroed one is none. */
struct operand {
    VkBuffer buffer;
    VkDeviceSize offset, size; /* bytes */
    int32_t dtype;
    bool constant; /* never written while the program runs */
};

struct call_buffer {
    VkBuffer buffer;
    VkDeviceSize offset, range; /* as bound: aligned */
    bool written, constant;
};

struct call {
    const struct vulkan_pipeline *pipeline;
    struct call_buffer buffers[VULKAN_MAX_BUFFERS];
    uint32_t push[CALL_MAX_PUSH], grid[3];
    uint32_t n_push, op;
    double work; /* multiplications, about; to keep a submission short */
};

struct recorder {
    struct vulkan_device *device;
    const struct plan *plan;
    const struct operand *operands; /* [n_values + 1], as bound */
    const struct operand *key_caches, *value_caches;
    struct operand step;       /* what changes from step to step: [0] past */
    struct operand scratch;    /* shared by the calls of one operation */
    VkDeviceSize scratch_size; /* most that an operation has asked for */
    uint32_t op;               /* index of the operation being recorded */

    struct call *calls;
    uint32_t n_calls, capacity;

    const struct vulkan_shader *shader; /* of the call being written */
    uint32_t specs[VULKAN_MAX_SPECS], n_specs, n_buffers;
    struct call now;

    corbel_status status;
    corbel_error *err;
};

/* The first reason is kept. */
void recorder_fail(struct recorder *r, corbel_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void call_begin(struct recorder *r, enum vulkan_kernel kernel);
void call_begin_custom(struct recorder *r, const struct vulkan_shader *shader);
void call_spec(struct recorder *r, uint32_t constant);
/* An absent operand (zeroed) binds something harmless that the shader does not touch. */
void call_read(struct recorder *r, struct operand o);
void call_write(struct recorder *r, struct operand o);
void call_uint(struct recorder *r, uint64_t value); /* below 2^32, or the recorder fails */
void call_float(struct recorder *r, double value);
void call_word(struct recorder *r, uint32_t word);
void call_work(struct recorder *r, double work);
void call_end(struct recorder *r, uint32_t invocations, uint64_t x, uint64_t y, uint64_t z);
/* A flat grid for n elements, `invocations` a group; the shader's flat_index() is its inverse. */
void call_end_flat(struct recorder *r, uint32_t invocations, uint64_t n);

/* `size` bytes for the calls of this operation, from byte `offset` of the scratch memory on. */
struct operand recorder_scratch(struct recorder *r, VkDeviceSize offset, VkDeviceSize size);

/* Elements [first, first + count) of o. */
struct operand operand_part(struct operand o, uint64_t first, uint64_t count);

/* How many rows of `cols` elements one binding may hold; at least 1. In multiples of 64, so that
 * every piece begins as well aligned as the whole. */
uint64_t operand_rows_that_fit(const struct recorder *r, struct operand o, uint64_t cols);

static inline struct operand input(const struct recorder *r, const struct program_op *op,
                                   uint32_t slot)
{
    return slot < op->n_in ? r->operands[op->in[slot]] : (struct operand){0};
}
static inline const struct program_value *input_value(const struct recorder *r,
                                                      const struct program_op *op, uint32_t slot)
{
    return slot < op->n_in && op->in[slot] ? &r->plan->program.values[op->in[slot]] : NULL;
}
static inline struct operand result(const struct recorder *r, const struct program_op *op,
                                    uint32_t i)
{
    return r->operands[op->out[i]];
}
static inline const struct program_value *result_value(const struct recorder *r,
                                                       const struct program_op *op, uint32_t i)
{
    return &r->plan->program.values[op->out[i]];
}

/* Records one operation: ops_*.c, by way of ops.c. */
void record_op(struct recorder *r, const struct program_op *op);

void record_copy(struct recorder *r, const struct program_op *op);
void record_gather(struct recorder *r, const struct program_op *op);
void record_embedding(struct recorder *r, const struct program_op *op);
void record_assign(struct recorder *r, const struct program_op *op);
void record_binary(struct recorder *r, const struct program_op *op);
void record_unary(struct recorder *r, const struct program_op *op);
void record_norm(struct recorder *r, const struct program_op *op);
void record_softmax(struct recorder *r, const struct program_op *op);
void record_reduce(struct recorder *r, const struct program_op *op);
void record_linear_scan(struct recorder *r, const struct program_op *op);
void record_linear(struct recorder *r, const struct program_op *op);
void record_linear_gated(struct recorder *r, const struct program_op *op);
void record_linear_multi(struct recorder *r, const struct program_op *op);
void record_matmul(struct recorder *r, const struct program_op *op);
void record_rope(struct recorder *r, const struct program_op *op);
void record_attention(struct recorder *r, const struct program_op *op);
void record_conv(struct recorder *r, const struct program_op *op);
void record_batch_norm(struct recorder *r, const struct program_op *op);
void record_pool(struct recorder *r, const struct program_op *op);
void record_interpolate(struct recorder *r, const struct program_op *op);
void record_custom(struct recorder *r, const struct program_op *op);

#endif
