// linear, reading storage buffers: see linear.glsl
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"

layout(binding = 0) readonly buffer X { uvec4 x_words[]; };
layout(binding = 1) readonly buffer W { uvec4 w_words[]; };
#define LOAD_X(i) x_words[i]
#define LOAD_W(i) w_words[i]
#include "linear.glsl"
