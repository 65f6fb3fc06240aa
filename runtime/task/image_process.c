/* task/image_process.c: corbel_image_process: what image/ has prepared, as a list of tensors. It
 * stands here because image/ knows of no tensors. */
#include "image/processor.h"
#include "model/model.h"

static corbel_status make_tensor(const struct image_batch *batch, corbel_tensors **outputs,
                                 corbel_error *err)
{
    void *values = NULL;
    corbel_status status = tensors_create(outputs, err);
    if (status == CORBEL_OK)
        status = tensors_add(*outputs, "pixel_values", CORBEL_F32, 4, batch->shape, &values, err);
    if (status == CORBEL_OK)
        image_batch_write(batch, values);
    else
        corbel_tensors_destroy(outputs);
    return status;
}

corbel_status corbel_image_process(const corbel_image_processor *processor,
                                   const corbel_image *const *images, size_t n_images,
                                   corbel_tensors **outputs, corbel_error *err)
{
    struct image_batch batch;
    *outputs = NULL;
    corbel_status status = image_batch_prepare(&batch, processor, images, n_images, err);
    if (status == CORBEL_OK)
        status = make_tensor(&batch, outputs, err);
    image_batch_finish(&batch);
    return status;
}
