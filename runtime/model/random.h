/* model/random.h: the random numbers of sampling and of new heads: splitmix64 (Steele, Lea, Flood
 * 2014), a stream for each state. Not for secrets. */
#ifndef MODEL_RANDOM_H
#define MODEL_RANDOM_H

#include <stdint.h>

#define RANDOM_STEP 0x9e3779b97f4a7c15u /* from one number of a stream to the next */

static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += RANDOM_STEP);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* 53 bits of [0, 1). */
static inline double random_uniform(uint64_t *state)
{
    return (double)(random_next(state) >> 11) * 0x1p-53;
}

#endif
