/* text/decoder.h: tokenizer.json's `decoder`: how tokens become text again. */
#ifndef TEXT_DECODER_H
#define TEXT_DECODER_H

#include "base/text.h"
#include "text/pattern.h"

#include <json-c/json.h>

enum decoder_kind {
    DECODE_BYTE_LEVEL,
    DECODE_WORDPIECE,
    DECODE_METASPACE,
    DECODE_BPE, /* "BPEDecoder": an end-of-word suffix becomes a space */
    DECODE_CTC,
    DECODE_BYTE_FALLBACK,
    DECODE_FUSE,
    DECODE_STRIP,
    DECODE_REPLACE,
};

struct decoder {
    enum decoder_kind kind;
    char *content; /* replacement, prefix, suffix, or the character that is stripped; owned */
    char *pad, *delimiter; /* CTC; owned */
    struct pattern pattern;
    bool cleanup, prefix_space;
    int64_t start, stop; /* strip: how many at most */
};

struct decoders {
    struct decoder *items;
    size_t n, capacity;
    bool none;     /* no decoder: tokens are joined by spaces */
    bool clean_up; /* tokenizer_config.json's clean_up_tokenization_spaces */
};

/* Pieces on their way back to text: sizes in `ends`, bytes one after the other in `bytes`. */
struct pieces {
    struct text bytes;
    size_t *ends;
    size_t n, capacity;
    bool failed;
};

void pieces_finish(struct pieces *p);
void pieces_put(struct pieces *p, const char *bytes, size_t size);

corbel_status decoders_load(struct decoders *list, struct json_object *json, const char *name,
                            corbel_error *err);
void decoders_finish(struct decoders *list);

/* LlamaTokenizer's own: signs to spaces, bytes, one space off the front if `strip`. */
corbel_status decoders_llama(struct decoders *list, bool strip, corbel_error *err);

/* Text of the tokens in `from`, appended to `out` (before clean_up). */
corbel_status decoders_run(const struct decoders *list, struct pieces *from, struct text *out,
                           corbel_error *err);

/* The spaces that WordPiece leaves in front of punctuation, in place. `wordpiece`: with the rule
 * for " do not" that only its decoder has. */
void clean_up_spaces(struct text *text, bool wordpiece);

/* True if a piece is the spelling of a byte, "<0x0A>". */
bool is_byte_piece(const char *piece, size_t size, unsigned char *byte);

#endif
