/* The public headers of the host, alone and in this order, as C11. */
#include "corbel/chat.h"

#include "corbel/image.h"

#include "corbel/trust.h"

#include "corbel/corbel.h"

int main(void)
{
    corbel_runtime_params params = CORBEL_RUNTIME_PARAMS(.lock = "corbel.lock");

    return params.struct_size == sizeof(params) ? 0 : 1;
}
