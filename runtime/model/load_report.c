/* model/load_report.c: see load_report.h. */
#include "model/load_report.h"

#include "base/json.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_LISTED = 10, MAX_LINES = 40, MAX_INDICES = 4096 };

bool load_report_add(struct load_report_list *list, struct arena *arena, const char *name,
                     const char *note)
{
    if (list->n == list->capacity) {
        uint32_t capacity = list->capacity ? list->capacity * 2 : 16;
        const char **names = realloc(list->names, capacity * sizeof(*names));
        list->names = names ? names : list->names;
        const char **notes = names ? realloc(list->notes, capacity * sizeof(*notes)) : NULL;
        list->notes = notes ? notes : list->notes;
        if (!notes)
            return false;
        list->capacity = capacity;
    }
    list->names[list->n] = arena_string(arena, name);
    list->notes[list->n] = note ? arena_string(arena, note) : NULL;
    if (!list->names[list->n] || (note && !list->notes[list->n]))
        return false;
    list->n++;
    return true;
}

/* ---- names that differ in an index ----------------------------------------------------------- */

static size_t index_size(const char *part)
{
    size_t digits = strspn(part, "0123456789");
    return part[digits] == '.' || !part[digits] ? digits : 0;
}

/* The first index of a name: layers.3.mlp. Names that differ in it alone share a line. */
static const char *find_index(const char *name)
{
    for (const char *s = strchr(name, '.'); s; s = strchr(s + 1, '.'))
        if (index_size(s + 1) > 0)
            return s + 1;
    return NULL;
}

static bool same_but_index(const char *a, const char *b)
{
    const char *x = find_index(a), *y = find_index(b);
    if (!x || !y || x - a != y - b || memcmp(a, b, (size_t)(x - a)) != 0)
        return false;
    return strcmp(x + index_size(x), y + index_size(y)) == 0;
}

static bool same_note(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static int compare_numbers(const void *a, const void *b)
{
    const unsigned long *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void append_indices(struct text *out, unsigned long *indices, size_t n)
{
    qsort(indices, n, sizeof(*indices), compare_numbers);
    if (n > MAX_LISTED) {
        text_format(out, "{%lu...%lu}", indices[0], indices[n - 1]);
        return;
    }
    text_append(out, n > 1 ? "{" : "");
    for (size_t i = 0; i < n; i++)
        text_format(out, "%s%lu", i ? ", " : "", indices[i]);
    text_append(out, n > 1 ? "}" : "");
}

/* Appends name i, with the indices of all names that share its line, which are then done. */
static void append_names(struct text *out, const struct load_report_list *list, uint32_t i,
                         bool *done)
{
    static const size_t limit = MAX_INDICES;
    const char *name = list->names[i], *index = find_index(name);
    unsigned long *indices = index ? calloc(limit, sizeof(*indices)) : NULL;
    size_t n = 0;
    if (!indices) {
        text_append(out, name);
        return;
    }
    for (uint32_t k = i; k < list->n && n < limit; k++) {
        if (done[k] || !same_note(list->notes[i], list->notes[k]) ||
            (k != i && !same_but_index(name, list->names[k])))
            continue;
        done[k] = true;
        indices[n++] = strtoul(find_index(list->names[k]), NULL, 10);
    }
    text_append_bytes(out, name, (size_t)(index - name));
    append_indices(out, indices, n);
    text_append(out, index + index_size(index));
    free(indices);
}

/* ---- the report ------------------------------------------------------------------------------ */

static void log_list(const struct load_report_list *list, const char *status, const char *meaning)
{
    bool *done = calloc(list->n ? list->n : 1, sizeof(*done));
    uint32_t lines = 0, left = 0;
    for (uint32_t i = 0; done && i < list->n; i++) {
        struct text line = {0};
        if (done[i])
            continue;
        if (lines++ >= MAX_LINES) {
            left++;
            continue;
        }
        append_names(&line, list, i, done);
        log_line(CORBEL_LOG_WARN, "%s | %s | %s", text_cstr(&line), status,
                 list->notes[i] ? list->notes[i] : meaning);
        text_finish(&line);
    }
    if (left)
        log_line(CORBEL_LOG_WARN, "... and %u more | %s", left, status);
    free(done);
}

void load_report_log(const struct load_report *report, const char *class_name, const char *source,
                     uint64_t seed)
{
    struct text made = {0};
    uint32_t n = report->missing.n + report->unexpected.n + report->mismatched.n;
    if (!log_wants(CORBEL_LOG_WARN) || n + report->n_elsewhere == 0)
        return;
    text_format(&made, "not in the checkpoint; newly initialised from seed %llu",
                (unsigned long long)seed);
    log_line(CORBEL_LOG_WARN, "%s LOAD REPORT from: %s", class_name, source);
    log_list(&report->unexpected, "UNEXPECTED",
             "in the checkpoint, but this class has no use for it");
    if (report->n_elsewhere)
        log_line(CORBEL_LOG_WARN, "%u tensors of shards that were not fetched | UNEXPECTED",
                 report->n_elsewhere);
    log_list(&report->missing, "MISSING", text_cstr(&made));
    log_list(&report->mismatched, "MISMATCH", NULL);
    text_finish(&made);
}

static struct json_object *names_json(const struct load_report_list *list)
{
    struct json_object *names = json_object_new_array();
    for (uint32_t i = 0; i < list->n; i++)
        json_object_array_add(names, json_object_new_string(list->names[i]));
    return names;
}

void load_report_add_json(const struct load_report *report, struct json_object *object)
{
    json_object_object_add(object, "missing_keys", names_json(&report->missing));
    json_object_object_add(object, "unexpected_keys", names_json(&report->unexpected));
    json_object_object_add(object, "mismatched_keys", names_json(&report->mismatched));
}

static void list_finish(struct load_report_list *list)
{
    free(list->names);
    free(list->notes);
    *list = (struct load_report_list){0};
}

void load_report_finish(struct load_report *report)
{
    list_finish(&report->missing);
    list_finish(&report->unexpected);
    list_finish(&report->mismatched);
}
