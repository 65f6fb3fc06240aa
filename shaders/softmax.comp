// softmax: y[r, c] = exp(x[r, c] - m_r) / sum_c exp(x[r, c] - m_r), m_r = max_c x[r, c]
//
// Buffers   0 x [rows, cols] f32 in    1 y [rows, cols] f32 out
// Dispatch  one workgroup (a power of two) a row, spread over x and y
// Push      offsets; rows, cols > 0
// Numerics  sum in f32, tree order; a row of -inf gives zeros
// Limits    three passes of cols / workgroup: up to 20,000 columns a invocation
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "reduce.glsl"

layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push
{
    uint x_offset, y_offset, rows, cols;
};

const float LEAST = -3.402823466e38;

void main()
{
    const uint row = flat_group(), lanes = gl_WorkGroupSize.x, lane = gl_LocalInvocationID.x;
    if (row >= rows)
        return; // the whole workgroup
    const uint from = x_offset + row * cols, to = y_offset + row * cols;

    float greatest = LEAST;
    for (uint c = lane; c < cols; c += lanes)
        greatest = max(greatest, x[from + c]);
    greatest = reduce_max(greatest, lanes);
    float sum = 0.0;
    for (uint c = lane; c < cols; c += lanes)
        sum += exp(x[from + c] - greatest);
    sum = reduce_sum(sum, lanes);
    const float factor = sum > 0.0 ? 1.0 / sum : 0.0;
    for (uint c = lane; c < cols; c += lanes)
        y[to + c] = exp(x[from + c] - greatest) * factor;
}
