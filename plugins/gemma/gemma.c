/* gemma.c: Gemma, after transformers' models/gemma/modeling_gemma.py.
 *
 * Llama's decoder with scaled embeddings, norms that store weight - 1, and a head size of its own.
 * Shapes: B sequences of S tokens. */
#include <math.h>

#include "corbel/layers.h"

struct layer {
    corbel_self_attention self_attn;
    corbel_gated_mlp mlp;
    corbel_value input_layernorm, post_attention_layernorm;
};

struct gemma {
    int64_t head_dim, n_layers, hidden_act, pad_token_id;
    double eps, embed_scale;
    const corbel_rope *rope;
    const char *module; /* which the trunk is in the classes with a head; NULL: GemmaModel */
    corbel_value embed_tokens, norm;
    struct layer *layers;
    corbel_linear head; /* lm_head or score */
};

/* ---- GemmaConfig ----------------------------------------------------------------------------- */

/* clang-format off */
#define CONFIG(F)                                                                                  \
    F(i64,  vocab_size,              "vocab_size",              NULL)                              \
    F(i64,  hidden_size,             "hidden_size",             NULL)                              \
    F(i64,  intermediate_size,       "intermediate_size",       NULL)                              \
    F(i64,  num_hidden_layers,       "num_hidden_layers",       NULL)                              \
    F(i64,  num_attention_heads,     "num_attention_heads",     NULL)                              \
    F(i64,  num_key_value_heads,     "num_key_value_heads",     "16")                              \
    F(i64,  head_dim,                "head_dim",                "256")                             \
    F(str,  hidden_act,              "hidden_act",              "\"gelu_pytorch_tanh\"")           \
    F(f64,  rms_norm_eps,            "rms_norm_eps",            "1e-6")                            \
    F(rope, rope,                    "",                        "10000.0")                         \
    F(flag, attention_bias,          "attention_bias",          "false")                           \
    F(flag, tie_word_embeddings,     "tie_word_embeddings",     "true")                            \
    F(flag, bidirectional,           "use_bidirectional_attention", "false")                       \
    F(i64,  pad_token_id,            "pad_token_id",            "0|" CORBEL_ABSENT_JSON)           \
    F(i64,  num_labels,              "#id2label|num_labels",    "2")
/* clang-format on */

struct config {
    CONFIG(CORBEL_MEMBER)
};

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
    corbel_check_eps(b, "rms_norm_eps", c->rms_norm_eps);
    corbel_check_token(b, "pad_token_id", c->pad_token_id);
    corbel_check_size(b, "num_labels", c->num_labels);
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* GemmaDecoderLayer.__init__ */
static struct layer create_layer(corbel_build *b, const struct config *c, int64_t head_dim)
{
    struct layer l;

    corbel_enter(b, "self_attn");
    l.self_attn = corbel_param_self_attention(b, c->hidden_size, c->num_attention_heads,
                                              c->num_key_value_heads, head_dim, c->attention_bias);
    corbel_leave(b);
    l.mlp = corbel_param_gated_mlp(b, c->hidden_size, c->intermediate_size, 0);
    l.input_layernorm = corbel_param_norm_offset(b, "input_layernorm", c->hidden_size);
    l.post_attention_layernorm =
        corbel_param_norm_offset(b, "post_attention_layernorm", c->hidden_size);
    return l;
}

/* GemmaModel.__init__; NULL: the build has failed. */
static struct gemma *create(corbel_build *b, const struct config *c, const char *module)
{
    struct gemma *m = corbel_alloc(b, sizeof(*m));
    /* The first releases say "gelu" and mean this. */
    int legacy_act = strcmp(c->hidden_act, "gelu") == 0;

    check_config(b, c);
    int64_t head_dim =
        corbel_rotary_head_dim(b, c->head_dim, c->hidden_size, c->num_attention_heads);
    struct layer *layers = corbel_alloc_array(b, c->num_hidden_layers, sizeof(*layers));
    if (!m || !layers)
        return NULL;
    *m = (struct gemma){
        .head_dim = head_dim,
        .n_layers = c->num_hidden_layers,
        .hidden_act =
            corbel_activation_of(b, "hidden_act", legacy_act ? "gelu_pytorch_tanh" : c->hidden_act),
        .embed_scale = sqrt((double)c->hidden_size),
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
        layers[i] = create_layer(b, c, m->head_dim);
        corbel_leave(b);
    }
    m->norm = corbel_param_norm_offset(b, "norm", c->hidden_size);
    corbel_leave_trunk(b, module);
    return m;
}

/* ---- GemmaModel.forward ---------------------------------------------------------------------- */

/* GemmaRMSNorm.forward: the checkpoint has weight - 1. */
static corbel_value norm(corbel_build *b, const struct gemma *m, corbel_value x,
                         corbel_value weight)
{
    return op_rms_norm_offset(b, x, weight, m->eps, 1.0);
}

/* GemmaDecoderLayer.forward: x [B,S,hidden] -> [B,S,hidden] */
static corbel_value decoder_layer(corbel_build *b, const struct gemma *m, const struct layer *l,
                                  corbel_value x, corbel_value rope, corbel_value mask)
{
    const corbel_attention causal = {.causal = 1};
    corbel_value h = norm(b, m, x, l->input_layernorm);

    corbel_enter(b, "self_attn");
    h = corbel_attend_to_self(b, h, &l->self_attn, rope, mask, causal);
    corbel_leave(b);
    x = op_add(b, x, h);

    h = norm(b, m, x, l->post_attention_layernorm);
    return op_add(b, x, corbel_gated_mlp_of(b, h, &l->mlp, m->hidden_act));
}

/* GemmaModel.forward: the last hidden state [B,S,hidden]. As in transformers, hidden_states.0 is
 * what goes into the first layer and the last of them is what comes out of the final norm. */
static corbel_value model(corbel_build *b, const struct gemma *m)
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

CORBEL_BASE_MODEL(GemmaModel, CONFIG, struct gemma)
CORBEL_CAUSAL_LM(GemmaForCausalLM, CONFIG, struct gemma)
CORBEL_SEQUENCE_CLASSIFIER(GemmaForSequenceClassification, CONFIG, struct gemma)
CORBEL_TOKEN_CLASSIFIER(GemmaForTokenClassification, CONFIG, struct gemma)

/* clang-format off */
static const corbel_arch archs[] = {
    CORBEL_CLASS(GemmaModel,                     "gemma", "",                        "model"),
    CORBEL_CLASS(GemmaForCausalLM,               "gemma", "text-generation",         "model"),
    CORBEL_CLASS(GemmaForSequenceClassification, "gemma", "text-classification",     "model"),
    CORBEL_CLASS(GemmaForTokenClassification,    "gemma", "token-classification",    "model"),
};
/* clang-format on */
static const corbel_arch *const arch_list[] = {&archs[0], &archs[1], &archs[2], &archs[3]};

CORBEL_PLUGIN("corbel/gemma", "1.0.0", arch_list);
