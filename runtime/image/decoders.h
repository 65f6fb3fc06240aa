/* image/decoders.h: the file formats, for image.c.
 *
 * A decoder fills an empty `image` (the caller finishes it also after a failure) and leaves
 * *orientation as it was where the file says nothing about it. */
#ifndef IMAGE_DECODERS_H
#define IMAGE_DECODERS_H

#include "image/image.h"

struct encoded {
    const uint8_t *data;
    size_t size;
    const char *name; /* for messages */
};

corbel_status png_decode(struct image *image, const struct encoded *file, int *orientation,
                         corbel_error *err);
corbel_status jpeg_decode(struct image *image, const struct encoded *file, int *orientation,
                          corbel_error *err);

#endif
