/* image/resample.c: see resample.h. After Pillow's ImagingResample.
 *
 * Each pass is a weighted mean along one axis: the filter is stretched by the ratio when it
 * shrinks, so that every pixel counts, and its weights are integers of 22 fractional bits. The
 * first pass is rounded to 8 bits before the second one, so their order shows. */
#include "image/resample.h"

#include "base/error.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PI             3.14159265358979323846
#define PRECISION_BITS (32 - 8 - 2) /* 8 of a pixel, 2 of headroom for weights above 1 */

/* ---- filters -----------------------------------------------------------------------------------
 */

static double box(double x)
{
    return x > -0.5 && x <= 0.5 ? 1 : 0;
}

static double bilinear(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

static double hamming(double x)
{
    x = fabs(x);
    if (x == 0)
        return 1;
    if (x >= 1)
        return 0;
    x *= PI;
    return sin(x) / x * ((double)0.54f + (double)0.46f * cos(x)); /* floats in Pillow too */
}

static double bicubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

static double sinc(double x)
{
    return x == 0 ? 1 : sin(x * PI) / (x * PI);
}

static double lanczos(double x)
{
    return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
}

static const struct {
    double (*weight)(double x);
    double support;
} filters[N_RESAMPLE_FILTERS] = {
    [RESAMPLE_BOX] = {box, 0.5},       [RESAMPLE_BILINEAR] = {bilinear, 1},
    [RESAMPLE_HAMMING] = {hamming, 1}, [RESAMPLE_BICUBIC] = {bicubic, 2},
    [RESAMPLE_LANCZOS] = {lanczos, 3},
};

/* ---- weights -----------------------------------------------------------------------------------
 */

/* Output i is the mean of count[i] inputs from first[i] on, with weights [i * n_weights ...]. */
struct weights {
    size_t n_weights;
    uint32_t *first, *count;
    int32_t *weights;
};

static void weights_finish(struct weights *w)
{
    free(w->first);
    free(w->count);
    free(w->weights);
}

/* The weights of one output, in `exact` and then as integers in `to`. */
static void fill_weights(const struct weights *w, uint32_t i, double center, double scale,
                         enum resample_filter filter, double *exact)
{
    int32_t *to = w->weights + (size_t)i * w->n_weights;
    double sum = 0;
    for (uint32_t k = 0; k < w->count[i]; k++) {
        exact[k] = filters[filter].weight((k + w->first[i] - center + 0.5) * (1 / scale));
        sum += exact[k];
    }
    for (uint32_t k = 0; k < w->count[i]; k++) {
        double weight = (sum != 0 ? exact[k] / sum : exact[k]) * (1 << PRECISION_BITS);
        to[k] = (int32_t)(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
}

static corbel_status weights_init(struct weights *w, uint32_t in, uint32_t out,
                                  enum resample_filter filter, corbel_error *err)
{
    const double ratio = (double)in / out, scale = ratio < 1 ? 1 : ratio;
    const double support = filters[filter].support * scale;
    *w = (struct weights){.n_weights = (size_t)ceil(support) * 2 + 1};
    w->first = calloc(out, sizeof(*w->first));
    w->count = calloc(out, sizeof(*w->count));
    w->weights = calloc((size_t)out * w->n_weights, sizeof(*w->weights));
    double *exact = calloc(w->n_weights, sizeof(*exact));
    if (!w->first || !w->count || !w->weights || !exact) {
        free(exact);
        return error_memory(err, (size_t)out * w->n_weights * sizeof(*w->weights),
                            "the weights to resize a picture");
    }
    for (uint32_t i = 0; i < out; i++) {
        const double center = (i + 0.5) * ratio;
        const double first = center - support + 0.5, end = center + support + 0.5;
        w->first[i] = first < 0 ? 0 : (uint32_t)first;
        w->count[i] = (end > in ? in : (uint32_t)end) - w->first[i];
        fill_weights(w, i, center, scale, filter, exact);
    }
    free(exact);
    return CORBEL_OK;
}

static uint8_t round_and_clip(int32_t sum)
{
    sum >>= PRECISION_BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* ---- passes ------------------------------------------------------------------------------------
 */

#define HALF (1 << (PRECISION_BITS - 1))

static void resize_row(const struct weights *w, const uint8_t *from, uint8_t *to, uint32_t width)
{
    for (uint32_t x = 0; x < width; x++) {
        const int32_t *weight = w->weights + (size_t)x * w->n_weights;
        const uint8_t *pixel = from + (size_t)w->first[x] * 3;
        int32_t red = HALF, green = HALF, blue = HALF;
        for (uint32_t k = 0; k < w->count[x]; k++, pixel += 3) {
            red += pixel[0] * weight[k];
            green += pixel[1] * weight[k];
            blue += pixel[2] * weight[k];
        }
        to[x * 3] = round_and_clip(red);
        to[x * 3 + 1] = round_and_clip(green);
        to[x * 3 + 2] = round_and_clip(blue);
    }
}

static corbel_status resize_across(const struct image *from, enum resample_filter filter,
                                   struct image *to, corbel_error *err)
{
    struct weights w;
    corbel_status status = weights_init(&w, from->width, to->width, filter, err);
    for (uint32_t y = 0; status == CORBEL_OK && y < to->height; y++)
        resize_row(&w, image_row(from, y), image_row(to, y), to->width);
    weights_finish(&w);
    return status;
}

/* A row at a time with its sums beside it: memory is read in order. */
static corbel_status resize_down(const struct image *from, enum resample_filter filter,
                                 struct image *to, corbel_error *err)
{
    struct weights w;
    const size_t n = (size_t)to->width * 3;
    int32_t *sums = NULL;
    corbel_status status = weights_init(&w, from->height, to->height, filter, err);
    if (status == CORBEL_OK && !(sums = malloc(n * sizeof(*sums))))
        status = error_memory(err, n * sizeof(*sums), "a row of a picture");
    for (uint32_t y = 0; status == CORBEL_OK && y < to->height; y++) {
        const int32_t *weight = w.weights + (size_t)y * w.n_weights;
        uint8_t *row = image_row(to, y);
        for (size_t i = 0; i < n; i++)
            sums[i] = HALF;
        for (uint32_t k = 0; k < w.count[y]; k++) {
            const uint8_t *source = image_row(from, w.first[y] + k);
            for (size_t i = 0; i < n; i++)
                sums[i] += source[i] * weight[k];
        }
        for (size_t i = 0; i < n; i++)
            row[i] = round_and_clip(sums[i]);
    }
    free(sums);
    weights_finish(&w);
    return status;
}

/* Which input each output is nearest to. Pillow adds the ratio up, so we do too: a product would
 * differ in the last bit and sometimes name another pixel. */
static void nearest_inputs(uint32_t in, uint32_t out, uint32_t *inputs)
{
    const double ratio = (double)in / out;
    double at = ratio * 0.5;
    for (uint32_t i = 0; i < out; i++, at += ratio)
        inputs[i] = at < in ? (uint32_t)at : in - 1;
}

static corbel_status resize_nearest(const struct image *from, struct image *to, corbel_error *err)
{
    const size_t n = (size_t)to->width + to->height;
    uint32_t *xs = calloc(n, sizeof(*xs));
    if (!xs)
        return error_memory(err, n * sizeof(*xs), "the pixels to choose");
    uint32_t *ys = xs + to->width;
    nearest_inputs(from->width, to->width, xs);
    nearest_inputs(from->height, to->height, ys);
    for (uint32_t y = 0; y < to->height; y++) {
        const uint8_t *source = image_row(from, ys[y]);
        uint8_t *row = image_row(to, y);
        for (uint32_t x = 0; x < to->width; x++)
            memcpy(row + (size_t)x * 3, source + (size_t)xs[x] * 3, 3);
    }
    free(xs);
    return CORBEL_OK;
}

typedef corbel_status (*resize_pass)(const struct image *from, enum resample_filter filter,
                                     struct image *to, corbel_error *err);

/* Pillow 13's choice, measured: mostly across first. */
static bool down_first(const struct image *from, const struct image *to)
{
    const int64_t narrower = (int64_t)from->width - to->width;
    const int64_t lower = (int64_t)from->height - to->height;
    return lower > 0 && lower > 2 * narrower;
}

static corbel_status resize_both(const struct image *from, enum resample_filter filter,
                                 const char *name, struct image *to, corbel_error *err)
{
    const bool down = down_first(from, to);
    const resize_pass first = down ? resize_down : resize_across;
    const resize_pass second = down ? resize_across : resize_down;
    struct image between;
    corbel_status status = image_create(&between, down ? from->width : to->width,
                                        down ? to->height : from->height, name, err);
    if (status == CORBEL_OK)
        status = first(from, filter, &between, err);
    if (status == CORBEL_OK)
        status = second(&between, filter, to, err);
    image_finish(&between);
    return status;
}

corbel_status image_resize(const struct image *from, uint64_t width, uint64_t height,
                           enum resample_filter filter, const char *name, struct image *to,
                           corbel_error *err)
{
    corbel_status status = image_create(to, width, height, name, err);
    if (status != CORBEL_OK)
        return status;
    if (width == from->width && height == from->height) {
        memcpy(to->pixels, from->pixels, (size_t)(width * height * 3));
        return CORBEL_OK;
    }
    if (filter == RESAMPLE_NEAREST)
        return resize_nearest(from, to, err);
    if (height == from->height)
        return resize_across(from, filter, to, err);
    if (width == from->width)
        return resize_down(from, filter, to, err);
    return resize_both(from, filter, name, to, err);
}
