/* plugin/build.h: the host's side of a build handle: what a plugin's calls do.
 *
 * One struct build serves one call into the plugin: of a constructor, which declares parameters, or
 * of a forward, which emits a program. The first failure is kept and everything after it ignored.
 */
#ifndef PLUGIN_BUILD_H
#define PLUGIN_BUILD_H

#include "base/arena.h"
#include "base/text.h"
#include "plugin/descriptor.h"
#include "plugin/params.h"

enum {
    BUILD_MAX_DEPTH = 64, /* of modules */
    BUILD_MAX_DECOMPOSITIONS = 8
};
#define BUILD_MAX_MEMORY ((size_t)256 << 20) /* that a plugin may allocate */

struct build {
    corbel_build base; /* what the plugin sees; first */
    const struct descriptor *plugin;
    const char *arch;
    struct arena *arena; /* for corbel_alloc */
    struct arena *names; /* lives as long as params */
    struct param_list *params;
    struct text module;            /* "model.layers.3" */
    struct text older;             /* the same in older checkpoints */
    size_t outer[BUILD_MAX_DEPTH]; /* lengths to which corbel_leave returns */
    size_t outer_older[BUILD_MAX_DEPTH];
    uint32_t depth, decompositions;
    const char *launching; /* the kernel whose launch runs, which may only read shapes */
    const struct trace_options *options; /* NULL: a constructor runs */
    struct program *program;             /* NULL: a constructor runs */
    corbel_status status;
    corbel_error error;
};

/* A build of `arch`. The rest of the fields is the caller's to fill in. */
void build_init(struct build *b, const struct descriptor *plugin, const char *arch);
void build_finish(struct build *b);

/* Records a failure, if it is the first, with class and module path in front. */
void build_fail(struct build *b, corbel_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* After the plugin has returned: its modules are closed again. The first failure, if any. */
corbel_status build_result(struct build *b, corbel_error *err);

/* The functions for forward (build_forward.c). */
corbel_value build_input(corbel_build *base, const char *name);
corbel_value build_state(corbel_build *base, const corbel_param *p);
corbel_value build_constant(corbel_build *base, const corbel_param *p, const void *data);
corbel_value build_emit(corbel_build *base, const corbel_op *op);
void build_output(corbel_build *base, const char *name, int64_t index, corbel_value v);
int64_t build_option(corbel_build *base, const char *name, int64_t fallback);

/* For build_forward.c: whether to go on; a name is 1 to 128 of [A-Za-z0-9_.:-]. */
bool build_in_forward(struct build *b, const char *what);
bool build_check_name(struct build *b, const char *what, const char *name);
/* Their corbel_param as ours, with a checked shape in *shape and its product in *count. */
bool build_read_param(struct build *b, const char *what, const corbel_param *theirs,
                      corbel_param *ours, int64_t shape[PROGRAM_MAX_RANK], int64_t *count);

#endif
