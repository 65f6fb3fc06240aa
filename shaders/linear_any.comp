// linear_any: linear for every size and layout of w:
// y[m, n] = f(sum_k x[m, k] w[n w_row + k w_step] + bias[n]) {+, *} residual[m, n]
//
// Buffers   0 x [rows, K] f32 in    1 w f32, f16 or bf16 in    2 bias [n] in, or none
//           3 residual [rows, columns] f32 in, or none    4 y [rows, columns] f32 out
// Constants 1 type of w  2 ROWS of x an invocation does  3 f  4 residual: 0 none, 1 added,
//           2 multiplied with  5 type of bias
// Dispatch  x: one column an invocation; y: ROWS rows each
// Push      offsets; rows, K, n, columns, first: as of linear.glsl; w_row, w_step: [n, K] has K and
//           1, [K, n] has 1 and n
// Numerics  products and sums in f32, in the order of k
// Limits    K up to 200,000
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "functions.glsl"

layout(constant_id = 1) const uint W_TYPE = F32;
layout(constant_id = 2) const uint ROWS = 1u;
layout(constant_id = 3) const uint FUNCTION = 0u;
layout(constant_id = 4) const uint RESIDUAL = 0u;
layout(constant_id = 5) const uint BIAS_TYPE = NONE;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer W { uint w[]; };
layout(binding = 2) readonly buffer Bias { uint bias[]; };
layout(binding = 3) readonly buffer Residual { float residual[]; };
layout(binding = 4) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push
{
    uint x_offset, w_offset, bias_offset, residual_offset, y_offset, rows, k_size, n, columns,
        first, w_row, w_step;
};

#define UNROLL 4u // what an invocation may loop is limited

void main()
{
    const uint column = gl_GlobalInvocationID.x, row = gl_WorkGroupID.y * ROWS;
    if (column >= n)
        return;
    float sum[ROWS];
    uint x_at[ROWS];
    [[unroll]] for (uint r = 0u; r < ROWS; r++) {
        x_at[r] = x_offset + min(row + r, rows - 1u) * k_size;
        sum[r] = 0.0;
    }
    for (uint k0 = 0u; k0 < k_size; k0 += UNROLL) {
        [[unroll]] for (uint u = 0u; u < UNROLL; u++) {
            const uint k = min(k0 + u, k_size - 1u);
            const float q = READ(w, W_TYPE, w_offset + column * w_row + k * w_step);
            const float there = k0 + u < k_size ? q : 0.0;
            [[unroll]] for (uint r = 0u; r < ROWS; r++)
                sum[r] += x[x_at[r] + k] * there;
        }
    }
    [[unroll]] for (uint r = 0u; r < ROWS; r++) {
        if (row + r >= rows)
            return;
        float v = sum[r];
        if (BIAS_TYPE != NONE)
            v += READ(bias, BIAS_TYPE, bias_offset + column);
        v = apply(FUNCTION, v);
        const uint to = (row + r) * columns + first + column;
        if (RESIDUAL == 1u)
            v += residual[residual_offset + to];
        if (RESIDUAL == 2u)
            v *= residual[residual_offset + to];
        y[y_offset + to] = v;
    }
}
