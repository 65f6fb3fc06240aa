/* sample.c: programs for the tests of this folder. */
#include "sample.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const float some_floats[1024];

uint32_t sample_value(struct program *p, const char *name, const char *spec)
{
    struct program_value v = {.kind = VALUE_INPUT, .dtype = CORBEL_F32, .name = name};
    char made_up[32];
    uint32_t id = 0;
    corbel_error err = {0};
    switch (spec[0]) {
    case 'f': break;
    case 'i': v.dtype = CORBEL_I32; break;
    case 'w': v.kind = VALUE_WEIGHT; break;
    case 'h': v.kind = VALUE_WEIGHT, v.dtype = CORBEL_F16; break;
    case 'b': v.kind = VALUE_WEIGHT, v.dtype = CORBEL_BF16; break;
    case 's': v.kind = VALUE_STATE; break;
    case 'c': v.kind = VALUE_CONSTANT, v.data = some_floats; break;
    case 'k': v.kind = VALUE_CONSTANT, v.dtype = CORBEL_I32, v.data = some_floats; break;
    default: fail_msg("sample_value: %s", spec);
    }
    for (const char *s = spec + 1; *s; s += *s == 'x') {
        char *end;
        v.shape[v.rank++] = strtoll(s, &end, 10);
        s = end;
    }
    if (!name && v.kind != VALUE_CONSTANT) {
        snprintf(made_up, sizeof(made_up), "%s.%u", spec, p->n_values);
        v.name = made_up;
    }
    if (program_add_value(p, &v, &id, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    return id;
}

uint32_t sample_attrs(const char *text, struct program_attr attrs[ATTR_COUNT])
{
    uint32_t n = 0;
    char copy[256];
    snprintf(copy, sizeof(copy), "%s", text ? text : "");
    char *rest = NULL;
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(word, '=');
        assert_non_null(value);
        *value++ = 0;
        const int key = program_attr_from_name(word);
        assert_true(key >= 0);
        attrs[n] = (struct program_attr){.key = (enum program_attr_key)key};
        if (program_attr_is_float(attrs[n].key))
            attrs[n].f = strtod(value, NULL);
        else
            attrs[n].i = strtoll(value, NULL, 10);
        n++;
    }
    return n;
}

uint32_t sample_emit4(struct program *p, const char *module, const char *op, uint32_t a, uint32_t b,
                      uint32_t c, uint32_t d, const char *text)
{
    struct program_attr attrs[ATTR_COUNT];
    uint32_t out[PROGRAM_MAX_OUTPUTS] = {0};
    corbel_error err = {0};
    const int kind = program_op_from_name(op);
    if (kind < 0)
        fail_msg("no operation %s", op);
    const struct program_op made = {.kind = (enum program_op_kind)kind,
                                    .n_in = d   ? 4
                                            : c ? 3
                                            : b ? 2
                                                : 1,
                                    .in = {a, b, c, d},
                                    .attrs = attrs,
                                    .n_attrs = sample_attrs(text, attrs),
                                    .module = module};
    if (program_emit(p, &made, out, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    return out[0];
}

uint32_t sample_emit(struct program *p, const char *module, const char *op, uint32_t a, uint32_t b,
                     uint32_t c, const char *attrs)
{
    return sample_emit4(p, module, op, a, b, c, 0, attrs);
}

/* ---- models -------------------------------------------------------------------------------------
 */

/* Where operations and parameters go: a module within a program. */
struct scope {
    struct program *p;
    char module[64];
};

static struct scope scope(struct program *p, const char *format, int layer)
{
    struct scope s = {.p = p};
    (void)snprintf(s.module, sizeof(s.module), "%s%d", format, layer);
    return s;
}

static struct scope inner(const struct scope *s, const char *name)
{
    struct scope in = {.p = s->p};
    (void)snprintf(in.module, sizeof(in.module), "%.40s.%.20s", s->module, name);
    return in;
}

static uint32_t param(const struct scope *s, const char *name, const char *spec)
{
    char full[128];
    (void)snprintf(full, sizeof(full), "%s.%s", s->module, name);
    return sample_value(s->p, full, spec);
}

static uint32_t op(const struct scope *s, const char *name, uint32_t a, uint32_t b, uint32_t c,
                   const char *attrs)
{
    return sample_emit(s->p, s->module, name, a, b, c, attrs);
}

static uint32_t linear(const struct scope *s, uint32_t x, const char *name, const char *spec,
                       const char *bias, const char *attrs)
{
    char weight[64], offset[64];
    (void)snprintf(weight, sizeof(weight), "%s.weight", name);
    (void)snprintf(offset, sizeof(offset), "%s.bias", name);
    const uint32_t w = param(s, weight, spec);
    return op(s, "linear", x, w, bias ? param(s, offset, bias) : 0, attrs);
}

static void output(struct program *p, const char *name, uint32_t value)
{
    corbel_error err = {0};
    if (program_add_output(p, name, value, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
}

static uint32_t cache(struct program *p, int64_t batch, int64_t heads, int64_t capacity,
                      int64_t head_dim)
{
    const struct program_cache c = {batch, heads, capacity, head_dim, head_dim, 0};
    uint32_t slot = 0;
    corbel_error err = {0};
    if (program_add_cache(p, &c, &slot, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    return slot;
}

/* hidden 32, 4 heads of 8, 2 of keys, 56 in the middle, 128 words */
static uint32_t llama_attention(const struct scope *s, const struct sample_llama *how, uint32_t x,
                                uint32_t table, uint32_t mask)
{
    char heads[64], kv_heads[64], joined[64], attrs[64];
    (void)snprintf(heads, sizeof(heads), "d0=%d d1=%d d2=4 d3=8", how->batch, how->tokens);
    (void)snprintf(kv_heads, sizeof(kv_heads), "d0=%d d1=%d d2=2 d3=8", how->batch, how->tokens);
    (void)snprintf(joined, sizeof(joined), "d0=%d d1=%d d2=-1", how->batch, how->tokens);
    const uint32_t slot = cache(s->p, how->batch, 2, how->capacity, 8);
    (void)snprintf(attrs, sizeof(attrs), "causal=1 scale=0 window=0 softcap=0 cache=%u", slot);

    uint32_t q = linear(s, x, "q_proj", "b32x32", how->bias ? "b32" : NULL, NULL);
    q = op(s, "rope", op(s, "reshape", q, 0, 0, heads), table, 0, NULL);
    uint32_t k = linear(s, x, "k_proj", "b16x32", how->bias ? "b16" : NULL, NULL);
    k = op(s, "rope", op(s, "reshape", k, 0, 0, kv_heads), table, 0, NULL);
    uint32_t v = linear(s, x, "v_proj", "b16x32", how->bias ? "b16" : NULL, NULL);
    v = op(s, "reshape", v, 0, 0, kv_heads);
    const uint32_t y = sample_emit4(s->p, s->module, "attention", q, k, v, mask, attrs);
    return linear(s, op(s, "reshape", y, 0, 0, joined), "o_proj", "b32x32", NULL, NULL);
}

static uint32_t llama_mlp(const struct scope *s, uint32_t x)
{
    const uint32_t gate = linear(s, x, "gate_proj", "b56x32", NULL, NULL);
    const uint32_t silu = op(s, "activation", gate, 0, 0, "function=1");
    const uint32_t up = linear(s, x, "up_proj", "b56x32", NULL, NULL);
    return linear(s, op(s, "mul", silu, up, 0, NULL), "down_proj", "b32x56", NULL, NULL);
}

void sample_llama(struct program *p, struct sample_llama how)
{
    char ids[32], masked[32], name[32];
    (void)snprintf(ids, sizeof(ids), "i%dx%d", how.batch, how.tokens);
    (void)snprintf(masked, sizeof(masked), "i%dx%d", how.batch, how.capacity);
    const struct scope model = {.p = p, .module = "model"};
    const uint32_t input_ids = sample_value(p, "input_ids", ids);
    const uint32_t mask = sample_value(p, "attention_mask", masked);
    const uint32_t positions = sample_value(p, "position_ids", ids);
    const uint32_t table =
        op(&model, "rope_table", positions, 0, 0, "rope_type=0 dim=8 theta=10000");
    uint32_t x = op(&model, "embedding", param(&model, "embed_tokens.weight", "b128x32"), input_ids,
                    0, NULL);
    for (int i = 0; i < how.layers; i++) {
        const struct scope layer = scope(p, "model.layers.", i);
        const struct scope attention = inner(&layer, "self_attn"), mlp = inner(&layer, "mlp");
        if (how.hidden_states) {
            (void)snprintf(name, sizeof(name), "hidden_states.%d", i);
            output(p, name, x);
        }
        uint32_t h = op(&layer, "rms_norm", x, param(&layer, "input_layernorm.weight", "b32"), 0,
                        "eps=1e-6");
        x = op(&layer, "add", x, llama_attention(&attention, &how, h, table, mask), 0, NULL);
        h = op(&layer, "rms_norm", x, param(&layer, "post_attention_layernorm.weight", "b32"), 0,
               "eps=1e-6");
        x = op(&layer, "add", x, llama_mlp(&mlp, h), 0, NULL);
    }
    x = op(&model, "rms_norm", x, param(&model, "norm.weight", "b32"), 0, "eps=1e-6");
    const struct scope root = {.p = p, .module = "lm_head"};
    output(p, "logits", op(&root, "linear", x, param(&root, "weight", "b128x32"), 0, NULL));
}

void sample_gpt2(struct program *p, int layers)
{
    const struct scope top = {.p = p, .module = "transformer"};
    const uint32_t ids = sample_value(p, "input_ids", "i1x5");
    const uint32_t positions = sample_value(p, "position_ids", "i1x5");
    const uint32_t words = op(&top, "embedding", param(&top, "wte.weight", "w90x32"), ids, 0, NULL);
    const uint32_t places =
        op(&top, "embedding", param(&top, "wpe.weight", "w64x32"), positions, 0, NULL);
    uint32_t x = op(&top, "add", words, places, 0, NULL);
    for (int i = 0; i < layers; i++) {
        const struct scope h = scope(p, "transformer.h.", i);
        const struct scope attn = inner(&h, "attn"), mlp = inner(&h, "mlp");
        char attrs[32];
        (void)snprintf(attrs, sizeof(attrs), "causal=1 cache=%u", cache(p, 1, 4, 16, 8));
        uint32_t y = op(&h, "layer_norm", x, param(&h, "ln_1.weight", "w32"),
                        param(&h, "ln_1.bias", "w32"), "eps=1e-5");
        y = linear(&attn, y, "c_attn", "w32x96", "w96", "transposed=1");
        uint32_t qkv[3];
        for (int j = 0; j < 3; j++) {
            char slice[64];
            (void)snprintf(slice, sizeof(slice), "axis=2 start=%d stop=%d", 32 * j, 32 * j + 32);
            qkv[j] = op(&attn, "reshape", op(&attn, "slice", y, 0, 0, slice), 0, 0,
                        "d0=1 d1=5 d2=4 d3=8");
        }
        y = op(&attn, "attention", qkv[0], qkv[1], qkv[2], attrs);
        y = op(&attn, "reshape", y, 0, 0, "d0=1 d1=5 d2=32");
        x = op(&h, "add", linear(&attn, y, "c_proj", "w32x32", "w32", "transposed=1"), x, 0, NULL);
        y = op(&h, "layer_norm", x, param(&h, "ln_2.weight", "w32"), param(&h, "ln_2.bias", "w32"),
               "eps=1e-5");
        y = linear(&mlp, y, "c_fc", "w32x128", "w128", "transposed=1");
        y = op(&mlp, "activation", y, 0, 0, "function=3");
        x = op(&h, "add", x, linear(&mlp, y, "c_proj", "w128x32", "w32", "transposed=1"), 0, NULL);
    }
    output(p, "last_hidden_state",
           op(&top, "layer_norm", x, param(&top, "ln_f.weight", "w32"),
              param(&top, "ln_f.bias", "w32"), "eps=1e-5"));
}

void sample_bert(struct program *p, int layers)
{
    const struct scope top = {.p = p, .module = "embeddings"};
    const uint32_t ids = sample_value(p, "input_ids", "i2x6");
    const uint32_t types = sample_value(p, "token_type_ids", "i2x6");
    const uint32_t mask = sample_value(p, "attention_mask", "i2x6");
    uint32_t x = op(&top, "add", op(&top, "embedding", param(&top, "word", "h90x32"), ids, 0, NULL),
                    op(&top, "embedding", param(&top, "type", "h2x32"), types, 0, NULL), 0, NULL);
    x = op(&top, "layer_norm", x, param(&top, "norm.weight", "h32"),
           param(&top, "norm.bias", "h32"), "eps=1e-12");
    for (int i = 0; i < layers; i++) {
        const struct scope s = scope(p, "encoder.layer.", i);
        uint32_t heads[3];
        static const char *const names[] = {"query", "key", "value"};
        for (int j = 0; j < 3; j++)
            heads[j] = op(&s, "reshape", linear(&s, x, names[j], "h32x32", "h32", NULL), 0, 0,
                          "d0=2 d1=6 d2=4 d3=8");
        uint32_t y = sample_emit4(p, s.module, "attention", heads[0], heads[1], heads[2], mask, "");
        y = linear(&s, op(&s, "reshape", y, 0, 0, "d0=2 d1=6 d2=-1"), "attention.output", "h32x32",
                   "h32", NULL);
        x = op(&s, "layer_norm", op(&s, "add", y, x, 0, NULL), param(&s, "norm_1.weight", "h32"),
               param(&s, "norm_1.bias", "h32"), "eps=1e-12");
        y = linear(&s, x, "intermediate", "h64x32", "h64", NULL);
        y = linear(&s, op(&s, "activation", y, 0, 0, "function=2"), "output", "h32x64", "h32",
                   NULL);
        x = op(&s, "layer_norm", op(&s, "add", y, x, 0, NULL), param(&s, "norm_2.weight", "h32"),
               param(&s, "norm_2.bias", "h32"), "eps=1e-12");
    }
    output(p, "last_hidden_state", x);
}

struct plan_options sample_options(void)
{
    return (struct plan_options){.fuse_linear = true,
                                 .fuse_norm = true,
                                 .fuse_rope = true,
                                 .host_prologue = true,
                                 .alignment = 64};
}

uint32_t sample_count(const struct program *p, enum program_op_kind kind)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_ops; i++)
        n += p->ops[i].kind == kind;
    return n;
}
