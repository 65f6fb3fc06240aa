/* fuzz_isolation.c: what a plugin's process may send. The first byte says as what the rest is read:
 * a descriptor, parameters, a program, a failure, a line for the log. */
#include "plugin/protocol.h"
#include "program/binary.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_descriptor(const uint8_t *body, size_t size)
{
    struct descriptor d;
    corbel_error err;

    if (answer_get_descriptor(body, size, "fuzz", &d, &err) == CORBEL_OK) {
        if (d.plugin.n_archs == 0 || !descriptor_arch(&d, d.archs[0].name))
            abort();
        descriptor_finish(&d);
    } else if (err.text[0] == 0) {
        abort();
    }
}

static void read_params(const uint8_t *body, size_t size)
{
    struct param_list params = {0};
    struct arena names = {0};
    corbel_error err;

    if (answer_get_params(body, size, "Fuzz", &names, &params, &err) == CORBEL_OK)
        for (uint32_t i = 0; i < params.n; i++)
            if (strlen(params.items[i].name) > size || params.items[i].rank > PROGRAM_MAX_RANK)
                abort();
    params_finish(&params);
    arena_finish(&names);
}

static void read_program(const uint8_t *body, size_t size)
{
    struct plugin_param weight = {.name = "model.weight", .rank = 1, .shape = {4}};
    const struct param_list params = {.items = &weight, .n = 1, .elements = 4};
    const struct trace_input input = {"x", CORBEL_F32, 2, {2, 4}};
    const struct trace_options options = {.inputs = &input, .n_inputs = 1, .capacity = 16};
    struct program program;
    corbel_error err;

    static const struct program_kernel kernels[] = {
        {.name = "inner", .n_buffers = 3, .push_size = 8}, {.name = "outer", .n_buffers = 4}};

    if (answer_get_program(body, size, "Fuzz", &params, &options, &program, &err) == CORBEL_OK &&
        (program_verify(&program, false, &err) != CORBEL_OK ||
         (program_set_kernels(&program, kernels, 2, &err) == CORBEL_OK &&
          program_prune(&program, &err) != CORBEL_OK)))
        abort();
    program_finish(&program);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *body = malloc(size ? size : 1); /* exactly as large, for the sanitizer */
    corbel_error err;

    if (!body || size == 0) {
        free(body);
        return 0;
    }
    memcpy(body, data + 1, size - 1);
    /* A checksum is nothing to guess (see fuzz_program.c). */
    for (size_t i = 0; i < 4 && data[0] % 5 == 2 && size >= 17; i++)
        body[12 + i] = (uint8_t)(binary_vocabulary() >> 8 * i);
    body = realloc(body, size > 1 ? size - 1 : 1);
    switch (data[0] % 5) {
    case 0: read_descriptor(body, size - 1); break;
    case 1: read_params(body, size - 1); break;
    case 2: read_program(body, size - 1); break;
    case 3: answer_get_failed(body, size - 1, &err); break;
    default: answer_get_log(body, size - 1); break;
    }
    free(body);
    return 0;
}
