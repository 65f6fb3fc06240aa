/* model/placement/placement_units.c: which parameters belong together.
 *
 * transformers names classes that are not to be split (_no_split_modules: LlamaDecoderLayer,
 * BertLayer). Every instance of theirs is one entry of a list of modules, or lies in one, or is
 * a module beside all lists; so the parameters' names alone tell (docs/decisions/). */
#include "model/placement/placement_units.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

/* A part of a parameter's name. */
struct span {
    const char *text;
    size_t size;
    uint32_t param;
};

static int compare_spans(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    const int order = memcmp(x->text, y->text, x->size < y->size ? x->size : y->size);
    if (order != 0)
        return order;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return x->param < y->param ? -1 : x->param > y->param;
}

/* The first component that is a number: *begin and *end are its offsets. */
static bool find_number(const char *name, size_t *begin, size_t *end)
{
    for (size_t at = 0; name[at];) {
        const size_t size = strcspn(name + at, ".");
        if (size > 0 && strspn(name + at, "0123456789") == size) {
            *begin = at;
            *end = at + size;
            return true;
        }
        at += size + (name[at + size] == '.');
    }
    return false;
}

/* ---- lists of modules ------------------------------------------------------------------------ */

/* The paths of all lists ("model.layers"), sorted. */
struct lists {
    struct span *paths;
    size_t n;
};

static void find_lists(struct lists *l, const struct placement_param *params, uint32_t n)
{
    size_t begin, end;
    for (uint32_t i = 0; i < n; i++) {
        if (!find_number(params[i].name, &begin, &end))
            continue;
        const struct span path = {params[i].name, begin ? begin - 1 : 0, 0};
        const struct span *last = l->n ? &l->paths[l->n - 1] : NULL;
        if (!last || compare_spans(last, &path) != 0)
            l->paths[l->n++] = path;
    }
    qsort(l->paths, l->n, sizeof(*l->paths), compare_spans);
}

/* Is there a list at `path`, or somewhere below it? */
static bool holds_list(const struct lists *l, const char *path, size_t size)
{
    size_t low = 0, high = l->n;
    const struct span wanted = {path, size, 0};
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (compare_spans(&l->paths[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    /* What begins with the path stands behind it, and "a-b" between "a" and "a.b". */
    for (; low < l->n && l->paths[low].size >= size && memcmp(l->paths[low].text, path, size) == 0;
         low++)
        if (l->paths[low].size == size || l->paths[low].text[size] == '.')
            return true;
    return false;
}

/* How much of the name is its unit's path. */
static size_t unit_size(const struct lists *l, const char *name)
{
    size_t begin, end;
    if (find_number(name, &begin, &end))
        return end;
    for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
        if (!holds_list(l, name, (size_t)(dot - name)))
            return (size_t)(dot - name);
    return strlen(name);
}

/* ---- units ----------------------------------------------------------------------------------- */

static corbel_status add_unit(struct placement *p, const struct span *path, corbel_error *err)
{
    char *text = arena_alloc(&p->arena, path->size + 1);
    if (!text)
        return error_memory(err, path->size, "a module's path");
    memcpy(text, path->text, path->size);
    p->units[p->n_units++] = (struct placement_unit){.path = text};
    return CORBEL_OK;
}

/* `spans` are sorted by path; equal paths are one unit. Its number is that of its first parameter
 * at first, and then counts units in the order of those. */
static corbel_status number_units(struct placement *p, const struct span *spans, corbel_error *err)
{
    uint32_t *first = arena_array(&p->arena, (size_t)p->n_params + 1, sizeof(*first));
    if (!first)
        return error_memory(err, p->n_params * sizeof(*first), "the units of a model");
    for (uint32_t i = 0; i < p->n_params; i++) {
        const bool same = i > 0 && spans[i].size == spans[i - 1].size &&
                          memcmp(spans[i].text, spans[i - 1].text, spans[i].size) == 0;
        first[spans[i].param] = same ? first[spans[i - 1].param] : spans[i].param;
    }
    for (uint32_t i = 0; i < p->n_params; i++) {
        if (first[i] == i) {
            const struct span path = {p->params[i].name, p->unit_of[i], 0};
            const corbel_status status = add_unit(p, &path, err);
            if (status != CORBEL_OK)
                return status;
            p->unit_of[i] = p->n_units - 1;
        } else {
            p->unit_of[i] = p->unit_of[first[i]];
        }
        p->units[p->unit_of[i]].bytes += p->params[i].bytes;
    }
    return CORBEL_OK;
}

corbel_status placement_find_units(struct placement *p, corbel_error *err)
{
    const size_t n = p->n_params;
    struct lists lists = {.paths = calloc(n + 1, sizeof(*lists.paths))};
    struct span *spans = calloc(n + 1, sizeof(*spans));
    corbel_status status;
    p->units = arena_array(&p->arena, n + 1, sizeof(*p->units));
    p->unit_of = arena_array(&p->arena, n + 1, sizeof(*p->unit_of));
    if (!lists.paths || !spans || !p->units || !p->unit_of) {
        status = error_memory(err, n * sizeof(*spans), "the units of a model");
        goto fail;
    }
    find_lists(&lists, p->params, p->n_params);
    for (uint32_t i = 0; i < p->n_params; i++) {
        const char *name = p->params[i].name;
        spans[i] = (struct span){name, unit_size(&lists, name), i};
        p->unit_of[i] = (uint32_t)spans[i].size; /* until units have numbers */
    }
    qsort(spans, n, sizeof(*spans), compare_spans);
    status = number_units(p, spans, err);
fail:
    free(spans);
    free(lists.paths);
    return status;
}
