/* doubler.c: the smallest architecture there is, built outside of the tree: twice an embedding. */
#include <corbel/plugin.h>

struct doubler {
    corbel_value embedding;
};

#define DOUBLER_CONFIG(F)                  \
    F(i64, vocab_size, "vocab_size", NULL) \
    F(i64, hidden_size, "hidden_size", "16")
CORBEL_CONSTRUCTOR(create_DoublerModel, DOUBLER_CONFIG);
static void *create_DoublerModel(corbel_build *b DOUBLER_CONFIG(CORBEL_ARG))
{
    struct doubler *m = corbel_alloc(b, sizeof(*m));

    if (m)
        m->embedding = corbel_param_weight_2d(b, "embedding", vocab_size, hidden_size);
    return m;
}

static void forward_DoublerModel(corbel_build *b, const void *self)
{
    const struct doubler *m = self;
    corbel_value x = op_embedding(b, m->embedding, corbel_input(b, "input_ids"));

    corbel_output(b, "last_hidden_state", op_affine(b, x, 2.0, 0.0));
}

static const corbel_arch doubler = CORBEL_CLASS(DoublerModel, "doubler", "", "");
static const corbel_arch *const archs[] = {&doubler};

CORBEL_PLUGIN("example/doubler", "1.0.0", archs);
