/* model/placement/placement_units.h: the modules that "auto" never splits. */
#ifndef MODEL_PLACEMENT_UNITS_H
#define MODEL_PLACEMENT_UNITS_H

#include "model/placement/placement.h"

/* Fills units, n_units and unit_of from p->params; units stand in the order of their first
 * parameters. */
corbel_status placement_find_units(struct placement *p, corbel_error *err);

#endif
