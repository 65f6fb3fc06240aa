// attention_query: attention (attention.glsl) of one query and head a workgroup: for few queries
//
// Buffers   0 q [B, S, H, D] f32 in    1 k  2 v, f32 in, by strides; D and DV lie together
//           3 mask [B, keys] i32 in, or none    4 step: [0] past    5 y [B, S, H, DV] or parts, out
// Constants 1 is there a mask?  2 causal?  3 LOAD4: D a multiple of 4 and keys on 16 bytes
// Dispatch  x: parts of PART keys at most; y: S H; z: B. The workgroup is a power of two.
// Push      attention.glsl: part_size <= PART
// Numerics  f32; the maximum is subtracted, so nothing overflows
// Limits    D and DV up to 4096; shared memory 4 PART + 4 bytes a invocation
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "reduce.glsl"
#include "attention.glsl"

#define PART 1024

layout(constant_id = 3) const bool LOAD4 = false;
layout(binding = 1) readonly buffer K { float k[]; };
layout(binding = 1) readonly buffer K4 { vec4 k4[]; };
layout(binding = 2) readonly buffer V { float v[]; };
layout(binding = 0) readonly buffer Q4 { vec4 q4[]; };

shared float weight[PART];

float product(uint q_at, uint k_at)
{
    float sum = 0.0;
    if (LOAD4) {
        for (uint d = 0u; d < dim / 4u; d++)
            sum += dot(q4[q_at / 4u + d], k4[k_at / 4u + d]);
    } else {
        for (uint d = 0u; d < dim; d++)
            sum += q[q_at + d] * k[k_at + d];
    }
    return sum;
}

void main()
{
    const uint lane = gl_LocalInvocationID.x, lanes = gl_WorkGroupSize.x;
    const uint part = gl_WorkGroupID.x, b = gl_WorkGroupID.z;
    const uint s = gl_WorkGroupID.y / heads, h = gl_WorkGroupID.y % heads;
    const uint g = h / (heads / kv_heads);
    const uint first = max(part * part_size, first_key(s));
    const uint end = min((part + 1u) * part_size, end_key(s));
    const uint count = end > first ? end - first : 0u;
    const uint row = result_row(b, s, h);

    float greatest = LEAST;
    for (uint i = lane; i < count; i += lanes) {
        const uint k_at = k_offset + b * k_batch + g * k_head + (first + i) * k_token;
        const float score =
            seen(b, first + i) ? capped(scale * product(q_offset + row * dim, k_at)) : LEAST;
        weight[i] = score;
        greatest = max(greatest, score);
    }
    greatest = reduce_max(greatest, lanes);
    float sum = 0.0;
    for (uint i = lane; i < count; i += lanes) {
        const float p = weight[i] > LEAST ? exp(weight[i] - greatest) : 0.0;
        weight[i] = p;
        sum += p;
    }
    sum = reduce_sum(sum, lanes); // and all weights are there

    const uint v_first = v_offset + b * v_batch + g * v_head + first * v_token;
    const uint to = n_parts == 1u ? y_offset + row * v_dim
                                  : y_offset + (row * n_parts + part) * (v_dim + 2u) + 2u;
    const float factor = n_parts > 1u ? 1.0 : sum > 0.0 ? 1.0 / sum : 0.0;
    for (uint d = lane; d < v_dim; d += lanes) {
        float value = 0.0;
        for (uint i = 0u; i < count; i++)
            value += weight[i] * v[v_first + i * v_token + d];
        y[to + d] = value * factor;
    }
    if (n_parts > 1u && lane == 0u) {
        y[to - 2u] = greatest;
        y[to - 1u] = sum;
    }
}
