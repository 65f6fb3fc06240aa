// attention_prepare: what attention needs before it can begin: q and k turned (rope.glsl), k and v
// put into the cache at the step's place
//
// Buffers   0 q [B, S, H, D]  1 k [B, S, KV, D]  2 v [B, S, KV, DV], f32 in
//           3 table [B, S, R/2, 2] f32 in, or none
//           4 q turned, like q, out    5 keys, 6 values out: caches [B, KV, T, D or DV], or
//           [B, S, KV, D or DV] where there is no cache
//           7 step: [0] past
// Constants 1 interleaved?  2 is there a cache?
// Dispatch  flat: one invocation an element of q (n_q of them), then of k, then of v
// Push      offsets; n_q, n_k, n_v (0: not wanted), S, H, KV, D, DV, R (0: nothing is turned), T
// Numerics  two products and a sum
// Limits    fewer than 2^32 elements in all. Tokens at past + s >= T are left out.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "rope.glsl"

layout(constant_id = 1) const bool INTERLEAVED = false;
layout(constant_id = 2) const bool CACHED = true;
layout(binding = 0) readonly buffer Q { float q[]; };
layout(binding = 1) readonly buffer K { float k[]; };
layout(binding = 2) readonly buffer V { float v[]; };
layout(binding = 3) readonly buffer Table { float table[]; };
layout(binding = 4) writeonly buffer TurnedQ { float turned_q[]; };
layout(binding = 5) writeonly buffer Keys { float keys[]; };
layout(binding = 6) writeonly buffer Values { float values[]; };
layout(binding = 7) readonly buffer Step { uint past; };
layout(push_constant) uniform Push
{
    uint q_offset, k_offset, v_offset, table_offset, turned_offset, keys_offset, values_offset,
        step_offset, n_q, n_k, n_v, s_size, heads, kv_heads, dim, v_dim, rotary, capacity;
};

#define READ_Q(i) q[q_offset + (i)]
#define READ_K(i) k[k_offset + (i)]
#define READ_TABLE(i) table[table_offset + (i)]
DEFINE_ROTATED(rotated_q, READ_Q, READ_TABLE)
DEFINE_ROTATED(rotated_k, READ_K, READ_TABLE)

// Where element `at` of [B, S, KV, size] is kept; false if it is left out.
bool place(uint at, uint size, out uint to)
{
    const uint d = at % size, head = at / size % kv_heads, token = at / size / kv_heads;
    to = at;
    if (!CACHED)
        return true;
    const uint position = past + token % s_size;
    to = ((token / s_size * kv_heads + head) * capacity + position) * size + d;
    return position < capacity;
}

void main()
{
    uint at = flat_index(), to;
    if (at < n_q) {
        const uint d = at % dim;
        turned_q[turned_offset + at] = rotated_q(at - d, d, at / dim / heads, rotary, INTERLEAVED);
        return;
    }
    at -= n_q;
    if (at < n_k) {
        const uint d = at % dim;
        if (place(at, dim, to))
            keys[keys_offset + to] =
                rotated_k(at - d, d, at / dim / kv_heads, rotary, INTERLEAVED);
        return;
    }
    at -= n_k;
    if (at < n_v && place(at, v_dim, to))
        values[values_offset + to] = v[v_offset + at];
}
