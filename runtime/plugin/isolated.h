/* plugin/isolated.h: one model of a plugin that runs in a process of its own (docs/isolation.md).
 *
 * The process lives as long as the model. What it sends is checked as hostile input; the first
 * failure of the exchange itself ends the process, and every later call gives that error again. */
#ifndef PLUGIN_ISOLATED_H
#define PLUGIN_ISOLATED_H

#include "plugin/arguments.h"
#include "plugin/elf.h"
#include "plugin/params.h"
#include "trust/manifest.h"

struct isolated;

/* Whether this kernel has what isolation needs; CORBEL_E_UNSUPPORTED says what is missing. */
corbel_status isolated_check(corbel_error *err);

/* `library` is the sealed memory file, `name` what messages call it. CORBEL_E_UNTRUSTED: the
 * descriptor is not what the manifest says. */
corbel_status isolated_create(const char *name, int library, enum elf_rules rules,
                              const struct manifest *manifest, struct isolated **isolated,
                              corbel_error *err);
void isolated_destroy(struct isolated **isolated);

const struct descriptor *isolated_descriptor(const struct isolated *isolated);

/* Runs the constructor of `arch`, which is the descriptor's; once. */
corbel_status isolated_construct(struct isolated *isolated, const corbel_arch *arch,
                                 const union argument *arguments, corbel_error *err);
const struct param_list *isolated_params(const struct isolated *isolated);

/* Runs forward. *program is initialised here and is verified. */
corbel_status isolated_trace(struct isolated *isolated, const struct trace_options *options,
                             struct program *program, corbel_error *err);

#endif
