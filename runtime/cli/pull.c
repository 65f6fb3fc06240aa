/* cli/pull.c: `corbel pull`: fetches the files of a model and prints where they are. */
#include "base/error.h"
#include "base/text.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/session.h"

#include <stdio.h>
#include <string.h>

enum { MAX_GLOBS = 64 };

static corbel_status read_globs(const struct arguments *a, enum option_id id,
                                const char *globs[MAX_GLOBS], uint32_t *n, corbel_error *err)
{
    const char *glob;
    for (*n = 0; (glob = arguments_nth(a, id, *n)); globs[(*n)++] = glob)
        if (*n == MAX_GLOBS)
            return error_set(err, CORBEL_E_ARGUMENT, "more than %d globs", MAX_GLOBS);
    return CORBEL_OK;
}

static void print_json(const corbel_pulled *p)
{
    const struct {
        const char *key, *value;
    } texts[] = {
        {"folder", p->folder}, {"repo", p->repo}, {"revision", p->revision}, {"commit", p->commit}};
    struct text t = {0};
    text_append(&t, "{");
    for (size_t i = 0; i < 4; i++) {
        text_format(&t, "%s\"%s\": ", i ? ", " : "", texts[i].key);
        text_append_json_string(&t, texts[i].value, strlen(texts[i].value));
    }
    printf("%s, \"files\": %llu, \"bytes\": %llu, \"fetched_files\": %llu, \"fetched_bytes\": "
           "%llu}\n",
           text_cstr(&t), (unsigned long long)p->n_files, (unsigned long long)p->size,
           (unsigned long long)p->n_fetched, (unsigned long long)p->fetched);
    text_finish(&t);
}

/* What was done, for who watches; the folder alone is the result. */
static void print_summary(const corbel_pulled *p, double seconds)
{
    struct text t = {0};
    if (p->repo[0] && on_terminal(stderr)) {
        append_size(&t, (double)p->fetched);
        fprintf(stderr, "%s%s@%s is %s: %llu of %llu files fetched, %s in %.1f s%s\n",
                style(stderr, STYLE_DIM), p->repo, p->revision, p->commit,
                (unsigned long long)p->n_fetched, (unsigned long long)p->n_files, text_cstr(&t),
                seconds, style(stderr, STYLE_PLAIN));
    }
    text_finish(&t);
    printf("%s\n", p->folder);
}

corbel_status pull_command(const struct arguments *a, corbel_error *err)
{
    const char *include[MAX_GLOBS], *exclude[MAX_GLOBS];
    struct progress_bar bar = {0};
    corbel_pulled pulled;
    corbel_pull_params params =
        CORBEL_PULL_PARAMS(.offline = arguments_have(a, OPTION_OFFLINE),
                           .verify = arguments_have(a, OPTION_VERIFY),
                           .revision = arguments_text(a, OPTION_REVISION, NULL), .include = include,
                           .exclude = exclude, .on_progress = progress_draw, .user = &bar);
    corbel_status status = read_globs(a, OPTION_INCLUDE, include, &params.n_include, err);
    if (status == CORBEL_OK)
        status = read_globs(a, OPTION_EXCLUDE, exclude, &params.n_exclude, err);
    if (status != CORBEL_OK)
        return status;
    const double started = now();
    interrupt_catch();
    status = session_pull(a, &params, &pulled, err);
    progress_end(&bar);
    if (status != CORBEL_OK)
        return status;
    if (arguments_have(a, OPTION_JSON))
        print_json(&pulled);
    else
        print_summary(&pulled, now() - started);
    return CORBEL_OK;
}
