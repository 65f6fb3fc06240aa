/* The public headers of the host as C++17. */
#include "corbel/chat.h"

#include "corbel/image.h"
#include "corbel/image.h"

#include "corbel/trust.h"

#include "corbel/corbel.h"

int main()
{
    return CORBEL_OK;
}
