/* plugin/plugin.h: from the name of an architecture to parameters and programs.
 *
 * A registry knows the bundles that this runtime may load and the architectures that they serve,
 * from their manifests, without mapping any code. Loading one goes through trust/ and elf.c, is
 * sealed in memory, and ends at a checked descriptor. What a plugin makes is data: a list of
 * parameters, and programs. Nothing above this header knows whether the code ran in this process
 * or elsewhere. */
#ifndef PLUGIN_PLUGIN_H
#define PLUGIN_PLUGIN_H

#include "config/config.h"
#include "corbel/plugin.h"
#include "program/program.h"

struct bundle;    /* trust/bundle.h */
struct trust_key; /* trust/keyring.h */
struct plugin_registry;
struct plugin;       /* one loaded bundle; lives as long as the process */
struct plugin_model; /* one constructed model: parameters, and what forward needs */

/* Where plugins run: in this process, or each model's in a process of its own that can do nothing
 * but answer (docs/isolation.md). */
enum plugin_isolation {
    PLUGIN_ISOLATION_AUTO,   /* what this build signed here, others in processes of their own */
    PLUGIN_ISOLATION_ALWAYS, /* all in processes of their own */
    PLUGIN_ISOLATION_NEVER   /* all here: a plugin then can do whatever this process can */
};

/* What the manifests say; strings live as long as the registry. */
struct plugin_arch_info {
    const char *name, *model_type, *task; /* of the class */
    const char *plugin, *version, *pin;   /* "corbel/llama", "1.0.0", 64 hex digits */
    const char *signer;                   /* "this build", or a key's id */
    const char *bundle;                   /* its folder */
    bool is_built_in;                     /* signed by this build's own key */
};

/* `folder` holds one bundle a sub-folder. A bundle with a bad manifest is an error: built-in
 * bundles are ours. */
corbel_status plugin_registry_create(const char *folder, struct plugin_registry **registry,
                                     corbel_error *err);
void plugin_registry_destroy(struct plugin_registry **registry);
/* For models that are created from now on; AUTO until it is called. */
void plugin_registry_isolate(struct plugin_registry *registry, enum plugin_isolation isolation);
/* Adds a third party's bundle, which the caller has opened under its policy, and takes it in any
 * case; its signer must outlive the registry. Preferred: it was named, and so wins over others for
 * the same architecture. Before any lookup: infos do not survive it. */
corbel_status plugin_registry_add(struct plugin_registry *registry, struct bundle *bundle,
                                  bool is_preferred, corbel_error *err);
/* The public half of the key that signed this build's plugins. */
corbel_status plugin_build_key(struct trust_key *key, corbel_error *err);
size_t plugin_registry_count(const struct plugin_registry *registry);
const struct plugin_arch_info *plugin_registry_at(const struct plugin_registry *registry, size_t i);
/* By class name; NULL: none serves it, or several do (plugin_registry_ambiguous). */
const struct plugin_arch_info *plugin_registry_find(const struct plugin_registry *registry,
                                                    const char *arch);
/* CORBEL_E_UNTRUSTED if several plugins serve it and none of them was named; CORBEL_OK otherwise.
 */
corbel_status plugin_registry_ambiguous(const struct plugin_registry *registry, const char *arch,
                                        corbel_error *err);
const struct bundle *plugin_registry_bundle(const struct plugin_registry *registry,
                                            const struct plugin_arch_info *info);

/* Verifies, seals, loads (once) and constructs `arch` with values from config.json. An isolated
 * plugin that breaks off, hangs or lies is CORBEL_E_UNTRUSTED, here and in plugin_model_trace. */
corbel_status plugin_model_create(struct plugin_registry *registry, const char *arch,
                                  const struct config *config, struct plugin_model **model,
                                  corbel_error *err);
void plugin_model_destroy(struct plugin_model **model);
/* The first half of that: loads without constructing. Good for plugin_model_class alone. */
corbel_status plugin_model_open(struct plugin_registry *registry, const char *arch,
                                struct plugin_model **model, corbel_error *err);
/* What the plugin says of the class: fields, task. Its functions are not for callers. */
const corbel_arch *plugin_model_class(const struct plugin_model *model);

/* How a new one is filled: init, init_value and init_zero_row of corbel_param. */
struct plugin_param_init {
    int32_t kind; /* CORBEL_INIT_... */
    double value;
    int64_t zero_row;
};
/* A flag beside CORBEL_PARAM_...: `older` differs in the path of its module, and so is the layout
 * of checkpoints; else it is but an alias. */
#define PLUGIN_PARAM_MOVED (1u << 16)

/* The skeleton: parameters without data, in the order in which they were declared. */
struct plugin_param {
    const char *name;     /* as in the checkpoint: "model.layers.0.self_attn.q_proj.weight" */
    const char *older;    /* as in older checkpoints; NULL: it has always had that name */
    uint32_t rank, flags; /* CORBEL_PARAM_..., PLUGIN_PARAM_MOVED */
    int64_t shape[PROGRAM_MAX_RANK];
    struct plugin_param_init init;
};
uint32_t plugin_model_param_count(const struct plugin_model *model);
const struct plugin_param *plugin_model_param(const struct plugin_model *model, uint32_t i);
const char *plugin_model_prefix(const struct plugin_model *model); /* base_model_prefix */
/* Whether its plugin runs in a process of its own. */
bool plugin_model_isolated(const struct plugin_model *model);
/* A shader of the model's plugin; NULL: none of that name. Its code may be anything so far;
 * `decompose` is not for callers. */
const corbel_kernel *plugin_model_kernel(const struct plugin_model *model, const char *name);

struct trace_input {
    const char *name;
    int32_t dtype; /* CORBEL_I32 or CORBEL_F32 */
    uint32_t rank;
    int64_t shape[PROGRAM_MAX_RANK];
};
struct trace_option {
    const char *name;
    int64_t value;
};
struct trace_options {
    const struct trace_input *inputs; /* what forward may ask for; asking for another fails */
    uint32_t n_inputs;
    const struct trace_option *options;
    uint32_t n_options;
    int64_t capacity;            /* of the key/value caches, tokens */
    bool hidden_states;          /* keep outputs named hidden_states.* */
    const int32_t *param_dtypes; /* [param_count], F32/F16/BF16; NULL: all F32 */
};
/* Runs forward. *program is initialised here (program_finish it in either case); it is verified and
 * pruned, its weights' names are the parameters'. */
corbel_status plugin_model_trace(struct plugin_model *model, const struct trace_options *options,
                                 struct program *program, corbel_error *err);

#endif
