/* selective_scan.c: see selective_scan.h; mamba_selective_scan and mamba_selective_state_update of
 * modeling_mamba.py.
 *
 * A kernel has one result and this one two: tokens' results y [S,C] and the state [N,C] that they
 * leave lie one behind the other, [B,S+N,C], and are sliced off again. With one sequence a batch
 * both slices are views. */
#include "selective_scan.h"

static const uint32_t spirv[] =
#include "selective_scan.comp.inc"
    ;

#define GROUP 64 /* invocations of a workgroup */

/* The inputs, in the kernel's order. */
enum { X, DT, PROJECTED, GATED, A_LOG, SKIP, STATE, N_INPUTS };

struct sizes {
    int64_t batch, tokens, channels, state_size, rank;
};

static struct sizes sizes_of(corbel_build *b, const corbel_value *in)
{
    struct sizes n;

    n.batch = corbel_dim(b, in[X], 0);
    n.tokens = corbel_dim(b, in[X], 1);
    n.channels = corbel_dim(b, in[X], 2);
    n.state_size = corbel_dim(b, in[A_LOG], 1);
    n.rank = corbel_dim(b, in[PROJECTED], 2) - 2 * n.state_size;
    return n;
}

/* ---- as standard operations ------------------------------------------------------------------ */

/* The states of all tokens at once would be N times as large as x: they are made for a piece of the
 * tokens after the other. 64 of them fit a processor's cache in common models; and one operation
 * puts at most 16 values together, the state among them. */
#define PIECE      64
#define MAX_PIECES 15

/* What of the inputs belongs to one piece. A [N,C] and D are of all; state is [B,N,C]. */
struct piece {
    corbel_value x, dt, z, B, C; /* [B,S,1,C], the same, [B,S,C], [B,S,N,1], the same */
    corbel_value A, D, state;
};

/* Tokens [first, first + tokens) along the second axis. */
static corbel_value tokens_of(corbel_build *b, corbel_value x, int64_t first, int64_t tokens)
{
    return op_slice(b, x, 1, first, first + tokens);
}

/* Columns [first, first + n) of x [B,S,...] as [B,S,n,1]. */
static corbel_value column(corbel_build *b, corbel_value x, int64_t first, int64_t n)
{
    x = op_slice(b, x, 2, first, first + n);
    return op_reshape4(b, x, corbel_dim(b, x, 0), corbel_dim(b, x, 1), n, 1);
}

static corbel_value row(corbel_build *b, corbel_value x)
{
    return op_reshape4(b, x, corbel_dim(b, x, 0), corbel_dim(b, x, 1), 1, corbel_dim(b, x, 2));
}

static void take_piece(corbel_build *b, const struct sizes *n, const corbel_value *in,
                       int64_t first, int64_t tokens, struct piece *p)
{
    corbel_value projected = tokens_of(b, in[PROJECTED], first, tokens);
    corbel_value gated = tokens_of(b, in[GATED], first, tokens);

    p->x = row(b, tokens_of(b, in[X], first, tokens));
    p->dt = row(b, tokens_of(b, in[DT], first, tokens));
    p->dt = op_activation(b, p->dt, CORBEL_FN_SOFTPLUS);
    p->z = op_slice(b, gated, 2, n->channels, 2 * n->channels);
    p->B = column(b, projected, n->rank, n->state_size);
    p->C = column(b, projected, n->rank + n->state_size, n->state_size);
}

/* -> y [B,S,C]; p->state becomes what the piece leaves. */
static corbel_value scan_piece(corbel_build *b, const struct sizes *n, struct piece *p)
{
    corbel_value discrete_A = op_activation(b, op_mul(b, p->dt, p->A), CORBEL_FN_EXP);
    corbel_value deltaB_u = op_mul(b, p->B, op_mul(b, p->dt, p->x));
    corbel_value states = op_linear_scan(b, discrete_A, deltaB_u, p->state, 1), y;

    p->state =
        op_reshape3(b, op_slice(b, states, 1, -1, INT64_MAX), n->batch, n->state_size, n->channels);
    y = op_reduce(b, "reduce_sum", op_mul(b, states, p->C), 2, 1);
    y = op_add(b, y, op_mul(b, p->x, p->D));
    y = op_reshape3(b, y, n->batch, corbel_dim(b, y, 1), n->channels);
    return op_mul(b, y, op_activation(b, p->z, CORBEL_FN_SILU));
}

/* -> [B,S+N,C] */
static void decompose(corbel_build *b, const corbel_op *op, corbel_value *out)
{
    const int64_t swap[] = {1, 0};
    const struct sizes n = sizes_of(b, op->in);
    const int64_t least = n.tokens / MAX_PIECES + 1, step = least > PIECE ? least : PIECE;
    struct piece piece = {.D = op->in[SKIP], .state = op->in[STATE]};
    corbel_value parts[MAX_PIECES + 1];
    uint32_t n_parts = 0;

    piece.A = op_activation(b, op_permute(b, op->in[A_LOG], swap, 2), CORBEL_FN_EXP);
    piece.A = op_activation(b, piece.A, CORBEL_FN_NEG);
    for (int64_t first = 0; first < n.tokens; first += step) {
        int64_t left = n.tokens - first;

        take_piece(b, &n, op->in, first, left < step ? left : step, &piece);
        parts[n_parts++] = scan_piece(b, &n, &piece);
    }
    parts[n_parts++] = piece.state;
    *out = op_concat(b, parts, n_parts, 1);
}

/* ---- as a shader ----------------------------------------------------------------------------- */

/* The shader's indices are 32-bit, and an invocation should take fewer than 60,000 turns. Where it
 * does not fit the grid stays zero. */
static int fits(corbel_build *b, const struct sizes *n, const corbel_op *op,
                const corbel_launch *launch)
{
    const int64_t turns = n->state_size / 4 + 1, rows = corbel_mul(b, n->batch, n->tokens);
    const int64_t width = corbel_dim(b, op->in[GATED], 2) + corbel_dim(b, op->in[PROJECTED], 2);

    return n->batch <= CORBEL_MAX_GRID && turns < 60000 && n->tokens < 60000 / turns &&
           launch->n_elements <= INT32_MAX && corbel_mul(b, rows, width) <= INT32_MAX &&
           corbel_mul(b, n->channels, n->state_size) <= INT32_MAX;
}

static void launch(corbel_build *b, const corbel_op *op, corbel_value out, corbel_launch *launch)
{
    const struct sizes n = sizes_of(b, op->in);

    (void)out;
    if (!fits(b, &n, op, launch))
        return;
    launch->grid[0] = (n.channels + GROUP - 1) / GROUP;
    launch->grid[1] = n.batch;
    launch->grid[2] = 1;
    corbel_push_int(b, launch, n.tokens);
    corbel_push_int(b, launch, n.channels);
    corbel_push_int(b, launch, n.state_size);
    corbel_push_int(b, launch, n.rank);
}

/* ---- outside --------------------------------------------------------------------------------- */

const corbel_kernel selective_scan_kernel =
    CORBEL_KERNEL("selective_scan", spirv, N_INPUTS + 1, 4 * 4, decompose, launch, 2e-5);

corbel_value selective_scan(corbel_build *b, const struct selective_scan *s)
{
    const corbel_value in[N_INPUTS] = {s->x,     s->dt, s->projected, s->gated,
                                       s->A_log, s->D,  s->state};
    const int64_t tokens = corbel_dim(b, s->x, 1);
    corbel_value out = corbel_emit(b, "custom:selective_scan", in, N_INPUTS, NULL, 0);

    op_assign(b, s->state, op_slice(b, out, 1, tokens, INT64_MAX));
    return op_slice(b, out, 1, 0, tokens);
}
