// attention_rows: attention (attention.glsl) of one query and head an invocation: for many queries.
// All invocations of a workgroup walk over the same keys; no memory is shared.
//
// Buffers   0 q [B, S, H, D] f32 in    1 k  2 v, f32 in, by strides; D and DV lie together
//           3 mask [B, keys] i32 in, or none    4 step: [0] past    5 y [B, S, H, DV] or parts, out
// Constants 1 is there a mask?  2 causal?  3 D / 4  4 DV / 4
// Dispatch  x: tiles of workgroup queries; y: H parts; z: B
// Push      attention.glsl. Offsets and strides of q, k and v are multiples of 16 bytes.
// Numerics  f32; the running maximum is subtracted, so nothing overflows
// Limits    part_size up to 50,000; D and DV up to 256: they are kept in registers
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "attention.glsl"

layout(constant_id = 3) const uint DIM4 = 16u;
layout(constant_id = 4) const uint V_DIM4 = 16u;
layout(binding = 0) readonly buffer Q4 { vec4 q4[]; };
layout(binding = 1) readonly buffer K4 { vec4 k4[]; };
layout(binding = 2) readonly buffer V4 { vec4 v4[]; };

void main()
{
    const uint lanes = gl_WorkGroupSize.x, tile = gl_WorkGroupID.x * lanes;
    const uint s = tile + gl_LocalInvocationID.x, own = min(s, s_size - 1u);
    const uint h = gl_WorkGroupID.y % heads, part = gl_WorkGroupID.y / heads, b = gl_WorkGroupID.z;
    const uint g = h / (heads / kv_heads), row = result_row(b, own, h);
    const uint k_first = (k_offset + b * k_batch + g * k_head) / 4u;
    const uint v_first = (v_offset + b * v_batch + g * v_head) / 4u;
    // The tile's keys: from the first query's first to the last query's last.
    const uint last = min(tile + lanes, s_size) - 1u;
    const uint first = max(part * part_size, first_key(tile));
    const uint end = min((part + 1u) * part_size, end_key(last));
    const uint own_first = first_key(own), own_end = end_key(own);

    vec4 query[DIM4], value[V_DIM4];
    [[unroll]] for (uint d = 0u; d < DIM4; d++)
        query[d] = q4[q_offset / 4u + row * DIM4 + d] * scale;
    [[unroll]] for (uint d = 0u; d < V_DIM4; d++)
        value[d] = vec4(0.0);
    float greatest = LEAST, sum = 0.0;

    for (uint j = first; j < end; j++) {
        vec4 products = vec4(0.0);
        [[unroll]] for (uint d = 0u; d < DIM4; d++)
            products += query[d] * k4[k_first + j * (k_token / 4u) + d];
        const float score = capped(products.x + products.y + products.z + products.w);
        const bool sees = j >= own_first && j < own_end && seen(b, j);
        const float now = sees ? max(greatest, score) : greatest;
        const float keep = exp(greatest - now); // 1 where nothing changes
        const float p = sees ? exp(score - now) : 0.0;
        greatest = now;
        sum = sum * keep + p;
        [[unroll]] for (uint d = 0u; d < V_DIM4; d++)
            value[d] = value[d] * keep + p * v4[v_first + j * (v_token / 4u) + d];
    }

    if (s >= s_size)
        return;
    const uint to = n_parts == 1u ? y_offset + row * v_dim
                                  : y_offset + (row * n_parts + part) * (v_dim + 2u) + 2u;
    const float factor = n_parts > 1u ? 1.0 : sum > 0.0 ? 1.0 / sum : 0.0;
    [[unroll]] for (uint d = 0u; d < V_DIM4; d++)
        [[unroll]] for (uint i = 0u; i < 4u; i++)
            y[to + 4u * d + i] = value[d][i] * factor;
    if (n_parts > 1u) {
        y[to - 2u] = greatest;
        y[to - 1u] = sum;
    }
}
