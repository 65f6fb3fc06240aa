/* image/reader.h: typed keys of preprocessor_config.json, for settings.c.
 *
 * The first wrong key is kept in `err`, and what is read after it is left as it was: look at
 * `status` once, at the end. A key that is null takes away what an absent one leaves alone. */
#ifndef IMAGE_READER_H
#define IMAGE_READER_H

#include "base/json.h"
#include "image/settings.h"

struct reader {
    struct json_object *object;
    const char *name; /* of the file */
    corbel_status status;
    corbel_error *err;
};

/* NULL: absent or null. */
struct json_object *reader_find(const struct reader *r, const char *key);
/* Written down, as null. */
bool reader_is_null(const struct reader *r, const char *key);

/* "NAME: KEY: expected EXPECTED, found ...", CORBEL_E_CONFIG. */
void reader_refuse(struct reader *r, const char *key, const char *expected,
                   struct json_object *found);
/* Unless `given`: "NAME: KEY: missing, but STEP is true". */
void reader_need(struct reader *r, bool given, const char *key, const char *step);

void reader_bool(struct reader *r, const char *key, bool *out);
void reader_number(struct reader *r, const char *key, double *out);
/* A number, [height, width], or an object. */
void reader_size(struct reader *r, const char *key, bool number_is_short, struct size_rule *out);
/* One number for all channels, or one each. Tells whether there are any, be it by default. */
bool reader_channels(struct reader *r, const char *key, bool has_default, double out[3]);

#endif
