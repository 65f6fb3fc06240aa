/* text/pattern.h: what a Split or Replace looks for: a literal, a regex, a class of characters.
 *
 * Regexes are in Oniguruma's dialect; they are translated and run by PCRE2 with limits on matches,
 * depth and heap, so that one that explodes ends in an error. The patterns of GPT-2, Llama 3,
 * cl100k and their relatives are recognised and matched by hand-written scanners instead, which
 * know the same version of Unicode as the `tokenizers` library. */
#ifndef TEXT_PATTERN_H
#define TEXT_PATTERN_H

#include "corbel/corbel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes matched at `at` of `text`; always at least one character. Such a scanner cuts the whole
 * text, so everything is a match. */
typedef size_t (*pattern_scanner)(const char *text, size_t at, size_t size);

enum pattern_kind { PATTERN_LITERAL, PATTERN_REGEX, PATTERN_SCANNER, PATTERN_CLASS };

struct pattern {
    enum pattern_kind kind;
    char *literal; /* owned */
    size_t literal_size;
    pattern_scanner scanner;
    bool (*in_class)(uint32_t c); /* each such character is one match */
    struct pcre2_real_code_8 *code;
    char *source; /* the regex, for messages; owned */
};

/* Matches are told in order: the bytes [begin, end) matched. */
struct pattern_match {
    size_t begin, end;
};

/* Room for PCRE2 to work in; one a thread. */
struct pattern_room {
    struct pcre2_real_match_data_8 *match;
    struct pcre2_real_match_context_8 *context;
};

corbel_status pattern_literal(struct pattern *p, const char *text, corbel_error *err);
/* `where` is the file and member, for messages. */
corbel_status pattern_regex(struct pattern *p, const char *regex, const char *where,
                            corbel_error *err);
void pattern_class(struct pattern *p, bool (*in_class)(uint32_t));
void pattern_finish(struct pattern *p);

corbel_status pattern_room_init(struct pattern_room *room, corbel_error *err);
void pattern_room_finish(struct pattern_room *room);

/* The first match at or after `at`. CORBEL_OK and *found false: there is none. */
corbel_status pattern_find(const struct pattern *p, struct pattern_room *room, const char *text,
                           size_t size, size_t at, struct pattern_match *match, bool *found,
                           corbel_error *err);

/* The hand-written scanner for a regex, or NULL (scanners.c). */
pattern_scanner scanner_for(const char *regex);

#endif
