/* conformance/expected.c: see shipped.h. */
#include "conformance/shipped.h"

#include "base/error.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of max(1, the largest expected value): as the fixtures of Corbel itself. */
static const double tolerance = 5e-5;

/* ---- finding them ---------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct shipped *)a)->name, ((const struct shipped *)b)->name);
}

static corbel_status append(struct arena *arena, const char *folder, const char *name,
                            struct shipped **list, size_t *n, corbel_error *err)
{
    struct shipped *grown = arena_array(arena, *n + 1, sizeof(*grown));
    const struct shipped item = {
        .name = arena_format(arena, "tests/%s", name),
        .model = arena_format(arena, "%s/tests/%s/model", folder, name),
        .expected = arena_format(arena, "%s/tests/%s/expected.safetensors", folder, name),
    };

    if (!grown || !item.name || !item.model || !item.expected)
        return error_memory(err, 0, "a list of tests");
    if (!file_exists(item.expected))
        return CORBEL_OK;
    if (*n > 0)
        memcpy(grown, *list, *n * sizeof(*grown));
    grown[(*n)++] = item;
    *list = grown;
    return CORBEL_OK;
}

corbel_status shipped_list(const char *folder, struct arena *arena, struct shipped **list,
                           size_t *n, corbel_error *err)
{
    char tests[PATH_MAX];
    struct dirent *entry;
    corbel_status status = CORBEL_OK;
    DIR *dir;

    *list = NULL;
    *n = 0;
    if (!path_join(tests, sizeof tests, folder, "tests"))
        return error_set(err, CORBEL_E_ARGUMENT, "%s: the path is too long", folder);
    dir = opendir(tests);
    if (!dir)
        return errno == ENOENT ? CORBEL_OK
                               : error_set(err, CORBEL_E_IO, "%s: %s", tests, strerror(errno));
    while (!status && (entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.')
            status = append(arena, folder, entry->d_name, list, n, err);
    closedir(dir);
    if (!status && *n > 1)
        qsort(*list, *n, sizeof(**list), by_name);
    return status;
}

/* ---- one case -------------------------------------------------------------------------------- */

enum { MAX_INPUTS = 16 };

struct one_case {
    const corbel_tensors *file;
    char name[128];
    corbel_tensor inputs[MAX_INPUTS];
    size_t n_inputs;
    const corbel_tensor *mask; /* NULL: nothing is padding */
};

/* "CASE.in.NAME" of this case: NAME. */
static const char *member_of(const char *name, const char *which, const char *direction)
{
    const size_t size = strlen(which);

    if (strncmp(name, which, size) != 0 || strncmp(name + size, direction, strlen(direction)) != 0)
        return NULL;
    return name + size + strlen(direction);
}

static void collect_inputs(struct one_case *k)
{
    k->n_inputs = 0;
    k->mask = NULL;
    for (size_t i = 0; i < corbel_tensors_count(k->file) && k->n_inputs < MAX_INPUTS; i++) {
        const corbel_tensor *t = corbel_tensors_at(k->file, i);
        const char *name = member_of(t->name, k->name, ".in.");

        if (!name)
            continue;
        k->inputs[k->n_inputs] = *t;
        k->inputs[k->n_inputs].name = name;
        if (strcmp(name, "attention_mask") == 0)
            k->mask = t;
        k->n_inputs++;
    }
}

static bool is_padding(const struct one_case *k, const corbel_tensor *t, int64_t i, int64_t inner)
{
    int64_t at;

    if (!k->mask || t->rank < 2 || k->mask->rank != 2 || t->shape[1] != k->mask->shape[1])
        return false;
    at = i / inner;
    return k->mask->dtype == CORBEL_I64 ? ((const int64_t *)k->mask->data)[at] == 0
                                        : ((const int32_t *)k->mask->data)[at] == 0;
}

static void compare(struct conformance *c, const struct one_case *k, const corbel_tensor *want,
                    const corbel_tensor *got, const char *where)
{
    double worst = 0.0, largest = 1.0;
    int64_t n = 1, inner = 1;

    for (uint32_t d = 0; d < want->rank; d++) {
        n *= want->shape[d];
        inner *= d >= 2 ? want->shape[d] : 1;
    }
    check_try(&c->checks);
    if (want->dtype != CORBEL_F32 || got->rank != want->rank ||
        memcmp(got->shape, want->shape, want->rank * sizeof(*want->shape)) != 0) {
        check_found(&c->checks, "%s: %s: another shape, or not float32", where, want->name);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        const double w = (double)((const float *)want->data)[i];
        const double difference = fabs((double)((const float *)got->data)[i] - w);

        if (is_padding(k, want, i, inner))
            continue;
        largest = fmax(largest, fabs(w));
        worst = isnan(difference) ? (double)INFINITY : fmax(worst, difference);
    }
    if (!(worst <= tolerance * largest))
        check_found(&c->checks, "%s: %s differs by %.3g, where at most %.3g may be", where,
                    want->name, worst, tolerance * largest);
}

static void run_case(struct conformance *c, corbel_model *model, struct one_case *k,
                     const char *where)
{
    corbel_tensors *out = NULL;
    corbel_error err = {0};

    collect_inputs(k);
    if (corbel_model_forward(model, k->inputs, k->n_inputs,
                             &CORBEL_FORWARD_PARAMS(.hidden_states = 1), &out, &err)) {
        check_found(&c->checks, "%s: %s: %s", where, k->name, err.text);
        return;
    }
    for (size_t i = 0; i < corbel_tensors_count(k->file); i++) {
        const corbel_tensor *want = corbel_tensors_at(k->file, i), *got;
        const char *name = member_of(want->name, k->name, ".out.");

        if (!name)
            continue;
        got = corbel_tensors_find(out, name);
        if (got)
            compare(c, k, want, got, where);
        else
            check_found(&c->checks, "%s: %s: forward gives no %s", where, k->name, name);
    }
    corbel_tensors_destroy(&out);
}

/* Each case once: at its first input in the file. */
static void run_cases(struct conformance *c, corbel_model *model, const corbel_tensors *file,
                      const char *where)
{
    struct text done = {0};

    for (size_t i = 0; i < corbel_tensors_count(file); i++) {
        const char *name = corbel_tensors_at(file, i)->name, *in = strstr(name, ".in.");
        struct one_case k = {.file = file};
        char mark[160];

        if (!in || (size_t)(in - name) >= sizeof k.name)
            continue;
        snprintf(k.name, sizeof k.name, "%.*s", (int)(in - name), name);
        snprintf(mark, sizeof mark, "\n%s\n", k.name);
        if (strstr(text_cstr(&done), mark))
            continue;
        text_append(&done, mark);
        run_case(c, model, &k, where);
    }
    text_finish(&done);
}

static void run_on(struct conformance *c, const struct shipped *s, const corbel_tensors *file,
                   const char *device)
{
    corbel_model *model = NULL;
    corbel_error err = {0};

    if (corbel_model_load(c->runtime, s->model, &CORBEL_LOAD_PARAMS(.device_map = device), &model,
                          &err))
        check_found(&c->checks, "%s: %s", device, err.text);
    else
        run_cases(c, model, file, device);
    corbel_model_destroy(&model);
}

static void check_one(struct conformance *c, const struct shipped *s)
{
    corbel_tensors *file = NULL;
    corbel_error err = {0};

    check_begin(&c->checks, "expected outputs", s->name);
    if (corbel_tensors_load(s->expected, &file, &err)) {
        check_found(&c->checks, "%s", err.text);
    } else {
        run_on(c, s, file, "cpu");
        for (uint32_t i = 0; i < c->n_devices; i++)
            run_on(c, s, file, c->devices[i]);
    }
    check_end(&c->checks);
    corbel_tensors_destroy(&file);
}

/* ---- outside --------------------------------------------------------------------------------- */

void check_expected(struct conformance *c)
{
    struct arena arena = {0};
    struct shipped *list;
    corbel_error err = {0};
    size_t n;

    if (shipped_list(c->folder, &arena, &list, &n, &err) || n == 0) {
        check_begin(&c->checks, "expected outputs", "");
        check_skip(&c->checks, "%s",
                   err.text[0] ? err.text
                               : "the author ships none: tests/NAME/model and "
                                 "tests/NAME/expected.safetensors");
        check_end(&c->checks);
    }
    for (size_t i = 0; i < n; i++)
        check_one(c, &list[i]);
    arena_finish(&arena);
}
