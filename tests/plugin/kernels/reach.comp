#version 450
// reach: y[i] = 4, what the last of four numbers is that an index far beyond them is held to
//
// Buffers   0 x f32 in   1 y f32 out, n elements each
// Dispatch  one invocation an element, flat
// Push      n, far
layout(local_size_x = 64) in;
layout(set = 0, binding = 0) readonly buffer X { float x[]; };
layout(set = 0, binding = 1) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { uint n; int far; };
shared float group_memory[4];

void main()
{
    uint i = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * 64 + gl_LocalInvocationID.x;
    float own[4];
    if (gl_LocalInvocationID.x == 0) {
        for (int k = 0; k < 4; k++)
            group_memory[k] = 0.5;
        group_memory[far] = 1.0;
    }
    barrier();
    for (int k = 0; k < 4; k++)
        own[k] = float(k);
    own[-far] = 3.0;
    if (i < n)
        y[i] = group_memory[3] * group_memory[far + 5] + own[far * 2] + x[i] * 1e-30;
}
