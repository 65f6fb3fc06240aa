/* corbel/layers.h: modules that many architectures share, over the operations of corbel/plugin.h.
 *
 * Nothing here crosses the line to the runtime: these are inline functions, compiled into the
 * plugin, so that a later version of this file changes no plugin that exists. What one architecture
 * needs stays in its plugin. Shapes: B sequences of S tokens, H heads of D.
 * Compiles as C11 and as C++17. */
#ifndef CORBEL_LAYERS_H
#define CORBEL_LAYERS_H

#include "corbel/plugin.h"

/* Names with a | in them are of ABI 1.1. */
#if CORBEL_MINOR_NEEDED < 1
#undef CORBEL_MINOR_NEEDED
#define CORBEL_MINOR_NEEDED 1
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the config as a struct ------------------------------------------------------------------
 * struct my_config { MY_CONFIG(CORBEL_MEMBER) };
 * CORBEL_CREATE(MyModel, MY_CONFIG)
 * {
 *     return create(b, &(struct my_config){MY_CONFIG(CORBEL_GATHER)});
 * }
 * CORBEL_FORWARD(MyModel, struct my_model)
 * {
 *     corbel_output(b, "last_hidden_state", model(b, m));
 * } */

#define CORBEL_MEMBER(kind, name, keys, fallback) CORBEL_C_##kind name;
#define CORBEL_GATHER(kind, name, keys, fallback) .name = name,

/* The heads of create_NAME and forward_NAME, which CORBEL_CLASS(NAME, ...) looks for. LIST are the
 * constructor's parameters, beside b; TYPE is what it returns, and forward's `m`, beside b. */
#define CORBEL_CREATE(NAME, LIST)            \
    CORBEL_CONSTRUCTOR(create_##NAME, LIST); \
    static void *create_##NAME(corbel_build *b LIST(CORBEL_ARG))
#define CORBEL_FORWARD(NAME, TYPE)                                    \
    static void forward_typed_##NAME(corbel_build *b, const TYPE *m); \
    static void forward_##NAME(corbel_build *b, const void *self)     \
    {                                                                 \
        forward_typed_##NAME(b, (const TYPE *)self);                  \
    }                                                                 \
    static void forward_typed_##NAME(corbel_build *b, const TYPE *m)

/* ---- checks of config.json: the build fails with a sentence that names the key --------------- */

/* Puts `text` at the end of the string in out[192], as far as it fits. */
static inline void corbel_append(char *out, const char *text)
{
    size_t used = strlen(out), n = strlen(text);
    if (n > 191 - used)
        n = 191 - used;
    memcpy(out + used, text, n);
    out[used + n] = 0;
}
static inline void corbel_check(corbel_build *b, int sound, const char *key, const char *expected)
{
    char why[192];
    if (sound)
        return;
    why[0] = 0;
    corbel_append(why, key);
    corbel_append(why, ": expected ");
    corbel_append(why, expected);
    corbel_fail(b, why);
}
/* So that the product of two sizes can't overflow. */
static inline void corbel_check_size(corbel_build *b, const char *key, int64_t value)
{
    corbel_check(b, value >= 1 && value <= INT32_MAX, key, "a positive integer below 2^31");
}
static inline void corbel_check_layers(corbel_build *b, const char *key, int64_t value)
{
    corbel_check(b, value >= 1 && value <= 4096, key, "1 to 4096 layers");
}
static inline void corbel_check_eps(corbel_build *b, const char *key, double value)
{
    corbel_check(b, value >= 0.0, key, "a number that is not negative");
}
/* Both are sizes, and `value` is a multiple of `divisor`. */
static inline void corbel_check_multiple(corbel_build *b, const char *key, int64_t value,
                                         const char *divisor_key, int64_t divisor)
{
    char expected[192];
    corbel_check_size(b, key, value);
    corbel_check_size(b, divisor_key, divisor);
    expected[0] = 0;
    corbel_append(expected, "a multiple of ");
    corbel_append(expected, divisor_key);
    corbel_check(b, divisor < 1 || value % divisor == 0, key, expected);
}

/* What an optional number is where config.json has none, or null. */
#define CORBEL_ABSENT      INT32_MIN
#define CORBEL_ABSENT_JSON "-2147483648"

static inline void corbel_check_optional_size(corbel_build *b, const char *key, int64_t value)
{
    corbel_check(b, (value >= 1 && value <= INT32_MAX) || value == CORBEL_ABSENT, key,
                 "a positive integer below 2^31, or null");
}
static inline void corbel_check_token(corbel_build *b, const char *key, int64_t value)
{
    corbel_check(b, value >= INT32_MIN && value <= INT32_MAX, key, "the id of a token");
}

/* The size of a head of rotary attention: head_dim, or hidden_size / num_attention_heads. */
static inline int64_t corbel_rotary_head_dim(corbel_build *b, int64_t head_dim, int64_t hidden,
                                             int64_t n_heads)
{
    if (head_dim == CORBEL_ABSENT) {
        corbel_check_multiple(b, "hidden_size", hidden, "num_attention_heads", n_heads);
        head_dim = n_heads < 1 ? 0 : hidden / n_heads;
    }
    corbel_check(b, head_dim >= 2 && head_dim % 2 == 0 && head_dim <= INT32_MAX, "head_dim",
                 "a positive even integer below 2^31");
    return head_dim;
}

/* A function by its name in transformers' activations.py. */
static inline int64_t corbel_activation_of(corbel_build *b, const char *key, const char *name)
{
    int64_t fn = corbel_find_activation(name);
    corbel_check(b, fn >= 0, key, "an activation function that the plugin SDK has");
    return fn;
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* The module that holds the base model in a class with a head; NULL: the class is the base model.
 */
static inline void corbel_enter_trunk(corbel_build *b, const char *module)
{
    if (module)
        corbel_enter(b, module);
}
static inline void corbel_leave_trunk(corbel_build *b, const char *module)
{
    if (module)
        corbel_leave(b);
}

/* torch.nn.LayerNorm */
static inline corbel_linear corbel_param_layer_norm(corbel_build *b, const char *module, int64_t n)
{
    corbel_linear norm;
    corbel_enter(b, module);
    norm.weight = corbel_param_1d(b, "weight", n);
    norm.bias = corbel_param_1d(b, "bias", n);
    corbel_leave(b);
    return norm;
}
/* The same in models that were TensorFlow's first: gamma and beta in older checkpoints. */
static inline corbel_linear corbel_param_layer_norm_tf(corbel_build *b, const char *module,
                                                       int64_t n)
{
    corbel_linear norm;
    corbel_enter(b, module);
    norm.weight = corbel_param_1d(b, "weight|gamma", n);
    norm.bias = corbel_param_1d(b, "bias|beta", n);
    corbel_leave(b);
    return norm;
}

/* The weight of a norm that multiplies with weight + 1, for op_rms_norm_offset: a new one is 0. */
static inline corbel_value corbel_param_norm_offset(corbel_build *b, const char *module, int64_t n)
{
    corbel_value v;
    corbel_enter(b, module);
    v = corbel_param_init(b, "weight", &n, 1, CORBEL_INIT_CONSTANT, 0.0);
    corbel_leave(b);
    return v;
}

/* torch.nn.Embedding: MODULE.weight [rows, cols]. In a new one the row padding_idx (below 0: from
 * the end) is 0; CORBEL_ABSENT, or none of its rows: no row is. */
static inline corbel_value corbel_param_embedding(corbel_build *b, const char *module, int64_t rows,
                                                  int64_t cols, int64_t padding_idx)
{
    corbel_value v;
    corbel_param p;
    int64_t shape[2];
    shape[0] = rows;
    shape[1] = cols;
    memset(&p, 0, sizeof p);
    p.struct_size = sizeof p;
    p.rank = 2;
    p.name = "weight";
    p.shape = shape;
    if (padding_idx < 0)
        padding_idx += rows;
    if (padding_idx >= 0 && padding_idx < rows)
        p.init_zero_row = padding_idx + 1;
    corbel_enter(b, module);
    v = b->host->param(b, &p);
    corbel_leave(b);
    return v;
}

/* transformers' Conv1D, for op_linear_transposed: weight [in, out], bias [out]. A new weight has
 * the standard deviation std. */
static inline corbel_linear corbel_param_conv1d_std(corbel_build *b, const char *module, int64_t in,
                                                    int64_t out, double std)
{
    corbel_linear l;
    int64_t shape[2];
    shape[0] = in;
    shape[1] = out;
    corbel_enter(b, module);
    l.weight = corbel_param_init(b, "weight", shape, 2,
                                 std > 0.0 ? CORBEL_INIT_NORMAL : CORBEL_INIT_CONSTANT, std);
    l.bias = corbel_param_1d(b, "bias", out);
    corbel_leave(b);
    return l;
}
static inline corbel_linear corbel_param_conv1d(corbel_build *b, const char *module, int64_t in,
                                                int64_t out)
{
    corbel_linear l;
    corbel_enter(b, module);
    l.weight = corbel_param_2d(b, "weight", in, out);
    l.bias = corbel_param_1d(b, "bias", out);
    corbel_leave(b);
    return l;
}

/* ---- pooler: the state of the first token, through a layer that a checkpoint may lack ---------
 */

static inline corbel_linear corbel_param_pooler(corbel_build *b, int64_t out, int64_t in)
{
    int64_t shape[2];
    corbel_linear l;
    shape[0] = out;
    shape[1] = in;
    corbel_enter(b, "pooler.dense");
    l.weight = corbel_param_nd(b, "weight", shape, 2, CORBEL_PARAM_HEAD);
    l.bias = corbel_param_nd(b, "bias", shape, 1, CORBEL_PARAM_HEAD);
    corbel_leave(b);
    return l;
}
/* x [B,S,n] -> x[:, i] [B,n] */
static inline corbel_value corbel_token(corbel_build *b, corbel_value x, int64_t i)
{
    int64_t shape[2];
    shape[0] = corbel_dim(b, x, 0);
    shape[1] = corbel_dim(b, x, 2);
    return op_reshape(b, op_slice(b, x, 1, i, i + 1), shape, 2);
}
static inline corbel_value corbel_pooler(corbel_build *b, corbel_value x, corbel_linear dense,
                                         int64_t activation)
{
    return op_activation(b, op_linear(b, corbel_token(b, x, 0), dense), activation);
}

/* ---- self-attention: projections, heads, attention, output projection ------------------------ */

typedef struct corbel_self_attention {
    corbel_linear q_proj, k_proj, v_proj, o_proj;
    int64_t n_heads, n_kv_heads, head_dim;
} corbel_self_attention;

/* LlamaAttention.__init__: q_proj, k_proj, v_proj and o_proj of the current module. */
static inline corbel_self_attention corbel_param_self_attention(corbel_build *b, int64_t hidden,
                                                                int64_t n_heads, int64_t n_kv_heads,
                                                                int64_t head_dim, int has_bias)
{
    int64_t q_size = corbel_mul(b, n_heads, head_dim);
    int64_t kv_size = corbel_mul(b, n_kv_heads, head_dim);
    corbel_self_attention a;
    a.q_proj = corbel_param_linear(b, "q_proj", q_size, hidden, has_bias);
    a.k_proj = corbel_param_linear(b, "k_proj", kv_size, hidden, has_bias);
    a.v_proj = corbel_param_linear(b, "v_proj", kv_size, hidden, has_bias);
    a.o_proj = corbel_param_linear(b, "o_proj", hidden, q_size, has_bias);
    a.n_heads = n_heads;
    a.n_kv_heads = n_kv_heads;
    a.head_dim = head_dim;
    return a;
}

/* q [B,S,H*D], k and v [B,S,KV*D] -> [B,S,H*D]. rope: of op_rope_table, or none. */
static inline corbel_value corbel_attend(corbel_build *b, corbel_value q, corbel_value k,
                                         corbel_value v, const corbel_self_attention *a,
                                         corbel_value rope, corbel_value mask, corbel_attention how)
{
    int64_t batch = corbel_dim(b, q, 0), tokens = corbel_dim(b, q, 1);
    q = op_reshape4(b, q, batch, tokens, a->n_heads, a->head_dim);
    k = op_reshape4(b, k, batch, tokens, a->n_kv_heads, a->head_dim);
    v = op_reshape4(b, v, batch, tokens, a->n_kv_heads, a->head_dim);
    if (rope.id) {
        q = op_rope(b, q, rope);
        k = op_rope(b, k, rope);
    }
    q = op_attention(b, q, k, v, mask, how);
    return op_reshape3(b, q, batch, tokens, a->n_heads * a->head_dim);
}
/* x [B,S,hidden] -> [B,S,hidden] */
static inline corbel_value corbel_attend_to_self(corbel_build *b, corbel_value x,
                                                 const corbel_self_attention *a, corbel_value rope,
                                                 corbel_value mask, corbel_attention how)
{
    corbel_value q = op_linear(b, x, a->q_proj);
    corbel_value k = op_linear(b, x, a->k_proj);
    corbel_value v = op_linear(b, x, a->v_proj);
    return op_linear(b, corbel_attend(b, q, k, v, a, rope, mask, how), a->o_proj);
}

/* ---- LlamaMLP -------------------------------------------------------------------------------- */

typedef struct corbel_gated_mlp {
    corbel_linear gate_proj, up_proj, down_proj;
} corbel_gated_mlp;

static inline corbel_gated_mlp corbel_param_gated_mlp(corbel_build *b, int64_t hidden,
                                                      int64_t intermediate, int has_bias)
{
    corbel_gated_mlp m;
    corbel_enter(b, "mlp");
    m.gate_proj = corbel_param_linear(b, "gate_proj", intermediate, hidden, has_bias);
    m.up_proj = corbel_param_linear(b, "up_proj", intermediate, hidden, has_bias);
    m.down_proj = corbel_param_linear(b, "down_proj", hidden, intermediate, has_bias);
    corbel_leave(b);
    return m;
}
static inline corbel_value corbel_gated_mlp_of(corbel_build *b, corbel_value x,
                                               const corbel_gated_mlp *m, int64_t activation)
{
    corbel_value gate, up;
    corbel_enter(b, "mlp");
    gate = op_activation(b, op_linear(b, x, m->gate_proj), activation);
    up = op_linear(b, x, m->up_proj);
    x = op_linear(b, op_mul(b, gate, up), m->down_proj);
    corbel_leave(b);
    return x;
}

/* ---- heads ----------------------------------------------------------------------------------- */

/* What the head of a language model sees of x [B,S,n]: with the option logits_to_keep only so many
 * of the last tokens. */
static inline corbel_value corbel_tokens_to_keep(corbel_build *b, corbel_value x)
{
    int64_t keep = corbel_option(b, "logits_to_keep", 0);
    if (keep <= 0 || keep >= corbel_dim(b, x, 1))
        return x;
    return op_slice(b, x, 1, -keep, INT64_MAX);
}

/* ForSequenceClassification of decoders: the logits [B,labels] at the last token that is not
 * padding. The head comes after the choice, which gives the same for less work. */
static inline corbel_value corbel_last_token_logits(corbel_build *b, corbel_value x,
                                                    int64_t pad_token_id, corbel_linear head)
{
    corbel_value ids = corbel_input(b, "input_ids");
    if (pad_token_id == CORBEL_ABSENT && corbel_dim(b, ids, 0) > 1)
        corbel_fail(b, "pad_token_id is missing: without it a batch is one sequence");
    return op_linear(b, op_gather(b, x, op_last_token(b, ids, pad_token_id), 1, 1), head);
}

/* ForQuestionAnswering: logits [B,S,2] -> start_logits, end_logits [B,S]. */
static inline void corbel_output_span(corbel_build *b, corbel_value logits)
{
    int64_t shape[2];
    shape[0] = corbel_dim(b, logits, 0);
    shape[1] = corbel_dim(b, logits, 1);
    corbel_output(b, "start_logits", op_reshape(b, op_slice(b, logits, 2, 0, 1), shape, 2));
    corbel_output(b, "end_logits", op_reshape(b, op_slice(b, logits, 2, 1, 2), shape, 2));
}

/* ---- a decoder's classes, as modeling_layers.py's Generic... and ...ForCausalLM ---------------
 *
 * Each line makes the constructor and the forward of one class NAME, for CORBEL_CLASS. The file has
 *     static TYPE *create(corbel_build *b, const struct config *c, const char *module);
 *     static corbel_value model(corbel_build *b, const TYPE *m);   the last hidden state
 * [B,S,hidden] where `struct config` is of LIST, `module` is where the trunk lies (NULL: the class
 * is the base model itself), and TYPE has embed_tokens, pad_token_id and the corbel_linear `head`.
 * LIST has vocab_size, hidden_size, num_labels and tie_word_embeddings. */

#define CORBEL_BASE_MODEL(NAME, LIST, TYPE)                 \
    CORBEL_CREATE(NAME, LIST)                               \
    {                                                       \
        const struct config c = {LIST(CORBEL_GATHER)};      \
        return create(b, &c, NULL);                         \
    }                                                       \
    CORBEL_FORWARD(NAME, TYPE)                              \
    {                                                       \
        corbel_output(b, "last_hidden_state", model(b, m)); \
    }

/* A trunk in `module`, and as head what HEAD makes of the constructor's arguments. */
#define CORBEL_CREATE_WITH_HEAD(NAME, LIST, TYPE, module, HEAD) \
    CORBEL_CREATE(NAME, LIST)                                   \
    {                                                           \
        const struct config c = {LIST(CORBEL_GATHER)};          \
        TYPE *m = create(b, &c, module);                        \
        if (m)                                                  \
            m->head = HEAD;                                     \
        return m;                                               \
    }

/* The head of a language model: its own, or the embedding. */
static inline corbel_linear corbel_param_lm_head(corbel_build *b, int64_t vocab, int64_t hidden,
                                                 int tied, corbel_value embed_tokens)
{
    corbel_linear head;
    memset(&head, 0, sizeof head);
    head.weight = embed_tokens;
    return tied ? head : corbel_param_linear(b, "lm_head", vocab, hidden, 0);
}

#define CORBEL_CREATE_CAUSAL_LM(NAME, LIST, TYPE)                                \
    CORBEL_CREATE_WITH_HEAD(NAME, LIST, TYPE, "model",                           \
                            corbel_param_lm_head(b, c.vocab_size, c.hidden_size, \
                                                 c.tie_word_embeddings, m->embed_tokens))
#define CORBEL_CAUSAL_LM(NAME, LIST, TYPE)                      \
    CORBEL_CREATE_CAUSAL_LM(NAME, LIST, TYPE)                   \
    CORBEL_FORWARD(NAME, TYPE)                                  \
    {                                                           \
        corbel_value x = corbel_tokens_to_keep(b, model(b, m)); \
        corbel_output(b, "logits", op_linear(b, x, m->head));   \
    }

#define CORBEL_SEQUENCE_CLASSIFIER(NAME, LIST, TYPE)                                          \
    CORBEL_CREATE_WITH_HEAD(NAME, LIST, TYPE, "model",                                        \
                            corbel_param_linear(b, "score", c.num_labels, c.hidden_size, 0))  \
    CORBEL_FORWARD(NAME, TYPE)                                                                \
    {                                                                                         \
        corbel_value x = model(b, m);                                                         \
        corbel_output(b, "logits", corbel_last_token_logits(b, x, m->pad_token_id, m->head)); \
    }

#define CORBEL_TOKEN_CLASSIFIER(NAME, LIST, TYPE)                                            \
    CORBEL_CREATE_WITH_HEAD(NAME, LIST, TYPE, "model",                                       \
                            corbel_param_linear(b, "score", c.num_labels, c.hidden_size, 1)) \
    CORBEL_FORWARD(NAME, TYPE)                                                               \
    {                                                                                        \
        corbel_output(b, "logits", op_linear(b, model(b, m), m->head));                      \
    }

#define CORBEL_QUESTION_ANSWERER(NAME, LIST, TYPE, module)                             \
    CORBEL_CREATE_WITH_HEAD(NAME, LIST, TYPE, module,                                  \
                            corbel_param_linear(b, "qa_outputs", 2, c.hidden_size, 1)) \
    CORBEL_FORWARD(NAME, TYPE)                                                         \
    {                                                                                  \
        corbel_output_span(b, op_linear(b, model(b, m), m->head));                     \
    }

#ifdef __cplusplus
}
#endif

#endif
