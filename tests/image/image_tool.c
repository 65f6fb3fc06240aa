/* image_tool.c: pictures on the command line, for compare_images.py. Lines in, lines out:
 *
 *     decode PATH OUT                    ->  WIDTH HEIGHT, or "error: ..."; OUT gets the pixels
 *     resize PATH WIDTH HEIGHT FILTER OUT    (a number of enum resample_filter)
 *     process DIR OUT PATH ...           ->  N 3 HEIGHT WIDTH; OUT gets the floats
 *
 * Words are separated by single spaces and hold none. */
#include "corbel/image.h"
#include "image/resample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 16

static bool write_out(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    bool good = file && fwrite(data, 1, size, file) == size;
    return (!file || fclose(file) == 0) && good;
}

static corbel_status show(const struct image *image, const char *path)
{
    if (!write_out(path, image->pixels, (size_t)image->width * image->height * 3))
        return CORBEL_E_IO;
    printf("%u %u\n", image->width, image->height);
    return CORBEL_OK;
}

static corbel_status decode(char **words, corbel_error *err)
{
    struct image image;
    corbel_status status = image_load(&image, words[1], err);
    if (status == CORBEL_OK)
        status = show(&image, words[2]);
    image_finish(&image);
    return status;
}

static corbel_status resize(char **words, corbel_error *err)
{
    struct image image, resized = {0};
    corbel_status status = image_load(&image, words[1], err);
    if (status == CORBEL_OK)
        status = image_resize(&image, strtoull(words[2], NULL, 10), strtoull(words[3], NULL, 10),
                              (enum resample_filter)atoi(words[4]), words[1], &resized, err);
    if (status == CORBEL_OK)
        status = show(&resized, words[5]);
    image_finish(&resized);
    image_finish(&image);
    return status;
}

static corbel_status process(char **words, size_t n_words, corbel_error *err)
{
    corbel_image_processor *processor = NULL;
    corbel_image *images[MAX_WORDS] = {0};
    corbel_tensors *outputs = NULL;
    size_t n = n_words - 3;
    corbel_status status = corbel_image_processor_load(words[1], &processor, err);
    for (size_t i = 0; i < n && status == CORBEL_OK; i++)
        status = corbel_image_load(words[3 + i], &images[i], err);
    if (status == CORBEL_OK)
        status =
            corbel_image_process(processor, (const corbel_image *const *)images, n, &outputs, err);
    if (status == CORBEL_OK) {
        const corbel_tensor *t = corbel_tensors_at(outputs, 0);
        size_t size = (size_t)(t->shape[0] * t->shape[1] * t->shape[2] * t->shape[3]);
        status = write_out(words[2], t->data, size * sizeof(float)) ? CORBEL_OK : CORBEL_E_IO;
        printf("%d %d %d %d\n", (int)t->shape[0], (int)t->shape[1], (int)t->shape[2],
               (int)t->shape[3]);
    }
    corbel_tensors_destroy(&outputs);
    for (size_t i = 0; i < n; i++)
        corbel_image_destroy(&images[i]);
    corbel_image_processor_destroy(&processor);
    return status;
}

int main(void)
{
    char line[8192];
    while (fgets(line, sizeof(line), stdin)) {
        char *words[MAX_WORDS] = {0}, *rest = NULL;
        size_t n = 0;
        for (char *w = strtok_r(line, " \n", &rest); w && n < MAX_WORDS;
             w = strtok_r(NULL, " \n", &rest))
            words[n++] = w;
        corbel_error err = {.text = "?"};
        corbel_status status = CORBEL_E_ARGUMENT;
        if (n == 3 && strcmp(words[0], "decode") == 0)
            status = decode(words, &err);
        else if (n == 6 && strcmp(words[0], "resize") == 0)
            status = resize(words, &err);
        else if (n >= 4 && strcmp(words[0], "process") == 0)
            status = process(words, n, &err);
        if (status != CORBEL_OK)
            printf("error: %s\n", err.text);
        fflush(stdout);
    }
    return 0;
}
