/* task/image_classification.c: labels with scores for a picture, given by its path.
 *
 * See ImageClassificationPipeline of transformers: the image processor of the model's folder makes
 * pixel_values, and of the logits' scores the `top_k` best (5) are the answer, best first. */
#include "base/error.h"
#include "corbel/image.h"
#include "task/forward.h"
#include "task/labels.h"

#include <stdlib.h>
#include <string.h>

struct options {
    enum score_function function;
    int64_t top_k;
};

static void read_options(struct call *call, struct parameters *parameters)
{
    /* `timeout` is about pictures from the web, of which there are none. */
    static const char *const names[] = {"top_k", "function_to_apply", "timeout"};
    struct options *o = call->options;
    parameters_check_names(parameters, names, sizeof(names) / sizeof(*names));
    o->function = score_function_read(parameters);
    o->top_k = parameter_int(parameters, "top_k", 5, 0, INT32_MAX);
}

/* ---- pictures ----------------------------------------------------------------------------------
 */

static corbel_status load_picture(struct json_object *input, corbel_image **image,
                                  corbel_error *err)
{
    if (!json_object_is_type(input, json_type_string))
        return error_set(err, CORBEL_E_ARGUMENT, "inputs: expected the path of a picture, found %s",
                         json_describe(input));
    const char *path = json_object_get_string(input);
    if (strncmp(path, "http://", 7) == 0 || strncmp(path, "https://", 8) == 0)
        return error_set(err, CORBEL_E_UNSUPPORTED,
                         "%s: pictures are not fetched; download it and give its path", path);
    return corbel_image_load(path, image, err);
}

static corbel_status load_pictures(struct json_object *const *inputs, size_t n,
                                   corbel_image **images, corbel_error *err)
{
    corbel_status status = CORBEL_OK;
    for (size_t i = 0; i < n && status == CORBEL_OK; i++)
        status = load_picture(inputs[i], &images[i], err);
    return status;
}

/* pixel_values of all inputs; the pictures themselves are gone when it returns. */
static corbel_status make_pixel_values(const struct call *call, struct json_object *const *inputs,
                                       size_t n, corbel_tensors **pixel_values, corbel_error *err)
{
    corbel_image **images = calloc(n, sizeof(*images));
    if (!images)
        return error_memory(err, n * sizeof(*images), "pictures");
    corbel_status status = load_pictures(inputs, n, images, err);
    if (status == CORBEL_OK)
        status = corbel_image_process(call->pipeline->processor,
                                      (const corbel_image *const *)images, n, pixel_values, err);
    for (size_t i = 0; i < n; i++)
        corbel_image_destroy(&images[i]);
    free(images);
    return status;
}

/* ---- a batch -----------------------------------------------------------------------------------
 */

/* Lets each item's one window point to its row of the logits. */
static corbel_status take_logits(const struct call *call, struct forward_group *group,
                                 corbel_error *err)
{
    const corbel_tensor *logits = corbel_tensors_find(group->outputs[0], "logits");
    if (!logits || logits->dtype != CORBEL_F32 || logits->rank != 2 || logits->shape[1] < 1 ||
        logits->shape[0] != (int64_t)group->n_items)
        return error_set(err, CORBEL_E_CONFIG,
                         "%s: the model gives no logits [pictures, labels]; --class may choose "
                         "another of its classes",
                         corbel_model_folder(call->pipeline->model));
    for (size_t i = 0; i < group->n_items; i++) {
        struct window *window = group->items[i].windows;
        window->width = logits->shape[1];
        window->outputs[0] = (const float *)logits->data + i * (size_t)logits->shape[1];
    }
    return CORBEL_OK;
}

static corbel_status make_items(struct forward_group *group, size_t n, corbel_error *err)
{
    group->outputs = calloc(1, sizeof(*group->outputs));
    group->items = calloc(n, sizeof(*group->items));
    if (!group->outputs || !group->items)
        return error_memory(err, n * sizeof(*group->items), "pictures");
    for (; group->n_items < n; group->n_items++) {
        struct item *item = &group->items[group->n_items];
        item->windows = calloc(1, sizeof(*item->windows));
        if (!item->windows)
            return error_memory(err, sizeof(*item->windows), "pictures");
        item->n_windows = 1;
    }
    return CORBEL_OK;
}

static corbel_status run_group(struct forward_group *group, const struct call *call,
                               struct json_object *const *inputs, size_t n, corbel_error *err)
{
    corbel_tensors *pixel_values = NULL;
    corbel_status status = make_items(group, n, err);
    if (status == CORBEL_OK)
        status = make_pixel_values(call, inputs, n, &pixel_values, err);
    if (status == CORBEL_OK)
        status = corbel_model_forward(call->pipeline->model, corbel_tensors_at(pixel_values, 0), 1,
                                      NULL, &group->outputs[0], err);
    corbel_tensors_destroy(&pixel_values);
    if (status != CORBEL_OK)
        return status;
    group->n_outputs = 1;
    return take_logits(call, group, err);
}

/* ---- answers -----------------------------------------------------------------------------------
 */

static void append_answer(const struct call *call, const struct score *ranked, int64_t n,
                          struct text *out)
{
    const struct options *o = call->options;
    text_append_char(out, '[');
    for (int64_t i = 0; i < n && i < o->top_k; i++) {
        text_append(out, i ? ", " : "");
        score_append(call, &ranked[i], out);
    }
    text_append_char(out, ']');
}

static corbel_status answer(const struct call *call, const struct item *item, struct text *out,
                            corbel_error *err)
{
    const struct options *o = call->options;
    const struct window *window = item->windows;
    const int64_t n = window->width;
    enum score_function function = o->function;
    if (function == SCORE_DEFAULT) {
        corbel_status status = score_function_default(call, n, &function, err);
        if (status != CORBEL_OK)
            return status;
    }
    corbel_status status = CORBEL_OK;
    float *scores = calloc((size_t)n, sizeof(*scores));
    struct score *ranked = calloc((size_t)n, sizeof(*ranked));
    if (scores && ranked) {
        scores_apply(function, window->outputs[0], n, scores);
        scores_rank(scores, n, ranked);
        append_answer(call, ranked, n, out);
    } else {
        status = error_memory(err, (size_t)n * sizeof(*ranked), "scores");
    }
    free(scores);
    free(ranked);
    return status;
}

static const struct forward_task forward = {.run_group = run_group, .answer = answer};

const struct task image_classification = {
    .name = "image-classification",
    .takes_pictures = true,
    .options_size = sizeof(struct options),
    .read_options = read_options,
    .forward = &forward,
};
