#version 450
// Doubles, which many devices lack.
layout(local_size_x = 1) in;
layout(set = 0, binding = 0) readonly buffer A { double a[]; };
layout(set = 0, binding = 1) writeonly buffer Y { float y[]; };

void main()
{
    y[0] = float(a[0]);
}
