/* conformance/made_model.c: see made_model.h. */
#include "conformance/made_model.h"

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "model/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- weights --------------------------------------------------------------------------------- */

static int64_t elements(const corbel_tensor *t)
{
    int64_t n = 1;

    for (uint32_t d = 0; d < t->rank; d++)
        n *= t->shape[d];
    return n;
}

/* The sum of twelve uniform numbers, less 6: near enough to normal, the same everywhere. */
static double random_normal(uint64_t *random)
{
    double sum = -6.0;

    for (int i = 0; i < 12; i++)
        sum += random_uniform(random);
    return sum;
}

static void fill_weight(const corbel_tensor *t, float *data, uint64_t *random)
{
    const int64_t n = elements(t), fan_in = t->rank > 1 ? n / t->shape[0] : 1;

    for (int64_t i = 0; i < n; i++)
        data[i] = (float)(t->rank > 1 ? random_normal(random) / sqrt((double)fan_in)
                                      : 0.5 + random_uniform(random));
}

static corbel_status make_weight(const struct plugin_param *p, corbel_tensor *t, uint64_t *random,
                                 corbel_error *err)
{
    float *data;

    *t = (corbel_tensor){.name = p->name, .dtype = CORBEL_F32, .rank = p->rank};
    memcpy(t->shape, p->shape, p->rank * sizeof(*p->shape));
    data = calloc((size_t)elements(t), sizeof(*data));
    if (!data)
        return error_memory(err, (size_t)elements(t) * sizeof(*data), p->name);
    fill_weight(t, data, random);
    t->data = data;
    return CORBEL_OK;
}

static corbel_status write_weights(struct conformance *c, const struct plugin_model *model,
                                   const char *folder, corbel_error *err)
{
    const uint32_t n = plugin_model_param_count(model);
    corbel_tensor *tensors = calloc(n ? n : 1, sizeof(*tensors));
    corbel_status status = tensors ? CORBEL_OK : error_memory(err, n * sizeof(*tensors), "weights");
    char path[PATH_MAX];

    for (uint32_t i = 0; i < n && !status; i++)
        status = make_weight(plugin_model_param(model, i), &tensors[i], &c->random, err);
    if (!status && !path_join(path, sizeof path, folder, "model.safetensors"))
        status = error_set(err, CORBEL_E_ARGUMENT, "%s: the path is too long", folder);
    if (!status)
        status = corbel_tensors_save(path, tensors, n, err);
    for (uint32_t i = 0; tensors && i < n; i++)
        free((void *)(uintptr_t)tensors[i].data);
    free(tensors);
    return status;
}

corbel_status made_model_write(struct conformance *c, const struct subject *s, const char *folder,
                               corbel_error *err)
{
    const char *config = json_object_to_json_string_ext(s->base, JSON_C_TO_STRING_PLAIN);
    char path[PATH_MAX];
    struct trial t;
    corbel_status status;

    if (!path_join(path, sizeof path, folder, "config.json"))
        return error_set(err, CORBEL_E_ARGUMENT, "%s: the path is too long", folder);
    status = file_write(path, config, strlen(config), err);
    if (status)
        return status;
    trial_begin(&t, c->isolated, s->arch->name, json_object_get(s->base));
    status = t.status ? error_set(err, t.status, "%s", t.error.text)
                      : write_weights(c, t.model, folder, err);
    trial_finish(&t);
    return status;
}

/* ---- inputs ---------------------------------------------------------------------------------- */

static corbel_status add(struct made_inputs *in, const corbel_tensor *t, size_t element,
                         void **data, corbel_error *err)
{
    *data = calloc((size_t)elements(t), element);
    if (!*data)
        return error_memory(err, (size_t)elements(t) * element, t->name);
    in->tensors[in->n] = *t;
    in->tensors[in->n].data = in->data[in->n] = *data;
    in->n++;
    return CORBEL_OK;
}

static int64_t pad_token(const struct subject *s)
{
    return config_integer(s->base, "pad_token_id", 0);
}

/* Tokens that are not padding. */
static int32_t random_token(const struct subject *s, uint64_t *random)
{
    const int64_t vocab = config_integer(s->base, "vocab_size", 4);
    int64_t id = (int64_t)(random_next(random) % (uint64_t)(vocab > 0 ? vocab : 1));

    if (id == pad_token(s))
        id = id + 1 < vocab ? id + 1 : id > 0 ? id - 1 : 0;
    return (int32_t)id;
}

static corbel_status make_tokens(struct conformance *c, const struct subject *s,
                                 struct made_inputs *in, corbel_error *err)
{
    corbel_tensor t = {
        .name = "input_ids", .dtype = CORBEL_I32, .rank = 2, .shape = {in->batch, in->tokens}};
    void *ids, *mask;
    corbel_status status = add(in, &t, sizeof(int32_t), &ids, err);

    t.name = "attention_mask";
    if (!status)
        status = add(in, &t, sizeof(int32_t), &mask, err);
    for (int64_t i = 0; !status && i < in->batch * in->tokens; i++) {
        ((int32_t *)ids)[i] = random_token(s, &c->random);
        ((int32_t *)mask)[i] = 1;
    }
    return status;
}

static corbel_status make_pictures(struct conformance *c, const struct subject *s,
                                   struct made_inputs *in, corbel_error *err)
{
    corbel_tensor t = {
        .name = "pixel_values", .dtype = CORBEL_F32, .rank = 4, .shape = {in->batch}};
    void *pixels;
    corbel_status status;

    config_picture(s->base, &t.shape[1], &t.shape[2], &t.shape[3]);
    status = add(in, &t, sizeof(float), &pixels, err);
    for (int64_t i = 0; !status && i < elements(&t); i++)
        ((float *)pixels)[i] = (float)random_normal(&c->random);
    return status;
}

corbel_status made_inputs_create(struct conformance *c, const struct subject *s, int64_t batch,
                                 int64_t tokens, struct made_inputs *in, corbel_error *err)
{
    const bool pictures = config_is_of_pictures(s->base, s->arch);

    *in = (struct made_inputs){.batch = batch, .tokens = pictures ? 0 : tokens};
    return pictures ? make_pictures(c, s, in, err) : make_tokens(c, s, in, err);
}

corbel_status made_inputs_row(const struct made_inputs *in, int64_t row, int64_t tokens,
                              struct made_inputs *out, corbel_error *err)
{
    *out = (struct made_inputs){.batch = 1, .tokens = tokens};
    for (size_t i = 0; i < in->n; i++) {
        corbel_tensor t = in->tensors[i];
        const size_t element = 4, whole = (size_t)(elements(&t) / in->batch) * element;
        void *data;
        corbel_status status;

        t.shape[0] = 1;
        if (t.rank == 2)
            t.shape[1] = tokens;
        status = add(out, &t, element, &data, err);
        if (status)
            return status;
        memcpy(data, (const char *)in->data[i] + (size_t)row * whole,
               (size_t)elements(&t) * element);
    }
    return CORBEL_OK;
}

void made_inputs_pad(struct made_inputs *in, const struct subject *s, int64_t row, int64_t n)
{
    for (int64_t i = in->tokens - n; i < in->tokens; i++) {
        ((int32_t *)in->data[0])[row * in->tokens + i] = (int32_t)pad_token(s);
        ((int32_t *)in->data[1])[row * in->tokens + i] = 0;
    }
}

void made_inputs_finish(struct made_inputs *in)
{
    for (size_t i = 0; i < in->n; i++)
        free(in->data[i]);
    *in = (struct made_inputs){.n = 0};
}
