/* cpu_case.h: one operation on the CPU device, with guarded buffers, for tests against naive
 * references in double.
 *
 * A case is a program of one operation whose values lie in buffers of their own between guard
 * bytes. It is prepared and run as an executable does it, on any tier and number of threads. */
#ifndef CPU_CASE_H
#define CPU_CASE_H

#include "test.h"

#include "device/cpu/cpu.h"

#include <stdio.h>

enum { CASE_VALUES = 24, CASE_ATTRS = 24 };

struct cpu_case {
    struct program program;
    struct program_value values[CASE_VALUES];
    struct program_op op;
    struct program_attr attrs[CASE_ATTRS];
    struct program_cache cache;
    void *data[CASE_VALUES];  /* where the values lie */
    char *block[CASE_VALUES]; /* with the guards */
    void *key_cache, *value_cache;
    enum device_precision precision;
    int64_t past;
    int fault; /* after a run */
};

void case_init(struct cpu_case *c, enum program_op_kind kind);
void case_finish(struct cpu_case *c);

/* Adds an input and gives its id. Floats are random in (-1, 1), ints 0; `shift` bytes of
 * misalignment. shape: `rank` sizes. */
uint32_t case_in(struct cpu_case *c, int32_t dtype, size_t shift, uint32_t rank, ...);
/* An input slot that is not given. */
void case_none(struct cpu_case *c);
uint32_t case_out(struct cpu_case *c, int32_t dtype, uint32_t rank, ...);
void case_int(struct cpu_case *c, enum program_attr_key key, int64_t i);
void case_float(struct cpu_case *c, enum program_attr_key key, double f);

/* Element i of a value of any dtype. */
double case_at(const struct cpu_case *c, uint32_t id, int64_t i);
int64_t case_count(const struct cpu_case *c, uint32_t id);

/* Poisons the results, prepares and runs; fails the test if a guard was overwritten. */
void case_run(struct cpu_case *c, enum cpu_tier tier, uint32_t threads);

/* Runs `check` for every tier of this machine and for 1, 2 and 3 threads. */
void case_each(struct cpu_case *c, void (*check)(struct cpu_case *c, const char *what));

/* |got - want| <= tolerance * max(1, scale), or the test fails and says where. */
void assert_close(double got, double want, double tolerance, const char *what, int64_t i);

double random_unit(void); /* (-1, 1), the same sequence in every run */

#endif
