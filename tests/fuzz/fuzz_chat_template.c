/* fuzz_chat_template.c: any bytes as a chat template; what parses is rendered without harm, within
 * the limits. */
#include "chat/jinja/jinja.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char input[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"a <b> "
                            "\\u00e9\\n\"}, {\"role\": \"assistant\", "
                            "\"content\": [{\"type\": \"text\", \"text\": \"x\"}], \"tool_calls\": "
                            "[{\"function\": {\"name\": "
                            "\"f\", \"arguments\": {\"x\": 1.5, \"y\": null}}}]}], \"tools\": "
                            "null, \"bos_token\": \"<s>\", "
                            "\"n\": -3, \"add_generation_prompt\": true}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t clock = 1700000000;
    struct jinja_template *t;
    char *text;
    size_t text_size;
    if (jinja_compile((const char *)data, size, "template", &t, NULL) != CORBEL_OK)
        return 0;
    struct json_object *variables = json_tokener_parse(input);
    if (jinja_render(t, &(struct jinja_input){variables, &clock}, &text, &text_size, NULL) ==
            CORBEL_OK &&
        text_size > JINJA_MAX_TEXT)
        abort();
    free(text);
    json_object_put(variables);
    jinja_destroy(&t);
    return 0;
}
