/* config/rope.h: every spelling of rotary position embeddings, normalised to one struct.
 *
 * Reads rope_parameters (flat, or nested by layer type) of transformers 5 and rope_theta,
 * rope_scaling, partial_rotary_factor and their relatives of older files (specs.md 7.1). The
 * struct is the plugin ABI's corbel_rope; a constructor asks for it with the field kind `rope`. */
#ifndef CONFIG_ROPE_H
#define CONFIG_ROPE_H

#include "base/arena.h"
#include "config/config.h"
#include "corbel/plugin.h"

/* layer_type: "full_attention", "sliding_attention", or "" for models with one kind of layer.
 * *rope and its lists live in `arena`. default_theta: when the file gives none. */
corbel_status config_rope(const struct config *c, const char *layer_type, double default_theta,
                          struct arena *arena, const corbel_rope **rope, corbel_error *err);

#endif
