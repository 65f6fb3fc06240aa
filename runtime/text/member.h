/* text/member.h: what the readers of tokenizer.json's parts share. */
#ifndef TEXT_MEMBER_H
#define TEXT_MEMBER_H

#include "base/error.h"
#include "base/json.h"
#include "text/pattern.h"

/* Components nest (Sequence in Sequence); deeper than this is refused. */
#define MEMBER_MAX_NESTING 16

/* `type` of a component; an error names `part` ("normalizer"). */
corbel_status member_type(struct json_object *json, const char *part, const char *name,
                          const char **type, corbel_error *err);
/* CORBEL_E_UNSUPPORTED: NAME: part.type: unknown "X". */
corbel_status member_unknown(const char *part, const char *type, const char *name,
                             corbel_error *err);
/* A string that must be there, copied. */
corbel_status member_string(struct json_object *json, const char *key, const char *name,
                            char **copy, corbel_error *err);
/* {"Regex": ...} or {"String": ...}. */
corbel_status member_pattern(struct json_object *json, const char *name, struct pattern *pattern,
                             corbel_error *err);
/* Adds room for one zeroed item to a list {items, n, capacity}. NULL: no memory. */
void *member_append(void **items, size_t *n, size_t *capacity, size_t item_size);

#endif
