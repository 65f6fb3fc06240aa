/* hub/download.c: see download.h.
 *
 * Every file is a small machine of its own: it waits for its blob's lock, asks for the bytes that
 * are missing, takes them, waits and asks again if the network fails, and is done when the digest
 * is right. One loop moves them all. */
#include "hub/download.h"

#include "base/error.h"
#include "base/log.h"
#include "hub/blob.h"
#include "hub/client.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LOCK_WAIT_MS = 100, REPORT_MS = 100, MAX_RESTARTS = 1, MAX_CONNECTIONS = 64 };

enum item_state {
    ITEM_WAITING, /* for its turn, for another process, or for the end of a pause */
    ITEM_RUNNING,
    ITEM_DONE,
};

struct item {
    struct download_set *set;
    const struct hub_file *file;
    enum item_state state;
    struct blob blob;
    struct http_transfer transfer;
    char *url;
    int64_t wake_at, reported_at; /* milliseconds of now_ms */
    unsigned tries;               /* since bytes last came */
    unsigned restarts;            /* from the first byte, since what came was wrong */
    bool bad;                     /* what comes is not what was promised: start over */
    bool told;                    /* that another process fetches it */
    uint64_t kept;                /* bytes of an earlier download */
    corbel_error fault;           /* why a callback stopped the transfer */
};

struct queue {
    struct download_set *set;
    struct item *items; /* [set->n_files] */
    uint64_t size;
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static uint64_t bytes_of(const struct item *item)
{
    return item->state == ITEM_DONE ? item->file->size : item->blob.at;
}

/* ---- what comes ------------------------------------------------------------------------------ */

static bool stop(struct item *item, corbel_status status, const char *reason)
{
    error_set(&item->fault, status, "%s: %s", item->file->path, reason);
    return false;
}

/* The bytes would be of another file, or of another part of it: not kept, asked for once more. */
static bool stop_bad(struct item *item, const char *reason)
{
    item->bad = true;
    return stop(item, CORBEL_E_UNTRUSTED, reason);
}

static bool check_commit(struct item *item, const struct http_answer *a)
{
    if (a->commit[0] && strcmp(a->commit, item->set->commit) != 0) {
        error_set(&item->fault, CORBEL_E_UNTRUSTED,
                  "%s: the hub serves it from commit %s, but %s was asked for: refused",
                  item->file->path, a->commit, item->set->commit);
        return false;
    }
    if (a->etag[0] && strcmp(a->etag, hub_file_etag(item->file)) != 0) {
        error_set(&item->fault, CORBEL_E_UNTRUSTED,
                  "%s: the hub lists it with the digest %s, and serves it with %s: refused",
                  item->file->path, hub_file_etag(item->file), a->etag);
        return false;
    }
    return true;
}

static bool on_head(struct http_transfer *t)
{
    struct item *item = t->user;
    const struct http_answer *a = &t->answer;
    const uint64_t size = item->file->size;
    if (!check_commit(item, a))
        return false;
    if (a->code == 206 && ((uint64_t)a->range_first != t->range_from ||
                           (uint64_t)a->range_size != size || a->range_first < 0))
        return stop_bad(item, "the hub sends another part of it than it was asked for");
    if (a->code != 200 && a->code != 206)
        return stop(item, CORBEL_E_NETWORK, "an answer that is neither the file nor a part of it");
    if (a->code == 200 && item->blob.at > 0 && blob_restart(&item->blob, &item->fault) != CORBEL_OK)
        return false;
    if (a->code == 200)
        item->kept = 0;
    if (a->content_length >= 0 && (uint64_t)a->content_length != size - item->blob.at)
        return stop_bad(item, "the hub sends another number of bytes than it has listed");
    return true;
}

static bool on_body(struct http_transfer *t, const void *data, size_t size)
{
    struct item *item = t->user;
    item->set->fetched += size;
    if (size > item->file->size - item->blob.at)
        return stop_bad(item, "the hub sends more bytes than it has listed");
    if (blob_append(&item->blob, data, size, &item->fault) != CORBEL_OK)
        return false;
    item->tries = 0;
    return true;
}

/* ---- one file -------------------------------------------------------------------------------- */

static corbel_status finish_item(struct item *item, corbel_error *err)
{
    struct download_set *set = item->set;
    blob_close(&item->blob);
    item->state = ITEM_DONE;
    return cache_link(set->cache, set->commit, item->file->path, hub_file_etag(item->file), err);
}

static corbel_status request(struct item *item, corbel_error *err)
{
    item->transfer = (struct http_transfer){.url = item->url,
                                            .range_from = item->blob.at,
                                            .on_head = on_head,
                                            .on_body = on_body,
                                            .user = item};
    item->fault = (corbel_error){.text = ""};
    item->bad = false;
    item->tries++;
    item->state = ITEM_RUNNING;
    return http_open(item->set->http, &item->transfer, err);
}

/* Drops what came, once; what is wrong twice is wrong. */
static corbel_status start_over(struct item *item, const corbel_error *fault, corbel_error *err)
{
    if (item->restarts++ >= MAX_RESTARTS) {
        blob_restart(&item->blob, NULL);
        return error_set(err, fault->status, "%s", fault->text);
    }
    log_line(CORBEL_LOG_WARN, "%s; once more from its beginning", fault->text);
    item->kept = 0;
    return blob_restart(&item->blob, err);
}

/* All bytes are there. */
static corbel_status complete(struct item *item, corbel_error *err)
{
    corbel_error fault;
    const corbel_status status = blob_publish(&item->blob, &fault);
    if (status == CORBEL_OK) {
        item->set->n_fetched++;
        return finish_item(item, err);
    }
    error_prefix(&fault, status, "%s", item->file->path);
    if (status != CORBEL_E_UNTRUSTED)
        return error_set(err, status, "%s", fault.text);
    const corbel_status restarted = start_over(item, &fault, err);
    return restarted == CORBEL_OK ? request(item, err) : restarted;
}

static corbel_status begin(struct item *item, corbel_error *err)
{
    struct download_set *set = item->set;
    enum blob_state state = BLOB_OPEN;
    corbel_status status = CORBEL_OK;
    if (!item->blob.opened)
        status = blob_open(&item->blob, set->cache, hub_file_etag(item->file), item->file->size,
                           &state, err);
    if (status != CORBEL_OK)
        return status;
    if (state == BLOB_THERE) {
        item->kept = item->file->size;
        return finish_item(item, err);
    }
    if (state == BLOB_BUSY) {
        if (!item->told)
            log_line(CORBEL_LOG_INFO, "%s: another process fetches it; waiting", item->file->path);
        item->told = true;
        item->wake_at = now_ms() + LOCK_WAIT_MS;
        return CORBEL_OK;
    }
    if (item->tries == 0 && item->restarts == 0)
        item->kept = item->blob.at;
    return item->blob.at == item->blob.size ? complete(item, err) : request(item, err);
}

/* The network failed, or the hub can't answer now: wait and ask for the rest. */
static corbel_status pause_or_fail(struct item *item, corbel_error *err)
{
    struct http_transfer *t = &item->transfer;
    const int64_t wait = http_retry(t, item->tries ? item->tries : 1);
    if (wait < 0)
        return http_explain(t, item->file->path, err);
    log_line(CORBEL_LOG_INFO, "%s: %s (%ld); again in %.1f s from byte %" PRIu64, item->file->path,
             t->outcome == HTTP_BROKEN ? t->error.text : "the hub failed", t->answer.code,
             (double)wait / 1000, item->blob.at);
    http_close(t);
    item->state = ITEM_WAITING;
    item->wake_at = now_ms() + wait;
    return CORBEL_OK;
}

/* The transfer is over, in one way or another. */
static corbel_status settle(struct item *item, corbel_error *err)
{
    struct http_transfer *t = &item->transfer;
    const bool good = t->answer.code >= 200 && t->answer.code < 300;
    if (t->outcome == HTTP_STOPPED && !item->bad)
        return error_set(err, item->fault.status, "%s", item->fault.text);
    if (t->outcome == HTTP_ANSWERED && good && item->blob.at == item->blob.size) {
        http_close(t);
        return complete(item, err);
    }
    if (t->outcome == HTTP_ANSWERED && good) {
        t->outcome = HTTP_BROKEN; /* an end that no length had announced */
        error_set(&t->error, CORBEL_E_NETWORK, "the connection ended too early");
    }
    /* 416: nothing begins where our part ends, so ours is of another file. */
    if (t->outcome == HTTP_ANSWERED && t->answer.code == 416 && t->range_from > 0) {
        error_set(&item->fault, CORBEL_E_NETWORK,
                  "%s: the hub has nothing from byte %" PRIu64 " on", item->file->path,
                  t->range_from);
        item->bad = true;
    }
    if (!item->bad)
        return pause_or_fail(item, err);
    http_close(t);
    const corbel_error fault = item->fault;
    const corbel_status status = start_over(item, &fault, err);
    return status == CORBEL_OK ? request(item, err) : status;
}

static corbel_status move_item(struct item *item, int64_t now, corbel_error *err)
{
    if (item->state == ITEM_WAITING && now >= item->wake_at)
        return begin(item, err);
    if (item->state == ITEM_RUNNING && item->transfer.outcome != HTTP_RUNNING)
        return settle(item, err);
    return CORBEL_OK;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static bool report(struct queue *q, size_t i, int64_t now)
{
    struct download_set *set = q->set;
    struct item *item = &q->items[i];
    const bool finished = item->state == ITEM_DONE;
    item->reported_at = finished ? INT64_MAX : now;
    if (!set->on_progress)
        return true;
    corbel_progress p = {.struct_size = sizeof(p),
                         .file = (uint32_t)i,
                         .n_files = (uint32_t)set->n_files,
                         .finished = finished,
                         .path = item->file->path,
                         .file_bytes = bytes_of(item),
                         .file_size = item->file->size,
                         .size = q->size};
    for (size_t k = 0; k < set->n_files; k++) {
        p.bytes += bytes_of(&q->items[k]);
        p.kept += q->items[k].kept;
    }
    return set->on_progress(set->user, &p) == 0;
}

static corbel_status report_due(struct queue *q, int64_t now, corbel_error *err)
{
    for (size_t i = 0; i < q->set->n_files; i++) {
        struct item *item = &q->items[i];
        const bool begun = item->state == ITEM_RUNNING || item->tries > 0 || item->told;
        const bool due = item->state == ITEM_DONE ? item->reported_at != INT64_MAX
                                                  : begun && now - item->reported_at >= REPORT_MS;
        if (due && !report(q, i, now))
            return error_set(err, CORBEL_E_CANCELLED, "%s: stopped", q->set->name->repo);
    }
    return CORBEL_OK;
}

/* Moves every file that has its turn; *open tells how many are not done. */
static corbel_status step(struct queue *q, size_t *open, corbel_error *err)
{
    const uint32_t asked = q->set->connections ? q->set->connections : 4;
    const uint32_t limit = asked < MAX_CONNECTIONS ? asked : MAX_CONNECTIONS;
    corbel_status status = CORBEL_OK;
    uint32_t active = 0;
    *open = 0;
    for (size_t i = 0; i < q->set->n_files && status == CORBEL_OK; i++) {
        struct item *item = &q->items[i];
        if (item->state == ITEM_DONE)
            continue;
        if (active++ < limit)
            status = move_item(item, now_ms(), err);
        *open += item->state != ITEM_DONE;
    }
    return status == CORBEL_OK ? report_due(q, now_ms(), err) : status;
}

static corbel_status make_items(struct queue *q, corbel_error *err)
{
    struct download_set *set = q->set;
    q->items = calloc(set->n_files ? set->n_files : 1, sizeof(*q->items));
    if (!q->items)
        return error_memory(err, set->n_files * sizeof(*q->items), "the list of downloads");
    for (size_t i = 0; i < set->n_files; i++) {
        struct item *item = &q->items[i];
        *item = (struct item){.set = set, .file = set->files[i]};
        item->url = client_file_url(set->settings, set->name, set->commit, item->file->path);
        if (!item->url)
            return error_memory(err, strlen(item->file->path), "a request");
        q->size += item->file->size;
    }
    return CORBEL_OK;
}

corbel_status download_all(struct download_set *set, corbel_error *err)
{
    struct queue q = {.set = set};
    size_t open = 1;
    corbel_status status = make_items(&q, err);
    while (status == CORBEL_OK && open > 0) {
        status = step(&q, &open, err);
        if (status == CORBEL_OK && open > 0)
            status = http_move(set->http, 50, err);
    }
    for (size_t i = 0; q.items && i < set->n_files; i++) {
        http_close(&q.items[i].transfer);
        blob_close(&q.items[i].blob);
        free(q.items[i].url);
    }
    free(q.items);
    return status;
}
