// matmul: y[i, m, n] = sum_k a[i . a_stride, m, k] b[i . b_stride, k, n], i over batches that
// broadcast by strides of 0
//
// Buffers   0 a [..., M, K] in    1 b [..., K, N] in, f32, f16 or bf16    2 y [batch, M, N] f32 out
// Constants 1 type of a  2 type of b  3 ROWS of a an invocation does
// Dispatch  x: one n an invocation; y: ROWS rows each; z: batches
// Push      offsets; M, K, N, b_k, b_n: strides of b's last axes; rank of the batch (up to 6),
//           shape[6], a_stride[6], b_stride[6], outermost first
// Numerics  products and sums in f32, in the order of k
// Limits    K up to 200,000; 65,535 batches
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"

layout(constant_id = 1) const uint A_TYPE = F32;
layout(constant_id = 2) const uint B_TYPE = F32;
layout(constant_id = 3) const uint ROWS = 1u;
layout(binding = 0) readonly buffer A { uint a[]; };
layout(binding = 1) readonly buffer B { uint b[]; };
layout(binding = 2) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push
{
    uint a_offset, b_offset, y_offset, m_size, k_size, n_size, b_k, b_n, rank, shape[6],
        a_stride[6], b_stride[6];
};

#define UNROLL 4u // what an invocation may loop is limited

void main()
{
    const uint n = gl_GlobalInvocationID.x, row = gl_WorkGroupID.y * ROWS;
    uint rest = gl_WorkGroupID.z, a_first = a_offset, b_first = b_offset;
    if (n >= n_size)
        return;
    for (uint axis = rank; axis-- > 0u;) {
        const uint i = rest % shape[axis];
        rest /= shape[axis];
        a_first += i * a_stride[axis];
        b_first += i * b_stride[axis];
    }
    float sum[ROWS];
    uint a_at[ROWS];
    [[unroll]] for (uint r = 0u; r < ROWS; r++) {
        a_at[r] = a_first + min(row + r, m_size - 1u) * k_size;
        sum[r] = 0.0;
    }
    for (uint k0 = 0u; k0 < k_size; k0 += UNROLL) {
        [[unroll]] for (uint u = 0u; u < UNROLL; u++) {
            const uint k = min(k0 + u, k_size - 1u);
            const float q = READ(b, B_TYPE, b_first + k * b_k + n * b_n);
            const float there = k0 + u < k_size ? q : 0.0;
            [[unroll]] for (uint r = 0u; r < ROWS; r++)
                sum[r] += READ(a, A_TYPE, a_at[r] + k) * there;
        }
    }
    const uint to = y_offset + gl_WorkGroupID.z * m_size * n_size + n;
    [[unroll]] for (uint r = 0u; r < ROWS; r++)
        if (row + r < m_size)
            y[to + (row + r) * n_size] = sum[r];
}
