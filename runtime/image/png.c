/* image/png.c: PNG through libspng, converted as Pillow converts it.
 *
 * libspng unpacks, unfilters and checks; the samples come as they are stored (1 to 16 bits, big
 * endian) and are converted here, row by row, because Pillow has its own way: alpha and tRNS are
 * dropped, not blended; gAMA and profiles are ignored; 16-bit colours keep their upper byte, but
 * 16-bit grey is cut off at 255; a colour that the palette lacks is black. */
#include "base/error.h"
#include "image/decoders.h"
#include "image/orientation.h"

#include <spng.h>
#include <stdlib.h>
#include <string.h>

/* What one chunk of metadata may unpack to, and all of them together. */
#define MAX_CHUNK_SIZE  (4u << 20)
#define MAX_CHUNKS_SIZE (16u << 20)

struct png {
    spng_ctx *spng;
    struct spng_ihdr header;
    uint8_t palette[256][3];
    uint8_t *row; /* one row's samples as they are stored */
    size_t row_size;
};

static corbel_status png_error(const struct encoded *file, int code, corbel_error *err)
{
    if (code == SPNG_EMEM)
        return error_memory(err, 0, file->name);
    return error_set(err, CORBEL_E_FORMAT, "%s: not a sound PNG file: %s", file->name,
                     spng_strerror(code));
}

static void png_close(struct png *png)
{
    spng_ctx_free(png->spng);
    free(png->row);
}

/* ---- samples to red, green, blue ---------------------------------------------------------------
 */

static size_t samples_a_pixel(const struct spng_ihdr *header)
{
    switch (header->color_type) {
    case SPNG_COLOR_TYPE_TRUECOLOR: return 3;
    case SPNG_COLOR_TYPE_GRAYSCALE_ALPHA: return 2;
    case SPNG_COLOR_TYPE_TRUECOLOR_ALPHA: return 4;
    default: return 1;
    }
}

/* A sample of 1, 2, 4 or 8 bits. */
static unsigned packed_sample(const uint8_t *row, size_t x, unsigned depth)
{
    size_t bit = x * depth;
    return (unsigned)(row[bit / 8] >> (8 - depth - bit % 8)) & ((1u << depth) - 1);
}

static uint8_t grey_sample(const struct png *png, uint32_t x)
{
    unsigned depth = png->header.bit_depth;
    if (depth < 16)
        return (uint8_t)(packed_sample(png->row, x, depth) * (255 / ((1u << depth) - 1)));
    const uint8_t *sample = png->row + (size_t)x * 2;
    return sample[0] ? 255 : sample[1];
}

static void convert_pixel(const struct png *png, uint32_t x, uint8_t *rgb)
{
    const size_t sample_size = png->header.bit_depth / 8; /* of the types that are never packed */
    const uint8_t *pixel = png->row + (size_t)x * samples_a_pixel(&png->header) * sample_size;
    switch (png->header.color_type) {
    case SPNG_COLOR_TYPE_INDEXED:
        memcpy(rgb, png->palette[packed_sample(png->row, x, png->header.bit_depth)], 3);
        break;
    case SPNG_COLOR_TYPE_GRAYSCALE: memset(rgb, grey_sample(png, x), 3); break;
    case SPNG_COLOR_TYPE_GRAYSCALE_ALPHA: memset(rgb, pixel[0], 3); break;
    default: /* with or without alpha: its upper bytes */
        for (size_t i = 0; i < 3; i++)
            rgb[i] = pixel[i * sample_size];
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

static int load_palette(struct png *png)
{
    struct spng_plte palette = {0};
    if (png->header.color_type != SPNG_COLOR_TYPE_INDEXED)
        return 0;
    int code = spng_get_plte(png->spng, &palette);
    for (uint32_t i = 0; code == 0 && i < palette.n_entries && i < 256; i++)
        memcpy(
            png->palette[i],
            (uint8_t[]){palette.entries[i].red, palette.entries[i].green, palette.entries[i].blue},
            3);
    return code;
}

static corbel_status png_open(struct png *png, const struct encoded *file, corbel_error *err)
{
    png->spng = spng_ctx_new(0);
    if (!png->spng)
        return error_memory(err, 0, file->name);
    spng_set_chunk_limits(png->spng, MAX_CHUNK_SIZE, MAX_CHUNKS_SIZE);
    spng_set_crc_action(png->spng, SPNG_CRC_ERROR, SPNG_CRC_DISCARD);
    int code = spng_set_png_buffer(png->spng, file->data, file->size);
    if (code == 0)
        code = spng_get_ihdr(png->spng, &png->header);
    return code == 0 ? CORBEL_OK : png_error(file, code, err);
}

/* Nothing is allocated for what can't be there: deflate makes at most 1032 bytes of one. */
static corbel_status png_prepare(struct png *png, struct image *image, const struct encoded *file,
                                 corbel_error *err)
{
    const uint64_t most = (uint64_t)file->size * 1032;
    const uint64_t bits =
        (uint64_t)png->header.width * samples_a_pixel(&png->header) * png->header.bit_depth;
    corbel_status status = image_check_size(png->header.width, png->header.height, file->name, err);
    if (status != CORBEL_OK)
        return status;
    if (bits * png->header.height / 8 > most)
        return error_set(err, CORBEL_E_FORMAT, "%s: %zu bytes can't hold %u x %u pixels",
                         file->name, file->size, png->header.width, png->header.height);
    status = image_create(image, png->header.width, png->header.height, file->name, err);
    if (status != CORBEL_OK)
        return status;
    png->row_size = (size_t)((bits + 7) / 8);
    png->row = malloc(png->row_size);
    if (!png->row)
        return error_memory(err, png->row_size, file->name);
    int code = load_palette(png);
    if (code == 0)
        code = spng_decode_image(png->spng, NULL, 0, SPNG_FMT_RAW, SPNG_DECODE_PROGRESSIVE);
    return code == 0 ? CORBEL_OK : png_error(file, code, err);
}

/* An interlaced row comes in up to seven passes, each with some of its pixels. */
static corbel_status png_read_rows(struct png *png, struct image *image, const struct encoded *file,
                                   corbel_error *err)
{
    static const uint8_t first[] = {0, 4, 0, 2, 0, 1, 0}, step[] = {8, 8, 4, 4, 2, 2, 1};
    for (;;) {
        struct spng_row_info at = {0};
        int code = spng_get_row_info(png->spng, &at);
        if (code == SPNG_EOI)
            return CORBEL_OK;
        if (code != 0)
            return png_error(file, code, err);
        memset(png->row, 0, png->row_size); /* packed samples are or-ed into it */
        code = spng_decode_row(png->spng, png->row, png->row_size);
        if (code != 0 && code != SPNG_EOI)
            return png_error(file, code, err);
        const uint32_t begin = png->header.interlace_method ? first[at.pass] : 0;
        const uint32_t stride = png->header.interlace_method ? step[at.pass] : 1;
        uint8_t *to = image_row(image, at.row_num);
        for (uint32_t x = begin; x < image->width; x += stride)
            convert_pixel(png, x, to + (size_t)x * 3);
        if (code == SPNG_EOI)
            return CORBEL_OK;
    }
}

/* ---- orientation -------------------------------------------------------------------------------
 */

/* ImageMagick's form: "\nexif\n SIZE\n" and hexadecimal digits in lines. */
static bool orientation_of_profile(const char *text, size_t size, int *orientation)
{
    const char *end = text + size, *at = text;
    for (int line = 0; line < 3 && at; line++) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at ? at + 1 : NULL;
    }
    uint8_t *exif = at ? malloc(size) : NULL;
    if (!exif)
        return false;
    size_t n_digits = 0;
    for (; at < end; at++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = *at ? strchr(digits, *at | 0x20) : NULL;
        if (!digit)
            continue;
        unsigned value = (unsigned)(digit - digits);
        exif[n_digits / 2] = (uint8_t)(n_digits % 2 ? exif[n_digits / 2] | value : value << 4);
        n_digits++;
    }
    bool found = orientation_of_exif(exif, n_digits / 2, orientation);
    free(exif);
    return found;
}

/* Metadata may stand behind the pixels; broken ones say nothing. */
static void read_orientation(struct png *png, int *orientation)
{
    struct spng_exif exif;
    uint32_t n = 0;
    spng_decode_chunks(png->spng);
    if (spng_get_exif(png->spng, &exif) == 0) {
        if (orientation_of_exif((const uint8_t *)exif.data, exif.length, orientation))
            return;
    }
    if (spng_get_text(png->spng, NULL, &n) != 0 || n == 0)
        return;
    struct spng_text *texts = calloc(n, sizeof(*texts));
    if (!texts || spng_get_text(png->spng, texts, &n) != 0)
        n = 0;
    bool found = false;
    for (uint32_t i = 0; i < n && !found; i++)
        if (strcmp(texts[i].keyword, "Raw profile type exif") == 0)
            found = orientation_of_profile(texts[i].text, texts[i].length, orientation);
    for (uint32_t i = 0; i < n && !found; i++)
        if (strcmp(texts[i].keyword, "XML:com.adobe.xmp") == 0)
            found = orientation_of_xmp(texts[i].text, texts[i].length, orientation);
    free(texts);
}

corbel_status png_decode(struct image *image, const struct encoded *file, int *orientation,
                         corbel_error *err)
{
    struct png png = {0};
    corbel_status status = png_open(&png, file, err);
    if (status == CORBEL_OK)
        status = png_prepare(&png, image, file, err);
    if (status == CORBEL_OK)
        status = png_read_rows(&png, image, file, err);
    if (status == CORBEL_OK)
        read_orientation(&png, orientation);
    png_close(&png);
    return status;
}
