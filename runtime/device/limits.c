/* device/limits.c: what a device can do at most, for a benchmark to hold its figures against. */
#include "base/error.h"
#include "device/device.h"

corbel_status device_measure_limits(struct device *device, int32_t dtype, double *read_bytes_per_s,
                                    double *flops_per_s, corbel_error *err)
{
    *read_bytes_per_s = *flops_per_s = 0;
    if (!device->ops->measure_limits)
        return error_set(err, CORBEL_E_UNSUPPORTED, "%s: its limits can't be measured",
                         device->name);
    return device->ops->measure_limits(device, dtype, read_bytes_per_s, flops_per_s, err);
}
