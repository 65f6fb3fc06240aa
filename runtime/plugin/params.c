/* params.c: see params.h. */
#include "plugin/params.h"

#include "base/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool params_shape_count(const int64_t *shape, uint32_t rank, int64_t *count)
{
    *count = 1;
    for (uint32_t i = 0; i < rank; i++)
        if (shape[i] < 1 || __builtin_mul_overflow(*count, shape[i], count) ||
            *count > PARAMS_MAX_ELEMENTS)
            return false;
    return true;
}

bool params_init_sound(const struct plugin_param_init *init, const int64_t *shape, uint32_t rank)
{
    bool spreads = init->kind == CORBEL_INIT_NORMAL || init->kind == CORBEL_INIT_TRUNC_NORMAL ||
                   init->kind == CORBEL_INIT_UNIFORM;

    if (init->kind < CORBEL_INIT_DEFAULT || init->kind > CORBEL_INIT_SINUSOIDAL)
        return false;
    if (!isfinite(init->value) || (spreads && init->value < 0.0))
        return false;
    if (init->kind == CORBEL_INIT_SINUSOIDAL && rank != 2)
        return false;
    return init->zero_row == 0 || (rank >= 1 && init->zero_row > 0 && init->zero_row <= shape[0]);
}

static bool grow(struct param_list *list)
{
    uint32_t capacity = list->capacity ? list->capacity * 2 : 64;
    struct plugin_param *items = realloc(list->items, capacity * sizeof(*items));

    if (!items)
        return false;
    list->items = items;
    list->capacity = capacity;
    return true;
}

corbel_status params_append(struct param_list *list, const struct plugin_param *param,
                            int64_t count, corbel_error *err)
{
    if (list->n >= PARAMS_MAX || count > PARAMS_MAX_ELEMENTS - list->elements)
        return error_set(err, CORBEL_E_CONFIG,
                         "parameter %s is one too many: at most %d, of 2^45 elements together",
                         param->name, PARAMS_MAX);
    if (list->n == list->capacity && !grow(list))
        return error_memory(err, sizeof(*param), "a parameter");
    list->elements += count;
    list->items[list->n++] = *param;
    return CORBEL_OK;
}

static int compare_names(const void *a, const void *b)
{
    const struct plugin_param *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

corbel_status params_check_names(const struct param_list *list, const char *arch, corbel_error *err)
{
    const struct plugin_param **sorted = malloc((list->n ? list->n : 1) * sizeof(*sorted));
    corbel_status status = CORBEL_OK;

    if (!sorted)
        return error_memory(err, list->n * sizeof(*sorted), "parameters");
    for (uint32_t i = 0; i < list->n; i++)
        sorted[i] = &list->items[i];
    qsort(sorted, list->n, sizeof(*sorted), compare_names);
    for (uint32_t i = 1; i < list->n && !status; i++)
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
            status = error_set(err, CORBEL_E_PROGRAM, "%s: parameter %s is declared twice", arch,
                               sorted[i]->name);
    free(sorted);
    return status;
}

void params_finish(struct param_list *list)
{
    free(list->items);
    *list = (struct param_list){0};
}
