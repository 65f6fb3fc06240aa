/* image/processor.h: what corbel_image_process rests on: pictures prepared, then written as one
 * tensor wherever the caller has room. */
#ifndef IMAGE_PROCESSOR_H
#define IMAGE_PROCESSOR_H

#include "corbel/image.h"
#include "image/settings.h"

/* A zeroed struct is a valid empty one. */
struct image_batch {
    const struct image_settings *settings;
    struct image *prepared; /* [n], resized and cropped */
    size_t n;
    int64_t shape[4]; /* of pixel_values: [n, 3, height, width] */
};

/* CORBEL_E_ARGUMENT: n is 0, or the pictures come out in different sizes. The caller finishes the
 * batch also after a failure. */
corbel_status image_batch_prepare(struct image_batch *batch,
                                  const corbel_image_processor *processor,
                                  const corbel_image *const *images, size_t n, corbel_error *err);
/* `values` has room for the shape, and is zeroed. */
void image_batch_write(const struct image_batch *batch, float *values);
void image_batch_finish(struct image_batch *batch);

#endif
