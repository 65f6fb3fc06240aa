/* image/kinds.h: what transformers' image processors do where a file says nothing. */
#ifndef IMAGE_KINDS_H
#define IMAGE_KINDS_H

#include "image/settings.h"

struct image_kind {
    const char *name;     /* "ViT", of ViTImageProcessor and ViTFeatureExtractor */
    bool number_is_short; /* a number as `size` is the shortest edge, not both */
    bool pads, flips, offsets, normalizes, never_crops; /* steps that not every class has */
    struct image_settings defaults;
};

/* The class that `type` ("ViTImageProcessorFast", "ViTFeatureExtractor") is a form of. NULL if it
 * is unknown; CORBEL_E_UNSUPPORTED if it is known to take other steps than those of settings.h. */
corbel_status image_kind_find(const char *type, const char *name, const struct image_kind **kind,
                              corbel_error *err);

#endif
