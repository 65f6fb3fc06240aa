/* image/jpeg.c: JPEG through libjpeg-turbo, with Pillow's choices.
 *
 * libjpeg reports errors by a jump back to where the decoder was called. Nothing that is freed
 * after the jump lives in a local variable that changes after setjmp: it is all in struct jpeg. */
#include "base/error.h"
#include "base/text.h"
#include "image/decoders.h"
#include "image/orientation.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

/* A progressive file names its scans freely, and each costs a walk over the whole picture. */
#define MAX_SCANS 200

struct jpeg {
    struct jpeg_decompress_struct decoder;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    struct jpeg_source_mgr source;
    jmp_buf failed;
    const struct encoded *file;
    struct image *image;
    uint8_t *row; /* of CMYK */
    corbel_status status;
    corbel_error *err;
};

static struct jpeg *jpeg_of(j_common_ptr decoder)
{
    return decoder->client_data;
}

static void fail(j_common_ptr decoder, corbel_status status, const char *why)
{
    struct jpeg *jpeg = jpeg_of(decoder);
    jpeg->status =
        error_set(jpeg->err, status, "%s: not a sound JPEG file: %s", jpeg->file->name, why);
    longjmp(jpeg->failed, 1);
}

/* ---- libjpeg's callbacks -----------------------------------------------------------------------
 */

static void on_error(j_common_ptr decoder)
{
    char why[JMSG_LENGTH_MAX];
    decoder->err->format_message(decoder, why);
    fail(decoder, decoder->err->msg_code == JERR_OUT_OF_MEMORY ? CORBEL_E_MEMORY : CORBEL_E_FORMAT,
         why);
}

/* Warnings are about data that libjpeg, and with it Pillow, steps over. */
static void on_message(j_common_ptr decoder, int level)
{
    (void)decoder;
    (void)level;
}

static void on_scan(j_common_ptr decoder)
{
    if (decoder->is_decompressor && ((j_decompress_ptr)decoder)->input_scan_number > MAX_SCANS)
        fail(decoder, CORBEL_E_FORMAT, "too many scans");
}

static void source_begin(j_decompress_ptr decoder)
{
    (void)decoder;
}

/* The whole file was there from the beginning. */
static boolean source_fill(j_decompress_ptr decoder)
{
    fail((j_common_ptr)decoder, CORBEL_E_FORMAT, "it ends early");
    return FALSE;
}

static void source_skip(j_decompress_ptr decoder, long n)
{
    struct jpeg_source_mgr *source = decoder->src;
    if (n <= 0)
        return;
    if ((size_t)n > source->bytes_in_buffer)
        source_fill(decoder);
    source->next_input_byte += n;
    source->bytes_in_buffer -= (size_t)n;
}

static void source_end(j_decompress_ptr decoder)
{
    (void)decoder;
}

/* ---- steps -------------------------------------------------------------------------------------
 */

static void open_file(struct jpeg *jpeg)
{
    jpeg->decoder.err = jpeg_std_error(&jpeg->errors);
    jpeg->errors.error_exit = on_error;
    jpeg->errors.emit_message = on_message;
    jpeg->decoder.client_data = jpeg;
    jpeg_create_decompress(&jpeg->decoder);
    jpeg->progress.progress_monitor = on_scan;
    jpeg->decoder.progress = &jpeg->progress;
    jpeg->source = (struct jpeg_source_mgr){
        .next_input_byte = jpeg->file->data,
        .bytes_in_buffer = jpeg->file->size,
        .init_source = source_begin,
        .fill_input_buffer = source_fill,
        .skip_input_data = source_skip,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = source_end,
    };
    jpeg->decoder.src = &jpeg->source;
    jpeg_save_markers(&jpeg->decoder, JPEG_APP0 + 1, 0xffff);
}

/* A Huffman code has at least a bit, and a block one code in a progressive file's first scan and
 * two in a sequential one: what claims more blocks than its bytes can hold has no pixels. */
static void check_claim(struct jpeg *jpeg)
{
    const struct jpeg_decompress_struct *d = &jpeg->decoder;
    const uint64_t unit_width = (uint64_t)d->max_h_samp_factor * DCTSIZE;
    const uint64_t unit_height = (uint64_t)d->max_v_samp_factor * DCTSIZE;
    const uint64_t units = ((d->image_width + unit_width - 1) / unit_width) *
                           ((d->image_height + unit_height - 1) / unit_height);
    const uint64_t bits = units * (uint64_t)d->num_components * (d->progressive_mode ? 1 : 2);
    if (!d->arith_code && bits / 8 > jpeg->file->size)
        fail((j_common_ptr)&jpeg->decoder, CORBEL_E_FORMAT, "it ends early");
}

/* Nothing is allocated for what can't be there. */
static void make_image(struct jpeg *jpeg)
{
    const uint64_t width = jpeg->decoder.image_width, height = jpeg->decoder.image_height;
    jpeg->status = image_check_size(width, height, jpeg->file->name, jpeg->err);
    if (jpeg->status != CORBEL_OK)
        return;
    check_claim(jpeg);
    jpeg->status = image_create(jpeg->image, width, height, jpeg->file->name, jpeg->err);
}

/* Pillow's modes: L of one component, RGB of three, CMYK of four. */
static void choose_colours(struct jpeg *jpeg)
{
    struct jpeg_decompress_struct *d = &jpeg->decoder;
    if (d->data_precision != 8)
        fail((j_common_ptr)d, CORBEL_E_FORMAT, "samples of other than 8 bits");
    switch (d->num_components) {
    case 1:
    case 3: d->out_color_space = JCS_RGB; break;
    case 4: d->out_color_space = JCS_CMYK; break;
    default: fail((j_common_ptr)d, CORBEL_E_FORMAT, "expected 1, 3 or 4 components");
    }
}

/* a * b / 255, rounded */
static unsigned multiply(unsigned a, unsigned b)
{
    unsigned product = a * b + 128;
    return (product + (product >> 8)) >> 8;
}

/* Adobe's files hold inverted inks, and Pillow takes all others for theirs. */
static void convert_cmyk(const uint8_t *inverted, uint8_t *rgb, size_t n_pixels)
{
    for (size_t i = 0; i < n_pixels; i++) {
        const unsigned light = inverted[i * 4 + 3];
        for (size_t c = 0; c < 3; c++)
            rgb[i * 3 + c] = (uint8_t)(light - multiply(255u - inverted[i * 4 + c], light));
    }
}

static void read_rows(struct jpeg *jpeg)
{
    struct jpeg_decompress_struct *d = &jpeg->decoder;
    jpeg_start_decompress(d);
    const bool cmyk = d->out_color_space == JCS_CMYK;
    if (cmyk) {
        jpeg->row = malloc((size_t)d->output_width * 4);
        if (!jpeg->row)
            fail((j_common_ptr)d, CORBEL_E_MEMORY, "out of memory");
    }
    while (d->output_scanline < d->output_height) {
        uint8_t *to = image_row(jpeg->image, d->output_scanline);
        JSAMPROW row = cmyk ? jpeg->row : to;
        jpeg_read_scanlines(d, &row, 1);
        if (cmyk)
            convert_cmyk(jpeg->row, to, d->output_width);
    }
    jpeg_finish_decompress(d);
}

static bool starts_with(const struct jpeg_marker_struct *marker, const char *prefix, size_t size)
{
    return marker->data_length >= size && memcmp(marker->data, prefix, size) == 0;
}

/* An EXIF block may go on in further markers; of XMP packets the last counts. */
static void read_orientation(struct jpeg *jpeg, int *orientation)
{
    static const char exif[] = "Exif\0", xmp[] = "http://ns.adobe.com/xap/1.0/";
    struct text block = {0};
    const struct jpeg_marker_struct *packet = NULL;
    for (const struct jpeg_marker_struct *m = jpeg->decoder.marker_list; m; m = m->next) {
        if (starts_with(m, exif, sizeof(exif)))
            text_append_bytes(&block, m->data + sizeof(exif), m->data_length - sizeof(exif));
        else if (starts_with(m, xmp, sizeof(xmp)))
            packet = m;
    }
    if (!orientation_of_exif((const uint8_t *)text_cstr(&block), block.size, orientation) && packet)
        orientation_of_xmp((const char *)packet->data + sizeof(xmp),
                           packet->data_length - sizeof(xmp), orientation);
    text_finish(&block);
}

corbel_status jpeg_decode(struct image *image, const struct encoded *file, int *orientation,
                          corbel_error *err)
{
    struct jpeg *jpeg = calloc(1, sizeof(*jpeg));
    if (!jpeg)
        return error_memory(err, sizeof(*jpeg), file->name);
    *jpeg = (struct jpeg){.file = file, .image = image, .err = err};
    if (setjmp(jpeg->failed) == 0) {
        open_file(jpeg);
        jpeg_read_header(&jpeg->decoder, TRUE);
        choose_colours(jpeg);
        read_orientation(jpeg, orientation); /* its markers go with the last row */
        make_image(jpeg);
        if (jpeg->status == CORBEL_OK)
            read_rows(jpeg);
    }
    corbel_status status = jpeg->status;
    jpeg_destroy_decompress(&jpeg->decoder);
    free(jpeg->row);
    free(jpeg);
    return status;
}
