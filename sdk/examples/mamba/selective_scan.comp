// selective_scan: y[b, t, c] = (sum_n h[n] * C[b, t, n] + x * D[c]) * silu(z), where
// h[n] = exp(d * A[c, n]) * h[n] + d * B[b, t, n] * x, d = softplus(dt[b, t, c]), A = -exp(A_log),
// h starts as state[b, n, c]; behind the y of a sequence stands the h that is left
//
// Buffers   0 x [batch, tokens, channels] f32 in    1 dt [batch, tokens, channels] f32 in
//           2 projected [batch, tokens, rank + 2 states] f32 in: rank others, then B, then C
//           3 gated [batch, tokens, 2 channels] f32 in: the second half is z
//           4 A_log [channels, states] f32 in    5 D [channels] f32 in
//           6 state [batch, states, channels] f32 in    7 out [batch, tokens + states, channels] f32
// Dispatch  x: an invocation a channel, 64 a workgroup; y: a workgroup a sequence
// Push      tokens, channels, states, rank
// Numerics  f32, tokens in order; within 2e-5 of the decomposition
// Limits    indices below 2^31; fewer than 60,000 turns: tokens * ceil(states / 4)
#version 450

layout(local_size_x = 64) in;
layout(binding = 0) readonly buffer Input { float x[]; };
layout(binding = 1) readonly buffer TimeStep { float dt[]; };
layout(binding = 2) readonly buffer Projected { float projected[]; };
layout(binding = 3) readonly buffer Gated { float gated[]; };
layout(binding = 4) readonly buffer ALog { float A_log[]; };
layout(binding = 5) readonly buffer Skip { float D[]; };
layout(binding = 6) readonly buffer State { float state[]; };
layout(binding = 7) buffer Output { float result[]; };
layout(push_constant) uniform Push
{
    uint tokens, channels, states, rank;
};

// log(1 + e) for e in [0, 1]: 2 atanh(e / (2 + e)). A device's log may be wrong by 2^-21 near 1,
// which is much of a small time step.
float log1p(float e)
{
    const float t = e / (2.0 + e), s = t * t;
    const float tail = 1.0 / 7.0 + s * (1.0 / 9.0 + s * (1.0 / 11.0 + s * (1.0 / 13.0)));
    return 2.0 * t * (1.0 + s * (1.0 / 3.0 + s * (1.0 / 5.0 + s * tail)));
}

float softplus(float v)
{
    return v > 20.0 ? v : max(v, 0.0) + log1p(exp(-abs(v)));
}

float silu(float v)
{
    return v / (1.0 + exp(-v));
}

// All tokens with states [n, n + 4): adds their part of the sum to `result`, or begins it. A state
// beyond the last is the last one again, and not counted.
void scan(uint b, uint c, uint n)
{
    const uint width = rank + 2u * states, rows = tokens + states;
    const uint before = b * states * channels + c, after = (b * rows + tokens) * channels + c;
    const uvec4 wanted = uvec4(n, n + 1u, n + 2u, n + 3u), at = min(wanted, uvec4(states - 1u));
    const vec4 counted = vec4(lessThan(wanted, uvec4(states)));
    const vec4 A = -exp(vec4(A_log[c * states + at.x], A_log[c * states + at.y],
                             A_log[c * states + at.z], A_log[c * states + at.w]));
    vec4 h = vec4(state[before + at.x * channels], state[before + at.y * channels],
                  state[before + at.z * channels], state[before + at.w * channels]);
    const float skip = D[c];

    for (uint t = 0u; t < tokens; t++) {
        const uint token = b * tokens + t, to = (b * rows + t) * channels + c;
        const uvec4 B = token * width + rank + at, C = B + states;
        const float d = softplus(dt[token * channels + c]), u = x[token * channels + c];
        h = exp(d * A) * h +
            d * u * vec4(projected[B.x], projected[B.y], projected[B.z], projected[B.w]);
        float y = dot(h * counted,
                      vec4(projected[C.x], projected[C.y], projected[C.z], projected[C.w]));
        if (n > 0u)
            y += result[to];
        if (n + 4u >= states)
            y = (y + u * skip) * silu(gated[(2u * token + 1u) * channels + c]);
        result[to] = y;
    }
    result[after + at.x * channels] = h.x;
    result[after + at.y * channels] = h.y;
    result[after + at.z * channels] = h.z;
    result[after + at.w * channels] = h.w;
}

void main()
{
    const uint c = gl_GlobalInvocationID.x, b = gl_WorkGroupID.y;
    if (c >= channels)
        return;
    for (uint n = 0u; n < states; n += 4u)
        scan(b, c, n);
}
