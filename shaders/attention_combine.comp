// attention_combine: y[r, d] = sum_c e^(max_c - m) value[r, c, d] / sum_c e^(max_c - m) sum_c,
// m = max_c max_c, over the parts c that attention_query or attention_rows wrote
//
// Buffers   0 parts [rows, n_parts, 2 + DV] f32 in: max, sum, values    1 y [rows, DV] f32 out
// Dispatch  flat, one invocation an element of y
// Push      offsets; n = rows DV, DV, n_parts
// Numerics  f32; rows whose sums are all 0 give zeros
// Limits    n_parts up to 30,000
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

layout(binding = 0) readonly buffer Parts { float parts[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push
{
    uint parts_offset, y_offset, n, v_dim, n_parts;
};

void main()
{
    const uint at = flat_index();
    if (at >= n)
        return;
    const uint row = at / v_dim, d = at % v_dim, size = v_dim + 2u;
    const uint first = parts_offset + row * n_parts * size;
    float greatest = parts[first], sum = 0.0, value = 0.0;
    for (uint c = 1u; c < n_parts; c++)
        greatest = max(greatest, parts[first + c * size]);
    for (uint c = 0u; c < n_parts; c++) {
        const float factor = exp(parts[first + c * size] - greatest);
        sum += factor * parts[first + c * size + 1u];
        value += factor * parts[first + c * size + 2u + d];
    }
    y[y_offset + at] = sum > 0.0 ? value / sum : 0.0;
}
