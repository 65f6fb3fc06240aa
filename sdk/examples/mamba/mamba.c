/* mamba.c: Mamba, after transformers' models/mamba/modeling_mamba.py, without its optional kernels.
 *
 * What a step leaves for the next one are two states a layer: the last inputs of the convolution,
 * and the state of the recurrence. Both are zero before a sequence begins, which is what the
 * convolution's padding is, so that a prompt, a piece of one and a single token are the same
 * program. Shapes: B sequences of S tokens, C channels (intermediate_size), N state_size. */
#define CORBEL_MINOR_NEEDED 1 /* embeddings has two names */
#include "corbel/layers.h"
#include "selective_scan.h"

struct mixer {
    corbel_linear in_proj, conv1d, x_proj, dt_proj, out_proj;
    corbel_value A_log, D; /* [C,N], [C] */
};

struct layer {
    corbel_value norm;
    struct mixer mixer;
};

struct mamba {
    int64_t n_layers, channels, state_size, conv_kernel, time_step_rank, hidden_act;
    double eps;
    const char *module; /* which the trunk is in MambaForCausalLM; NULL: MambaModel */
    corbel_value embeddings, norm_f;
    struct layer *layers;
    corbel_linear lm_head;
};

/* ---- MambaConfig ----------------------------------------------------------------------------- */

/* clang-format off */
#define CONFIG(F)                                                                                  \
    F(i64,  vocab_size,          "vocab_size",          NULL)                                      \
    F(i64,  hidden_size,         "hidden_size",         NULL)                                      \
    F(i64,  num_hidden_layers,   "num_hidden_layers",   NULL)                                      \
    F(i64,  state_size,          "state_size",          "16")                                      \
    F(i64,  expand,              "expand",              "2")                                       \
    F(i64,  intermediate_size,   "intermediate_size",   CORBEL_ABSENT_JSON)                        \
    F(i64,  conv_kernel,         "conv_kernel",         "4")                                       \
    F(json, time_step_rank,      "time_step_rank",      "\"auto\"")                                \
    F(str,  hidden_act,          "hidden_act",          "\"silu\"")                                \
    F(f64,  layer_norm_epsilon,  "layer_norm_epsilon",  "1e-5")                                    \
    F(flag, use_bias,            "use_bias",            "false")                                   \
    F(flag, use_conv_bias,       "use_conv_bias",       "true")                                    \
    F(flag, tie_word_embeddings, "tie_word_embeddings", "true")
/* clang-format on */

struct config {
    CONFIG(CORBEL_MEMBER)
};

/* "auto", ceil(hidden_size / 16), or a number: json is the value as it stands in config.json. */
static int64_t time_step_rank_of(corbel_build *b, const char *json, int64_t hidden_size)
{
    int64_t rank = 0;

    if (strcmp(json, "\"auto\"") == 0)
        return hidden_size / 16 + (hidden_size % 16 != 0);
    while (*json >= '0' && *json <= '9' && rank <= INT32_MAX)
        rank = 10 * rank + (*json++ - '0');
    corbel_check(b, *json == 0 && rank >= 1 && rank <= INT32_MAX, "time_step_rank",
                 "\"auto\" or a positive integer below 2^31");
    return rank;
}

/* MambaConfig.__post_init__ */
static int64_t channels_of(corbel_build *b, const struct config *c)
{
    if (c->intermediate_size != CORBEL_ABSENT) {
        corbel_check_size(b, "intermediate_size", c->intermediate_size);
        return c->intermediate_size;
    }
    corbel_check_size(b, "expand", c->expand);
    corbel_check(b, c->expand < 1 || c->hidden_size <= INT32_MAX / c->expand, "expand",
                 "a product with hidden_size below 2^31");
    return c->expand * c->hidden_size;
}

static void check_config(corbel_build *b, const struct config *c)
{
    corbel_check_size(b, "vocab_size", c->vocab_size);
    corbel_check_size(b, "hidden_size", c->hidden_size);
    corbel_check_layers(b, "num_hidden_layers", c->num_hidden_layers);
    corbel_check_size(b, "state_size", c->state_size);
    corbel_check_size(b, "conv_kernel", c->conv_kernel);
    corbel_check_eps(b, "layer_norm_epsilon", c->layer_norm_epsilon);
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* torch.nn.Conv1d(C, C, kernel, groups=C) */
static corbel_linear create_conv1d(corbel_build *b, int64_t channels, int64_t kernel, int has_bias)
{
    const int64_t shape[] = {channels, 1, kernel};
    corbel_linear conv = {0};

    corbel_enter(b, "conv1d");
    conv.weight = corbel_param_nd(b, "weight", shape, 3, 0);
    if (has_bias)
        conv.bias = corbel_param_1d(b, "bias", channels);
    corbel_leave(b);
    return conv;
}

/* MambaMixer.__init__ */
static struct mixer create_mixer(corbel_build *b, const struct config *c, const struct mamba *m)
{
    int64_t n_projected = m->time_step_rank + 2 * m->state_size;
    struct mixer x = {
        .conv1d = create_conv1d(b, m->channels, m->conv_kernel, c->use_conv_bias),
        .in_proj = corbel_param_linear(b, "in_proj", 2 * m->channels, c->hidden_size, c->use_bias),
        .x_proj = corbel_param_linear(b, "x_proj", n_projected, m->channels, 0),
        .dt_proj = corbel_param_linear(b, "dt_proj", m->channels, m->time_step_rank, 1),
        .A_log = corbel_param_2d(b, "A_log", m->channels, m->state_size),
        .D = corbel_param_init(b, "D", &m->channels, 1, CORBEL_INIT_CONSTANT, 1.0),
        .out_proj = corbel_param_linear(b, "out_proj", c->hidden_size, m->channels, c->use_bias),
    };
    return x;
}

/* MambaBlock.__init__ */
static struct layer create_layer(corbel_build *b, const struct config *c, const struct mamba *m)
{
    struct layer l;

    l.norm = corbel_param_weight_1d(b, "norm", c->hidden_size);
    corbel_enter(b, "mixer");
    l.mixer = create_mixer(b, c, m);
    corbel_leave(b);
    return l;
}

/* MambaModel.__init__; NULL: the build has failed. */
static struct mamba *create(corbel_build *b, const struct config *c, const char *module)
{
    struct mamba *m = corbel_alloc(b, sizeof(*m));

    check_config(b, c);
    struct layer *layers = corbel_alloc_array(b, c->num_hidden_layers, sizeof(*layers));
    if (!m || !layers)
        return NULL;
    *m = (struct mamba){
        .n_layers = c->num_hidden_layers,
        .channels = channels_of(b, c),
        .state_size = c->state_size,
        .conv_kernel = c->conv_kernel,
        .time_step_rank = time_step_rank_of(b, c->time_step_rank, c->hidden_size),
        .hidden_act = corbel_activation_of(b, "hidden_act", c->hidden_act),
        .eps = c->layer_norm_epsilon,
        .module = module,
        .layers = layers,
    };
    corbel_enter_trunk(b, module);
    /* older checkpoints say "embedding": MambaModel.load_hook */
    m->embeddings =
        corbel_param_weight_2d(b, "embeddings|embedding", c->vocab_size, c->hidden_size);
    for (int64_t i = 0; i < m->n_layers; i++) {
        corbel_enter_index(b, "layers", i);
        layers[i] = create_layer(b, c, m);
        corbel_leave(b);
    }
    m->norm_f = corbel_param_weight_1d(b, "norm_f", c->hidden_size);
    corbel_leave_trunk(b, module);
    return m;
}

/* ---- MambaMixer.forward ---------------------------------------------------------------------- */

/* torch.nn.functional.conv1d(x [B,C,L], weight [C,1,K], bias, groups=C) -> [B,C,L-K+1] */
static corbel_value depthwise_conv1d(corbel_build *b, corbel_value x, corbel_linear conv)
{
    corbel_attr groups = corbel_attr_int("groups", corbel_dim(b, x, 1));

    return corbel_emit3(b, "conv", x, conv.weight, conv.bias, &groups, 1);
}

/* x [B,S,C] behind the last inputs of the steps before: [B,K-1+S,C]; keeps its own last ones. */
static corbel_value after_conv_state(corbel_build *b, const struct mamba *m, corbel_value x)
{
    const int64_t shape[] = {corbel_dim(b, x, 0), m->conv_kernel - 1, m->channels};
    corbel_value in[2];

    if (m->conv_kernel == 1)
        return x;
    in[0] = corbel_state(b, "conv_state", shape, 3);
    in[1] = x;
    x = op_concat(b, in, 2, 1);
    op_assign(b, in[0], op_slice(b, x, 1, 1 - m->conv_kernel, INT64_MAX));
    return x;
}

/* causal_conv1d_fn and causal_conv1d_update: x [B,S,C] -> [B,S,C] */
static corbel_value causal_conv1d(corbel_build *b, const struct mamba *m, const struct mixer *l,
                                  corbel_value x)
{
    const int64_t transposed[] = {0, 2, 1};

    x = op_permute(b, after_conv_state(b, m, x), transposed, 3);
    x = op_permute(b, depthwise_conv1d(b, x, l->conv1d), transposed, 3);
    return op_activation(b, x, m->hidden_act);
}

/* MambaMixer.forward: x [B,S,hidden], mask [B,S,1] -> [B,S,hidden] */
static corbel_value mixer(corbel_build *b, const struct mamba *m, const struct mixer *l,
                          corbel_value x, corbel_value mask)
{
    const int64_t channels = m->channels;
    const int64_t shape[] = {corbel_dim(b, x, 0), m->state_size, channels};
    struct selective_scan scan = {.A_log = l->A_log, .D = l->D};
    corbel_linear dt_proj = l->dt_proj;

    /* 1. Gated MLP's linear projection */
    scan.gated = op_linear(b, op_mul(b, x, mask), l->in_proj);
    x = op_slice(b, scan.gated, 2, 0, channels);

    /* 2. Convolution sequence transformation */
    x = op_mul(b, causal_conv1d(b, m, l, x), mask);

    /* 3. SSM transformation: time_step, B and C are parts of `projected` */
    scan.projected = op_linear(b, x, l->x_proj);
    scan.x = x;
    scan.dt = op_linear(b, op_slice(b, scan.projected, 2, 0, m->time_step_rank), dt_proj);
    scan.state = corbel_state(b, "ssm_state", shape, 3);
    x = selective_scan(b, &scan);

    /* 4. Final linear projection */
    return op_linear(b, x, l->out_proj);
}

/* ---- MambaModel.forward ---------------------------------------------------------------------- */

/* The last hidden state [B,S,hidden]. As in transformers, hidden_states.0 is what comes out of the
 * first layer, and the last of them what comes out of the final norm. */
static corbel_value model(corbel_build *b, const struct mamba *m)
{
    corbel_value ids = corbel_input(b, "input_ids"), mask, x, h;

    mask = op_cast(b, corbel_input(b, "token_mask"), CORBEL_F32);
    mask = op_reshape3(b, mask, corbel_dim(b, ids, 0), corbel_dim(b, ids, 1), 1);
    corbel_enter_trunk(b, m->module);
    x = op_embedding(b, m->embeddings, ids);
    for (int64_t i = 0; i < m->n_layers; i++) {
        const struct layer *l = &m->layers[i];

        corbel_enter_index(b, "layers", i);
        h = op_rms_norm(b, x, l->norm, m->eps);
        corbel_enter(b, "mixer");
        h = mixer(b, m, &l->mixer, h, mask);
        corbel_leave(b);
        x = op_add(b, x, h);
        corbel_leave(b);
        corbel_output_index(b, "hidden_states", i, x);
    }
    x = op_rms_norm(b, x, m->norm_f, m->eps);
    corbel_output_index(b, "hidden_states", m->n_layers, x);
    corbel_leave_trunk(b, m->module);
    return x;
}

/* ---- the classes ----------------------------------------------------------------------------- */

CORBEL_CREATE(MambaModel, CONFIG)
{
    return create(b, &(struct config){CONFIG(CORBEL_GATHER)}, NULL);
}

CORBEL_FORWARD(MambaModel, struct mamba)
{
    corbel_output(b, "last_hidden_state", model(b, m));
}

CORBEL_CREATE(MambaForCausalLM, CONFIG)
{
    struct mamba *m = create(b, &(struct config){CONFIG(CORBEL_GATHER)}, "backbone");

    if (m && tie_word_embeddings)
        m->lm_head.weight = m->embeddings;
    else if (m)
        m->lm_head = corbel_param_linear(b, "lm_head", vocab_size, hidden_size, 0);
    return m;
}

CORBEL_FORWARD(MambaForCausalLM, struct mamba)
{
    corbel_value x = corbel_tokens_to_keep(b, model(b, m));

    corbel_output(b, "logits", op_linear(b, x, m->lm_head));
}

/* clang-format off */
static const corbel_arch archs[] = {
    CORBEL_CLASS(MambaModel,       "mamba", "",                "backbone"),
    CORBEL_CLASS(MambaForCausalLM, "mamba", "text-generation", "backbone"),
};
/* clang-format on */
static const corbel_arch *const arch_list[] = {&archs[0], &archs[1]};
static const corbel_kernel *const kernels[] = {&selective_scan_kernel};

CORBEL_PLUGIN_WITH_KERNELS("example/mamba", "1.0.0", arch_list, kernels);
