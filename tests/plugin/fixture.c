/* fixture.c: a plugin with a defect. CMakeLists.txt builds it once a defect, by its macro; without
 * one it is sound. Every function would tell on itself: the loader must call none of them. */
#include "corbel/plugin.h"

#ifndef NEEDED
#define NEEDED 0
#endif
#ifndef SHRINK
#define SHRINK 0
#endif

#if defined(FIELDS_65)
#define EIGHT(F, x)        \
    F(i64, x##0, "a", "1") \
    F(i64, x##1, "a", "1") \
    F(i64, x##2, "a", "1") \
    F(i64, x##3, "a", "1") \
    F(i64, x##4, "a", "1") F(i64, x##5, "a", "1") F(i64, x##6, "a", "1") F(i64, x##7, "a", "1")
#define FIELDS(F) \
    EIGHT(F, a)   \
    EIGHT(F, b)   \
    EIGHT(F, c) EIGHT(F, d) EIGHT(F, e) EIGHT(F, f) EIGHT(F, g) EIGHT(F, h) F(i64, last, "a", "1")
#else
#define FIELDS(F)                                                            \
    F(i64, size, "size", "4")                                                \
    F(f64, scale, "scale", "0.5")                                            \
    F(flag, flag, "flag", "true")                                            \
    F(str, text, "text", "\"x\"")                                            \
    F(i64s, sizes, "sizes", "[1, 2]")                                        \
    F(f64s, scales, "scales", "[0.5, 2]") F(strs, names, "names", "[\"a\"]") \
        F(json, nested, "nested", "{\"k\": [1]}") F(i64, same, "same", "$size")
#endif

struct model {
    corbel_value weight;
};

CORBEL_CONSTRUCTOR(create_Fixture, FIELDS);
static void *create_Fixture(corbel_build *b FIELDS(CORBEL_ARG))
{
    struct model *m = corbel_alloc(b, sizeof(*m));
    int64_t n = 4;

#if !defined(FIELDS_65)
    n = size;
    if (scale != 0.5 || flag != 1 || strcmp(text, "x") != 0 || sizes->n != 2 ||
        sizes->items[1] != 2 || scales->items[1] != 2.0 || strcmp(names->items[0], "a") != 0 ||
        strcmp(nested, "{\"k\":[1]}") != 0 || same != size)
        return corbel_fail(b, "a field has another value");
#endif
    if (!m)
        return NULL;
#if defined(TWICE)
    corbel_param_1d(b, "weight", n);
#endif
#if defined(EMIT_IN_CONSTRUCTOR)
    corbel_input(b, "x");
#endif
#if defined(UNBALANCED)
    corbel_enter(b, "m");
#endif
#if defined(RECURSES)
    for (int i = 0; i < 1000; i++)
        corbel_enter(b, "m");
#endif
    m->weight = corbel_param_1d(b, "weight", n);
#if defined(RETURNS_NULL)
    return NULL;
#endif
    return m;
}

static void forward_Fixture(corbel_build *b, const void *self)
{
    const struct model *m = self;
    corbel_value x = corbel_input(b, "x");

#if defined(UNKNOWN_OPERATION)
    x = corbel_emit1(b, "teleport", x, NULL, 0);
#elif defined(FUSED_OPERATION)
    x = corbel_emit1(b, "add_rms_norm", x, NULL, 0);
#elif defined(UNKNOWN_ATTRIBUTE)
    corbel_attr a = corbel_attr_int("colour", 1);
    x = corbel_emit1(b, "softmax", x, &a, 1);
#elif defined(WRONG_ATTRIBUTE)
    corbel_attr a = corbel_attr_float("axis", 1.0);
    x = corbel_emit1(b, "argmax", x, &a, 1);
#elif defined(RESERVED_ATTRIBUTE)
    corbel_attr a = corbel_attr_int("axis", 1);
    a.reserved = 1;
    x = corbel_emit1(b, "argmax", x, &a, 1);
#elif defined(WRONG_HANDLE)
    x.id = 4000000000u;
    x = op_add(b, x, x);
#elif defined(PARAM_IN_FORWARD)
    x = corbel_param_1d(b, "late", 4);
#elif defined(NO_OUTPUT)
    return;
#elif defined(NO_EXTENSION)
    if (b->host->extension(b, "corbel.moe/1"))
        corbel_fail(b, "this host has it");
#elif defined(CUSTOM_LOOP)
    x = corbel_emit1(b, "custom:loop", x, NULL, 0);
#endif
    corbel_output(b, "y", op_mul(b, x, m->weight));
}

#if defined(CUSTOM_LOOP)
static const uint32_t spirv[] =
#include "blend.comp.inc"
    ;
static void decompose(corbel_build *b, const corbel_op *op, corbel_value *out)
{
    *out = corbel_emit1(b, "custom:loop", op->in[0], NULL, 0);
}
static const corbel_kernel kernel = {.struct_size = sizeof(kernel),
                                     .spirv_size = sizeof(spirv),
                                     .name = "loop",
                                     .entry = "main",
                                     .spirv = spirv,
                                     .n_buffers = 3,
                                     .push_size = 8,
                                     .decompose = decompose};
static const corbel_kernel *const kernels[] = {&kernel};
#endif

#if defined(WRONG_KIND) || defined(RESERVED) || defined(NULL_NAME) || defined(NO_EARLIER)
static const corbel_field bad_fields[] = {
#if defined(WRONG_KIND)
    {"size", NULL, 77, 0, "size"},
#elif defined(RESERVED)
    {"size", NULL, CORBEL_KIND_i64, 1, "size"},
#elif defined(NULL_NAME)
    {"size", NULL, CORBEL_KIND_i64, 0, NULL},
#else
    {"size", "$later", CORBEL_KIND_i64, 0, "size"},
#endif
};
static const corbel_arch arch = {.struct_size = sizeof(corbel_arch),
                                 .n_fields = 1,
                                 .name = "Fixture",
                                 .model_type = "fixture",
                                 .task = "",
                                 .prefix = "model",
                                 .fields = bad_fields,
                                 .create = (corbel_create_fn)create_Fixture,
                                 .forward = forward_Fixture};
#elif defined(LONGER_ARCH)
static const struct {
    corbel_arch arch;
    uint64_t tail[4];
} longer = {{sizeof(longer), CORBEL_COUNT(create_Fixture_fields), "Fixture", "fixture", "", "model",
             create_Fixture_fields, (corbel_create_fn)create_Fixture, forward_Fixture},
            {1, 2, 3, 4}};
#define arch longer.arch
#elif defined(SHORT_ARCH)
static const corbel_arch arch = {.struct_size = sizeof(corbel_arch) - 8, .name = "Fixture"};
#elif defined(OUTSIDE)
static const corbel_arch arch = {.struct_size = sizeof(corbel_arch), .name = (const char *)0x1000};
#elif defined(DATA_AS_CODE)
static const corbel_arch arch = {.struct_size = sizeof(corbel_arch),
                                 .n_fields = 0,
                                 .name = "Fixture",
                                 .model_type = "fixture",
                                 .task = "",
                                 .prefix = "model",
                                 .create = (corbel_create_fn)(uintptr_t)create_Fixture_fields,
                                 .forward = forward_Fixture};
#else
static const corbel_arch arch = CORBEL_CLASS(Fixture, "fixture", "", "model");
#endif
#if defined(MISALIGNED)
static const corbel_arch *const archs[] = {(const corbel_arch *)((const char *)&arch + 1)};
#elif defined(TWO_OF_ONE_NAME)
static const corbel_arch *const archs[] = {&arch, &arch};
#else
static const corbel_arch *const archs[] = {&arch};
#endif

#if defined(LONGER)
/* As a plugin of a later ABI looks to us. */
typedef struct later_plugin {
    corbel_plugin plugin;
    const char *more[3];
} later_plugin;
extern CORBEL_EXPORT const later_plugin corbel_plugin_v1;
CORBEL_EXPORT const later_plugin corbel_plugin_v1 = {
    {sizeof(later_plugin), 9, 0, "test/fixture", "1.0.0", archs, NULL, 1, 0}, {"a", "b", "c"}};
#elif defined(SHORT)
extern CORBEL_EXPORT const uint64_t corbel_plugin_v1[2];
CORBEL_EXPORT const uint64_t corbel_plugin_v1[2] = {16};
#elif defined(MISSING)
extern CORBEL_EXPORT const corbel_plugin corbel_plugin_v7;
CORBEL_EXPORT const corbel_plugin corbel_plugin_v7 = {.struct_size = sizeof(corbel_plugin),
                                                      .archs = archs};
#else
extern CORBEL_EXPORT const corbel_plugin corbel_plugin_v1;
CORBEL_EXPORT const corbel_plugin corbel_plugin_v1 = {
    .struct_size = sizeof(corbel_plugin) - SHRINK,
    .minor_built = NEEDED,
    .minor_needed = NEEDED,
    .id = "test/fixture",
    .version = "1.0.0",
    .archs = archs,
#if defined(NO_ARCHS)
    .n_archs = 0,
#else
    .n_archs = CORBEL_COUNT(archs),
#endif
#if defined(CUSTOM_LOOP)
    .kernels = kernels,
    .n_kernels = 1,
#endif
};
#endif
