/* base64.c: see base64.h. */
#include "trust/base64.h"

#include <string.h>

static const char alphabet[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* -1: not a digit. */
static int digit(char c)
{
    const char *at = c ? strchr(alphabet, c) : NULL;

    return at ? (int)(at - alphabet) : -1;
}

bool base64_decode(uint8_t *out, size_t out_size, const char *in, size_t in_size)
{
    size_t padding = (3 - out_size % 3) % 3, n = 0;
    uint32_t bits = 0;

    if (in_size != (out_size + 2) / 3 * 4)
        return false;
    for (size_t i = 0; i < in_size; i++) {
        bool is_padding = i >= in_size - padding;
        int value = is_padding ? 0 : digit(in[i]);

        if (value < 0 || (is_padding && in[i] != '='))
            return false;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 3)
            continue;
        for (int shift = 16; shift >= 0; shift -= 8) {
            uint8_t byte = (uint8_t)(bits >> shift);

            if (n < out_size)
                out[n++] = byte;
            else if (byte)
                return false;
        }
        bits = 0;
    }
    return true;
}

void base64_encode(char *out, const uint8_t *in, size_t size)
{
    for (size_t i = 0; i < size; i += 3) {
        size_t n = size - i < 3 ? size - i : 3;
        uint32_t bits = (uint32_t)in[i] << 16;

        if (n > 1)
            bits |= (uint32_t)in[i + 1] << 8;
        if (n > 2)
            bits |= in[i + 2];
        for (size_t j = 0; j < 4; j++)
            *out++ = j <= n ? alphabet[bits >> (18 - 6 * j) & 63] : '=';
    }
    *out = 0;
}
