/* gemma2.c: Gemma 2, after transformers' models/gemma2/modeling_gemma2.py.
 *
 * Gemma with norms on both sides of attention and MLP, soft caps on scores and logits, and layers
 * that see a window in turn with layers that see everything. Shapes: B sequences of S tokens. */
#include <math.h>

#include "corbel/layers.h"

struct layer {
    corbel_self_attention self_attn;
    corbel_gated_mlp mlp;
    corbel_value input_layernorm, post_attention_layernorm;
    corbel_value pre_feedforward_layernorm, post_feedforward_layernorm;
    corbel_attention how; /* it attends */
};

struct gemma2 {
    int64_t head_dim, n_layers, hidden_activation, pad_token_id;
    double eps, embed_scale, final_logit_softcapping;
    const corbel_rope *rope;
    const char *module; /* which the trunk is in the classes with a head; NULL: Gemma2Model */
    corbel_value embed_tokens, norm;
    struct layer *layers;
    corbel_linear head; /* lm_head or score */
};

/* ---- Gemma2Config ---------------------------------------------------------------------------- */

/* clang-format off */
#define CONFIG(F)                                                                                  \
    F(i64,  vocab_size,              "vocab_size",              NULL)                              \
    F(i64,  hidden_size,             "hidden_size",             NULL)                              \
    F(i64,  intermediate_size,       "intermediate_size",       NULL)                              \
    F(i64,  num_hidden_layers,       "num_hidden_layers",       NULL)                              \
    F(i64,  num_attention_heads,     "num_attention_heads",     NULL)                              \
    F(i64,  num_key_value_heads,     "num_key_value_heads",     "4")                               \
    F(i64,  head_dim,                "head_dim",                "256")                             \
    F(str,  hidden_activation,       "hidden_activation",       "\"gelu_pytorch_tanh\"")           \
    F(f64,  rms_norm_eps,            "rms_norm_eps",            "1e-6")                            \
    F(rope, rope,                    "",                        "10000.0")                         \
    F(flag, attention_bias,          "attention_bias",          "false")                           \
    F(f64,  query_pre_attn_scalar,   "query_pre_attn_scalar",   "256")                             \
    F(f64,  attn_logit_softcapping,  "attn_logit_softcapping",  "50.0|" CORBEL_ABSENT_JSON)        \
    F(f64,  final_logit_softcapping, "final_logit_softcapping", "30.0|" CORBEL_ABSENT_JSON)        \
    F(i64,  sliding_window,          "sliding_window",          "4096|" CORBEL_ABSENT_JSON)        \
    F(strs, layer_types,             "layer_types",             "null")                            \
    F(flag, tie_word_embeddings,     "tie_word_embeddings",     "true")                            \
    F(flag, bidirectional,           "use_bidirectional_attention", "false")                       \
    F(i64,  pad_token_id,            "pad_token_id",            "0|" CORBEL_ABSENT_JSON)           \
    F(i64,  num_labels,              "#id2label|num_labels",    "2")
/* clang-format on */

struct config {
    CONFIG(CORBEL_MEMBER)
};

static void check_softcap(corbel_build *b, const char *key, double cap)
{
    corbel_check(b, cap > 0.0 || cap == CORBEL_ABSENT, key, "a positive number or null");
}

/* layer_types of `n` layers: sliding_attention or full_attention each. */
static void check_layer_types(corbel_build *b, const corbel_str_list *types, int64_t n)
{
    corbel_check(b, types->n == (uint64_t)n, "layer_types", "one for each of num_hidden_layers");
    for (uint64_t i = 0; i < types->n; i++)
        corbel_check(b,
                     strcmp(types->items[i], "sliding_attention") == 0 ||
                         strcmp(types->items[i], "full_attention") == 0,
                     "layer_types", "sliding_attention or full_attention");
}

static void check_config(corbel_build *b, const struct config *c)
{
    corbel_check_size(b, "vocab_size", c->vocab_size);
    corbel_check_size(b, "hidden_size", c->hidden_size);
    corbel_check_size(b, "intermediate_size", c->intermediate_size);
    corbel_check_layers(b, "num_hidden_layers", c->num_hidden_layers);
    corbel_check_multiple(b, "num_attention_heads", c->num_attention_heads, "num_key_value_heads",
                          c->num_key_value_heads);
    corbel_check(b, !c->bidirectional, "use_bidirectional_attention",
                 "false or null: attention is causal");
    corbel_check(b, c->query_pre_attn_scalar > 0.0, "query_pre_attn_scalar", "a positive number");
    check_softcap(b, "attn_logit_softcapping", c->attn_logit_softcapping);
    check_softcap(b, "final_logit_softcapping", c->final_logit_softcapping);
    corbel_check_optional_size(b, "sliding_window", c->sliding_window);
    if (c->layer_types)
        check_layer_types(b, c->layer_types, c->num_hidden_layers);
    corbel_check_eps(b, "rms_norm_eps", c->rms_norm_eps);
    corbel_check_token(b, "pad_token_id", c->pad_token_id);
    corbel_check_size(b, "num_labels", c->num_labels);
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* Without layer_types every other layer slides, the first one included. */
static int slides(const struct config *c, int64_t i)
{
    if (c->sliding_window == CORBEL_ABSENT)
        return 0;
    if (c->layer_types)
        return strcmp(c->layer_types->items[i], "sliding_attention") == 0;
    return i % 2 == 0;
}

/* Gemma2DecoderLayer.__init__ */
static struct layer create_layer(corbel_build *b, const struct config *c, int64_t i)
{
    struct layer l = {
        .how = {.causal = 1,
                .scale = 1.0 / sqrt(c->query_pre_attn_scalar),
                .softcap = c->attn_logit_softcapping > 0.0 ? c->attn_logit_softcapping : 0.0,
                .window = slides(c, i) ? c->sliding_window : 0}};

    corbel_enter(b, "self_attn");
    l.self_attn =
        corbel_param_self_attention(b, c->hidden_size, c->num_attention_heads,
                                    c->num_key_value_heads, c->head_dim, c->attention_bias);
    corbel_leave(b);
    l.mlp = corbel_param_gated_mlp(b, c->hidden_size, c->intermediate_size, 0);
    l.input_layernorm = corbel_param_norm_offset(b, "input_layernorm", c->hidden_size);
    l.post_attention_layernorm =
        corbel_param_norm_offset(b, "post_attention_layernorm", c->hidden_size);
    l.pre_feedforward_layernorm =
        corbel_param_norm_offset(b, "pre_feedforward_layernorm", c->hidden_size);
    l.post_feedforward_layernorm =
        corbel_param_norm_offset(b, "post_feedforward_layernorm", c->hidden_size);
    return l;
}

/* Gemma2Model.__init__; NULL: the build has failed. */
static struct gemma2 *create(corbel_build *b, const struct config *c, const char *module)
{
    struct gemma2 *m = corbel_alloc(b, sizeof(*m));

    check_config(b, c);
    int64_t head_dim =
        corbel_rotary_head_dim(b, c->head_dim, c->hidden_size, c->num_attention_heads);
    struct layer *layers = corbel_alloc_array(b, c->num_hidden_layers, sizeof(*layers));
    if (!m || !layers)
        return NULL;
    *m = (struct gemma2){
        .head_dim = head_dim,
        .n_layers = c->num_hidden_layers,
        .hidden_activation = corbel_activation_of(b, "hidden_activation", c->hidden_activation),
        .embed_scale = sqrt((double)c->hidden_size),
        .final_logit_softcapping = c->final_logit_softcapping,
        .pad_token_id = c->pad_token_id,
        .eps = c->rms_norm_eps,
        .rope = c->rope,
        .module = module,
        .layers = layers,
    };
    corbel_enter_trunk(b, module);
    m->embed_tokens =
        corbel_param_embedding(b, "embed_tokens", c->vocab_size, c->hidden_size, c->pad_token_id);
    for (int64_t i = 0; i < m->n_layers; i++) {
        corbel_enter_index(b, "layers", i);
        layers[i] = create_layer(b, c, i);
        corbel_leave(b);
    }
    m->norm = corbel_param_norm_offset(b, "norm", c->hidden_size);
    corbel_leave_trunk(b, module);
    return m;
}

/* ---- Gemma2Model.forward --------------------------------------------------------------------- */

/* Gemma2RMSNorm.forward: the checkpoint has weight - 1. */
static corbel_value norm(corbel_build *b, const struct gemma2 *m, corbel_value x,
                         corbel_value weight)
{
    return op_rms_norm_offset(b, x, weight, m->eps, 1.0);
}

/* Gemma2DecoderLayer.forward: x [B,S,hidden] -> [B,S,hidden] */
static corbel_value decoder_layer(corbel_build *b, const struct gemma2 *m, const struct layer *l,
                                  corbel_value x, corbel_value rope, corbel_value mask)
{
    corbel_value h = norm(b, m, x, l->input_layernorm);

    corbel_enter(b, "self_attn");
    h = corbel_attend_to_self(b, h, &l->self_attn, rope, mask, l->how);
    corbel_leave(b);
    x = op_add(b, x, norm(b, m, h, l->post_attention_layernorm));

    h = norm(b, m, x, l->pre_feedforward_layernorm);
    h = corbel_gated_mlp_of(b, h, &l->mlp, m->hidden_activation);
    return op_add(b, x, norm(b, m, h, l->post_feedforward_layernorm));
}

/* Gemma2Model.forward: the last hidden state [B,S,hidden]. As in transformers, hidden_states.0 is
 * what goes into the first layer and the last of them is what comes out of the final norm. */
static corbel_value model(corbel_build *b, const struct gemma2 *m)
{
    corbel_value mask = corbel_input(b, "attention_mask"), x, rope;

    corbel_enter_trunk(b, m->module);
    x = op_embedding(b, m->embed_tokens, corbel_input(b, "input_ids"));
    x = op_affine(b, x, m->embed_scale, 0.0);
    rope = op_rope_table(b, corbel_input(b, "position_ids"), m->rope, m->head_dim);
    for (int64_t i = 0; i < m->n_layers; i++) {
        corbel_output_index(b, "hidden_states", i, x);
        corbel_enter_index(b, "layers", i);
        x = decoder_layer(b, m, &m->layers[i], x, rope, mask);
        corbel_leave(b);
    }
    x = norm(b, m, x, m->norm);
    corbel_output_index(b, "hidden_states", m->n_layers, x);
    corbel_leave_trunk(b, m->module);
    return x;
}

/* ---- the classes ----------------------------------------------------------------------------- */

CORBEL_BASE_MODEL(Gemma2Model, CONFIG, struct gemma2)
CORBEL_SEQUENCE_CLASSIFIER(Gemma2ForSequenceClassification, CONFIG, struct gemma2)
CORBEL_TOKEN_CLASSIFIER(Gemma2ForTokenClassification, CONFIG, struct gemma2)

CORBEL_CREATE_CAUSAL_LM(Gemma2ForCausalLM, CONFIG, struct gemma2)
CORBEL_FORWARD(Gemma2ForCausalLM, struct gemma2)
{
    corbel_value x = corbel_tokens_to_keep(b, model(b, m));
    double cap = m->final_logit_softcapping;

    x = op_linear(b, x, m->head);
    if (cap > 0.0) {
        x = op_activation(b, op_affine(b, x, 1.0 / cap, 0.0), CORBEL_FN_TANH);
        x = op_affine(b, x, cap, 0.0);
    }
    corbel_output(b, "logits", x);
}

/* clang-format off */
static const corbel_arch archs[] = {
    CORBEL_CLASS(Gemma2Model,                     "gemma2", "",                        "model"),
    CORBEL_CLASS(Gemma2ForCausalLM,               "gemma2", "text-generation",         "model"),
    CORBEL_CLASS(Gemma2ForSequenceClassification, "gemma2", "text-classification",     "model"),
    CORBEL_CLASS(Gemma2ForTokenClassification,    "gemma2", "token-classification",    "model"),
};
/* clang-format on */
static const corbel_arch *const arch_list[] = {&archs[0], &archs[1], &archs[2], &archs[3]};

CORBEL_PLUGIN("corbel/gemma2", "1.0.0", arch_list);
