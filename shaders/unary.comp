// unary: y[i] = f(x[i]) * scale + shift: activation, affine, cast to f32
//
// Buffers   0 x f32, f16 or bf16 in    1 y f32 out
// Constants 1 f: enum program_function    2 type of x
// Dispatch  flat, one invocation an element
// Push      offsets; n, scale, shift
// Numerics  functions.glsl
// Limits    n below 2^32
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "functions.glsl"

layout(constant_id = 1) const uint FUNCTION = 0u;
layout(constant_id = 2) const uint X_TYPE = F32;
layout(binding = 0) readonly buffer X { uint x[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push
{
    uint x_offset, y_offset, n;
    float scale, shift;
};

void main()
{
    const uint at = flat_index();
    if (at < n)
        y[y_offset + at] = apply(FUNCTION, READ(x, X_TYPE, x_offset + at)) * scale + shift;
}
