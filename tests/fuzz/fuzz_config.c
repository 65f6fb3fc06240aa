/* fuzz_config.c: whatever config.json says, rotary parameters are refused or make sense. */
#include "base/json.h"
#include "config/config.h"
#include "config/rope.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static bool sound(double x)
{
    return isfinite(x) && x > 0;
}

static void check_rope(const corbel_rope *r)
{
    check(sound(r->theta) && sound(r->attention_factor) && sound(r->partial_rotary_factor));
    check(r->partial_rotary_factor <= 1);
    check(r->type == CORBEL_ROPE_DEFAULT ? r->factor == 0 : sound(r->factor));
    if (r->type == CORBEL_ROPE_LLAMA3 || r->type == CORBEL_ROPE_YARN ||
        r->type == CORBEL_ROPE_LONGROPE)
        check(r->original_max_position_embeddings > 0);
    if (r->type == CORBEL_ROPE_YARN)
        check(sound(r->beta_fast) && sound(r->beta_slow) && r->theta > 1);
    if (r->type == CORBEL_ROPE_LONGROPE)
        check(r->short_factor.n > 0 && r->short_factor.n == r->long_factor.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const layer_types[] = {"", "full_attention", "sliding_attention"};
    char path[] = "fuzz";
    struct config c = {.path = path};
    corbel_error err;
    if (json_parse((const char *)data, size, JSON_DATA, path, &c.root, &err) != CORBEL_OK)
        return 0;
    const char *name;
    int32_t dtype;
    config_architecture(&c, &name, &err);
    config_model_type(&c, &name, &err);
    config_dtype(&c, &dtype, &err);
    config_check_plain_weights(&c, &err);
    for (int i = 0; i < 3; i++) {
        struct arena arena = {0};
        const corbel_rope *rope;
        if (config_rope(&c, layer_types[i], 1e4, &arena, &rope, &err) == CORBEL_OK)
            check_rope(rope);
        arena_finish(&arena);
    }
    json_object_put(c.root);
    return 0;
}
