/* image/orientation.h: which way up a picture is, after Pillow's Image.getexif and
 * ImageOps.exif_transpose.
 *
 * Orientations are EXIF's 1 to 8. What can't be understood says nothing: a camera's odd metadata
 * are no reason to refuse its picture. */
#ifndef IMAGE_ORIENTATION_H
#define IMAGE_ORIENTATION_H

#include "image/image.h"

#include <stdbool.h>

enum { ORIENTATION_UPRIGHT = 1 };

/* From an EXIF block, with or without "Exif\0\0" before it. False: it does not say. */
bool orientation_of_exif(const uint8_t *data, size_t size, int *orientation);
/* From an XMP packet. */
bool orientation_of_xmp(const char *data, size_t size, int *orientation);

/* Turns the picture; 1 and what is no orientation leave it alone. */
corbel_status orientation_apply(int orientation, struct image *image, corbel_error *err);

#endif
