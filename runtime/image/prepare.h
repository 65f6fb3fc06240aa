/* image/prepare.h: the steps of an image processor, one picture at a time. */
#ifndef IMAGE_PREPARE_H
#define IMAGE_PREPARE_H

#include "image/settings.h"

/* Resized and cropped; `to` is made, and finished by the caller. `name` is for messages. */
corbel_status image_prepare(const struct image_settings *settings, const struct image *from,
                            const char *name, struct image *to, corbel_error *err);

/* Rescaled and normalized, into three planes of [plane_height, plane_width], each at least as large
 * as the picture; what is beside the picture stays as it was. */
void image_to_planes(const struct image_settings *settings, const struct image *image,
                     float *planes, size_t plane_height, size_t plane_width);

#endif
