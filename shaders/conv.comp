// conv: y[b, o, i, j] = bias[o] + sum_{c, p, q} x[b, g C/G + c, i SH + p DH - PH, j SW + q DW - PW]
//                                               w[o, c, p, q], g = o / (O / G), x 0 outside
//
// Buffers   0 x [B, C, H, W] f32 in      1 w [O, C/G, KH, KW] f32, f16 or bf16 in
//           2 bias [O] in, or none       3 y [B, O, OH, OW] f32 out
// Constants 1 type of w  2 type of bias  3 OUTS channels an invocation does; divides O / G
// Dispatch  x: OH OW, one place an invocation; y: O / OUTS; z: B
// Push      offsets; C/G, H, W, O, KH, KW, OH, OW, SH, SW, PH, PW, DH, DW, channels C, per_group O/G
// Numerics  products and sums in f32, in the order of c, p, q
// Limits    C/G KH KW up to 50,000
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"

layout(constant_id = 1) const uint W_TYPE = F32;
layout(constant_id = 2) const uint BIAS_TYPE = NONE;
layout(constant_id = 3) const uint OUTS = 1u;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer W { uint w[]; };
layout(binding = 2) readonly buffer Bias { uint bias[]; };
layout(binding = 3) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push
{
    uint x_offset, w_offset, bias_offset, y_offset, group_size, height, width, outs, kernel_h,
        kernel_w, out_h, out_w, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, channels,
        per_group;
};

void main()
{
    const uint place = gl_GlobalInvocationID.x, o = gl_WorkGroupID.y * OUTS, b = gl_WorkGroupID.z;
    if (place >= out_h * out_w)
        return;
    const uint group = o / per_group, taps = group_size * kernel_h * kernel_w;
    const uint top = place / out_w * stride_h, left = place % out_w * stride_w;
    float sum[OUTS];
    [[unroll]] for (uint i = 0u; i < OUTS; i++)
        sum[i] = BIAS_TYPE != NONE ? READ(bias, BIAS_TYPE, bias_offset + o + i) : 0.0;

    for (uint c = 0u; c < group_size; c++) {
        const uint plane = x_offset + (b * channels + group * group_size + c) * height * width;
        for (uint p = 0u; p < kernel_h; p++) {
            const uint row = top + p * dilation_h - pad_h; // above the image: huge
            for (uint q = 0u; q < kernel_w && row < height; q++) {
                const uint column = left + q * dilation_w - pad_w;
                if (column >= width)
                    continue;
                const float v = x[plane + row * width + column];
                const uint tap = (c * kernel_h + p) * kernel_w + q;
                [[unroll]] for (uint i = 0u; i < OUTS; i++)
                    sum[i] += v * READ(w, W_TYPE, w_offset + (o + i) * taps + tap);
            }
        }
    }
    [[unroll]] for (uint i = 0u; i < OUTS; i++)
        y[y_offset + (b * outs + o + i) * out_h * out_w + place] = sum[i];
}
