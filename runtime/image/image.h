/* image/image.h: a picture in memory, and the ways to one.
 *
 * Whatever a file holds (grey, palette, alpha, 16 bits, CMYK), a picture here has rows of three
 * bytes a pixel, red, green, blue: what Pillow's convert("RGB") makes of it. Files are strangers':
 * sides and area are bounded before anything is allocated, and an error names the file. */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include "corbel/corbel.h"

#define IMAGE_MAX_SIDE   16384
#define IMAGE_MAX_PIXELS (64 * 1024 * 1024)

/* A zeroed struct is a valid empty one. */
struct image {
    uint32_t width, height;
    uint8_t *pixels; /* [height, width, 3] */
};

/* CORBEL_E_FORMAT if the picture is empty or larger than the limits; `name` is for the message. */
corbel_status image_check_size(uint64_t width, uint64_t height, const char *name,
                               corbel_error *err);
/* All black, of a size that image_check_size lets through. */
corbel_status image_create(struct image *image, uint64_t width, uint64_t height, const char *name,
                           corbel_error *err);
void image_finish(struct image *image);

static inline uint8_t *image_row(const struct image *image, uint32_t y)
{
    return image->pixels + (size_t)y * image->width * 3;
}

/* A PNG or a JPEG, upright: turned as its EXIF or XMP orientation says. */
corbel_status image_decode(struct image *image, const void *data, size_t size, const char *name,
                           corbel_error *err);
corbel_status image_load(struct image *image, const char *path, corbel_error *err);

#endif
