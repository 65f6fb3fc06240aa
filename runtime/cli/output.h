/* cli/output.h: what the command writes, and how it looks on a terminal.
 *
 * Results go to stdout through stdio; whoever writes much checks output_failed now and then, and
 * main checks it at the end, so a full disk or a closed pipe is never taken for success. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "base/text.h"
#include "corbel/corbel.h"

#include <stdbool.h>
#include <stdio.h>

enum style { STYLE_PLAIN, STYLE_BOLD, STYLE_DIM, STYLE_RED, STYLE_YELLOW, STYLE_GREEN, STYLE_CYAN };

/* The escape sequence, or "" where `stream` is no terminal that wants colours (NO_COLOR). */
const char *style(FILE *stream, enum style style);
bool on_terminal(FILE *stream);

/* CORBEL_E_IO if something could not be written to stdout; flushes it. */
corbel_status output_check(corbel_error *err);
/* Without flushing: has a write failed so far? */
bool output_failed(void);

/* For a file that was to be written: a folder that does not exist is no model that does not. */
corbel_status output_file_error(corbel_status status, corbel_error *err);

/* What a model says, to stdout as it is; on a terminal without control characters but \n and \t. */
void output_text(const char *text, size_t size);

/* "3.2 GB", "512 bytes"; "12.3 M". */
void append_size(struct text *out, double bytes);
void append_count(struct text *out, double count);

/* A bar of `width` cells on a terminal, of which `part` (0 to 1) is full. */
void append_bar(struct text *out, double part, int width);

/* The JSON document with a line a member, indented: what people read of it. */
corbel_status print_document(const char *json, const char *name, corbel_error *err);

#endif
