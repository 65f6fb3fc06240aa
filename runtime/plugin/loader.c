/* loader.c: see loader.h. */
#include "plugin/loader.h"

#include "base/error.h"
#include "plugin/map.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

struct plugin {
    struct plugin *next;
    char sha256[DIGEST_HEX_SIZE];
    struct descriptor descriptor;
    int fd; /* kept open: dlopen knows a library by this path */
};

/* All that this process has mapped. */
static struct plugin *loaded;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- the sealed memory file ----------------------------------------------------------------- */

static int memory_file(void)
{
    int fd = memfd_create("corbel-plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

    if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
        fd = memfd_create("corbel-plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd;
}

static bool write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        size -= (size_t)n;
    }
    return true;
}

static corbel_status hash_again(int fd, const struct library *library, corbel_error *err)
{
    void *data = mmap(NULL, library->size, PROT_READ, MAP_PRIVATE, fd, 0);
    char sha256[DIGEST_HEX_SIZE];

    if (data == MAP_FAILED)
        return error_set(err, CORBEL_E_IO, "%s: mmap: %s", library->name, strerror(errno));
    digest_sha256_hex(data, library->size, sha256);
    munmap(data, library->size);
    if (strcmp(sha256, library->sha256) != 0)
        return error_set(err, CORBEL_E_UNTRUSTED, "%s: its sealed copy has another sha256",
                         library->name);
    return CORBEL_OK;
}

/* *fd holds the bytes and can't be changed any more, by anybody. */
static corbel_status seal(const struct library *library, int *fd, corbel_error *err)
{
    corbel_status status;

    *fd = memory_file();
    if (*fd < 0 || !write_all(*fd, library->data, library->size) ||
        fcntl(*fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
        status = error_set(err, CORBEL_E_IO, "%s: a sealed memory file can't be made: %s",
                           library->name, strerror(errno));
    else
        status = hash_again(*fd, library, err);
    if (status && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    return status;
}

/* ---- mapping -------------------------------------------------------------------------------- */

static corbel_status check_target(const struct library *library, const struct elf_facts *facts,
                                  corbel_error *err)
{
    const struct manifest_target *t = library->target;
    bool same;

    if (!t)
        return CORBEL_OK;
    same = t->needed.n == facts->n_needed && t->imports.n == facts->n_imports;
    for (size_t i = 0; same && i < facts->n_needed; i++)
        same = strcmp(t->needed.items[i], facts->needed[i]) == 0;
    for (size_t i = 0; same && i < facts->n_imports; i++)
        same = strcmp(t->imports.items[i], facts->imports[i]) == 0;
    if (!same)
        return error_set(err, CORBEL_E_UNTRUSTED,
                         "%s: needs or imports something else than the manifest says",
                         library->name);
    return CORBEL_OK;
}

/* What has been mapped stays mapped, and p->fd open, also when the descriptor is refused: dlopen
 * would take another file that gets the same path for this library. */
static corbel_status seal_and_map(struct plugin *p, const struct library *library,
                                  const struct elf_facts *facts, corbel_error *err)
{
    corbel_status status = seal(library, &p->fd, err);
    char path[64];
    void *handle;

    if (status)
        return status;
    /* With /proc/self a debugger would open its own descriptor. */
    snprintf(path, sizeof path, "/proc/%ld/fd/%d", (long)getpid(), p->fd);
    status = map_library(library->name, path, facts, &handle, &p->descriptor, err);
    if (!handle)
        close(p->fd);
    return status;
}

static struct plugin *find_loaded(const char *sha256)
{
    struct plugin *p = loaded;

    while (p && strcmp(p->sha256, sha256) != 0)
        p = p->next;
    return p;
}

static corbel_status load_locked(const struct library *library, const struct elf_facts *facts,
                                 const struct plugin **plugin, corbel_error *err)
{
    struct plugin *p = find_loaded(library->sha256);
    corbel_status status;

    if (!p) {
        p = calloc(1, sizeof(*p));
        if (!p)
            return error_memory(err, sizeof(*p), library->name);
        status = seal_and_map(p, library, facts, err);
        if (status) {
            free(p);
            return status;
        }
        memcpy(p->sha256, library->sha256, sizeof p->sha256);
        p->next = loaded;
        loaded = p;
    }
    *plugin = p;
    return CORBEL_OK;
}

static enum elf_rules rules_of(const struct library *library)
{
    return library->target && library->target->needs_isolation ? ELF_RELAXED : library->rules;
}

/* Hash, ELF rules, and what the manifest says of the target. */
static corbel_status check_library(const struct library *library, struct elf_facts *facts,
                                   corbel_error *err)
{
    char sha256[DIGEST_HEX_SIZE];
    corbel_status status;

    digest_sha256_hex(library->data, library->size, sha256);
    if (strcmp(sha256, library->sha256) != 0)
        return error_set(err, CORBEL_E_UNTRUSTED, "%s: sha256 %s, expected %s", library->name,
                         sha256, library->sha256);
    status = elf_check(library->data, library->size, library->name, rules_of(library), facts, err);
    return status ? status : check_target(library, facts, err);
}

/* ---- outside -------------------------------------------------------------------------------- */

corbel_status plugin_seal(const struct library *library, int *fd, corbel_error *err)
{
    struct elf_facts facts;
    corbel_status status = check_library(library, &facts, err);

    *fd = -1;
    return status ? status : seal(library, fd, err);
}

corbel_status plugin_load(const struct library *library, const struct plugin **plugin,
                          corbel_error *err)
{
    const struct plugin *p = NULL;
    struct elf_facts facts;
    corbel_status status = check_library(library, &facts, err);

    *plugin = NULL;
    if (status)
        return status;
    /* Without a manifest it is the builder who looks at what he has just made. */
    if (library->manifest && rules_of(library) == ELF_RELAXED)
        return error_set(err, CORBEL_E_UNTRUSTED,
                         "%s: its manifest says that it needs isolation: it is never loaded into "
                         "this process",
                         library->name);
    pthread_mutex_lock(&lock);
    status = load_locked(library, &facts, &p, err);
    pthread_mutex_unlock(&lock);
    if (!status && library->manifest)
        status = descriptor_equals_manifest(&p->descriptor, library->manifest, err);
    if (status)
        return p ? error_prefix(err, status, "%s", library->name) : status;
    *plugin = p;
    return CORBEL_OK;
}

const struct descriptor *plugin_descriptor(const struct plugin *plugin)
{
    return &plugin->descriptor;
}
