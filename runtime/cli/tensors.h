/* cli/tensors.h: corbel_tensors where the API takes arrays of corbel_tensor. */
#ifndef CLI_TENSORS_H
#define CLI_TENSORS_H

#include "corbel/corbel.h"

corbel_status tensors_forward(corbel_model *model, const corbel_tensors *inputs,
                              const corbel_forward_params *params, corbel_tensors **outputs,
                              corbel_error *err);
corbel_status tensors_generate(corbel_model *model, const corbel_tensors *inputs,
                               const corbel_generate_params *params, corbel_tensors **outputs,
                               corbel_error *err);
/* All of them into the safetensors file `path`. */
corbel_status tensors_write(const char *path, const corbel_tensors *tensors, corbel_error *err);

#endif
