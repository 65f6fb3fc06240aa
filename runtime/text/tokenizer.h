/* text/tokenizer.h: what the public tokenizer functions rest on.
 *
 * The object behind corbel_tokenizer: tokenizer.json's stages (added tokens, normalizer,
 * pre_tokenizer, model, post_processor, decoder), each a file of this folder. Loading needs the
 * folder only; name resolution ("demo/NAME") is done above, in model/. */
#ifndef TEXT_TOKENIZER_H
#define TEXT_TOKENIZER_H

#include "base/text.h"
#include "corbel/corbel.h"

corbel_status tokenizer_load(const char *dir, corbel_tokenizer **tokenizer, corbel_error *err);

/* corbel_decode for texts that may hold U+0000: appends to `out`, which knows its size. */
corbel_status tokenizer_decode(const corbel_tokenizer *tokenizer, const int32_t *ids, size_t n_ids,
                               bool skip_special, struct text *out, corbel_error *err);
/* The piece for an id, added or of the model; NULL: none. `size` may be NULL. */
const char *tokenizer_piece(const corbel_tokenizer *t, int64_t id, size_t *size);

/* Pieces, which need not be of the vocabulary, to text, appended to `out`; spaces before
 * punctuation stay. */
struct piece_text {
    const char *bytes;
    size_t size;
};
corbel_status tokenizer_join(const corbel_tokenizer *tokenizer, const struct piece_text *pieces,
                             size_t n, struct text *out, corbel_error *err);
/* Which side it pads on when nobody says. */
bool tokenizer_pads_left(const corbel_tokenizer *tokenizer);
/* Pieces inside a word are marked by a prefix, as "##" in WordPiece. */
bool tokenizer_marks_continuation(const corbel_tokenizer *tokenizer);
/* Bytes of the text that the stream's last call returned; it may hold U+0000 as well. */
size_t tokenizer_stream_size(const corbel_decode_stream *stream);

#endif
