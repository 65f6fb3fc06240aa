/* image/settings.h: what an image processor does, as preprocessor_config.json says it.
 *
 * The file names steps and their numbers; its image_processor_type names a class of transformers,
 * of which only the defaults and the way to resize matter here (kinds.c). */
#ifndef IMAGE_SETTINGS_H
#define IMAGE_SETTINGS_H

#include "image/resample.h"

#include <stdbool.h>

/* In pixels; 0: not given. What is given together: height and width, or shortest_edge with or
 * without longest_edge, or max_height and max_width. */
struct size_rule {
    int64_t height, width, shortest_edge, longest_edge, max_height, max_width;
};

/* How `size` becomes the size to resize to. */
enum resize_rule {
    RESIZE_PLAIN,
    RESIZE_CONVNEXT,   /* shortest_edge: crop_pct of the picture is cropped to it */
    RESIZE_POOLFORMER, /* larger by crop_pct */
    RESIZE_LEVIT,      /* shortest_edge times 256/224 */
};

struct image_settings {
    bool do_resize, do_center_crop, do_rescale, do_normalize, do_pad;
    bool do_flip_channel_order; /* to blue, green, red */
    bool rescale_offset;        /* one less after rescaling */
    bool include_top;           /* divided by image_std once more at the end */
    enum resize_rule resize_rule;
    enum resample_filter resample;
    struct size_rule size, crop_size, pad_size; /* the last two: height and width */
    double crop_pct;                            /* 0: none */
    double rescale_factor;
    double image_mean[3], image_std[3];
};

/* Whether the folder `dir` has a file that image_settings_load could read. */
bool image_settings_exist(const char *dir);
/* Of the model in folder `dir`: processor_config.json's image_processor, else
 * preprocessor_config.json. */
corbel_status image_settings_load(struct image_settings *settings, const char *dir,
                                  corbel_error *err);
/* The same from a file's text, for which `name` stands in messages. */
corbel_status image_settings_parse(struct image_settings *settings, const char *json, size_t size,
                                   const char *name, corbel_error *err);

#endif
