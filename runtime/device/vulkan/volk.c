/* device/vulkan/volk.c: the loader of Vulkan's functions, compiled from Debian's volk.h.
 *
 * Vulkan is found at run time, so that one binary runs with and without it. */
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#define VOLK_IMPLEMENTATION
#include <volk.h>
