/* image/prepare.c: see prepare.h. After transformers' image_transforms.py and PilBackend; names of
 * its functions stand beside ours, since sizes must come out equal to the last pixel. */
#include "image/prepare.h"

#include "base/error.h"

#include <math.h>
#include <string.h>

struct extent {
    uint64_t width, height;
};

/* ---- sizes: doubles are cut off where Python's int() cuts them off -----------------------------
 */

/* get_resize_output_image_size */
static struct extent with_shortest_edge(struct extent in, int64_t edge)
{
    const bool wide = in.width > in.height;
    const double longer = (double)(wide ? in.width : in.height);
    const double shorter = (double)(wide ? in.height : in.width);
    const uint64_t other = (uint64_t)((double)edge * longer / shorter);
    return wide ? (struct extent){other, (uint64_t)edge} : (struct extent){(uint64_t)edge, other};
}

/* get_size_with_aspect_ratio: the shorter edge as asked for, unless the longer would be too long */
static struct extent with_both_edges(struct extent in, int64_t shortest, int64_t longest)
{
    const double width = (double)in.width, height = (double)in.height;
    const double shorter = fmin(width, height), longer = fmax(width, height);
    double exact = (double)shortest, size = exact;
    if (longer / shorter * size > (double)longest) {
        exact = (double)longest * shorter / longer;
        size = nearbyint(exact); /* to even, as Python's round() */
    }
    if ((height <= width && height == size) || (width <= height && width == size))
        return in;
    if (width < height)
        return (struct extent){(uint64_t)size, (uint64_t)(exact * height / width)};
    return (struct extent){(uint64_t)(exact * width / height), (uint64_t)size};
}

/* get_image_size_for_max_height_width */
static struct extent within(struct extent in, int64_t max_height, int64_t max_width)
{
    const double height = (double)in.height, width = (double)in.width;
    const double scale = fmin((double)max_height / height, (double)max_width / width);
    return (struct extent){(uint64_t)(width * scale), (uint64_t)(height * scale)};
}

static struct extent plain_size(const struct size_rule *size, struct extent in)
{
    if (size->shortest_edge && size->longest_edge)
        return with_both_edges(in, size->shortest_edge, size->longest_edge);
    if (size->shortest_edge)
        return with_shortest_edge(in, size->shortest_edge);
    if (size->max_height)
        return within(in, size->max_height, size->max_width);
    return (struct extent){(uint64_t)size->width, (uint64_t)size->height};
}

static int64_t enlarged(int64_t size, double crop_pct)
{
    double larger = (double)size / crop_pct;
    return larger < INT32_MAX ? (int64_t)larger : INT32_MAX;
}

/* ConvNextImageProcessor.resize: from 384 on pictures are warped instead of cropped */
static bool convnext_crops(const struct image_settings *s)
{
    return s->size.shortest_edge < 384;
}

static struct extent convnext_size(const struct image_settings *s, struct extent in)
{
    const int64_t edge = s->size.shortest_edge;
    if (convnext_crops(s))
        return with_shortest_edge(in, enlarged(edge, s->crop_pct));
    return (struct extent){(uint64_t)edge, (uint64_t)edge};
}

/* PoolFormerImageProcessor.resize */
static struct extent poolformer_size(const struct image_settings *s, struct extent in)
{
    const struct size_rule *size = &s->size;
    if (size->shortest_edge || size->height == size->width)
        return with_shortest_edge(
            in, enlarged(size->shortest_edge ? size->shortest_edge : size->height, s->crop_pct));
    return (struct extent){(uint64_t)enlarged(size->width, s->crop_pct),
                           (uint64_t)enlarged(size->height, s->crop_pct)};
}

static struct extent size_to_make(const struct image_settings *s, struct extent in)
{
    switch (s->resize_rule) {
    case RESIZE_CONVNEXT: return convnext_size(s, in);
    case RESIZE_POOLFORMER: return poolformer_size(s, in);
    case RESIZE_LEVIT:
        if (s->size.shortest_edge)
            return with_shortest_edge(in, (int64_t)(256.0 / 224.0 * (double)s->size.shortest_edge));
        break;
    case RESIZE_PLAIN: break;
    }
    return plain_size(&s->size, in);
}

/* ---- center_crop -------------------------------------------------------------------------------
 */

/* Half of a - b, rounded down also below 0. */
static int64_t half_of_difference(int64_t a, int64_t b)
{
    int64_t difference = a - b;
    return (difference - (difference < 0 && difference % 2 != 0)) / 2;
}

/* One axis: where the picture begins in the crop, where the crop begins in it, how much they share.
 */
struct overlap {
    size_t to, from, n;
};

static struct overlap overlap_of(int64_t picture, int64_t crop)
{
    const int64_t begin = half_of_difference(picture, crop);
    const int64_t to = begin < 0 ? -begin : 0, from = begin < 0 ? 0 : begin;
    const int64_t n = picture < crop ? picture : crop;
    return (struct overlap){(size_t)to, (size_t)from, (size_t)n};
}

/* What the picture does not fill is black. */
static corbel_status center_crop(struct image *image, int64_t height, int64_t width,
                                 const char *name, corbel_error *err)
{
    struct image crop;
    corbel_status status = image_create(&crop, (uint64_t)width, (uint64_t)height, name, err);
    if (status != CORBEL_OK)
        return status;
    const struct overlap down = overlap_of(image->height, height);
    const struct overlap across = overlap_of(image->width, width);
    for (size_t y = 0; y < down.n; y++)
        memcpy(image_row(&crop, (uint32_t)(down.to + y)) + across.to * 3,
               image_row(image, (uint32_t)(down.from + y)) + across.from * 3, across.n * 3);
    image_finish(image);
    *image = crop;
    return CORBEL_OK;
}

corbel_status image_prepare(const struct image_settings *settings, const struct image *from,
                            const char *name, struct image *to, corbel_error *err)
{
    const struct extent in = {from->width, from->height};
    const struct extent out = settings->do_resize ? size_to_make(settings, in) : in;
    corbel_status status =
        image_resize(from, out.width, out.height, settings->resample, name, to, err);
    if (status == CORBEL_OK && settings->do_resize && settings->resize_rule == RESIZE_CONVNEXT &&
        convnext_crops(settings))
        status =
            center_crop(to, settings->size.shortest_edge, settings->size.shortest_edge, name, err);
    if (status == CORBEL_OK && settings->do_center_crop)
        status = center_crop(to, settings->crop_size.height, settings->crop_size.width, name, err);
    return status;
}

/* ---- numbers -----------------------------------------------------------------------------------
 */

/* Each of the 256 values that a channel's pixel can have, in numpy's order and precision: rescaled
 * in doubles, normalized in floats. */
static void channel_values(const struct image_settings *s, size_t channel, float values[256])
{
    const float mean = (float)s->image_mean[channel], std = (float)s->image_std[channel];
    for (int i = 0; i < 256; i++) {
        float value = (float)i;
        if (s->do_rescale) {
            value = (float)((double)i * s->rescale_factor);
            value = s->rescale_offset ? value - 1 : value;
        }
        if (s->do_normalize)
            value = (value - mean) / std;
        values[i] = s->include_top ? value / std : value;
    }
}

void image_to_planes(const struct image_settings *settings, const struct image *image,
                     float *planes, size_t plane_height, size_t plane_width)
{
    for (size_t channel = 0; channel < 3; channel++) {
        float values[256];
        const size_t plane = settings->do_flip_channel_order ? 2 - channel : channel;
        channel_values(settings, channel, values);
        for (uint32_t y = 0; y < image->height; y++) {
            const uint8_t *row = image_row(image, y) + channel;
            float *to = planes + (plane * plane_height + y) * plane_width;
            for (uint32_t x = 0; x < image->width; x++)
                to[x] = values[row[(size_t)x * 3]];
        }
    }
}
