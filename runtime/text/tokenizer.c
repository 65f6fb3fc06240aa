/* text/tokenizer.c: the object behind corbel_tokenizer: from a folder to parts that fit. */
#include "text/tokenizer.h"

#include "base/file.h"
#include "text/member.h"
#include "text/parts.h"
#include "text/unicode.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

const char *tokenizer_piece(const corbel_tokenizer *t, int64_t id, size_t *size)
{
    const struct added_token *added = added_by_id(&t->added, id);

    if (!added)
        return vocab_piece(&t->model.vocab, id, size);
    if (size)
        *size = strlen(added->content);
    return added->content;
}

/* ---- what the file says ---- */

/* tokenizer.json's own padding and truncation are options of calls; only their sides and the
 * padding's token are taken, and tokenizer_config.json goes before them. */
static corbel_status load_sides(corbel_tokenizer *t, struct json_object *root, const char *name,
                                corbel_error *err)
{
    struct json_object *padding = NULL, *truncation = NULL;
    const char *pad_side = "", *cut_side = "";
    int64_t pad = -1;
    corbel_status status;

    if ((status = json_get_member(root, "padding", json_type_object, &padding, name, err)) !=
            CORBEL_OK ||
        (status = json_get_member(root, "truncation", json_type_object, &truncation, name, err)) !=
            CORBEL_OK ||
        (padding &&
         (status = json_get_string(padding, "direction", &pad_side, name, err)) != CORBEL_OK) ||
        (padding && (status = json_get_int(padding, "pad_id", &pad, name, err)) != CORBEL_OK) ||
        (truncation &&
         (status = json_get_string(truncation, "direction", &cut_side, name, err)) != CORBEL_OK))
        return status;
    t->left_padding = strcmp(pad_side, "Left") == 0;
    t->left_truncation = strcmp(cut_side, "Left") == 0;
    t->roles[ROLE_PAD] = pad >= 0 && pad <= INT32_MAX ? (int32_t)pad : -1;
    return CORBEL_OK;
}

corbel_status load_components(corbel_tokenizer *t, struct json_object *root, const char *name,
                              corbel_error *err)
{
    struct json_object *model = json_object_object_get(root, "model");
    corbel_status status;

    if (!json_object_is_type(model, json_type_object))
        return error_set(err, CORBEL_E_FORMAT, "%s: model: expected an object", name);
    if ((status = added_load(&t->added, json_object_object_get(root, "added_tokens"), name, err)) !=
            CORBEL_OK ||
        (status = normalizers_load(&t->normalizers, json_object_object_get(root, "normalizer"),
                                   name, err)) != CORBEL_OK ||
        (status = pre_tokenizers_load(&t->pre_tokenizers,
                                      json_object_object_get(root, "pre_tokenizer"), name, err)) !=
            CORBEL_OK ||
        (status = model_load(&t->model, model, name, err)) != CORBEL_OK ||
        (status = post_processor_load(&t->post_processor,
                                      json_object_object_get(root, "post_processor"), name, err)) !=
            CORBEL_OK ||
        (status = decoders_load(&t->decoders, json_object_object_get(root, "decoder"), name,
                                err)) != CORBEL_OK)
        return status;
    if ((t->model.kind == MODEL_UNIGRAM) != (t->model.scores != NULL) &&
        t->model.vocab.n_pieces > 0)
        return error_set(
            err, CORBEL_E_FORMAT, "%s: model.vocab: expected %s for this type of model", name,
            t->model.kind == MODEL_UNIGRAM ? "a list of [piece, score]" : "an object of ids");
    return load_sides(t, root, name, err);
}

/* ---- what the settings change ---- */

/* transformers' LlamaTokenizer keeps the file's pieces and merges and brings its own rest: signs in
 * front of the text only, and no second one before a text that begins with a space. */
static corbel_status become_llama(corbel_tokenizer *t, const struct settings *s, corbel_error *err)
{
    const struct pre_tokenizers *pre = &t->pre_tokenizers;
    enum prepend_scheme scheme = !s->llama_prefix  ? PREPEND_NEVER
                                 : s->llama_legacy ? PREPEND_ALWAYS
                                                   : PREPEND_FIRST;

    if (!s->llama_class || t->model.kind != MODEL_BPE)
        return CORBEL_OK;
    for (size_t i = 0; i < pre->n; i++)
        if (pre->items[i].kind == PRE_BYTE_LEVEL)
            return CORBEL_OK; /* a Llama 3, whatever it calls itself */
    normalizers_finish(&t->normalizers);
    pre_tokenizers_finish(&t->pre_tokenizers);
    free(t->model.unk_token);
    t->model.unk_token = NULL;
    t->model.fuse_unk = t->model.byte_fallback = true;
    t->model.ignore_merges = false;
    corbel_status status = pre_tokenizers_metaspace(&t->pre_tokenizers, scheme, false, err);
    return status == CORBEL_OK ? decoders_llama(&t->decoders, s->llama_prefix, err) : status;
}

static void become_bert(corbel_tokenizer *t, const struct settings *s)
{
    for (size_t i = 0; i < t->normalizers.n && s->bert_class; i++) {
        struct normalizer *n = &t->normalizers.items[i];
        if (n->kind != NORMALIZE_BERT)
            continue;
        if (s->bert_lowercase >= 0) {
            n->lowercase = s->bert_lowercase;
            if (s->bert_accents < 0)
                n->strip_accents = n->lowercase;
        }
        if (s->bert_accents >= 0)
            n->strip_accents = s->bert_accents;
        if (s->bert_chinese >= 0)
            n->chinese = s->bert_chinese;
    }
}

/* Every token with a role is a special token, and added where it is missing. */
static corbel_status add_roles(corbel_tokenizer *t, const struct settings *s, corbel_error *err)
{
    corbel_status status = CORBEL_OK;

    for (int i = 0; i < N_ROLES && status == CORBEL_OK; i++)
        if (s->roles[i])
            status = added_special(&t->added, &t->model, s->roles[i], -1, err);
    return status;
}

/* additional_special_tokens: strings, or objects with `content`. */
static corbel_status add_more(corbel_tokenizer *t, const struct settings *s, corbel_error *err)
{
    static const char *const keys[] = {"additional_special_tokens", "extra_special_tokens"};
    corbel_status status = CORBEL_OK;

    for (size_t k = 0; k < 2 && s->config; k++) {
        struct json_object *list = json_object_object_get(s->config, keys[k]);
        if (!json_object_is_type(list, json_type_array))
            continue;
        for (size_t i = 0; i < json_object_array_length(list) && status == CORBEL_OK; i++) {
            struct json_object *token = json_object_array_get_idx(list, i);
            if (json_object_is_type(token, json_type_object))
                token = json_object_object_get(token, "content");
            if (json_object_is_type(token, json_type_string))
                status =
                    added_special(&t->added, &t->model, json_object_get_string(token), -1, err);
        }
    }
    return status;
}

/* added_tokens_decoder: {"id": {"content": ...}}: those that tokenizer.json lacks. */
static corbel_status add_decoder_tokens(corbel_tokenizer *t, const struct settings *s,
                                        corbel_error *err)
{
    struct json_object *map =
        s->config ? json_object_object_get(s->config, "added_tokens_decoder") : NULL;
    corbel_status status = CORBEL_OK;

    if (!json_object_is_type(map, json_type_object))
        return CORBEL_OK;
    struct json_object_iterator at = json_object_iter_begin(map),
                                end_of_map = json_object_iter_end(map);
    for (; status == CORBEL_OK && !json_object_iter_equal(&at, &end_of_map);
         json_object_iter_next(&at)) {
        const char *key = json_object_iter_peek_name(&at);
        struct json_object *value = json_object_iter_peek_value(&at);
        struct json_object *content = json_object_is_type(value, json_type_object)
                                          ? json_object_object_get(value, "content")
                                          : NULL;
        char *end;
        long long id = strtoll(key, &end, 10);
        if (!json_object_is_type(content, json_type_string) || *end || id < 0 || id > INT32_MAX)
            return error_set(err, CORBEL_E_FORMAT,
                             "tokenizer_config.json: added_tokens_decoder: \"%.40s\" is no token",
                             key);
        status = added_special(&t->added, &t->model, json_object_get_string(content), id, err);
    }
    return status;
}

static int32_t token_id(const corbel_tokenizer *t, const char *token)
{
    const struct added_token *added = added_by_content(&t->added, token);
    return added ? added->id : vocab_id(&t->model.vocab, token, strlen(token));
}

/* transformers writes 10^30 for "unlimited". */
static int64_t max_length(struct json_object *config)
{
    struct json_object *value = json_object_object_get(config, "model_max_length");
    const int64_t n = json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : 0;

    return n > 0 && n <= INT32_MAX ? n : 0;
}

static corbel_status apply_settings(corbel_tokenizer *t, const struct settings *s,
                                    corbel_error *err)
{
    corbel_status status = become_llama(t, s, err);

    if (status != CORBEL_OK)
        return status;
    become_bert(t, s);
    if ((status = add_decoder_tokens(t, s, err)) != CORBEL_OK ||
        (status = add_roles(t, s, err)) != CORBEL_OK || (status = add_more(t, s, err)) != CORBEL_OK)
        return status;
    for (int i = 0; i < N_ROLES; i++)
        if (s->roles[i])
            t->roles[i] = token_id(t, s->roles[i]);
    if (s->config) {
        t->left_padding = s->left_padding;
        t->left_truncation = s->left_truncation;
        t->max_length = max_length(s->config);
    }
    t->decoders.clean_up = s->clean_up && t->model.kind != MODEL_BPE;
    if (s->has_add_bos || s->has_add_eos)
        status = post_processor_bos_eos(&t->post_processor, s->add_bos ? t->roles[ROLE_BOS] : -1,
                                        s->add_eos ? t->roles[ROLE_EOS] : -1, err);
    return status;
}

/* ---- all together ---- */

static corbel_status load_files(corbel_tokenizer *t, const char *dir, char path[PATH_MAX],
                                corbel_error *err)
{
    static const char *const sentencepiece[] = {"tokenizer.model", "spiece.model",
                                                "sentencepiece.bpe.model"};
    char other[PATH_MAX];

    if (!path_join(path, PATH_MAX, dir, "sentencepiece.bpe.model"))
        return error_set(err, CORBEL_E_ARGUMENT, "%s: the path is too long", dir);
    path_join(path, PATH_MAX, dir, "tokenizer.json");
    if (file_exists(path))
        return load_tokenizer_json(t, path, err);
    path_join(path, PATH_MAX, dir, "vocab.txt");
    if (file_exists(path))
        return load_vocab_txt(t, path, err);
    path_join(path, PATH_MAX, dir, "vocab.json");
    path_join(other, sizeof other, dir, "merges.txt");
    if (file_exists(path) && file_exists(other))
        return load_vocab_and_merges(t, path, other, err);
    for (size_t i = 0; i < sizeof sentencepiece / sizeof *sentencepiece; i++) {
        path_join(path, PATH_MAX, dir, sentencepiece[i]);
        if (file_exists(path))
            return error_set(err, CORBEL_E_UNSUPPORTED,
                             "%s is not read; save the tokenizer with transformers "
                             "(AutoTokenizer.from_pretrained(...).save_pretrained(...)), which "
                             "writes a tokenizer.json",
                             path);
    }
    return error_set(err, CORBEL_E_NOT_FOUND,
                     "%s: no tokenizer.json, no vocab.txt, no vocab.json with merges.txt", dir);
}

/* True if raw bytes can be looked up directly, without being written as characters first. */
static bool model_knows_all_bytes(const struct model *m)
{
    char spelled[4];

    if (m->kind != MODEL_BPE || m->byte_fallback || (m->prefix && *m->prefix) ||
        (m->suffix && *m->suffix))
        return false;
    for (unsigned i = 0; i < 256; i++)
        if (vocab_id(&m->vocab, spelled, utf8_put(spelled, byte_level_char((unsigned char)i))) < 0)
            return false;
    return true;
}

static corbel_status tokenizer_close(corbel_tokenizer *t, const char *name, corbel_error *err)
{
    const struct pre_tokenizers *pre = &t->pre_tokenizers;
    corbel_status status;

    t->pre_tokenizers.raw_bytes = model_knows_all_bytes(&t->model) && pre->n > 0 &&
                                  pre->items[pre->n - 1].kind == PRE_BYTE_LEVEL;
    t->model.raw_bytes = t->pre_tokenizers.raw_bytes;
    status = model_close(&t->model, name, err);
    return status == CORBEL_OK ? added_close(&t->added, &t->normalizers, name, err) : status;
}

corbel_status tokenizer_load(const char *dir, corbel_tokenizer **tokenizer, corbel_error *err)
{
    char path[PATH_MAX];
    struct settings settings;
    corbel_status status;

    if (!dir || !tokenizer)
        return error_set(err, CORBEL_E_ARGUMENT, "a tokenizer needs a folder");
    *tokenizer = calloc(1, sizeof(**tokenizer));
    if (!*tokenizer)
        return error_memory(err, sizeof(**tokenizer), "a tokenizer");
    corbel_tokenizer *t = *tokenizer;
    pthread_mutex_init(&t->lock, NULL);
    vocab_init(&t->model.vocab);
    memset(t->roles, 0xFF, sizeof t->roles);

    status = settings_load(&settings, dir, err);
    if (status == CORBEL_OK) {
        status = load_files(t, dir, path, err);
        if (status == CORBEL_OK)
            status = vocab_close(&t->model.vocab, path, err);
        if (status == CORBEL_OK)
            status = apply_settings(t, &settings, err);
        if (status == CORBEL_OK)
            status = tokenizer_close(t, path, err);
        settings_finish(&settings);
    }
    if (status != CORBEL_OK)
        corbel_tokenizer_destroy(tokenizer);
    return status;
}

static void workshop_destroy(struct workshop *shop)
{
    work_finish(&shop->work);
    pattern_room_finish(&shop->patterns);
    model_room_finish(&shop->model);
    free(shop->characters);
    free(shop->found[0]);
    free(shop->found[1]);
    free(shop);
}

void corbel_tokenizer_destroy(corbel_tokenizer **tokenizer)
{
    corbel_tokenizer *t = tokenizer ? *tokenizer : NULL;

    if (!t)
        return;
    while (t->idle) {
        struct workshop *next = t->idle->next;
        workshop_destroy(t->idle);
        t->idle = next;
    }
    added_finish(&t->added);
    normalizers_finish(&t->normalizers);
    pre_tokenizers_finish(&t->pre_tokenizers);
    model_finish(&t->model);
    post_processor_finish(&t->post_processor);
    decoders_finish(&t->decoders);
    pthread_mutex_destroy(&t->lock);
    free(t);
    *tokenizer = NULL;
}

bool tokenizer_pads_left(const corbel_tokenizer *tokenizer)
{
    return tokenizer->left_padding;
}

bool tokenizer_marks_continuation(const corbel_tokenizer *tokenizer)
{
    return tokenizer->model.prefix && *tokenizer->model.prefix;
}

int32_t corbel_tokenizer_special(const corbel_tokenizer *tokenizer, const char *role)
{
    for (int i = 0; i < N_ROLES && tokenizer && role; i++)
        if (strcmp(role, role_names[i]) == 0)
            return tokenizer->roles[i];
    return -1;
}

int32_t corbel_token_id(const corbel_tokenizer *tokenizer, const char *token)
{
    return tokenizer && token ? token_id(tokenizer, token) : -1;
}

size_t corbel_tokenizer_vocab_size(const corbel_tokenizer *tokenizer)
{
    size_t n = tokenizer ? tokenizer->model.vocab.n_pieces : 0;

    for (size_t i = 0; tokenizer && i < tokenizer->added.n; i++)
        n += vocab_piece(&tokenizer->model.vocab, tokenizer->added.items[i].id, NULL) == NULL;
    return n;
}

int64_t corbel_tokenizer_max_length(const corbel_tokenizer *tokenizer)
{
    return tokenizer ? tokenizer->max_length : 0;
}
