#version 450
// hang: never ends, unless x is what it is not
//
// Buffers   0 x f32 in   1 y f32 out
layout(local_size_x = 1) in;
layout(set = 0, binding = 0) readonly buffer X { float x[]; };
layout(set = 0, binding = 1) buffer Y { float y[]; };

void main()
{
    for (uint i = 0; x[0] != 1234.5; i++)
        y[0] = y[0] + float(i);
}
