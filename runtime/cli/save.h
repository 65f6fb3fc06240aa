/* cli/save.h: what `corbel save` and `corbel init` have in common. */
#ifndef CLI_SAVE_H
#define CLI_SAVE_H

#include "cli/command.h"

/* --max-shard-size in bytes: "5GB" and "500MB" are powers of ten as in huggingface_hub, "2GiB" is
 * of two, a number alone is bytes. 0: it was not given. CORBEL_E_ARGUMENT: it is no size. */
corbel_status shard_size_read(const struct arguments *a, uint64_t *bytes, corbel_error *err);
/* --dtype; CORBEL_DTYPE_NONE: auto. */
int32_t dtype_of(const struct arguments *a);
void saved_print(const struct arguments *a, const char *dir, const corbel_saved *saved);

#endif
