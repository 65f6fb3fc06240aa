/* corbel/image.h: pictures, and what a model's image processor makes of them.
 *
 * What corbel/corbel.h says at its top holds here too. A picture and a processor never change once
 * they are made: several threads may use the same ones at once. */
#ifndef CORBEL_IMAGE_H
#define CORBEL_IMAGE_H

#include "corbel/corbel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- pictures ----------------------------------------------------------------------------------
 */

typedef struct corbel_image corbel_image;

/* A PNG or JPEG file as transformers' pipelines load it: turned upright as its EXIF (or XMP)
 * orientation says, and in RGB as Pillow converts to it: alpha is dropped, grey is repeated, 16-bit
 * colours keep their upper byte, CMYK is Adobe's. At most 16384 pixels a side and 64 Mi (67108864)
 * in all. A path that begins with "demo/" and is no file here is looked for among the demo models.
 * The caller destroys *image; on failure it is NULL.
 * CORBEL_E_NOT_FOUND, CORBEL_E_IO; CORBEL_E_FORMAT: not such a file, damaged, or too large. */
CORBEL_API corbel_status corbel_image_load(const char *path, corbel_image **image,
                                           corbel_error *err);

/* The same for a file's bytes. `name` stands for the path in errors; NULL: "the picture". */
CORBEL_API corbel_status corbel_image_decode(const void *data, size_t size, const char *name,
                                             corbel_image **image, corbel_error *err);

/* A picture of the caller's own pixels, which are copied: [height, width, 3], red, green and blue
 * from 0 to 255. */
CORBEL_API corbel_status corbel_image_create(uint32_t width, uint32_t height, const uint8_t *pixels,
                                             corbel_image **image, corbel_error *err);
CORBEL_API void corbel_image_destroy(corbel_image **image);

CORBEL_API uint32_t corbel_image_width(const corbel_image *image);
CORBEL_API uint32_t corbel_image_height(const corbel_image *image);
/* [height, width, 3]; they live as long as the picture. */
CORBEL_API const uint8_t *corbel_image_pixels(const corbel_image *image);

/* ---- image processors --------------------------------------------------------------------------
 */

typedef struct corbel_image_processor corbel_image_processor;

/* Reads the model's processor_config.json (its "image_processor") or preprocessor_config.json; see
 * corbel_pull, which it calls, for `name`; a folder with just that file will do.
 * image_processor_type only says what holds for absent keys; a key that asks for a step that Corbel
 * does not know is CORBEL_E_UNSUPPORTED, by name. CORBEL_E_NOT_FOUND: the model has no such file.
 * The caller destroys *processor. */
CORBEL_API corbel_status corbel_image_processor_load(const char *name,
                                                     corbel_image_processor **processor,
                                                     corbel_error *err);
CORBEL_API void corbel_image_processor_destroy(corbel_image_processor **processor);

/* The steps, in this order, of which the file may switch each off: resize (Pillow's pixels), centre
 * crop, rescale, normalize, channels first, pad. *outputs holds pixel_values [n_images, 3, height,
 * width] F32 and is destroyed by the caller. CORBEL_E_ARGUMENT: n_images is 0, or the pictures
 * come out in different sizes, which one tensor can't hold. */
CORBEL_API corbel_status corbel_image_process(const corbel_image_processor *processor,
                                              const corbel_image *const *images, size_t n_images,
                                              corbel_tensors **outputs, corbel_error *err);

#ifdef __cplusplus
}
#endif

#endif
