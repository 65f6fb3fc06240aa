/* text/settings.c: reads tokenizer_config.json and its fallback special_tokens_map.json. */
#include "base/file.h"
#include "text/member.h"
#include "text/parts.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS_MAX_SIZE ((size_t)64 << 20)

const char *const role_names[N_ROLES] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                         "pad_token", "cls_token", "mask_token"};

/* A JSON file of the folder; *root stays NULL if there is none. */
static corbel_status load_file(const char *dir, const char *file, char path[PATH_MAX],
                               struct json_object **root, corbel_error *err)
{
    *root = NULL;
    if (!path_join(path, PATH_MAX, dir, file))
        return error_set(err, CORBEL_E_ARGUMENT, "%s: the path is too long", dir);
    if (!file_exists(path))
        return CORBEL_OK;
    corbel_status status = json_load(path, SETTINGS_MAX_SIZE, JSON_DATA, root, err);
    if (status == CORBEL_OK && !json_object_is_type(*root, json_type_object))
        status = error_set(err, CORBEL_E_FORMAT, "%s: expected an object", path);
    return status;
}

/* Roles that are not known yet: a string, or an object with `content`. */
static corbel_status load_roles(struct settings *s, struct json_object *root, const char *name,
                                corbel_error *err)
{
    for (int i = 0; i < N_ROLES; i++) {
        struct json_object *value = json_object_object_get(root, role_names[i]);
        if (json_object_is_type(value, json_type_object))
            value = json_object_object_get(value, "content");
        if (!value || s->roles[i])
            continue;
        if (!json_object_is_type(value, json_type_string))
            return error_set(err, CORBEL_E_FORMAT, "%s: %s: expected a string", name,
                             role_names[i]);
        s->roles[i] = strdup(json_object_get_string(value));
        if (!s->roles[i])
            return error_memory(err, 16, role_names[i]);
    }
    return CORBEL_OK;
}

static corbel_status load_side(struct json_object *root, const char *key, bool *left,
                               const char *name, corbel_error *err)
{
    const char *side = NULL;
    corbel_status status = json_get_string(root, key, &side, name, err);

    if (status != CORBEL_OK || !side)
        return status;
    *left = strcmp(side, "left") == 0;
    if (!*left && strcmp(side, "right") != 0)
        return error_set(err, CORBEL_E_FORMAT, "%s: %s: expected \"left\" or \"right\"", name, key);
    return CORBEL_OK;
}

static corbel_status load_flag(struct json_object *root, const char *key, bool *has, bool *flag,
                               const char *name, corbel_error *err)
{
    *has = json_object_object_get(root, key) != NULL;
    return json_get_bool(root, key, flag, name, err);
}

static corbel_status load_tristate(struct json_object *root, const char *key, int *flag,
                                   const char *name, corbel_error *err)
{
    bool has, value = false;
    corbel_status status = load_flag(root, key, &has, &value, name, err);
    if (has)
        *flag = value;
    return status;
}

/* transformers takes these models' tokenizers as their files say, whatever class they name. */
static bool is_read_as_is(const char *model_type)
{
    static const char *const types[] = {
        "mistral",  "mixtral",  "ministral",  "ministral3", "mistral3",  "pixtral",
        "voxtral",  "granite",  "granitemoe", "glm",        "glm4",      "olmo2",
        "olmo3",    "phi3",     "phimoe",     "stablelm",   "persimmon", "fuyu",
        "jamba",    "nemotron", "internlm2",  "internlm3",  "minicpm3",  "arctic",
        "ernie4_5", "llava",    "llava_next", "vipllava",   "qwen2",     "modernbert"};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(model_type, types[i]) == 0)
            return true;
    return false;
}

/* config.json says whose tokenizer this is; a folder of a tokenizer alone has none. */
static corbel_status load_llama_class(struct settings *s, const char *dir, corbel_error *err)
{
    char path[PATH_MAX];
    struct json_object *config;
    const char *model_type = NULL;
    corbel_status status = load_file(dir, "config.json", path, &config, err);

    s->llama_class = true;
    if (status == CORBEL_OK && config)
        status = json_get_string(config, "model_type", &model_type, path, err);
    if (status == CORBEL_OK && model_type && is_read_as_is(model_type))
        s->llama_class = false;
    json_object_put(config);
    return status;
}

static bool class_is(const char *class, const char *name)
{
    size_t size = strlen(name);
    return strncmp(class, name, size) == 0 &&
           (class[size] == 0 || strcmp(class + size, "Fast") == 0);
}

/* Roles that a class has without being told. */
static corbel_status default_roles(struct settings *s, const char *class, corbel_error *err)
{
    // clang-format off
    static const struct {
        const char *class;
        const char *roles[N_ROLES];
    } known[] = {
        {"GPT2Tokenizer", {"<|endoftext|>", "<|endoftext|>", "<|endoftext|>"}},
        {"LlamaTokenizer", {"<s>", "</s>", "<unk>"}},
        {"GemmaTokenizer", {"<bos>", "<eos>", "<unk>", NULL, "<pad>", NULL, "<mask>"}},
        {"BertTokenizer", {NULL, NULL, "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"}},
        {"DistilBertTokenizer", {NULL, NULL, "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"}},
    };
    // clang-format on
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        for (int role = 0; role < N_ROLES && class_is(class, known[i].class); role++) {
            if (s->roles[role] || !known[i].roles[role] ||
                (s->config && json_object_object_get_ex(s->config, role_names[role], NULL)))
                continue; /* also where the config says null */
            if (!(s->roles[role] = strdup(known[i].roles[role])))
                return error_memory(err, 16, role_names[role]);
        }
    }
    return CORBEL_OK;
}

static corbel_status load_class(struct settings *s, const char *dir, const char *name,
                                corbel_error *err)
{
    const char *class = "";
    bool has, prefix = true, legacy = false;
    corbel_status status = json_get_string(s->config, "tokenizer_class", &class, name, err);

    if (status == CORBEL_OK && class_is(class, "LlamaTokenizer"))
        status = load_llama_class(s, dir, err);
    s->bert_class = class_is(class, "BertTokenizer") || class_is(class, "DistilBertTokenizer");
    s->left_padding = class_is(class, "LlamaTokenizer") || class_is(class, "GemmaTokenizer");
    if (status == CORBEL_OK)
        status = load_flag(s->config, "add_prefix_space", &has, &prefix, name, err);
    if (status == CORBEL_OK)
        status = load_flag(s->config, "legacy", &has, &legacy, name, err);
    s->llama_prefix = prefix;
    s->llama_legacy = legacy;
    return status == CORBEL_OK ? default_roles(s, class, err) : status;
}

static corbel_status load_config(struct settings *s, const char *dir, const char *name,
                                 corbel_error *err)
{
    corbel_status status;

    if ((status = load_roles(s, s->config, name, err)) != CORBEL_OK ||
        (status = load_class(s, dir, name, err)) != CORBEL_OK ||
        (status = load_side(s->config, "padding_side", &s->left_padding, name, err)) != CORBEL_OK ||
        (status = load_side(s->config, "truncation_side", &s->left_truncation, name, err)) !=
            CORBEL_OK ||
        (status = load_flag(s->config, "add_bos_token", &s->has_add_bos, &s->add_bos, name, err)) !=
            CORBEL_OK ||
        (status = load_flag(s->config, "add_eos_token", &s->has_add_eos, &s->add_eos, name, err)) !=
            CORBEL_OK ||
        (status = json_get_bool(s->config, "clean_up_tokenization_spaces", &s->clean_up, name,
                                err)) != CORBEL_OK ||
        (status = load_tristate(s->config, "do_lower_case", &s->bert_lowercase, name, err)) !=
            CORBEL_OK ||
        (status = load_tristate(s->config, "strip_accents", &s->bert_accents, name, err)) !=
            CORBEL_OK)
        return status;
    return load_tristate(s->config, "tokenize_chinese_chars", &s->bert_chinese, name, err);
}

corbel_status settings_load(struct settings *s, const char *dir, corbel_error *err)
{
    char path[PATH_MAX];
    struct json_object *map = NULL;

    *s = (struct settings){
        .llama_prefix = true, .bert_lowercase = -1, .bert_accents = -1, .bert_chinese = -1};
    corbel_status status = load_file(dir, "tokenizer_config.json", path, &s->config, err);
    if (status == CORBEL_OK && s->config)
        status = load_config(s, dir, path, err);
    if (status == CORBEL_OK)
        status = load_file(dir, "special_tokens_map.json", path, &map, err);
    if (status == CORBEL_OK && map)
        status = load_roles(s, map, path, err);
    json_object_put(map);
    if (status != CORBEL_OK)
        settings_finish(s);
    return status;
}

void settings_finish(struct settings *s)
{
    for (int i = 0; i < N_ROLES; i++)
        free(s->roles[i]);
    json_object_put(s->config);
    *s = (struct settings){0};
}
