// binary: y[i] = a[i . a_stride] o b[i . b_stride], broadcast by strides of 0
//
// Buffers   0 a f32 in    1 b f32 in    2 y f32 out, contiguous
// Constants 1 operation: 0 add, 1 sub, 2 mul, 3 div, 4 maximum, 5 minimum
// Dispatch  flat, one invocation an element of y
// Push      offsets; n = product of shape, rank, shape[8], a_stride[8], b_stride[8], outermost first
// Numerics  one rounding; division within 2.5 units in the last place; NaN in either gives NaN
// Limits    n below 2^32; 8 axes
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

layout(constant_id = 1) const uint OPERATION = 0u;
layout(binding = 0) readonly buffer A { float a[]; };
layout(binding = 1) readonly buffer B { float b[]; };
layout(binding = 2) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push
{
    uint a_offset, b_offset, y_offset, n, rank, shape[8], a_stride[8], b_stride[8];
};

float combine(float p, float q)
{
    switch (OPERATION) {
    case 0u: return p + q;
    case 1u: return p - q;
    case 2u: return p * q;
    case 3u: return p / q;
    case 4u: return isnan(p) || p > q ? p : q;
    default: return isnan(p) || p < q ? p : q;
    }
}

void main()
{
    const uint at = flat_index();
    if (at >= n)
        return;
    uint rest = at, from_a = a_offset, from_b = b_offset;
    for (uint axis = rank; axis-- > 0u;) {
        const uint i = rest % shape[axis];
        rest /= shape[axis];
        from_a += i * a_stride[axis];
        from_b += i * b_stride[axis];
    }
    y[y_offset + at] = combine(a[from_a], b[from_b]);
}
