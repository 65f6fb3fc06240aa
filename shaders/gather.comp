// gather: y[b, o, j, i] = x[b, o, index[b, j], i]
//
// Buffers   0 x [B, O, A, I] words in    1 index [B, J] i32 in    2 y [B, O, J, I] words out
// Dispatch  flat, one invocation an element of y
// Push      offsets; n = B O J I, O, A, I, J
// Numerics  exact, of any 32-bit type; an index below 0 counts from the end, one outside of
//           [-A, A) reads 0
// Limits    n below 2^32
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

layout(binding = 0) readonly buffer X { uint x[]; };
layout(binding = 1) readonly buffer Index { int index[]; };
layout(binding = 2) writeonly buffer Y { uint y[]; };
layout(push_constant) uniform Push
{
    uint x_offset, index_offset, y_offset, n, outer, axis, inner, picks;
};

void main()
{
    const uint at = flat_index();
    if (at >= n)
        return;
    const uint i = at % inner, j = at / inner % picks, bo = at / inner / picks, b = bo / outer;
    int pick = index[index_offset + b * picks + j];
    if (pick < 0)
        pick += int(axis);
    const bool inside = pick >= 0 && pick < int(axis);
    y[y_offset + at] = inside ? x[x_offset + (bo * axis + uint(pick)) * inner + i] : 0u;
}
