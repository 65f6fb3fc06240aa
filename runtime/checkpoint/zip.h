/* checkpoint/zip.h: the stored zip files that torch.save writes, and no others.
 *
 * Zip files can be read in several ways, and what one reader checks another may not see
 * (CVE-2025-1944, CVE-2025-1945, CVE-2025-10156). So there is one way here: the central directory
 * decides, everything else must agree with it, nothing lies between or behind, and every CRC is
 * verified before a member is handed out (specs.md 6). */
#ifndef CHECKPOINT_ZIP_H
#define CHECKPOINT_ZIP_H

#include "base/arena.h"
#include "base/file.h"

struct zip_member {
    const char *name;
    const uint8_t *data; /* in the mapping */
    uint64_t size;
    uint64_t header; /* offset of its local header */
};

struct zip {
    struct zip_member *members; /* sorted by name */
    uint32_t n_members;
};

/* `members` and names live in `arena`. CORBEL_E_FORMAT. */
corbel_status zip_read(struct zip *z, const struct file_map *map, const char *file,
                       struct arena *arena, corbel_error *err);
/* NULL if there is none of that name. */
const struct zip_member *zip_find(const struct zip *z, const char *name);

#endif
