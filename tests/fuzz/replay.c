/* fuzz/replay.c: runs a fuzz target over the files of its corpus, where libFuzzer is not built in.
 *
 * Arguments are files and folders (folders are read one level deep). No file at all is a failure:
 * a test that has lost its corpus must not pass. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return -1;
    }
    uint8_t *data = NULL;
    size_t size = 0, got;
    do {
        uint8_t *larger = realloc(data, size + 65536);
        if (!larger) {
            free(data);
            fclose(file);
            return -1;
        }
        data = larger;
        got = fread(data + size, 1, 65536, file);
        size += got;
    } while (got != 0);
    fclose(file);

    /* A copy of exactly the right size lets AddressSanitizer see a read beyond its end. */
    uint8_t *exact = malloc(size ? size : 1);
    if (exact) {
        memcpy(exact, data, size);
        LLVMFuzzerTestOneInput(exact, size);
    }
    free(exact);
    free(data);
    return exact ? 1 : -1;
}

/* Number of files replayed, or -1. */
static int replay(const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        return replay_file(path);

    DIR *folder = opendir(path);
    if (!folder) {
        perror(path);
        return -1;
    }
    int n = 0;
    for (struct dirent *entry = readdir(folder); entry && n >= 0; entry = readdir(folder)) {
        char inner[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        n = replay_file(inner) < 0 ? -1 : n + 1;
    }
    closedir(folder);
    return n;
}

int main(int argc, char **argv)
{
    int n_files = 0;
    for (int i = 1; i < argc; i++) {
        const int n = replay(argv[i]);
        if (n < 0)
            return 1;
        n_files += n;
    }
    printf("%d files\n", n_files);
    return n_files == 0;
}
