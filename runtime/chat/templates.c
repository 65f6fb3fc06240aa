/* chat/templates.c: where a model keeps its chat templates. See chat.h. */
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "chat/chat.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEMPLATES = 64, MAX_CONFIG = 64 << 20 };

/* ---- adding ---------------------------------------------------------------------------------- */

corbel_status templates_add(corbel_chat *chat, const char *name, const char *source, size_t size,
                            const char *place, corbel_error *err)
{
    if (chat->n == MAX_TEMPLATES)
        return error_set(err, CORBEL_E_FORMAT, "%s: more than %d chat templates", place,
                         MAX_TEMPLATES);
    for (size_t i = 0; i < chat->n; i++)
        if (strcmp(chat->templates[i].name, name) == 0)
            return error_set(err, CORBEL_E_FORMAT, "%s: two chat templates are called \"%s\"",
                             place, name);
    struct named_template *more = realloc(chat->templates, (chat->n + 1) * sizeof(*more));
    if (!more)
        return error_memory(err, (chat->n + 1) * sizeof(*more), "chat templates");
    chat->templates = more;
    struct named_template made = {.name = strdup(name)};
    corbel_status status = made.name ? jinja_compile(source, size, place, &made.template, err)
                                     : error_memory(err, strlen(name), "a template's name");
    if (status == CORBEL_OK)
        chat->templates[chat->n++] = made;
    else
        free(made.name);
    return status;
}

static corbel_status add_file(corbel_chat *chat, const char *name, const char *path,
                              corbel_error *err)
{
    char *source;
    size_t size;
    corbel_status status = file_read(path, JINJA_MAX_SOURCE, &source, &size, err);
    if (status != CORBEL_OK)
        return status;
    status = templates_add(chat, name, source, size, path, err);
    free(source);
    return status;
}

/* ---- files of their own ---------------------------------------------------------------------- */

static corbel_status add_default_file(corbel_chat *chat, corbel_error *err)
{
    char path[PATH_MAX];
    if (!path_join(path, sizeof(path), chat->folder, "chat_template.jinja") || !file_exists(path))
        return CORBEL_OK;
    return add_file(chat, "default", path, err);
}

/* "tool_use.jinja" without its ending; false: it has none. */
static bool template_name_of(const char *file, char name[NAME_MAX + 1])
{
    static const char ending[] = ".jinja";
    const size_t size = strlen(file), n = strlen(ending);
    if (size <= n || size > NAME_MAX || strcmp(file + size - n, ending) != 0)
        return false;
    memcpy(name, file, size - n);
    name[size - n] = '\0';
    return true;
}

static corbel_status add_additional_files(corbel_chat *chat, corbel_error *err)
{
    char folder[PATH_MAX], path[PATH_MAX], name[NAME_MAX + 1];
    if (!path_join(folder, sizeof(folder), chat->folder, "additional_chat_templates"))
        return CORBEL_OK;
    struct dirent **entries = NULL;
    const int n = scandir(folder, &entries, NULL, alphasort);
    corbel_status status = CORBEL_OK;
    for (int i = 0; i < n; i++) {
        if (status == CORBEL_OK && template_name_of(entries[i]->d_name, name) &&
            path_join(path, sizeof(path), folder, entries[i]->d_name))
            status = add_file(chat, name, path, err);
        free(entries[i]);
    }
    free(entries);
    return status;
}

/* ---- members of JSON files ------------------------------------------------------------------- */

static corbel_status add_text(corbel_chat *chat, const char *name, struct json_object *text,
                              const char *path, corbel_error *err)
{
    struct text place = {0};
    text_format(&place, "%s: chat_template", path);
    if (strcmp(name, "default") != 0)
        text_format(&place, " \"%s\"", name);
    corbel_status status =
        templates_add(chat, name, json_object_get_string(text),
                      (size_t)json_object_get_string_len(text), text_cstr(&place), err);
    text_finish(&place);
    return status;
}

/* {"name": ..., "template": ...} */
static corbel_status add_list_item(corbel_chat *chat, struct json_object *item, const char *path,
                                   corbel_error *err)
{
    struct json_object *name = NULL, *text = NULL;
    if (!json_object_object_get_ex(item, "name", &name) ||
        !json_object_object_get_ex(item, "template", &text) ||
        !json_object_is_type(name, json_type_string) ||
        !json_object_is_type(text, json_type_string))
        return error_set(err, CORBEL_E_FORMAT,
                         "%s: chat_template: expected strings \"name\" and \"template\", found %s",
                         path, json_describe(item));
    return add_text(chat, json_object_get_string(name), text, path, err);
}

/* A text, a list of the above, or (as older files have it) an object of name to text. */
static corbel_status add_member(corbel_chat *chat, struct json_object *member, const char *path,
                                corbel_error *err)
{
    corbel_status status = CORBEL_OK;
    if (json_object_is_type(member, json_type_string))
        return add_text(chat, "default", member, path, err);
    if (json_object_is_type(member, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(member) && status == CORBEL_OK; i++)
            status = add_list_item(chat, json_object_array_get_idx(member, i), path, err);
        return status;
    }
    return error_set(err, CORBEL_E_FORMAT,
                     "%s: chat_template: expected a string or a list, found %s", path,
                     json_describe(member));
}

static corbel_status add_json_file(corbel_chat *chat, const char *file, corbel_error *err)
{
    char path[PATH_MAX];
    struct json_object *root = NULL, *member = NULL;
    if (!path_join(path, sizeof(path), chat->folder, file) || !file_exists(path))
        return CORBEL_OK;
    corbel_status status = json_load(path, MAX_CONFIG, JSON_DATA, &root, err);
    if (status == CORBEL_OK && json_object_object_get_ex(root, "chat_control_tokens", &member))
        chat->control_tokens = json_object_get(member);
    if (status == CORBEL_OK && chat->n == 0 &&
        json_object_object_get_ex(root, "chat_template", &member) && member)
        status = add_member(chat, member, path, err);
    json_object_put(root);
    return status;
}

/* ---- what others call ------------------------------------------------------------------------ */

corbel_status templates_load(corbel_chat *chat, corbel_error *err)
{
    corbel_status status = add_default_file(chat, err);
    if (status == CORBEL_OK)
        status = add_additional_files(chat, err);
    if (status == CORBEL_OK)
        status = add_json_file(chat, "tokenizer_config.json", err);
    if (status == CORBEL_OK && chat->n == 0)
        status = add_json_file(chat, "chat_template.json", err);
    if (status == CORBEL_OK && chat->n == 0)
        status =
            error_set(err, CORBEL_E_NOT_FOUND,
                      "%s: the model has no chat template (chat_template.jinja, or chat_template "
                      "in tokenizer_config.json); give one with --chat-template FILE",
                      chat->folder);
    return status;
}

static const struct jinja_template *find(const corbel_chat *chat, const char *name)
{
    for (size_t i = 0; i < chat->n; i++)
        if (strcmp(chat->templates[i].name, name) == 0)
            return chat->templates[i].template;
    return NULL;
}

corbel_status templates_choose(const corbel_chat *chat, const char *name, bool has_tools,
                               const struct jinja_template **t, corbel_error *err)
{
    *t = NULL;
    if (name)
        *t = find(chat, name);
    else if (has_tools)
        *t = find(chat, "tool_use");
    if (!*t && !name)
        *t = find(chat, "default");
    if (*t)
        return CORBEL_OK;
    struct text known = {0};
    for (size_t i = 0; i < chat->n; i++)
        text_format(&known, "%s%s", i ? ", " : "", chat->templates[i].name);
    corbel_status status =
        error_set(err, CORBEL_E_ARGUMENT, "%s: no chat template \"%s\"; there are: %s",
                  chat->folder, name ? name : "default", text_cstr(&known));
    text_finish(&known);
    return status;
}
