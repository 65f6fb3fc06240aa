/* image/orientation.c: see orientation.h. */
#include "image/orientation.h"

#include <string.h>

/* ---- EXIF: a TIFF file, of which the first directory is of interest ----------------------------
 */

struct tiff {
    const uint8_t *data;
    size_t size;
    bool big_endian;
};

static uint32_t tiff_number(const struct tiff *t, size_t offset, size_t bytes)
{
    uint32_t number = 0;
    for (size_t i = 0; i < bytes; i++)
        number = number << 8 | t->data[offset + (t->big_endian ? i : bytes - 1 - i)];
    return number;
}

static bool tiff_open(struct tiff *t, const uint8_t *data, size_t size)
{
    static const uint8_t exif[6] = "Exif\0";
    for (int i = 0; i < 2 && size >= sizeof(exif) && memcmp(data, exif, sizeof(exif)) == 0; i++) {
        data += sizeof(exif);
        size -= sizeof(exif);
    }
    if (size < 8 || (memcmp(data, "II*\0", 4) != 0 && memcmp(data, "MM\0*", 4) != 0))
        return false;
    *t = (struct tiff){.data = data, .size = size, .big_endian = data[0] == 'M'};
    return true;
}

/* The value of a directory's entry of one integer; tells whether it is that. */
static bool entry_integer(const struct tiff *t, size_t entry, int *value)
{
    enum { SHORT = 3, LONG = 4, SIGNED_BYTE = 6, SIGNED_SHORT = 8, SIGNED_LONG = 9 };
    uint32_t number;
    if (tiff_number(t, entry + 4, 4) != 1)
        return false;
    switch (tiff_number(t, entry + 2, 2)) {
    case SIGNED_BYTE: number = tiff_number(t, entry + 8, 1); break;
    case SHORT:
    case SIGNED_SHORT: number = tiff_number(t, entry + 8, 2); break;
    case LONG:
    case SIGNED_LONG: number = tiff_number(t, entry + 8, 4); break;
    default: return false;
    }
    *value = number <= 8 ? (int)number : 0;
    return true;
}

bool orientation_of_exif(const uint8_t *data, size_t size, int *orientation)
{
    enum { TAG = 0x0112, ENTRY_SIZE = 12 };
    struct tiff t;
    bool found = false;
    if (!tiff_open(&t, data, size))
        return false;
    size_t directory = tiff_number(&t, 4, 4);
    if (directory > t.size - 2)
        return false;
    size_t n_entries = tiff_number(&t, directory, 2);
    for (size_t i = 0; i < n_entries; i++) {
        size_t entry = directory + 2 + i * ENTRY_SIZE;
        if (entry > t.size || t.size - entry < ENTRY_SIZE)
            break;
        if (tiff_number(&t, entry, 2) == TAG) {
            found = true; /* also if it is no integer: XMP is not asked then */
            *orientation = ORIENTATION_UPRIGHT;
            entry_integer(&t, entry, orientation);
        }
    }
    return found;
}

/* ---- XMP: RDF in XML, but Pillow looks for the first tiff:Orientation="N or tiff:Orientation>N --
 */

bool orientation_of_xmp(const char *data, size_t size, int *orientation)
{
    static const char key[] = "tiff:Orientation";
    const size_t key_size = sizeof(key) - 1;
    for (size_t at = 0; size > key_size && at < size - key_size; at++) {
        if (data[at] != key[0] || memcmp(data + at, key, key_size) != 0)
            continue;
        const char *rest = data + at + key_size, *end = data + size;
        size_t skip = *rest == '>' ? 1 : end - rest >= 2 && memcmp(rest, "=\"", 2) == 0 ? 2 : 0;
        if (skip == 0 || (size_t)(end - rest) <= skip || rest[skip] < '0' || rest[skip] > '9')
            continue;
        *orientation = rest[skip] - '0';
        return true;
    }
    return false;
}

/* ---- turning --------------------------------------------------------------------------------- */

/* Where the pixel at (x, y) of the upright picture is in the one that lies. */
struct turn {
    bool swap;                    /* x runs down the stored picture */
    bool from_right, from_bottom; /* of the stored picture */
};

corbel_status orientation_apply(int orientation, struct image *image, corbel_error *err)
{
    static const struct turn turns[] = {
        [2] = {.from_right = true},
        [3] = {.from_right = true, .from_bottom = true},
        [4] = {.from_bottom = true},
        [5] = {.swap = true},
        [6] = {.swap = true, .from_bottom = true},
        [7] = {.swap = true, .from_right = true, .from_bottom = true},
        [8] = {.swap = true, .from_right = true},
    };
    if (orientation < 2 || orientation > 8)
        return CORBEL_OK;
    const struct turn turn = turns[orientation];
    struct image upright;
    corbel_status status =
        image_create(&upright, turn.swap ? image->height : image->width,
                     turn.swap ? image->width : image->height, "a turned picture", err);
    if (status != CORBEL_OK)
        return status;
    for (uint32_t y = 0; y < upright.height; y++) {
        uint8_t *to = image_row(&upright, y);
        for (uint32_t x = 0; x < upright.width; x++) {
            uint32_t across = turn.swap ? y : x, down = turn.swap ? x : y;
            across = turn.from_right ? image->width - 1 - across : across;
            down = turn.from_bottom ? image->height - 1 - down : down;
            memcpy(to + (size_t)x * 3, image_row(image, down) + (size_t)across * 3, 3);
        }
    }
    image_finish(image);
    *image = upright;
    return CORBEL_OK;
}
