/* sample.h: programs for the tests of this folder, written tersely. A failure is a failed test. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "program/plan.h"
#include "program/program.h"

/* A declared value: `spec` is a letter for what it is and its sizes: "f1x7x32". f, i: an input of
 * F32, I32; w, h, b: a weight of F32, F16, BF16; s: a state; c, k: a constant of F32, I32.
 * `name`: NULL makes one up. */
uint32_t sample_value(struct program *p, const char *name, const char *spec);
/* Attributes from "axis=1 eps=1e-05"; returns how many. */
uint32_t sample_attrs(const char *text, struct program_attr attrs[ATTR_COUNT]);
/* Emits; the first result. */
uint32_t sample_emit(struct program *p, const char *module, const char *op, uint32_t a, uint32_t b,
                     uint32_t c, const char *attrs);
uint32_t sample_emit4(struct program *p, const char *module, const char *op, uint32_t a, uint32_t b,
                      uint32_t c, uint32_t d, const char *attrs);

struct sample_llama {
    int layers, batch, tokens, capacity;
    bool bias, hidden_states; /* every layer's x is an output */
};
/* What the llama plugin emits. */
void sample_llama(struct program *p, struct sample_llama how);
/* GPT-2: transposed products, layer norms, learned positions. */
void sample_gpt2(struct program *p, int layers);
/* BERT: no cache, the norm after the residual. */
void sample_bert(struct program *p, int layers);

struct plan_options sample_options(void); /* everything on, 64 bytes */
uint32_t sample_count(const struct program *p, enum program_op_kind kind);

#endif
