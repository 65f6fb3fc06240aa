/* hub/http_answer.c: see http_answer.h; and what an answer means for the one who asked. */
#include "hub/http_answer.h"

#include "base/error.h"
#include "hub/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_TRIES = 5, MAX_WAIT_S = 300 };

void http_answer_clear(struct http_answer *a)
{
    free(a->location);
    free(a->next);
    a->location = a->next = NULL;
    a->code = 0;
    a->content_length = a->range_first = a->range_size = a->retry_after_s = -1;
}

void http_answer_start(struct http_answer *a, const char *line, size_t size)
{
    http_answer_clear(a);
    const char *space = memchr(line, ' ', size);
    const size_t left = space ? size - (size_t)(space - line) : 0;
    if (left >= 4)
        a->code = (space[1] - '0') * 100 + (space[2] - '0') * 10 + (space[3] - '0');
}

/* A whole number of at most 18 digits, or -1. */
static int64_t number(const char *s, const char **end)
{
    const size_t n = strspn(s, "0123456789");
    if (end)
        *end = s + n;
    return n > 0 && n <= 18 ? strtoll(s, NULL, 10) : -1;
}

/* bytes FIRST-LAST/SIZE */
static void read_range(struct http_answer *a, const char *value)
{
    if (strncasecmp(value, "bytes ", 6) != 0)
        return;
    const char *at;
    const int64_t first = number(value + 6, &at);
    if (first < 0 || *at != '-')
        return;
    const int64_t last = number(at + 1, &at);
    if (last < first || *at != '/')
        return;
    const int64_t size = number(at + 1, &at);
    if (*at != '\0' || size < 0 || last != size - 1)
        return;
    a->range_first = first;
    a->range_size = size;
}

/* <url>; rel="next", among others with commas between. */
static bool read_link(struct http_answer *a, const char *value)
{
    for (const char *open = strchr(value, '<'); open; open = strchr(open + 1, '<')) {
        const char *close = strchr(open, '>');
        if (!close)
            return true;
        const char *rel = strstr(close, "rel=\"next\""), *other = strchr(close, '<');
        if (rel && (!other || rel < other)) {
            free(a->next);
            a->next = strndup(open + 1, (size_t)(close - open - 1));
            return a->next != NULL;
        }
    }
    return true;
}

/* Seconds, from Retry-After or from ratelimit: "api";r=0;t=55. A date is no number: not known. */
static void read_wait(struct http_answer *a, const char *value, const char *before)
{
    const char *at = before ? strstr(value, before) : value;
    const int64_t wait = at ? number(at + (before ? strlen(before) : 0), NULL) : -1;
    if (wait > a->retry_after_s)
        a->retry_after_s = wait;
}

static void take(char *out, size_t size, const char *value)
{
    snprintf(out, size, "%s", value);
}

/* What only the hub itself may say. */
static void read_hub_header(struct http_answer *a, const char *name, const char *value)
{
    if (strcasecmp(name, "x-repo-commit") == 0)
        take(a->commit, sizeof(a->commit), name_is_commit(value) ? value : "");
    else if (strcasecmp(name, "x-linked-etag") == 0)
        name_from_etag(a->etag, value);
    else if (strcasecmp(name, "etag") == 0 && a->etag[0] == '\0')
        name_from_etag(a->etag, value);
    else if (strcasecmp(name, "x-error-code") == 0)
        take(a->error_code, sizeof(a->error_code), value);
    else if (strcasecmp(name, "x-error-message") == 0)
        take(a->error_message, sizeof(a->error_message), value);
}

bool http_answer_header(struct http_answer *a, const char *line, size_t size)
{
    char *copy = strndup(line, size);
    if (!copy)
        return false;
    bool done = true;
    char *value = strchr(copy, ':');
    copy[strcspn(copy, "\r\n")] = '\0';
    if (!value || value >= copy + strlen(copy)) {
        free(copy);
        return true;
    }
    *value++ = '\0';
    value += strspn(value, " \t");
    for (size_t n = strlen(value); n > 0 && strchr(" \t", value[n - 1]); n--)
        value[n - 1] = '\0';
    if (strcasecmp(copy, "content-length") == 0) {
        a->content_length = number(value, NULL);
    } else if (strcasecmp(copy, "content-range") == 0) {
        read_range(a, value);
    } else if (strcasecmp(copy, "location") == 0) {
        free(a->location);
        done = (a->location = strdup(value)) != NULL;
    } else if (strcasecmp(copy, "link") == 0) {
        done = read_link(a, value);
    } else if (strcasecmp(copy, "retry-after") == 0) {
        read_wait(a, value, NULL);
    } else if (strcasecmp(copy, "ratelimit") == 0) {
        read_wait(a, value, "t=");
    } else if (a->from_hub) {
        read_hub_header(a, copy, value);
    }
    free(copy);
    return done;
}

/* ---- what it means --------------------------------------------------------------------------- */

int64_t http_retry(const struct http_transfer *t, unsigned tries)
{
    const long code = t->answer.code;
    /* A refusal of the storage is of a link that has run out: the hub gives a new one. */
    const bool stale = !t->answer.from_hub && code >= 400 && code < 500;
    const bool busy = code == 408 || code == 429 || code == 500 || code >= 502;
    const bool transient =
        t->outcome == HTTP_BROKEN || (t->outcome == HTTP_ANSWERED && (stale || busy));
    if (!transient || tries >= MAX_TRIES)
        return -1;
    if (t->outcome == HTTP_ANSWERED && t->answer.retry_after_s > MAX_WAIT_S)
        return -1;
    const int64_t wait = (int64_t)http_first_wait_ms(t->http) << (tries - 1);
    if (t->outcome == HTTP_ANSWERED && t->answer.retry_after_s * 1000 > wait)
        return t->answer.retry_after_s * 1000;
    return wait;
}

static corbel_status explain_absence(const struct http_answer *a, const char *what, bool with_token,
                                     corbel_error *err)
{
    if (strcmp(a->error_code, "RevisionNotFound") == 0)
        return error_set(err, CORBEL_E_NOT_FOUND, "%s: the hub has no such revision of it", what);
    if (strcmp(a->error_code, "EntryNotFound") == 0)
        return error_set(err, CORBEL_E_NOT_FOUND, "%s: the hub has no such file", what);
    if (strcmp(a->error_code, "GatedRepo") == 0 || a->code == 403)
        return error_set(err, CORBEL_E_NOT_FOUND,
                         "%s: the hub gives it only to those it has let in (%ld%s%s): ask for "
                         "access on its page, and %s",
                         what, a->code, a->error_message[0] ? ": " : "", a->error_message,
                         with_token ? "see that HF_TOKEN is that account's" : "set HF_TOKEN");
    return error_set(err, CORBEL_E_NOT_FOUND,
                     "%s: the hub has no such model, or shows it to its members only (%ld): check "
                     "the name%s",
                     what, a->code,
                     with_token ? ", and the rights of HF_TOKEN" : ", or set HF_TOKEN");
}

corbel_status http_explain(const struct http_transfer *t, const char *what, corbel_error *err)
{
    const struct http_answer *a = &t->answer;
    if (t->outcome == HTTP_BROKEN)
        return error_set(err, t->error.status,
                         "%s: %s: check the connection, or use what the cache has (--offline)",
                         what, t->error.text);
    if (t->outcome != HTTP_ANSWERED)
        return error_set(err, t->error.status, "%s: %s", what, t->error.text);
    if (!a->from_hub)
        return error_set(err, CORBEL_E_NETWORK,
                         "%s: the hub's storage answers %ld: try again later", what, a->code);
    switch (a->code) {
    case 401:
    case 403:
    case 404:
    case 410:
    case 451: return explain_absence(a, what, http_has_token(t->http), err);
    case 429:
        if (a->retry_after_s > 0)
            return error_set(err, CORBEL_E_NETWORK,
                             "%s: the hub answers no more requests for %lld s (429): wait, or set "
                             "HF_TOKEN for a higher limit",
                             what, (long long)a->retry_after_s);
        return error_set(err, CORBEL_E_NETWORK,
                         "%s: the hub was asked too often (429): wait, or set HF_TOKEN for a "
                         "higher limit",
                         what);
    default:
        return error_set(err, CORBEL_E_NETWORK, "%s: the hub answers %ld%s%s: try again later",
                         what, a->code, a->error_message[0] ? ": " : "", a->error_message);
    }
}
