// What all kernels share: types of elements, flat indices.
//
// A kernel's push constants begin with one word a buffer: where its first element lies behind the
// start of the binding, in elements, because bindings begin at aligned bytes. constant_id 0 is the
// number of invocations in a workgroup.

layout(local_size_x_id = 0) in;

// corbel/dtype.h; 0: no such buffer
const uint NONE = 0u, F32 = 1u, F16 = 2u, BF16 = 3u, I32 = 4u;

// Element i of a buffer of 32-bit words that holds `type`. Types of 16 bits are read as pairs, so
// that no device needs 16-bit storage.
#define READ(buffer, type, i) element(buffer[word_index(type, i)], type, i)

uint word_index(uint type, uint i)
{
    return type == F16 || type == BF16 ? i >> 1 : i;
}

float element(uint word, uint type, uint i)
{
    if (type != F16 && type != BF16)
        return uintBitsToFloat(word);
    const uint half_word = (i & 1u) != 0u ? word >> 16 : word & 0xffffu;
    return type == BF16 ? uintBitsToFloat(half_word << 16) : unpackHalf2x16(half_word).x;
}

// Workgroups and invocations of a grid that spreads over x and y: 65,535 groups an axis are all
// that every device has.
uint flat_group()
{
    return gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
}

uint flat_index()
{
    return flat_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
}
