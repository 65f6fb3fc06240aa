// embedding: y[t, c] = weight[ids[t], c]
//
// Buffers   0 weight, rows [first, first + rows) of [V, cols], f32, f16 or bf16 in
//           1 ids [n] i32 in    2 y [n, cols] f32 out
// Constants 1 type of weight
// Dispatch  flat, one invocation an element of y
// Push      offsets; total = n cols, cols, first, rows, vocabulary V
// Numerics  exact
// Limits    total below 2^32. A weight larger than a binding comes in pieces, one call each; an id
//           outside of the vocabulary gives zeros (the first piece writes them).
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

layout(constant_id = 1) const uint W_TYPE = F32;
layout(binding = 0) readonly buffer W { uint w[]; };
layout(binding = 1) readonly buffer Ids { uint ids[]; };
layout(binding = 2) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push
{
    uint w_offset, ids_offset, y_offset, total, cols, first, rows, vocabulary;
};

void main()
{
    const uint at = flat_index();
    if (at >= total)
        return;
    const uint id = ids[ids_offset + at / cols]; // negative ones are large
    if (id >= first && id < first + rows)
        y[y_offset + at] = READ(w, W_TYPE, w_offset + (id - first) * cols + at % cols);
    else if (id >= vocabulary && first == 0u)
        y[y_offset + at] = 0.0;
}
