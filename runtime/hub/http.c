/* hub/http.c: see http.h. Headers are read in http_answer.c. */
#include "hub/http.h"

#include "base/error.h"
#include "base/log.h"
#include "hub/http_answer.h"
#include "hub/url.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_HOPS = 10, MAX_DISCARDED = 1 << 16, MAX_HEADERS = 200, MAX_HEADER_BYTES = 1 << 16 };

struct http {
    CURLM *multi;
    const struct hub_settings *settings;
    bool endpoint_is_here; /* plain http to this machine */
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_started;

static void start_curl(void)
{
    curl_started = curl_global_init(CURL_GLOBAL_DEFAULT);
}

corbel_status http_create(struct http **http, const struct hub_settings *settings,
                          corbel_error *err)
{
    *http = NULL;
    pthread_once(&curl_once, start_curl);
    struct http *h = calloc(1, sizeof(*h));
    if (curl_started != CURLE_OK || !h || !(h->multi = curl_multi_init())) {
        free(h);
        return error_memory(err, sizeof(*h), "the network");
    }
    h->settings = settings;
    h->endpoint_is_here = strncmp(settings->endpoint, "http:", 5) == 0;
    *http = h;
    return CORBEL_OK;
}

void http_destroy(struct http **http)
{
    if (!*http)
        return;
    curl_multi_cleanup((*http)->multi);
    free(*http);
    *http = NULL;
}

long http_first_wait_ms(const struct http *http)
{
    return http->settings->first_wait_ms;
}

bool http_has_token(const struct http *http)
{
    return http->settings->token[0] != '\0';
}

/* ---- what curl calls ------------------------------------------------------------------------- */

static bool is_redirect(long code)
{
    return code == 301 || code == 302 || code == 303 || code == 307 || code == 308;
}

static bool is_good(const struct http_transfer *t)
{
    return t->answer.code >= 200 && t->answer.code < 300;
}

/* The whole head is there: now the body of a 2xx may come. */
static bool end_head(struct http_transfer *t)
{
    if (t->head_is_over || t->answer.code < 200)
        return true;
    t->head_is_over = true;
    if (is_good(t) && t->on_head && !t->on_head(t)) {
        t->outcome = HTTP_STOPPED;
        return false;
    }
    return true;
}

static size_t on_header(char *line, size_t size, size_t n, void *user)
{
    struct http_transfer *t = user;
    n *= size;
    t->header_bytes += n;
    if (++t->n_headers > MAX_HEADERS || t->header_bytes > MAX_HEADER_BYTES)
        return 0;
    if (n > 0 && (line[0] == '\r' || line[0] == '\n'))
        return end_head(t) ? n : 0;
    if (n > 5 && memcmp(line, "HTTP/", 5) == 0) {
        t->head_is_over = false;
        http_answer_start(&t->answer, line, n);
    } else if (!http_answer_header(&t->answer, line, n)) {
        return 0;
    }
    return n;
}

static size_t on_data(char *data, size_t size, size_t n, void *user)
{
    struct http_transfer *t = user;
    n *= size;
    if (is_good(t)) {
        if (t->on_body(t, data, n))
            return n;
        t->outcome = HTTP_STOPPED;
        return 0;
    }
    /* What comes with a redirect or an error is for browsers. */
    t->discarded += n;
    return t->discarded <= MAX_DISCARDED ? n : 0;
}

/* ---- one hop --------------------------------------------------------------------------------- */

static bool add_header(struct http_transfer *t, const char *line)
{
    struct curl_slist *longer = curl_slist_append(t->headers, line);
    if (longer)
        t->headers = longer;
    return longer != NULL;
}

static bool set_headers(struct http_transfer *t)
{
    char line[HUB_TOKEN_SIZE + 64];
    const struct hub_settings *settings = t->http->settings;
    curl_slist_free_all(t->headers);
    t->headers = NULL;
    bool made = add_header(t, "Accept-Encoding: identity");
    t->answer.from_hub = url_same_origin(t->at, settings->endpoint);
    if (t->answer.from_hub && settings->token[0]) {
        snprintf(line, sizeof(line), "Authorization: Bearer %s", settings->token);
        made = add_header(t, line) && made;
        explicit_bzero(line, sizeof(line));
    }
    if (t->range_from > 0) {
        snprintf(line, sizeof(line), "Range: bytes=%llu-", (unsigned long long)t->range_from);
        made = add_header(t, line) && made;
    }
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
    return made;
}

static void set_limits(struct http_transfer *t)
{
    const struct hub_settings *settings = t->http->settings;
    const char *schemes = t->http->endpoint_is_here ? "http,https" : "https";
    curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, schemes);
    curl_easy_setopt(t->easy, CURLOPT_REDIR_PROTOCOLS_STR, schemes);
    curl_easy_setopt(t->easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(t->easy, CURLOPT_UNRESTRICTED_AUTH, 0L);
    curl_easy_setopt(t->easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(t->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (settings->ca_file[0])
        curl_easy_setopt(t->easy, CURLOPT_CAINFO, settings->ca_file);
    curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT, settings->connect_s);
    curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_TIME, settings->stall_s);
    curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(t->easy, CURLOPT_BUFFERSIZE, 256L * 1024);
    curl_easy_setopt(t->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

/* Adds the transfer for the URL `t->at`. */
static corbel_status start_hop(struct http_transfer *t, corbel_error *err)
{
    char place[512];
    t->header_bytes = t->n_headers = t->discarded = 0;
    t->head_is_over = false;
    if (!set_headers(t) || curl_easy_setopt(t->easy, CURLOPT_URL, t->at) != CURLE_OK)
        return error_memory(err, strlen(t->at), "a request");
    if (url_is_loopback(t->at)) /* no proxy is asked about this machine */
        curl_easy_setopt(t->easy, CURLOPT_NOPROXY, "*");
    else
        curl_easy_setopt(t->easy, CURLOPT_NOPROXY, NULL);
    if (log_wants(CORBEL_LOG_DEBUG)) {
        url_describe(place, sizeof(place), t->at);
        log_line(CORBEL_LOG_DEBUG, "GET %s%s", place,
                 t->answer.from_hub && t->http->settings->token[0] ? " (with the token)" : "");
    }
    if (curl_multi_add_handle(t->http->multi, t->easy) != CURLM_OK)
        return error_memory(err, 0, "a request");
    return CORBEL_OK;
}

corbel_status http_open(struct http *http, struct http_transfer *t, corbel_error *err)
{
    t->http = http;
    t->outcome = HTTP_RUNNING;
    t->n_hops = 0;
    t->answer = (struct http_answer){.code = 0};
    http_answer_clear(&t->answer);
    t->at = strdup(t->url);
    t->easy = curl_easy_init();
    if (!t->at || !t->easy) {
        http_close(t);
        return error_memory(err, strlen(t->url), "a request");
    }
    char agent[64];
    snprintf(agent, sizeof(agent), "corbel/%s", corbel_version());
    set_limits(t);
    curl_easy_setopt(t->easy, CURLOPT_USERAGENT, agent);
    curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    return start_hop(t, err);
}

void http_close(struct http_transfer *t)
{
    if (t->easy) {
        curl_multi_remove_handle(t->http->multi, t->easy);
        curl_easy_cleanup(t->easy);
    }
    curl_slist_free_all(t->headers);
    free(t->at);
    free(t->answer.location);
    free(t->answer.next);
    t->easy = NULL;
    t->headers = NULL;
    t->at = t->answer.location = t->answer.next = NULL;
}

/* ---- the end of a hop ------------------------------------------------------------------------ */

static void follow(struct http_transfer *t)
{
    char *to = NULL;
    t->outcome = HTTP_REFUSED;
    if (++t->n_hops > MAX_HOPS) {
        error_set(&t->error, CORBEL_E_NETWORK, "more than %d redirects, one after the other",
                  MAX_HOPS);
        return;
    }
    if (!t->answer.location || !t->answer.location[0]) {
        error_set(&t->error, CORBEL_E_NETWORK, "a redirect (%ld) to nowhere", t->answer.code);
        return;
    }
    if (url_follow(t->at, t->answer.location, &to, &t->error) != CORBEL_OK)
        return;
    free(t->at);
    t->at = to;
    http_answer_clear(&t->answer);
    if (start_hop(t, &t->error) == CORBEL_OK)
        t->outcome = HTTP_RUNNING;
}

static void finish_hop(struct http_transfer *t, CURLcode code)
{
    curl_multi_remove_handle(t->http->multi, t->easy);
    if (t->outcome == HTTP_STOPPED)
        return;
    const bool cut_off_on_purpose = code == CURLE_WRITE_ERROR && t->discarded > MAX_DISCARDED;
    if (code == CURLE_OK || cut_off_on_purpose) {
        if (is_redirect(t->answer.code))
            follow(t);
        else
            t->outcome = HTTP_ANSWERED;
        return;
    }
    /* A certificate that is not the hub's will not be so in a second either. */
    const bool certificate = code == CURLE_PEER_FAILED_VERIFICATION ||
                             code == CURLE_SSL_CACERT_BADFILE || code == CURLE_UNSUPPORTED_PROTOCOL;
    t->outcome = certificate ? HTTP_REFUSED : HTTP_BROKEN;
    char place[512];
    url_describe(place, sizeof(place), t->at);
    error_set(&t->error, CORBEL_E_NETWORK, "%s: %s", place,
              t->n_headers > MAX_HEADERS || t->header_bytes > MAX_HEADER_BYTES
                  ? "an answer with too many headers"
                  : curl_easy_strerror(code));
}

corbel_status http_move(struct http *http, int timeout_ms, corbel_error *err)
{
    int running = 0, left = 0;
    CURLMcode code = curl_multi_perform(http->multi, &running);
    const CURLMsg *message;
    bool finished = false;
    while ((message = curl_multi_info_read(http->multi, &left))) {
        void *private = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        const CURLcode result = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        finish_hop(private, result);
        finished = true;
    }
    if (code == CURLM_OK && !finished)
        code = curl_multi_poll(http->multi, NULL, 0, timeout_ms, NULL);
    if (code != CURLM_OK)
        return error_set(err, CORBEL_E_NETWORK, "the network: %s", curl_multi_strerror(code));
    return CORBEL_OK;
}
