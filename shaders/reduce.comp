// reduce: y[o, i] = sum_l x[o, l, i], mean, max, or the first l of the greatest
//
// Buffers   0 x [outer, len, inner] f32 in    1 y [outer, inner] f32, of argmax i32 out
// Constants 1 what: 0 sum, 1 mean, 2 max, 3 argmax    2 SHARERS: invocations that share a result,
//           a power of two, at most the workgroup
// Dispatch  workgroup / SHARERS results a workgroup, spread over x and y
// Push      offsets; n = outer inner results, len > 0, inner
// Numerics  sums in f32, tree order; NaN counts as the greatest
// Limits    len up to 60,000 SHARERS; n below 2^32
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "reduce.glsl"

layout(constant_id = 1) const uint WHAT = 0u;
layout(constant_id = 2) const uint SHARERS = 1u;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) writeonly buffer Y { uint y[]; };
layout(push_constant) uniform Push
{
    uint x_offset, y_offset, n, len, inner;
};

const uint SUM = 0u, MEAN = 1u, MAX = 2u, ARGMAX = 3u;

shared uint best_index[gl_WorkGroupSize.x];

bool better(float a, uint a_index, float b, uint b_index)
{
    if (isnan(a) != isnan(b))
        return isnan(a);
    if (isnan(a) || a == b)
        return a_index < b_index;
    return a > b;
}

// The best of SHARERS neighbours ends in the first of them.
void reduce_best(float v, uint index)
{
    const uint lane = gl_LocalInvocationID.x;
    reduce_memory[lane] = v;
    best_index[lane] = index;
    for (uint half_size = SHARERS >> 1; half_size > 0u; half_size >>= 1) {
        barrier();
        if ((lane & (SHARERS - 1u)) < half_size &&
            better(reduce_memory[lane + half_size], best_index[lane + half_size],
                   reduce_memory[lane], best_index[lane])) {
            reduce_memory[lane] = reduce_memory[lane + half_size];
            best_index[lane] = best_index[lane + half_size];
        }
    }
}

void main()
{
    const uint lane = gl_LocalInvocationID.x, share = lane & (SHARERS - 1u);
    const uint at = flat_group() * (gl_WorkGroupSize.x / SHARERS) + lane / SHARERS;
    const uint safe = min(at, n - 1u); // all invocations reach the barriers
    const uint first = x_offset + safe / inner * len * inner + safe % inner;

    if (WHAT <= MEAN) {
        float sum = 0.0;
        for (uint l = share; l < len; l += SHARERS)
            sum += x[first + l * inner];
        sum = SHARERS > 1u ? reduce_sum(sum, SHARERS) : sum;
        if (share == 0u && at < n)
            y[y_offset + at] = floatBitsToUint(WHAT == MEAN ? sum / float(len) : sum);
        return;
    }
    uint best = min(share, len - 1u);
    float greatest = x[first + best * inner];
    for (uint l = share + SHARERS; l < len; l += SHARERS) {
        const float v = x[first + l * inner];
        if (better(v, l, greatest, best)) {
            greatest = v;
            best = l;
        }
    }
    if (SHARERS > 1u) {
        reduce_best(greatest, best);
        greatest = reduce_memory[lane];
        best = best_index[lane];
    }
    if (share == 0u && at < n)
        y[y_offset + at] = WHAT == ARGMAX ? best : floatBitsToUint(greatest);
}
