/* program/shapes.h: what the shape rules of one operation each are made of.
 *
 * signatures.c says in a table what an operation takes: each input's name, type and rank, and each
 * attribute's kind and range. shapes.c checks that table and then calls the operation's rule, which
 * only has to relate the shapes to each other. The rules are grouped by family: shapes_layout.c,
 * shapes_arithmetic.c, shapes_product.c, shapes_attention.c, shapes_image.c. */
#ifndef PROGRAM_SHAPES_H
#define PROGRAM_SHAPES_H

#include "program/program.h"

/* One operation being checked. Rules return false after rule_fail has written the sentence. */
struct rule {
    const struct program *p;
    const struct program_op *op;
    struct program_value *out;    /* [PROGRAM_MAX_OUTPUTS] */
    struct program_attr *settled; /* op's attributes, to be made canonical; or NULL */
    corbel_error *err;
};

typedef bool (*shape_rule)(const struct rule *r);

enum argument_type {
    ARGUMENT_FLOAT,  /* F32 */
    ARGUMENT_WEIGHT, /* F32; a weight or constant may also be F16 or BF16 */
    ARGUMENT_INT,    /* I32 */
    ARGUMENT_NUMBER  /* F32 or I32 */
};

struct argument {
    const char *name; /* NULL ends the list */
    enum argument_type type;
    uint32_t rank_min, rank_max;
    bool optional; /* the slot may be 0 */
};

struct attribute {
    bool present; /* false ends the list */
    bool required;
    enum program_attr_key key;
    int64_t int_min, int_max;
    double float_min, float_max;
};

struct signature {
    shape_rule infer;
    struct argument args[8]; /* the first describes every input where their number is free */
    struct attribute attrs[15];
};

struct signature_counts {
    uint32_t n_in_min, n_in_max, n_out;
};

const struct signature *signature_of(enum program_op_kind kind);
const struct signature_counts *signature_counts_of(enum program_op_kind kind);
/* What input `slot` (below n_in_max) is to be. */
const struct argument *signature_argument(enum program_op_kind kind, uint32_t slot);

/* program_infer that also makes `attrs` (op's attributes) canonical, unless NULL. */
corbel_status shapes_infer(const struct program *p, const struct program_op *op,
                           struct program_attr *attrs,
                           struct program_value out[PROGRAM_MAX_OUTPUTS], corbel_error *err);
/* Results that `op` has: fewer than its signature's for a linear_multi of two. */
uint32_t shapes_n_out(const struct program_op *op);

/* "op linear in model.layers.0.mlp: " + the sentence; returns false. */
bool rule_fail(const struct rule *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The value in a slot, NULL where none is given. */
const struct program_value *rule_in(const struct rule *r, uint32_t slot);
int64_t rule_int(const struct rule *r, enum program_attr_key key, int64_t fallback);
bool rule_has(const struct rule *r, enum program_attr_key key);
/* Writes the canonical form of an integer attribute that was given. */
void rule_settle(const struct rule *r, enum program_attr_key key, int64_t value);
/* The attribute `axis` of a value of `rank` axes, counted from the front. */
bool rule_axis(const struct rule *r, uint32_t rank, uint32_t *axis);
/* Declares result i; refuses sizes below 1 and more than PROGRAM_MAX_ELEMENTS elements. */
bool rule_out(const struct rule *r, uint32_t i, int32_t dtype, uint32_t rank, const int64_t *shape);
/* Result i is shaped like v. */
bool rule_out_like(const struct rule *r, uint32_t i, int32_t dtype, const struct program_value *v);

/* numpy's broadcast of two shapes; false if they do not go together. */
bool shapes_broadcast(uint32_t rank_a, const int64_t *a, uint32_t rank_b, const int64_t *b,
                      uint32_t *rank, int64_t *shape);
bool shapes_equal(const struct program_value *a, const struct program_value *b);
bool shape_in_bounds(uint32_t rank, const int64_t *shape);

/* "[1, 7, 32]", for messages: shape_text(v).s */
struct shape_text {
    char s[192];
};
struct shape_text shape_text(const struct program_value *v);
struct shape_text shape_text_of(uint32_t rank, const int64_t *shape);
/* "f32", "bf16", "i32" */
const char *dtype_short(int32_t dtype);

bool infer_embedding(const struct rule *r);
bool infer_reshape(const struct rule *r);
bool infer_permute(const struct rule *r);
bool infer_slice(const struct rule *r);
bool infer_concat(const struct rule *r);
bool infer_gather(const struct rule *r);
bool infer_expand(const struct rule *r);
bool infer_cast(const struct rule *r);
bool infer_custom(const struct rule *r);
bool infer_assign(const struct rule *r);

bool infer_linear(const struct rule *r);
bool infer_matmul(const struct rule *r);
bool infer_linear_fused(const struct rule *r);
bool infer_linear_gated(const struct rule *r);
bool infer_linear_multi(const struct rule *r);

bool infer_broadcast(const struct rule *r);
bool infer_same_shape(const struct rule *r);
bool infer_not_equal(const struct rule *r);
bool infer_norm(const struct rule *r);
bool infer_add_norm(const struct rule *r);
bool infer_reduce(const struct rule *r);
bool infer_argmax(const struct rule *r);
bool infer_linear_scan(const struct rule *r);

bool infer_rope_table(const struct rule *r);
bool infer_rope(const struct rule *r);
bool infer_attention(const struct rule *r);
bool infer_attention_rope(const struct rule *r);

bool infer_conv(const struct rule *r);
bool infer_batch_norm(const struct rule *r);
bool infer_pool(const struct rule *r);
bool infer_interpolate(const struct rule *r);

#endif
