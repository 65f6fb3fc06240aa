/* plugin.c: a plugin with kernels: a custom operation, one within another, and an override of a
 * standard operation. What its config says may go wrong does. */
#include "corbel/plugin.h"

static const uint32_t blend_code[] =
#include "blend.comp.inc"
    ;
static const uint32_t rms_norm_code[] =
#include "rms_norm.comp.inc"
    ;

static const uint32_t reach_code[] =
#include "reach.comp.inc"
    ;
static const uint32_t hang_code[] =
#include "hang.comp.inc"
    ;

/* ---- kernels -------------------------------------------------------------------------------- */

/* a, b [...] -> [...]; attribute t */
static void decompose_blend(corbel_build *b, const corbel_op *op, corbel_value *out)
{
    double t = op->attrs[0].f;

    *out = op_add(b, op_affine(b, op->in[0], 1.0 - t, 0.0), op_affine(b, op->in[1], t, 0.0));
}

static void launch_blend(corbel_build *b, const corbel_op *op, corbel_value out, corbel_launch *l)
{
    (void)out;
    corbel_push_int(b, l, l->n_elements);
    corbel_push_float(b, l, op->attrs[0].f);
    corbel_launch_flat(l, 64);
}

/* rms_norm(x, w) with eps as its first attribute; the shader knows no weight_offset. */
static void launch_rms_norm(corbel_build *b, const corbel_op *op, corbel_value out,
                            corbel_launch *l)
{
    int64_t cols = corbel_dim(b, out, -1);
    int64_t rows = cols ? l->n_elements / cols : 0;

    if (op->n_attrs > 1 && op->attrs[1].f != 0.0)
        return;
    corbel_push_int(b, l, rows);
    corbel_push_int(b, l, cols);
    corbel_push_float(b, l, op->attrs[0].f);
    corbel_launch_groups(l, rows);
}

/* A kernel that says something wrong about itself, as the config asks for: by its name. */
static void launch_wrong(corbel_build *b, const corbel_op *op, corbel_value out, corbel_launch *l)
{
    int64_t what = op->attrs[1].i;

    (void)out;
    corbel_push_int(b, l, l->n_elements);
    corbel_push_float(b, l, op->attrs[0].f);
    corbel_launch_flat(l, 64);
    if (what == 1)
        l->grid[1] = (int64_t)1 << 32;
    else if (what == 2)
        l->grid[2] = 0;
    else if (what == 3)
        l->n_push = 33;
    else if (what == 4)
        corbel_push_int(b, l, 1);
    else if (what == 5)
        l->push[0].kind = 7;
    else if (what == 6)
        op_add(b, op->in[0], op->in[1]);
    else if (what == 7)
        corbel_fail(b, "not today");
    else if (what == 8)
        l->grid[0] = l->grid[1] = l->grid[2] = 0; /* declines */
}

static void decompose_wrong(corbel_build *b, const corbel_op *op, corbel_value *out)
{
    decompose_blend(b, op, out);
    if (op->attrs[1].i == 9)
        *out = op->in[0];
    if (op->attrs[1].i == 10)
        corbel_output(b, "inner", op_affine(b, op->in[0], 2.0, 0.0));
    if (op->attrs[1].i == 11) {
        int64_t one = 1;

        op_assign(b, corbel_state(b, "s", &one, 1), corbel_constant(b, CORBEL_F32, &one, 1, &one));
    }
}

/* x [...] -> 4 everywhere */
static void decompose_reach(corbel_build *b, const corbel_op *op, corbel_value *out)
{
    *out = op_affine(b, op->in[0], 0.0, 4.0);
}

static void launch_reach(corbel_build *b, const corbel_op *op, corbel_value out, corbel_launch *l)
{
    (void)op;
    (void)out;
    corbel_push_int(b, l, l->n_elements);
    corbel_push_int(b, l, 100000000);
    corbel_launch_flat(l, 64);
}

static void launch_hang(corbel_build *b, const corbel_op *op, corbel_value out, corbel_launch *l)
{
    (void)b;
    (void)op;
    (void)out;
    corbel_launch_groups(l, 1);
}

/* twice: blend of a and blend(a, b) */
static void decompose_twice(corbel_build *b, const corbel_op *op, corbel_value *out)
{
    corbel_value in[2];

    in[0] = op->in[0];
    in[1] = corbel_emit(b, "custom:blend", op->in, 2, op->attrs, 1);
    *out = corbel_emit(b, "custom:blend", in, 2, op->attrs, 1);
}

static const corbel_kernel blend =
    CORBEL_KERNEL("blend", blend_code, 3, 8, decompose_blend, launch_blend, 1e-5);
static const corbel_kernel wrong =
    CORBEL_KERNEL("wrong", blend_code, 3, 8, decompose_wrong, launch_wrong, 1e-5);
static const corbel_kernel twice = /* no launch: always decomposed */
    CORBEL_KERNEL("twice", blend_code, 3, 8, decompose_twice, NULL, 1e-5);
static const corbel_kernel rms_norm =
    CORBEL_OVERRIDE("rms_norm", rms_norm_code, 3, 12, launch_rms_norm, 1e-5);
static const corbel_kernel reach =
    CORBEL_KERNEL("reach", reach_code, 2, 8, decompose_reach, launch_reach, 1e-5);
static const corbel_kernel hang =
    CORBEL_KERNEL("hang", hang_code, 2, 0, decompose_reach, launch_hang, 1e-5);
static const corbel_kernel *const kernels[] = {&blend, &wrong, &twice, &rms_norm, &reach, &hang};

/* ---- the architecture ----------------------------------------------------------------------- */

#define CONFIG(F)               \
    F(i64, size, "size", "96")  \
    F(f64, t, "t", "0.25")      \
    F(i64, wrong, "wrong", "0") \
    F(f64, offset, "offset", "0.0")

struct model {
    corbel_value weight, other;
    double t, offset;
    int64_t wrong;
};

CORBEL_CONSTRUCTOR(create_Kernels, CONFIG);
static void *create_Kernels(corbel_build *b CONFIG(CORBEL_ARG))
{
    struct model *m = (struct model *)corbel_alloc(b, sizeof(*m));

    if (!m)
        return NULL;
    m->weight = corbel_param_1d(b, "weight", size);
    m->other = corbel_param_1d(b, "other", size);
    m->t = t;
    m->offset = offset;
    m->wrong = wrong;
    return m;
}

/* x [rows, size] -> y = rms_norm(x), z = blend(x, y), twice(y, z) and other's blend with itself */
static void forward_Kernels(corbel_build *b, const void *self)
{
    const struct model *m = (const struct model *)self;
    corbel_value x = corbel_input(b, "x"), y, pair[2];
    corbel_attr attrs[2];

    if (m->wrong >= 100) {
        corbel_output(
            b, "last_hidden_state",
            corbel_emit1(b, m->wrong == 100 ? "custom:reach" : "custom:hang", x, NULL, 0));
        return;
    }
    attrs[0] = corbel_attr_float("t", m->t);
    attrs[1] = corbel_attr_int("wrong", m->wrong);
    y = op_rms_norm_offset(b, x, m->weight, 1e-6, m->offset);
    pair[0] = x;
    pair[1] = y;
    x = corbel_emit(b, m->wrong ? "custom:wrong" : "custom:blend", pair, 2, attrs,
                    m->wrong ? 2 : 1);
    pair[0] = m->other;
    pair[1] = m->weight;
    pair[1] = corbel_emit(b, "custom:blend", pair, 2, attrs, 1);
    pair[0] = op_mul(b, x, pair[1]);
    pair[1] = y;
    x = corbel_emit(b, "custom:twice", pair, 2, attrs, 1);
    corbel_output(b, "last_hidden_state", x);
}

static const corbel_arch arch = CORBEL_CLASS(Kernels, "kernels", "", "");
static const corbel_arch *const archs[] = {&arch};
CORBEL_PLUGIN_WITH_KERNELS("test/kernels", "1.0.0", archs, kernels);
