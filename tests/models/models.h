/* models.h: what the tests of plugins in this folder share: a registry, and models without weights
 * whose config.json is a fixture's, with a change. */
#ifndef TEST_MODELS_H
#define TEST_MODELS_H

#include <stdio.h>

#include "plugin/helpers.h"
#include "plugin/plugin.h"

static struct plugin_registry *registry;

static int open_registry(void **state)
{
    corbel_error err;

    (void)state;
    if (plugin_registry_create(TEST_BUILD_DIR "/plugins", &registry, &err)) {
        print_error("%s\n", err.text);
        return 1;
    }
    return 0;
}

static int close_registry(void **state)
{
    (void)state;
    plugin_registry_destroy(&registry);
    return 0;
}

/* The class `arch` with the config.json of models/NAME. key: NULL, or a member that is set to
 * `json`; json NULL: that is removed. */
static corbel_status create_model(const char *arch, const char *name, const char *key,
                                  const char *json, struct plugin_model **model, corbel_error *err)
{
    struct config config;
    char folder[256];
    corbel_status status;

    *model = NULL;
    snprintf(folder, sizeof folder, "models/%s/model", name);
    assert_ok(config_load(&config, fixture(folder), err), *err);
    if (key)
        json_object_object_del(config.root, key);
    if (key && json)
        json_object_object_add(config.root, key, json_tokener_parse(json));
    status = plugin_model_create(registry, arch, &config, model, err);
    config_finish(&config);
    return status;
}

#endif
