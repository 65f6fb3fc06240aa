/* hub/settings.c: see settings.h. */
#include "hub/settings.h"

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "hub/url.h"

#include <ctype.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* NULL also for a variable that holds nothing but white space. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && value[strspn(value, " \t\r\n")] ? value : NULL;
}

static bool is_set(const char *name)
{
    static const char *const yes[] = {"1", "ON", "YES", "TRUE"};
    const char *value = getenv(name);
    for (size_t i = 0; value && i < 4; i++)
        if (strcasecmp(value, yes[i]) == 0)
            return true;
    return false;
}

/* ---- paths ----------------------------------------------------------------------------------- */

static const char *home_of_user(void)
{
    const char *home = variable("HOME");
    if (home)
        return home;
    const struct passwd *user = getpwuid(getuid());
    return user && user->pw_dir ? user->pw_dir : "/";
}

/* Appends the value of the variable whose name begins at `name` ("HOME/x", "{HOME}/x"), and returns
 * what follows it. One that is not set stays as it is written, as in Python. */
static const char *append_variable(struct text *out, const char *dollar)
{
    const char *name = dollar + 1;
    const bool braces = *name == '{';
    name += braces;
    size_t n = 0;
    while (isalnum((unsigned char)name[n]) || name[n] == '_')
        n++;
    char word[128];
    const char *end = name + n + braces;
    if (n == 0 || n >= sizeof(word) || (braces && name[n] != '}')) {
        text_append_char(out, '$');
        return dollar + 1;
    }
    memcpy(word, name, n);
    word[n] = '\0';
    const char *value = getenv(word);
    if (value)
        text_append(out, value);
    else
        text_append_bytes(out, dollar, (size_t)(end - dollar));
    return end;
}

/* ~ and $VAR; then made absolute, since the working directory may change. */
static corbel_status expand(char *out, size_t size, const char *path, const char *below,
                            corbel_error *err)
{
    struct text t = {0};
    char here[PATH_MAX];
    if (path[0] == '~' && (path[1] == '/' || path[1] == '\0')) {
        text_append(&t, home_of_user());
        path++;
    }
    while (*path) {
        if (*path == '$')
            path = append_variable(&t, path);
        else
            text_append_char(&t, *path++);
    }
    text_append(&t, below);
    const char *whole = text_cstr(&t);
    const bool relative = whole[0] != '/';
    if (relative && !getcwd(here, sizeof(here)))
        snprintf(here, sizeof(here), ".");
    const int n = snprintf(out, size, "%s%s%s", relative ? here : "", relative ? "/" : "", whole);
    const bool failed = t.failed;
    text_finish(&t);
    if (failed)
        return error_memory(err, size, "a path");
    if (n < 0 || (size_t)n >= size)
        return error_set(err, CORBEL_E_ARGUMENT, "the path of the cache is too long");
    return CORBEL_OK;
}

/* $HF_HOME, or where it is by default; with `below` behind it. */
static corbel_status in_home(char *out, size_t size, const char *below, corbel_error *err)
{
    char tail[PATH_MAX];
    if (variable("HF_HOME"))
        return expand(out, size, variable("HF_HOME"), below, err);
    const char *caches = variable("XDG_CACHE_HOME");
    snprintf(tail, sizeof(tail), "/huggingface%s", below);
    return expand(out, size, caches ? caches : "~/.cache", tail, err);
}

static corbel_status read_cache(struct hub_settings *s, corbel_error *err)
{
    const char *cache = variable("HF_HUB_CACHE");
    if (!cache)
        cache = variable("HUGGINGFACE_HUB_CACHE");
    if (cache)
        return expand(s->cache, sizeof(s->cache), cache, "", err);
    return in_home(s->cache, sizeof(s->cache), "/hub", err);
}

/* ---- endpoint and token ---------------------------------------------------------------------- */

static corbel_status read_endpoint(struct hub_settings *s, corbel_error *err)
{
    const char *endpoint = variable("HF_ENDPOINT");
    if (!endpoint)
        endpoint = "https://huggingface.co";
    endpoint += strspn(endpoint, " \t");
    size_t n = strcspn(endpoint, " \t\r\n");
    while (n > 0 && endpoint[n - 1] == '/')
        n--;
    if (n >= sizeof(s->endpoint))
        return error_set(err, CORBEL_E_ARGUMENT, "HF_ENDPOINT: a URL of %zu bytes", n);
    memcpy(s->endpoint, endpoint, n);
    s->endpoint[n] = '\0';
    return s->offline ? CORBEL_OK : url_check_endpoint(s->endpoint, err);
}

/* Trimmed; refused if it holds what can't be in a header line. */
static corbel_status take_token(struct hub_settings *s, const char *token, const char *from,
                                corbel_error *err)
{
    token += strspn(token, " \t\r\n");
    size_t n = strlen(token);
    while (n > 0 && strchr(" \t\r\n", token[n - 1]))
        n--;
    bool sound = n < sizeof(s->token);
    for (size_t i = 0; i < n && sound; i++)
        sound = token[i] > 0x20 && token[i] < 0x7f;
    if (!sound)
        return error_set(err, CORBEL_E_ARGUMENT, "%s: not a token of the hub", from);
    memcpy(s->token, token, n);
    s->token[n] = '\0';
    return CORBEL_OK;
}

static corbel_status read_token(struct hub_settings *s, corbel_error *err)
{
    char path[PATH_MAX], *text = NULL;
    size_t size;
    if (is_set("HF_HUB_DISABLE_IMPLICIT_TOKEN"))
        return CORBEL_OK;
    if (variable("HF_TOKEN"))
        return take_token(s, variable("HF_TOKEN"), "HF_TOKEN", err);
    if (variable("HUGGING_FACE_HUB_TOKEN"))
        return take_token(s, variable("HUGGING_FACE_HUB_TOKEN"), "HUGGING_FACE_HUB_TOKEN", err);
    const char *named = variable("HF_TOKEN_PATH");
    corbel_status status = named ? expand(path, sizeof(path), named, "", err)
                                 : in_home(path, sizeof(path), "/token", err);
    if (status != CORBEL_OK || file_read(path, 4096, &text, &size, NULL) != CORBEL_OK)
        return status; /* no file, no token */
    status = take_token(s, text, path, err);
    free(text);
    return status;
}

static long whole_number(const char *name, long fallback)
{
    const char *value = variable(name);
    char *end = NULL;
    const double number = value ? strtod(value, &end) : 0;
    return value && *end == '\0' && number >= 1 && number <= 86400 ? (long)number : fallback;
}

corbel_status hub_settings_read(struct hub_settings *s, bool offline, corbel_error *err)
{
    *s = (struct hub_settings){.symlinks = !is_set("HF_HUB_DISABLE_SYMLINKS")};
    s->offline = offline || is_set("HF_HUB_OFFLINE") || is_set("TRANSFORMERS_OFFLINE");
    s->stall_s = whole_number("HF_HUB_DOWNLOAD_TIMEOUT", 30);
    s->connect_s = whole_number("HF_HUB_ETAG_TIMEOUT", 10);
    s->first_wait_ms = whole_number("CORBEL_HUB_FIRST_WAIT_MS", 400); /* for tests */
    if (variable("SSL_CERT_FILE"))
        snprintf(s->ca_file, sizeof(s->ca_file), "%s", variable("SSL_CERT_FILE"));
    corbel_status status = read_cache(s, err);
    if (status == CORBEL_OK)
        status = read_endpoint(s, err); /* offline too: a lock names it */
    if (status == CORBEL_OK && !s->offline)
        status = read_token(s, err);
    return status;
}
