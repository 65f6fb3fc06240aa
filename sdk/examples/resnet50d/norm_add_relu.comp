#version 450
#extension GL_GOOGLE_include_directive : require
#define SHORTCUT
#include "norm_relu.glsl"
