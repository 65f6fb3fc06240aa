/* base/file.h: files read once, mapped, or replaced as a whole. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "corbel/corbel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A read-only mapping of a whole regular file. A zeroed struct is a valid closed one. */
struct file_map {
    const uint8_t *data; /* NULL for an empty file */
    size_t size;
    int fd; /* kept open; valid only while `open` */
    bool open;
};

/* CORBEL_E_NOT_FOUND, CORBEL_E_IO, CORBEL_E_FORMAT (not a regular file). Pages are not touched. */
corbel_status file_map_open(struct file_map *m, const char *path, corbel_error *err);
void file_map_close(struct file_map *m);
/* Is the file still as long as it was? CORBEL_E_IO, naming it, if somebody cut it short: reading
 * the pages that are gone would end the process with SIGBUS. */
corbel_status file_map_check(const struct file_map *m, const char *name, corbel_error *err);
bool file_map_holds(const struct file_map *m, const void *data, size_t size);

/* Pages of a mapped file, by an address range within it: begin to read what will be needed; give
 * the memory back, from which the page cache can still serve it. Only for mapped files: other
 * memory would lose its content. */
void file_pages_prefetch(const void *data, size_t size);
void file_pages_release(const void *data, size_t size);

/* Reads a whole regular file of at most `limit` bytes; *data is terminated by a 0 that is not
 * counted and is freed by the caller. */
corbel_status file_read(const char *path, size_t limit, char **data, size_t *size,
                        corbel_error *err);

/* Writes a temporary file beside `path`, fsyncs it, renames it over `path`. */
corbel_status file_write(const char *path, const void *data, size_t size, corbel_error *err);

bool file_exists(const char *path); /* any kind that stat sees */
bool file_is_folder(const char *path);

/* The same for what is made piece by piece. A zeroed struct is a valid closed one. After a failed
 * append or commit, and for what is not to be kept, file_out_discard removes the temporary file;
 * after a commit it does nothing. */
struct file_out {
    char *path, *temporary;
    int fd;
    bool open;
};
corbel_status file_out_open(struct file_out *f, const char *path, corbel_error *err);
corbel_status file_out_append(struct file_out *f, const void *data, size_t size, corbel_error *err);
corbel_status file_out_commit(struct file_out *f, corbel_error *err);
void file_out_discard(struct file_out *f);

/* dir + "/" + name into `out` of `size` bytes; false if it does not fit. */
bool path_join(char *out, size_t size, const char *dir, const char *name);

#endif
