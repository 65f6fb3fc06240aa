/* resnet50d.c: the custom model of transformers' documentation ("Sharing custom models"): timm's
 * ResNet as ResnetModel and ResnetModelForImageClassification.
 *
 * A model's repository brings this class as Python code (modeling_resnet.py, which builds
 * timm.models.resnet.ResNet); here it is a plugin. Every field of its ResnetConfig is read. Shapes:
 * B images of C channels, height H, width W. */
#include "corbel/layers.h"
#include "norm_relu.h"

#define N_STAGES 4

/* BasicBlock has two convolutions, Bottleneck three. */
struct block {
    corbel_linear conv[3];
    struct batch_norm bn[3];
    corbel_linear down_conv; /* none: the shortcut is x itself */
    struct batch_norm down_bn;
    int64_t stride;
};

struct stage {
    int64_t n_blocks;
    struct block *blocks;
};

struct resnet {
    int64_t cardinality, expansion;
    int32_t is_bottleneck, is_deep, has_avg_down;
    corbel_linear conv1[3]; /* the last one is followed by bn1 */
    struct batch_norm conv1_bn[2], bn1;
    struct stage stages[N_STAGES];
    corbel_linear fc; /* none: num_classes is 0 */
};

/* ---- ResnetConfig ---------------------------------------------------------------------------- */

/* clang-format off */
#define CONFIG(F)                                                                                  \
    F(str,  block_type,     "block_type",     "\"bottleneck\"")                                    \
    F(i64s, layers,         "layers",         "[3, 4, 6, 3]")                                      \
    F(i64,  num_classes,    "num_classes",    "1000")                                              \
    F(i64,  input_channels, "input_channels", "3")                                                 \
    F(i64,  cardinality,    "cardinality",    "1")                                                 \
    F(i64,  base_width,     "base_width",     "64")                                                \
    F(i64,  stem_width,     "stem_width",     "64")                                                \
    F(str,  stem_type,      "stem_type",      "\"\"")                                              \
    F(flag, avg_down,       "avg_down",       "false")
/* clang-format on */

struct config {
    CONFIG(CORBEL_MEMBER)
};

static int is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* So that no product of a stage's widths can overflow. */
static void check_width(corbel_build *b, const char *key, int64_t value)
{
    corbel_check(b, value >= 1 && value <= 1 << 20, key, "1 to 1048576");
}

static void check_layers(corbel_build *b, const corbel_i64_list *layers)
{
    corbel_check(b, layers->n == N_STAGES, "layers", "four numbers of blocks");
    for (uint64_t i = 0; i < layers->n; i++)
        corbel_check(b, layers->items[i] >= 0 && layers->items[i] <= 4096, "layers",
                     "0 to 4096 blocks each");
}

static void check_config(corbel_build *b, const struct config *c)
{
    const int is_basic = is(c->block_type, "basic"), is_tiered = is(c->stem_type, "deep-tiered");

    corbel_check(b, is_basic || is(c->block_type, "bottleneck"), "block_type",
                 "basic or bottleneck");
    corbel_check(b, is_tiered || is(c->stem_type, "deep") || is(c->stem_type, ""), "stem_type",
                 "an empty string, deep or deep-tiered");
    check_layers(b, c->layers);
    corbel_check(b, c->num_classes >= 0 && c->num_classes <= INT32_MAX, "num_classes",
                 "a number that is not negative, below 2^31");
    corbel_check_size(b, "input_channels", c->input_channels);
    check_width(b, "cardinality", c->cardinality);
    check_width(b, "base_width", c->base_width);
    check_width(b, "stem_width", c->stem_width);
    corbel_check(b, !is_basic || c->cardinality == 1, "cardinality", "1 with basic blocks");
    corbel_check(b, !is_basic || c->base_width == 64, "base_width", "64 with basic blocks");
    corbel_check(b, !is_tiered || c->stem_width >= 4, "stem_width", "at least 4 in a tiered stem");
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* torch.nn.Conv2d(in, out, size, groups=groups, bias=False) */
static corbel_linear create_conv(corbel_build *b, const char *module, int64_t out, int64_t in,
                                 int64_t size, int64_t groups)
{
    const int64_t shape[] = {out, in / groups, size, size};
    corbel_linear conv = {0};

    corbel_enter(b, module);
    conv.weight = corbel_param_nd(b, "weight", shape, 4, 0);
    corbel_leave(b);
    return conv;
}

/* ResNet.__init__, the stem; gives its number of channels. */
static int64_t create_stem(corbel_build *b, const struct config *c, struct resnet *m)
{
    const int is_tiered = is(c->stem_type, "deep-tiered");
    const int64_t first = is_tiered ? 3 * (c->stem_width / 4) : c->stem_width;
    const int64_t channels = m->is_deep ? 2 * c->stem_width : 64;

    if (m->is_deep) {
        corbel_enter(b, "conv1");
        m->conv1[0] = create_conv(b, "0", first, c->input_channels, 3, 1);
        m->conv1_bn[0] = create_batch_norm(b, "1", first);
        m->conv1[1] = create_conv(b, "3", c->stem_width, first, 3, 1);
        m->conv1_bn[1] = create_batch_norm(b, "4", c->stem_width);
        m->conv1[2] = create_conv(b, "6", channels, c->stem_width, 3, 1);
        corbel_leave(b);
    } else {
        m->conv1[2] = create_conv(b, "conv1", channels, c->input_channels, 7, 1);
    }
    m->bn1 = create_batch_norm(b, "bn1", channels);
    return channels;
}

/* BasicBlock.__init__, Bottleneck.__init__ */
static void create_convs(corbel_build *b, const struct config *c, const struct resnet *m,
                         int64_t in, int64_t planes, struct block *k)
{
    const int64_t width = planes / 64 * c->base_width * c->cardinality, out = 4 * planes;

    if (!m->is_bottleneck) {
        k->conv[0] = create_conv(b, "conv1", planes, in, 3, 1);
        k->bn[0] = create_batch_norm(b, "bn1", planes);
        k->conv[1] = create_conv(b, "conv2", planes, planes, 3, 1);
        k->bn[1] = create_batch_norm(b, "bn2", planes);
        return;
    }
    k->conv[0] = create_conv(b, "conv1", width, in, 1, 1);
    k->bn[0] = create_batch_norm(b, "bn1", width);
    k->conv[1] = create_conv(b, "conv2", width, width, 3, c->cardinality);
    k->bn[1] = create_batch_norm(b, "bn2", width);
    k->conv[2] = create_conv(b, "conv3", out, width, 1, 1);
    k->bn[2] = create_batch_norm(b, "bn3", out);
}

/* downsample_conv, downsample_avg: the pool of the latter is module 0. */
static void create_downsample(corbel_build *b, const struct resnet *m, int64_t in, int64_t out,
                              struct block *k)
{
    corbel_enter(b, "downsample");
    k->down_conv = create_conv(b, m->has_avg_down ? "1" : "0", out, in, 1, 1);
    k->down_bn = create_batch_norm(b, m->has_avg_down ? "2" : "1", out);
    corbel_leave(b);
}

/* make_blocks: gives the stages' number of channels. */
static int64_t create_stages(corbel_build *b, const struct config *c, struct resnet *m,
                             int64_t channels)
{
    static const char *const names[N_STAGES] = {"layer1", "layer2", "layer3", "layer4"};

    for (uint32_t i = 0; i < N_STAGES; i++) {
        const int64_t planes = 64 << i, out = planes * m->expansion;
        struct stage *s = &m->stages[i];

        s->n_blocks = c->layers->items[i];
        s->blocks = corbel_alloc_array(b, s->n_blocks, sizeof(*s->blocks));
        for (int64_t j = 0; s->blocks && j < s->n_blocks; j++) {
            corbel_enter_index(b, names[i], j);
            s->blocks[j].stride = i > 0 && j == 0 ? 2 : 1;
            create_convs(b, c, m, channels, planes, &s->blocks[j]);
            if (j == 0 && (i > 0 || channels != out))
                create_downsample(b, m, channels, out, &s->blocks[j]);
            channels = out;
            corbel_leave(b);
        }
    }
    return channels;
}

/* ResNet.__init__ without its head; NULL: the build has failed. */
static struct resnet *create(corbel_build *b, const struct config *c, int has_head)
{
    struct resnet *m = corbel_alloc(b, sizeof(*m));
    int64_t channels;

    check_config(b, c);
    if (!m || c->layers->n != N_STAGES)
        return NULL;
    m->cardinality = c->cardinality;
    m->is_bottleneck = is(c->block_type, "bottleneck");
    m->expansion = m->is_bottleneck ? 4 : 1;
    m->is_deep = !is(c->stem_type, "");
    m->has_avg_down = c->avg_down;
    corbel_enter(b, "model");
    channels = create_stages(b, c, m, create_stem(b, c, m));
    corbel_check(b, !has_head || channels == 512 * m->expansion, "layers",
                 "at least one block in the last stage, which the head reads");
    if (has_head && c->num_classes > 0)
        m->fc = corbel_param_linear(b, "fc", c->num_classes, channels, 1);
    corbel_leave(b);
    return m;
}

/* ---- forward --------------------------------------------------------------------------------- */

static corbel_value conv_of(corbel_build *b, corbel_value x, corbel_linear conv, int64_t stride,
                            int64_t groups)
{
    /* Kernels are 1, 3 or 7 wide, and padded to keep the size. */
    const int64_t size = corbel_dim(b, conv.weight, 3);

    return op_conv2d(b, x, conv,
                     (corbel_conv){.stride = stride, .padding = size / 2, .groups = groups});
}

/* torch.nn.AvgPool2d(2, stride, ceil_mode=True, count_include_pad=False) */
static corbel_value avg_pool(corbel_build *b, corbel_value x, int64_t stride)
{
    const corbel_attr attrs[] = {
        corbel_attr_int("kernel_h", 2),      corbel_attr_int("kernel_w", 2),
        corbel_attr_int("stride_h", stride), corbel_attr_int("stride_w", stride),
        corbel_attr_int("ceil_mode", 1),     corbel_attr_int("count_include_pad", 0),
    };

    return corbel_emit1(b, "avg_pool", x, attrs, CORBEL_COUNT(attrs));
}

/* torch.nn.MaxPool2d(3, 2, 1) */
static corbel_value max_pool(corbel_build *b, corbel_value x)
{
    const corbel_attr attrs[] = {
        corbel_attr_int("kernel_h", 3), corbel_attr_int("kernel_w", 3),
        corbel_attr_int("stride_h", 2), corbel_attr_int("stride_w", 2),
        corbel_attr_int("pad_h", 1),    corbel_attr_int("pad_w", 1),
    };

    return corbel_emit1(b, "max_pool", x, attrs, CORBEL_COUNT(attrs));
}

/* x [B,C,H,W] -> its mean over height and width, [B,C] */
static corbel_value global_pool(corbel_build *b, corbel_value x)
{
    x = op_reshape3(b, x, corbel_dim(b, x, 0), corbel_dim(b, x, 1), -1);
    return op_reduce(b, "reduce_mean", x, 2, 0);
}

static corbel_value stem(corbel_build *b, const struct resnet *m, corbel_value x)
{
    const corbel_value none = {0};

    for (int i = 0; m->is_deep && i < 2; i++) {
        x = conv_of(b, x, m->conv1[i], i == 0 ? 2 : 1, 1);
        x = norm_relu(b, x, &m->conv1_bn[i], none);
    }
    x = conv_of(b, x, m->conv1[2], m->is_deep ? 1 : 2, 1);
    return max_pool(b, norm_relu(b, x, &m->bn1, none));
}

static corbel_value downsample(corbel_build *b, const struct resnet *m, const struct block *k,
                               corbel_value x)
{
    if (!k->down_conv.weight.id)
        return x;
    if (m->has_avg_down && k->stride > 1)
        x = avg_pool(b, x, k->stride);
    x = conv_of(b, x, k->down_conv, m->has_avg_down ? 1 : k->stride, 1);
    return norm_only(b, x, &k->down_bn);
}

/* BasicBlock.forward, Bottleneck.forward: the last convolution but one has stride and groups. */
static corbel_value block(corbel_build *b, const struct resnet *m, const struct block *k,
                          corbel_value x)
{
    const corbel_value shortcut = downsample(b, m, k, x), none = {0};
    const int last = m->is_bottleneck ? 2 : 1, strided = last - 1;

    for (int i = 0; i <= last; i++) {
        x = conv_of(b, x, k->conv[i], i == strided ? k->stride : 1,
                    i == strided ? m->cardinality : 1);
        x = norm_relu(b, x, &k->bn[i], i == last ? shortcut : none);
    }
    return x;
}

/* ResNet.forward_features: pixel_values [B,C,H,W] -> [B,512 or 2048,H/32,W/32]. Beside it the mean
 * of what every part gives, features.PART [B,C]. */
static corbel_value model(corbel_build *b, const struct resnet *m)
{
    static const char *const names[N_STAGES] = {"features.layer1", "features.layer2",
                                                "features.layer3", "features.layer4"};
    corbel_value x;

    corbel_enter(b, "model");
    x = stem(b, m, corbel_input(b, "pixel_values"));
    corbel_output(b, "features.maxpool", global_pool(b, x));
    for (uint32_t i = 0; i < N_STAGES; i++) {
        for (int64_t j = 0; j < m->stages[i].n_blocks; j++) {
            corbel_enter_index(b, names[i] + strlen("features."), j);
            x = block(b, m, &m->stages[i].blocks[j], x);
            corbel_leave(b);
        }
        corbel_output(b, names[i], global_pool(b, x));
    }
    corbel_leave(b);
    return x;
}

/* ---- the classes ----------------------------------------------------------------------------- */

CORBEL_CREATE(ResnetModel, CONFIG)
{
    return create(b, &(struct config){CONFIG(CORBEL_GATHER)}, 0);
}

CORBEL_FORWARD(ResnetModel, struct resnet)
{
    corbel_output(b, "last_hidden_state", model(b, m));
}

CORBEL_CREATE(ResnetModelForImageClassification, CONFIG)
{
    return create(b, &(struct config){CONFIG(CORBEL_GATHER)}, 1);
}

CORBEL_FORWARD(ResnetModelForImageClassification, struct resnet)
{
    corbel_value x = global_pool(b, model(b, m));

    corbel_output(b, "logits", m->fc.weight.id ? op_linear(b, x, m->fc) : x);
}

/* clang-format off */
static const corbel_arch archs[] = {
    CORBEL_CLASS(ResnetModel,                       "resnet", "",                     ""),
    CORBEL_CLASS(ResnetModelForImageClassification, "resnet", "image-classification", ""),
};
/* clang-format on */
static const corbel_arch *const arch_list[] = {&archs[0], &archs[1]};
static const corbel_kernel *const kernels[] = {&norm_relu_kernel, &norm_add_relu_kernel};

CORBEL_PLUGIN_WITH_KERNELS("example/resnet50d", "1.0.0", arch_list, kernels);
