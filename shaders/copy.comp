// copy: y[i . y_stride + y_first] = x[i . x_stride + x_first] for every index i of shape: permute,
// slice, concat (one call an input), expand (stride 0), assign
//
// Buffers   0 x, 32-bit words in    1 y, 32-bit words out
// Dispatch  flat, one invocation an element
// Push      offsets; n = product of shape, rank, x_first, y_first, shape[8], x_stride[8],
//           y_stride[8], outermost first
// Numerics  exact, of any 32-bit type
// Limits    n below 2^32; 8 axes
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

layout(binding = 0) readonly buffer X { uint x[]; };
layout(binding = 1) writeonly buffer Y { uint y[]; };
layout(push_constant) uniform Push
{
    uint x_offset, y_offset, n, rank, x_first, y_first, shape[8], x_stride[8], y_stride[8];
};

void main()
{
    uint rest = flat_index();
    if (rest >= n)
        return;
    uint from = x_offset + x_first, to = y_offset + y_first;
    for (uint axis = rank; axis-- > 0u;) {
        const uint i = rest % shape[axis];
        rest /= shape[axis];
        from += i * x_stride[axis];
        to += i * y_stride[axis];
    }
    y[to] = x[from];
}
