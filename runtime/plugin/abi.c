/* abi.c: see abi.h. */
#include "plugin/abi.h"

#include "program/operations.h"

#include <assert.h>

/* The numbers of plugin.h are the ABI; operations.h has the same under its own names. */
static_assert((int)CORBEL_FN_COUNT == (int)FUNCTION_COUNT, "a function is missing in plugin.h");
static_assert((int)CORBEL_FN_NONE == (int)FUNCTION_NONE, "functions");
static_assert((int)CORBEL_FN_SILU == (int)FUNCTION_SILU, "functions");
static_assert((int)CORBEL_FN_GELU == (int)FUNCTION_GELU, "functions");
static_assert((int)CORBEL_FN_GELU_TANH == (int)FUNCTION_GELU_TANH, "functions");
static_assert((int)CORBEL_FN_RELU == (int)FUNCTION_RELU, "functions");
static_assert((int)CORBEL_FN_TANH == (int)FUNCTION_TANH, "functions");
static_assert((int)CORBEL_FN_SIGMOID == (int)FUNCTION_SIGMOID, "functions");
static_assert((int)CORBEL_FN_EXP == (int)FUNCTION_EXP, "functions");
static_assert((int)CORBEL_FN_LOG == (int)FUNCTION_LOG, "functions");
static_assert((int)CORBEL_FN_SQRT == (int)FUNCTION_SQRT, "functions");
static_assert((int)CORBEL_FN_RSQRT == (int)FUNCTION_RSQRT, "functions");
static_assert((int)CORBEL_FN_NEG == (int)FUNCTION_NEG, "functions");
static_assert((int)CORBEL_FN_ABS == (int)FUNCTION_ABS, "functions");
static_assert((int)CORBEL_FN_SOFTPLUS == (int)FUNCTION_SOFTPLUS, "functions");
static_assert((int)CORBEL_FN_SQUARE == (int)FUNCTION_SQUARE, "functions");
static_assert((int)CORBEL_FN_QUICK_GELU == (int)FUNCTION_QUICK_GELU, "functions");
static_assert((int)CORBEL_FN_RELU2 == (int)FUNCTION_RELU2, "functions");
static_assert((int)CORBEL_FN_SIN == (int)FUNCTION_SIN, "functions");
static_assert((int)CORBEL_FN_COS == (int)FUNCTION_COS, "functions");
static_assert((int)CORBEL_FN_LEAKY_RELU == (int)FUNCTION_LEAKY_RELU, "functions");
static_assert((int)CORBEL_FN_MISH == (int)FUNCTION_MISH, "functions");

static_assert((int)CORBEL_ROPE_DEFAULT == (int)ROPE_TYPE_DEFAULT, "rope types");
static_assert((int)CORBEL_ROPE_LINEAR == (int)ROPE_TYPE_LINEAR, "rope types");
static_assert((int)CORBEL_ROPE_DYNAMIC == (int)ROPE_TYPE_DYNAMIC, "rope types");
static_assert((int)CORBEL_ROPE_LLAMA3 == (int)ROPE_TYPE_LLAMA3, "rope types");
static_assert((int)CORBEL_ROPE_YARN == (int)ROPE_TYPE_YARN, "rope types");
static_assert((int)CORBEL_ROPE_LONGROPE == (int)ROPE_TYPE_LONGROPE, "rope types");

bool abi_size(const void *theirs, size_t least, uint32_t *claimed)
{
    memcpy(claimed, theirs, sizeof(*claimed));
    return *claimed >= least && *claimed <= ABI_MAX_STRUCT;
}

bool abi_copy(void *out, size_t ours, size_t least, const void *theirs)
{
    uint32_t size, our_size = (uint32_t)ours;

    if (!abi_size(theirs, least, &size))
        return false;
    memset(out, 0, ours);
    memcpy(out, theirs, size < ours ? size : ours);
    memcpy(out, &our_size, sizeof our_size); /* from here on it is ours */
    return true;
}
