// linear, reading texel buffers: see linear.glsl
//
// Buffers 0 and 1 are uniform texel buffers of four 32-bit words. On lavapipe they are read two and
// a half times as fast as storage buffers, which it reads lane by lane.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"

layout(binding = 0) uniform usamplerBuffer x_words;
layout(binding = 1) uniform usamplerBuffer w_words;
#define LOAD_X(i) texelFetch(x_words, int(i))
#define LOAD_W(i) texelFetch(w_words, int(i))
#include "linear.glsl"
