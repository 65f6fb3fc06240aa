// pool: y[p, i, j] = max or mean over the window at (i SH - PH, j SW - PW) of x[p]
//
// Buffers   0 x [planes, H, W] f32 in    1 y [planes, OH, OW] f32 out
// Constants 1 mean? (else the maximum)  2 does the mean count the pad?
// Dispatch  flat, one invocation an element of y
// Push      offsets; n, H, W, OH, OW, KH, KW, SH, SW, PH, PW, DH, DW, end_h = H + PH + trailing
//           pad, end_w: where counted pad ends
// Numerics  f32, in the order of the window
// Limits    KH KW up to 60,000
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

layout(constant_id = 1) const bool MEAN = false;
layout(constant_id = 2) const bool COUNT_PAD = false;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push
{
    uint x_offset, y_offset, n, height, width, out_h, out_w, kernel_h, kernel_w, stride_h, stride_w,
        pad_h, pad_w, dilation_h, dilation_w, end_h, end_w;
};

void main()
{
    const uint at = flat_index();
    if (at >= n)
        return;
    const uint top = at / out_w % out_h * stride_h, left = at % out_w * stride_w;
    const uint plane = x_offset + at / out_w / out_h * height * width;
    float result = MEAN ? 0.0 : -1.0 / 0.0;
    uint count = 0u;
    for (uint p = 0u; p < kernel_h; p++)
        for (uint q = 0u; q < kernel_w; q++) {
            const uint padded_row = top + p * dilation_h, padded_column = left + q * dilation_w;
            const uint row = padded_row - pad_h, column = padded_column - pad_w; // outside: huge
            const bool inside = row < height && column < width;
            if (inside || (COUNT_PAD && padded_row < end_h && padded_column < end_w))
                count++;
            if (!inside)
                continue;
            const float v = x[plane + row * width + column];
            result = MEAN ? result + v : isnan(v) || v > result ? v : result;
        }
    y[y_offset + at] = MEAN ? result / float(count) : result;
}
