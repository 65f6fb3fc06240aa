#version 450
// gated: y[i] = silu(gate[i]) * up[i], silu(x) = x / (1 + exp(-x))
//
// Buffers   0 gate f32 in   1 up f32 in   2 y f32 out, n elements each
// Dispatch  one invocation an element: corbel_launch_flat
// Push      n > 0
layout(local_size_x = 64) in;
layout(set = 0, binding = 0) readonly buffer Gate { float gate[]; };
layout(set = 0, binding = 1) readonly buffer Up { float up[]; };
layout(set = 0, binding = 2) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { uint n; };

void main()
{
    uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    uint i = group * gl_WorkGroupSize.x + gl_LocalInvocationID.x;

    if (i < n)
        y[i] = gate[i] / (1.0 + exp(-gate[i])) * up[i];
}
