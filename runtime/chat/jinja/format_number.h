/* chat/jinja/format_number.h: numbers as format strings ask for them. */
#ifndef CHAT_JINJA_FORMAT_NUMBER_H
#define CHAT_JINJA_FORMAT_NUMBER_H

#include "chat/jinja/machine.h"

/* A field: [[fill]align][sign][#][0][width][grouping][.precision][type] */
struct field {
    uint32_t fill;
    char align;    /* '<' '>' '^' '=' */
    char sign;     /* '-' (only of negative numbers), '+', ' ' */
    char grouping; /* ',' '_'; 0: none */
    char type;     /* 0: none given */
    bool alternate;
    int64_t width, precision; /* precision -1: none */
    bool digits_precision;    /* of an integer: at least so many digits, as "%.5d" */
};

/* A number of digits that a field may ask for; more is a failure. */
bool check_field(struct machine *m, int64_t n);
/* Appends an integer of type d, b, o, x, X, or a float of type e, f, g (or E, F, G), %, or 0. */
void build_integer_field(struct machine *m, struct builder *b, const struct field *f, int64_t i);
void build_float_field(struct machine *m, struct builder *b, const struct field *f, double value);
/* Appends a text in the field's width. */
void build_text_field(struct machine *m, struct builder *b, const struct field *f,
                      const struct string *s);
/* int(v) of a float; fails for what has no integer. */
bool integer_of_float(struct machine *m, double value, int64_t *out);

#endif
