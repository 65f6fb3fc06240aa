// rope: the first R elements of every head turned by the angles of its position: rope.glsl
//
// Buffers   0 x [B S, H, D] f32 in    1 table [B S, R/2, 2] f32 in    2 y like x, out
// Constants 1 interleaved?
// Dispatch  flat, one invocation an element
// Push      offsets; n elements, H, D, R
// Numerics  two products and a sum; the angles' sines and cosines come from the host
// Limits    n below 2^32
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "rope.glsl"

layout(constant_id = 1) const bool INTERLEAVED = false;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer Table { float table[]; };
layout(binding = 2) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push
{
    uint x_offset, table_offset, y_offset, n, heads, dim, rotary;
};

#define READ_X(i) x[x_offset + (i)]
#define READ_TABLE(i) table[table_offset + (i)]
DEFINE_ROTATED(rotated, READ_X, READ_TABLE)

void main()
{
    const uint at = flat_index();
    if (at >= n)
        return;
    const uint d = at % dim, row = at / dim / heads;
    y[y_offset + at] = rotated(at - d, d, row, rotary, INTERLEAVED);
}
