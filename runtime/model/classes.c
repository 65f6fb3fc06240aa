/* model/classes.c: which class serves a model, and its skeleton.
 *
 * Candidates are what the caller names (--class), then the classes that do his task (--task), or
 * else the one that config.json names. The first that can be constructed is taken; if none can, the
 * error has every reason. */
#include "base/error.h"
#include "base/log.h"
#include "model/model.h"

#include <string.h>

struct candidate {
    const char *name, *why; /* why: "--class", "--task", "config.architectures" */
};

struct candidates {
    struct candidate *items;
    uint32_t n, capacity;
};

/* ---- candidates ------------------------------------------------------------------------------ */

static void add(struct candidates *c, const char *name, const char *why)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (strcmp(c->items[i].name, name) == 0)
            return;
    if (c->n < c->capacity)
        c->items[c->n++] = (struct candidate){name, why};
}

/* "feature-extraction" is what a base model does. */
static bool does_task(const struct plugin_arch_info *info, const char *model_type, const char *task)
{
    const char *wanted = strcmp(task, "feature-extraction") == 0 ? "" : task;
    return strcmp(info->model_type, model_type) == 0 && strcmp(info->task, wanted) == 0;
}

/* The classes of the same model_type that do `task`: config.json's own first, if it is one. */
static corbel_status add_by_task(struct candidates *c, const struct corbel_model *model,
                                 const char *task, corbel_error *err)
{
    const struct plugin_registry *registry = model->runtime->registry;
    const char *model_type = NULL, *own = NULL;
    uint32_t before = c->n;
    corbel_status status = config_model_type(&model->config, &model_type, err);
    if (!status)
        status = config_architecture(&model->config, &own, err);
    if (status)
        return status;
    for (int others = 0; others < 2; others++)
        for (size_t i = 0; model_type && i < plugin_registry_count(registry); i++) {
            const struct plugin_arch_info *info = plugin_registry_at(registry, i);
            bool is_own = own && strcmp(info->name, own) == 0;
            if (is_own == !others && does_task(info, model_type, task))
                add(c, info->name, "--task");
        }
    if (c->n > before || before > 0)
        return CORBEL_OK;
    return error_set(err, CORBEL_E_UNSUPPORTED, "%s: no class of model_type %s does %s",
                     model->config.path, model_type ? model_type : "(none)", task);
}

static corbel_status add_by_config(struct candidates *c, const struct corbel_model *model,
                                   corbel_error *err)
{
    const char *name = NULL;
    corbel_status status = config_architecture(&model->config, &name, err);
    if (status)
        return status;
    if (name)
        add(c, name, "config.architectures");
    if (c->n > 0)
        return CORBEL_OK;
    return error_set(err, CORBEL_E_CONFIG,
                     "%s: no architectures: name the class (--class) or the task (--task)",
                     model->config.path);
}

static corbel_status list_candidates(struct corbel_model *model, const corbel_load_params *params,
                                     struct candidates *c, corbel_error *err)
{
    c->capacity = params->n_class_names + 1;
    if (params->task && params->task[0])
        c->capacity += (uint32_t)plugin_registry_count(model->runtime->registry);
    c->items = arena_array(&model->arena, c->capacity, sizeof(*c->items));
    if (!c->items)
        return error_memory(err, c->capacity * sizeof(*c->items), "the list of classes");
    for (uint32_t i = 0; i < params->n_class_names; i++)
        add(c, params->class_names[i], "--class");
    if (params->task && params->task[0])
        return add_by_task(c, model, params->task, err);
    return add_by_config(c, model, err);
}

/* ---- trying one ------------------------------------------------------------------------------ */

static corbel_status refuse_unknown(const struct corbel_model *model, const char *name,
                                    corbel_error *err)
{
    const struct plugin_registry *registry = model->runtime->registry;
    struct text known = {0};
    corbel_status status = plugin_registry_ambiguous(registry, name, err);
    if (!status)
        status = plugin_policy_explain(&model->runtime->policy, registry, name, err);
    if (status)
        return status;
    for (size_t i = 0; i < plugin_registry_count(registry); i++) {
        text_append(&known, i ? ", " : "");
        text_append(&known, plugin_registry_at(registry, i)->name);
    }
    status = error_set(err, CORBEL_E_UNSUPPORTED,
                       "%s: no plugin serves the architecture %.64s (there are: %s)",
                       model->config.path, name, text_cstr(&known));
    text_finish(&known);
    return status;
}

static corbel_status construct(struct corbel_model *model, const struct candidate *c,
                               corbel_error *err)
{
    struct plugin_registry *registry = model->runtime->registry;
    model->arch = plugin_registry_find(registry, c->name);
    model->class_reason = c->why;
    bool followed = false;
    corbel_status status = CORBEL_OK;
    if (!model->arch)
        status = plugin_policy_follow(&model->runtime->policy, registry, &model->config, c->name,
                                      &followed, err);
    if (!status && followed)
        model->arch = plugin_registry_find(registry, c->name);
    if (!status && !model->arch)
        status = refuse_unknown(model, c->name, err);
    if (status)
        return status;
    status = plugin_policy_check(&model->runtime->policy, registry, model->arch, err);
    if (!status)
        status =
            plugin_model_create(registry, model->arch->name, &model->config, &model->plugin, err);
    if (status)
        plugin_model_destroy(&model->plugin);
    return status;
}

/* ---- several --------------------------------------------------------------------------------- */

/* A reason without what is the same in all: the file, and what else there would be. */
static void append_reason(struct text *out, const struct corbel_model *model,
                          const struct candidate *c, const char *reason)
{
    size_t path = strlen(model->config.path);
    if (strncmp(reason, model->config.path, path) == 0 && strncmp(reason + path, ": ", 2) == 0)
        reason += path + 2;
    const char *known = strstr(reason, " (there are: ");
    size_t size = known ? (size_t)(known - reason) : strlen(reason);
    text_format(out, "%s%.64s (%s): %.*s", out->size ? "; " : "", c->name, c->why, (int)size,
                reason);
}

corbel_status model_construct(struct corbel_model *model, const corbel_load_params *params,
                              corbel_error *err)
{
    struct candidates c = {0};
    struct text reasons = {0};
    corbel_error reason = {0};
    corbel_status worst = CORBEL_OK;
    corbel_status status = list_candidates(model, params, &c, err);
    if (status)
        return status;
    for (uint32_t i = 0; i < c.n; i++) {
        status = construct(model, &c.items[i], &reason);
        if (!status || status == CORBEL_E_MEMORY)
            break;
        append_reason(&reasons, model, &c.items[i], reason.text);
        if (!worst || status == CORBEL_E_UNTRUSTED)
            worst = status; /* that of the first, but a refusal is never hidden */
        if (i + 1 < c.n)
            log_line(CORBEL_LOG_WARN, "%s is tried: %s can't be loaded: %s", c.items[i + 1].name,
                     c.items[i].name, reason.text);
    }
    if (status && (c.n == 1 || status == CORBEL_E_MEMORY) && err)
        *err = reason;
    else if (status)
        status = error_set(err, worst, "%s: none of these classes can be loaded: %s",
                           model->config.path, text_cstr(&reasons));
    text_finish(&reasons);
    return status;
}
