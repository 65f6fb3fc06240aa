/* hub/pull.h: the part of corbel_pull that knows a name to be a repo's. */
#ifndef HUB_PULL_H
#define HUB_PULL_H

#include "corbel/corbel.h"

/* `params` is whole, `pulled` zeroed. */
corbel_status hub_pull(const char *name, const corbel_pull_params *params, corbel_pulled *pulled,
                       corbel_error *err);

#endif
