/* model/saving/save.c: corbel_model_save: a model to a folder, as transformers' save_pretrained
 * writes it.
 *
 * Weights come from the mapped checkpoint, not from the device, so they are saved as exactly as
 * they were stored; what the checkpoint lacks is made anew from the seed that the load had. All
 * goes piece by piece through one small buffer. */
#include "model/saving/save.h"

#include "base/dtype.h"
#include "base/error.h"
#include "base/struct_copy.h"
#include "model/saving/fill.h"
#include "model/saving/save_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILE_NAME = 64 };

struct saver {
    struct corbel_model *model;
    const struct save_options *options;
    struct save_plan plan;
    struct save_folder folder;
    float *numbers; /* new ones, before they are of the dtype that is saved */
    uint64_t written;
    /* the file that is being written */
    uint32_t shard;
    const struct save_item **items; /* [n_items]: of this shard */
    uint32_t n_items;
    uint64_t shard_written, shard_size;
    char name[MAX_FILE_NAME];
};

/* ---- bytes of a tensor ----------------------------------------------------------------------- */

/* Pages of a mapped checkpoint that have been read are given back, so that saving a model takes no
 * memory of its size. They come back by themselves if somebody reads them. */
static void forget_pages(const struct corbel_model *model, const struct checkpoint_tensor *t,
                         const char *data, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    if (!weights_are_mapped(model, t))
        return; /* a copy, which would be lost */
    uintptr_t first = (uintptr_t)data / page * page, last = ((uintptr_t)data + size) / page * page;
    if (last > first)
        madvise((void *)first, last - first, MADV_DONTNEED);
}

static bool convert_stored(const struct saver *s, const struct save_item *item, uint64_t first,
                           size_t count, void *out)
{
    const struct checkpoint_tensor *t = item->stored;
    size_t size = dtype_size(t->dtype);
    if (size == 0)
        return false;
    const char *data = (const char *)t->data + first * size;
    bool sound = true;
    if (t->dtype == item->dtype)
        memcpy(out, data, count * size);
    else
        sound = dtype_convert(item->dtype, out, t->dtype, data, count);
    forget_pages(s->model, t, data, count * size);
    return sound;
}

static bool make_new(struct saver *s, const struct save_item *item, uint64_t first, size_t count,
                     void *out)
{
    const struct fill fill = fill_of(item->param, &s->model->config, s->model->seed);
    uint32_t threads = corbel_runtime_threads(s->model->runtime);
    if (item->dtype == CORBEL_F32) {
        fill_run_threads(&fill, first, count, out, threads);
        return true;
    }
    fill_run_threads(&fill, first, count, s->numbers, threads);
    return dtype_convert(item->dtype, out, CORBEL_F32, s->numbers, count);
}

static bool report(struct saver *s, bool finished)
{
    if (!s->options->on_progress)
        return true;
    corbel_progress p = {.struct_size = sizeof(p),
                         .file = s->shard,
                         .n_files = s->plan.n_shards,
                         .finished = finished,
                         .path = s->name,
                         .file_bytes = s->shard_written,
                         .file_size = s->shard_size,
                         .bytes = s->written,
                         .size = s->plan.total_size};
    return s->options->on_progress(s->options->user, &p) == 0;
}

static corbel_status give_piece(void *user, size_t tensor, uint64_t offset, void *out, size_t size,
                                corbel_error *err)
{
    struct saver *s = user;
    const struct save_item *item = s->items[tensor];
    size_t element = dtype_size(item->dtype), count = size / element;
    bool sound = item->stored ? convert_stored(s, item, offset / element, count, out)
                              : make_new(s, item, offset / element, count, out);
    if (!sound)
        return error_set(err, CORBEL_E_UNSUPPORTED, "%s: %s can't become %s", item->name,
                         item->stored ? dtype_name(item->stored->dtype) : "float32",
                         dtype_name(item->dtype));
    s->written += size;
    s->shard_written += size;
    return report(s, false) ? CORBEL_OK : error_set(err, CORBEL_E_CANCELLED, "saving was stopped");
}

/* ---- weights --------------------------------------------------------------------------------- */

static void name_shard(char out[MAX_FILE_NAME], uint32_t shard, uint32_t n_shards)
{
    if (n_shards <= 1)
        snprintf(out, MAX_FILE_NAME, "model.safetensors");
    else
        snprintf(out, MAX_FILE_NAME, "model-%05u-of-%05u.safetensors", shard + 1, n_shards);
}

static void collect_shard(struct saver *s, uint32_t shard, corbel_tensor *tensors)
{
    s->shard = shard;
    s->n_items = 0;
    s->shard_written = s->shard_size = 0;
    name_shard(s->name, shard, s->plan.n_shards);
    for (uint32_t i = 0; i < s->plan.n_items; i++) {
        const struct save_item *item = &s->plan.items[i];
        if (item->shard != shard)
            continue;
        corbel_tensor *t = &tensors[s->n_items];
        *t = (corbel_tensor){.name = item->name, .dtype = item->dtype, .rank = item->param->rank};
        memcpy(t->shape, item->param->shape, t->rank * sizeof(*t->shape));
        s->items[s->n_items++] = item;
        s->shard_size += item->bytes;
    }
}

static corbel_status write_shards(struct saver *s, corbel_tensor *tensors, corbel_error *err)
{
    uint32_t n_shards = s->plan.n_shards ? s->plan.n_shards : 1;
    corbel_status status = CORBEL_OK;
    for (uint32_t i = 0; i < n_shards && status == CORBEL_OK; i++) {
        const char *path;
        collect_shard(s, i, tensors);
        status = save_folder_add(&s->folder, s->name, &path, err);
        if (status == CORBEL_OK)
            status = safetensors_write_pieces(path, tensors, s->n_items, give_piece, s, err);
        if (status == CORBEL_OK && !report(s, true))
            status = error_set(err, CORBEL_E_CANCELLED, "saving was stopped");
    }
    return status;
}

/* model.safetensors.index.json */
static corbel_status write_index(struct saver *s, corbel_error *err)
{
    struct json_object *root = json_object_new_object(), *metadata = json_object_new_object();
    struct json_object *map = json_object_new_object();
    struct text out = {0};
    char name[MAX_FILE_NAME];
    json_object_object_add(metadata, "total_parameters",
                           json_object_new_uint64(s->plan.total_parameters));
    json_object_object_add(metadata, "total_size", json_object_new_uint64(s->plan.total_size));
    json_object_object_add(root, "metadata", metadata);
    json_object_object_add(root, "weight_map", map);
    for (uint32_t i = 0; i < s->plan.n_items; i++) {
        name_shard(name, s->plan.items[i].shard, s->plan.n_shards);
        json_object_object_add(map, s->plan.items[i].name, json_object_new_string(name));
    }
    json_print(&out, root);
    corbel_status status = save_folder_write(&s->folder, "model.safetensors.index.json", &out, err);
    text_finish(&out);
    json_object_put(root);
    return status;
}

static corbel_status write_weights(struct saver *s, corbel_error *err)
{
    uint32_t n = s->plan.n_items ? s->plan.n_items : 1;
    corbel_tensor *tensors = calloc(n, sizeof(*tensors));
    s->items = calloc(n, sizeof(*s->items));
    s->numbers = malloc(SAFETENSORS_PIECE / sizeof(uint16_t) * sizeof(*s->numbers));
    corbel_status status = CORBEL_OK;
    if (!tensors || !s->items || !s->numbers)
        status = error_memory(err, n * sizeof(*tensors), "the list of weights");
    if (status == CORBEL_OK)
        status = write_shards(s, tensors, err);
    if (status == CORBEL_OK && s->plan.n_shards > 1)
        status = write_index(s, err);
    s->folder.n_weights = s->folder.n_names;
    free(tensors);
    free(s->items);
    free(s->numbers);
    return status;
}

/* ---- what lies beside the weights ------------------------------------------------------------ */

static corbel_status copy_companions(struct saver *s, corbel_error *err)
{
    static const char *const names[] = {"generation_config.json",
                                        "tokenizer.json",
                                        "tokenizer_config.json",
                                        "vocab.txt",
                                        "vocab.json",
                                        "merges.txt",
                                        "added_tokens.json",
                                        "special_tokens_map.json",
                                        "tokenizer.model",
                                        "spiece.model",
                                        "sentencepiece.bpe.model",
                                        "chat_template.jinja",
                                        "chat_template.json",
                                        "preprocessor_config.json",
                                        "processor_config.json"};
    struct stat from, to;
    corbel_status status = CORBEL_OK;
    if (!s->model->folder)
        return CORBEL_OK;
    if (stat(s->model->folder, &from) == 0 && stat(s->folder.dir, &to) == 0 &&
        from.st_dev == to.st_dev && from.st_ino == to.st_ino)
        return CORBEL_OK; /* they are there */
    for (size_t i = 0; i < sizeof names / sizeof names[0] && status == CORBEL_OK; i++)
        status = save_folder_copy(&s->folder, s->model->folder, names[i], err);
    return status;
}

/* The model's own, with what has become different. */
static corbel_status write_config(struct saver *s, corbel_error *err)
{
    struct json_object *root = NULL, *classes = json_object_new_array();
    struct text out = {0};
    if (json_object_deep_copy(s->model->config.root, &root, NULL) != 0) {
        json_object_put(classes);
        return error_memory(err, 0, "config.json");
    }
    json_object_array_add(classes, json_object_new_string(s->model->arch->name));
    json_object_object_add(root, "architectures", classes);
    json_object_object_add(root, "dtype", json_object_new_string(dtype_name(s->plan.dtype)));
    json_object_object_del(root, "torch_dtype");
    json_object_object_del(root, "_name_or_path");
    json_print(&out, root);
    corbel_status status = save_folder_write(&s->folder, "config.json", &out, err);
    text_finish(&out);
    json_object_put(root);
    return status;
}

static corbel_status run(struct saver *s, const char *dir, corbel_error *err)
{
    corbel_status status =
        save_plan_make(&s->plan, s->model, s->options->dtype, s->options->max_shard_size, err);
    if (status == CORBEL_OK)
        status = save_folder_open(&s->folder, dir, err);
    if (status == CORBEL_OK)
        status = save_folder_check_room(&s->folder, s->plan.total_size, err);
    if (status == CORBEL_OK)
        status = write_weights(s, err);
    if (status == CORBEL_OK)
        status = copy_companions(s, err);
    if (status == CORBEL_OK)
        status = write_config(s, err);
    if (status == CORBEL_OK)
        status = save_folder_commit(&s->folder, err);
    return status;
}

corbel_status save_model(struct corbel_model *model, const char *dir,
                         const struct save_options *options, corbel_saved *saved, corbel_error *err)
{
    struct saver s = {.model = model, .options = options};
    corbel_status status = CORBEL_OK;
    if (options->dtype && options->dtype != CORBEL_F64 && options->dtype != CORBEL_F32 &&
        options->dtype != CORBEL_F16 && options->dtype != CORBEL_BF16)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "dtype %s: a model is saved in float64, float32, float16 or bfloat16",
                         dtype_name(options->dtype) ? dtype_name(options->dtype) : "unknown");
    status = run(&s, dir, err);
    if (saved)
        *saved = (corbel_saved){.n_files = s.plan.n_shards,
                                .total_size = s.plan.total_size,
                                .total_parameters = s.plan.total_parameters,
                                .dtype = s.plan.dtype};
    save_folder_close(&s.folder);
    save_plan_finish(&s.plan);
    return status;
}

corbel_status corbel_model_save(corbel_model *model, const char *dir,
                                const corbel_save_params *params, corbel_saved *saved,
                                corbel_error *err)
{
    corbel_save_params p = CORBEL_SAVE_PARAMS(.dtype = CORBEL_DTYPE_NONE);
    if (!model || !dir || !dir[0])
        return error_set(err, CORBEL_E_ARGUMENT, "corbel_model_save: no model or no folder");
    STRUCT_COPY(&p, params);
    if (!model->has_checkpoint)
        return error_set(err, CORBEL_E_NOT_FOUND, "%s: has no weights to save", model->folder);
    corbel_status status = weights_check_files(model, err);
    if (status != CORBEL_OK)
        return status;
    struct save_options options = {.dtype = p.dtype ? p.dtype : model->asked_dtype,
                                   .max_shard_size = p.max_shard_size,
                                   .on_progress = p.on_progress,
                                   .user = p.user};
    return save_model(model, dir, &options, saved, err);
}
