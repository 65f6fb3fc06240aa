#version 450
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference_uvec2 : require
// A store through an address: what no kernel may do.
layout(local_size_x = 1) in;
layout(buffer_reference) buffer Anywhere { float x; };
layout(set = 0, binding = 0) readonly buffer A { uvec2 address; };
layout(set = 0, binding = 1) writeonly buffer Y { float y[]; };

void main()
{
    Anywhere(address).x = 1.0;
    y[0] = 0.0;
}
