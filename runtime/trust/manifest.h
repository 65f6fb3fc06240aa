/* trust/manifest.h: corbel-plugin.json: what a bundle says of itself, and its canonical form.
 *
 * One meaning has one text: keys sorted, one space of indentation, "\n" at the end, as Python's
 * json.dumps(x, sort_keys=True, indent=1, ensure_ascii=False) + "\n". No floats, no nulls; an
 * unknown key is refused unless it begins with "x-". The sha256 of the text is the bundle's pin. */
#ifndef TRUST_MANIFEST_H
#define TRUST_MANIFEST_H

#include "base/arena.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/text.h"
#include "corbel/corbel.h"
#include "trust/strings.h"

#define MANIFEST_SCHEMA         "corbel.plugin/1"
#define MANIFEST_NAME           "corbel-plugin.json"
#define MANIFEST_SIGNATURE_NAME MANIFEST_NAME ".minisig"
enum { MANIFEST_MAX_SIZE = 1 << 20, MANIFEST_MAX_ITEMS = 4096 };

struct manifest_arch {
    const char *name, *model_type, *task;
};
struct manifest_target {
    const char *tag;                /* "x86_64-linux-gnu" */
    const char *library;            /* one of files */
    struct strings needed, imports; /* sorted */
    bool needs_isolation;           /* it runs code while it is loaded, or has variables: the
                                       relaxed rules of plugin/elf.h, and never in this process */
};
struct manifest_file {
    const char *path;
    uint64_t size;
    char sha256[DIGEST_HEX_SIZE];
};
struct manifest_shader {
    const char *name, *entry;
    int64_t bindings, push_size;
    struct strings capabilities;
};

/* All strings live in the arena. */
struct manifest {
    struct arena arena;
    char pin[DIGEST_HEX_SIZE];
    const char *name, *version, *license; /* "corbel/llama", "1.0.0", "Apache-2.0" */
    int64_t release;                      /* counts up */
    int64_t abi_major, abi_minor;         /* needed */
    struct manifest_arch *archs;
    struct manifest_target *targets;
    struct manifest_file *files; /* sorted by path; all but manifest and signature */
    struct manifest_shader *shaders;
    size_t n_archs, n_targets, n_files, n_shaders;
    const char *vulkan_api; /* "1.1" */
    struct strings vulkan_features;
    const char *repo, *commit, *builder;
    bool dirty;
};

/* `name` is the file, for messages. On failure *m is finished. */
corbel_status manifest_read(struct manifest *m, const char *data, size_t size, const char *name,
                            corbel_error *err);
void manifest_finish(struct manifest *m);

/* Appends the canonical text. */
void manifest_write(const struct manifest *m, struct text *out);
/* Appends what the signature's trusted comment says: name, release and pin. */
void manifest_comment(const struct manifest *m, struct text *out);

const struct manifest_target *manifest_target(const struct manifest *m, const char *tag);
const struct manifest_file *manifest_file(const struct manifest *m, const char *path);

/* The tag of this build of the runtime. */
const char *manifest_native_tag(void);

/* A relative path of names of [A-Za-z0-9._+-], none of them "." or "..". */
bool manifest_path_ok(const char *path);

#endif
