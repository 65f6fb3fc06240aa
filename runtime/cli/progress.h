/* cli/progress.h: a bar on stderr while a model is fetched, on a terminal only. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "corbel/corbel.h"

struct progress_bar {
    double started, drawn; /* seconds of now(); 0: not yet */
    bool visible;
};

/* A corbel_progress_callback; `user` is a zeroed struct progress_bar. */
int progress_draw(void *user, const corbel_progress *progress);
/* Takes the bar away again. */
void progress_end(struct progress_bar *bar);

#endif
