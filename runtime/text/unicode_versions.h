/* text/unicode_versions.h: corrections to utf8proc's answers; see unicode_versions.c.
 *
 * Each returns what the `tokenizers` library answers for `c`: an exception, or `otherwise`. */
#ifndef TEXT_UNICODE_VERSIONS_H
#define TEXT_UNICODE_VERSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool version_letter(uint32_t c, bool otherwise);
bool version_number(uint32_t c, bool otherwise);
bool version_numeric(uint32_t c, bool otherwise);
bool version_mark(uint32_t c, bool otherwise);
bool version_accent(uint32_t c, bool otherwise);
bool version_nonspacing(uint32_t c, bool otherwise);
bool version_punctuation(uint32_t c, bool otherwise);
bool version_other(uint32_t c, bool otherwise);
bool version_word(uint32_t c, bool otherwise);
bool version_decomposed(uint32_t c, bool otherwise);
bool version_reordered(uint32_t c, bool otherwise);
uint32_t version_lowercase(uint32_t c, uint32_t otherwise);

#endif
