#version 450
// rms_norm: y[r, c] = x[r, c] * w[c] / sqrt(mean_c(x[r, c]^2) + eps)
//
// Buffers   0 x [rows, cols] f32 in   1 w [cols] f32 in   2 y [rows, cols] f32 out
// Dispatch  one workgroup a row, 64 invocations share it
// Push      rows, cols, eps
layout(local_size_x = 64) in;
layout(set = 0, binding = 0) readonly buffer X { float x[]; };
layout(set = 0, binding = 1) readonly buffer W { float w[]; };
layout(set = 0, binding = 2) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { uint rows; uint cols; float eps; };
shared float sums[64];

void main()
{
    uint row = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    uint lane = gl_LocalInvocationID.x;
    if (row >= rows)
        return;
    float sum = 0.0;
    for (uint c = lane; c < cols; c += 64)
        sum += x[row * cols + c] * x[row * cols + c];
    sums[lane] = sum;
    barrier();
    for (uint half_size = 32; half_size > 0; half_size /= 2) {
        if (lane < half_size)
            sums[lane] += sums[lane + half_size];
        barrier();
    }
    float scale = inversesqrt(sums[0] / float(cols) + eps);
    for (uint c = lane; c < cols; c += 64)
        y[row * cols + c] = x[row * cols + c] * w[c] * scale;
}
