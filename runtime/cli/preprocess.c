/* cli/preprocess.c: `corbel preprocess`: pictures to pixel_values, as the model's image processor
 * makes them. */
#include "base/error.h"
#include "base/file.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "cli/tensors.h"
#include "corbel/image.h"

#include <stdio.h>
#include <stdlib.h>

/* A folder with the processor's file need not be a whole model. */
static bool is_processor_folder(const char *name)
{
    char path[4096];
    return (path_join(path, sizeof(path), name, "preprocessor_config.json") && file_exists(path)) ||
           (path_join(path, sizeof(path), name, "processor_config.json") && file_exists(path));
}

static corbel_status load_processor(const struct arguments *a, corbel_image_processor **processor,
                                    corbel_error *err)
{
    corbel_pulled pulled;
    struct progress_bar bar = {0};
    if (is_processor_folder(a->words[0]))
        return corbel_image_processor_load(a->words[0], processor, err);
    corbel_status status =
        session_pull(a,
                     &CORBEL_PULL_PARAMS(.parts = CORBEL_PULL_CONFIG,
                                         .revision = arguments_text(a, OPTION_REVISION, NULL),
                                         .offline = arguments_have(a, OPTION_OFFLINE),
                                         .on_progress = progress_draw, .user = &bar),
                     &pulled, err);
    progress_end(&bar);
    return status == CORBEL_OK ? corbel_image_processor_load(pulled.folder, processor, err)
                               : status;
}

static corbel_status process(const struct arguments *a, const corbel_image_processor *processor,
                             corbel_tensors **outputs, corbel_error *err)
{
    const size_t n = a->n_words - 1;
    corbel_image **images = calloc(n, sizeof(*images));
    if (!images)
        return error_memory(err, n * sizeof(*images), "pictures");
    corbel_status status = CORBEL_OK;
    for (size_t i = 0; i < n && status == CORBEL_OK; i++)
        status = corbel_image_load(a->words[1 + i], &images[i], err);
    if (status == CORBEL_OK)
        status = input_error(
            corbel_image_process(processor, (const corbel_image *const *)images, n, outputs, err),
            err, "pictures");
    for (size_t i = 0; i < n; i++)
        corbel_image_destroy(&images[i]);
    free(images);
    return status;
}

/* {"pixel_values": {"dtype": "float32", "shape": [1, 3, 224, 224]}}, as `corbel forward` says it */
static void print_shape(const corbel_tensor *t)
{
    printf("{\"%s\": {\"dtype\": \"float32\", \"shape\": [%lld, %lld, %lld, %lld]}}\n", t->name,
           (long long)t->shape[0], (long long)t->shape[1], (long long)t->shape[2],
           (long long)t->shape[3]);
}

corbel_status preprocess_command(const struct arguments *a, corbel_error *err)
{
    corbel_image_processor *processor = NULL;
    corbel_tensors *outputs = NULL;
    const char *out = arguments_text(a, OPTION_OUTPUT, NULL);
    if (!out)
        return error_set(err, CORBEL_E_ARGUMENT, "--output FILE is missing");

    corbel_status status = load_processor(a, &processor, err);
    if (status == CORBEL_OK)
        status = process(a, processor, &outputs, err);
    if (status == CORBEL_OK)
        status = tensors_write(out, outputs, err);
    if (status == CORBEL_OK && arguments_have(a, OPTION_JSON))
        print_shape(corbel_tensors_at(outputs, 0));
    corbel_tensors_destroy(&outputs);
    corbel_image_processor_destroy(&processor);
    return status;
}
