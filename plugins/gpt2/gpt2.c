/* gpt2.c: GPT-2, after transformers' models/gpt2/modeling_gpt2.py.
 *
 * A decoder with learned positions, whose matrices are stored as [in, out] (Conv1D).
 * Cross-attention is not supported. Shapes: B sequences of S tokens. */
#include <math.h>

#include "corbel/layers.h"

struct layer {
    corbel_linear ln_1, c_attn, c_proj, ln_2, mlp_c_fc, mlp_c_proj;
    corbel_self_attention heads; /* their sizes; the projections are c_attn and c_proj */
    corbel_attention how;        /* they attend */
};

struct gpt2 {
    int64_t n_layer, n_embd, activation, pad_token_id;
    double eps;
    const char *module; /* which the trunk is in the classes with a head; NULL: GPT2Model */
    corbel_value wte, wpe;
    struct layer *h;
    corbel_linear ln_f;
    corbel_linear head; /* lm_head, score, classifier, qa_outputs */
};

/* ---- GPT2Config ------------------------------------------------------------------------------ */

/* clang-format off */
#define CONFIG(F)                                                                                  \
    F(i64,  vocab_size,          "vocab_size",                          NULL)                      \
    F(i64,  n_positions,         "n_positions|max_position_embeddings", NULL)                      \
    F(i64,  n_embd,              "n_embd|hidden_size",                  NULL)                      \
    F(i64,  n_layer,             "n_layer|num_hidden_layers",           NULL)                      \
    F(i64,  n_head,              "n_head|num_attention_heads",          NULL)                      \
    F(i64,  n_inner,             "n_inner",                             CORBEL_ABSENT_JSON)        \
    F(str,  activation_function, "activation_function",                 "\"gelu_new\"")            \
    F(f64,  layer_norm_epsilon,  "layer_norm_epsilon",                  "1e-5")                    \
    F(f64,  initializer_range,   "initializer_range",                   "0.02")                    \
    F(flag, scale_attn_weights,  "scale_attn_weights",                  "true")                    \
    F(flag, inverse_layer_idx,   "scale_attn_by_inverse_layer_idx",     "false")                   \
    F(flag, add_cross_attention, "add_cross_attention",                 "false")                   \
    F(flag, tie_word_embeddings, "tie_word_embeddings",                 "true")                    \
    F(i64,  pad_token_id,        "pad_token_id",                        CORBEL_ABSENT_JSON)        \
    F(i64,  num_labels,          "#id2label|num_labels",                "2")
/* clang-format on */

struct config {
    CONFIG(CORBEL_MEMBER)
};

static void check_config(corbel_build *b, const struct config *c)
{
    corbel_check_size(b, "vocab_size", c->vocab_size);
    corbel_check_size(b, "n_positions", c->n_positions);
    corbel_check_multiple(b, "n_embd", c->n_embd, "n_head", c->n_head);
    corbel_check_layers(b, "n_layer", c->n_layer);
    corbel_check_optional_size(b, "n_inner", c->n_inner);
    corbel_check_eps(b, "layer_norm_epsilon", c->layer_norm_epsilon);
    corbel_check_eps(b, "initializer_range", c->initializer_range);
    corbel_check(b, !c->add_cross_attention, "add_cross_attention",
                 "false: cross-attention is not supported");
    corbel_check_token(b, "pad_token_id", c->pad_token_id);
    corbel_check_size(b, "num_labels", c->num_labels);
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* GPT2Block.__init__ */
static struct layer create_layer(corbel_build *b, const struct config *c, int64_t i)
{
    int64_t n = c->n_embd;
    int64_t inner = c->n_inner == CORBEL_ABSENT ? corbel_mul(b, 4, n) : c->n_inner;
    int64_t head_dim = n / c->n_head;
    double scale = c->scale_attn_weights ? 1.0 / sqrt((double)head_dim) : 1.0;
    /* GPT2PreTrainedModel._init_weights: each block adds two results to the residual. */
    double std = c->initializer_range, residual_std = std / sqrt(2.0 * (double)c->n_layer);
    struct layer l = {
        .heads = {.n_heads = c->n_head, .n_kv_heads = c->n_head, .head_dim = head_dim},
        .how = {.causal = 1, .scale = c->inverse_layer_idx ? scale / (double)(i + 1) : scale},
    };

    l.ln_1 = corbel_param_layer_norm(b, "ln_1", n);
    l.c_attn = corbel_param_conv1d_std(b, "attn.c_attn", n, corbel_mul(b, 3, n), std);
    l.c_proj = corbel_param_conv1d_std(b, "attn.c_proj", n, n, residual_std);
    l.ln_2 = corbel_param_layer_norm(b, "ln_2", n);
    l.mlp_c_fc = corbel_param_conv1d_std(b, "mlp.c_fc", n, inner, std);
    l.mlp_c_proj = corbel_param_conv1d_std(b, "mlp.c_proj", inner, n, residual_std);
    return l;
}

/* GPT2Model.__init__; NULL: the build has failed. */
static struct gpt2 *create(corbel_build *b, const struct config *c, const char *module)
{
    struct gpt2 *m = corbel_alloc(b, sizeof(*m));

    check_config(b, c);
    struct layer *h = corbel_alloc_array(b, c->n_layer, sizeof(*h));
    if (!m || !h)
        return NULL;
    *m = (struct gpt2){
        .n_layer = c->n_layer,
        .n_embd = c->n_embd,
        .activation = corbel_activation_of(b, "activation_function", c->activation_function),
        .pad_token_id = c->pad_token_id,
        .eps = c->layer_norm_epsilon,
        .module = module,
        .h = h,
    };
    corbel_enter_trunk(b, module);
    m->wte = corbel_param_weight_2d(b, "wte", c->vocab_size, c->n_embd);
    m->wpe = corbel_param_weight_2d(b, "wpe", c->n_positions, c->n_embd);
    for (int64_t i = 0; i < m->n_layer; i++) {
        corbel_enter_index(b, "h", i);
        h[i] = create_layer(b, c, i);
        corbel_leave(b);
    }
    m->ln_f = corbel_param_layer_norm(b, "ln_f", c->n_embd);
    corbel_leave_trunk(b, module);
    return m;
}

/* ---- GPT2Model.forward ----------------------------------------------------------------------- */

/* GPT2Attention.forward: x [B,S,n_embd] -> [B,S,n_embd] */
static corbel_value attn(corbel_build *b, const struct gpt2 *m, const struct layer *l,
                         corbel_value x, corbel_value mask)
{
    const corbel_value no_rope = {0};
    corbel_value qkv = op_linear_transposed(b, x, l->c_attn);
    corbel_value q = op_slice(b, qkv, 2, 0, m->n_embd);
    corbel_value k = op_slice(b, qkv, 2, m->n_embd, 2 * m->n_embd);
    corbel_value v = op_slice(b, qkv, 2, 2 * m->n_embd, INT64_MAX);

    x = corbel_attend(b, q, k, v, &l->heads, no_rope, mask, l->how);
    return op_linear_transposed(b, x, l->c_proj);
}

/* GPT2Block.forward */
static corbel_value block(corbel_build *b, const struct gpt2 *m, const struct layer *l,
                          corbel_value x, corbel_value mask)
{
    corbel_value h = op_layer_norm(b, x, l->ln_1, m->eps);

    x = op_add(b, attn(b, m, l, h, mask), x);
    h = op_layer_norm(b, x, l->ln_2, m->eps);
    h = op_activation(b, op_linear_transposed(b, h, l->mlp_c_fc), m->activation);
    return op_add(b, x, op_linear_transposed(b, h, l->mlp_c_proj));
}

/* GPT2Model.forward: the last hidden state [B,S,n_embd], after the final norm, as the last of
 * hidden_states is in transformers. */
static corbel_value model(corbel_build *b, const struct gpt2 *m)
{
    corbel_value mask = corbel_input(b, "attention_mask"), x;

    corbel_enter_trunk(b, m->module);
    x = op_embedding(b, m->wte, corbel_input(b, "input_ids"));
    x = op_add(b, x, op_embedding(b, m->wpe, corbel_input(b, "position_ids")));
    if (corbel_option(b, "has_token_type_ids", 0)) /* they are words, too */
        x = op_add(b, x, op_embedding(b, m->wte, corbel_input(b, "token_type_ids")));
    for (int64_t i = 0; i < m->n_layer; i++) {
        corbel_output_index(b, "hidden_states", i, x);
        corbel_enter_index(b, "h", i);
        x = block(b, m, &m->h[i], x, mask);
        corbel_leave(b);
    }
    x = op_layer_norm(b, x, m->ln_f, m->eps);
    corbel_output_index(b, "hidden_states", m->n_layer, x);
    corbel_leave_trunk(b, m->module);
    return x;
}

/* ---- the classes ----------------------------------------------------------------------------- */

#define WITH_HEAD(NAME, HEAD) \
    CORBEL_CREATE_WITH_HEAD(NAME, CONFIG, struct gpt2, "transformer", HEAD)

CORBEL_BASE_MODEL(GPT2Model, CONFIG, struct gpt2)

WITH_HEAD(GPT2LMHeadModel,
          corbel_param_lm_head(b, c.vocab_size, c.n_embd, c.tie_word_embeddings, m->wte))
CORBEL_FORWARD(GPT2LMHeadModel, struct gpt2)
{
    corbel_output(b, "logits", op_linear(b, corbel_tokens_to_keep(b, model(b, m)), m->head));
}

WITH_HEAD(GPT2ForSequenceClassification, corbel_param_linear(b, "score", c.num_labels, c.n_embd, 0))
CORBEL_FORWARD(GPT2ForSequenceClassification, struct gpt2)
{
    corbel_value x = model(b, m);

    corbel_output(b, "logits", corbel_last_token_logits(b, x, m->pad_token_id, m->head));
}

WITH_HEAD(GPT2ForTokenClassification,
          corbel_param_linear(b, "classifier", c.num_labels, c.n_embd, 1))
CORBEL_FORWARD(GPT2ForTokenClassification, struct gpt2)
{
    corbel_output(b, "logits", op_linear(b, model(b, m), m->head));
}

WITH_HEAD(GPT2ForQuestionAnswering, corbel_param_linear(b, "qa_outputs", 2, c.n_embd, 1))
CORBEL_FORWARD(GPT2ForQuestionAnswering, struct gpt2)
{
    corbel_output_span(b, op_linear(b, model(b, m), m->head));
}

/* clang-format off */
static const corbel_arch archs[] = {
    CORBEL_CLASS(GPT2Model,                     "gpt2", "",                     "transformer"),
    CORBEL_CLASS(GPT2LMHeadModel,               "gpt2", "text-generation",      "transformer"),
    CORBEL_CLASS(GPT2ForSequenceClassification, "gpt2", "text-classification",  "transformer"),
    CORBEL_CLASS(GPT2ForTokenClassification,    "gpt2", "token-classification", "transformer"),
    CORBEL_CLASS(GPT2ForQuestionAnswering,      "gpt2", "question-answering",   "transformer"),
};
/* clang-format on */
static const corbel_arch *const arch_list[] = {&archs[0], &archs[1], &archs[2], &archs[3],
                                               &archs[4]};

CORBEL_PLUGIN("corbel/gpt2", "1.0.0", arch_list);
