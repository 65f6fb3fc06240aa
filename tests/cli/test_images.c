/* test_images.c: pictures through the command: `corbel run` on them, and `corbel preprocess` with
 * `corbel forward` behind it. */
#include "shell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define EXAMPLES     TEST_SOURCE_DIR "/demo/shapes/examples"
#define SHAPES       "corbel preprocess demo/shapes "

static void test_a_picture_is_named(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {"corbel run demo/shapes " EXAMPLES "/star.png", NULL, 0, "0.99", NULL},
        {"corbel run demo/shapes demo/shapes/examples/star.png", NULL, 0, "star\n", NULL},
        {"corbel run demo/shapes --top-k 1 " EXAMPLES "/ring.png " EXAMPLES "/noisy_moon.jpg", NULL,
         0, "moon\n", NULL},
        {"corbel run demo/shapes --top-k 1", EXAMPLES "/heart.png\n", 0, "heart\n", NULL},
        {"corbel run demo/shapes --task image-classification --json --set top_k=2 " EXAMPLES
         "/star.png",
         NULL, 0, "[{\"label\": \"star\", \"score\": 0.99", NULL},
        {"corbel run demo/shapes --jsonl",
         "{\"inputs\": [\"" EXAMPLES "/moon.png\"], \"parameters\": {\"top_k\": 1, "
         "\"function_to_apply\": \"none\"}}\n",
         0, "[[{\"label\": \"moon\", \"score\": ", NULL},
        {"corbel run demo/shapes --jsonl", "[]\n", 0, "[]\n", NULL},
    };
    shell_table(rows, COUNT(rows));
}

static void test_pixel_values_go_to_forward(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {SHAPES EXAMPLES "/star.png " EXAMPLES "/noisy_heart.jpg --output p.safetensors --json",
         NULL, 0, "{\"pixel_values\": {\"dtype\": \"float32\", \"shape\": [2, 3, 48, 48]}}\n", ""},
        {"corbel forward demo/shapes --inputs p.safetensors --output l.safetensors --json", NULL, 0,
         "{\"logits\": {\"dtype\": \"float32\", \"shape\": [2, 8]}}", ""},
        {SHAPES EXAMPLES "/star.png --output p.safetensors", NULL, 0, "", ""},
        /* a processor of another size, in either file; positions are interpolated on demand */
        {"mkdir flat nested && echo '{\"size\": {\"height\": 64, \"width\": 96}, \"image_mean\": "
         "0.5, \"image_std\": 0.5}' > flat/preprocessor_config.json && echo '{\"image_processor\": "
         "{\"image_processor_type\": \"ViTImageProcessor\", \"size\": 64}}' > "
         "nested/processor_config.json",
         NULL, 0, NULL, NULL},
        {"corbel preprocess nested " EXAMPLES "/star.png --output n.safetensors --json", NULL, 0,
         "[1, 3, 64, 64]", ""},
        {"corbel preprocess flat " EXAMPLES "/star.png --output w.safetensors --json", NULL, 0,
         "[1, 3, 64, 96]", ""},
        {"corbel forward demo/shapes --inputs w.safetensors --output l.safetensors", NULL, 1, "",
         "interpolate_pos_encoding"},
        {"corbel forward demo/shapes --inputs w.safetensors --output l.safetensors --set "
         "interpolate_pos_encoding=true --json",
         NULL, 0, "[1, 8]", ""},
    };
    shell_table(rows, COUNT(rows));
}

static void test_what_is_wrong_with_pictures_is_said(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {SHAPES EXAMPLES "/star.png", NULL, 2, "", "--output FILE is missing"},
        {"corbel preprocess demo/shapes", NULL, 2, "", "IMAGE"},
        {SHAPES "no.png --output p.safetensors", NULL, 4, "", "no.png"},
        {"corbel preprocess demo/storyteller " EXAMPLES "/star.png --output p.safetensors", NULL, 4,
         "", "no preprocessor_config.json"},
        {SHAPES TEST_SOURCE_DIR "/LICENSE --output p.safetensors", NULL, 1, "",
         "LICENSE: neither a PNG nor a JPEG"},
        {SHAPES "$F/hostile/img_png_bomb/model/image.png --output p.safetensors", NULL, 1, "",
         "image.png"},
        {"corbel run demo/shapes $F/hostile/img_png_truncated/model/image.png", NULL, 1, "",
         "image.png"},
        {"mkdir short && echo '{\"size\": {\"shortest_edge\": 20}}' > "
         "short/preprocessor_config.json",
         NULL, 0, NULL, NULL},
        {"corbel preprocess short $F/images/rgb.png $F/images/rgba.png --output p.safetensors",
         NULL, 1, "", "one tensor can't hold both"},
        {"echo '{\"do_thumbnail\": true}' > short/preprocessor_config.json && corbel preprocess "
         "short $F/images/rgb.png --output p.safetensors",
         NULL, 1, "", "preprocessor_config.json: do_thumbnail"},
        {"corbel run demo/shapes http://localhost/a.png", NULL, 1, "", "are not fetched"},
        {"corbel run demo/shapes --jsonl", "{\"inputs\": 3}\n", 1, "", "the path of a picture"},
        {"corbel run demo/shapes --set top_n=3 a.png", NULL, 2, "", "top_k"},
    };
    shell_table(rows, COUNT(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_picture_is_named),
        cmocka_unit_test(test_pixel_values_go_to_forward),
        cmocka_unit_test(test_what_is_wrong_with_pictures_is_said),
    };
    return cmocka_run_group_tests(tests, shell_setup, shell_teardown);
}
