/* image/resample.h: resizing that gives Pillow's pixels, bit for bit. */
#ifndef IMAGE_RESAMPLE_H
#define IMAGE_RESAMPLE_H

#include "image/image.h"

/* The numbers of PIL.Image.Resampling, which preprocessor_config.json uses. */
enum resample_filter {
    RESAMPLE_NEAREST,
    RESAMPLE_LANCZOS,
    RESAMPLE_BILINEAR,
    RESAMPLE_BICUBIC,
    RESAMPLE_BOX,
    RESAMPLE_HAMMING,
    N_RESAMPLE_FILTERS
};

/* `to` is made; the caller finishes it. `name` is the picture, for the message. */
corbel_status image_resize(const struct image *from, uint64_t width, uint64_t height,
                           enum resample_filter filter, const char *name, struct image *to,
                           corbel_error *err);

#endif
