/* hub/resolve.c: MODEL as users write it: a folder, a demo model, or a repo of the hub. */
#include "hub/resolve.h"

#include "base/error.h"
#include "base/file.h"
#include "base/struct_copy.h"
#include "base/text.h"
#include "hub/pull.h"
#include "hub/resources.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static bool is_local(const char *name)
{
    char config[PATH_MAX];
    if (name[0] == '/' || name[0] == '.')
        return true;
    return path_join(config, sizeof(config), name, "config.json") && file_exists(config);
}

bool hub_is_repo(const char *name)
{
    return !is_local(name) && strncmp(name, "demo/", 5) != 0;
}

static corbel_status no_such_demo(const char *name, const char *full, corbel_error *err)
{
    static const char *const demos[] = {"storyteller", "sentiment", "shapes"};
    const char *near = text_nearest(name, demos, sizeof(demos) / sizeof(demos[0]));
    return error_set(err, CORBEL_E_NOT_FOUND,
                     "%s: no such demo model%s%s%s; there are demo/storyteller, demo/sentiment and "
                     "demo/shapes",
                     full, near ? "; did you mean demo/" : "", near ? near : "", near ? "?" : "");
}

static corbel_status resolve_demo(const char *name, const char *full, char *out, size_t size,
                                  corbel_error *err)
{
    bool sound = name[0] != '\0';
    for (const char *c = name; *c; c++)
        sound = sound && ((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '-');
    if (!sound)
        return error_set(err, CORBEL_E_ARGUMENT, "%s: not the name of a demo model", full);
    corbel_status status = resource_demo(name, out, size, err);
    return status == CORBEL_E_NOT_FOUND ? no_such_demo(name, full, err) : status;
}

static corbel_status resolve_local(const char *name, char *out, size_t size, corbel_error *err)
{
    if (!file_is_folder(name))
        return error_set(err, CORBEL_E_NOT_FOUND, "%s: no such folder", name);
    int n = snprintf(out, size, "%s", name);
    if (n < 0 || (size_t)n >= size)
        return error_set(err, CORBEL_E_ARGUMENT, "%s: the path is too long", name);
    return CORBEL_OK;
}

static corbel_status refuse_options(const char *name, const corbel_pull_params *params,
                                    corbel_error *err)
{
    if (params->revision)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "%s: a local folder has no revisions, only a model of the hub has", name);
    return CORBEL_OK;
}

static corbel_status pull(const char *name, const corbel_pull_params *params, corbel_pulled *pulled,
                          corbel_error *err)
{
    const bool local = is_local(name);
    if (hub_is_repo(name))
        return hub_pull(name, params, NULL, pulled, err);
    corbel_status status = refuse_options(name, params, err);
    if (status != CORBEL_OK)
        return status;
    if (local)
        return resolve_local(name, pulled->folder, sizeof(pulled->folder), err);
    return resolve_demo(name + 5, name, pulled->folder, sizeof(pulled->folder), err);
}

corbel_status corbel_pull(const char *name, const corbel_pull_params *params, corbel_pulled *pulled,
                          corbel_error *err)
{
    corbel_pull_params p = CORBEL_PULL_PARAMS(.offline = 0);
    corbel_pulled unused;
    if (!pulled)
        pulled = &unused;
    memset(pulled, 0, sizeof(*pulled));
    if (!name || !name[0])
        return error_set(err, CORBEL_E_ARGUMENT, "an empty name for a model");
    if (strlen(name) >= PATH_MAX)
        return error_set(err, CORBEL_E_ARGUMENT, "a model's name of %zu bytes", strlen(name));
    STRUCT_COPY(&p, params);
    return pull(name, &p, pulled, err);
}

static corbel_status folder_of(const char *name, const corbel_pull_params *params, char *out,
                               size_t size, corbel_error *err)
{
    corbel_pulled pulled;
    corbel_status status = corbel_pull(name, params, &pulled, err);
    if (status != CORBEL_OK)
        return status;
    const int n = snprintf(out, size, "%s", pulled.folder);
    if (n < 0 || (size_t)n >= size)
        return error_set(err, CORBEL_E_ARGUMENT, "%s: the path is too long", pulled.folder);
    return CORBEL_OK;
}

corbel_status hub_resolve(const char *name, char *out, size_t size, corbel_error *err)
{
    return folder_of(name, NULL, out, size, err);
}

corbel_status hub_resolve_parts(const char *name, uint32_t parts, char *out, size_t size,
                                corbel_error *err)
{
    return folder_of(name, &CORBEL_PULL_PARAMS(.parts = parts), out, size, err);
}

corbel_status hub_resolve_offline(const char *name, char *out, size_t size, corbel_error *err)
{
    return folder_of(name, &CORBEL_PULL_PARAMS(.offline = 1), out, size, err);
}
