/* fuzz_program.c: bytes either are refused, or give a program that is sound: it verifies, prints,
 * can be planned, and has the same bytes when it is written again and read again. */
#include "program/binary.h"
#include "program/plan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print_all(const struct program *p)
{
    struct text text = {0};
    program_print_text(p, &text);
    program_print_dot(p, &text);
    program_print_json(p, &text);
    text_finish(&text);
}

/* A device that runs every kernel that it is told of. */
static const char *refuse_none(void *user, const struct program *p,
                               const struct program_region *region,
                               const struct program_kernel *kernel)
{
    (void)user;
    (void)p;
    (void)region;
    (void)kernel;
    return NULL;
}

static void plan_all(const struct program *p, unsigned bits)
{
    const struct plan_options options = {.fuse_linear = bits & 1,
                                         .fuse_norm = bits & 2,
                                         .fuse_rope = bits & 4,
                                         .host_prologue = bits & 8,
                                         .refuse_kernel = bits & 1 ? refuse_none : NULL,
                                         .alignment = 64};
    struct plan plan;
    corbel_error err;
    if (plan_create(&plan, p, &options, &err) != CORBEL_OK)
        abort();
    struct text text = {0};
    plan_print(&plan, CORBEL_PROGRAM_TEXT, "fuzz", &text);
    plan_print(&plan, CORBEL_PROGRAM_JSON, "fuzz", &text);
    text_finish(&text);
    plan_finish(&plan);
}

static void write_again(const struct program *p)
{
    struct program again;
    char *first, *second;
    size_t first_size, second_size;
    corbel_error err;
    if (program_write(p, &first, &first_size, &err) != CORBEL_OK ||
        program_read(&again, first, first_size, &err) != CORBEL_OK ||
        program_write(&again, &second, &second_size, &err) != CORBEL_OK ||
        first_size != second_size || memcmp(first, second, first_size) != 0)
        abort();
    free(first);
    free(second);
    program_finish(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint32_t vocabulary = binary_vocabulary();
    struct program p;
    corbel_error err;
    uint8_t *bytes = malloc(size ? size : 1);
    if (!bytes)
        return 0;
    memcpy(bytes, data, size);
    /* A checksum is nothing to guess; so the corpus also outlives a change of operations.h. */
    for (size_t i = 0; i < 4 && size >= 16; i++)
        bytes[12 + i] = (uint8_t)(vocabulary >> 8 * i);
    if (program_read(&p, bytes, size, &err) == CORBEL_OK) {
        if (program_verify(&p, false, &err) != CORBEL_OK)
            abort();
        static const struct program_kernel kernels[] = {
            {.name = "inner", .n_buffers = 3, .push_size = 8}, {.name = "outer", .n_buffers = 4}};
        if (program_set_kernels(&p, kernels, 2, &err) != CORBEL_OK)
            p.n_kernels = 0;
        print_all(&p);
        write_again(&p);
        for (unsigned bits = 0; bits < 16; bits += 5)
            plan_all(&p, bits);
        if (program_prune(&p, &err) != CORBEL_OK || program_verify(&p, false, &err) != CORBEL_OK)
            abort();
        program_finish(&p);
    }
    free(bytes);
    return 0;
}
