/* cli/session.c: see session.h. */
#include "cli/session.h"

#include "base/dtype.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "corbel/trust.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- options of a model ---------------------------------------------------------------------- */

/* vulkan:0 as a user types it: anything else but the known words is a slip. */
static corbel_status check_device(const char *name, corbel_error *err)
{
    static const char *const names[] = {"auto", "cpu", "disk", "vulkan", "vulkan:0"};
    if (*name == '{' || *name == '@')
        return CORBEL_OK;
    for (size_t i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0)
            return CORBEL_OK;
    if (strncmp(name, "vulkan:", 7) == 0 && name[7] &&
        strspn(name + 7, "0123456789") == strlen(name + 7))
        return CORBEL_OK;
    const char *near = text_nearest(name, names, 5);
    return error_set(err, CORBEL_E_ARGUMENT,
                     "--device-map: no device \"%s\"; %s%s%sthere are auto, cpu, vulkan:N, disk "
                     "(see `corbel devices`), and JSON objects of module prefixes to those",
                     name, near ? "did you mean " : "", near ? near : "", near ? "? " : "");
}

corbel_status session_check(const struct arguments *a, corbel_error *err)
{
    const char *memory = arguments_text(a, OPTION_MAX_MEMORY, "{");
    if (memory[strspn(memory, " \t\n")] != '{' && *memory != '@')
        return error_set(err, CORBEL_E_ARGUMENT,
                         "--max-memory: expected an object such as '{\"vulkan:0\": \"6GiB\", "
                         "\"cpu\": \"12GB\"}', or @FILE of one; found \"%s\"",
                         memory);
    return check_device(arguments_text(a, OPTION_DEVICE_MAP, "auto"), err);
}

/* The text of OPTION's @FILE, else its value. *text is freed by the caller if not NULL. */
static corbel_status read_map(const struct arguments *a, enum option_id option, const char **map,
                              char **text, corbel_error *err)
{
    size_t size;
    *text = NULL;
    *map = arguments_text(a, option, NULL);
    if (!*map || **map != '@')
        return CORBEL_OK;
    corbel_status status = file_read(*map + 1, 1u << 20, text, &size, err);
    *map = *text;
    return status;
}

uint32_t session_classes(const struct arguments *a, const char *classes[SESSION_MAX_CLASSES])
{
    uint32_t n = 0;
    for (const char *name; n < SESSION_MAX_CLASSES && (name = arguments_nth(a, OPTION_CLASS, n));)
        classes[n++] = name;
    return n;
}

static corbel_status load_model(struct session *s, const struct arguments *a, int needs,
                                corbel_error *err)
{
    const char *classes[SESSION_MAX_CLASSES], *device_map, *max_memory;
    struct progress_bar bar = {0};
    char *texts[2] = {NULL, NULL};
    corbel_status status = read_map(a, OPTION_DEVICE_MAP, &device_map, &texts[0], err);
    if (status == CORBEL_OK)
        status = read_map(a, OPTION_MAX_MEMORY, &max_memory, &texts[1], err);
    if (status != CORBEL_OK) {
        free(texts[0]);
        return status;
    }
    const char *dtype = arguments_text(a, OPTION_DTYPE, "auto");
    if (needs & SESSION_ON_DISK) {
        device_map = "disk";
        dtype = "auto"; /* as stored, whatever is made of it */
    }
    corbel_load_params params =
        CORBEL_LOAD_PARAMS(.dtype = strcmp(dtype, "auto") == 0 ? CORBEL_DTYPE_NONE
                                                               : dtype_from_name(dtype),
                           .device_map = device_map, .max_memory = max_memory,
                           .task = arguments_text(a, OPTION_TASK, NULL), .class_names = classes,
                           .n_class_names = session_classes(a, classes),
                           .skip_weights = !(needs & SESSION_MODEL),
                           .seed = (uint64_t)arguments_int(a, OPTION_SEED, 0),
                           .ignore_mismatched_sizes =
                               arguments_have(a, OPTION_IGNORE_MISMATCHED_SIZES),
                           .revision = arguments_text(a, OPTION_REVISION, NULL),
                           .offline = arguments_have(a, OPTION_OFFLINE),
                           .on_progress = progress_draw, .user = &bar);
    status = corbel_model_load(s->runtime, a->words[0], &params, &s->model, err);
    progress_end(&bar);
    free(texts[0]);
    free(texts[1]);
    return status;
}

bool validation_is_wanted(void)
{
    const char *validation = getenv("CORBEL_VULKAN_VALIDATION");
    return validation && *validation && strcmp(validation, "0") != 0;
}

static uint32_t isolation_of(const struct arguments *a)
{
    const char *when = arguments_text(a, OPTION_ISOLATION, "auto");
    return strcmp(when, "always") == 0  ? CORBEL_ISOLATION_ALWAYS
           : strcmp(when, "never") == 0 ? CORBEL_ISOLATION_NEVER
                                        : CORBEL_ISOLATION_AUTO;
}

corbel_status session_pull(const struct arguments *a, const corbel_pull_params *params,
                           corbel_pulled *pulled, corbel_error *err)
{
    const char *lock = arguments_text(a, OPTION_LOCK, NULL);
    return lock ? corbel_pull_locked(lock, a->words[0], params, pulled, err)
                : corbel_pull(a->words[0], params, pulled, err);
}

corbel_status session_tokenizer(const struct arguments *a, corbel_tokenizer **tokenizer,
                                corbel_error *err)
{
    corbel_pulled pulled;
    struct progress_bar bar = {0};
    corbel_status status =
        session_pull(a,
                     &CORBEL_PULL_PARAMS(.parts = CORBEL_PULL_CONFIG | CORBEL_PULL_TOKENIZER,
                                         .revision = arguments_text(a, OPTION_REVISION, NULL),
                                         .offline = arguments_have(a, OPTION_OFFLINE),
                                         .on_progress = progress_draw, .user = &bar),
                     &pulled, err);
    progress_end(&bar);
    return status == CORBEL_OK ? corbel_tokenizer_load(pulled.folder, tokenizer, err) : status;
}

/* Of the model's own folder, if there is a model: a branch may move between two questions. A task
 * on pictures needs none. */
static corbel_status load_tokenizer(struct session *s, const struct arguments *a, corbel_error *err)
{
    if (!s->model)
        return session_tokenizer(a, &s->tokenizer, err);
    if (corbel_task_takes_pictures(arguments_text(a, OPTION_TASK, corbel_model_task(s->model))))
        return CORBEL_OK;
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
    corbel_runtime_params params =
        CORBEL_RUNTIME_PARAMS(.threads = (uint32_t)arguments_int(a, OPTION_THREADS, 0),
                              .plugins = plugins, .n_plugins = n_plugins,
                              .isolation = isolation_of(a),
                              .dev = arguments_text(a, OPTION_DEV, NULL),
                              .lock = arguments_text(a, OPTION_LOCK, NULL),
                              .offline = arguments_have(a, OPTION_OFFLINE),
                              .trust_remote_plugin = arguments_have(a, OPTION_TRUST_REMOTE_PLUGIN),
                              .validation = validation_is_wanted());
    corbel_status status = session_check(a, err);
    if (status == CORBEL_OK)
        status = corbel_runtime_create(&params, &s->runtime, err);
    if (status == CORBEL_OK && (needs & (SESSION_MODEL | SESSION_SKELETON)))
        status = load_model(s, a, needs, err);
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

/* ---- files cut short ------------------------------------------------------------------------- */

/* The library checks the files before each step, but can't keep others from cutting one short in
 * the middle of it: the command at least says what happened. */
static void on_bus_error(int signal_number, siginfo_t *info, void *context)
{
    static const char text[] = "corbel: a file of the model was cut short, or can't be read any "
                               "more, while it was in use\n";
    static atomic_flag said = ATOMIC_FLAG_INIT;
    (void)context;
    if (info->si_code == BUS_ADRERR) {
        while (atomic_flag_test_and_set(&said)) /* another thread, which ends the process */
            pause();
        (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
        _exit(1);
    }
    signal(signal_number, SIG_DFL); /* the same instruction faults again */
}

void cut_files_catch(void)
{
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &action, NULL);
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
