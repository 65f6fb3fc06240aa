/* image/image.c: see image.h. */
#include "image/image.h"

#include "base/error.h"
#include "base/file.h"
#include "image/decoders.h"
#include "image/orientation.h"

#include <stdlib.h>
#include <string.h>

/* More than 64 Mpixel of 16-bit RGBA need without any compression. */
#define MAX_FILE_SIZE (640u << 20)

corbel_status image_check_size(uint64_t width, uint64_t height, const char *name, corbel_error *err)
{
    if (width == 0 || height == 0)
        return error_set(err, CORBEL_E_FORMAT, "%s: a picture of %llu x %llu pixels", name,
                         (unsigned long long)width, (unsigned long long)height);
    if (width > IMAGE_MAX_SIDE || height > IMAGE_MAX_SIDE || width * height > IMAGE_MAX_PIXELS)
        return error_set(err, CORBEL_E_FORMAT,
                         "%s: a picture of %llu x %llu pixels; at most %d a side and %d in all are "
                         "allowed",
                         name, (unsigned long long)width, (unsigned long long)height,
                         IMAGE_MAX_SIDE, IMAGE_MAX_PIXELS);
    return CORBEL_OK;
}

corbel_status image_create(struct image *image, uint64_t width, uint64_t height, const char *name,
                           corbel_error *err)
{
    *image = (struct image){0};
    corbel_status status = image_check_size(width, height, name, err);
    if (status != CORBEL_OK)
        return status;
    image->pixels = calloc((size_t)(width * height), 3);
    if (!image->pixels)
        return error_memory(err, (size_t)(width * height * 3), name);
    image->width = (uint32_t)width;
    image->height = (uint32_t)height;
    return CORBEL_OK;
}

void image_finish(struct image *image)
{
    free(image->pixels);
    *image = (struct image){0};
}

corbel_status image_decode(struct image *image, const void *data, size_t size, const char *name,
                           corbel_error *err)
{
    static const uint8_t png_signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    static const uint8_t jpeg_signature[3] = {0xff, 0xd8, 0xff};
    struct encoded encoded = {.data = data, .size = size, .name = name};
    int orientation = ORIENTATION_UPRIGHT;
    corbel_status status;

    *image = (struct image){0};
    if (size >= sizeof(png_signature) && memcmp(data, png_signature, sizeof(png_signature)) == 0)
        status = png_decode(image, &encoded, &orientation, err);
    else if (size >= sizeof(jpeg_signature) &&
             memcmp(data, jpeg_signature, sizeof(jpeg_signature)) == 0)
        status = jpeg_decode(image, &encoded, &orientation, err);
    else
        status =
            error_set(err, CORBEL_E_FORMAT, "%s: neither a PNG nor a JPEG file; convert it", name);
    if (status == CORBEL_OK)
        status = orientation_apply(orientation, image, err);
    if (status != CORBEL_OK)
        image_finish(image);
    return status;
}

corbel_status image_load(struct image *image, const char *path, corbel_error *err)
{
    char *data = NULL;
    size_t size = 0;
    *image = (struct image){0};
    corbel_status status = file_read(path, MAX_FILE_SIZE, &data, &size, err);
    if (status == CORBEL_OK)
        status = image_decode(image, data, size, path, err);
    free(data);
    return status;
}
