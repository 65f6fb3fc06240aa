// linear_scan: y[o, t, i] = a[o, t, i] * y[o, t - 1, i] + x[o, t, i] for t in [first, first + steps)
//
// Buffers   0 a, 1 x [outer, len, inner] f32 in    2 initial [outer, inner] f32 in: what comes
//           before step 0    3 y [outer, len, inner] f32 out; steps before `first` are in it
// Constants 1 HAS_INITIAL: without it, 0 comes before step 0
// Dispatch  flat, one invocation a line (an o and an i)
// Push      offsets; lines = outer inner, len > 0, inner, first, steps
// Numerics  f32, in order
// Limits    lines below 2^32; steps up to 60,000: a longer line takes several dispatches
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

layout(constant_id = 1) const bool HAS_INITIAL = false;
layout(binding = 0) readonly buffer A { float a[]; };
layout(binding = 1) readonly buffer X { float x[]; };
layout(binding = 2) readonly buffer Initial { float initial[]; };
layout(binding = 3) buffer Y { float y[]; };
layout(push_constant) uniform Push
{
    uint a_offset, x_offset, initial_offset, y_offset, lines, len, inner, first, steps;
};

void main()
{
    const uint line = flat_index();
    if (line >= lines)
        return;
    const uint at = (line / inner * len + first) * inner + line % inner;
    float before = 0.0;
    if (first > 0u)
        before = y[y_offset + at - inner];
    else if (HAS_INITIAL)
        before = initial[initial_offset + line];
    for (uint t = 0u; t < steps; t++) {
        const uint i = at + t * inner;
        before = a[a_offset + i] * before + x[x_offset + i];
        y[y_offset + i] = before;
    }
}
