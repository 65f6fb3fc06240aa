// Reductions over the invocations of a workgroup, through shared memory: right for any size of
// subgroup. Include after common.glsl. SHARERS (a power of two, at most the workgroup) neighbouring
// invocations reduce together; all of the workgroup must call.

shared float reduce_memory[gl_WorkGroupSize.x];

float reduce_sum(float x, uint sharers)
{
    const uint lane = gl_LocalInvocationID.x;
    reduce_memory[lane] = x;
    for (uint half_size = sharers >> 1; half_size > 0u; half_size >>= 1) {
        barrier();
        if ((lane & (sharers - 1u)) < half_size)
            reduce_memory[lane] += reduce_memory[lane + half_size];
    }
    barrier();
    const float sum = reduce_memory[lane & ~(sharers - 1u)];
    barrier();
    return sum;
}

float reduce_max(float x, uint sharers)
{
    const uint lane = gl_LocalInvocationID.x;
    reduce_memory[lane] = x;
    for (uint half_size = sharers >> 1; half_size > 0u; half_size >>= 1) {
        barrier();
        if ((lane & (sharers - 1u)) < half_size)
            reduce_memory[lane] = max(reduce_memory[lane], reduce_memory[lane + half_size]);
    }
    barrier();
    const float greatest = reduce_memory[lane & ~(sharers - 1u)];
    barrier();
    return greatest;
}
