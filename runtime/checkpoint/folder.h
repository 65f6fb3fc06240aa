/* checkpoint/folder.h: files of a model folder, and nothing outside of it.
 *
 * Names come from index files, that is, from strangers. A name is a bare name; what it leads to is
 * a regular file in the folder, or a blob of the hub cache that the folder is a snapshot of
 * (specs.md 2: `../../blobs/<etag>`). */
#ifndef CHECKPOINT_FOLDER_H
#define CHECKPOINT_FOLDER_H

#include "base/file.h"

/* Whether `name` is there in any form, a broken link included. */
bool folder_has(const char *dir, const char *name);
/* One segment of a path, without control characters or backslashes. */
bool folder_name_is_bare(const char *name);
/* CORBEL_E_FORMAT: the name or the link leads elsewhere. `origin` is who gave the name. */
corbel_status folder_map(const char *dir, const char *name, const char *origin,
                         struct file_map *map, corbel_error *err);

#endif
