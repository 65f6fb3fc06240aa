/* cli/tensors.c: see tensors.h. */
#include "cli/tensors.h"

#include "base/error.h"
#include "cli/output.h"

#include <stdlib.h>

/* The tensors side by side; freed by the caller. Their data stays where it is. */
static corbel_status flatten(const corbel_tensors *tensors, corbel_tensor **array,
                             corbel_error *err)
{
    size_t n = corbel_tensors_count(tensors);
    *array = calloc(n + 1, sizeof(**array));
    if (!*array)
        return error_memory(err, n * sizeof(**array), "tensors");
    for (size_t i = 0; i < n; i++)
        (*array)[i] = *corbel_tensors_at(tensors, i);
    return CORBEL_OK;
}

corbel_status tensors_forward(corbel_model *model, const corbel_tensors *inputs,
                              const corbel_forward_params *params, corbel_tensors **outputs,
                              corbel_error *err)
{
    corbel_tensor *array;
    corbel_status status = flatten(inputs, &array, err);
    if (status == CORBEL_OK)
        status =
            corbel_model_forward(model, array, corbel_tensors_count(inputs), params, outputs, err);
    free(array);
    return status;
}

corbel_status tensors_generate(corbel_model *model, const corbel_tensors *inputs,
                               const corbel_generate_params *params, corbel_tensors **outputs,
                               corbel_error *err)
{
    corbel_tensor *array;
    corbel_status status = flatten(inputs, &array, err);
    if (status == CORBEL_OK)
        status = corbel_generate(model, array, corbel_tensors_count(inputs), params, outputs, err);
    free(array);
    return status;
}

corbel_status tensors_write(const char *path, const corbel_tensors *tensors, corbel_error *err)
{
    corbel_tensor *array;
    corbel_status status = flatten(tensors, &array, err);
    if (status == CORBEL_OK)
        status = output_file_error(
            corbel_tensors_save(path, array, corbel_tensors_count(tensors), err), err);
    free(array);
    return status;
}
