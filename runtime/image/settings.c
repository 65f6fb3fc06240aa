/* image/settings.c: see settings.h.
 *
 * A key that is null switches off or takes away what an absent one leaves at its default, as in
 * transformers. A key that nothing here reads is refused if it asks for something: what is neither
 * null nor false might be a step. */
#include "image/settings.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "image/kinds.h"
#include "image/reader.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MAX_JSON_SIZE (4u << 20)
#define COUNT(array)  (sizeof(array) / sizeof(*(array)))

/* ---- values --------------------------------------------------------------------------------- */

static void need_sides(struct reader *r, const char *key, const char *step,
                       const struct size_rule *size)
{
    reader_need(r, size->height || size->shortest_edge || size->max_height, key, step);
    if (!size->height)
        reader_refuse(r, key, "height and width", reader_find(r, key));
}

static void read_resample(struct reader *r, bool do_resize, enum resample_filter *out)
{
    struct json_object *value = reader_find(r, "resample");
    if (do_resize)
        reader_need(r, !reader_is_null(r, "resample"), "resample", "do_resize");
    if (!value)
        return;
    int64_t filter = json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : -1;
    if (filter >= 0 && filter < N_RESAMPLE_FILTERS)
        *out = (enum resample_filter)filter;
    else
        reader_refuse(r, "resample", "0 to 5 (nearest, Lanczos, bilinear, bicubic, box, Hamming)",
                      value);
}

/* ---- keys --------------------------------------------------------------------------------------
 */

/* What says nothing about the steps. reduce_labels is about segmentation maps. */
static const char *const silent[] = {
    "image_processor_type",
    "feature_extractor_type",
    "processor_class",
    "auto_map",
    "transformers_version",
    "_valid_processor_keys",
    "_processor_class",
    "model_input_names",
    "do_convert_rgb",
    "do_reduce_labels",
    "reduce_labels",
    "return_tensors",
    "device",
    "disable_grouping",
    "image_seq_length",
    "default_to_square",
};
static const char *const steps[] = {
    "do_resize", "size",           "resample",     "do_center_crop", "crop_size", "do_rescale",
    "do_pad",    "rescale_factor", "do_normalize", "image_mean",     "image_std", "pad_size",
};

static bool listed(const char *key, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(key, list[i]) == 0)
            return true;
    return false;
}

/* Keys of some classes alone; without a class all of them are understood. */
static bool special(const struct image_kind *kind, const char *key)
{
    if (strcmp(key, "crop_pct") == 0)
        return !kind || kind->defaults.crop_pct > 0;
    if (strcmp(key, "do_flip_channel_order") == 0)
        return !kind || kind->flips;
    if (strcmp(key, "rescale_offset") == 0 || strcmp(key, "include_top") == 0)
        return !kind || kind->offsets;
    return false;
}

static bool asks_for_nothing(const char *key, struct json_object *value)
{
    if (!value ||
        (json_object_is_type(value, json_type_boolean) && !json_object_get_boolean(value)))
        return true;
    if (strcmp(key, "data_format") == 0 || strcmp(key, "input_data_format") == 0) {
        const char *text = json_object_get_string(value);
        return strcmp(text, "channels_first") == 0 || strcmp(text, "FIRST") == 0;
    }
    return false;
}

static void check_keys(struct reader *r, const struct image_kind *kind)
{
    struct json_object_iter member;
    json_object_object_foreachC(r->object, member)
    {
        const char *key = member.key;
        struct json_object *value = member.val;
        if (listed(key, silent, COUNT(silent)) || listed(key, steps, COUNT(steps)) ||
            special(kind, key) || asks_for_nothing(key, value))
            continue;
        if (r->status == CORBEL_OK)
            r->status = error_set(r->err, CORBEL_E_UNSUPPORTED,
                                  "%s: %s: Corbel does not know what this asks for (%s%s%s)",
                                  r->name, key, json_describe(value),
                                  kind ? "; nor does transformers' " : "", kind ? kind->name : "");
    }
}

/* do_pad of a class that never pads, and the like. */
static void check_step(struct reader *r, const struct image_kind *kind, const char *key, bool on,
                       bool has)
{
    if (r->status == CORBEL_OK && kind && on && !has)
        r->status = error_set(r->err, CORBEL_E_UNSUPPORTED,
                              "%s: %s: true, but transformers' %s processor has no such step",
                              r->name, key, kind->name);
}

/* ---- settings ----------------------------------------------------------------------------------
 */

/* Without a class: a step is taken if it is asked for or if its numbers are there. */
static struct image_settings defaults_of_keys(const struct reader *r)
{
    return (struct image_settings){
        .do_resize = reader_find(r, "size") != NULL,
        .do_rescale = true,
        .do_normalize = reader_find(r, "image_mean") != NULL,
        .resample = RESAMPLE_BILINEAR,
        .rescale_factor = 1.0 / 255,
    };
}

/* A number as `size`. Without a class, what is cropped later keeps its proportions. */
static bool number_is_short(struct reader *r, const struct image_kind *kind,
                            const struct image_settings *s)
{
    bool square = kind ? !kind->number_is_short : !s->do_center_crop && !reader_find(r, "crop_pct");
    reader_bool(r, "default_to_square", &square);
    return !square;
}

static void read_steps(struct reader *r, const struct image_kind *kind, struct image_settings *s)
{
    reader_bool(r, "do_resize", &s->do_resize);
    reader_bool(r, "do_center_crop", &s->do_center_crop);
    reader_bool(r, "do_rescale", &s->do_rescale);
    reader_bool(r, "do_normalize", &s->do_normalize);
    reader_bool(r, "do_pad", &s->do_pad);
    reader_bool(r, "do_flip_channel_order", &s->do_flip_channel_order);
    reader_bool(r, "rescale_offset", &s->rescale_offset);
    reader_bool(r, "include_top", &s->include_top);
    check_step(r, kind, "do_center_crop", s->do_center_crop, !kind || !kind->never_crops);
    check_step(r, kind, "do_pad", s->do_pad, kind && kind->pads);
    check_step(r, kind, "do_normalize", s->do_normalize, kind && kind->normalizes);
}

/* Of the classes that have it, only ConvNext insists on one. */
static void read_crop_pct(struct reader *r, struct image_settings *s)
{
    struct json_object *value = reader_find(r, "crop_pct");
    if (reader_is_null(r, "crop_pct")) {
        if (s->resize_rule == RESIZE_CONVNEXT)
            reader_refuse(r, "crop_pct", "a number", value);
        s->resize_rule = RESIZE_PLAIN;
    }
    reader_number(r, "crop_pct", &s->crop_pct);
    if (value && !(s->crop_pct > 0 && s->crop_pct <= 1))
        reader_refuse(r, "crop_pct", "a number above 0 and at most 1", value);
}

static void read_resize(struct reader *r, const struct image_kind *kind, struct image_settings *s)
{
    reader_size(r, "size", number_is_short(r, kind, s), &s->size);
    read_resample(r, s->do_resize, &s->resample);
    read_crop_pct(r, s);
    if (!kind && s->crop_pct != 0)
        s->resize_rule = RESIZE_CONVNEXT;
    if (s->resize_rule == RESIZE_CONVNEXT && s->do_resize && !s->size.shortest_edge)
        reader_refuse(r, "size", "a number or shortest_edge", reader_find(r, "size"));
    if ((s->resize_rule == RESIZE_LEVIT || s->resize_rule == RESIZE_POOLFORMER) && s->do_resize &&
        s->size.max_height)
        reader_refuse(r, "size", "a number, shortest_edge, or height and width",
                      reader_find(r, "size"));
    if (s->do_resize)
        reader_need(r, s->size.height || s->size.shortest_edge || s->size.max_height, "size",
                    "do_resize");
}

static void read_normalize(struct reader *r, const struct image_kind *kind,
                           struct image_settings *s)
{
    const char *step = s->do_normalize ? "do_normalize" : "include_top";
    const bool has_default = kind && kind->normalizes;
    bool mean = reader_channels(r, "image_mean", has_default, s->image_mean);
    bool std = reader_channels(r, "image_std", has_default, s->image_std);
    if (s->do_normalize)
        reader_need(r, mean, "image_mean", step);
    if (s->do_normalize || s->include_top) {
        reader_need(r, std, "image_std", step);
        for (int i = 0; i < 3; i++)
            if ((float)s->image_std[i] == 0)
                reader_refuse(r, "image_std", "numbers other than 0", reader_find(r, "image_std"));
    }
}

static void read_settings(struct reader *r, const struct image_kind *kind, struct image_settings *s)
{
    *s = kind ? kind->defaults : defaults_of_keys(r);
    check_keys(r, kind);
    read_steps(r, kind, s);
    read_resize(r, kind, s);
    reader_size(r, "crop_size", false, &s->crop_size);
    if (s->do_center_crop)
        need_sides(r, "crop_size", "do_center_crop", &s->crop_size);
    reader_size(r, "pad_size", false, &s->pad_size);
    if (s->do_pad && reader_find(r, "pad_size"))
        need_sides(r, "pad_size", "do_pad", &s->pad_size);
    reader_number(r, "rescale_factor", &s->rescale_factor);
    if (s->do_rescale)
        reader_need(r, !reader_is_null(r, "rescale_factor"), "rescale_factor", "do_rescale");
    read_normalize(r, kind, s);
}

/* The class, if the file names one that is known. */
static void read_kind(struct reader *r, const struct image_kind **kind)
{
    const char *type = NULL;
    *kind = NULL;
    r->status = json_get_string(r->object, "feature_extractor_type", &type, r->name, r->err);
    if (r->status == CORBEL_OK)
        r->status = json_get_string(r->object, "image_processor_type", &type, r->name, r->err);
    if (r->status == CORBEL_OK && type)
        r->status = image_kind_find(type, r->name, kind, r->err);
    if (r->status == CORBEL_OK && type && !*kind)
        log_line(CORBEL_LOG_WARN,
                 "%s: image_processor_type %s is unknown; what the file's other keys say is done",
                 r->name, type);
}

static corbel_status settings_of(struct image_settings *settings, struct json_object *object,
                                 const char *name, corbel_error *err)
{
    struct reader r = {.object = object, .name = name, .err = err};
    const struct image_kind *kind;
    if (!json_object_is_type(object, json_type_object))
        return error_set(err, CORBEL_E_CONFIG, "%s: expected an object, found %s", name,
                         json_describe(object));
    read_kind(&r, &kind);
    if (r.status == CORBEL_OK)
        read_settings(&r, kind, settings);
    return r.status;
}

corbel_status image_settings_parse(struct image_settings *settings, const char *json, size_t size,
                                   const char *name, corbel_error *err)
{
    struct json_object *root = NULL, *nested = NULL;
    corbel_status status = json_parse(json, size, JSON_DATA, name, &root, err);
    if (status == CORBEL_OK && json_object_is_type(root, json_type_object))
        json_object_object_get_ex(root, "image_processor", &nested);
    if (status == CORBEL_OK)
        status = settings_of(settings, nested ? nested : root, name, err);
    json_object_put(root);
    return status;
}

/* ---- files -------------------------------------------------------------------------------------
 */

/* processor_config.json describes the image processor only in newer repos; *found tells. */
static corbel_status load_nested(struct image_settings *settings, const char *path, bool *found,
                                 corbel_error *err)
{
    struct json_object *root = NULL, *nested = NULL;
    corbel_status status = json_load(path, MAX_JSON_SIZE, JSON_DATA, &root, err);
    if (status == CORBEL_OK && json_object_is_type(root, json_type_object))
        json_object_object_get_ex(root, "image_processor", &nested);
    *found = nested != NULL;
    if (nested)
        status = settings_of(settings, nested, path, err);
    json_object_put(root);
    return status;
}

bool image_settings_exist(const char *dir)
{
    static const char *const files[] = {"processor_config.json", "preprocessor_config.json"};
    char path[PATH_MAX];
    for (size_t i = 0; i < COUNT(files); i++)
        if (path_join(path, sizeof(path), dir, files[i]) && file_exists(path))
            return true;
    return false;
}

corbel_status image_settings_load(struct image_settings *settings, const char *dir,
                                  corbel_error *err)
{
    char path[PATH_MAX];
    char *json = NULL;
    size_t size;
    bool found = false;
    corbel_status status = CORBEL_OK;
    if (path_join(path, sizeof(path), dir, "processor_config.json") && file_exists(path))
        status = load_nested(settings, path, &found, err);
    if (found || status != CORBEL_OK)
        return status;
    if (!path_join(path, sizeof(path), dir, "preprocessor_config.json"))
        return error_set(err, CORBEL_E_ARGUMENT, "%s: the path is too long", dir);
    if (!file_exists(path))
        return error_set(err, CORBEL_E_NOT_FOUND,
                         "%s: no preprocessor_config.json: nothing says how pictures are prepared",
                         dir);
    status = file_read(path, MAX_JSON_SIZE, &json, &size, err);
    if (status == CORBEL_OK)
        status = image_settings_parse(settings, json, size, path, err);
    free(json);
    return status;
}
