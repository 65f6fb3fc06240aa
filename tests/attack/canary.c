/* canary.c: a plugin that tells when it ran: its constructor fails with "CANARY", and what should
 * never run leaves the file "canary-ran". What else is wrong with it is chosen by definitions. */
#include "corbel/plugin.h"

/* No import is allowed that could do this. */
__attribute__((unused)) static void leave_mark(void)
{
    static const char path[] = "canary-ran";
    long result;

#if defined(__x86_64__)
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(85L), "D"(path), "S"(0600L)
                     : "rcx", "r11", "memory"); /* creat */
#else
    result = (long)path;
#endif
    (void)result;
}

#define CANARY_CONFIG(F) F(i64, hidden_size, "hidden_size", NULL)
CORBEL_CONSTRUCTOR(create_CanaryModel, CANARY_CONFIG);
static void *create_CanaryModel(corbel_build *b CANARY_CONFIG(CORBEL_ARG))
{
    (void)hidden_size;
    return corbel_fail(b, "CANARY");
}

static void forward_CanaryModel(corbel_build *b, const void *self)
{
    (void)self;
    corbel_fail(b, "CANARY");
}

static const corbel_arch arch = CORBEL_CLASS(CanaryModel, "canary", "", "");
static const corbel_arch *const archs[] = {&arch};
#ifdef SHADER
/* clang-format off */
static const uint32_t spirv[] =
#include "fill.comp.inc"
;
/* clang-format on */

static void decompose_fill(corbel_build *b, const corbel_op *op, corbel_value *out)
{
    *out = op_affine(b, op->in[0], 2.0, 0.0);
}

static void launch_fill(corbel_build *b, const corbel_op *op, corbel_value out,
                        corbel_launch *launch)
{
    (void)op;
    (void)out;
    corbel_push_int(b, launch, launch->n_elements);
    corbel_launch_flat(launch, 64);
}

static const corbel_kernel fill =
    CORBEL_KERNEL("fill", spirv, 2, 4, decompose_fill, launch_fill, 0.0);
static const corbel_kernel *const kernels[] = {&fill};
CORBEL_PLUGIN_WITH_KERNELS("acme/canary", "1.0.0", archs, kernels);
#else
CORBEL_PLUGIN("acme/canary", "1.0.0", archs);
#endif

#ifdef CONSTRUCTOR
__attribute__((constructor)) static void at_load(void)
{
    leave_mark();
}
#endif
#ifdef DESTRUCTOR
__attribute__((destructor)) static void at_exit(void)
{
    leave_mark();
}
#endif
#ifdef INDIRECT
static void indirect_target(void)
{
}
static void (*indirect_resolver(void))(void)
{
    leave_mark();
    return indirect_target;
}
void indirect(void) __attribute__((ifunc("indirect_resolver"), visibility("hidden")));
void *indirect_used(void);
__attribute__((visibility("hidden"))) void *indirect_used(void)
{
    return (void *)indirect;
}
__attribute__((used)) static void *const keeps_it = (void *)indirect;
#endif
#ifdef EXPORT
CORBEL_EXPORT int another_export(void);
CORBEL_EXPORT int another_export(void)
{
    return 1;
}
#endif
#ifdef IMPORT
extern int system(const char *command);
__attribute__((used)) static int (*const import)(const char *) = system;
#endif
#ifdef THREAD_LOCAL
__attribute__((used)) static _Thread_local int counter = 1;
#endif
#ifdef WRITABLE
__attribute__((used)) static int counter = 1;
#endif
