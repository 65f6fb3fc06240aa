/* distilbert.c: DistilBERT, after transformers' models/distilbert/modeling_distilbert.py.
 *
 * BERT with half the layers, without token types and pooler. Sinusoidal positions are stored in
 * checkpoints like learned ones. Shapes: B sequences of S tokens. */
#include "corbel/layers.h"

#define EPS    1e-12        /* of every norm */
#define FAMILY "distilbert" /* model_type, and the name of the trunk */

struct layer {
    corbel_self_attention attention;
    corbel_linear sa_layer_norm, lin1, lin2, output_layer_norm;
};

struct distilbert {
    int64_t n_layers, activation;
    const char *module; /* which the trunk is in the classes with a head; NULL: DistilBertModel */
    corbel_value word_embeddings, position_embeddings;
    corbel_linear embeddings_norm;
    struct layer *layers;
    corbel_linear dense, dense_norm; /* vocab_transform and its norm; pre_classifier */
    corbel_linear head;              /* vocab_projector, classifier, qa_outputs */
};

/* ---- DistilBertConfig ------------------------------------------------------------------------ */

/* clang-format off */
#define CONFIG(F)                                                                                  \
    F(i64,  vocab_size,              "vocab_size",                   NULL)                         \
    F(i64,  max_position_embeddings, "max_position_embeddings",      "512")                        \
    F(i64,  n_layers,                "n_layers|num_hidden_layers",   NULL)                         \
    F(i64,  n_heads,                 "n_heads|num_attention_heads",  NULL)                         \
    F(i64,  dim,                     "dim|hidden_size",              NULL)                         \
    F(i64,  hidden_dim,              "hidden_dim",                   NULL)                         \
    F(str,  activation,              "activation",                   "\"gelu\"")                   \
    F(flag, sinusoidal_pos_embds,    "sinusoidal_pos_embds",         "false")                      \
    F(flag, tie_word_embeddings,     "tie_word_embeddings",          "true")                       \
    F(i64,  pad_token_id,            "pad_token_id",                 "0|" CORBEL_ABSENT_JSON)      \
    F(i64,  num_labels,              "#id2label|num_labels",         "2")
/* clang-format on */

struct config {
    CONFIG(CORBEL_MEMBER)
};

static void check_config(corbel_build *b, const struct config *c)
{
    corbel_check_size(b, "vocab_size", c->vocab_size);
    corbel_check_size(b, "max_position_embeddings", c->max_position_embeddings);
    corbel_check_layers(b, "n_layers", c->n_layers);
    corbel_check_multiple(b, "dim", c->dim, "n_heads", c->n_heads);
    corbel_check_size(b, "hidden_dim", c->hidden_dim);
    corbel_check_token(b, "pad_token_id", c->pad_token_id);
    corbel_check_size(b, "num_labels", c->num_labels);
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* TransformerBlock.__init__ */
static struct layer create_layer(corbel_build *b, const struct config *c)
{
    int64_t n = c->dim;
    struct layer l = {
        .attention = {.n_heads = c->n_heads, .n_kv_heads = c->n_heads, .head_dim = n / c->n_heads}};

    l.attention.q_proj = corbel_param_linear(b, "attention.q_lin", n, n, 1);
    l.attention.k_proj = corbel_param_linear(b, "attention.k_lin", n, n, 1);
    l.attention.v_proj = corbel_param_linear(b, "attention.v_lin", n, n, 1);
    l.attention.o_proj = corbel_param_linear(b, "attention.out_lin", n, n, 1);
    l.sa_layer_norm = corbel_param_layer_norm(b, "sa_layer_norm", n);
    l.lin1 = corbel_param_linear(b, "ffn.lin1", c->hidden_dim, n, 1);
    l.lin2 = corbel_param_linear(b, "ffn.lin2", n, c->hidden_dim, 1);
    l.output_layer_norm = corbel_param_layer_norm(b, "output_layer_norm", n);
    return l;
}

/* Embeddings.position_embeddings: learned, from numbers at random or from a table of sines. */
static corbel_value create_positions(corbel_build *b, const struct config *c)
{
    const int64_t shape[] = {c->max_position_embeddings, c->dim};
    int32_t init = c->sinusoidal_pos_embds ? CORBEL_INIT_SINUSOIDAL : CORBEL_INIT_DEFAULT;
    corbel_value v;

    corbel_enter(b, "position_embeddings");
    v = corbel_param_init(b, "weight", shape, 2, init, 0.0);
    corbel_leave(b);
    return v;
}

/* DistilBertModel.__init__; NULL: the build has failed. */
static struct distilbert *create(corbel_build *b, const struct config *c, const char *module)
{
    struct distilbert *m = corbel_alloc(b, sizeof(*m));

    check_config(b, c);
    struct layer *layers = corbel_alloc_array(b, c->n_layers, sizeof(*layers));
    if (!m || !layers)
        return NULL;
    *m = (struct distilbert){
        .n_layers = c->n_layers,
        .activation = corbel_activation_of(b, "activation", c->activation),
        .module = module,
        .layers = layers,
    };
    corbel_enter_trunk(b, module);
    corbel_enter(b, "embeddings");
    m->word_embeddings =
        corbel_param_embedding(b, "word_embeddings", c->vocab_size, c->dim, c->pad_token_id);
    m->position_embeddings = create_positions(b, c);
    m->embeddings_norm = corbel_param_layer_norm_tf(b, "LayerNorm", c->dim);
    corbel_leave(b);
    for (int64_t i = 0; i < m->n_layers; i++) {
        corbel_enter_index(b, "transformer.layer", i);
        layers[i] = create_layer(b, c);
        corbel_leave(b);
    }
    corbel_leave_trunk(b, module);
    return m;
}

/* ---- DistilBertModel.forward ----------------------------------------------------------------- */

/* TransformerBlock.forward: x [B,S,dim] -> [B,S,dim] */
static corbel_value block(corbel_build *b, const struct distilbert *m, const struct layer *l,
                          corbel_value x, corbel_value mask)
{
    const corbel_value no_rope = {0};
    const corbel_attention how = {0};
    corbel_value h = corbel_attend_to_self(b, x, &l->attention, no_rope, mask, how);

    x = op_layer_norm(b, op_add(b, h, x), l->sa_layer_norm, EPS);
    h = op_activation(b, op_linear(b, x, l->lin1), m->activation);
    h = op_linear(b, h, l->lin2);
    return op_layer_norm(b, op_add(b, h, x), l->output_layer_norm, EPS);
}

/* DistilBertModel.forward: the last hidden state [B,S,dim]. */
static corbel_value model(corbel_build *b, const struct distilbert *m)
{
    corbel_value mask = corbel_input(b, "attention_mask"), x;

    corbel_enter_trunk(b, m->module);
    x = op_embedding(b, m->word_embeddings, corbel_input(b, "input_ids"));
    x = op_add(b, x, op_embedding(b, m->position_embeddings, corbel_input(b, "position_ids")));
    x = op_layer_norm(b, x, m->embeddings_norm, EPS);
    corbel_output_index(b, "hidden_states", 0, x);
    for (int64_t i = 0; i < m->n_layers; i++) {
        corbel_enter_index(b, "transformer.layer", i);
        x = block(b, m, &m->layers[i], x, mask);
        corbel_leave(b);
        corbel_output_index(b, "hidden_states", i + 1, x);
    }
    corbel_leave_trunk(b, m->module);
    return x;
}

/* ---- the classes ----------------------------------------------------------------------------- */

CORBEL_CREATE(DistilBertModel, CONFIG)
{
    return create(b, &(struct config){CONFIG(CORBEL_GATHER)}, NULL);
}

CORBEL_FORWARD(DistilBertModel, struct distilbert)
{
    corbel_output(b, "last_hidden_state", model(b, m));
}

CORBEL_CREATE(DistilBertForMaskedLM, CONFIG)
{
    struct distilbert *m = create(b, &(struct config){CONFIG(CORBEL_GATHER)}, FAMILY);

    if (!m)
        return NULL;
    m->dense = corbel_param_linear(b, "vocab_transform", dim, dim, 1);
    m->dense_norm = corbel_param_layer_norm(b, "vocab_layer_norm", dim);
    if (!tie_word_embeddings) {
        m->head = corbel_param_linear(b, "vocab_projector", vocab_size, dim, 1);
        return m;
    }
    corbel_enter(b, "vocab_projector");
    m->head.weight = m->word_embeddings;
    m->head.bias = corbel_param_1d(b, "bias", vocab_size);
    corbel_leave(b);
    return m;
}

CORBEL_FORWARD(DistilBertForMaskedLM, struct distilbert)
{
    corbel_value x = corbel_tokens_to_keep(b, model(b, m));

    x = op_activation(b, op_linear(b, x, m->dense), m->activation);
    x = op_layer_norm(b, x, m->dense_norm, EPS);
    corbel_output(b, "logits", op_linear(b, x, m->head));
}

CORBEL_CREATE(DistilBertForSequenceClassification, CONFIG)
{
    struct distilbert *m = create(b, &(struct config){CONFIG(CORBEL_GATHER)}, FAMILY);

    if (!m)
        return NULL;
    m->dense = corbel_param_linear(b, "pre_classifier", dim, dim, 1);
    m->head = corbel_param_linear(b, "classifier", num_labels, dim, 1);
    return m;
}

CORBEL_FORWARD(DistilBertForSequenceClassification, struct distilbert)
{
    corbel_value pooled = corbel_pooler(b, model(b, m), m->dense, CORBEL_FN_RELU);

    corbel_output(b, "logits", op_linear(b, pooled, m->head));
}

CORBEL_CREATE(DistilBertForTokenClassification, CONFIG)
{
    struct distilbert *m = create(b, &(struct config){CONFIG(CORBEL_GATHER)}, FAMILY);

    if (m)
        m->head = corbel_param_linear(b, "classifier", num_labels, dim, 1);
    return m;
}

CORBEL_FORWARD(DistilBertForTokenClassification, struct distilbert)
{
    corbel_output(b, "logits", op_linear(b, model(b, m), m->head));
}

CORBEL_CREATE(DistilBertForQuestionAnswering, CONFIG)
{
    struct distilbert *m = create(b, &(struct config){CONFIG(CORBEL_GATHER)}, FAMILY);

    corbel_check(b, num_labels == 2, "num_labels", "2: where an answer starts and ends");
    if (m)
        m->head = corbel_param_linear(b, "qa_outputs", 2, dim, 1);
    return m;
}

CORBEL_FORWARD(DistilBertForQuestionAnswering, struct distilbert)
{
    corbel_output_span(b, op_linear(b, model(b, m), m->head));
}

/* clang-format off */
static const corbel_arch archs[] = {
    CORBEL_CLASS(DistilBertModel, FAMILY, "", FAMILY),
    CORBEL_CLASS(DistilBertForMaskedLM, FAMILY, "fill-mask", FAMILY),
    CORBEL_CLASS(DistilBertForSequenceClassification, FAMILY, "text-classification", FAMILY),
    CORBEL_CLASS(DistilBertForTokenClassification, FAMILY, "token-classification", FAMILY),
    CORBEL_CLASS(DistilBertForQuestionAnswering, FAMILY, "question-answering", FAMILY),
};
/* clang-format on */
static const corbel_arch *const arch_list[] = {&archs[0], &archs[1], &archs[2], &archs[3],
                                               &archs[4]};

CORBEL_PLUGIN("corbel/distilbert", "1.0.0", arch_list);
