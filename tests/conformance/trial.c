/* trial.c: a small decoder that is right, and with FAULT one that is not: `corbel plugin test` must
 * say of each what is wrong with it (test_conformance.c). */
#include "corbel/plugin.h"

#define SOUND        0
#define DIVIDES      1 /* by a size that may be 0 */
#define MIXES_ROWS   2 /* of the batch */
#define LOSES_PAST   3 /* counts the tokens of the step, not of the sequence */
#define MAKES_NAN    4
#define LOSES_ROWS   5 /* an output that has no rows of the batch */
#define HALF         6 /* forward refuses what the constructor accepted */
#define HANGS        7 /* at one value of a field */
#define IGNORES_MASK 8 /* padding is seen */
#define FORGETS      9 /* in its shader, elements that fill no workgroup */
#ifndef FAULT
#define FAULT SOUND
#endif

/* ---- a shader -------------------------------------------------------------------------------- */

/* clang-format off */
static const uint32_t double_spirv[] =
#if FAULT == FORGETS
#include "double_forgets.comp.inc"
#else
#include "double.comp.inc"
#endif
;
/* clang-format on */

static void decompose_double(corbel_build *b, const corbel_op *op, corbel_value *out)
{
    *out = op_affine(b, op->in[0], 2.0, 0.0);
}

static void launch_double(corbel_build *b, const corbel_op *op, corbel_value out,
                          corbel_launch *launch)
{
    (void)op;
    (void)out;
    corbel_push_int(b, launch, launch->n_elements);
    corbel_launch_flat(launch, 64);
}

static const corbel_kernel double_kernel =
    CORBEL_KERNEL("double", double_spirv, 2, 4, decompose_double, launch_double, 1e-6);
static const corbel_kernel *const kernels[] = {&double_kernel};

/* ---- the class ------------------------------------------------------------------------------- */

struct model {
    int64_t n_heads, head_dim;
    const corbel_rope *rope;
    corbel_value embed_tokens, norm;
    corbel_linear head;
};

#define CONFIG(F)                                                \
    F(i64, vocab_size, "vocab_size", NULL)                       \
    F(i64, hidden_size, "hidden_size", NULL)                     \
    F(i64, num_heads, "num_attention_heads|n_head", NULL)        \
    F(f64, eps, "rms_norm_eps", "1e-6")                          \
    F(str, hidden_act, "hidden_act", "\"silu\"")                 \
    F(flag, tie_word_embeddings, "tie_word_embeddings", "false") \
    F(rope, rope, "", "10000.0")

CORBEL_CONSTRUCTOR(create_TrialForCausalLM, CONFIG);
static void *create_TrialForCausalLM(corbel_build *b CONFIG(CORBEL_ARG))
{
    struct model *m = corbel_alloc(b, sizeof(*m));

    if (!m)
        return NULL;
    (void)eps;
    if (FAULT == HANGS)
        for (volatile int64_t i = 0; vocab_size == 65537 && i >= 0;)
            i = 1;
    if (vocab_size < 1 || hidden_size < 1 || (num_heads < 1 && FAULT != DIVIDES))
        return corbel_fail(b, "vocab_size, hidden_size, num_attention_heads: expected positive "
                              "integers");
    if (hidden_size % num_heads != 0 && FAULT != HALF)
        return corbel_fail(b, "num_attention_heads does not divide hidden_size");
    m->n_heads = num_heads;
    m->head_dim = hidden_size / num_heads;
    if (m->head_dim % 2 != 0 && FAULT != HALF)
        return corbel_fail(b, "hidden_size / num_attention_heads: expected an even number");
    m->rope = rope;
    (void)corbel_activation(b, hidden_act);
    m->embed_tokens = corbel_param_weight_2d(b, "embed_tokens", vocab_size, hidden_size);
    m->norm = corbel_param_weight_1d(b, "norm", hidden_size);
    if (tie_word_embeddings)
        m->head.weight = m->embed_tokens;
    else
        m->head = corbel_param_linear(b, "lm_head", vocab_size, hidden_size, 0);
    return m;
}

static corbel_value spoil(corbel_build *b, corbel_value x)
{
    const int64_t tokens = corbel_dim(b, x, 1);

    if (FAULT == MIXES_ROWS)
        x = op_sub(b, x, op_reduce(b, "reduce_mean", x, 0, 1));
    if (FAULT == LOSES_PAST)
        x = op_affine(b, x, 1.0, 0.1 * (double)tokens);
    if (FAULT == MAKES_NAN)
        x = op_activation(b, op_affine(b, x, 1.0, -3.0), CORBEL_FN_LOG);
    return x;
}

static void forward_TrialForCausalLM(corbel_build *b, const void *self)
{
    const struct model *m = self;
    corbel_value mask = corbel_input(b, "attention_mask"), x, rope, h, q;
    int64_t batch, tokens, keep = corbel_option(b, "logits_to_keep", 0);

    if (FAULT == IGNORES_MASK)
        mask.id = 0;
    x = op_embedding(b, m->embed_tokens, corbel_input(b, "input_ids"));
    batch = corbel_dim(b, x, 0);
    tokens = corbel_dim(b, x, 1);
    x = corbel_emit1(b, "custom:double", spoil(b, x), NULL, 0);
    rope = op_rope_table(b, corbel_input(b, "position_ids"), m->rope, m->head_dim);
    h = op_rms_norm(b, x, m->norm, 1e-6);
    q = op_reshape4(b, h, batch, tokens, m->n_heads, m->head_dim);
    h = op_attention(b, op_rope(b, q, rope), op_rope(b, q, rope), q, mask,
                     (corbel_attention){.causal = FAULT != IGNORES_MASK});
    x = op_add(b, x, op_reshape3(b, h, batch, tokens, m->n_heads * m->head_dim));
    if (FAULT == LOSES_ROWS)
        x = op_reduce(b, "reduce_sum", x, 0, 0);
    else if (keep > 0 && keep < tokens)
        x = op_slice(b, x, 1, -keep, INT64_MAX);
    corbel_output(b, "logits", op_linear(b, x, m->head));
}

static const corbel_arch arch = CORBEL_CLASS(TrialForCausalLM, "trial", "text-generation", "");
static const corbel_arch *const archs[] = {&arch};

CORBEL_PLUGIN_WITH_KERNELS("tests/trial", "1.0.0", archs, kernels);
