/* program/regions.h: the rules of regions (program/program.h). */
#ifndef PROGRAM_REGIONS_H
#define PROGRAM_REGIONS_H

#include "program/program.h"

/* Each alone; that they lie side by side or within each other; that nothing of one is used after it
 * but its result. The rest of the program is sound. */
corbel_status regions_verify(const struct program *p, corbel_error *err);

#endif
