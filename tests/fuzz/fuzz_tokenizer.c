/* fuzz_tokenizer.c: any bytes as tokenizer.json; what loads must encode, decode and stream a text
 * without harm. That a stream says what decoding at once says is tested on the fixtures. */
#include "base/file.h"
#include "text/tokenizer.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/dev/shm/corbel-fuzz-XXXXXX";

/* The file is in memory and is written over each time; a name a process. */
static const char *folder(void)
{
    static bool made;

    if (!made && !mkdtemp(dir))
        abort();
    made = true;
    return dir;
}

static void stream(const corbel_tokenizer *t, const int32_t *ids, size_t n, struct text *out)
{
    corbel_decode_stream *s = NULL;
    const char *text;

    if (corbel_decode_stream_create(t, false, &s, NULL) != CORBEL_OK)
        return;
    for (size_t i = 0; i <= n; i++)
        if ((i < n ? corbel_decode_stream_push(s, ids[i], &text, NULL)
                   : corbel_decode_stream_end(s, &text, NULL)) == CORBEL_OK)
            text_append_bytes(out, text, tokenizer_stream_size(s));
    corbel_decode_stream_destroy(&s);
}

static void round_trip(const corbel_tokenizer *t, const corbel_encode_params *params)
{
    static const char text[] =
        "He said: <s>  it\xCC\x81's 12\xE2\x96\x81 \xEF\xAC\x81\xF0\x9F\x91\x8D\n";
    corbel_encoding *e = NULL;
    struct text whole = {0}, streamed = {0};

    if (corbel_encode(t, text, sizeof text - 1, params, &e, NULL) != CORBEL_OK)
        return;
    for (const corbel_encoding *w = e; w; w = w->overflow)
        for (size_t i = 0; i < w->n; i++)
            if (w->offsets[i][0] < 0 || w->offsets[i][1] > (int64_t)sizeof text)
                abort();
    if (tokenizer_decode(t, e->ids, e->n, false, &whole, NULL) == CORBEL_OK)
        stream(t, e->ids, e->n, &streamed);
    text_finish(&whole);
    text_finish(&streamed);
    corbel_encoding_destroy(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const corbel_encode_params windows =
        CORBEL_ENCODE_PARAMS(.pair = "a b c", .max_length = 9, .stride = 1);
    char path[PATH_MAX];
    corbel_tokenizer *t = NULL;
    corbel_error err;

    if (!path_join(path, sizeof path, folder(), "tokenizer.json"))
        return 0;
    FILE *file = fopen(path, "wb");
    if (!file)
        abort();
    fwrite(data, 1, size, file);
    fclose(file);
    if (tokenizer_load(folder(), &t, &err) == CORBEL_OK) {
        round_trip(t, NULL);
        round_trip(t, &windows);
        corbel_tokenizer_destroy(&t);
    }
    unlink(path);
    return 0;
}
