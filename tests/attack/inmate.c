/* inmate.c: a plugin that does, inside its sandbox, what its config says: any one system call, or
 * one thing again and again until something stops it, or speaking to a terminal. */
#include "corbel/plugin.h"

#define FIELDS(F)                  \
    F(i64s, call, "call", "[]")    \
    F(str, bomb, "bomb", "\"\"")   \
    F(str, words, "words", "\"\"") \
    F(flag, aloud, "aloud", "false")

enum { MANY = 1000000 };

struct model {
    corbel_value weight;
    const char *bomb;
};

/* The number and its six arguments; the address of this array stands for one that is BUFFER. */
#define BUFFER INT64_MIN
static int64_t call_system(const corbel_i64_list *call)
{
    int64_t a[7] = {0}, result;

    for (uint32_t i = 0; i < call->n && i < 7; i++)
        a[i] = call->items[i] == BUFFER ? (int64_t)(intptr_t)a : call->items[i];
#if defined(__x86_64__)
    register int64_t r10 __asm__("r10") = a[4];
    register int64_t r8 __asm__("r8") = a[5];
    register int64_t r9 __asm__("r9") = a[6];

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(a[0]), "D"(a[1]), "S"(a[2]), "d"(a[3]), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
#else
    register int64_t x8 __asm__("x8") = a[0];
    register int64_t x0 __asm__("x0") = a[1];
    register int64_t x1 __asm__("x1") = a[2];
    register int64_t x2 __asm__("x2") = a[3];
    register int64_t x3 __asm__("x3") = a[4];
    register int64_t x4 __asm__("x4") = a[5];
    register int64_t x5 __asm__("x5") = a[6];

    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    result = x0;
#endif
    return result;
}

/* A name that was not there yet. */
static void make_name(char name[16], uint32_t number)
{
    for (int i = 0; i < 8; i++)
        name[i] = (char)('a' + (number >> 4 * i & 15));
    name[8] = 0;
}

CORBEL_CONSTRUCTOR(create_Inmate, FIELDS);
static void *create_Inmate(corbel_build *b FIELDS(CORBEL_ARG))
{
    struct model *m = corbel_alloc(b, sizeof(*m));
    char name[16];

    if (!m)
        return NULL;
    m->bomb = bomb;
    m->weight = corbel_param_1d(b, "weight", 4);
    if (call->n > 0 && call_system(call) != INT64_MIN)
        return corbel_fail(b, "CANARY"); /* it was let through */
    if (words[0] && aloud)
        b->host->log(b, CORBEL_LOG_LEVEL_WARN, words);
    if (words[0])
        return corbel_fail(b, words);
    for (uint32_t i = 0; strcmp(bomb, "parameters") == 0 && m->weight.id; i++) {
        make_name(name, i);
        m->weight = corbel_param_1d(b, name, 4);
    }
    for (int i = 0; strcmp(bomb, "scopes") == 0 && i < MANY; i++)
        b->host->enter(b, "deeper", -1);
    return m;
}

static void forward_Inmate(corbel_build *b, const void *self)
{
    const struct model *m = self;
    corbel_value x = corbel_input(b, "x");

    while (strcmp(m->bomb, "operations") == 0 && x.id)
        x = op_mul(b, x, m->weight);
    for (int i = 0; strcmp(m->bomb, "scopes of forward") == 0 && i < MANY; i++)
        b->host->enter(b, "deeper", -1);
    corbel_output(b, "y", op_mul(b, x, m->weight));
}

static const corbel_arch arch = CORBEL_CLASS(Inmate, "inmate", "", "model");
static const corbel_arch *const archs[] = {&arch};
CORBEL_PLUGIN("test/inmate", "1.0.0", archs);
