/* image/processor.c: the functions of corbel/image.h, but for the one that makes a tensor
 * (task/image_process.c). */
#include "image/processor.h"

#include "base/error.h"
#include "base/file.h"
#include "hub/resolve.h"
#include "hub/resources.h"
#include "image/prepare.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct corbel_image {
    struct image image;
    char *name;
};

struct corbel_image_processor {
    struct image_settings settings;
};

/* ---- pictures ----------------------------------------------------------------------------------
 */

static corbel_status new_image(const char *name, corbel_image **image, corbel_error *err)
{
    *image = calloc(1, sizeof(**image));
    if (*image)
        (*image)->name = strdup(name);
    if (*image && (*image)->name)
        return CORBEL_OK;
    corbel_image_destroy(image);
    return error_memory(err, sizeof(**image), "a picture");
}

/* A picture of a demo model is found from any folder, as the model is. */
static corbel_status load_file(struct image *image, const char *path, corbel_error *err)
{
    char demo[PATH_MAX];
    corbel_error unused;
    if (strncmp(path, "demo/", 5) == 0 && !file_exists(path) &&
        resource_demo_file(path + 5, demo, sizeof(demo), &unused) == CORBEL_OK)
        return image_load(image, demo, err);
    return image_load(image, path, err);
}

corbel_status corbel_image_load(const char *path, corbel_image **image, corbel_error *err)
{
    corbel_status status = new_image(path, image, err);
    if (status == CORBEL_OK)
        status = load_file(&(*image)->image, path, err);
    if (status != CORBEL_OK)
        corbel_image_destroy(image);
    return status;
}

corbel_status corbel_image_decode(const void *data, size_t size, const char *name,
                                  corbel_image **image, corbel_error *err)
{
    name = name ? name : "the picture";
    corbel_status status = new_image(name, image, err);
    if (status == CORBEL_OK)
        status = image_decode(&(*image)->image, data, size, name, err);
    if (status != CORBEL_OK)
        corbel_image_destroy(image);
    return status;
}

corbel_status corbel_image_create(uint32_t width, uint32_t height, const uint8_t *pixels,
                                  corbel_image **image, corbel_error *err)
{
    corbel_status status = new_image("the picture", image, err);
    if (status == CORBEL_OK) {
        status = image_create(&(*image)->image, width, height, "the picture", err);
        if (status == CORBEL_E_FORMAT) { /* no file is to blame */
            status = CORBEL_E_ARGUMENT;
            if (err)
                err->status = status;
        }
    }
    if (status == CORBEL_OK)
        memcpy((*image)->image.pixels, pixels, (size_t)width * height * 3);
    else
        corbel_image_destroy(image);
    return status;
}

void corbel_image_destroy(corbel_image **image)
{
    if (!*image)
        return;
    image_finish(&(*image)->image);
    free((*image)->name);
    free(*image);
    *image = NULL;
}

uint32_t corbel_image_width(const corbel_image *image)
{
    return image->image.width;
}

uint32_t corbel_image_height(const corbel_image *image)
{
    return image->image.height;
}

const uint8_t *corbel_image_pixels(const corbel_image *image)
{
    return image->image.pixels;
}

/* ---- processing --------------------------------------------------------------------------------
 */

/* The size that all pictures get: that of all of them, or what they are padded to. */
static corbel_status set_shape(struct image_batch *batch, const corbel_image *const *images,
                               corbel_error *err)
{
    const struct image_settings *s = batch->settings;
    const struct image *prepared = batch->prepared;
    const size_t n = batch->n;
    int64_t height = s->do_pad ? s->pad_size.height : 0, width = s->do_pad ? s->pad_size.width : 0;
    const bool fixed = height != 0;
    for (size_t i = 0; i < n && !fixed; i++) {
        height = prepared[i].height > height ? prepared[i].height : height;
        width = prepared[i].width > width ? prepared[i].width : width;
    }
    for (size_t i = 0; i < n; i++) {
        const int64_t h = prepared[i].height, w = prepared[i].width;
        if (h > height || w > width)
            return error_set(err, CORBEL_E_ARGUMENT,
                             "%s: %lld x %lld pixels after the other steps, which pad_size (%lld x "
                             "%lld) can't hold",
                             images[i]->name, (long long)w, (long long)h, (long long)width,
                             (long long)height);
        if (!s->do_pad && (h != height || w != width))
            return error_set(err, CORBEL_E_ARGUMENT,
                             "%s comes out as %lld x %lld pixels, another picture as %lld x %lld: "
                             "one tensor can't hold both, process them one at a time",
                             images[i]->name, (long long)w, (long long)h, (long long)width,
                             (long long)height);
    }
    memcpy(batch->shape, (int64_t[]){(int64_t)n, 3, height, width}, sizeof(batch->shape));
    return CORBEL_OK;
}

corbel_status image_batch_prepare(struct image_batch *batch,
                                  const corbel_image_processor *processor,
                                  const corbel_image *const *images, size_t n, corbel_error *err)
{
    *batch = (struct image_batch){.settings = &processor->settings};
    if (n == 0)
        return error_set(err, CORBEL_E_ARGUMENT, "no pictures to process");
    batch->prepared = calloc(n, sizeof(*batch->prepared));
    if (!batch->prepared)
        return error_memory(err, n * sizeof(*batch->prepared), "pictures");
    batch->n = n;
    corbel_status status = CORBEL_OK;
    for (size_t i = 0; i < n && status == CORBEL_OK; i++)
        status = image_prepare(batch->settings, &images[i]->image, images[i]->name,
                               &batch->prepared[i], err);
    return status == CORBEL_OK ? set_shape(batch, images, err) : status;
}

void image_batch_write(const struct image_batch *batch, float *values)
{
    const size_t height = (size_t)batch->shape[2], width = (size_t)batch->shape[3];
    for (size_t i = 0; i < batch->n; i++)
        image_to_planes(batch->settings, &batch->prepared[i], values + i * 3 * height * width,
                        height, width);
}

void image_batch_finish(struct image_batch *batch)
{
    for (size_t i = 0; i < batch->n; i++)
        image_finish(&batch->prepared[i]);
    free(batch->prepared);
    *batch = (struct image_batch){0};
}

corbel_status corbel_image_processor_load(const char *name, corbel_image_processor **processor,
                                          corbel_error *err)
{
    char folder[PATH_MAX];
    *processor = NULL;
    /* A folder of nothing but the processor's file is fine too. */
    const bool here = image_settings_exist(name);
    corbel_status status =
        here ? CORBEL_OK : hub_resolve_parts(name, CORBEL_PULL_CONFIG, folder, sizeof(folder), err);
    if (status != CORBEL_OK)
        return status;
    *processor = calloc(1, sizeof(**processor));
    if (!*processor)
        return error_memory(err, sizeof(**processor), "an image processor");
    status = image_settings_load(&(*processor)->settings, here ? name : folder, err);
    if (status != CORBEL_OK)
        corbel_image_processor_destroy(processor);
    return status;
}

void corbel_image_processor_destroy(corbel_image_processor **processor)
{
    free(*processor);
    *processor = NULL;
}
