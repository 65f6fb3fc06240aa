// linear: y[m, n] = f(sum_k x[m, k] w[n, k] + bias[n]) {+, *} residual[m, n]
//
// Buffers   0 x [rows, K] f32 in       1 w [n, K] f32, f16 or bf16 in: read 16 bytes at a time
//           2 bias [n] in, or none     3 residual [rows, columns] f32 in, or none
//           4 y [rows, columns] f32 out; may be the residual
// Constants 1 type of w  2 ROWS of x an invocation does  3 SHARERS: invocations that share K, a
//           power of two  4 f  5 residual: 0 none, 1 added, 2 multiplied with  6 type of bias
// Dispatch  x: workgroup / SHARERS * OUTS columns each; y: ROWS rows each
// Push      offsets (multiples of 16 bytes for x and w); rows, K (a multiple of 8; of 4 for f32),
//           n, columns = row size of y, first = w's and bias's first column in y
// Numerics  products and sums in f32, in the order of k, tree order between SHARERS
// Limits    K up to 400,000 SHARERS; shared memory 4 ROWS OUTS bytes a invocation if SHARERS > 1
//
// Each invocation keeps a small tile of results in registers, and shares nothing unless SHARERS is
// above 1: where lanes are a processor's, barriers cost more than loads. The including file says
// how 16 bytes are read: LOAD_X(i), LOAD_W(i) in units of 16 bytes.
#include "functions.glsl"

#define OUTS 4

layout(constant_id = 1) const uint W_TYPE = F32;
layout(constant_id = 2) const uint ROWS = 1u;
layout(constant_id = 3) const uint SHARERS = 1u;
layout(constant_id = 4) const uint FUNCTION = 0u;
layout(constant_id = 5) const uint RESIDUAL = 0u;
layout(constant_id = 6) const uint BIAS_TYPE = NONE;
layout(binding = 2) readonly buffer Bias { uint bias[]; };
layout(binding = 3) readonly buffer Residual { float residual[]; };
layout(binding = 4) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push
{
    uint x_offset, w_offset, bias_offset, residual_offset, y_offset, rows, k_size, n, columns,
        first;
};

const uint TILE = ROWS * OUTS;
shared float partial[SHARERS > 1u ? gl_WorkGroupSize.x * TILE : 1u];

// 16 bytes of w as floats: `low` the first four; `high` the next four, of 16-bit types only.
void unpack(uvec4 q, out vec4 low, out vec4 high)
{
    if (W_TYPE == F32) {
        low = uintBitsToFloat(q);
    } else if (W_TYPE == BF16) {
        const uvec4 even = q << 16, odd = q & 0xffff0000u;
        low = uintBitsToFloat(uvec4(even.x, odd.x, even.y, odd.y));
        high = uintBitsToFloat(uvec4(even.z, odd.z, even.w, odd.w));
    } else {
        low = vec4(unpackHalf2x16(q.x), unpackHalf2x16(q.y));
        high = vec4(unpackHalf2x16(q.z), unpackHalf2x16(q.w));
    }
}

void finish(uint m, uint at, float sum)
{
    if (m >= rows || at >= n)
        return;
    if (BIAS_TYPE != NONE)
        sum += READ(bias, BIAS_TYPE, bias_offset + at);
    sum = apply(FUNCTION, sum);
    const uint to = m * columns + first + at;
    if (RESIDUAL == 1u)
        sum += residual[residual_offset + to];
    if (RESIDUAL == 2u)
        sum *= residual[residual_offset + to];
    y[y_offset + to] = sum;
}

void main()
{
    const uint lane = gl_LocalInvocationID.x;
    const uint share = SHARERS > 1u ? lane & (SHARERS - 1u) : 0u;
    const uint tiles = gl_WorkGroupSize.x / SHARERS;
    const uint column = (gl_WorkGroupID.x * tiles + lane / SHARERS) * OUTS;
    const uint row = gl_WorkGroupID.y * ROWS;
    const uint per_load = W_TYPE == F32 ? 4u : 8u;
    const uint loads = k_size / per_load, x_loads = k_size / 4u;

    float sum[ROWS][OUTS];
    uint w_at[OUTS], x_at[ROWS];
    [[unroll]] for (uint o = 0u; o < OUTS; o++)
        w_at[o] = w_offset / per_load + min(column + o, n - 1u) * loads;
    [[unroll]] for (uint r = 0u; r < ROWS; r++) {
        x_at[r] = x_offset / 4u + min(row + r, rows - 1u) * x_loads;
        [[unroll]] for (uint o = 0u; o < OUTS; o++)
            sum[r][o] = 0.0;
    }
    for (uint i = share; i < loads; i += SHARERS) {
        vec4 low[OUTS], high[OUTS];
        [[unroll]] for (uint o = 0u; o < OUTS; o++)
            unpack(LOAD_W(w_at[o] + i), low[o], high[o]);
        [[unroll]] for (uint r = 0u; r < ROWS; r++) {
            if (W_TYPE == F32) {
                const vec4 x = uintBitsToFloat(LOAD_X(x_at[r] + i));
                [[unroll]] for (uint o = 0u; o < OUTS; o++)
                    sum[r][o] += dot(x, low[o]);
            } else {
                const vec4 x_low = uintBitsToFloat(LOAD_X(x_at[r] + 2u * i));
                const vec4 x_high = uintBitsToFloat(LOAD_X(x_at[r] + 2u * i + 1u));
                [[unroll]] for (uint o = 0u; o < OUTS; o++)
                    sum[r][o] += dot(x_low, low[o]) + dot(x_high, high[o]);
            }
        }
    }

    if (SHARERS == 1u) {
        [[unroll]] for (uint r = 0u; r < ROWS; r++)
            [[unroll]] for (uint o = 0u; o < OUTS; o++)
                finish(row + r, column + o, sum[r][o]);
        return;
    }
    // The tile's results are shared out: each invocation adds up every SHARERS-th of them.
    [[unroll]] for (uint r = 0u; r < ROWS; r++)
        [[unroll]] for (uint o = 0u; o < OUTS; o++)
            partial[(r * OUTS + o) * gl_WorkGroupSize.x + lane] = sum[r][o];
    barrier();
    for (uint t = share; t < TILE; t += SHARERS) {
        float total = 0.0;
        for (uint i = 0u; i < SHARERS; i++)
            total += partial[t * gl_WorkGroupSize.x + lane - share + i];
        finish(row + t / OUTS, column + t % OUTS, total);
    }
}
