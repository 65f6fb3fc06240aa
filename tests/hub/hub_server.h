/* hub_server.h: the test hub (hub.py) as a child process, pull_tool against it, and a look at the
 * cache that results. Needs python3; where there is none the tests are skipped. */
#ifndef TESTS_HUB_SERVER_H
#define TESTS_HUB_SERVER_H

#include "test.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct hub_server {
    pid_t pid;
    FILE *orders, *answers;
    struct json_object *hello; /* {"hub", "storage", "commits"} */
};

/* Is there a python3? */
bool hub_has_python(void);
/* `arguments`: of hub.py, for the shell. */
void hub_start(struct hub_server *s, const char *arguments);
void hub_stop(struct hub_server *s);
/* An order as JSON; the answer is put by the caller. */
struct json_object *hub_ask(struct hub_server *s, const char *order);
void hub_order(struct hub_server *s, const char *order);
const char *hub_url(const struct hub_server *s, const char *which);
const char *hub_commit(const struct hub_server *s, const char *name);

/* How many requests the log has for `server` ("hub", "storage") whose path contains `path`, and how
 * many bytes of files they were sent. */
size_t hub_count(struct hub_server *s, const char *server, const char *path, int64_t *sent);

/* What pull_tool did. */
struct outcome {
    int status;
    char out[8192], err[16384];
};
/* pull_tool ARGUMENTS, with HF_HOME=home, the hub's address, and `environment` ("A=b C=d"). */
void pull(struct outcome *o, const struct hub_server *s, const char *home, const char *environment,
          const char *arguments);
/* The same for any command of the shell, in which `corbel` is this build's. */
void hub_shell(struct outcome *o, const struct hub_server *s, const char *home,
               const char *environment, const char *command);
/* The same, started only; its pid. Output goes to home.out, home.err. */
pid_t pull_start(const struct hub_server *s, const char *home, const char *environment,
                 const char *arguments);
/* What such a one did, once it has been waited for. */
void pull_outcome(struct outcome *o, const char *home, int wait_status);
/* A number of the JSON that pull_tool printed. */
int64_t outcome_number(const struct outcome *o, const char *key);

/* What is in blobs/, and what unfinished downloads have left there. */
struct cache_bytes {
    int64_t whole, partial;
};
/* Every blob is what its name promises, every link of a snapshot leads to one, and there are
 * `n_blobs` (-1: any number). Fails the test otherwise. */
struct cache_bytes cache_check(const char *home, int n_blobs);

/* Runs a command of the shell that must succeed. */
void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A file of `size` bytes that no compression shortens, the same for the same seed. */
void make_file(const char *path, size_t size, unsigned seed);

#endif
