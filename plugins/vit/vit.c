/* vit.c: the Vision Transformer, after transformers' models/vit/modeling_vit.py.
 *
 * A picture is cut into patches, which are an encoder's tokens behind one for the class. Modules
 * have two names: those of transformers 5 and, after the |, those that checkpoints mostly have.
 * Shapes: B pictures of C channels; P patches, so P + 1 tokens. */
#include "corbel/layers.h"

struct layer {
    corbel_linear layernorm_before, layernorm_after, fc1, fc2;
    corbel_self_attention attention;
};

struct vit {
    int64_t n_layers, hidden_size, hidden_act, pooler_act;
    int64_t channels, height, width, patch_height, patch_width; /* that the model is made for */
    double eps;
    const char *module; /* which the trunk is in the class with a head; NULL: ViTModel */
    corbel_value cls_token, position_embeddings;
    corbel_linear projection, layernorm, pooler;
    struct layer *layers;
    corbel_linear classifier;
};

/* ---- ViTConfig ------------------------------------------------------------------------------- */

/* clang-format off */
#define CONFIG(F)                                                                                  \
    F(i64,  hidden_size,         "hidden_size",          NULL)                                     \
    F(i64,  num_hidden_layers,   "num_hidden_layers",    NULL)                                     \
    F(i64,  num_attention_heads, "num_attention_heads",  NULL)                                     \
    F(i64,  intermediate_size,   "intermediate_size",    NULL)                                     \
    F(str,  hidden_act,          "hidden_act",           "\"gelu\"")                               \
    F(f64,  layer_norm_eps,      "layer_norm_eps",       "1e-12")                                  \
    F(i64s, image_size,          "image_size",           "224")                                    \
    F(i64s, patch_size,          "patch_size",           "16")                                     \
    F(i64,  num_channels,        "num_channels",         "3")                                      \
    F(flag, qkv_bias,            "qkv_bias",             "true")                                   \
    F(i64,  pooler_output_size,  "pooler_output_size",   CORBEL_ABSENT_JSON)                       \
    F(str,  pooler_act,          "pooler_act",           "\"tanh\"")                               \
    F(i64,  num_labels,          "#id2label|num_labels", "2")
/* clang-format on */

struct config {
    CONFIG(CORBEL_MEMBER)
};

/* One size for both axes, or height and width. */
static void check_sides(corbel_build *b, const char *key, const corbel_i64_list *sides)
{
    corbel_check(b, sides->n == 1 || sides->n == 2, key, "a size, or height and width");
    for (uint64_t i = 0; i < sides->n; i++)
        corbel_check(b, sides->items[i] >= 1 && sides->items[i] <= INT32_MAX, key,
                     "a positive integer below 2^31");
}

static void check_config(corbel_build *b, const struct config *c)
{
    corbel_check_multiple(b, "hidden_size", c->hidden_size, "num_attention_heads",
                          c->num_attention_heads);
    corbel_check_layers(b, "num_hidden_layers", c->num_hidden_layers);
    corbel_check_size(b, "intermediate_size", c->intermediate_size);
    corbel_check_eps(b, "layer_norm_eps", c->layer_norm_eps);
    check_sides(b, "image_size", c->image_size);
    check_sides(b, "patch_size", c->patch_size);
    corbel_check_size(b, "num_channels", c->num_channels);
    corbel_check_optional_size(b, "pooler_output_size", c->pooler_output_size);
    corbel_check_size(b, "num_labels", c->num_labels);
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* ViTEmbeddings.__init__ */
static void create_embeddings(corbel_build *b, struct vit *m)
{
    int64_t patches = m->height / m->patch_height * (m->width / m->patch_width);
    const int64_t cls_token[] = {1, 1, m->hidden_size};
    const int64_t position_embeddings[] = {1, patches + 1, m->hidden_size};
    const int64_t weight[] = {m->hidden_size, m->channels, m->patch_height, m->patch_width};

    corbel_check(b, patches >= 1, "image_size", "at least patch_size");
    corbel_enter(b, "embeddings");
    m->cls_token = corbel_param_init(b, "cls_token", cls_token, 3, CORBEL_INIT_TRUNC_NORMAL, 0.0);
    m->position_embeddings = corbel_param_init(b, "position_embeddings", position_embeddings, 3,
                                               CORBEL_INIT_TRUNC_NORMAL, 0.0);
    corbel_enter(b, "patch_embeddings.projection");
    m->projection.weight = corbel_param_nd(b, "weight", weight, 4, 0);
    m->projection.bias = corbel_param_1d(b, "bias", m->hidden_size);
    corbel_leave(b);
    corbel_leave(b);
}

/* ViTLayer.__init__ */
static struct layer create_layer(corbel_build *b, const struct config *c)
{
    int64_t n = c->hidden_size;
    int32_t bias = c->qkv_bias;
    struct layer l = {.attention = {.n_heads = c->num_attention_heads,
                                    .n_kv_heads = c->num_attention_heads,
                                    .head_dim = n / c->num_attention_heads}};

    corbel_enter(b, "attention");
    l.attention.q_proj = corbel_param_linear(b, "q_proj|attention.query", n, n, bias);
    l.attention.k_proj = corbel_param_linear(b, "k_proj|attention.key", n, n, bias);
    l.attention.v_proj = corbel_param_linear(b, "v_proj|attention.value", n, n, bias);
    l.attention.o_proj = corbel_param_linear(b, "o_proj|output.dense", n, n, 1);
    corbel_leave(b);
    l.layernorm_before = corbel_param_layer_norm(b, "layernorm_before", n);
    l.layernorm_after = corbel_param_layer_norm(b, "layernorm_after", n);
    l.fc1 = corbel_param_linear(b, "mlp.fc1|intermediate.dense", c->intermediate_size, n, 1);
    l.fc2 = corbel_param_linear(b, "mlp.fc2|output.dense", n, c->intermediate_size, 1);
    return l;
}

/* ViTModel.__init__; NULL: the build has failed. */
static struct vit *create(corbel_build *b, const struct config *c, const char *module, int pooler)
{
    struct vit *m = corbel_alloc(b, sizeof(*m));

    check_config(b, c);
    struct layer *layers = corbel_alloc_array(b, c->num_hidden_layers, sizeof(*layers));
    if (!m || !layers)
        return NULL;
    *m = (struct vit){
        .n_layers = c->num_hidden_layers,
        .hidden_size = c->hidden_size,
        .hidden_act = corbel_activation_of(b, "hidden_act", c->hidden_act),
        .pooler_act = corbel_activation_of(b, "pooler_act", c->pooler_act),
        .channels = c->num_channels,
        .height = c->image_size->items[0],
        .width = c->image_size->items[c->image_size->n - 1],
        .patch_height = c->patch_size->items[0],
        .patch_width = c->patch_size->items[c->patch_size->n - 1],
        .eps = c->layer_norm_eps,
        .module = module,
        .layers = layers,
    };
    corbel_enter_trunk(b, module);
    create_embeddings(b, m);
    for (int64_t i = 0; i < m->n_layers; i++) {
        corbel_enter_index(b, "layers|encoder.layer", i);
        layers[i] = create_layer(b, c);
        corbel_leave(b);
    }
    m->layernorm = corbel_param_layer_norm(b, "layernorm", c->hidden_size);
    if (pooler)
        m->pooler = corbel_param_pooler(
            b, c->pooler_output_size == CORBEL_ABSENT ? c->hidden_size : c->pooler_output_size,
            c->hidden_size);
    corbel_leave_trunk(b, module);
    return m;
}

/* ---- ViTModel.forward ------------------------------------------------------------------------ */

/* ViTEmbeddings.interpolate_pos_encoding: the grid of positions [1,P+1,hidden], which is square,
 * stretched to `rows` times `columns`. */
static corbel_value stretched_positions(corbel_build *b, const struct vit *m, int64_t rows,
                                        int64_t columns)
{
    static const int64_t channels_first[] = {0, 3, 1, 2}, channels_last[] = {0, 2, 3, 1};
    int64_t side = m->height / m->patch_height;
    corbel_value x[2];

    if (side != m->width / m->patch_width)
        corbel_fail(b, "interpolate_pos_encoding: image_size has no square grid of patches");
    x[0] = op_slice(b, m->position_embeddings, 1, 0, 1);
    x[1] = op_slice(b, m->position_embeddings, 1, 1, INT64_MAX);
    x[1] = op_permute(b, op_reshape4(b, x[1], 1, side, side, m->hidden_size), channels_first, 4);
    x[1] = op_interpolate(b, x[1], rows, columns, 1);
    x[1] = op_reshape3(b, op_permute(b, x[1], channels_last, 4), 1, -1, m->hidden_size);
    return op_concat(b, x, 2, 1);
}

/* ViTEmbeddings.forward: [B,C,height,width] -> [B,P+1,hidden] */
static corbel_value embeddings(corbel_build *b, const struct vit *m, corbel_value pixels)
{
    static const int64_t tokens_first[] = {0, 2, 1};
    const corbel_conv how = {.stride = m->patch_height, .stride_w = m->patch_width};
    int64_t batch = corbel_dim(b, pixels, 0), height = corbel_dim(b, pixels, 2),
            width = corbel_dim(b, pixels, 3);
    const int64_t one_each[] = {batch, 1, m->hidden_size};
    int same_size = height == m->height && width == m->width;
    corbel_value positions = m->position_embeddings, x[2];

    if (corbel_dim(b, pixels, 1) != m->channels)
        corbel_fail(b, "pixel_values: another number of channels than num_channels");
    if (!same_size && corbel_option(b, "interpolate_pos_encoding", 0))
        positions = stretched_positions(b, m, height / m->patch_height, width / m->patch_width);
    else if (!same_size)
        corbel_fail(b, "pixel_values: another height or width than image_size; "
                       "interpolate_pos_encoding=true allows it");
    x[0] = op_expand(b, m->cls_token, one_each, 3);
    x[1] = op_conv2d(b, pixels, m->projection, how);
    x[1] = op_permute(b, op_reshape3(b, x[1], batch, m->hidden_size, -1), tokens_first, 3);
    return op_add(b, op_concat(b, x, 2, 1), positions);
}

/* ViTLayer.forward: x [B,P+1,hidden] -> the same shape */
static corbel_value layer(corbel_build *b, const struct vit *m, const struct layer *l,
                          corbel_value x)
{
    const corbel_value none = {0};
    const corbel_attention how = {0};
    corbel_value h = op_layer_norm(b, x, l->layernorm_before, m->eps);

    x = op_add(b, corbel_attend_to_self(b, h, &l->attention, none, none, how), x);
    h = op_layer_norm(b, x, l->layernorm_after, m->eps);
    h = op_activation(b, op_linear(b, h, l->fc1), m->hidden_act);
    return op_add(b, op_linear(b, h, l->fc2), x);
}

/* ViTModel.forward: the last hidden state [B,P+1,hidden]. As in transformers, the last of
 * hidden_states is what goes into the final norm. */
static corbel_value model(corbel_build *b, const struct vit *m)
{
    corbel_value x;

    corbel_enter_trunk(b, m->module);
    x = embeddings(b, m, corbel_input(b, "pixel_values"));
    corbel_output_index(b, "hidden_states", 0, x);
    for (int64_t i = 0; i < m->n_layers; i++) {
        corbel_enter_index(b, "layers", i);
        x = layer(b, m, &m->layers[i], x);
        corbel_leave(b);
        corbel_output_index(b, "hidden_states", i + 1, x);
    }
    x = op_layer_norm(b, x, m->layernorm, m->eps);
    corbel_leave_trunk(b, m->module);
    return x;
}

/* ---- the classes ----------------------------------------------------------------------------- */

CORBEL_CREATE(ViTModel, CONFIG)
{
    return create(b, &(struct config){CONFIG(CORBEL_GATHER)}, NULL, 1);
}

CORBEL_FORWARD(ViTModel, struct vit)
{
    corbel_value x = model(b, m);

    corbel_output(b, "last_hidden_state", x);
    corbel_output(b, "pooler_output", corbel_pooler(b, x, m->pooler, m->pooler_act));
}

CORBEL_CREATE(ViTForImageClassification, CONFIG)
{
    struct vit *m = create(b, &(struct config){CONFIG(CORBEL_GATHER)}, "vit", 0);

    if (m)
        m->classifier = corbel_param_linear(b, "classifier", num_labels, hidden_size, 1);
    return m;
}

CORBEL_FORWARD(ViTForImageClassification, struct vit)
{
    corbel_output(b, "logits", op_linear(b, corbel_token(b, model(b, m), 0), m->classifier));
}

/* clang-format off */
static const corbel_arch archs[] = {
    CORBEL_CLASS(ViTModel,                  "vit", "",                     "vit"),
    CORBEL_CLASS(ViTForImageClassification, "vit", "image-classification", "vit"),
};
/* clang-format on */
static const corbel_arch *const arch_list[] = {&archs[0], &archs[1]};

CORBEL_PLUGIN("corbel/vit", "1.0.0", arch_list);
