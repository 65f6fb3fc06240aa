/* kernels/elementwise.c: functions of one argument, and broadcast arithmetic. */
#include "device/cpu/kernels/tier.h"
#include "device/cpu/kernels/vmath.h"

enum { GRAIN = 1024 }; /* elements worth a thread */

/* The switch is outside of the loop. */
ALWAYS_INLINE void map_range(const float *x, float *y, int64_t n, enum program_function f)
{
    for (int64_t i = 0; i < n; i += LANES)
        store_first(y + i, vfunction(f, load_first(x + i, n - i)), n - i);
}

void TIER(cpu_map)(const void *params, struct cpu_worker *w)
{
    const struct map_params *p = params;
    const float *x;
    float *y;
    int64_t from, to;

    cpu_share(w, p->n, GRAIN, &from, &to);
    x = p->x + from;
    y = p->y + from;
    switch (p->function) {
#define X(NAME, name) \
    case FUNCTION_##NAME: map_range(x, y, to - from, FUNCTION_##NAME); break;
        PROGRAM_FUNCTIONS(X)
#undef X
    case FUNCTION_COUNT: break;
    }
}

void TIER(cpu_affine)(const void *params, struct cpu_worker *w)
{
    const struct map_params *p = params;
    const vec scale = splat(p->scale), shift = splat(p->shift);
    int64_t from, to;

    cpu_share(w, p->n, GRAIN, &from, &to);
    for (int64_t i = from; i < to; i += LANES)
        store_first(p->y + i, load_first(p->x + i, to - i) * scale + shift, to - i);
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

/* numpy's and torch's maximum: a NaN wins. */
ALWAYS_INLINE float one_float(enum program_op_kind kind, float a, float b)
{
    switch (kind) {
    case OP_ADD: return a + b;
    case OP_SUB: return a - b;
    case OP_MUL: return a * b;
    case OP_DIV: return a / b;
    case OP_MAXIMUM: return a > b || a != a ? a : b;
    default: return a < b || a != a ? a : b;
    }
}

/* Wraps around as numpy's int32; division by 0 gives 0 instead of a trap. */
ALWAYS_INLINE int32_t one_int(enum program_op_kind kind, int32_t a, int32_t b)
{
    switch (kind) {
    case OP_ADD: return (int32_t)((uint32_t)a + (uint32_t)b);
    case OP_SUB: return (int32_t)((uint32_t)a - (uint32_t)b);
    case OP_MUL: return (int32_t)((uint32_t)a * (uint32_t)b);
    case OP_DIV: return b == 0 ? 0 : b == -1 ? (int32_t)(0u - (uint32_t)a) : a / b;
    case OP_MAXIMUM: return a > b ? a : b;
    default: return a < b ? a : b;
    }
}

/* One innermost run; strides are 0 or 1 almost always, and then the loop is vectorised. */
#define RUN(type, one)                                                                  \
    ALWAYS_INLINE void run_##type(enum program_op_kind kind, const type *a, int64_t as, \
                                  const type *b, int64_t bs, type *y, int64_t n)        \
    {                                                                                   \
        if (as == 1 && bs == 1)                                                         \
            for (int64_t i = 0; i < n; i++)                                             \
                y[i] = one(kind, a[i], b[i]);                                           \
        else if (as == 1 && bs == 0)                                                    \
            for (int64_t i = 0; i < n; i++)                                             \
                y[i] = one(kind, a[i], *b);                                             \
        else                                                                            \
            for (int64_t i = 0; i < n; i++)                                             \
                y[i] = one(kind, a[i * as], b[i * bs]);                                 \
    }
RUN(float, one_float)
RUN(int32_t, one_int)
#undef RUN

static void run_kind(const struct binary_params *p, int64_t a, int64_t b, int64_t y, int64_t n)
{
    const int64_t as = p->a_stride[p->rank - 1], bs = p->b_stride[p->rank - 1];

    switch (p->kind) {
#define KIND(OP)                                                                          \
    case OP:                                                                              \
        if (p->integer)                                                                   \
            run_int32_t(OP, (const int32_t *)p->a + a, as, (const int32_t *)p->b + b, bs, \
                        (int32_t *)p->y + y, n);                                          \
        else                                                                              \
            run_float(OP, (const float *)p->a + a, as, (const float *)p->b + b, bs,       \
                      (float *)p->y + y, n);                                              \
        break;
        KIND(OP_ADD)
        KIND(OP_SUB)
        KIND(OP_MUL)
        KIND(OP_DIV)
        KIND(OP_MAXIMUM)
        KIND(OP_MINIMUM)
#undef KIND
    default: break;
    }
}

/* Results [from, to) in C order, one innermost run (or a part of one) at a time. */
void TIER(cpu_binary)(const void *params, struct cpu_worker *w)
{
    const struct binary_params *p = params;
    const int64_t inner = p->shape[p->rank - 1];
    int64_t total = 1, from, to;

    for (uint32_t i = 0; i < p->rank; i++)
        total *= p->shape[i];
    cpu_share(w, total, GRAIN, &from, &to);
    while (from < to) {
        const int64_t column = from % inner;
        const int64_t n = inner - column < to - from ? inner - column : to - from;
        int64_t rest = from / inner;
        int64_t a = column * p->a_stride[p->rank - 1], b = column * p->b_stride[p->rank - 1];
        for (uint32_t i = p->rank - 1; i-- > 0;) {
            a += rest % p->shape[i] * p->a_stride[i];
            b += rest % p->shape[i] * p->b_stride[i];
            rest /= p->shape[i];
        }
        run_kind(p, a, b, from, n);
        from += n;
    }
}
