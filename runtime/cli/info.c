/* cli/info.c: `corbel info` and `corbel devices`: what a model is, and what it can run on. */
#include "base/error.h"
#include "base/json.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"

#include <string.h>

/* Plans the program of a short sequence, which walks through all that a run needs but the run. */
static corbel_status check(corbel_model *model, corbel_error *err)
{
    char *data = NULL;
    size_t size;
    corbel_status status =
        corbel_program(model, &CORBEL_PROGRAM_PARAMS(.planned = 1), &data, &size, err);
    corbel_free(data);
    return status;
}

/* The document, with "check" as its last member. */
static void append_check(struct text *document, const char *json)
{
    size_t size = strlen(json);
    while (size > 0 && json[size - 1] != '}')
        size--;
    text_append_bytes(document, json, size ? size - 1 : 0);
    text_append(document, ", \"check\": \"every weight loads, a program can be planned\"}");
}

static corbel_status print(const char *json, bool as_json, const char *name, corbel_error *err)
{
    if (as_json) {
        printf("%s\n", json);
        return CORBEL_OK;
    }
    return print_document(json, name, err);
}

/* For people the placement says more than the map, which lists each layer. */
static corbel_status print_info(const char *json, const char *name, corbel_error *err)
{
    struct json_object *root = NULL, *map;
    corbel_status status = json_parse(json, strlen(json), JSON_DATA, name, &root, err);
    if (status == CORBEL_OK && json_object_object_get_ex(root, "device_map", &map) &&
        json_object_object_length(map) > 1)
        json_object_object_del(root, "device_map");
    if (status == CORBEL_OK)
        status = print_document(json_object_to_json_string(root), name, err);
    json_object_put(root);
    return status;
}

corbel_status info_command(const struct arguments *a, corbel_error *err)
{
    struct session session = {0};
    struct text document = {0};
    bool checks = arguments_have(a, OPTION_CHECK);
    char *json = NULL;
    corbel_status status =
        session_open(&session, a, checks ? SESSION_MODEL : SESSION_SKELETON, err);
    if (status == CORBEL_OK && checks)
        status = check(session.model, err);
    if (status == CORBEL_OK)
        status = corbel_model_info_json(session.model, &json, err);
    if (status == CORBEL_OK) {
        if (checks)
            append_check(&document, json);
        else
            text_append(&document, json);
        status = arguments_have(a, OPTION_JSON)
                     ? print(text_cstr(&document), true, a->words[0], err)
                     : print_info(text_cstr(&document), a->words[0], err);
    }
    corbel_free(json);
    text_finish(&document);
    session_close(&session);
    return status;
}

corbel_status devices_command(const struct arguments *a, corbel_error *err)
{
    struct session session = {0};
    char *json = NULL;
    corbel_status status = session_open(&session, a, SESSION_RUNTIME, err);
    if (status == CORBEL_OK)
        status = corbel_devices_json(session.runtime, &json, err);
    if (status == CORBEL_OK)
        status = print(json, arguments_have(a, OPTION_JSON), "devices", err);
    corbel_free(json);
    session_close(&session);
    return status;
}
