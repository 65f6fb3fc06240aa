/* hub/client.c: see client.h. */
#include "hub/client.h"

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "hub/url.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_ANSWER = 64 << 20, MAX_PAGES = 10000 };

/* ---- one answer, whole ----------------------------------------------------------------------- */

struct document {
    struct text body;
    bool too_long;
};

static bool append(struct http_transfer *t, const void *data, size_t size)
{
    struct document *d = t->user;
    d->too_long = size > MAX_ANSWER - d->body.size;
    if (!d->too_long)
        text_append_bytes(&d->body, data, size);
    return !d->too_long && !d->body.failed;
}

static void wait_ms(int64_t ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

static corbel_status fetch_once(struct http *http, struct http_transfer *t, corbel_error *err)
{
    corbel_status status = http_open(http, t, err);
    while (status == CORBEL_OK && t->outcome == HTTP_RUNNING)
        status = http_move(http, 200, err);
    return status;
}

/* What the API says is believed, so it must be the hub that says it. */
static corbel_status check_answer(const struct http_transfer *t, const char *what,
                                  corbel_error *err)
{
    const struct document *d = t->user;
    if (t->outcome == HTTP_STOPPED && d->too_long)
        return error_set(err, CORBEL_E_NETWORK, "%s: the hub's answer has no end", what);
    if (t->outcome == HTTP_STOPPED)
        return error_memory(err, d->body.size, "the hub's answer");
    if (t->outcome == HTTP_ANSWERED && !t->answer.from_hub)
        return error_set(err, CORBEL_E_UNTRUSTED,
                         "%s: the hub's API leads to another host: refused", what);
    if (t->outcome != HTTP_ANSWERED || t->answer.code != 200)
        return http_explain(t, what, err);
    return CORBEL_OK;
}

/* GET with retries. *next, if not NULL, is the URL of the next page or NULL; freed by the caller.
 */
static corbel_status fetch(struct http *http, const char *url, const char *what, struct text *body,
                           char **next, corbel_error *err)
{
    for (unsigned tries = 1;; tries++) {
        struct document d = {.too_long = false};
        struct http_transfer t = {.url = url, .on_body = append, .user = &d};
        corbel_status status = fetch_once(http, &t, err);
        const int64_t wait = status == CORBEL_OK && t.answer.from_hub ? http_retry(&t, tries) : -1;
        if (status == CORBEL_OK && wait < 0)
            status = check_answer(&t, what, err);
        if (status == CORBEL_OK && wait < 0) {
            *body = d.body;
            if (next && t.answer.next)
                status = url_follow(t.at, t.answer.next, next, err);
            http_close(&t);
            return status;
        }
        text_finish(&d.body);
        http_close(&t);
        if (wait < 0)
            return status;
        log_line(CORBEL_LOG_INFO, "%s: the hub failed (%ld); again in %.1f s", what, t.answer.code,
                 (double)wait / 1000);
        wait_ms(wait);
    }
}

/* ---- the requests ---------------------------------------------------------------------------- */

static void append_api(struct text *url, const struct hub_settings *settings, const char *repo)
{
    text_format(url, "%s/api/models/", settings->endpoint);
    url_append_encoded(url, repo, "/");
}

static corbel_status read_commit(const struct text *body, const struct hub_name *name,
                                 char commit[HUB_COMMIT_SIZE], corbel_error *err)
{
    struct json_object *root = NULL;
    const char *sha = NULL;
    corbel_error fault = {.text = "it is no object"};
    corbel_status status =
        json_parse(text_cstr(body), body->size, JSON_DATA, "the hub's answer", &root, &fault);
    if (status == CORBEL_OK && json_object_is_type(root, json_type_object))
        status = json_get_string(root, "sha", &sha, "the hub's answer", &fault);
    if (status != CORBEL_OK || !sha || !name_is_commit(sha))
        status = error_set(err, CORBEL_E_NETWORK, "%s@%s: the hub names no commit%s%s", name->repo,
                           name->revision, status ? ": " : "", status ? fault.text : "");
    else
        memcpy(commit, sha, HUB_COMMIT_SIZE);
    json_object_put(root);
    if (status == CORBEL_OK && name_is_commit(name->revision) &&
        strcmp(commit, name->revision) != 0)
        status = error_set(err, CORBEL_E_UNTRUSTED,
                           "%s: asked for commit %s, the hub answers with %s: refused", name->repo,
                           name->revision, commit);
    return status;
}

corbel_status client_commit(struct http *http, const struct hub_settings *settings,
                            const struct hub_name *name, char commit[HUB_COMMIT_SIZE],
                            corbel_error *err)
{
    struct text url = {0}, what = {0}, body = {0};
    append_api(&url, settings, name->repo);
    text_append(&url, "/revision/");
    url_append_encoded(&url, name->revision, "");
    text_format(&what, "%s@%s", name->repo, name->revision);
    corbel_status status = url.failed || what.failed
                               ? error_memory(err, url.size, "a request")
                               : fetch(http, url.data, what.data, &body, NULL, err);
    if (status == CORBEL_OK)
        status = read_commit(&body, name, commit, err);
    text_finish(&url);
    text_finish(&what);
    text_finish(&body);
    return status;
}

/* Digests come from these pages: a page of another host is refused, not only sent no token. */
static corbel_status check_next(const char *url, const char *next, const char *repo,
                                corbel_error *err)
{
    if (url_same_origin(url, next))
        return CORBEL_OK;
    return error_set(err, CORBEL_E_UNTRUSTED,
                     "%s: the hub's list of files leads to another host: refused", repo);
}

corbel_status client_listing(struct http *http, const struct hub_settings *settings,
                             const struct hub_name *name, const char *commit, struct listing *l,
                             corbel_error *err)
{
    struct text first = {0};
    *l = (struct listing){.files = NULL};
    append_api(&first, settings, name->repo);
    text_format(&first, "/tree/%s?recursive=true&expand=false", commit);
    char *url = text_take(&first);
    if (!url)
        return error_memory(err, 256, "a request");
    corbel_status status = CORBEL_OK;
    for (size_t page = 0; url && status == CORBEL_OK; page++) {
        struct text body = {0};
        char *next = NULL;
        status = page < MAX_PAGES ? fetch(http, url, name->repo, &body, &next, err)
                                  : error_set(err, CORBEL_E_NETWORK,
                                              "%s: the list of files has no end", name->repo);
        if (status == CORBEL_OK)
            status = listing_add_page(l, text_cstr(&body), body.size, err);
        if (status == CORBEL_OK && next)
            status = check_next(settings->endpoint, next, name->repo, err);
        text_finish(&body);
        free(url);
        url = next;
    }
    free(url);
    return status == CORBEL_OK ? listing_sort(l, err) : status;
}

char *client_file_url(const struct hub_settings *settings, const struct hub_name *name,
                      const char *commit, const char *path)
{
    struct text url = {0};
    text_format(&url, "%s/", settings->endpoint);
    url_append_encoded(&url, name->repo, "/");
    text_format(&url, "/resolve/%s/", commit);
    url_append_encoded(&url, path, "/");
    return text_take(&url);
}
