/* text/compose.h: Unicode normalization forms that keep alignments. */
#ifndef TEXT_COMPOSE_H
#define TEXT_COMPOSE_H

#include "text/work.h"

enum compose_form { COMPOSE_NFC, COMPOSE_NFD, COMPOSE_NFKC, COMPOSE_NFKD };

/* Rewrites every piece that is no token. */
void compose_run(struct work *w, enum compose_form form);

#endif
