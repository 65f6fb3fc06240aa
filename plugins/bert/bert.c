/* bert.c: BERT, after transformers' models/bert/modeling_bert.py.
 *
 * An encoder with learned positions and norms after each residual sum; as a decoder (is_decoder) it
 * attends causally. Cross-attention is not supported. Shapes: B sequences of S tokens. */
#include "corbel/layers.h"

struct layer {
    corbel_self_attention attention; /* o_proj: attention.output.dense */
    corbel_linear attention_norm, intermediate, output, output_norm;
};

struct bert {
    int64_t n_layers, hidden_act;
    double eps;
    corbel_attention how; /* it attends */
    const char *module;   /* which the trunk is in the classes with a head; NULL: BertModel */
    corbel_value word_embeddings, position_embeddings, token_type_embeddings;
    corbel_linear embeddings_norm;
    struct layer *layers;
    corbel_linear pooler;
    corbel_linear transform, transform_norm; /* of the masked language model's head */
    corbel_linear head;                      /* cls.predictions.decoder, classifier, qa_outputs */
};

/* ---- BertConfig ------------------------------------------------------------------------------ */

/* clang-format off */
#define CONFIG(F)                                                                                  \
    F(i64,  vocab_size,              "vocab_size",              NULL)                              \
    F(i64,  hidden_size,             "hidden_size",             NULL)                              \
    F(i64,  num_hidden_layers,       "num_hidden_layers",       NULL)                              \
    F(i64,  num_attention_heads,     "num_attention_heads",     NULL)                              \
    F(i64,  intermediate_size,       "intermediate_size",       NULL)                              \
    F(str,  hidden_act,              "hidden_act",              "\"gelu\"")                        \
    F(i64,  max_position_embeddings, "max_position_embeddings", "512")                             \
    F(i64,  type_vocab_size,         "type_vocab_size",         "2")                               \
    F(f64,  layer_norm_eps,          "layer_norm_eps",          "1e-12")                           \
    F(str,  position_embedding_type, "position_embedding_type", "\"absolute\"")                    \
    F(flag, is_decoder,              "is_decoder",              "false")                           \
    F(flag, add_cross_attention,     "add_cross_attention",     "false")                           \
    F(flag, tie_word_embeddings,     "tie_word_embeddings",     "true")                            \
    F(i64,  pad_token_id,            "pad_token_id",            "0|" CORBEL_ABSENT_JSON)           \
    F(i64,  num_labels,              "#id2label|num_labels",    "2")
/* clang-format on */

struct config {
    CONFIG(CORBEL_MEMBER)
};

static void check_config(corbel_build *b, const struct config *c)
{
    corbel_check_size(b, "vocab_size", c->vocab_size);
    corbel_check_layers(b, "num_hidden_layers", c->num_hidden_layers);
    corbel_check_multiple(b, "hidden_size", c->hidden_size, "num_attention_heads",
                          c->num_attention_heads);
    corbel_check_size(b, "intermediate_size", c->intermediate_size);
    corbel_check_size(b, "max_position_embeddings", c->max_position_embeddings);
    corbel_check_size(b, "type_vocab_size", c->type_vocab_size);
    corbel_check_eps(b, "layer_norm_eps", c->layer_norm_eps);
    corbel_check(b, strcmp(c->position_embedding_type, "absolute") == 0, "position_embedding_type",
                 "\"absolute\", the only one that is supported");
    corbel_check(b, !c->add_cross_attention, "add_cross_attention",
                 "false: cross-attention is not supported");
    corbel_check_token(b, "pad_token_id", c->pad_token_id);
    corbel_check_size(b, "num_labels", c->num_labels);
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* BertEmbeddings.__init__ */
static void create_embeddings(corbel_build *b, const struct config *c, struct bert *m)
{
    corbel_enter(b, "embeddings");
    m->word_embeddings = corbel_param_embedding(b, "word_embeddings", c->vocab_size, c->hidden_size,
                                                c->pad_token_id);
    m->position_embeddings = corbel_param_weight_2d(b, "position_embeddings",
                                                    c->max_position_embeddings, c->hidden_size);
    m->token_type_embeddings =
        corbel_param_weight_2d(b, "token_type_embeddings", c->type_vocab_size, c->hidden_size);
    m->embeddings_norm = corbel_param_layer_norm_tf(b, "LayerNorm", c->hidden_size);
    corbel_leave(b);
}

/* BertLayer.__init__ */
static struct layer create_layer(corbel_build *b, const struct config *c)
{
    int64_t n = c->hidden_size;
    struct layer l = {.attention = {.n_heads = c->num_attention_heads,
                                    .n_kv_heads = c->num_attention_heads,
                                    .head_dim = n / c->num_attention_heads}};

    l.attention.q_proj = corbel_param_linear(b, "attention.self.query", n, n, 1);
    l.attention.k_proj = corbel_param_linear(b, "attention.self.key", n, n, 1);
    l.attention.v_proj = corbel_param_linear(b, "attention.self.value", n, n, 1);
    l.attention.o_proj = corbel_param_linear(b, "attention.output.dense", n, n, 1);
    l.attention_norm = corbel_param_layer_norm_tf(b, "attention.output.LayerNorm", n);
    l.intermediate = corbel_param_linear(b, "intermediate.dense", c->intermediate_size, n, 1);
    l.output = corbel_param_linear(b, "output.dense", n, c->intermediate_size, 1);
    l.output_norm = corbel_param_layer_norm_tf(b, "output.LayerNorm", n);
    return l;
}

/* BertModel.__init__; NULL: the build has failed. */
static struct bert *create(corbel_build *b, const struct config *c, const char *module, int pooler)
{
    struct bert *m = corbel_alloc(b, sizeof(*m));

    check_config(b, c);
    struct layer *layers = corbel_alloc_array(b, c->num_hidden_layers, sizeof(*layers));
    if (!m || !layers)
        return NULL;
    *m = (struct bert){
        .n_layers = c->num_hidden_layers,
        .hidden_act = corbel_activation_of(b, "hidden_act", c->hidden_act),
        .eps = c->layer_norm_eps,
        .how = {.causal = c->is_decoder},
        .module = module,
        .layers = layers,
    };
    corbel_enter_trunk(b, module);
    create_embeddings(b, c, m);
    for (int64_t i = 0; i < m->n_layers; i++) {
        corbel_enter_index(b, "encoder.layer", i);
        layers[i] = create_layer(b, c);
        corbel_leave(b);
    }
    if (pooler)
        m->pooler = corbel_param_pooler(b, c->hidden_size, c->hidden_size);
    corbel_leave_trunk(b, module);
    return m;
}

/* BertLMPredictionHead.__init__. Tied: the decoder's weight is the embedding's and its bias is
 * called cls.predictions.bias; else it has its own, and that one is there without a use. */
static struct bert *create_lm(corbel_build *b, const struct config *c)
{
    struct bert *m = create(b, c, "bert", 0);

    if (!m)
        return NULL;
    corbel_enter(b, "cls.predictions");
    m->transform = corbel_param_linear(b, "transform.dense", c->hidden_size, c->hidden_size, 1);
    m->transform_norm = corbel_param_layer_norm_tf(b, "transform.LayerNorm", c->hidden_size);
    m->head.weight = m->word_embeddings;
    if (c->tie_word_embeddings) {
        m->head.bias = corbel_param_1d(b, "bias|decoder.bias", c->vocab_size);
    } else {
        corbel_param_1d(b, "bias", c->vocab_size);
        m->head = corbel_param_linear(b, "decoder", c->vocab_size, c->hidden_size, 1);
    }
    corbel_leave(b);
    return m;
}

/* ---- BertModel.forward ----------------------------------------------------------------------- */

/* BertEmbeddings.forward */
static corbel_value embeddings(corbel_build *b, const struct bert *m)
{
    corbel_value x = op_embedding(b, m->word_embeddings, corbel_input(b, "input_ids"));

    x = op_add(b, x, op_embedding(b, m->token_type_embeddings, corbel_input(b, "token_type_ids")));
    x = op_add(b, x, op_embedding(b, m->position_embeddings, corbel_input(b, "position_ids")));
    return op_layer_norm(b, x, m->embeddings_norm, m->eps);
}

/* BertLayer.forward: x [B,S,hidden] -> [B,S,hidden] */
static corbel_value layer(corbel_build *b, const struct bert *m, const struct layer *l,
                          corbel_value x, corbel_value mask)
{
    const corbel_value no_rope = {0};
    corbel_value h = corbel_attend_to_self(b, x, &l->attention, no_rope, mask, m->how);

    x = op_layer_norm(b, op_add(b, h, x), l->attention_norm, m->eps);
    h = op_activation(b, op_linear(b, x, l->intermediate), m->hidden_act);
    h = op_linear(b, h, l->output);
    return op_layer_norm(b, op_add(b, h, x), l->output_norm, m->eps);
}

/* BertModel.forward: the last hidden state [B,S,hidden]. */
static corbel_value model(corbel_build *b, const struct bert *m)
{
    corbel_value mask = corbel_input(b, "attention_mask"), x;

    corbel_enter_trunk(b, m->module);
    x = embeddings(b, m);
    corbel_output_index(b, "hidden_states", 0, x);
    for (int64_t i = 0; i < m->n_layers; i++) {
        corbel_enter_index(b, "encoder.layer", i);
        x = layer(b, m, &m->layers[i], x, mask);
        corbel_leave(b);
        corbel_output_index(b, "hidden_states", i + 1, x);
    }
    corbel_leave_trunk(b, m->module);
    return x;
}

/* ---- the classes ----------------------------------------------------------------------------- */

CORBEL_CREATE(BertModel, CONFIG)
{
    return create(b, &(struct config){CONFIG(CORBEL_GATHER)}, NULL, 1);
}

CORBEL_FORWARD(BertModel, struct bert)
{
    corbel_value x = model(b, m);

    corbel_output(b, "last_hidden_state", x);
    corbel_output(b, "pooler_output", corbel_pooler(b, x, m->pooler, CORBEL_FN_TANH));
}

CORBEL_CREATE(BertForMaskedLM, CONFIG)
{
    return create_lm(b, &(struct config){CONFIG(CORBEL_GATHER)});
}

/* BertLMPredictionHead.forward */
CORBEL_FORWARD(BertForMaskedLM, struct bert)
{
    corbel_value x = corbel_tokens_to_keep(b, model(b, m));

    x = op_activation(b, op_linear(b, x, m->transform), m->hidden_act);
    x = op_layer_norm(b, x, m->transform_norm, m->eps);
    corbel_output(b, "logits", op_linear(b, x, m->head));
}

/* Token by token it is only right where no token sees a later one. */
CORBEL_CREATE(BertLMHeadModel, CONFIG)
{
    corbel_check(b, is_decoder, "is_decoder", "true: BertLMHeadModel continues a text");
    return create_lm(b, &(struct config){CONFIG(CORBEL_GATHER)});
}

CORBEL_FORWARD(BertLMHeadModel, struct bert)
{
    forward_BertForMaskedLM(b, m);
}

CORBEL_CREATE(BertForSequenceClassification, CONFIG)
{
    struct bert *m = create(b, &(struct config){CONFIG(CORBEL_GATHER)}, "bert", 1);

    if (m)
        m->head = corbel_param_linear(b, "classifier", num_labels, hidden_size, 1);
    return m;
}

CORBEL_FORWARD(BertForSequenceClassification, struct bert)
{
    corbel_value pooled = corbel_pooler(b, model(b, m), m->pooler, CORBEL_FN_TANH);

    corbel_output(b, "logits", op_linear(b, pooled, m->head));
}

CORBEL_CREATE(BertForTokenClassification, CONFIG)
{
    struct bert *m = create(b, &(struct config){CONFIG(CORBEL_GATHER)}, "bert", 0);

    if (m)
        m->head = corbel_param_linear(b, "classifier", num_labels, hidden_size, 1);
    return m;
}

CORBEL_FORWARD(BertForTokenClassification, struct bert)
{
    corbel_output(b, "logits", op_linear(b, model(b, m), m->head));
}

CORBEL_CREATE(BertForQuestionAnswering, CONFIG)
{
    struct bert *m = create(b, &(struct config){CONFIG(CORBEL_GATHER)}, "bert", 0);

    corbel_check(b, num_labels == 2, "num_labels", "2: where an answer starts and ends");
    if (m)
        m->head = corbel_param_linear(b, "qa_outputs", 2, hidden_size, 1);
    return m;
}

CORBEL_FORWARD(BertForQuestionAnswering, struct bert)
{
    corbel_output_span(b, op_linear(b, model(b, m), m->head));
}

/* clang-format off */
static const corbel_arch archs[] = {
    CORBEL_CLASS(BertModel,                     "bert", "",                     "bert"),
    CORBEL_CLASS(BertForMaskedLM,               "bert", "fill-mask",            "bert"),
    CORBEL_CLASS(BertLMHeadModel,               "bert", "text-generation",      "bert"),
    CORBEL_CLASS(BertForSequenceClassification, "bert", "text-classification",  "bert"),
    CORBEL_CLASS(BertForTokenClassification,    "bert", "token-classification", "bert"),
    CORBEL_CLASS(BertForQuestionAnswering,      "bert", "question-answering",   "bert"),
};
/* clang-format on */
static const corbel_arch *const arch_list[] = {&archs[0], &archs[1], &archs[2],
                                               &archs[3], &archs[4], &archs[5]};

CORBEL_PLUGIN("corbel/bert", "1.0.0", arch_list);
