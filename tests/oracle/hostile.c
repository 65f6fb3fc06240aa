/* hostile.c: the broken and malicious models of tests/fixtures/hostile, through the public API.
 *
 * Each case is copied into a scratch folder and loaded in a process of its own, so that a crash, a
 * hang, a flood of memory or a file PWNED (which the pickles try to make) is seen here and named.
 * A refusal must be one line that names the file. */
#include "fixture.h"

#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define SNAPSHOT     "snapshots/0123456789abcdef0123456789abcdef01234567"
#define TIME_LIMIT_S 60

#if defined(__SANITIZE_ADDRESS__)
#define MEMORY_LIMIT_KIB (2L << 20) /* AddressSanitizer's own */
#else
#define MEMORY_LIMIT_KIB (256L << 10)
#endif

struct hostile {
    const char *id, *kind, *expect;
    char scratch[4096]; /* the copy; the child's working directory */
    char model[4200];   /* what is loaded */
};

/* What the child sends: how it ended, and why. */
struct answer {
    corbel_status status;
    int32_t wrong_output;
    char text[1024];
};

/* ---- in the child ---------------------------------------------------------------------------- */

static bool equals_expected(const corbel_tensors *outputs, const corbel_tensors *expected)
{
    struct tally tally = {0};
    tally_compare(&tally, "logits", corbel_tensors_find(outputs, "logits"),
                  corbel_tensors_find(expected, "logits"), NULL);
    return tally.n_failures == 0;
}

static corbel_status run_model(const char *folder, bool *wrong_output, corbel_error *err)
{
    char path[4096];
    corbel_runtime *runtime = NULL;
    corbel_model *model = NULL;
    corbel_tensors *outputs = NULL;
    fixture_path(path, sizeof(path), "hostile", "expected.safetensors");
    corbel_tensors *expected = fixture_tensors(path);
    corbel_tensor input = *corbel_tensors_find(expected, "input_ids");

    corbel_status status = corbel_runtime_create(NULL, &runtime, err);
    if (status == CORBEL_OK)
        status = corbel_model_load(runtime, folder, &CORBEL_LOAD_PARAMS(.device_map = "cpu"),
                                   &model, err);
    if (status == CORBEL_OK)
        status = corbel_model_forward(model, &input, 1, NULL, &outputs, err);
    if (status == CORBEL_OK)
        *wrong_output = !equals_expected(outputs, expected);

    corbel_tensors_destroy(&outputs);
    corbel_model_destroy(&model);
    corbel_runtime_destroy(&runtime);
    corbel_tensors_destroy(&expected);
    return status;
}

static double seconds(void)
{
    struct timeval now;
    gettimeofday(&now, NULL);
    return (double)now.tv_sec + 1e-6 * (double)now.tv_usec;
}

/* A pattern with exponential backtracking must be refused, or give up within a second. */
static corbel_status run_tokenizer(const char *folder, bool *wrong_output, corbel_error *err)
{
    static const char *const text = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";
    corbel_tokenizer *tokenizer = NULL;
    corbel_encoding *encoding = NULL;
    corbel_status status = corbel_tokenizer_load(folder, &tokenizer, err);
    if (status == CORBEL_OK) {
        double began = seconds();
        status = corbel_encode(tokenizer, text, (size_t)-1, NULL, &encoding, err);
        *wrong_output = seconds() - began > 1;
    }
    corbel_encoding_destroy(&encoding);
    corbel_tokenizer_destroy(&tokenizer);
    return status;
}

_Noreturn static void child(const struct hostile *h, int out)
{
    struct answer answer = {0};
    corbel_error err = {0};
    bool wrong_output = false;
    if (chdir(h->scratch) != 0)
        _exit(1);
    answer.status = strcmp(h->kind, "tokenizer") == 0 ? run_tokenizer(h->model, &wrong_output, &err)
                                                      : run_model(h->model, &wrong_output, &err);
    answer.wrong_output = wrong_output;
    memcpy(answer.text, err.text, sizeof(err.text));
    /* exit, not _exit: LeakSanitizer looks for leaks on the way out */
    exit(write(out, &answer, sizeof(answer)) == (ssize_t)sizeof(answer) ? 0 : 1);
}

/* ---- in the parent --------------------------------------------------------------------------- */

static bool run_program(const char *program, const char *option, const char *a, const char *b)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        execlp(program, program, option, "--", a, b, (char *)NULL);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* A file that holds only "../..." stands for a symbolic link. */
static int restore_link(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)ftw;
    char target[256] = {0};
    if (type != FTW_F || st->st_size < 3 || (size_t)st->st_size >= sizeof(target))
        return 0;
    FILE *file = fopen(path, "rb");
    if (!file)
        return -1;
    size_t size = fread(target, 1, sizeof(target) - 1, file);
    fclose(file);
    if (size < 3 || memcmp(target, "../", 3) != 0 || strlen(target) != size || strchr(target, '\n'))
        return 0;
    return unlink(path) == 0 && symlink(target, path) == 0 ? 0 : -1;
}

static bool prepare(struct hostile *h, const char *scratch)
{
    char source[4096], snapshot[4300];
    fixture_path(source, sizeof(source), "hostile", h->id);
    snprintf(h->scratch, sizeof(h->scratch), "%s/%s", scratch, h->id);
    snprintf(h->model, sizeof(h->model), "%s/model", h->scratch);
    if (!run_program("cp", "-r", source, h->scratch) ||
        nftw(h->scratch, restore_link, 16, FTW_PHYS) != 0) {
        fprintf(stderr, "%s: can't be copied to %s\n", source, h->scratch);
        return false;
    }
    snprintf(snapshot, sizeof(snapshot), "%s/" SNAPSHOT, h->model);
    if (access(snapshot, F_OK) == 0)
        snprintf(h->model, sizeof(h->model), "%.*s/model/" SNAPSHOT, 4000, h->scratch);
    return true;
}

/* The words of which a refusal must have one: the file that is to blame. */
static const char *const *files_of(const char *kind)
{
    static const struct {
        const char *kind;
        const char *files[3];
    } rows[] = {
        {"safetensors", {"model.safetensors"}},
        {"config", {"config.json"}},
        {"index", {"model.safetensors.index.json", "-of-"}},
        {"tokenizer", {"tokenizer.json"}},
    };
    static const char *const any[] = {"", NULL};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (strcmp(rows[i].kind, kind) == 0)
            return rows[i].files;
    return any;
}

static bool names_file(const char *kind, const char *text)
{
    for (const char *const *file = files_of(kind); *file; file++)
        if (strstr(text, *file))
            return true;
    return false;
}

/* NULL: as it must be; otherwise what was wrong. */
static const char *judge(const struct hostile *h, const struct answer *answer)
{
    if (answer->status == CORBEL_OK) {
        if (strcmp(h->expect, "reject") == 0)
            return "was accepted";
        return answer->wrong_output ? "was accepted, with a wrong output or too late" : NULL;
    }
    if (strcmp(h->expect, "accept") == 0)
        return "was refused";
    if (answer->status == CORBEL_E_INTERNAL || answer->status == CORBEL_E_ARGUMENT)
        return "ended as if it were not the file's fault";
    if (answer->text[0] == '\0' || strchr(answer->text, '\n'))
        return "was refused without one line that says why";
    /* a refusal that may come as late as the text to be encoded has no file to name */
    if (strcmp(h->expect, "reject") == 0 && !names_file(h->kind, answer->text))
        return "was refused without naming the file";
    return NULL;
}

/* Waits for the answer; NULL, or how the child ended instead. */
static const char *await(pid_t pid, int in, struct answer *answer)
{
    struct pollfd ready = {.fd = in, .events = POLLIN};
    struct rusage usage;
    int status = 0;
    if (poll(&ready, 1, TIME_LIMIT_S * 1000) == 0)
        kill(pid, SIGKILL);
    ssize_t n = read(in, answer, sizeof(*answer));
    if (wait4(pid, &status, 0, &usage) != pid)
        return "was lost";
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGKILL ? "did not end" : "crashed";
    if (n != (ssize_t)sizeof(*answer) || WEXITSTATUS(status) != 0)
        return "ended without an answer, or leaked";
    return usage.ru_maxrss > MEMORY_LIMIT_KIB ? "took too much memory" : NULL;
}

static const char *check(struct hostile *h, const char *scratch, struct answer *answer)
{
    int ends[2];
    char pwned[4200];
    if (!prepare(h, scratch) || pipe(ends) != 0)
        return "could not be prepared";
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        child(h, ends[1]);
    close(ends[1]);
    const char *wrong = pid < 0 ? "could not be started" : await(pid, ends[0], answer);
    close(ends[0]);

    snprintf(pwned, sizeof(pwned), "%.*s/PWNED", 4000, h->scratch);
    if (access(pwned, F_OK) == 0)
        return "RAN CODE";
    return wrong ? wrong : judge(h, answer);
}

static const char *member(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;
    json_object_object_get_ex(object, key, &value);
    return value ? json_object_get_string(value) : "";
}

int main(void)
{
    char path[4096], scratch[] = "/tmp/corbel-hostile-XXXXXX";
    size_t n_failed = 0, n_checked = 0, n_skipped = 0;
    if (!mkdtemp(scratch)) {
        perror(scratch);
        return 1;
    }
    fixture_path(path, sizeof(path), "hostile", "index.json");
    /* Static: in a child that exits it is memory still in use, and no leak. */
    static struct json_object *index;
    index = fixture_json(path);
    for (size_t i = 0; i < json_object_array_length(index); i++) {
        struct json_object *row = json_object_array_get_idx(index, i);
        struct hostile h = {
            .id = member(row, "id"), .kind = member(row, "kind"), .expect = member(row, "expect")};
        struct answer answer = {0};
        if (strcmp(h.kind, "image") == 0) {
            printf("skipped %s: images have their own test\n", h.id);
            n_skipped++;
            continue;
        }
        const char *wrong = check(&h, scratch, &answer);
        printf("%s %s%s%s: %s\n", wrong ? "FAILED" : "ok", h.id, wrong ? " " : "",
               wrong ? wrong : "", answer.status == CORBEL_OK ? "accepted" : answer.text);
        n_checked++;
        n_failed += wrong != NULL;
    }
    json_object_put(index);
    run_program("rm", "-rf", scratch, scratch);
    printf("%zu cases, %zu failed, %zu skipped\n", n_checked, n_failed, n_skipped);
    return n_failed > 0;
}
