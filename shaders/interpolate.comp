// interpolate: torch's bilinear or bicubic (a = -0.75) resize of the last two axes,
// align_corners=False, no antialiasing: source = (i + 1/2) H / OH - 1/2
//
// Buffers   0 x [planes, H, W] f32 in    1 y [planes, OH, OW] f32 out
// Constants 1 cubic? (else linear)
// Dispatch  flat, one invocation an element of y
// Push      offsets; n, H, W, OH, OW, scale_h = H / OH, scale_w = W / OW
// Numerics  f32; edges repeat; linear clamps the source at 0 as torch does
// Limits    n below 2^32
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

layout(constant_id = 1) const bool CUBIC = false;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push
{
    uint x_offset, y_offset, n, height, width, out_h, out_w;
    float scale_h, scale_w;
};

float near_curve(float t)
{
    return ((1.25) * t - 2.25) * t * t + 1.0;
}

float far_curve(float t)
{
    return ((-0.75 * t + 3.75) * t - 6.0) * t + 3.0;
}

// Weights of the pixels at floor(source) - 1 to + 2.
vec4 weights(float t)
{
    if (!CUBIC)
        return vec4(0.0, 1.0 - t, t, 0.0);
    return vec4(far_curve(t + 1.0), near_curve(t), near_curve(1.0 - t), far_curve(2.0 - t));
}

float source(uint i, float scale)
{
    const float at = (float(i) + 0.5) * scale - 0.5;
    return CUBIC ? at : max(at, 0.0);
}

void main()
{
    const uint at = flat_index();
    if (at >= n)
        return;
    const uint plane = x_offset + at / out_w / out_h * height * width;
    const float row = source(at / out_w % out_h, scale_h), column = source(at % out_w, scale_w);
    const int top = int(floor(row)), left = int(floor(column));
    const vec4 down = weights(row - float(top)), across = weights(column - float(left));
    float result = 0.0;
    for (int p = 0; p < 4; p++) {
        const uint r = uint(clamp(top - 1 + p, 0, int(height) - 1));
        float line = 0.0;
        for (int q = 0; q < 4; q++) {
            const uint c = uint(clamp(left - 1 + q, 0, int(width) - 1));
            line += across[q] * x[plane + r * width + c];
        }
        result += down[p] * line;
    }
    y[y_offset + at] = result;
}
