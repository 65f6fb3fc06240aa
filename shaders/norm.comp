// norm: s[r, c] = x[r, c] + a[r, c]
//       y[r, c] = s[r, c] / sqrt(mean_c(s[r, c]^2) + eps) * (w[c] + w_shift)            rms_norm
//       y[r, c] = (s[r, c] - mean_c(s)) / sqrt(var_c(s) + eps) * w[c] + bias[c]         layer_norm
//
// Buffers   0 x [rows, cols] f32 in       1 a [rows, cols] f32 in, or none
//           2 w [cols] in, or none        3 bias [cols] in, or none; each f32, f16 or bf16
//           4 y [rows, cols] f32 out      5 s [rows, cols] f32 out if there is a
// Constants 1 layer_norm?  2 is there a?  3 type of w  4 type of bias; type 0: none
// Dispatch  one workgroup (a power of two) a row, spread over x and y
// Push      offsets; rows, cols > 0, eps, w_shift
// Numerics  sums in f32, tree order, the variance about the mean; within 1e-5 relative
// Limits    cols up to 60,000 a invocation; shared memory 4 bytes a invocation
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "reduce.glsl"

layout(constant_id = 1) const bool LAYER = false;
layout(constant_id = 2) const bool ADD = false;
layout(constant_id = 3) const uint W_TYPE = F32;
layout(constant_id = 4) const uint BIAS_TYPE = NONE;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer A { float a[]; };
layout(binding = 2) readonly buffer W { uint w[]; };
layout(binding = 3) readonly buffer Bias { uint bias[]; };
layout(binding = 4) writeonly buffer Y { float y[]; };
layout(binding = 5) buffer S { float s[]; };
layout(push_constant) uniform Push
{
    uint x_offset, a_offset, w_offset, bias_offset, y_offset, s_offset, rows, cols;
    float eps, w_shift;
};

// Every invocation reads again only what it wrote itself.
float read_sum(uint at)
{
    return ADD ? s[s_offset + at] : x[x_offset + at];
}

void main()
{
    const uint row = flat_group(), lanes = gl_WorkGroupSize.x, lane = gl_LocalInvocationID.x;
    if (row >= rows)
        return; // the whole workgroup
    const uint first = row * cols;

    float sum = 0.0, mean = 0.0;
    for (uint c = lane; c < cols; c += lanes) {
        float v = x[x_offset + first + c];
        if (ADD) {
            v += a[a_offset + first + c];
            s[s_offset + first + c] = v;
        }
        sum += LAYER ? v : v * v;
    }
    sum = reduce_sum(sum, lanes);
    if (LAYER) {
        mean = sum / float(cols);
        sum = 0.0;
        for (uint c = lane; c < cols; c += lanes) {
            const float d = read_sum(first + c) - mean;
            sum += d * d;
        }
        sum = reduce_sum(sum, lanes);
    }
    const float factor = 1.0 / sqrt(sum / float(cols) + eps);
    for (uint c = lane; c < cols; c += lanes) {
        float v = (read_sum(first + c) - mean) * factor;
        if (W_TYPE != NONE)
            v *= READ(w, W_TYPE, w_offset + c) + w_shift;
        if (BIAS_TYPE != NONE)
            v += READ(bias, BIAS_TYPE, bias_offset + c);
        y[y_offset + first + c] = v;
    }
}
