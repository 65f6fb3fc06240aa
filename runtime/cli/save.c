/* cli/save.c: `corbel save`: a model to a folder, as save_pretrained writes it. */
#include "cli/save.h"

#include "base/dtype.h"
#include "base/error.h"
#include "base/text.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- options --------------------------------------------------------------------------------- */

/* huggingface_hub's units, and those that are powers of two. */
static double unit_of(const char *unit)
{
    static const struct {
        const char *name;
        double bytes;
    } units[] = {{"", 1},         {"KB", 1e3},     {"MB", 1e6},     {"GB", 1e9},    {"TB", 1e12},
                 {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcasecmp(unit, units[i].name) == 0)
            return units[i].bytes;
    return 0;
}

corbel_status shard_size_read(const struct arguments *a, uint64_t *bytes, corbel_error *err)
{
    const char *text = arguments_text(a, OPTION_MAX_SHARD_SIZE, NULL);
    *bytes = 0;
    if (!text)
        return CORBEL_OK;
    char *unit = NULL;
    double size = *text >= '0' && *text <= '9' ? strtod(text, &unit) : -1;
    while (unit && *unit == ' ')
        unit++;
    size *= unit ? unit_of(unit) : 0;
    if (!(size >= 1 && size < 0x1p63))
        return error_set(err, CORBEL_E_ARGUMENT,
                         "--max-shard-size: expected a size such as 5GB, 500MB or 2GiB, found "
                         "\"%s\"",
                         text);
    *bytes = (uint64_t)size;
    return CORBEL_OK;
}

int32_t dtype_of(const struct arguments *a)
{
    const char *dtype = arguments_text(a, OPTION_DTYPE, "auto");
    return strcmp(dtype, "auto") == 0 ? CORBEL_DTYPE_NONE : dtype_from_name(dtype);
}

/* ---- showing --------------------------------------------------------------------------------- */

void saved_print(const struct arguments *a, const char *dir, const corbel_saved *saved)
{
    struct text t = {0};
    if (arguments_have(a, OPTION_JSON)) {
        text_append(&t, "{\"folder\": ");
        text_append_json_string(&t, dir, strlen(dir));
        printf("%s, \"weight_files\": %u, \"dtype\": \"%s\", \"parameters\": %llu, \"bytes\": "
               "%llu}\n",
               text_cstr(&t), saved->n_files, dtype_name(saved->dtype),
               (unsigned long long)saved->total_parameters, (unsigned long long)saved->total_size);
    } else {
        append_size(&t, (double)saved->total_size);
        fprintf(stderr, "%s%llu parameters in %s, %s in %u file%s%s\n", style(stderr, STYLE_DIM),
                (unsigned long long)saved->total_parameters, dtype_name(saved->dtype),
                text_cstr(&t), saved->n_files, saved->n_files == 1 ? "" : "s",
                style(stderr, STYLE_PLAIN));
        printf("%s\n", dir);
    }
    text_finish(&t);
}

/* ---- the command ----------------------------------------------------------------------------- */

corbel_status save_command(const struct arguments *a, corbel_error *err)
{
    struct session session = {0};
    struct progress_bar bar = {0};
    corbel_saved saved;
    corbel_save_params params =
        CORBEL_SAVE_PARAMS(.dtype = dtype_of(a), .on_progress = progress_draw, .user = &bar);
    corbel_status status = shard_size_read(a, &params.max_shard_size, err);
    interrupt_catch();
    if (status == CORBEL_OK)
        status = session_open(&session, a, SESSION_MODEL | SESSION_ON_DISK, err);
    if (status == CORBEL_OK)
        status = corbel_model_save(session.model, a->words[1], &params, &saved, err);
    progress_end(&bar);
    if (status == CORBEL_OK)
        saved_print(a, a->words[1], &saved);
    session_close(&session);
    return status;
}
