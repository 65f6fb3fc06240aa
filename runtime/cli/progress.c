/* cli/progress.c: see progress.h. */
#include "cli/progress.h"

#include "base/text.h"
#include "cli/output.h"
#include "cli/session.h"

#include <stdio.h>
#include <string.h>

/* "12 s left", "3 min left", "2 h 10 min left" */
static void append_time_left(struct text *line, double seconds)
{
    const long s = (long)(seconds + 0.5);
    if (s < 100)
        text_format(line, "%ld s left", s);
    else if (s < 6000)
        text_format(line, "%ld min left", (s + 30) / 60);
    else
        text_format(line, "%ld h %ld min left", s / 3600, s % 3600 / 60);
}

static void append_line(struct text *line, const struct progress_bar *bar, const corbel_progress *p,
                        double time)
{
    enum { WIDTH = 24, NAME = 28 };
    const double elapsed = time - bar->started,
                 part = p->size ? (double)p->bytes / (double)p->size : 1;
    const double rate = elapsed > 0.2 ? (double)(p->bytes - p->kept) / elapsed : 0;
    const char *slash = strrchr(p->path, '/'), *name = slash ? slash + 1 : p->path;
    text_format(line, "%s ", style(stderr, STYLE_CYAN));
    append_bar(line, part, WIDTH);
    text_format(line, "%s %3.0f %%  ", style(stderr, STYLE_PLAIN), part * 100);
    append_size(line, (double)p->bytes);
    text_append(line, " of ");
    append_size(line, (double)p->size);
    if (rate > 0) {
        text_append(line, "  ");
        append_size(line, rate);
        text_append(line, "/s  ");
        append_time_left(line, (double)(p->size - p->bytes) / rate);
    }
    text_format(line, "  %s%.*s%s", style(stderr, STYLE_DIM), NAME, name,
                style(stderr, STYLE_PLAIN));
}

int progress_draw(void *user, const corbel_progress *p)
{
    struct progress_bar *bar = user;
    const double time = now();
    if (interrupted())
        return 1;
    if (!on_terminal(stderr))
        return 0;
    if (bar->started <= 0)
        bar->started = time;
    if (time - bar->drawn < 0.1 && p->bytes < p->size)
        return 0;
    bar->drawn = time;
    bar->visible = true;
    struct text line = {0};
    append_line(&line, bar, p, time);
    fprintf(stderr, "\r\033[K%s", text_cstr(&line));
    fflush(stderr);
    text_finish(&line);
    return 0;
}

void progress_end(struct progress_bar *bar)
{
    if (bar->visible)
        fputs("\r\033[K", stderr);
    bar->visible = false;
}
