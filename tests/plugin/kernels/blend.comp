#version 450
// blend: y[i] = a[i] * (1 - t) + b[i] * t
//
// Buffers   0 a f32 in   1 b f32 in   2 y f32 out, all of n elements
// Dispatch  one invocation an element, flat
// Push      n, t
layout(local_size_x = 64) in;
layout(set = 0, binding = 0) readonly buffer A { float a[]; };
layout(set = 0, binding = 1) readonly buffer B { float b[]; };
layout(set = 0, binding = 2) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { uint n; float t; };

void main()
{
    uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    uint i = group * 64 + gl_LocalInvocationID.x;
    if (i < n)
        y[i] = a[i] * (1.0 - t) + b[i] * t;
}
