/* hub/url.h: addresses, and which of them may be followed with what. */
#ifndef HUB_URL_H
#define HUB_URL_H

#include "base/text.h"
#include "corbel/corbel.h"

/* Appends `s` percent-encoded; `keep` are characters that stay beside letters, digits and -._~. */
void url_append_encoded(struct text *out, const char *s, const char *keep);

/* https, or http to this very machine; no user, query or fragment. */
corbel_status url_check_endpoint(const char *endpoint, corbel_error *err);

/* Where a redirect from `from` leads, or a Link of it. *to is freed by the caller. Refused
 * (CORBEL_E_UNTRUSTED) are schemes other than https, a user in the URL, and plain http but from one
 * place of this machine to another. */
corbel_status url_follow(const char *from, const char *location, char **to, corbel_error *err);

/* The same scheme, host and port. */
bool url_same_origin(const char *a, const char *b);

/* scheme://host/path, without what may be secret: the query of a signed link. For messages. */
void url_describe(char *out, size_t size, const char *url);

bool url_is_loopback(const char *url);

#endif
