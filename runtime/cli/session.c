/* cli/session.c: see session.h. */
#include "cli/session.h"

#include "base/dtype.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/options.h"
#include "cli/progress.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- options of a model ---------------------------------------------------------------------- */

/* vulkan:0 as a user types it: anything else but the known words is a slip. */
static corbel_status check_device(const char *name, corbel_error *err)
{
    static const char *const names[] = {"auto", "cpu", "disk", "vulkan:0"};
    if (*name == '{' || *name == '@')
        return CORBEL_OK;
    for (size_t i = 0; i < 3; i++)
        if (strcmp(name, names[i]) == 0)
            return CORBEL_OK;
    if (strncmp(name, "vulkan:", 7) == 0 && name[7] &&
        strspn(name + 7, "0123456789") == strlen(name + 7))
        return CORBEL_OK;
    const char *near = text_nearest(name, names, 4);
    return error_set(err, CORBEL_E_ARGUMENT,
                     "--device-map: no device \"%s\"; %s%s%sthere are auto, cpu, vulkan:N (see "
                     "`corbel devices`)",
                     name, near ? "did you mean " : "", near ? near : "", near ? "? " : "");
}

/* What is known to come in a later version is refused and not ignored. */
corbel_status session_check(const struct arguments *a, corbel_error *err)
{
    if (arguments_have(a, OPTION_MAX_MEMORY))
        return error_set(err, CORBEL_E_ARGUMENT, "--max-memory: not supported in this version");
    return check_device(arguments_text(a, OPTION_DEVICE_MAP, "auto"), err);
}

/* The text of --device-map @FILE, else its value. *text is freed by the caller if not NULL. */
static corbel_status read_device_map(const struct arguments *a, const char **map, char **text,
                                     corbel_error *err)
{
    size_t size;
    *text = NULL;
    *map = arguments_text(a, OPTION_DEVICE_MAP, NULL);
    if (!*map || **map != '@')
        return CORBEL_OK;
    corbel_status status = file_read(*map + 1, 1u << 20, text, &size, err);
    *map = *text;
    return status;
}

static corbel_status load_model(struct session *s, const struct arguments *a, bool skeleton,
                                corbel_error *err)
{
    enum { MAX_CLASSES = 32 };
    const char *classes[MAX_CLASSES], *device_map;
    struct progress_bar bar = {0};
    uint32_t n_classes = 0;
    char *text;
    corbel_status status = read_device_map(a, &device_map, &text, err);
    if (status != CORBEL_OK)
        return status;
    while (n_classes < MAX_CLASSES && arguments_nth(a, OPTION_CLASS, n_classes)) {
        classes[n_classes] = arguments_nth(a, OPTION_CLASS, n_classes);
        n_classes++;
    }
    const char *dtype = arguments_text(a, OPTION_DTYPE, "auto");
    corbel_load_params params =
        CORBEL_LOAD_PARAMS(.dtype = strcmp(dtype, "auto") == 0 ? CORBEL_DTYPE_NONE
                                                               : dtype_from_name(dtype),
                           .device_map = device_map, .task = arguments_text(a, OPTION_TASK, NULL),
                           .class_names = classes, .n_class_names = n_classes,
                           .skip_weights = skeleton,
                           .revision = arguments_text(a, OPTION_REVISION, NULL),
                           .offline = arguments_have(a, OPTION_OFFLINE),
                           .on_progress = progress_draw, .user = &bar);
    status = corbel_model_load(s->runtime, a->words[0], &params, &s->model, err);
    progress_end(&bar);
    free(text);
    return status;
}

static uint32_t isolation_of(const struct arguments *a)
{
    const char *when = arguments_text(a, OPTION_ISOLATION, "auto");
    return strcmp(when, "always") == 0  ? CORBEL_ISOLATION_ALWAYS
           : strcmp(when, "never") == 0 ? CORBEL_ISOLATION_NEVER
                                        : CORBEL_ISOLATION_AUTO;
}

corbel_status session_tokenizer(const struct arguments *a, corbel_tokenizer **tokenizer,
                                corbel_error *err)
{
    corbel_pulled pulled;
    struct progress_bar bar = {0};
    corbel_status status =
        corbel_pull(a->words[0],
                    &CORBEL_PULL_PARAMS(.parts = CORBEL_PULL_CONFIG | CORBEL_PULL_TOKENIZER,
                                        .revision = arguments_text(a, OPTION_REVISION, NULL),
                                        .offline = arguments_have(a, OPTION_OFFLINE),
                                        .on_progress = progress_draw, .user = &bar),
                    &pulled, err);
    progress_end(&bar);
    return status == CORBEL_OK ? corbel_tokenizer_load(pulled.folder, tokenizer, err) : status;
}

/* Of the model's own folder, if there is a model: a branch may move between two questions. */
static corbel_status load_tokenizer(struct session *s, const struct arguments *a, corbel_error *err)
{
    if (!s->model)
        return session_tokenizer(a, &s->tokenizer, err);
    return corbel_tokenizer_load(corbel_model_folder(s->model), &s->tokenizer, err);
}

corbel_status session_open(struct session *s, const struct arguments *a, int needs,
                           corbel_error *err)
{
    *s = (struct session){0};
    enum { MAX_PLUGINS = 32 };
    const char *plugins[MAX_PLUGINS];
    uint32_t n_plugins = 0;
    while (n_plugins < MAX_PLUGINS && arguments_nth(a, OPTION_PLUGIN, n_plugins)) {
        plugins[n_plugins] = arguments_nth(a, OPTION_PLUGIN, n_plugins);
        n_plugins++;
    }
    const char *validation = getenv("CORBEL_VULKAN_VALIDATION");
    corbel_runtime_params params =
        CORBEL_RUNTIME_PARAMS(.threads = (uint32_t)arguments_int(a, OPTION_THREADS, 0),
                              .plugins = plugins, .n_plugins = n_plugins,
                              .isolation = isolation_of(a),
                              .dev = arguments_text(a, OPTION_DEV, NULL),
                              .lock = arguments_text(a, OPTION_LOCK, NULL),
                              .validation =
                                  validation && *validation && strcmp(validation, "0") != 0);
    corbel_status status = session_check(a, err);
    if (status == CORBEL_OK)
        status = corbel_runtime_create(&params, &s->runtime, err);
    if (status == CORBEL_OK && (needs & (SESSION_MODEL | SESSION_SKELETON)))
        status = load_model(s, a, !(needs & SESSION_MODEL), err);
    if (status == CORBEL_OK && (needs & SESSION_TOKENIZER))
        status = load_tokenizer(s, a, err);
    return status;
}

void session_close(struct session *s)
{
    corbel_tokenizer_destroy(&s->tokenizer);
    corbel_model_destroy(&s->model);
    corbel_runtime_destroy(&s->runtime);
}

corbel_status input_error(corbel_status status, corbel_error *err, const char *place)
{
    if (status == CORBEL_OK)
        return status;
    if (status == CORBEL_E_ARGUMENT) {
        status = CORBEL_E_FORMAT;
        if (err)
            err->status = status;
    }
    error_prefix(err, status, "%s", place);
    return status;
}

/* ---- Ctrl-C, time ---------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupt_seen;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupt_seen = 1;
}

void interrupt_catch(void)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
}

bool interrupted(void)
{
    return interrupt_seen != 0;
}

double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}
