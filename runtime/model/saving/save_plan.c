/* model/saving/save_plan.c: which tensors a saved model has, in which order, in which file.
 *
 * As transformers' save_pretrained and huggingface_hub's split_torch_state_dict_into_shards do it,
 * so that both cut a model into the same shards. */
#include "base/dtype.h"
#include "base/error.h"
#include "model/names.h"
#include "model/saving/save.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SHARD_SIZE 50000000000u /* save_pretrained's max_shard_size="50GB" */

/* ---- order: core_model_loading.py, dot_natural_key ------------------------------------------- */

/* A part of a name between dots: a number, or a word that may end in one. Numbers are kept as their
 * digits without leading zeros, since they may be of any length. */
struct part {
    const char *word, *digits;
    size_t word_size, digits_size;
    bool has_digits;
};

static struct part part_of(const char *s)
{
    size_t size = strcspn(s, "."), word = size;
    while (word > 0 && isdigit((unsigned char)s[word - 1]))
        word--;
    struct part p = {.word = s, .word_size = word, .has_digits = word < size};
    while (word + 1 < size && s[word] == '0')
        word++;
    p.digits = s + word;
    p.digits_size = size - word;
    return p;
}

static int compare_bytes(const char *a, size_t a_size, const char *b, size_t b_size)
{
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return order ? order : (a_size > b_size) - (a_size < b_size);
}

static int compare_parts(const struct part *a, const struct part *b)
{
    bool a_number = a->has_digits && a->word_size == 0, b_number = b->has_digits && !b->word_size;
    if (a_number != b_number)
        return a_number ? -1 : 1;
    int order = compare_bytes(a->word, a->word_size, b->word, b->word_size);
    if (order || a->has_digits != b->has_digits)
        return order ? order : a->has_digits - b->has_digits;
    if (a->digits_size != b->digits_size)
        return a->digits_size < b->digits_size ? -1 : 1;
    return memcmp(a->digits, b->digits, a->digits_size);
}

/* Names part by part: layers.2 before layers.10. Equal ones stay as they were declared. */
static int compare_items(const void *a, const void *b)
{
    const struct save_item *x = a, *y = b;
    const char *s = x->param->name, *t = y->param->name;
    for (;;) {
        struct part p = part_of(s), q = part_of(t);
        int order = compare_parts(&p, &q);
        if (order)
            return order;
        s += strcspn(s, ".");
        t += strcspn(t, ".");
        if (!*s || !*t)
            break;
        s++, t++;
    }
    if (*s || *t)
        return *s ? 1 : -1;
    return (x->param > y->param) - (x->param < y->param);
}

/* ---- tensors --------------------------------------------------------------------------------- */

/* Was it stored under the older one of its names? */
static bool is_older(const struct plugin_param *p, const char *stored, const char *prefix)
{
    char names[NAMES_MAX][NAMES_SIZE];
    struct plugin_param newer = *p;
    newer.older = NULL;
    size_t n = names_of_param(&newer, prefix, names);
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], stored) == 0)
            return false;
    return true;
}

/* A name is saved as it was stored, but for the base model's prefix; a new one in the layout of the
 * other names, which without any is that of checkpoints. */
static void name_items(struct save_plan *plan, const char *prefix)
{
    bool all_new = true, older_layout = false;
    for (uint32_t i = 0; i < plan->n_items; i++) {
        struct save_item *item = &plan->items[i];
        bool older =
            item->stored && item->param->older && is_older(item->param, item->stored->name, prefix);
        item->name = older ? item->param->older : item->param->name;
        all_new = all_new && !item->stored;
        older_layout = older_layout || (older && (item->param->flags & PLUGIN_PARAM_MOVED));
    }
    for (uint32_t i = 0; i < plan->n_items; i++) {
        struct save_item *item = &plan->items[i];
        if (!item->stored && item->param->older && (item->param->flags & PLUGIN_PARAM_MOVED) &&
            (all_new || older_layout))
            item->name = item->param->older;
    }
}

/* What a checkpoint has in integers was meant to be floats, unless it is no parameter. */
static int32_t saved_dtype(const struct save_item *item, int32_t asked, int32_t of_new)
{
    if (!item->stored)
        return asked ? asked : of_new;
    if (!dtype_is_float(item->stored->dtype) && (item->param->flags & CORBEL_PARAM_BUFFER))
        return item->stored->dtype;
    if (asked)
        return asked;
    return dtype_is_float(item->stored->dtype) ? item->stored->dtype : CORBEL_F32;
}

/* The dtype of the first stored parameter: transformers' model.dtype. */
static int32_t main_dtype(const struct corbel_model *model, int32_t asked, uint32_t n)
{
    for (uint32_t i = 0; i < n && !asked; i++)
        if (model->tensors[i] && dtype_is_float(model->tensors[i]->dtype))
            asked = model->tensors[i]->dtype;
    return asked ? asked : CORBEL_F32;
}

static corbel_status measure(struct save_plan *plan, struct save_item *item, corbel_error *err)
{
    const struct plugin_param *p = item->param;
    item->count = 1;
    for (uint32_t i = 0; i < p->rank; i++)
        item->count *= (uint64_t)p->shape[i]; /* at most PARAMS_MAX_ELEMENTS, which was checked */
    item->bytes = item->count * dtype_size(item->dtype);
    plan->total_size += item->bytes;
    if (!(p->flags & CORBEL_PARAM_BUFFER))
        plan->total_parameters += item->count;
    if (item->dtype && dtype_size(item->dtype))
        return CORBEL_OK;
    return error_set(err, CORBEL_E_UNSUPPORTED, "%s: %s can't be saved", p->name,
                     dtype_name(item->dtype) ? dtype_name(item->dtype) : "this element type");
}

/* ---- shards: huggingface_hub, serialization/_base.py ------------------------------------------
 */

/* Fills one shard after the other; a tensor that is larger than a shard gets one of its own, which
 * comes before the one that is being filled. */
static corbel_status split(struct save_plan *plan, uint64_t limit, corbel_error *err)
{
    const uint32_t none = UINT32_MAX;
    uint32_t *places = calloc(plan->n_items + (size_t)1, sizeof(*places)); /* of groups in files */
    uint32_t n_groups = 0, current = none;
    uint64_t used = 0;
    if (!places)
        return error_memory(err, plan->n_items * sizeof(*places), "the list of files");
    for (uint32_t i = 0; i < plan->n_items; i++) {
        struct save_item *item = &plan->items[i];
        if (item->bytes > limit) {
            item->shard = n_groups;
            places[n_groups++] = plan->n_shards++;
            continue;
        }
        if (current != none && used + item->bytes > limit) {
            places[current] = plan->n_shards++;
            current = none;
            used = 0;
        }
        if (current == none)
            current = n_groups++;
        item->shard = current;
        used += item->bytes;
    }
    if (current != none)
        places[current] = plan->n_shards++;
    for (uint32_t i = 0; i < plan->n_items; i++)
        plan->items[i].shard = places[plan->items[i].shard];
    free(places);
    return CORBEL_OK;
}

corbel_status save_plan_make(struct save_plan *plan, struct corbel_model *model, int32_t dtype,
                             uint64_t max_shard_size, corbel_error *err)
{
    uint32_t n = plugin_model_param_count(model->plugin);
    *plan = (struct save_plan){.n_items = n, .dtype = main_dtype(model, dtype, n)};
    plan->items = calloc(n ? n : 1, sizeof(*plan->items));
    if (!plan->items)
        return error_memory(err, n * sizeof(*plan->items), "the list of weights");
    corbel_status status = CORBEL_OK;
    for (uint32_t i = 0; i < n && status == CORBEL_OK; i++) {
        struct save_item *item = &plan->items[i];
        item->param = plugin_model_param(model->plugin, i);
        item->stored = model->tensors[i];
        item->dtype = saved_dtype(item, dtype, plan->dtype);
        status = measure(plan, item, err);
    }
    if (status != CORBEL_OK)
        return status;
    name_items(plan, plugin_model_prefix(model->plugin));
    qsort(plan->items, n, sizeof(*plan->items), compare_items);
    return split(plan, max_shard_size ? max_shard_size : DEFAULT_SHARD_SIZE, err);
}

void save_plan_finish(struct save_plan *plan)
{
    free(plan->items);
    *plan = (struct save_plan){0};
}
