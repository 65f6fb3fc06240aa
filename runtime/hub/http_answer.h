/* hub/http_answer.h: reads header lines into a struct http_answer. */
#ifndef HUB_HTTP_ANSWER_H
#define HUB_HTTP_ANSWER_H

#include "hub/http.h"

/* Forgets what belongs to one hop, and keeps what the hub itself has said. */
void http_answer_clear(struct http_answer *a);
/* A status line: all that was said by an interim answer is void. */
void http_answer_start(struct http_answer *a, const char *line, size_t size);
/* False if memory runs out. Headers that are not known or not sound are passed over. */
bool http_answer_header(struct http_answer *a, const char *line, size_t size);

/* The wait before the first retry. */
long http_first_wait_ms(const struct http *http);
/* Would the hub be shown a token? */
bool http_has_token(const struct http *http);

#endif
