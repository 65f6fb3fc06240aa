/* hub/http.h: GET requests, several at a time, with redirects followed by hand.
 *
 * The hub's token goes to the hub's own origin and nowhere else, whatever a redirect says: it is a
 * header line of our own, attached hop by hop. What the hub says about a file (its commit, its
 * digest, its size) is taken from the hub's answers only, never from those of the storage that it
 * redirects to. Retries are the caller's business: http_retry says whether and when.
 *
 * One thread uses a struct http and its transfers. */
#ifndef HUB_HTTP_H
#define HUB_HTTP_H

#include "corbel/corbel.h"
#include "hub/names.h"
#include "hub/settings.h"

#include <curl/curl.h>

enum http_outcome {
    HTTP_RUNNING,
    HTTP_ANSWERED, /* there is an answer, of whatever code; a 2xx has been read to its end */
    HTTP_BROKEN,   /* the network failed, before or in the middle of an answer */
    HTTP_REFUSED,  /* it is not to be followed; no retry would change that */
    HTTP_STOPPED,  /* on_head or on_body said so */
};

/* What headers said. Text is empty and numbers are -1 where nothing was said. */
struct http_answer {
    long code;
    int64_t content_length;
    int64_t range_first, range_size; /* Content-Range: bytes FIRST-LAST/SIZE, of a sound one */
    int64_t retry_after_s;
    bool from_hub;         /* and not from another origin */
    char *location, *next; /* next: the URL of Link: rel="next" */
    /* The hub's own words, kept over redirects. */
    char commit[HUB_COMMIT_SIZE], etag[HUB_ETAG_SIZE];
    char error_code[64], error_message[256];
};

struct http_transfer {
    /* Set by the caller, zeroed otherwise. */
    const char *url;
    uint64_t range_from; /* 0: the whole file */
    /* Of a 2xx: before its body, and for each piece of it. False stops the transfer. */
    bool (*on_head)(struct http_transfer *t);
    bool (*on_body)(struct http_transfer *t, const void *data, size_t size);
    void *user;

    enum http_outcome outcome;
    struct http_answer answer;
    corbel_error error; /* of HTTP_BROKEN and HTTP_REFUSED */

    /* http.c's own. */
    struct http *http;
    CURL *easy;
    struct curl_slist *headers;
    char *at; /* the URL of this hop */
    unsigned n_hops;
    size_t header_bytes, n_headers, discarded;
    bool head_is_over;
};

struct http;

corbel_status http_create(struct http **http, const struct hub_settings *settings,
                          corbel_error *err);
void http_destroy(struct http **http);

/* Begins `t`, which stays where it is until http_close. */
corbel_status http_open(struct http *http, struct http_transfer *t, corbel_error *err);
/* Moves what runs, waiting for at most `timeout_ms`. */
corbel_status http_move(struct http *http, int timeout_ms, corbel_error *err);
/* Sound on a zeroed one; ends it if it runs. */
void http_close(struct http_transfer *t);

/* The milliseconds to wait before try number `tries` (from 1) is repeated; -1: don't. */
int64_t http_retry(const struct http_transfer *t, unsigned tries);

/* What is wrong with an answer that is no 2xx, or with none, as a sentence with what to do. */
corbel_status http_explain(const struct http_transfer *t, const char *what, corbel_error *err);

#endif
