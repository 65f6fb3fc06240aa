/* test_image_fixtures.c: every picture and every processor of fixtures/images, against Pillow and
 * transformers: PNG equal, JPEG within what decoders may differ by, pixel_values within 1e-6. */
#include "corbel/image.h"
#include "oracle/fixture.h"
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JPEG_LEVELS 3 /* that two sound decoders may be apart */

static corbel_image *load(const char *file)
{
    char path[4096];
    corbel_image *image = NULL;
    corbel_error err = {0};
    fixture_path(path, sizeof(path), "images", file);
    if (corbel_image_load(path, &image, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    return image;
}

/* The largest difference of a level; decoded.FILE is [height, width, 3] U8. */
static int pixel_distance(const corbel_image *image, const corbel_tensor *expected)
{
    const uint8_t *a = corbel_image_pixels(image), *b = expected->data;
    int worst = 0;
    assert_int_equal(expected->shape[0], corbel_image_height(image));
    assert_int_equal(expected->shape[1], corbel_image_width(image));
    for (size_t i = 0; i < tensor_elements(expected); i++)
        worst = abs(a[i] - b[i]) > worst ? abs(a[i] - b[i]) : worst;
    return worst;
}

static corbel_tensors *expected_tensors(void)
{
    char path[4096];
    fixture_path(path, sizeof(path), "images", "expected.safetensors");
    return fixture_tensors(path);
}

static void test_pictures_decode_to_the_pixels_of_pillow(void **state)
{
    (void)state;
    corbel_tensors *expected = expected_tensors();
    size_t n = 0;
    for (size_t i = 0; i < corbel_tensors_count(expected); i++) {
        const corbel_tensor *t = corbel_tensors_at(expected, i);
        if (strncmp(t->name, "decoded.", 8) != 0)
            continue;
        corbel_image *image = load(t->name + 8);
        const int distance = pixel_distance(image, t);
        const int allowed = strstr(t->name, ".jpg") ? JPEG_LEVELS : 0;
        if (distance > allowed)
            fail_msg("%s: differs by %d levels", t->name, distance);
        corbel_image_destroy(&image);
        n++;
    }
    assert_true(n >= 14);
    corbel_tensors_destroy(&expected);
}

static void check_values(const char *name, const corbel_tensor *actual,
                         const corbel_tensor *expected)
{
    const float *a = actual->data, *b = expected->data;
    assert_int_equal(actual->rank, 4);
    assert_memory_equal(actual->shape + 1, expected->shape, 3 * sizeof(*expected->shape));
    for (size_t i = 0; i < tensor_elements(expected); i++)
        if (!(fabsf(a[i] - b[i]) <= 1e-6f))
            fail_msg("%s: element %zu is %.9g, expected %.9g", name, i, (double)a[i], (double)b[i]);
}

/* PROCESSOR.FILE.pil, of a picture that decodes exactly. */
static bool check_processor(const corbel_tensor *expected, const corbel_tensors *all)
{
    char name[256], folder[4096], decoded[300];
    corbel_image_processor *processor = NULL;
    corbel_tensors *outputs = NULL;
    corbel_error err = {0};
    snprintf(name, sizeof(name), "%s", expected->name);
    char *file = strchr(name, '.');
    if (!file || strcmp(name + strlen(name) - 4, ".pil") != 0)
        return false;
    *file++ = 0;
    file[strlen(file) - 4] = 0;

    corbel_image *image = load(file);
    snprintf(decoded, sizeof(decoded), "decoded.%s", file);
    const bool exact = pixel_distance(image, corbel_tensors_find(all, decoded)) == 0;
    fixture_path(folder, sizeof(folder), "images/processors", name);
    if (corbel_image_processor_load(folder, &processor, &err) != CORBEL_OK ||
        corbel_image_process(processor, (const corbel_image *const *)&image, 1, &outputs, &err) !=
            CORBEL_OK)
        fail_msg("%s", err.text);
    if (exact)
        check_values(expected->name, corbel_tensors_at(outputs, 0), expected);
    corbel_tensors_destroy(&outputs);
    corbel_image_processor_destroy(&processor);
    corbel_image_destroy(&image);
    return exact;
}

static void test_processors_make_the_values_of_transformers(void **state)
{
    (void)state;
    corbel_tensors *expected = expected_tensors();
    size_t n = 0;
    for (size_t i = 0; i < corbel_tensors_count(expected); i++)
        n += check_processor(corbel_tensors_at(expected, i), expected);
    assert_true(n >= 15);
    corbel_tensors_destroy(&expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pictures_decode_to_the_pixels_of_pillow),
        cmocka_unit_test(test_processors_make_the_values_of_transformers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
