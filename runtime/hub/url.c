/* hub/url.c: see url.h. The parsing is libcurl's, so that what is checked is what is fetched. */
#include "hub/url.h"

#include "base/error.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct origin {
    char scheme[16], host[256], port[8];
    bool has_user;
};

static bool get_part(CURLU *url, CURLUPart part, char *out, size_t size)
{
    char *value = NULL;
    if (curl_url_get(url, part, &value, CURLU_DEFAULT_PORT) != CURLUE_OK)
        return false;
    const int n = snprintf(out, size, "%s", value);
    curl_free(value);
    return n >= 0 && (size_t)n < size;
}

static bool has_part(CURLU *url, CURLUPart part)
{
    char *value = NULL;
    const bool has = curl_url_get(url, part, &value, 0) == CURLUE_OK;
    curl_free(value);
    return has;
}

static bool read_origin(CURLU *url, struct origin *o)
{
    o->has_user = has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD);
    return get_part(url, CURLUPART_SCHEME, o->scheme, sizeof(o->scheme)) &&
           get_part(url, CURLUPART_HOST, o->host, sizeof(o->host)) &&
           get_part(url, CURLUPART_PORT, o->port, sizeof(o->port));
}

static bool origin_of(const char *text, struct origin *o)
{
    CURLU *url = curl_url();
    const bool sound =
        url && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK && read_origin(url, o);
    curl_url_cleanup(url);
    return sound;
}

/* By the address alone: a name that resolves to this machine today may not tomorrow. */
static bool is_loopback(const struct origin *o)
{
    struct in_addr address;
    if (strcasecmp(o->host, "localhost") == 0 || strcmp(o->host, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, o->host, &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

bool url_is_loopback(const char *url)
{
    struct origin o;
    return origin_of(url, &o) && is_loopback(&o);
}

bool url_same_origin(const char *a, const char *b)
{
    struct origin x, y;
    return origin_of(a, &x) && origin_of(b, &y) && strcasecmp(x.scheme, y.scheme) == 0 &&
           strcasecmp(x.host, y.host) == 0 && strcmp(x.port, y.port) == 0;
}

void url_describe(char *out, size_t size, const char *url)
{
    struct origin o;
    if (!origin_of(url, &o)) {
        snprintf(out, size, "(no address)");
        return;
    }
    const char *path = strstr(url, "://");
    path = path ? strchr(path + 3, '/') : NULL;
    snprintf(out, size, "%s://%s%s%s%.*s", o.scheme, o.host, url_is_loopback(url) ? ":" : "",
             url_is_loopback(url) ? o.port : "", path ? (int)strcspn(path, "?#") : 0,
             path ? path : "");
}

void url_append_encoded(struct text *out, const char *s, const char *keep)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-._~";
    for (; *s; s++) {
        if (strchr(plain, *s) || strchr(keep, *s))
            text_append_char(out, *s);
        else
            text_format(out, "%%%02X", (unsigned)(unsigned char)*s);
    }
}

corbel_status url_check_endpoint(const char *endpoint, corbel_error *err)
{
    struct origin o;
    CURLU *url = curl_url();
    if (!url)
        return error_memory(err, 0, "an address");
    const bool sound = curl_url_set(url, CURLUPART_URL, endpoint, 0) == CURLUE_OK &&
                       read_origin(url, &o) && !o.has_user && !has_part(url, CURLUPART_QUERY) &&
                       !has_part(url, CURLUPART_FRAGMENT) &&
                       (strcmp(o.scheme, "https") == 0 || strcmp(o.scheme, "http") == 0);
    curl_url_cleanup(url);
    if (!sound)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "HF_ENDPOINT: not the address of a hub: expected https://HOST");
    if (strcmp(o.scheme, "http") == 0 && !is_loopback(&o))
        return error_set(err, CORBEL_E_UNTRUSTED,
                         "HF_ENDPOINT: http://%s would be read and changed on its way: use https "
                         "(plain http is for this machine only)",
                         o.host);
    return CORBEL_OK;
}

static corbel_status check_target(const struct origin *from, const struct origin *to,
                                  corbel_error *err)
{
    if (to->has_user)
        return error_set(err, CORBEL_E_UNTRUSTED,
                         "%s leads to an address with a user name in it: refused", from->host);
    if (strcmp(to->scheme, "https") == 0)
        return CORBEL_OK;
    if (strcmp(to->scheme, "http") == 0 && strcmp(from->scheme, "http") == 0 && is_loopback(from) &&
        is_loopback(to))
        return CORBEL_OK;
    return error_set(err, CORBEL_E_UNTRUSTED,
                     "%s://%s leads to %s://%s: refused, only https is followed", from->scheme,
                     from->host, to->scheme, to->host);
}

corbel_status url_follow(const char *from, const char *location, char **to, corbel_error *err)
{
    struct origin source, target = {.scheme = ""};
    corbel_status status = CORBEL_OK;
    char *text = NULL;
    CURLU *url = curl_url();
    *to = NULL;
    if (!url || curl_url_set(url, CURLUPART_URL, from, 0) != CURLUE_OK ||
        !read_origin(url, &source)) {
        status = error_set(err, CORBEL_E_NETWORK, "no address to follow");
        goto done;
    }
    /* NON_SUPPORT: a scheme that curl does not know is still named in the refusal. */
    if (curl_url_set(url, CURLUPART_URL, location, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
        status = error_set(err, CORBEL_E_NETWORK, "%s leads to no sound address", source.host);
        goto done;
    }
    if (!read_origin(url, &target) && target.scheme[0] == '\0') {
        status = error_set(err, CORBEL_E_NETWORK, "%s leads to no sound address", source.host);
        goto done;
    }
    status = check_target(&source, &target, err);
    curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0);
    if (status == CORBEL_OK && curl_url_get(url, CURLUPART_URL, &text, 0) != CURLUE_OK)
        status = error_set(err, CORBEL_E_NETWORK, "%s leads to no sound address", source.host);
    if (status == CORBEL_OK && !(*to = strdup(text)))
        status = error_memory(err, strlen(text), "an address");
done:
    curl_free(text);
    curl_url_cleanup(url);
    return status;
}
