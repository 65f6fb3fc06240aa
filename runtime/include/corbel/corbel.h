/* corbel/corbel.h: load a Hugging Face model by name and run it.
 *
 * Strings are UTF-8. Sizes are bytes unless a name says otherwise; shapes are outermost first.
 * A pointer passed in is read during the call only; one returned belongs to where it came from
 * and lives as long as that. What can fail returns a corbel_status and puts one line of text into
 * `err` if that is not NULL. Params structs are set up with their CORBEL_..._PARAMS macro; every
 * field left 0 is a sound default, and NULL in place of a params struct means all of them.
 * `destroy` functions take a pointer to the handle and clear it; a NULL handle is fine.
 *
 * Threads: one thread at a time uses a corbel_runtime and what came from it; different runtimes
 * may be used at the same time. A tokenizer may be used by several threads at once. */
#ifndef CORBEL_CORBEL_H
#define CORBEL_CORBEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "corbel/dtype.h"

#if defined(__GNUC__)
#define CORBEL_API __attribute__((visibility("default")))
#else
#define CORBEL_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- status, error, log --------------------------------------------------------------------- */

typedef enum corbel_status {
    CORBEL_OK = 0,
    CORBEL_E_ARGUMENT, /* a call or a command line that makes no sense */
    CORBEL_E_MEMORY,   /* out of memory */
    CORBEL_E_IO,       /* a file could not be read or written */
    CORBEL_E_FORMAT,   /* a file does not hold what its format demands */
    CORBEL_E_CONFIG,   /* config.json and what an architecture expects of it disagree */
    CORBEL_E_ABI,      /* a plugin that this runtime can't talk to */
    CORBEL_E_PROGRAM,  /* a program that the verifier refuses, or a plugin that failed to build one
                        */
    CORBEL_E_UNSUPPORTED, /* sound, but not something that this runtime does */
    CORBEL_E_UNTRUSTED,   /* refused: untrusted, revoked, tampered with, not what the lock says */
    CORBEL_E_NOT_FOUND,   /* no such file, model, revision; or not in the cache while offline */
    CORBEL_E_NETWORK,     /* the network or the hub failed; trying again may help */
    CORBEL_E_DEVICE,      /* a device failed, or has no memory left */
    CORBEL_E_CANCELLED,   /* a callback asked to stop */
    CORBEL_E_INTERNAL     /* a defect of Corbel; please report it */
} corbel_status;

/* Filled by what fails; a caller's own. Zero it, or not: `text` is only read after a failure. */
typedef struct corbel_error {
    corbel_status status;
    char text[1020]; /* one line, no newline at its end */
} corbel_error;

/* "CORBEL_E_FORMAT" and so on. */
CORBEL_API const char *corbel_status_name(corbel_status status);

typedef enum corbel_log_level {
    CORBEL_LOG_ERROR, /* it did not happen */
    CORBEL_LOG_WARN,  /* it happened, differently from what you asked */
    CORBEL_LOG_INFO,  /* once a load */
    CORBEL_LOG_DEBUG, /* once a step */
    CORBEL_LOG_TRACE
} corbel_log_level;

typedef void (*corbel_log_callback)(void *user, corbel_log_level level, const char *line);

/* Process-wide; call it before anything else. Without it warnings and errors go nowhere. Lines
 * above `level` are not made at all. */
CORBEL_API void corbel_set_log(corbel_log_callback callback, void *user, corbel_log_level level);

/* "0.1.0" */
CORBEL_API const char *corbel_version(void);

/* ---- runtime: where plugins and devices come from -------------------------------------------- */

typedef struct corbel_runtime corbel_runtime;

/* Where the code of plugins runs: in this process, or in one of its own for each model, which can
 * do nothing but answer (docs/isolation.md). Results are the same. */
enum {
    CORBEL_ISOLATION_AUTO = 0,   /* what this build signed in this process, all others isolated */
    CORBEL_ISOLATION_ALWAYS = 1, /* all isolated */
    CORBEL_ISOLATION_NEVER = 2   /* all in this process: a plugin can do whatever it can */
};

typedef struct corbel_runtime_params {
    uint32_t struct_size;
    uint32_t threads;        /* CPU threads; 0: one a core that this process may use */
    const char *plugin_path; /* folder of built-in bundles; NULL: the installed or built one */
    uint32_t no_pin;         /* 1: do not pin threads to cores */
    uint32_t validation;     /* 1: Vulkan validation layers; their findings are errors */
    const char *const
        *plugins; /* third parties' that win over others for an architecture:
                     NAME@sha256:PIN or PIN of an installed one, or a bundle's folder */
    uint32_t n_plugins;
    uint32_t isolation;           /* CORBEL_ISOLATION_...: where plugins run */
    const char *dev;              /* folder of one's own unsigned plugin; it runs isolated */
    const char *lock;             /* a corbel.lock: all that it does not name is refused */
    uint32_t offline;             /* 1: nothing is fetched, whatever the load asks for */
    uint32_t trust_remote_plugin; /* 1: a plugin that a model suggests is fetched and used, if it
                                     may run: if a key that you trust for it has signed it */
} corbel_runtime_params;
#define CORBEL_RUNTIME_PARAMS(...)                                \
    (corbel_runtime_params)                                       \
    {                                                             \
        .struct_size = sizeof(corbel_runtime_params), __VA_ARGS__ \
    }

/* The caller destroys *runtime after all that came from it. */
CORBEL_API corbel_status corbel_runtime_create(const corbel_runtime_params *params,
                                               corbel_runtime **runtime, corbel_error *err);
CORBEL_API void corbel_runtime_destroy(corbel_runtime **runtime);

/* What can run here, as JSON: [{"name": "cpu", "description": ..., "memory_bytes": ...,
 * "features": [...]}, {"name": "vulkan:0", ...}]. *json is freed with corbel_free. */
CORBEL_API corbel_status corbel_devices_json(corbel_runtime *runtime, char **json,
                                             corbel_error *err);

/* How many CPU threads the runtime uses. */
CORBEL_API uint32_t corbel_runtime_threads(const corbel_runtime *runtime);

/* Measures, in a second or less, what `device` ("cpu", "vulkan:0") can do at most with all the
 * runtime's threads: bytes read from memory a second, and floating-point operations a second in
 * products of `dtype` (CORBEL_DTYPE_NONE: float32). What a benchmark's figures are held against. */
CORBEL_API corbel_status corbel_measure_limits(corbel_runtime *runtime, const char *device,
                                               int32_t dtype, double *read_bytes_per_s,
                                               double *flops_per_s, corbel_error *err);

/* Frees what a function said is freed with it. NULL is fine. */
CORBEL_API void corbel_free(void *memory);

/* ---- tensors --------------------------------------------------------------------------------- */

#define CORBEL_MAX_RANK 8

/* A named array in C order, in host memory. */
typedef struct corbel_tensor {
    const char *name;
    int32_t dtype; /* CORBEL_F32, CORBEL_I64, ... */
    uint32_t rank;
    int64_t shape[CORBEL_MAX_RANK];
    const void *data;
} corbel_tensor;

/* A list of tensors that owns its memory. */
typedef struct corbel_tensors corbel_tensors;
CORBEL_API size_t corbel_tensors_count(const corbel_tensors *tensors);
CORBEL_API const corbel_tensor *corbel_tensors_at(const corbel_tensors *tensors, size_t i);
/* NULL if there is none of that name. */
CORBEL_API const corbel_tensor *corbel_tensors_find(const corbel_tensors *tensors,
                                                    const char *name);
CORBEL_API void corbel_tensors_destroy(corbel_tensors **tensors);

/* Reads and writes a safetensors file (checked as a checkpoint is). */
CORBEL_API corbel_status corbel_tensors_load(const char *path, corbel_tensors **tensors,
                                             corbel_error *err);
CORBEL_API corbel_status corbel_tensors_save(const char *path, const corbel_tensor *tensors,
                                             size_t n_tensors, corbel_error *err);

/* ---- the hub --------------------------------------------------------------------------------- */

/* A name of a model is "org/name" or "name", either with "@revision" (a branch, a tag, a commit or
 * its first 7 or more digits), a folder with a config.json, or "demo/NAME". Models of the hub are
 * kept in Hugging Face's own cache; HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE
 * mean what they mean to huggingface_hub. */

/* How far one file has come, and all of them. */
typedef struct corbel_progress {
    uint32_t struct_size;
    uint32_t file, n_files; /* file: 0 to n_files - 1, of those that had to be fetched */
    uint32_t finished;      /* 1: this file is complete */
    const char *path;       /* in the repo */
    uint64_t file_bytes, file_size;
    uint64_t bytes, size; /* of all n_files */
    uint64_t kept;        /* of `bytes`, what earlier downloads had left: not fetched now */
} corbel_progress;

/* Return 0 to go on, anything else to stop (CORBEL_E_CANCELLED; what has come is kept). */
typedef int (*corbel_progress_callback)(void *user, const corbel_progress *progress);

#define CORBEL_PULL_CONFIG    1u
#define CORBEL_PULL_TOKENIZER 2u
#define CORBEL_PULL_WEIGHTS   4u

typedef struct corbel_pull_params {
    uint32_t struct_size;
    uint32_t offline;           /* 1: only what the cache has; no socket is opened */
    const char *revision;       /* NULL: what the name says, else "main" */
    uint32_t parts;             /* CORBEL_PULL_... or-ed; 0: all that a model needs */
    uint32_t connections;       /* files at a time; 0: 4 */
    const char *const *include; /* globs over the repo's files, in place of `parts` */
    const char *const *exclude;
    uint32_t n_include, n_exclude;
    uint32_t verify; /* 1: digest also what is in the cache already */
    uint32_t reserved;
    corbel_progress_callback on_progress;
    void *user;
} corbel_pull_params;
#define CORBEL_PULL_PARAMS(...)                                \
    (corbel_pull_params)                                       \
    {                                                          \
        .struct_size = sizeof(corbel_pull_params), __VA_ARGS__ \
    }

/* Where a model is. All text is empty and all counts 0 where there is nothing to say. */
typedef struct corbel_pulled {
    char folder[4096];           /* give it to corbel_model_load and corbel_tokenizer_load */
    char repo[200];              /* "" of a folder, or of demo/NAME */
    char revision[256];          /* as asked for */
    char commit[48];             /* the 40 digits of what that is */
    uint64_t n_files, size;      /* of the files that were asked for */
    uint64_t n_fetched, fetched; /* files and bytes that came over the network */
} corbel_pulled;

/* Sees to it that the files of `name` are here. CORBEL_E_NOT_FOUND: no such model, revision, file,
 * or not in the cache while offline. CORBEL_E_NETWORK: trying again may help; what came is kept.
 * CORBEL_E_UNTRUSTED: the hub sent other than it promised. */
CORBEL_API corbel_status corbel_pull(const char *name, const corbel_pull_params *params,
                                     corbel_pulled *pulled, corbel_error *err);

/* ---- models ---------------------------------------------------------------------------------- */

typedef struct corbel_model corbel_model;

typedef struct corbel_load_params {
    uint32_t struct_size;
    int32_t dtype; /* CORBEL_DTYPE_NONE: "auto", as stored; or F32, F16, BF16; another one is
                      warned of and falls back to F32 */
    const char *device_map;         /* see below; NULL: "auto" */
    const char *task;               /* chooses the class for a task; NULL: config.architectures */
    const char *const *class_names; /* tried in this order before config.architectures */
    uint32_t n_class_names;
    uint32_t skip_weights; /* 1: skeleton only, for corbel_model_info and programs */
    uint64_t seed;         /* for parameters that the checkpoint lacks (a new head) */
    const char *revision;  /* of a model of the hub; NULL: what the name says, else "main" */
    corbel_progress_callback on_progress; /* while its files are fetched */
    void *user;
    uint32_t offline;                 /* 1: only what the cache has */
    uint32_t ignore_mismatched_sizes; /* 1: a parameter of another shape is made anew from `seed` */
    const char *max_memory;           /* see below; NULL: what there is, less a tenth */
    corbel_model *instance;           /* a model that is loaded already: it is used as it is */
} corbel_load_params;
#define CORBEL_LOAD_PARAMS(...)                                \
    (corbel_load_params)                                       \
    {                                                          \
        .struct_size = sizeof(corbel_load_params), __VA_ARGS__ \
    }

/* device_map says where the weights lie, and with them what is computed from them:
 *   "cpu", "vulkan:0"   all there
 *   "disk"              nowhere: they are read from the mapped file for each use, a layer at a
 * time, and given back; the CPU computes, or the first GPU that the map names
 *   {"model.layers.0": "vulkan:0", "model.layers": "cpu", "": "disk"}
 *                       JSON; the longest prefix of a parameter's module path wins, "" is the
 *                       default, every parameter must be covered, every prefix must exist
 *   "auto"              GPUs first, then the CPU, then the disk; each is filled before the next. No
 *                       module of a list (model.layers.3) is split. If not all fits the first, that
 *                       one keeps room for the largest module. A Vulkan device that is the CPU in
 *                       disguise (lavapipe) is used only if max_memory names it.
 * Values cross from device to device through host memory. max_memory is JSON too, {"vulkan:0":
 * "6GiB", "cpu": 12000000000}: bytes of weights, where GB is 10^9 and GiB 2^30. It names the GPUs
 * that "auto" may use, and how much of what is on the disk may be resident at once. The file must
 * not be changed while the model is in use: if it was cut short, calls fail with CORBEL_E_IO, but
 * what is cut off in the middle of a call ends the process with SIGBUS.
 *
 * Loads `name` (see corbel_pull, which it calls). Weights of the dtype asked for
 * are mapped, not copied. The caller destroys *model; on failure it is NULL.
 * What the checkpoint lacks, has beside, or has in another shape is warned of, a name a line: a
 * parameter of the base model that is missing, or one of another shape, is CORBEL_E_FORMAT; a
 * missing head is made anew.
 * With an instance, `name` and the other params are not looked at: *model is that model once
 * more, for callers that take either; it ends when each of its handles has been destroyed.
 * CORBEL_E_UNTRUSTED: the plugin for config.architectures may not run; the text says why.
 * CORBEL_E_NOT_FOUND: no such model. CORBEL_E_CONFIG, CORBEL_E_FORMAT: its files are bad. */
CORBEL_API corbel_status corbel_model_load(corbel_runtime *runtime, const char *name,
                                           const corbel_load_params *params, corbel_model **model,
                                           corbel_error *err);
CORBEL_API void corbel_model_destroy(corbel_model **model);

/* Architecture, class and why, plugin with version, pin, signer and verdict, parameters, bytes
 * per dtype, device map, as a JSON object. Freed with corbel_free. Among its keys are "dtype" (what
 * the weights are in, "bfloat16"), "weights_bytes", "device" (where the model runs, or most of it:
 * "cpu"), "device_map" (what a device_map that says the same looks like), "placement" (module,
 * device, bytes and why), "memory" (bytes and limit by place). Of a skeleton they are what a load
 * with these params would do. */
CORBEL_API corbel_status corbel_model_info_json(corbel_model *model, char **json,
                                                corbel_error *err);

/* The value of a top-level integer of config.json ("vocab_size"), or `fallback`. */
CORBEL_API int64_t corbel_model_config_int(const corbel_model *model, const char *key,
                                           int64_t fallback);
/* "text-generation", ...: the task of the class that was loaded; "" if it has none. */
CORBEL_API const char *corbel_model_task(const corbel_model *model);
CORBEL_API const char *corbel_model_folder(const corbel_model *model);

/* ---- saving and making models ---------------------------------------------------------------- */

typedef struct corbel_save_params {
    uint32_t struct_size;
    int32_t dtype; /* CORBEL_DTYPE_NONE: what the model was loaded in; or F64, F32, F16, BF16 */
    uint64_t max_shard_size; /* bytes of tensors in a file of weights; 0: 50 GB, as transformers */
    corbel_progress_callback on_progress; /* while weights are written */
    void *user;
} corbel_save_params;
#define CORBEL_SAVE_PARAMS(...)                                \
    (corbel_save_params)                                       \
    {                                                          \
        .struct_size = sizeof(corbel_save_params), __VA_ARGS__ \
    }

/* What was written. */
typedef struct corbel_saved {
    uint32_t n_files; /* of weights; more than 1: with an index */
    int32_t dtype;    /* of most of them, which config.json says */
    uint64_t total_size, total_parameters;
} corbel_saved;

/* Writes the model into the folder `dir` as transformers' save_pretrained does, so that both load
 * it: model.safetensors, or model-00001-of-0000N.safetensors and their index, with tied weights
 * once; config.json; and what lies beside the model's weights (generation_config.json, the files of
 * tokenizer and processor). A skeleton (skip_weights) can be saved as well, if its folder has
 * weights: they are not loaded for it. Takes a few MiB of memory, whatever the model's size.
 * `dir` is made if it is not there; weights that it has are replaced, other files stay. Files
 * appear when all of them are complete: a save that fails or is killed changes nothing.
 * saved: may be NULL. CORBEL_E_IO: the disk is full, the folder can't be written;
 * CORBEL_E_CANCELLED: on_progress said so. */
CORBEL_API corbel_status corbel_model_save(corbel_model *model, const char *dir,
                                           const corbel_save_params *params, corbel_saved *saved,
                                           corbel_error *err);

typedef struct corbel_init_params {
    uint32_t struct_size;
    int32_t dtype;                  /* CORBEL_DTYPE_NONE: config.json's, else float32 */
    const char *task;               /* chooses the class for a task */
    const char *const *class_names; /* tried in this order before config.architectures */
    uint32_t n_class_names;
    uint32_t offline;        /* 1: only what the cache has */
    uint64_t seed;           /* the same seed gives the same weights, on any machine */
    uint64_t max_shard_size; /* as in corbel_save_params */
    const char *revision;    /* of a model of the hub; NULL: what the name says, else "main" */
    corbel_progress_callback on_progress; /* while files are fetched, then while weights are made */
    void *user;
} corbel_init_params;
#define CORBEL_INIT_PARAMS(...)                                \
    (corbel_init_params)                                       \
    {                                                          \
        .struct_size = sizeof(corbel_init_params), __VA_ARGS__ \
    }

/* Makes a model with new weights and saves it as corbel_model_save does: transformers' from_config.
 * `config` is a file of config.json's form, or the name of a model (see corbel_pull), of which
 * config and tokenizer are used. Weights are drawn as transformers initialises the class. */
CORBEL_API corbel_status corbel_model_init(corbel_runtime *runtime, const char *config,
                                           const char *dir, const corbel_init_params *params,
                                           corbel_saved *saved, corbel_error *err);

typedef struct corbel_forward_params {
    uint32_t struct_size;
    uint32_t hidden_states;   /* 1: also hidden_states.0 ... */
    const char *options_json; /* an object of arguments that are no tensors; NULL: none */
} corbel_forward_params;
#define CORBEL_FORWARD_PARAMS(...)                                \
    (corbel_forward_params)                                       \
    {                                                             \
        .struct_size = sizeof(corbel_forward_params), __VA_ARGS__ \
    }

/* One forward pass. Inputs have transformers' names: input_ids [batch, sequence] I64 or I32,
 * attention_mask [batch, sequence] (1: a token, 0: padding; absent: no padding), position_ids
 * [batch, sequence] (absent: 0, 1, 2, ...), pixel_values. Outputs have transformers' names and are
 * F32. What stands where attention_mask is 0 means nothing. */
CORBEL_API corbel_status corbel_model_forward(corbel_model *model, const corbel_tensor *inputs,
                                              size_t n_inputs, const corbel_forward_params *params,
                                              corbel_tensors **outputs, corbel_error *err);

/* ---- generation ------------------------------------------------------------------------------ */

/* Called with each new token of each unfinished row; return 0 to go on, anything else to stop all
 * (corbel_generate then returns CORBEL_OK with what there is). */
typedef int (*corbel_token_callback)(void *user, size_t row, int32_t token);

/* A field that is 0 or NULL takes its value from generation_config.json, then config.json, then
 * transformers' default. */
typedef struct corbel_generate_params {
    uint32_t struct_size;
    uint32_t max_new_tokens; /* 0: generation_config's max_new_tokens or max_length, else 20 */
    uint32_t min_new_tokens;
    int32_t do_sample;           /* 1: sample, -1: greedy */
    double temperature;          /* above 0; for none use do_sample = -1 */
    double top_p;                /* above 0, at most 1: off */
    double min_p;                /* above 0, at most 1; below 0: off */
    double repetition_penalty;   /* above 0; 1: off */
    int32_t top_k;               /* -1: off */
    int32_t n_eos;               /* -1: no end token */
    const int32_t *eos_token_id; /* [n_eos] */
    const int32_t *pad_token_id; /* one id; fills finished rows */
    uint32_t want_logits;        /* 1: keep each step's logits */
    uint32_t fresh;              /* 1: run the whole prompt, whatever an earlier call has left */
    uint64_t seed;               /* 0: from the system's randomness */
    corbel_token_callback on_token;
    void *user;
} corbel_generate_params;
#define CORBEL_GENERATE_PARAMS(...)                                \
    (corbel_generate_params)                                       \
    {                                                              \
        .struct_size = sizeof(corbel_generate_params), __VA_ARGS__ \
    }

/* Continues input_ids [batch, sequence] (attention_mask for padding on the left or the right;
 * positions are counted from it). Outputs: tokens [batch, new] I32 (rows that ended early are
 * filled with pad_token_id), and logits [batch, new, vocab] F32 if asked for.
 *
 * The model remembers the last call if that had one row and no padding. A next one of this kind
 * whose prompt begins with the same tokens, as the turns of a conversation do, runs only those that
 * follow; a recurrent model has to begin with all that was there, new tokens included. This changes
 * logits no more than another length of the prompt's chunks would (rounding); with `fresh` it is
 * left out. corbel_model_forward, corbel_profile and calls of other kinds make the model forget. */
CORBEL_API corbel_status corbel_generate(corbel_model *model, const corbel_tensor *inputs,
                                         size_t n_inputs, const corbel_generate_params *params,
                                         corbel_tensors **outputs, corbel_error *err);

/* ---- programs -------------------------------------------------------------------------------- */

typedef enum corbel_program_format {
    CORBEL_PROGRAM_TEXT,
    CORBEL_PROGRAM_DOT,
    CORBEL_PROGRAM_BINARY,
    CORBEL_PROGRAM_JSON
} corbel_program_format;

typedef struct corbel_program_params {
    uint32_t struct_size;
    corbel_program_format format;
    int64_t batch, sequence; /* 0: 1 and 8 */
    int64_t past;            /* tokens already in the cache */
    uint32_t planned;        /* 1: after fusion, with memory and devices */
    uint32_t hidden_states;
} corbel_program_params;
#define CORBEL_PROGRAM_PARAMS(...)                                \
    (corbel_program_params)                                       \
    {                                                             \
        .struct_size = sizeof(corbel_program_params), __VA_ARGS__ \
    }

/* The program that `forward` of the model's class makes. *data is freed with corbel_free; text
 * forms end in a 0 that is not counted. */
CORBEL_API corbel_status corbel_program(corbel_model *model, const corbel_program_params *params,
                                        char **data, size_t *size, corbel_error *err);

/* ---- profiles -------------------------------------------------------------------------------- */

typedef struct corbel_profile_params {
    uint32_t struct_size;
    uint32_t reserved;
    int64_t batch;   /* rows at a time; 0: 1 */
    int64_t prefill; /* tokens of the prompt, or of the forward pass; 0: 128 */
    int64_t decode;  /* tokens that are generated after it; 0: 32 */
    int64_t repeat;  /* how often, after once to warm up; 0: 3 */
} corbel_profile_params;
#define CORBEL_PROFILE_PARAMS(...)                                \
    (corbel_profile_params)                                       \
    {                                                             \
        .struct_size = sizeof(corbel_profile_params), __VA_ARGS__ \
    }

/* Runs the model on made-up tokens (or pixels) and measures each operation: of a model that
 * generates the phases prefill and decode, of others forward.
 *
 * *json: {"model", "architecture", "threads", "batch", "repeat", "phases": [{"name",
 * "tokens" (0: pictures), "devices", "seconds" (of one prompt, token, or pass),
 * "operations_seconds", "operations", "modules"}]}, where the last two are lists by kind of
 * operation ("operation") and by module
 * ("module", layers together), largest first, each with "count", "seconds", "share",
 * "gb_per_s" and "gflop_per_s" (null: not derivable).
 * *trace (NULL: not wanted): the runs as Chrome's trace events, which Perfetto opens.
 * Both are freed with corbel_free. CORBEL_E_UNSUPPORTED: a device does not measure. */
CORBEL_API corbel_status corbel_profile(corbel_model *model, const corbel_profile_params *params,
                                        char **json, char **trace, corbel_error *err);

/* ---- tokenizers ------------------------------------------------------------------------------ */

typedef struct corbel_tokenizer corbel_tokenizer;

/* Reads tokenizer.json and tokenizer_config.json of a model (see corbel_pull, which it calls). A
 * tokenizer may be used by several threads at once. */
CORBEL_API corbel_status corbel_tokenizer_load(const char *name, corbel_tokenizer **tokenizer,
                                               corbel_error *err);
CORBEL_API void corbel_tokenizer_destroy(corbel_tokenizer **tokenizer);

/* Arrays of n tokens; offsets count Unicode code points of the text given. */
typedef struct corbel_encoding {
    size_t n;
    int32_t *ids;
    const char **tokens;   /* the pieces, as in the vocabulary */
    int64_t (*offsets)[2]; /* begin, end */
    int32_t *type_ids;
    int32_t *sequence_ids; /* 0 or 1: which of text and pair; -1: special */
    uint8_t *special_tokens_mask;
    uint8_t *attention_mask;
    struct corbel_encoding *overflow; /* the next window, when truncated with a stride */
    int32_t *word_ids; /* which word of its sequence, as the pre-tokenizer cut them; -1: none */
} corbel_encoding;

typedef struct corbel_encode_params {
    uint32_t struct_size;
    uint32_t no_special; /* 1: add no special tokens */
    const char *pair;    /* second sequence; NULL: none */
    size_t pair_size;    /* 0: strlen(pair) */
    int64_t max_length;  /* 0: no truncation */
    int64_t stride;
    const char *truncation;      /* "longest_first" (also when NULL), "only_first", "only_second" */
    int64_t pad_to;              /* pad to this many tokens; 0: no padding */
    const char *padding_side;    /* "left", "right"; NULL: the tokenizer's own */
    const char *truncation_side; /* the same: where tokens are cut off */
    uint32_t split_special_tokens; /* 1: what reads like a special token in the text is text, as it
                                      must be where a stranger wrote it */
    uint32_t reserved;
    const char *const *words; /* [n_words], each closed by 0: the text in words already, in place of
                                 `text`; offsets count from each word's beginning */
    size_t n_words;
} corbel_encode_params;
#define CORBEL_ENCODE_PARAMS(...)                                \
    (corbel_encode_params)                                       \
    {                                                            \
        .struct_size = sizeof(corbel_encode_params), __VA_ARGS__ \
    }

/* text_size: bytes; (size_t)-1: strlen(text). *encoding is destroyed by the caller. */
CORBEL_API corbel_status corbel_encode(const corbel_tokenizer *tokenizer, const char *text,
                                       size_t text_size, const corbel_encode_params *params,
                                       corbel_encoding **encoding, corbel_error *err);
CORBEL_API void corbel_encoding_destroy(corbel_encoding **encoding);

/* *text is freed with corbel_free. skip_special: leave special tokens out. */
CORBEL_API corbel_status corbel_decode(const corbel_tokenizer *tokenizer, const int32_t *ids,
                                       size_t n_ids, bool skip_special, char **text,
                                       corbel_error *err);

/* The same for a text that may hold U+0000: *size are its bytes (a 0 follows them all the same). */
CORBEL_API corbel_status corbel_decode_sized(const corbel_tokenizer *tokenizer, const int32_t *ids,
                                             size_t n_ids, bool skip_special, char **text,
                                             size_t *size, corbel_error *err);

/* Decodes token by token and never splits a character: returns the text that is certain after
 * `id`, often "" in the middle of a character; it lives until the next call. */
typedef struct corbel_decode_stream corbel_decode_stream;
CORBEL_API corbel_status corbel_decode_stream_create(const corbel_tokenizer *tokenizer,
                                                     bool skip_special,
                                                     corbel_decode_stream **stream,
                                                     corbel_error *err);
CORBEL_API corbel_status corbel_decode_stream_push(corbel_decode_stream *stream, int32_t id,
                                                   const char **text, corbel_error *err);
/* What is left at the end: an incomplete character as U+FFFD. */
CORBEL_API corbel_status corbel_decode_stream_end(corbel_decode_stream *stream, const char **text,
                                                  corbel_error *err);
CORBEL_API void corbel_decode_stream_destroy(corbel_decode_stream **stream);

/* Ids of the tokenizer's own special tokens ("bos_token", "eos_token", "pad_token", ...); -1: has
 * none. corbel_token_id: of a piece of the vocabulary. */
CORBEL_API int32_t corbel_tokenizer_special(const corbel_tokenizer *tokenizer, const char *role);
CORBEL_API int32_t corbel_token_id(const corbel_tokenizer *tokenizer, const char *token);
CORBEL_API size_t corbel_tokenizer_vocab_size(const corbel_tokenizer *tokenizer);
/* tokenizer_config.json's model_max_length, in tokens; 0: unlimited or not given. */
CORBEL_API int64_t corbel_tokenizer_max_length(const corbel_tokenizer *tokenizer);

/* ---- pipelines: a task, from text to an answer ------------------------------------------------
 */

typedef struct corbel_pipeline corbel_pipeline;

/* The tasks that have a pipeline: "text-generation", "text-classification", ... */
CORBEL_API const char *const *corbel_pipeline_tasks(size_t *n_tasks);
/* The task's inputs are paths of pictures (corbel/image.h), not texts. */
CORBEL_API bool corbel_task_takes_pictures(const char *task);

/* `task` NULL: corbel_model_task(model), or "feature-extraction" if that is "". The model and the
 * tokenizer must outlive the pipeline, which the caller destroys. Tasks that take pictures need no
 * tokenizer (NULL): the model's image processor is read from its folder. CORBEL_E_UNSUPPORTED:
 * there is no pipeline for this task. */
CORBEL_API corbel_status corbel_pipeline_create(corbel_model *model,
                                                const corbel_tokenizer *tokenizer, const char *task,
                                                corbel_pipeline **pipeline, corbel_error *err);
CORBEL_API void corbel_pipeline_destroy(corbel_pipeline **pipeline);
CORBEL_API const char *corbel_pipeline_task(const corbel_pipeline *pipeline);

/* Called after each new token of text-generation. `text` (of `size` bytes; a 0 follows) is what
 * became certain with it, in the prompt's context, so it carries the space before a word: often ""
 * in the middle of a character.
 * `input` counts the inputs, `sequence` the num_return_sequences of one. At a sequence's end there
 * may be one more call with token -1 and the rest of the text. Return 0 to go on, anything else to
 * stop (corbel_pipeline_run then returns CORBEL_OK with what there is). */
typedef int (*corbel_text_callback)(void *user, size_t input, size_t sequence, int32_t token,
                                    const char *text, size_t size);

/* Called with each answer as it is there; `json` (of `size` bytes; a 0 follows) lives during the
 * call. Return 0 to go on, anything else to stop. */
typedef int (*corbel_answer_callback)(void *user, size_t input, const char *json, size_t size);

typedef struct corbel_pipeline_params {
    uint32_t struct_size;
    const char *parameters_json; /* an object of transformers' names; NULL: none */
    corbel_text_callback on_text;
    void *user;
    /* If set, the inputs must be a list; each is answered as if it had come alone in a call of its
     * own, and handed out in order. Nothing is returned as *json, and `json` may be NULL. */
    corbel_answer_callback on_answer;
} corbel_pipeline_params;
#define CORBEL_PIPELINE_PARAMS(...)                                \
    (corbel_pipeline_params)                                       \
    {                                                              \
        .struct_size = sizeof(corbel_pipeline_params), __VA_ARGS__ \
    }

/* Inputs, parameters and the answer are JSON with the meaning that they have in transformers'
 * pipeline of the same task (text-generation also takes "seed", feature-extraction "pooling" and
 * "normalize"). A list of inputs gives a list of answers. Every task takes "batch_size": how many
 * texts run through the model together, which changes the speed and not the answers. *json is
 * freed with corbel_free. CORBEL_E_ARGUMENT: inputs or parameters are wrong. */
CORBEL_API corbel_status corbel_pipeline_run(corbel_pipeline *pipeline, const char *inputs_json,
                                             const corbel_pipeline_params *params, char **json,
                                             corbel_error *err);

#ifdef __cplusplus
}
#endif

#endif
