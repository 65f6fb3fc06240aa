/* model/saving/save_folder.h: a folder that gets all of a set of files, or none of them.
 *
 * The files are made in a hidden folder inside it and moved to their places when all are complete,
 * so a save that fails, or whose process is killed, leaves what was there before. The hidden folder
 * of a process that was killed is removed by the next save. */
#ifndef MODEL_SAVE_FOLDER_H
#define MODEL_SAVE_FOLDER_H

#include "base/arena.h"
#include "base/text.h"
#include "corbel/corbel.h"

struct save_folder {
    struct arena arena;
    const char *dir;
    char *staging; /* the hidden folder; NULL: there is none */
    int lock;      /* its descriptor, locked while the process lives */
    bool created;  /* `dir` was not there before */
    const char **names;
    size_t n_names, capacity;
    size_t n_weights; /* of the names, those that replace all weights in `dir` */
};

/* Makes `dir`, too, if it is not there. CORBEL_E_IO names what can't be made. */
corbel_status save_folder_open(struct save_folder *f, const char *dir, corbel_error *err);
/* Is there room for `size` bytes? CORBEL_E_IO says how much there is. */
corbel_status save_folder_check_room(const struct save_folder *f, uint64_t size, corbel_error *err);
/* Adds a file of that name; *path, where its writer puts it, lives as long as `f`. Weights come
 * first; after them the caller sets n_weights = n_names. */
corbel_status save_folder_add(struct save_folder *f, const char *name, const char **path,
                              corbel_error *err);
corbel_status save_folder_write(struct save_folder *f, const char *name, const struct text *content,
                                corbel_error *err);
/* Copies the file from another folder, if it is there. */
corbel_status save_folder_copy(struct save_folder *f, const char *from, const char *name,
                               corbel_error *err);
/* Moves all files to their places; safetensors weights of `dir` that were not replaced go. */
corbel_status save_folder_commit(struct save_folder *f, corbel_error *err);
/* Sound on a zeroed struct; removes what was not committed. */
void save_folder_close(struct save_folder *f);

#endif
