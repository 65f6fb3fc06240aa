/* fixture.c: reads tests/fixtures and compares tensors. */
#include "fixture.h"

#include "base/json.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_JSON  (16u << 20)
#define TOLERANCE 5e-5

static const char *root(void)
{
    const char *given = getenv("CORBEL_FIXTURES");
    return given && *given ? given : TEST_SOURCE_DIR "/tests/fixtures";
}

void fixture_path(char *out, size_t size, const char *a, const char *b)
{
    int n = snprintf(out, size, "%s/%s/%s", root(), a, b);
    if (n < 0 || (size_t)n >= size) {
        fprintf(stderr, "%s/%s/%s: the path is too long\n", root(), a, b);
        exit(1);
    }
}

static bool is_folder(const char *folder, const char *name)
{
    char path[4096];
    struct stat st;
    fixture_path(path, sizeof(path), folder, name);
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

size_t fixture_list(const char *folder, const char *prefix, char ***names)
{
    char path[4096];
    struct dirent **entries;
    fixture_path(path, sizeof(path), folder, "");
    int n_entries = scandir(path, &entries, NULL, alphasort);
    if (n_entries < 0) {
        perror(path);
        exit(1);
    }

    size_t n = 0;
    *names = calloc((size_t)n_entries + 1, sizeof(**names));
    for (int i = 0; i < n_entries; i++) {
        const char *name = entries[i]->d_name;
        if (*names && name[0] != '.' && strncmp(name, prefix, strlen(prefix)) == 0 &&
            is_folder(folder, name))
            (*names)[n++] = strdup(name);
        free(entries[i]);
    }
    free(entries);
    return n;
}

struct json_object *fixture_json(const char *path)
{
    struct json_object *json = NULL;
    corbel_error err = {0};
    if (json_load(path, MAX_JSON, JSON_DATA, &json, &err) != CORBEL_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    return json;
}

corbel_tensors *fixture_tensors(const char *path)
{
    corbel_tensors *tensors = NULL;
    corbel_error err = {0};
    if (corbel_tensors_load(path, &tensors, &err) != CORBEL_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    return tensors;
}

/* ---- comparing ------------------------------------------------------------------------------- */

size_t tensor_elements(const corbel_tensor *t)
{
    size_t n = 1;
    for (uint32_t i = 0; i < t->rank; i++)
        n *= (size_t)t->shape[i];
    return n;
}

int64_t tensor_integer(const corbel_tensor *t, size_t i)
{
    if (t->dtype == CORBEL_I32)
        return ((const int32_t *)t->data)[i];
    return ((const int64_t *)t->data)[i];
}

static bool is_integer(const corbel_tensor *t)
{
    return t->dtype == CORBEL_I32 || t->dtype == CORBEL_I64;
}

static bool same_shape(const corbel_tensor *a, const corbel_tensor *b)
{
    return a->rank == b->rank && memcmp(a->shape, b->shape, a->rank * sizeof(*a->shape)) == 0;
}

/* How many elements stand behind one element of the mask; 0: the mask says nothing about `t`. */
static size_t masked_stride(const corbel_tensor *t, const corbel_tensor *mask)
{
    if (!mask || t->rank < 2 || t->shape[0] != mask->shape[0] || t->shape[1] != mask->shape[1])
        return 0;
    return tensor_elements(t) / tensor_elements(mask);
}

/* The largest difference as a part of the tolerance, not a number if any value is not. */
static double worst_difference(const corbel_tensor *actual, const corbel_tensor *expected,
                               const corbel_tensor *mask)
{
    size_t n = tensor_elements(expected), stride = masked_stride(expected, mask);
    const float *a = actual->data, *b = expected->data;
    double largest = 1, worst = 0;
    for (size_t i = 0; i < n; i++) {
        if (stride && !tensor_integer(mask, i / stride))
            continue;
        double difference = fabs((double)a[i] - (double)b[i]);
        if (!(difference <= worst))
            worst = difference;
        largest = fmax(largest, fabs((double)b[i]));
    }
    return worst / (TOLERANCE * largest);
}

static void print_shape(const corbel_tensor *t)
{
    for (uint32_t i = 0; i < t->rank; i++)
        printf("%s%lld", i ? ", " : "[", (long long)t->shape[i]);
    printf("]");
}

static void compare_integers(struct tally *tally, const char *label, const corbel_tensor *actual,
                             const corbel_tensor *expected)
{
    for (size_t i = 0; i < tensor_elements(expected); i++) {
        if (tensor_integer(actual, i) == tensor_integer(expected, i))
            continue;
        printf("FAILED %s: element %zu is %lld, expected %lld\n", label, i,
               (long long)tensor_integer(actual, i), (long long)tensor_integer(expected, i));
        tally->n_failures++;
        return;
    }
}

void tally_compare(struct tally *tally, const char *label, const corbel_tensor *actual,
                   const corbel_tensor *expected, const corbel_tensor *mask)
{
    tally->n_tensors++;
    if (!actual) {
        printf("FAILED %s: there is no such output\n", label);
        tally->n_failures++;
        return;
    }
    if (!same_shape(actual, expected) || is_integer(actual) != is_integer(expected)) {
        printf("FAILED %s: the shape is ", label);
        print_shape(actual);
        printf(", expected ");
        print_shape(expected);
        printf("\n");
        tally->n_failures++;
        return;
    }
    if (is_integer(expected)) {
        compare_integers(tally, label, actual, expected);
        return;
    }
    double worst = worst_difference(actual, expected, mask);
    if (!(worst <= tally->worst)) {
        tally->worst = worst;
        snprintf(tally->where, sizeof(tally->where), "%s", label);
    }
    if (!(worst <= 1)) {
        printf("FAILED %s: off by %.3g of what is allowed\n", label, worst);
        tally->n_failures++;
    }
}
