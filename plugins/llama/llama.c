/* llama.c: the Llama family, after transformers' models/llama/modeling_llama.py.
 *
 * One folder serves one model_type; variants are values of config.json. The constructors declare
 * the parameters under the names that checkpoints have; the forwards emit what modeling_llama.py
 * computes, class by class. Shapes: B sequences of S tokens. */
#include "corbel/layers.h"

struct layer {
    corbel_self_attention self_attn;
    corbel_gated_mlp mlp;
    corbel_value input_layernorm, post_attention_layernorm;
};

struct llama {
    int64_t head_dim, n_layers, hidden_act, pad_token_id;
    double eps;
    const corbel_rope *rope;
    const char *module; /* which the trunk is in the classes with a head; NULL: LlamaModel */
    corbel_value embed_tokens, norm;
    struct layer *layers;
    corbel_linear head; /* lm_head, score or qa_outputs */
};

/* ---- LlamaConfig ----------------------------------------------------------------------------- */

/* clang-format off */
#define CONFIG(F)                                                                                  \
    F(i64,  vocab_size,              "vocab_size",              NULL)                              \
    F(i64,  hidden_size,             "hidden_size",             NULL)                              \
    F(i64,  intermediate_size,       "intermediate_size",       NULL)                              \
    F(i64,  num_hidden_layers,       "num_hidden_layers",       NULL)                              \
    F(i64,  num_attention_heads,     "num_attention_heads",     NULL)                              \
    F(i64,  num_key_value_heads,     "num_key_value_heads",     "$num_attention_heads")            \
    F(i64,  head_dim,                "head_dim",                CORBEL_ABSENT_JSON)                \
    F(str,  hidden_act,              "hidden_act",              "\"silu\"")                        \
    F(f64,  rms_norm_eps,            "rms_norm_eps",            "1e-6")                            \
    F(rope, rope,                    "",                        "10000.0")                         \
    F(flag, attention_bias,          "attention_bias",          "false")                           \
    F(flag, mlp_bias,                "mlp_bias",                "false")                           \
    F(flag, tie_word_embeddings,     "tie_word_embeddings",     "false")                           \
    F(i64,  pad_token_id,            "pad_token_id",            CORBEL_ABSENT_JSON)                \
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
    corbel_check_eps(b, "rms_norm_eps", c->rms_norm_eps);
    corbel_check_token(b, "pad_token_id", c->pad_token_id);
    corbel_check_size(b, "num_labels", c->num_labels);
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* LlamaDecoderLayer.__init__ */
static struct layer create_layer(corbel_build *b, const struct config *c, int64_t head_dim)
{
    struct layer l;

    corbel_enter(b, "self_attn");
    l.self_attn = corbel_param_self_attention(b, c->hidden_size, c->num_attention_heads,
                                              c->num_key_value_heads, head_dim, c->attention_bias);
    corbel_leave(b);
    l.mlp = corbel_param_gated_mlp(b, c->hidden_size, c->intermediate_size, c->mlp_bias);
    l.input_layernorm = corbel_param_weight_1d(b, "input_layernorm", c->hidden_size);
    l.post_attention_layernorm =
        corbel_param_weight_1d(b, "post_attention_layernorm", c->hidden_size);
    return l;
}

/* LlamaModel.__init__; NULL: the build has failed. */
static struct llama *create(corbel_build *b, const struct config *c, const char *module)
{
    struct llama *m = corbel_alloc(b, sizeof(*m));

    check_config(b, c);
    int64_t head_dim =
        corbel_rotary_head_dim(b, c->head_dim, c->hidden_size, c->num_attention_heads);
    struct layer *layers = corbel_alloc_array(b, c->num_hidden_layers, sizeof(*layers));
    if (!m || !layers)
        return NULL;
    *m = (struct llama){
        .head_dim = head_dim,
        .n_layers = c->num_hidden_layers,
        .hidden_act = corbel_activation_of(b, "hidden_act", c->hidden_act),
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
    m->norm = corbel_param_weight_1d(b, "norm", c->hidden_size);
    corbel_leave_trunk(b, module);
    return m;
}

/* ---- LlamaModel.forward ---------------------------------------------------------------------- */

/* LlamaDecoderLayer.forward: x [B,S,hidden] -> [B,S,hidden] */
static corbel_value decoder_layer(corbel_build *b, const struct llama *m, const struct layer *l,
                                  corbel_value x, corbel_value rope, corbel_value mask)
{
    const corbel_attention causal = {.causal = 1};
    corbel_value h = op_rms_norm(b, x, l->input_layernorm, m->eps);

    corbel_enter(b, "self_attn");
    h = corbel_attend_to_self(b, h, &l->self_attn, rope, mask, causal);
    corbel_leave(b);
    x = op_add(b, x, h);

    h = op_rms_norm(b, x, l->post_attention_layernorm, m->eps);
    return op_add(b, x, corbel_gated_mlp_of(b, h, &l->mlp, m->hidden_act));
}

/* LlamaModel.forward: the last hidden state [B,S,hidden]. As in transformers, hidden_states.0 is
 * what goes into the first layer and the last of them is what comes out of the final norm. */
static corbel_value model(corbel_build *b, const struct llama *m)
{
    corbel_value mask = corbel_input(b, "attention_mask"), x, rope;

    corbel_enter_trunk(b, m->module);
    x = op_embedding(b, m->embed_tokens, corbel_input(b, "input_ids"));
    rope = op_rope_table(b, corbel_input(b, "position_ids"), m->rope, m->head_dim);
    for (int64_t i = 0; i < m->n_layers; i++) {
        corbel_output_index(b, "hidden_states", i, x);
        corbel_enter_index(b, "layers", i);
        x = decoder_layer(b, m, &m->layers[i], x, rope, mask);
        corbel_leave(b);
    }
    x = op_rms_norm(b, x, m->norm, m->eps);
    corbel_output_index(b, "hidden_states", m->n_layers, x);
    corbel_leave_trunk(b, m->module);
    return x;
}

/* ---- the classes ----------------------------------------------------------------------------- */

CORBEL_BASE_MODEL(LlamaModel, CONFIG, struct llama)
CORBEL_CAUSAL_LM(LlamaForCausalLM, CONFIG, struct llama)
CORBEL_SEQUENCE_CLASSIFIER(LlamaForSequenceClassification, CONFIG, struct llama)
CORBEL_TOKEN_CLASSIFIER(LlamaForTokenClassification, CONFIG, struct llama)
/* Its trunk is called "transformer", for old checkpoints. */
CORBEL_QUESTION_ANSWERER(LlamaForQuestionAnswering, CONFIG, struct llama, "transformer")

/* clang-format off */
static const corbel_arch archs[] = {
    CORBEL_CLASS(LlamaModel,                     "llama", "",                        "model"),
    CORBEL_CLASS(LlamaForCausalLM,               "llama", "text-generation",         "model"),
    CORBEL_CLASS(LlamaForSequenceClassification, "llama", "text-classification",     "model"),
    CORBEL_CLASS(LlamaForTokenClassification,    "llama", "token-classification",    "model"),
    CORBEL_CLASS(LlamaForQuestionAnswering,      "llama", "question-answering",      "transformer"),
};
/* clang-format on */
static const corbel_arch *const arch_list[] = {&archs[0], &archs[1], &archs[2], &archs[3],
                                               &archs[4]};

CORBEL_PLUGIN("corbel/llama", "1.0.0", arch_list);
