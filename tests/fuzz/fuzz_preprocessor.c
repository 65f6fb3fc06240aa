/* fuzz_preprocessor.c: any bytes as preprocessor_config.json; what loads prepares a small picture,
 * and every value of it. */
#include "image/prepare.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Sizes that are allowed may still be large; here they would only cost time. */
static bool is_small(const struct image_settings *s)
{
    const int64_t limit = 300;
    return s->size.height < limit && s->size.width < limit && s->size.shortest_edge < limit &&
           s->size.max_height < limit && s->size.max_width < limit && s->crop_size.height < limit &&
           s->crop_size.width < limit && (s->crop_pct == 0 || s->crop_pct > 0.1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image_settings settings;
    struct image from = {0}, to = {0};
    corbel_error err;
    if (image_settings_parse(&settings, (const char *)data, size, "p.json", &err) != CORBEL_OK)
        return 0;
    if (!is_small(&settings) || image_create(&from, 7, 4, "a.png", &err) != CORBEL_OK)
        return 0;
    if (image_prepare(&settings, &from, "a.png", &to, &err) == CORBEL_OK) {
        float *planes = calloc((size_t)to.width * to.height, 3 * sizeof(*planes));
        if (planes)
            image_to_planes(&settings, &to, planes, to.height, to.width);
        free(planes);
    }
    image_finish(&to);
    image_finish(&from);
    return 0;
}
