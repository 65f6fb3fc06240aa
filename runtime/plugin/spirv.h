/* plugin/spirv.h: whether the SPIR-V of a plugin's kernel may be given to a driver.
 *
 * Drivers believe what they are given: a module that is not valid, or that uses what nobody has
 * enabled, may crash the process that compiles it. So a module is walked before: every instruction
 * is on a list, has the operands that it takes, and operates on values of the types that it takes;
 * every id is made once and before it is used; pointers only ever point into the variables that
 * they were made from. A kernel can then read its inputs, write its result, and nothing else: what
 * it does beyond the ends of its buffers is held by robustBufferAccess, beyond those of other
 * arrays by what is added to it here, what it does for ever by a timeout. */
#ifndef PLUGIN_SPIRV_H
#define PLUGIN_SPIRV_H

#include "base/arena.h"
#include "corbel/corbel.h"
#include "corbel/plugin.h"
#include "program/program.h"

enum {
    SPIRV_MAX_INVOCATIONS = 1024, /* of a workgroup, in all and in x or y */
    SPIRV_MAX_Z = 64,
    SPIRV_MAX_SHARED = 32 << 10,  /* bytes of a workgroup */
    SPIRV_MAX_PRIVATE = 16 << 10, /* bytes of variables of an invocation */
    SPIRV_MAX_VALUE = 8 << 10,    /* bytes of one value */
    SPIRV_MAX_BOUND = 1 << 18,    /* ids */
    SPIRV_MAX_INLINED = 1 << 18,  /* instructions once every function is inlined */
    SPIRV_MAX_BRANCHES = 1 << 12, /* loops and selections, likewise */
    SPIRV_MAX_GLOBALS = 64        /* variables */
};

/* Checks the module of `kernel`, whose numbers and names are sound: that it is one compute shader
 * of that entry point, buffers and push constants. *found gets all of struct program_kernel; its
 * code is a copy in the arena in which every index of an array of known length is held below that
 * length. CORBEL_E_UNTRUSTED says which instruction breaks which rule; CORBEL_E_MEMORY. */
corbel_status spirv_check(const corbel_kernel *kernel, struct arena *arena,
                          struct program_kernel *found, corbel_error *err);

/* The names of the capabilities that ask for these features, as SPIR-V calls them, sorted: at most
 * FEATURE_COUNT. "Shader" is not among them. */
uint32_t spirv_capabilities(uint32_t features, const char *names[FEATURE_COUNT]);

#endif
