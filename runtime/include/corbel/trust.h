/* corbel/trust.h: keys, signed plugins, locks: who may give a runtime code, and exactly which.
 *
 * What corbel/corbel.h says at its top holds here too. Keys, keyring, store and the memory of
 * releases lie in CORBEL_HOME (docs/security.md), which belongs to one user alone; all functions
 * refuse with CORBEL_E_UNTRUSTED when others have access to it. JSON that is returned is freed with
 * corbel_free. From any thread; processes take turns by a lock on CORBEL_HOME. */
#ifndef CORBEL_TRUST_H
#define CORBEL_TRUST_H

#include "corbel/corbel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- keys, in minisign's formats --------------------------------------------------------------
 */

/* Makes CORBEL_HOME/keys/NAME.key and NAME.pub; CORBEL_E_ARGUMENT if they are there. `passphrase`
 * NULL: the secret key is not encrypted. Encrypting takes 1 GiB of memory and a second or more.
 * *json: {"name", "id", "public_key", "secret_file", "public_file"}. */
CORBEL_API corbel_status corbel_key_create(const char *name, const char *passphrase, char **json,
                                           corbel_error *err);

/* Trusts a key for plugin names and architecture names (globs: "acme/" and a star, "Probe*"; what
 * has a slash is a plugin's). `key` is a .pub file, a public key as text, the name of one's own
 * key, or the label or id of one that is trusted already, which is then trusted for these too.
 * *json: {"id", "label", "plugins", "architectures"}. */
CORBEL_API corbel_status corbel_key_trust(const char *key, const char *const *scopes,
                                          size_t n_scopes, char **json, corbel_error *err);

/* Never again: a key (as above), or the pin of one bundle ("sha256:" and 64 hex digits). There is
 * no way back but to edit CORBEL_HOME/revoked.json. */
CORBEL_API corbel_status corbel_key_revoke(const char *key_or_pin, corbel_error *err);

/* {"own": [{"name", "id"}], "trusted": [{"id", "label", "public_key", "plugins", "architectures",
 * "revoked"}], "revoked": {"keys": [...], "pins": [...]}} */
CORBEL_API corbel_status corbel_keys_json(char **json, corbel_error *err);

/* ---- plugins ----------------------------------------------------------------------------------
 */

/* Does the secret key need a passphrase? `key`: the name of one's own key, or a file. */
CORBEL_API corbel_status corbel_key_is_encrypted(const char *key, bool *encrypted,
                                                 corbel_error *err);

/* Signs the bundle in `folder` (checked first): writes corbel-plugin.json.minisig. *json: {"name",
 * "version", "release", "pin", "key"}. */
CORBEL_API corbel_status corbel_plugin_sign(const char *folder, const char *key,
                                            const char *passphrase, char **json, corbel_error *err);

/* May this bundle run here? A folder, NAME@sha256:PIN, or a pin of the store. *json is made for a
 * yes and for a no: {"verdict": "trusted" or "refused", "step", "file", "key", "reason", "allow"}
 * and, as far as they are known, {"name", "version", "release", "pin", "signer"}.
 * CORBEL_E_UNTRUSTED: refused, and why; so is what is malformed. */
CORBEL_API corbel_status corbel_plugin_verify(const char *bundle, char **json, corbel_error *err);

/* Verifies a bundle and copies it into the store. `bundle` is a folder, or "org/name" of the hub
 * with "@revision" if wanted, and "#sha256:PIN" behind it if only that very bundle will do: then
 * its manifest and signature are fetched, and the rest if a trusted key has signed it; `params`
 * (NULL: none) says how, by its offline, revision, connections, on_progress and user. *json:
 * {"name", "version", "release", "pin", "signer", "folder"}, and of the hub {"endpoint", "repo",
 * "commit"}. */
CORBEL_API corbel_status corbel_plugin_install(const char *bundle, const corbel_pull_params *params,
                                               char **json, corbel_error *err);
/* NAME@sha256:PIN, a pin, or the name of a plugin that is there once. A folder that was given to
 * --dev: audit no longer speaks of it. */
CORBEL_API corbel_status corbel_plugin_remove(const char *plugin, corbel_error *err);

/* What is installed: [{"name", "version", "release", "pin", "verdict", "signer", "architectures",
 * "folder"}], with {"endpoint", "repo", "commit"} if it came from the hub; one that may not run has
 * {"pin", "verdict": "refused", "reason", "folder"}. */
CORBEL_API corbel_status corbel_plugins_json(char **json, corbel_error *err);
/* One of them, or a bundle's folder, with its whole manifest as "manifest". */
CORBEL_API corbel_status corbel_plugin_json(const char *plugin, char **json, corbel_error *err);

/* Makes `folder` from the template: a plugin `name` ("acme/probe") with one architecture. NULL: a
 * folder of the name's second half, in the working directory. It must not exist. */
CORBEL_API corbel_status corbel_plugin_new(const char *name, const char *architecture,
                                           const char *folder, corbel_error *err);

enum { CORBEL_CHECK_PASSED = 0, CORBEL_CHECK_FAILED = 1, CORBEL_CHECK_SKIPPED = 2 };

/* One check of corbel_plugin_test, when it is done; strings live during the callback. */
typedef struct corbel_plugin_check {
    uint32_t struct_size;
    int32_t verdict;              /* CORBEL_CHECK_... */
    uint32_t n_tries, n_findings; /* what was tried; how much of it came out wrong */
    const char *name, *subject;   /* "config: fields missing", "ProbeForCausalLM" */
    const char *detail;           /* the first findings, a line each; or why it was skipped */
} corbel_plugin_check;
typedef void (*corbel_plugin_check_callback)(void *user, const corbel_plugin_check *check);

typedef struct corbel_plugin_test_params {
    uint32_t struct_size;
    uint32_t n_configs;  /* random configs a class; 0: 24 */
    uint32_t in_process; /* 1: also outside of the sandbox, whoever signed it. 0: only what was
                            built from a project in `folder`, or a trusted key signed */
    uint32_t threads;    /* as in corbel_runtime_params */
    uint32_t validation; /* 1: Vulkan validation layers; their findings are errors */
    uint32_t reserved;
    uint64_t seed; /* of configs, weights and inputs; the same seed, the same run */
    corbel_plugin_check_callback on_check;
    void *user;
} corbel_plugin_test_params;
#define CORBEL_PLUGIN_TEST_PARAMS(...)                                \
    (corbel_plugin_test_params)                                       \
    {                                                                 \
        .struct_size = sizeof(corbel_plugin_test_params), __VA_ARGS__ \
    }

/* Puts a plugin on trial: `folder` is its project, which has been built, or a bundle. Each class:
 * its descriptor; every field of config.json missing, mistyped and extreme; programs over random
 * configs and shapes, isolated and in this process; random weights on every device, in a batch and
 * row by row, all at once and step by step; each shader against its decomposition; and what the
 * author ships in tests/NAME (model/ and expected.safetensors with CASE.in.* and CASE.out.*).
 * *json:
 * {"plugin", "version", "checks": [{"check", "subject", "verdict", "tries", "findings", "detail"}],
 * "passed", "failed", "skipped"}. CORBEL_OK says that it could be tested, *n_failed how it went. */
CORBEL_API corbel_status corbel_plugin_test(const char *folder,
                                            const corbel_plugin_test_params *params, char **json,
                                            size_t *n_failed, corbel_error *err);

/* Where find_package(CorbelSDK) finds what a plugin's project needs. */
CORBEL_API corbel_status corbel_sdk_folder(char *out, size_t size, corbel_error *err);

/* ---- lock and audit ---------------------------------------------------------------------------
 */

/* Writes a corbel.lock for these models, as corbel_model_load takes them, with the plugins that
 * `runtime` would use for them. Of a model of the hub all files are fetched that Corbel may use,
 * and the lock names the commit; CORBEL_E_ARGUMENT for an abbreviated one. */
CORBEL_API corbel_status corbel_lock_create(corbel_runtime *runtime, const char *const *models,
                                            size_t n_models, const char *path, corbel_error *err);

/* As corbel_pull, but only what the lock at `lock` names: of a model of the hub its commit,
 * whatever the revision has become, and each file byte by byte. `include` and `exclude` are
 * refused. CORBEL_E_UNTRUSTED names the field that differs. */
CORBEL_API corbel_status corbel_pull_locked(const char *lock, const char *name,
                                            const corbel_pull_params *params, corbel_pulled *pulled,
                                            corbel_error *err);

/* Looks at everything installed, and at what `lock` names if it is not NULL, byte by byte:
 * {"checked": {"keys", "models", "plugins"}, "findings": [{"kind", "where", "what"}],
 * "notes": [...]}, the numbers being how many. Findings are what
 * somebody should act upon; CORBEL_OK says only that it could look. */
CORBEL_API corbel_status corbel_audit_json(const char *lock, const char *const *models,
                                           size_t n_models, char **json, size_t *n_findings,
                                           corbel_error *err);

#ifdef __cplusplus
}
#endif

#endif
