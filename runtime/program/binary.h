/* program/binary.h: the binary form that writer and reader agree about.
 *
 *     header   magic "CORBELP" 0, u32 version, u32 vocabulary, u32 counts of caches, steps,
 * outputs, regions cache    i64 batch, n_heads, capacity, head_dim, value_dim step     u8
 * STEP_VALUE: u8 kind, u8 dtype, shape, string name, constants: their bytes u8 STEP_OP:    u16
 * kind, u8 inputs, u8 attributes, u32 each input's id, each attribute: u16 key, 8 bytes (i64 or
 * double), string module, string custom output   string name, u32 value region   string kernel, u32
 * begin, u32 end, u8 inputs, u32 each input's id, u32 result, u32 each of the grid's three, u8 push
 * constants, each: u8 is a float, u32 word shape    u8 rank, i64 each size string   u16 size,
 * bytes; empty is none
 *
 * Little-endian, without padding. Steps are in the order in which values are numbered, so an id
 * can only speak of what came before. Shapes of results are not in it: the reader derives them.
 * `vocabulary` is a checksum of the names in operations.h, whose order numbers kinds and keys. */
#ifndef PROGRAM_BINARY_H
#define PROGRAM_BINARY_H

#include <stdint.h>

#define BINARY_MAGIC   "CORBELP" /* with its 0: 8 bytes */
#define BINARY_VERSION 2u

enum { STEP_VALUE = 1, STEP_OP = 2 };

uint32_t binary_vocabulary(void);

#endif
