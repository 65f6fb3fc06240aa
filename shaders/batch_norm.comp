// batch_norm: y[b, c, i] = (x[b, c, i] - mean[c]) / sqrt(var[c] + eps) * w[c] + bias[c]
//
// Buffers   0 x [B, C, inner] f32 in    1 w  2 bias  3 mean  4 var, [C] in, f32, f16 or bf16
//           5 y like x, f32 out
// Constants 1 to 4 types of w, bias, mean, var
// Dispatch  flat, one invocation an element
// Push      offsets; n elements, C, inner, eps
// Numerics  f32, as written
// Limits    n below 2^32
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

layout(constant_id = 1) const uint W_TYPE = F32;
layout(constant_id = 2) const uint BIAS_TYPE = F32;
layout(constant_id = 3) const uint MEAN_TYPE = F32;
layout(constant_id = 4) const uint VAR_TYPE = F32;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer W { uint w[]; };
layout(binding = 2) readonly buffer Bias { uint bias[]; };
layout(binding = 3) readonly buffer Mean { uint mean[]; };
layout(binding = 4) readonly buffer Var { uint var[]; };
layout(binding = 5) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push
{
    uint x_offset, w_offset, bias_offset, mean_offset, var_offset, y_offset, n, channels, inner;
    float eps;
};

void main()
{
    const uint at = flat_index();
    if (at >= n)
        return;
    const uint c = at / inner % channels;
    const float d = x[x_offset + at] - READ(mean, MEAN_TYPE, mean_offset + c);
    const float factor = 1.0 / sqrt(READ(var, VAR_TYPE, var_offset + c) + eps);
    y[y_offset + at] =
        d * factor * READ(w, W_TYPE, w_offset + c) + READ(bias, BIAS_TYPE, bias_offset + c);
}
