/* text/work.h: a text on its way from characters to tokens.
 *
 * The text is cut into pieces, and its characters are rewritten by normalizers; for each byte of
 * what it has become, `spans` says which bytes of the original it stands for. The rules by which
 * inserted and removed characters are aligned are those of the `tokenizers` library, because
 * offsets must equal its offsets.
 *
 * A work is reused from call to call, so nothing is allocated once it is warm. Failure (memory,
 * a regex that gives up) sticks in `status`. */
#ifndef TEXT_WORK_H
#define TEXT_WORK_H

#include "corbel/corbel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
    uint32_t begin, end; /* bytes of the original */
};

#define PIECE_TEXT (-1)

struct piece {
    uint32_t begin, end;  /* bytes of the current text; nothing if it is a token already */
    struct span original; /* of a token: what it stands for; else .begin: where the piece begins */
    int32_t token;        /* id of an added token, or PIECE_TEXT */
};

struct buffer {
    char *bytes;
    struct span *spans; /* one a byte */
    size_t size, capacity;
};

struct work {
    const char *original;
    size_t original_size;
    const char *text;         /* the current text: `original`, or front.bytes */
    const struct span *spans; /* NULL: the text is the original */
    struct buffer front, back;
    struct piece *pieces, *next; /* `next`: the list that a split builds */
    size_t n_pieces, n_next, pieces_capacity, next_capacity;

    /* While a piece is rewritten: what has been read of it. */
    const struct piece *reading;
    size_t read_begin, at;

    corbel_status status;
    corbel_error *err;
};

/* Begins with the whole text as one piece. The text must outlive the work's use of it. */
void work_begin(struct work *w, const char *text, size_t size, corbel_error *err);
void work_finish(struct work *w);

/* What bytes [begin, end) of the current text stand for; `from` is the piece they are in. */
struct span work_original(const struct work *w, const struct piece *from, size_t begin, size_t end);

/* ---- splitting: for each old piece, append what becomes of it, in order ---- */
void split_begin(struct work *w);
/* A part of piece `from`; nothing if it is empty. */
void split_text(struct work *w, const struct piece *from, size_t begin, size_t end);
void split_token(struct work *w, const struct piece *from, size_t begin, size_t end, int32_t token);
void split_keep(struct work *w, const struct piece *piece); /* a piece as it is */
void split_end(struct work *w);

/* ---- rewriting: for each piece, put the characters that it shall have ---- */
void rewrite_begin(struct work *w);
void rewrite_piece(struct work *w, size_t i, size_t skip_chars); /* leaves out the first ones */
/* change 0: `c` replaces the next character; -n: and the n after it are dropped; > 0: `c` is
 * inserted and belongs to the character before it. */
void rewrite_put(struct work *w, uint32_t c, int change);
/* The next `size` bytes as they are. */
void rewrite_copy(struct work *w, size_t size);
/* `size` bytes of text in the place of the next `replaced` bytes, all of them belonging to the last
 * character replaced. */
void rewrite_replace(struct work *w, size_t replaced, const char *text, size_t size);
void rewrite_piece_end(struct work *w, size_t i);
void rewrite_end(struct work *w);

#endif
