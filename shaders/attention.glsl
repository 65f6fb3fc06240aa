// What the kernels of attention share.
//
// y[b, s, h] = sum_j p_j v[b, j, g] / sum_j p_j,  p_j = exp(score_j - max_j score_j),
// score_j = cap(scale q[b, s, h] . k[b, j, g]),  g = h / (H / KV),
// cap(x) = softcap tanh(x / softcap), if softcap is above 0,
// over the keys j that query s sees: j <= past + s if causal, j > past + s - window if windowed,
// mask[b, j] not 0. A query that sees none gives zeros.
//
// Keys are split into parts. With one part a kernel writes y; otherwise part c of row
// (b S + s) H + h writes max, sum, and the DV values that are still to be divided by the sum to
// y[(row parts + c) (DV + 2)], and attention_combine makes y.

const float LEAST = -3.402823466e38;

layout(constant_id = 1) const bool MASKED = false;
layout(constant_id = 2) const bool CAUSAL = false;
layout(binding = 0) readonly buffer Q { float q[]; };
layout(binding = 3) readonly buffer Mask { int mask[]; };
layout(binding = 4) readonly buffer Step { uint past; };
layout(binding = 5) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push
{
    uint q_offset, k_offset, v_offset, mask_offset, step_offset, y_offset, s_size, heads, kv_heads,
        dim, v_dim, n_keys, k_batch, k_head, k_token, v_batch, v_head, v_token, window, part_size,
        n_parts;
    float scale, softcap;
};

// tanh_of of functions.glsl, which there is no need to include all of
float capped(float x)
{
    if (softcap <= 0.0)
        return x;
    const float a = abs(x / softcap);
    if (a < 0.05)
        return x * (1.0 - a * a * (1.0 / 3.0 - a * a * (2.0 / 15.0)));
    const float e = exp(-2.0 * a);
    return softcap * sign(x) * (1.0 - e) / (1.0 + e);
}

// Keys [first, end) are in the reach of query s, whatever the mask says.
uint first_key(uint s)
{
    const uint end = past + s + 1u;
    return CAUSAL && window > 0u && end > window ? end - window : 0u;
}

uint end_key(uint s)
{
    return CAUSAL ? min(past + s + 1u, n_keys) : n_keys;
}

bool seen(uint b, uint j)
{
    return !MASKED || mask[mask_offset + b * n_keys + j] != 0;
}

uint result_row(uint b, uint s, uint h)
{
    return (b * s_size + s) * heads + h;
}
