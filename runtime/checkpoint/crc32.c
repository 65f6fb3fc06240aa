/* checkpoint/crc32.c: eight bytes a step, since whole checkpoints go through it. */
#include "checkpoint/crc32.h"

#include <string.h>

void crc32_table_make(struct crc32_table *t)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t crc = b;
        for (int i = 0; i < 8; i++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        t->of[0][b] = crc;
    }
    for (int k = 1; k < 8; k++)
        for (uint32_t b = 0; b < 256; b++)
            t->of[k][b] = t->of[k - 1][b] >> 8 ^ t->of[0][t->of[k - 1][b] & 255];
}

uint32_t crc32_of(const struct crc32_table *t, const uint8_t *data, size_t size)
{
    uint32_t crc = 0xffffffff;
    for (; size >= 8; size -= 8, data += 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        word ^= crc;
        crc = 0;
        for (int i = 0; i < 8; i++)
            crc ^= t->of[7 - i][word >> 8 * i & 255];
    }
    for (; size > 0; size--, data++)
        crc = crc >> 8 ^ t->of[0][(crc ^ *data) & 255];
    return ~crc;
}
