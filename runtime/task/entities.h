/* task/entities.h: tokens with the scores of labels, to words, to entities.
 *
 * The steps of transformers' TokenClassificationPipeline, for one window at a time. */
#ifndef TASK_ENTITIES_H
#define TASK_ENTITIES_H

#include "task/forward.h"
#include "text/tokenizer.h"

/* How tokens become entities: not at all; by their own labels; by words, whose label is that of the
 * first token, of the mean of all, or of the likeliest. */
enum aggregation {
    AGGREGATE_NONE,
    AGGREGATE_SIMPLE,
    AGGREGATE_FIRST,
    AGGREGATE_AVERAGE,
    AGGREGATE_MAX,
    N_AGGREGATIONS
};

/* The text that offsets count in. */
struct sentence {
    struct text text;
    size_t *at;       /* [n + 1]: byte of each character */
    int64_t n;        /* characters */
    int64_t *word_at; /* [words]: character where each begins; NULL: offsets are the text's */
};

/* `input`: a string, or a list of words that `delimiter` joins. False: out of memory; it is
 * finished by the caller either way. */
bool sentence_init(struct sentence *s, struct json_object *input, const char *delimiter);
void sentence_finish(struct sentence *s);

/* A token, a word, or a group of either. */
struct entity {
    int64_t label, index, begin, end;
    float score;
    const float *scores;     /* of all labels; of a token */
    struct piece_text piece; /* of a token: in the vocabulary or in the sentence */
    bool is_subword;
    bool owns_piece; /* made by joining */
    size_t order;
};

struct entities {
    struct entity *items;
    size_t n, capacity;
};

/* A zeroed list is empty; entities_add returns a zeroed entity, or NULL. */
struct entity *entities_add(struct entities *list);
void entities_finish(struct entities *list);

/* What entities are made with; the first four are the caller's. */
struct entity_maker {
    const struct call *call;
    enum aggregation strategy;
    const struct sentence *sentence;
    corbel_error *err;
    int64_t n_labels;
    float *scores;                         /* [tokens of a window, n_labels] */
    float *mean;                           /* [n_labels] */
    struct entities tokens, words, groups; /* of a window */
};

/* The entities of a window: *made lives until the next call. */
corbel_status entities_make(struct entity_maker *m, const struct window *window,
                            struct entities **made);
void entity_maker_finish(struct entity_maker *m);

/* Of entities of several windows that overlap the longest is kept, of equal ones the likeliest:
 * moves those to the front, in the order of the text, and returns how many. */
size_t entities_drop_overlapping(struct entities *list);

#endif
