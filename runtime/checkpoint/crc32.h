/* checkpoint/crc32.h: the CRC-32 of zip files (polynomial 0xedb88320, reflected). */
#ifndef CHECKPOINT_CRC32_H
#define CHECKPOINT_CRC32_H

#include <stddef.h>
#include <stdint.h>

struct crc32_table {
    uint32_t of[8][256]; /* of[k][b]: byte b followed by k zero bytes */
};

void crc32_table_make(struct crc32_table *t);
uint32_t crc32_of(const struct crc32_table *t, const uint8_t *data, size_t size);

#endif
