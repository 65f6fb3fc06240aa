/* fuzz_json.c: what json_check lets through json-c must read, and no object may then have fewer
 * members than keys were written. Byte 0 chooses the level. */
#include "base/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const enum json_level level = data[0] & 1 ? JSON_DATA : JSON_SECURITY;
    const char *text = (const char *)data + 1;

    const corbel_status checked = json_check(text, size - 1, level, "fuzz", NULL);
    struct json_object *root;
    corbel_error err;
    const corbel_status parsed = json_parse(text, size - 1, level, "fuzz", &root, &err);
    if (checked != parsed)
        abort(); /* the checker and json-c disagree on what JSON is */
    json_object_put(root);
    return 0;
}
