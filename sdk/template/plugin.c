/* @NAME@.c: the architecture @ARCHITECTURE@.
 *
 * A place to begin: a small decoder with rotary attention and a gated MLP, whose gate is a shader of
 * this plugin's own. The constructor declares the parameters under the names that the checkpoint
 * has; forward emits what the model computes. Neither ever touches a number: the result is a
 * program, which the host checks and runs. Shapes: B sequences of S tokens, heads of D. */
#include "corbel/plugin.h"

struct layer {
    corbel_linear q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj;
    corbel_value input_layernorm, post_attention_layernorm;
};

struct model {
    int64_t n_layers, n_heads, n_kv_heads, head_dim;
    double eps;
    const corbel_rope *rope;
    corbel_value embed_tokens, norm;
    corbel_linear head;
    struct layer *layers;
};

/* ---- config.json ---------------------------------------------------------------------------- */

/* Kind, parameter of the constructor, key (or several: "a|b"), and what it is when the key is
 * missing (NULL: that is an error). */
#define CONFIG(F)                                                                                  \
    F(i64,  vocab_size,              "vocab_size",              NULL)                              \
    F(i64,  hidden_size,             "hidden_size",             NULL)                              \
    F(i64,  intermediate_size,       "intermediate_size",       NULL)                              \
    F(i64,  num_hidden_layers,       "num_hidden_layers",       NULL)                              \
    F(i64,  num_attention_heads,     "num_attention_heads",     NULL)                              \
    F(i64,  num_key_value_heads,     "num_key_value_heads",     "$num_attention_heads")            \
    F(f64,  rms_norm_eps,            "rms_norm_eps",            "1e-6")                            \
    F(rope, rope,                    "",                        "10000.0")                         \
    F(flag, tie_word_embeddings,     "tie_word_embeddings",     "false")

static void declare_layer(corbel_build *b, struct layer *l, int64_t hidden, int64_t intermediate,
                          int64_t q_size, int64_t kv_size)
{
    l->input_layernorm = corbel_param_weight_1d(b, "input_layernorm", hidden);
    l->post_attention_layernorm = corbel_param_weight_1d(b, "post_attention_layernorm", hidden);
    corbel_enter(b, "self_attn");
    l->q_proj = corbel_param_linear(b, "q_proj", q_size, hidden, 0);
    l->k_proj = corbel_param_linear(b, "k_proj", kv_size, hidden, 0);
    l->v_proj = corbel_param_linear(b, "v_proj", kv_size, hidden, 0);
    l->o_proj = corbel_param_linear(b, "o_proj", hidden, q_size, 0);
    corbel_leave(b);
    corbel_enter(b, "mlp");
    l->gate_proj = corbel_param_linear(b, "gate_proj", intermediate, hidden, 0);
    l->up_proj = corbel_param_linear(b, "up_proj", intermediate, hidden, 0);
    l->down_proj = corbel_param_linear(b, "down_proj", hidden, intermediate, 0);
    corbel_leave(b);
}

CORBEL_CONSTRUCTOR(create_@ARCHITECTURE@, CONFIG);
static void *create_@ARCHITECTURE@(corbel_build *b CONFIG(CORBEL_ARG))
{
    struct model *m = corbel_alloc(b, sizeof(*m));

    if (!m)
        return NULL;
    if (vocab_size < 1 || hidden_size < 1 || intermediate_size < 1)
        return corbel_fail(b, "vocab_size, hidden_size and intermediate_size: expected positive "
                              "integers");
    if (num_hidden_layers < 1 || num_attention_heads < 1 || num_key_value_heads < 1)
        return corbel_fail(b, "num_hidden_layers and the numbers of heads: expected positive "
                              "integers");
    if (hidden_size % num_attention_heads != 0 || num_attention_heads % num_key_value_heads != 0)
        return corbel_fail(b, "hidden_size, num_attention_heads and num_key_value_heads don't "
                              "divide each other");
    if (hidden_size / num_attention_heads % 2 != 0)
        return corbel_fail(b, "hidden_size / num_attention_heads: expected an even number, for "
                              "rotary embeddings");
    m->n_layers = num_hidden_layers;
    m->n_heads = num_attention_heads;
    m->n_kv_heads = num_key_value_heads;
    m->head_dim = hidden_size / num_attention_heads;
    m->eps = rms_norm_eps;
    m->rope = rope;
    m->layers = corbel_alloc_array(b, m->n_layers, sizeof(*m->layers));
    if (!m->layers)
        return NULL;

    corbel_enter(b, "model");
    m->embed_tokens = corbel_param_weight_2d(b, "embed_tokens", vocab_size, hidden_size);
    for (int64_t i = 0; i < m->n_layers; i++) {
        corbel_enter_index(b, "layers", i);
        declare_layer(b, &m->layers[i], hidden_size, intermediate_size, hidden_size,
                      corbel_mul(b, m->n_kv_heads, m->head_dim));
        corbel_leave(b);
    }
    m->norm = corbel_param_weight_1d(b, "norm", hidden_size);
    corbel_leave(b);
    if (tie_word_embeddings)
        m->head.weight = m->embed_tokens;
    else
        m->head = corbel_param_linear(b, "lm_head", vocab_size, hidden_size, 0);
    return m;
}

/* ---- a kernel ------------------------------------------------------------------------------- */

static const uint32_t gated_code[] =
#include "gated.comp.inc"
    ;

/* What gated.comp computes, in standard operations. The runtime takes shapes from here, computes
 * this on the CPU, and `corbel plugin test` compares the shader with it. */
static void decompose_gated(corbel_build *b, const corbel_op *op, corbel_value *out)
{
    *out = op_mul(b, op_activation(b, op->in[0], CORBEL_FN_SILU), op->in[1]);
}

/* How many workgroups, and the words of its push constants. */
static void launch_gated(corbel_build *b, const corbel_op *op, corbel_value out, corbel_launch *l)
{
    (void)op;
    (void)out;
    if (l->n_elements > INT32_MAX)
        return; /* the shader counts in 32 bits: let the decomposition do it */
    corbel_push_int(b, l, l->n_elements);
    corbel_launch_flat(l, 64);
}

static const corbel_kernel gated =
    CORBEL_KERNEL("gated", gated_code, 3, 4, decompose_gated, launch_gated, 1e-5);

/* ---- forward -------------------------------------------------------------------------------- */

/* x [B,S,hidden] -> [B,S,hidden] */
static corbel_value attention(corbel_build *b, const struct model *m, const struct layer *l,
                              corbel_value x, corbel_value rope, corbel_value mask)
{
    int64_t batch = corbel_dim(b, x, 0), tokens = corbel_dim(b, x, 1);
    corbel_value q, k, v;

    corbel_enter(b, "self_attn");
    q = op_reshape4(b, op_linear(b, x, l->q_proj), batch, tokens, m->n_heads, m->head_dim);
    k = op_reshape4(b, op_linear(b, x, l->k_proj), batch, tokens, m->n_kv_heads, m->head_dim);
    v = op_reshape4(b, op_linear(b, x, l->v_proj), batch, tokens, m->n_kv_heads, m->head_dim);
    x = op_attention(b, op_rope(b, q, rope), op_rope(b, k, rope), v, mask,
                     (corbel_attention){.causal = 1});
    x = op_linear(b, op_reshape3(b, x, batch, tokens, m->n_heads * m->head_dim), l->o_proj);
    corbel_leave(b);
    return x;
}

static corbel_value mlp(corbel_build *b, const struct layer *l, corbel_value x)
{
    corbel_value in[2];

    corbel_enter(b, "mlp");
    in[0] = op_linear(b, x, l->gate_proj);
    in[1] = op_linear(b, x, l->up_proj);
    x = op_linear(b, corbel_emit(b, "custom:gated", in, 2, NULL, 0), l->down_proj);
    corbel_leave(b);
    return x;
}

static void forward_@ARCHITECTURE@(corbel_build *b, const void *self)
{
    const struct model *m = self;
    corbel_value mask = corbel_input(b, "attention_mask"), x, h, rope;
    int64_t keep = corbel_option(b, "logits_to_keep", 0);

    corbel_enter(b, "model");
    x = op_embedding(b, m->embed_tokens, corbel_input(b, "input_ids"));
    rope = op_rope_table(b, corbel_input(b, "position_ids"), m->rope, m->head_dim);
    for (int64_t i = 0; i < m->n_layers; i++) {
        const struct layer *l = &m->layers[i];

        corbel_output_index(b, "hidden_states", i, x);
        corbel_enter_index(b, "layers", i);
        h = op_rms_norm(b, x, l->input_layernorm, m->eps);
        x = op_add(b, x, attention(b, m, l, h, rope, mask));
        h = op_rms_norm(b, x, l->post_attention_layernorm, m->eps);
        x = op_add(b, x, mlp(b, l, h));
        corbel_leave(b);
    }
    x = op_rms_norm(b, x, m->norm, m->eps);
    corbel_output_index(b, "hidden_states", m->n_layers, x);
    corbel_leave(b);

    /* While generating only the last token's logits are asked for. */
    if (keep > 0 && keep < corbel_dim(b, x, 1))
        x = op_slice(b, x, 1, -keep, INT64_MAX);
    corbel_output(b, "logits", op_linear(b, x, m->head));
}

/* ---- the plugin ----------------------------------------------------------------------------- */

static const corbel_arch arch =
    CORBEL_CLASS(@ARCHITECTURE@, "@MODEL_TYPE@", "@TASK@", "model");
static const corbel_arch *const archs[] = {&arch};
static const corbel_kernel *const kernels[] = {&gated};

CORBEL_PLUGIN_WITH_KERNELS("@PLUGIN@", "0.1.0", archs, kernels);
