/* fuzz_hub.c: any bytes as a page of the hub's list of files, and as the head of an answer, whose
 * location and next page are then followed. */
#include "hub/http_answer.h"
#include "hub/listing.h"
#include "hub/url.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_page(const char *data, size_t size)
{
    struct listing l = {.files = NULL};

    if (listing_add_page(&l, data, size, NULL) == CORBEL_OK && listing_sort(&l, NULL) == CORBEL_OK)
        for (size_t i = 0; i < l.n_files; i++)
            if (!name_is_path(l.files[i].path) || !hub_file_etag(&l.files[i])[0] ||
                listing_find(&l, l.files[i].path) != &l.files[i])
                abort();
    listing_finish(&l);
}

/* Where the hub may send us: with https, or to this machine from this machine. */
static void check_link(const char *from, const char *link)
{
    char place[64];
    char *to = NULL;

    if (link && url_follow(from, link, &to, NULL) == CORBEL_OK) {
        if (strncmp(to, "https://", 8) != 0 && !url_is_loopback(to))
            abort();
        url_describe(place, sizeof place, to);
        (void)url_same_origin(from, to);
    }
    free(to);
}

static void check_head(const char *data, size_t size)
{
    struct http_answer a = {.code = 0};
    const char *end = data + size;

    http_answer_clear(&a);
    while (data < end) {
        const char *newline = memchr(data, '\n', (size_t)(end - data));
        const size_t n = newline ? (size_t)(newline - data) + 1 : (size_t)(end - data);

        a.from_hub = n % 2 == 0;
        if (n > 5 && memcmp(data, "HTTP/", 5) == 0)
            http_answer_start(&a, data, n);
        else if (!http_answer_header(&a, data, n))
            break;
        data += n;
    }
    if (a.commit[0] && !name_is_commit(a.commit))
        abort();
    check_link("https://hub.example/org/m", a.location);
    check_link("http://127.0.0.1:80/org/m", a.next);
    free(a.location);
    free(a.next);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1); /* exactly as large, but for the end that a parser may expect */

    if (!copy)
        return 0;
    memcpy(copy, data, size);
    copy[size] = '\0';
    check_page(copy, size);
    check_head(copy, size);
    free(copy);
    return 0;
}
