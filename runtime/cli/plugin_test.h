/* cli/plugin_test.h: the part of `corbel plugin` that has a file of its own. */
#ifndef CLI_PLUGIN_TEST_H
#define CLI_PLUGIN_TEST_H

#include "cli/command.h"

corbel_status plugin_test(const struct arguments *a, corbel_error *err);

#endif
