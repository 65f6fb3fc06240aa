#version 450
// An image where a kernel has buffers.
layout(local_size_x = 1) in;
layout(set = 0, binding = 0, r32f) uniform image2D a;
layout(set = 0, binding = 1) writeonly buffer Y { float y[]; };

void main()
{
    y[0] = imageLoad(a, ivec2(0)).x;
}
