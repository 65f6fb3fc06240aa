/* hub/resources.c: finds what was built or installed together with this library. */
#include "hub/resources.h"

#include "base/error.h"
#include "base/file.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The folder of the file that this code was loaded from: libcorbel.so, or a test's executable. */
static bool own_folder(char *out, size_t size)
{
    Dl_info info;
    char path[PATH_MAX];
    static const char anchor; /* something of this library, to ask where it came from */
    if (dladdr(&anchor, &info) == 0 || !info.dli_fname)
        return false;
    /* glibc gives argv[0] for the main program, which need not be a path. */
    const char *file = strchr(info.dli_fname, '/') ? info.dli_fname : "/proc/self/exe";
    if (!realpath(file, path))
        return false;
    char *slash = strrchr(path, '/');
    *slash = '\0';
    int n = snprintf(out, size, "%s", path);
    return n >= 0 && (size_t)n < size;
}

static bool is_program(const char *path)
{
    return !file_is_folder(path) && access(path, X_OK) == 0;
}

static corbel_status find(const char *const *places, size_t n_places, const char *what,
                          bool (*is_it)(const char *path), char *out, size_t size,
                          corbel_error *err)
{
    char folder[PATH_MAX], candidate[PATH_MAX];
    if (!own_folder(folder, sizeof(folder)))
        return error_set(err, CORBEL_E_IO, "%s: can't tell where this library was loaded from",
                         what);
    for (size_t i = 0; i < n_places; i++) {
        int n = snprintf(candidate, sizeof(candidate), "%s/%s/%s", folder, places[i], what);
        char real[PATH_MAX];
        if (n < 0 || (size_t)n >= sizeof(candidate) || !realpath(candidate, real))
            continue;
        n = snprintf(out, size, "%s", real);
        if (n >= 0 && (size_t)n < size && is_it(out))
            return CORBEL_OK;
    }
    return error_set(err, CORBEL_E_NOT_FOUND, "%s: not beside this library (looked from %s)", what,
                     folder);
}

corbel_status resource_plugins(char *out, size_t size, corbel_error *err)
{
    static const char *const places[] = {"..", "corbel", "../lib/corbel"};
    return find(places, 3, "plugins", file_is_folder, out, size, err);
}

static corbel_status find_demo(const char *what, bool (*is_it)(const char *path), char *out,
                               size_t size, corbel_error *err)
{
    static const char *const places[] = {"../../demo", "../share/corbel/demo",
                                         "../../share/corbel/demo"};
    return find(places, 3, what, is_it, out, size, err);
}

corbel_status resource_demo(const char *name, char *out, size_t size, corbel_error *err)
{
    return find_demo(name, file_is_folder, out, size, err);
}

corbel_status resource_demo_file(const char *name, char *out, size_t size, corbel_error *err)
{
    return find_demo(name, file_exists, out, size, err);
}

corbel_status resource_plugin_host(char *out, size_t size, corbel_error *err)
{
    static const char *const places[] = {"../bin", "../libexec/corbel", "../../libexec/corbel"};
    return find(places, 3, "corbel-plugin-host", is_program, out, size, err);
}

corbel_status resource_template(char *out, size_t size, corbel_error *err)
{
    static const char *const places[] = {"../share/corbel", "../../share/corbel"};
    return find(places, 2, "template", file_is_folder, out, size, err);
}

corbel_status resource_sdk(char *out, size_t size, corbel_error *err)
{
    static const char *const places[] = {"cmake"};
    return find(places, 1, "CorbelSDK", file_is_folder, out, size, err);
}
