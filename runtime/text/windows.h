/* text/windows.h: tokens cut to length, with special tokens around them: the encodings. */
#ifndef TEXT_WINDOWS_H
#define TEXT_WINDOWS_H

#include "text/parts.h"

/* Truncates what `shop` has found, adds special tokens and padding. The first window is *encoding,
 * the others hang behind it in `overflow`. */
corbel_status windows_make(const corbel_tokenizer *t, const struct workshop *shop,
                           const corbel_encode_params *p, corbel_encoding **encoding,
                           corbel_error *err);

#endif
