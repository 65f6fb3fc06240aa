/* text/charsmap.h: SentencePiece's precompiled table of replacements ("Precompiled" normalizer). */
#ifndef TEXT_CHARSMAP_H
#define TEXT_CHARSMAP_H

#include "text/work.h"

/* A zeroed struct replaces nothing. */
struct charsmap {
    uint8_t *bytes;       /* the decoded table; owned */
    const uint32_t *trie; /* a double array, in `bytes` */
    size_t n_trie;
    const char *texts; /* replacements, each ended by 0, in `bytes` */
    size_t texts_size;
};

/* `base64`: as in tokenizer.json. `name`: the file, for messages. */
corbel_status charsmap_load(struct charsmap *map, const char *base64, const char *name,
                            corbel_error *err);
void charsmap_finish(struct charsmap *map);
void charsmap_run(const struct charsmap *map, struct work *w);

#endif
