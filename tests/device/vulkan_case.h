/* vulkan_case.h: a small program run on Vulkan and on the CPU, for tests that the two agree.
 *
 * Values of the program lie in an arena with guard bytes between them, which a run must leave
 * alone; so must what lies behind caches. Where memory is not mapped the guards are not looked at.
 */
#ifndef VULKAN_CASE_H
#define VULKAN_CASE_H

#include "test.h"

#include "device/device.h"

enum { CASE_VALUES = 64 };

struct vulkan_case {
    struct program program;
    void *data[CASE_VALUES]; /* of weights and inputs, by value id */
    int64_t past;
    double tolerance; /* of max(1, |want|); 0: 1e-5 */

    enum program_op_kind expect;
    bool fused; /* `expect` must be there */
};

/* Opens both devices; exits with 77, saying why, if there is no Vulkan here. */
void case_open_devices(void);
void case_close_devices(void);
struct device *case_vulkan(void);

void case_init(struct vulkan_case *c);
void case_finish(struct vulkan_case *c);

/* "w3x5": a float32 weight of random numbers in (-1, 1); "h", "b": float16, bfloat16; "i": int32
 * inputs, 0 until set; "p": a weight of positive numbers; "s": a state. */
uint32_t case_value(struct vulkan_case *c, const char *spec);
uint32_t case_ints(struct vulkan_case *c, const char *spec, const int32_t *ints, uint32_t n);
/* Emits an operation; attrs as "axis=1 eps=1e-5". */
uint32_t case_op(struct vulkan_case *c, enum program_op_kind kind, const uint32_t *in, uint32_t n,
                 const char *attrs);
#define CASE_OP(c, kind, attrs, ...)                  \
    case_op(c, kind, (const uint32_t[]){__VA_ARGS__}, \
            sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), attrs)
/* A program that came from elsewhere, which the case now owns, with random weights and inputs. */
void case_take(struct vulkan_case *c, struct program *program);
uint32_t case_cache(struct vulkan_case *c, int64_t batch, int64_t heads, int64_t capacity,
                    int64_t dim, int64_t v_dim);

/* Makes `y` the only output, runs on both devices, compares, and finishes the case. */
void case_check(struct vulkan_case *c, uint32_t y, const char *what);
/* The same, expecting Vulkan to refuse the program with this status and word. */
void case_check_refused(struct vulkan_case *c, uint32_t y, corbel_status status, const char *word);

double random_unit(void); /* (-1, 1), the same sequence in every run */

#endif
