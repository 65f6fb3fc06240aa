/* test_settings.c: what preprocessor_config.json may say, what comes of it, and what is refused. */
#include "image/prepare.h"
#include "image/settings.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

static corbel_status parse(struct image_settings *s, const char *json, corbel_error *err)
{
    return image_settings_parse(s, json, strlen(json), "p.json", err);
}

/* From a picture of 100 x 60 pixels; sizes are width x height. compare_images.py asks transformers.
 */
static void test_steps_give_these_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        uint32_t width, height;
    } rows[] = {
        {"{\"image_processor_type\": \"ViTImageProcessor\"}", 224, 224},
        {"{\"image_processor_type\": \"ViTImageProcessorFast\", \"size\": 20}", 20, 20},
        {"{\"feature_extractor_type\": \"ViTFeatureExtractor\", \"size\": [20, 30]}", 30, 20},
        {"{\"image_processor_type\": \"ViTImageProcessor\", \"do_resize\": false}", 100, 60},
        {"{\"image_processor_type\": \"ViTImageProcessor\", \"do_resize\": null}", 100, 60},
        {"{\"image_processor_type\": \"ViTImageProcessor\", \"size\": {\"shortest_edge\": 30}}", 50,
         30},
        {"{\"image_processor_type\": \"ViTImageProcessor\", \"size\": {\"shortest_edge\": 30, "
         "\"longest_edge\": 40}}",
         40, 24},
        {"{\"image_processor_type\": \"ViTImageProcessor\", \"size\": {\"max_height\": 30, "
         "\"max_width\": 30}}",
         30, 18},
        {"{\"image_processor_type\": \"ViTImageProcessor\", \"size\": 20, \"default_to_square\": "
         "false}",
         33, 20},
        {"{\"image_processor_type\": \"SiglipImageProcessor\", \"size\": 20}", 33, 20},
        {"{\"image_processor_type\": \"DeiTImageProcessor\"}", 224, 224},
        {"{\"image_processor_type\": \"CLIPImageProcessor\"}", 224, 224},
        {"{\"image_processor_type\": \"CLIPImageProcessor\", \"do_center_crop\": false}", 373, 224},
        {"{\"image_processor_type\": \"ConvNextImageProcessor\"}", 384, 384},
        {"{\"image_processor_type\": \"ConvNextImageProcessor\", \"size\": 48}", 48, 48},
        {"{\"image_processor_type\": \"LevitImageProcessor\", \"do_center_crop\": false}", 426,
         256},
        {"{\"image_processor_type\": \"PoolFormerImageProcessor\", \"do_center_crop\": false}", 413,
         248},
        {"{\"image_processor_type\": \"ViTImageProcessor\", \"do_resize\": false, "
         "\"do_center_crop\": true, \"crop_size\": 70}",
         70, 70},
        /* without a class that is known: what the keys say */
        {"{}", 100, 60},
        {"{\"size\": 20}", 20, 20},
        {"{\"size\": 20, \"do_center_crop\": true, \"crop_size\": 18}", 18, 18},
        {"{\"size\": 40, \"crop_pct\": 0.875}", 40, 40},
        {"{\"image_processor_type\": \"AcmeImageProcessor\", \"size\": {\"height\": 7, \"width\": "
         "9}}",
         9, 7},
        {"{\"processor_class\": \"P\", \"image_processor\": {\"size\": 11}}", 11, 11},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct image_settings settings;
        struct image from, to = {0};
        corbel_error err = {0};
        assert_int_equal(image_create(&from, 100, 60, "x", NULL), CORBEL_OK);
        if (parse(&settings, rows[i].json, &err) != CORBEL_OK ||
            image_prepare(&settings, &from, "x", &to, &err) != CORBEL_OK)
            fail_msg("%s: %s", rows[i].json, err.text);
        if (to.width != rows[i].width || to.height != rows[i].height)
            fail_msg("%s: %u x %u", rows[i].json, to.width, to.height);
        image_finish(&to);
        image_finish(&from);
    }
}

#define VIT(members) "{\"image_processor_type\": \"ViTImageProcessor\", " members "}"

static void test_wrong_files_are_refused_by_key(void **state)
{
    (void)state;
    static const struct {
        const char *json, *why;
        corbel_status expect;
    } rows[] = {
        {"", "p.json", CORBEL_E_FORMAT},
        {"[]", "expected an object", CORBEL_E_CONFIG},
        {"{\"image_processor\": 3}", "expected an object", CORBEL_E_CONFIG},
        {"{\"image_processor_type\": 3}", "image_processor_type", CORBEL_E_FORMAT},
        {"{\"image_processor_type\": \"DonutImageProcessor\"}", "Donut", CORBEL_E_UNSUPPORTED},
        {"{\"image_processor_type\": \"DetrFeatureExtractor\"}", "Detr", CORBEL_E_UNSUPPORTED},
        {VIT("\"do_thumbnail\": true"), "do_thumbnail", CORBEL_E_UNSUPPORTED},
        {VIT("\"min_pixels\": 3136"), "min_pixels", CORBEL_E_UNSUPPORTED},
        {VIT("\"crop_pct\": 0.9"), "crop_pct", CORBEL_E_UNSUPPORTED},
        {VIT("\"data_format\": \"channels_last\""), "data_format", CORBEL_E_UNSUPPORTED},
        {VIT("\"do_resize\": 1"), "do_resize", CORBEL_E_FORMAT},
        {VIT("\"size\": 0"), "size", CORBEL_E_CONFIG},
        {VIT("\"size\": -5"), "size", CORBEL_E_CONFIG},
        {VIT("\"size\": 224.5"), "size", CORBEL_E_CONFIG},
        {VIT("\"size\": \"224\""), "size", CORBEL_E_CONFIG},
        {VIT("\"size\": 9999999999"), "size", CORBEL_E_CONFIG},
        {VIT("\"size\": []"), "size", CORBEL_E_CONFIG},
        {VIT("\"size\": [1, 2, 3]"), "size", CORBEL_E_CONFIG},
        {VIT("\"size\": {}"), "size", CORBEL_E_CONFIG},
        {VIT("\"size\": {\"height\": 3}"), "size", CORBEL_E_CONFIG},
        {VIT("\"size\": {\"longest_edge\": 3}"), "size", CORBEL_E_CONFIG},
        {VIT("\"size\": {\"height\": 3, \"width\": 3, \"shortest_edge\": 3}"), "size",
         CORBEL_E_CONFIG},
        {VIT("\"size\": {\"min_pixels\": 3, \"max_pixels\": 9}"), "size", CORBEL_E_CONFIG},
        {VIT("\"size\": null"), "size: missing", CORBEL_E_CONFIG},
        {VIT("\"resample\": 6"), "resample", CORBEL_E_CONFIG},
        {VIT("\"resample\": -1"), "resample", CORBEL_E_CONFIG},
        {VIT("\"resample\": \"bilinear\""), "resample", CORBEL_E_CONFIG},
        {VIT("\"resample\": null"), "resample: missing", CORBEL_E_CONFIG},
        {VIT("\"do_center_crop\": true"), "crop_size: missing", CORBEL_E_CONFIG},
        {VIT("\"do_center_crop\": true, \"crop_size\": {\"shortest_edge\": 3}"), "crop_size",
         CORBEL_E_CONFIG},
        {VIT("\"rescale_factor\": \"x\""), "rescale_factor", CORBEL_E_CONFIG},
        {VIT("\"rescale_factor\": null"), "rescale_factor: missing", CORBEL_E_CONFIG},
        {VIT("\"image_mean\": [0.5, 0.5]"), "image_mean", CORBEL_E_CONFIG},
        {VIT("\"image_mean\": [0.5, 0.5, \"x\"]"), "image_mean", CORBEL_E_CONFIG},
        {VIT("\"image_mean\": null"), "image_mean: missing", CORBEL_E_CONFIG},
        {VIT("\"image_std\": [0.5, 0, 0.5]"), "image_std", CORBEL_E_CONFIG},
        {VIT("\"image_std\": 1e999"), "image_std", CORBEL_E_CONFIG},
        {"{\"do_normalize\": true}", "image_mean: missing", CORBEL_E_CONFIG},
        {"{\"do_resize\": true}", "size: missing", CORBEL_E_CONFIG},
        {"{\"image_processor_type\": \"ConvNextImageProcessor\", \"size\": {\"height\": 3, "
         "\"width\": 3}}",
         "size", CORBEL_E_CONFIG},
        {"{\"image_processor_type\": \"ConvNextImageProcessor\", \"crop_pct\": 0}", "crop_pct",
         CORBEL_E_CONFIG},
        {"{\"image_processor_type\": \"ConvNextImageProcessor\", \"crop_pct\": 1e-300}", "",
         CORBEL_OK},
        {"{\"image_processor_type\": \"SegformerImageProcessor\", \"do_center_crop\": true}",
         "do_center_crop", CORBEL_E_UNSUPPORTED},
        {"{\"image_processor_type\": \"BeitImageProcessor\", \"do_pad\": true}", "do_pad",
         CORBEL_E_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct image_settings settings;
        corbel_error err = {0};
        corbel_status status = parse(&settings, rows[i].json, &err);
        if (status != rows[i].expect || !strstr(err.text, rows[i].why))
            fail_msg("%s: status %d, \"%s\"", rows[i].json, status, err.text);
    }
}

static void test_what_says_nothing_is_let_through(void **state)
{
    (void)state;
    static const char *const rows[] = {
        VIT("\"processor_class\": \"P\""),       VIT("\"_valid_processor_keys\": [\"size\"]"),
        VIT("\"do_thumbnail\": false"),          VIT("\"min_pixels\": null"),
        VIT("\"do_convert_rgb\": true"),         VIT("\"data_format\": \"channels_first\""),
        VIT("\"input_data_format\": null"),      VIT("\"reduce_labels\": true"),
        VIT("\"do_flip_channel_order\": false"),
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct image_settings settings;
        corbel_error err = {0};
        if (parse(&settings, rows[i], &err) != CORBEL_OK)
            fail_msg("%s: %s", rows[i], err.text);
    }
}

/* crop_pct as small as a double can be must not become a size. */
static void test_absurd_sizes_are_refused_when_used(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"image_processor_type\": \"ConvNextImageProcessor\", \"size\": 300, \"crop_pct\": "
        "1e-300}",
        "{\"image_processor_type\": \"LevitImageProcessor\", \"size\": 2147483647}",
        VIT("\"size\": {\"shortest_edge\": 2147483647}"),
        VIT("\"size\": {\"max_height\": 2147483647, \"max_width\": 2147483647}"),
        VIT("\"size\": {\"height\": 2147483647, \"width\": 1}"),
        VIT("\"do_center_crop\": true, \"crop_size\": 2147483647"),
        VIT("\"size\": {\"shortest_edge\": 5, \"longest_edge\": 1}"),
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct image_settings settings;
        struct image from, to = {0};
        corbel_error err = {0};
        assert_int_equal(parse(&settings, rows[i], &err), CORBEL_OK);
        assert_int_equal(image_create(&from, 100, 3, "a.png", NULL), CORBEL_OK);
        if (image_prepare(&settings, &from, "a.png", &to, &err) != CORBEL_E_FORMAT ||
            !strstr(err.text, "a.png"))
            fail_msg("%s: \"%s\"", rows[i], err.text);
        image_finish(&to);
        image_finish(&from);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_give_these_sizes),
        cmocka_unit_test(test_wrong_files_are_refused_by_key),
        cmocka_unit_test(test_what_says_nothing_is_let_through),
        cmocka_unit_test(test_absurd_sizes_are_refused_when_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
