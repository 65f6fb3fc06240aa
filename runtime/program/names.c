/* program/names.c: what a name in a program may be. */
#include "program/names.h"

#include "program/program.h"

/* Length of the well-formed UTF-8 sequence at s, 0 if there is none; *c is the character. */
static size_t decode(const unsigned char *s, size_t left, uint32_t *c)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const size_t size = s[0] < 0x80           ? 1
                        : (s[0] >> 5) == 0x6  ? 2
                        : (s[0] >> 4) == 0xe  ? 3
                        : (s[0] >> 3) == 0x1e ? 4
                                              : 0;
    if (size == 0 || size > left)
        return 0;
    *c = size == 1 ? s[0] : s[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        *c = *c << 6 | (s[i] & 0x3fu);
    }
    const bool surrogate = *c >= 0xd800 && *c <= 0xdfff;
    return *c < least[size] || *c > 0x10ffff || surrogate ? 0 : size;
}

static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200e && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

bool name_is_sound(const char *name, size_t size)
{
    if (size == 0 || size >= PROGRAM_MAX_NAME)
        return false;
    for (size_t i = 0; i < size;) {
        uint32_t c = 0;
        const size_t n = decode((const unsigned char *)name + i, size - i, &c);
        if (n == 0 || is_control(c))
            return false;
        i += n;
    }
    return true;
}
