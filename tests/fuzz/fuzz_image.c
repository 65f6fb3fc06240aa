/* fuzz_image.c: any bytes as a picture file; what decodes is resized, whatever its orientation. */
#include "image/resample.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image image, resized = {0};
    corbel_error err;
    /* A few bytes may honestly claim many pixels; here they would only cost time. */
    if (image_decode(&image, data, size, "a.file", &err) == CORBEL_OK &&
        (uint64_t)image.width * image.height < 1 << 20) {
        if (image_resize(&image, 5, 7, RESAMPLE_BICUBIC, "a.file", &resized, &err) != CORBEL_OK ||
            resized.width != 5 || resized.height != 7)
            abort();
        image_finish(&resized);
    }
    image_finish(&image);
    return 0;
}
