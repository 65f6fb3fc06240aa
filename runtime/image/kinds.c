/* image/kinds.c: see kinds.h. Each row is a class of transformers'
 * models/.../image_processing_*.py.
 */
#include "image/kinds.h"

#include "base/error.h"

#include <string.h>

#define IMAGENET_DEFAULT  .image_mean = {0.485, 0.456, 0.406}, .image_std = {0.229, 0.224, 0.225}
#define IMAGENET_STANDARD .image_mean = {0.5, 0.5, 0.5}, .image_std = {0.5, 0.5, 0.5}
#define OPENAI_CLIP                                    \
    .image_mean = {0.48145466, 0.4578275, 0.40821073}, \
    .image_std = {0.26862954, 0.26130258, 0.27577711}
#define SQUARE(n)                   \
    {                               \
        .height = (n), .width = (n) \
    }
#define SHORTEST(n)          \
    {                        \
        .shortest_edge = (n) \
    }

/* What all of them do. */
#define STEPS \
    .do_resize = true, .do_rescale = true, .do_normalize = true, .rescale_factor = 1.0 / 255
#define PLAIN .pads = true, .normalizes = true

/* clang-format off */
static const struct image_kind kinds[] = {
    {"ViT", PLAIN, .defaults = {STEPS, IMAGENET_STANDARD,
        .resample = RESAMPLE_BILINEAR, .size = SQUARE(224)}},
    {"DeiT", PLAIN, .defaults = {STEPS, IMAGENET_STANDARD,
        .resample = RESAMPLE_BICUBIC, .size = SQUARE(256), .do_center_crop = true, .crop_size = SQUARE(224)}},
    {"ConvNext", .normalizes = true, .number_is_short = true, .defaults = {STEPS, IMAGENET_STANDARD,
        .resample = RESAMPLE_BICUBIC, .size = SHORTEST(384), .crop_pct = 224.0 / 256,
        .resize_rule = RESIZE_CONVNEXT}},
    {"CLIP", PLAIN, .number_is_short = true, .defaults = {STEPS, OPENAI_CLIP,
        .resample = RESAMPLE_BICUBIC, .size = SHORTEST(224), .do_center_crop = true, .crop_size = SQUARE(224)}},
    {"ChineseCLIP", PLAIN, .number_is_short = true, .defaults = {STEPS, OPENAI_CLIP,
        .resample = RESAMPLE_BICUBIC, .size = SHORTEST(224), .do_center_crop = true, .crop_size = SQUARE(224)}},
    {"Bit", PLAIN, .number_is_short = true, .defaults = {STEPS, OPENAI_CLIP,
        .resample = RESAMPLE_BICUBIC, .size = SHORTEST(224), .do_center_crop = true, .crop_size = SQUARE(224)}},
    {"Siglip", PLAIN, .number_is_short = true, .defaults = {STEPS, IMAGENET_STANDARD,
        .resample = RESAMPLE_BICUBIC, .size = SQUARE(224)}},
    {"Blip", PLAIN, .defaults = {STEPS, OPENAI_CLIP,
        .resample = RESAMPLE_BICUBIC, .size = SQUARE(384)}},
    {"Beit", .normalizes = true, .defaults = {STEPS, IMAGENET_STANDARD,
        .resample = RESAMPLE_BICUBIC, .size = SQUARE(224), .crop_size = SQUARE(224)}},
    {"EfficientNet", .normalizes = true, .offsets = true, .defaults = {STEPS, IMAGENET_STANDARD,
        .resample = RESAMPLE_BICUBIC, .size = SQUARE(346), .crop_size = SQUARE(289), .include_top = true}},
    {"Levit", PLAIN, .number_is_short = true, .defaults = {STEPS, IMAGENET_DEFAULT,
        .resample = RESAMPLE_BICUBIC, .size = SHORTEST(224), .do_center_crop = true, .crop_size = SQUARE(224),
        .resize_rule = RESIZE_LEVIT}},
    {"MobileNetV1", PLAIN, .number_is_short = true, .defaults = {STEPS, IMAGENET_STANDARD,
        .resample = RESAMPLE_BILINEAR, .size = SHORTEST(256), .do_center_crop = true, .crop_size = SQUARE(224)}},
    {"MobileNetV2", .normalizes = true, .number_is_short = true, .defaults = {STEPS, IMAGENET_STANDARD,
        .resample = RESAMPLE_BILINEAR, .size = SHORTEST(256), .do_center_crop = true, .crop_size = SQUARE(224)}},
    {"MobileViT", .flips = true, .number_is_short = true, .defaults = {
        .do_resize = true, .do_rescale = true, .rescale_factor = 1.0 / 255, .do_flip_channel_order = true,
        .resample = RESAMPLE_BICUBIC, .size = SHORTEST(224), .do_center_crop = true, .crop_size = SQUARE(256)}},
    {"PoolFormer", PLAIN, .number_is_short = true, .defaults = {STEPS, IMAGENET_DEFAULT,
        .resample = RESAMPLE_BICUBIC, .size = SHORTEST(224), .do_center_crop = true, .crop_size = SQUARE(224),
        .crop_pct = 0.9, .resize_rule = RESIZE_POOLFORMER}},
    {"Pvt", PLAIN, .defaults = {STEPS, IMAGENET_DEFAULT,
        .resample = RESAMPLE_BICUBIC, .size = SQUARE(224)}},
    {"Segformer", .normalizes = true, .never_crops = true, .defaults = {STEPS, IMAGENET_DEFAULT,
        .resample = RESAMPLE_BILINEAR, .size = SQUARE(512)}},
};
/* clang-format on */

/* Classes with steps of their own that their files need not mention. */
static const char *const others[] = {
    "BridgeTower",
    "ConditionalDetr",
    "DeformableDetr",
    "Detr",
    "Donut",
    "DPT",
    "Flava",
    "Fuyu",
    "GLPN",
    "Gemma3",
    "Gemma4",
    "GotOcr2",
    "GroundingDino",
    "Idefics",
    "Idefics2",
    "Idefics3",
    "ImageGPT",
    "Janus",
    "LayoutLMv2",
    "LayoutLMv3",
    "Llava",
    "LlavaNext",
    "MaskFormer",
    "Mask2Former",
    "Mllama",
    "Nougat",
    "OneFormer",
    "Owlv2",
    "Perceiver",
    "Pix2Struct",
    "Pixtral",
    "Qwen2VL",
    "RTDetr",
    "Sam",
    "Sam2",
    "SegGpt",
    "Siglip2",
    "SmolVLM",
    "SuperPoint",
    "Swin2SR",
    "TextNet",
    "TimmWrapper",
    "Tvp",
    "VideoMAE",
    "Vilt",
    "VitMatte",
    "VitPose",
    "Yolos",
    "ZoeDepth",
};

/* "ViT" of "ViTImageProcessorFast". */
static size_t stem_size(const char *type)
{
    static const char *const suffixes[] = {"ImageProcessorFast", "ImageProcessorPil",
                                           "ImageProcessor", "FeatureExtractor"};
    size_t size = strlen(type);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
        size_t n = strlen(suffixes[i]);
        if (size > n && strcmp(type + size - n, suffixes[i]) == 0)
            return size - n;
    }
    return size;
}

corbel_status image_kind_find(const char *type, const char *name, const struct image_kind **kind,
                              corbel_error *err)
{
    const size_t size = stem_size(type);
    *kind = NULL;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (strlen(kinds[i].name) == size && memcmp(kinds[i].name, type, size) == 0)
            *kind = &kinds[i];
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (strlen(others[i]) == size && memcmp(others[i], type, size) == 0)
            return error_set(err, CORBEL_E_UNSUPPORTED,
                             "%s: image_processor_type: %s takes steps that Corbel does not know; "
                             "make pixel_values elsewhere and give them to `corbel forward`",
                             name, type);
    return CORBEL_OK;
}
