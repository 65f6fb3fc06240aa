/* test_placement.c: device maps as they are written, and what becomes of them: which parameter goes
 * where, and what is refused. No device is needed for it. */
#include "model/placement/placement.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

/* A model of two layers. Bytes are round: embeddings 100, each layer 60, norm 1, head 100. */
static const struct placement_param params[] = {
    {"model.embed_tokens.weight", 100, NULL, NULL},
    {"model.layers.0.self_attn.q_proj.weight", 20, "model.h.0.attn.q.weight", NULL},
    {"model.layers.0.mlp.up_proj.weight", 40, NULL, NULL},
    {"model.layers.1.self_attn.q_proj.weight", 20, "model.h.1.attn.q.weight", NULL},
    {"model.layers.1.mlp.up_proj.weight", 40, NULL, NULL},
    {"model.norm.weight", 1, NULL, NULL},
    {"lm_head.weight", 100, NULL, NULL},
};
enum { N_PARAMS = sizeof(params) / sizeof(params[0]) };

static const struct device_info devices[] = {
    {"cpu", 1000, false}, {"vulkan:0", 200, false}, {"vulkan:1", 500, true}, /* software */
};

/* ---- writing --------------------------------------------------------------------------------- */

static void test_sizes(void **state)
{
    static const struct {
        const char *text;
        bool good;
        uint64_t bytes;
    } rows[] = {
        {"0", true, 0},
        {"123", true, 123},
        {"6GiB", true, UINT64_C(6) << 30},
        {"12 GB", true, UINT64_C(12000000000)},
        {"1.5GiB", true, UINT64_C(3) << 29},
        {"0.25 MiB", true, 1 << 18},
        {"2kb", true, 2000},
        {" 7 B", true, 7},
        {"1.2345678901234GB", true, 1234567000},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"20000000TiB", false, 0},
        {"16777215.999999TiB", true, UINT64_C(18446744073708452104)},
        {"16777216TiB", false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"GiB", false, 0},
        {"1e9", false, 0},
        {"5 apples", false, 0},
        {"5GiB ", false, 0},
        {".5GiB", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t bytes = 0;
        const bool good = placement_parse_size(rows[i].text, &bytes);
        if (good != rows[i].good || (good && bytes != rows[i].bytes))
            fail_msg("\"%s\": %d, %llu", rows[i].text, good, (unsigned long long)bytes);
    }
}

static void test_names_of_places(void **state)
{
    static const struct {
        const char *text, *name; /* NULL: none */
    } rows[] = {
        {"cpu", "cpu"},
        {"disk", "disk"},
        {"vulkan", "vulkan:0"},
        {"vulkan:0", "vulkan:0"},
        {"vulkan:12", "vulkan:12"},
        {"1", "vulkan:1"},
        {"vulkan:", NULL},
        {"vulkan:01", NULL},
        {"vulkan:-1", NULL},
        {"vulkan:1x", NULL},
        {"vulkan:100", NULL},
        {"cuda:0", NULL},
        {"", NULL},
        {"CPU", NULL},
        {"cpu:0", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char name[32] = "";
        const bool good = placement_parse_place(rows[i].text, name);
        if (good != (rows[i].name != NULL) || (good && strcmp(name, rows[i].name) != 0))
            fail_msg("\"%s\": %d, \"%s\"", rows[i].text, good, name);
    }
}

static void test_a_base_model_knows_its_prefix(void **state)
{
    static const struct placement_param base[] = {{"h.0.weight", 1, NULL, "transformer"},
                                                  {"h.1.weight", 1, NULL, "transformer"}};
    struct placement p;
    corbel_error err = {0};

    (void)state;
    if (placement_resolve(&p, base, 2, "{\"transformer.h.1\": \"disk\", \"\": \"cpu\"}", NULL,
                          devices, 1, &err))
        fail_msg("%s", err.text);
    assert_false(p.places[p.place_of[0]].is_disk);
    assert_true(p.places[p.place_of[1]].is_disk);
    placement_finish(&p);
}

/* ---- units ----------------------------------------------------------------------------------- */

static void test_what_auto_never_splits(void **state)
{
    static const struct {
        const char *name, *unit;
    } rows[] = {
        {"model.embed_tokens.weight", "model.embed_tokens"},
        {"model.layers.0.mlp.up_proj.weight", "model.layers.0"},
        {"model.layers.10.mlp.experts.3.weight", "model.layers.10"},
        {"model.layers-norm.weight", "model.layers-norm"},
        {"model.norm.weight", "model.norm"},
        {"model.scale", "model.scale"},
        {"lm_head.weight", "lm_head"},
        {"bert.embeddings.word_embeddings.weight", "bert.embeddings"},
        {"bert.encoder.layer.0.output.dense.bias", "bert.encoder.layer.0"},
        {"bert.pooler.dense.weight", "bert.pooler"},
        {"cls.predictions.bias", "cls"},
        {"cls.predictions.decoder.weight", "cls"},
        {"0.weight", "0"},
        {"1.weight", "1"},
        {"model.layers.0.self_attn.q_proj.weight", "model.layers.0"},
        {"logit_scale", "logit_scale"},
    };
    enum { N = sizeof(rows) / sizeof(rows[0]) };
    struct placement_param list[N];
    struct placement p;
    (void)state;
    for (size_t i = 0; i < N; i++)
        list[i] = (struct placement_param){.name = rows[i].name, .bytes = 1};
    assert_int_equal(placement_resolve(&p, list, N, "cpu", NULL, devices, 1, NULL), CORBEL_OK);
    for (size_t i = 0; i < N; i++)
        assert_string_equal(p.units[p.unit_of[i]].path, rows[i].unit);
    assert_int_equal(p.n_units, 14);
    placement_finish(&p);
}

/* ---- resolving ------------------------------------------------------------------------------- */

/* "cpu cpu disk ...": of each unit (embed_tokens, layers 0 and 1, norm, lm_head), or of each
 * parameter where a unit is split. */
static void describe(const struct placement *p, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < p->n_params; i++) {
        const struct placement_unit *unit = &p->units[p->unit_of[i]];
        if (i > 0 && p->unit_of[i] == p->unit_of[i - 1] && !unit->is_split)
            continue;
        used += (size_t)snprintf(out + used, size - used, "%s%s", used ? " " : "",
                                 p->places[p->place_of[i]].name);
    }
    snprintf(out + used, size - used, ", main %s", p->places[p->main].name);
}

static void test_maps(void **state)
{
    static const struct {
        const char *map, *memory, *expected;
    } rows[] = {
        {NULL, "{\"cpu\": 1000}", "cpu cpu cpu cpu cpu, main cpu"},
        {"auto", "{\"cpu\": 321}", "cpu cpu cpu cpu cpu, main cpu"},
        /* the largest of what is to come must have room beside what is there */
        {"auto", "{\"cpu\": 320}", "cpu cpu cpu disk disk, main cpu"},
        {"auto", "{\"cpu\": 200}", "cpu disk disk disk disk, main cpu"},
        {"auto", "{\"cpu\": 199}", "disk disk disk disk disk, main cpu"},
        {"auto", "{\"cpu\": 0}", "disk disk disk disk disk, main cpu"},
        {"auto", NULL, "cpu cpu cpu cpu cpu, main cpu"}, /* nine tenths of 200 hold no two */
        {"auto", "{\"vulkan:0\": 260}", "vulkan:0 vulkan:0 cpu cpu cpu, main vulkan:0"},
        {"auto", "{\"0\": \"260B\", \"cpu\": 100}",
         "vulkan:0 vulkan:0 cpu cpu disk, main vulkan:0"},
        {"auto", "{\"vulkan:1\": \"1GiB\"}",
         "vulkan:1 vulkan:1 vulkan:1 vulkan:1 vulkan:1, main vulkan:1"},
        {"auto", "{\"vulkan:0\": 260, \"vulkan:1\": 61, \"cpu\": 60}",
         "vulkan:0 vulkan:0 vulkan:1 vulkan:1 disk, main vulkan:0"},
        {"auto", "{\"cpu\": \"1KB\"}", "cpu cpu cpu cpu cpu, main cpu"},
        {"cpu", NULL, "cpu cpu cpu cpu cpu, main cpu"},
        {"vulkan", NULL, "vulkan:0 vulkan:0 vulkan:0 vulkan:0 vulkan:0, main vulkan:0"},
        {"disk", "{\"cpu\": 5}", "disk disk disk disk disk, main cpu"},
        {"{\"\": \"disk\"}", NULL, "disk disk disk disk disk, main cpu"},
        {" {\"model\": \"cpu\", \"lm_head\": 0}", NULL, "cpu cpu cpu cpu vulkan:0, main vulkan:0"},
        {"{\"model.layers.1\": \"vulkan:1\", \"model\": \"disk\", \"\": \"cpu\"}", NULL,
         "disk disk vulkan:1 disk cpu, main vulkan:1"},
        {"{\"model.layers.0.mlp\": \"disk\", \"\": \"cpu\"}", NULL,
         "cpu cpu disk cpu cpu cpu, main cpu"},
        {"{\"model.norm.weight\": \"vulkan:0\", \"\": \"disk\"}", NULL,
         "disk disk disk vulkan:0 disk, main vulkan:0"},
        {"{\"model.h.1\": \"disk\", \"\": \"cpu\"}", NULL, "cpu cpu disk cpu cpu cpu, main cpu"},
        {"{\"lm_head\": \"cpu\", \"lm_head.weight\": \"disk\", \"model\": \"cpu\"}", NULL,
         "cpu cpu cpu cpu disk, main cpu"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct placement p;
        corbel_error err = {0};
        char found[400] = "";
        corbel_status status =
            placement_resolve(&p, params, N_PARAMS, rows[i].map, rows[i].memory, devices, 3, &err);
        if (status == CORBEL_OK)
            describe(&p, found, sizeof(found));
        if (strcmp(found, rows[i].expected) != 0)
            fail_msg("row %zu, %s %s: %s%s", i, rows[i].map ? rows[i].map : "", rows[i].memory,
                     found, err.text);
        placement_finish(&p);
    }
}

static void test_maps_that_are_refused(void **state)
{
    static const struct {
        const char *map, *memory;
        corbel_status status;
        const char *says;
    } rows[] = {
        {"gpu", NULL, CORBEL_E_NOT_FOUND, "device \"gpu\""},
        {"vulkan:7", NULL, CORBEL_E_NOT_FOUND, "no vulkan:7 here (there are: cpu, vulkan:0"},
        {"{\"\": \"vulkan:9\"}", NULL, CORBEL_E_NOT_FOUND, "no vulkan:9"},
        {"{", NULL, CORBEL_E_ARGUMENT, "device_map"},
        {"{}", NULL, CORBEL_E_ARGUMENT, "no entry covers model.embed_tokens.weight"},
        {"{\"\": \"cpu\"} x", NULL, CORBEL_E_ARGUMENT, "device_map"},
        {"{\"\": \"cpu\", \"\": \"disk\"}", NULL, CORBEL_E_ARGUMENT, "device_map"},
        {"{\"\": null}", NULL, CORBEL_E_ARGUMENT, "found null"},
        {"{\"\": [\"cpu\"]}", NULL, CORBEL_E_ARGUMENT, "expected \"cpu\", \"vulkan:N\""},
        {"{\"\": -1}", NULL, CORBEL_E_ARGUMENT, "found -1"},
        {"{\"\": 1.5}", NULL, CORBEL_E_ARGUMENT, "found 1.5"},
        {"{\"\": \"auto\"}", NULL, CORBEL_E_ARGUMENT, "found \"auto\""},
        {"{\"model\": \"cpu\"}", NULL, CORBEL_E_ARGUMENT, "no entry covers lm_head.weight"},
        {"{\"modle.norm\": \"cpu\", \"\": \"cpu\"}", NULL, CORBEL_E_ARGUMENT,
         "\"modle.norm\"; did you mean \"model.norm\"?"},
        {"{\"model.layers.2\": \"cpu\", \"\": \"cpu\"}", NULL, CORBEL_E_ARGUMENT,
         "no module or parameter \"model.layers.2\""},
        {"{\"model.lay\": \"cpu\", \"\": \"cpu\"}", NULL, CORBEL_E_ARGUMENT, "\"model.lay\""},
        {"{\"model.\": \"cpu\", \"\": \"cpu\"}", NULL, CORBEL_E_ARGUMENT, "\"model.\""},
        {"cpu", "{\"cpu\": 320}", CORBEL_E_ARGUMENT, "puts 321 bytes of weights on cpu"},
        {"auto", "[]", CORBEL_E_ARGUMENT, "max_memory: expected a JSON object"},
        {"auto", "12GiB", CORBEL_E_ARGUMENT, "max_memory"},
        {"auto", "{\"cpu\": \"much\"}", CORBEL_E_ARGUMENT, "\"cpu\": expected bytes"},
        {"auto", "{\"cpu\": -5}", CORBEL_E_ARGUMENT, "found -5"},
        {"auto", "{\"cpu\": 1.5}", CORBEL_E_ARGUMENT, "found 1.5"},
        {"auto", "{\"tpu\": 5}", CORBEL_E_ARGUMENT, "\"tpu\""},
        {"auto", "{\"vulkan:5\": 5}", CORBEL_E_NOT_FOUND, "max_memory: there is no vulkan:5"},
        {"auto", "{\"0\": 5, \"vulkan:0\": 6}", CORBEL_E_ARGUMENT, "vulkan:0 is there twice"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct placement p;
        corbel_error err = {0};
        corbel_status status =
            placement_resolve(&p, params, N_PARAMS, rows[i].map, rows[i].memory, devices, 3, &err);
        if (status != rows[i].status || err.status != status || !strstr(err.text, rows[i].says))
            fail_msg("row %zu, %s %s: %d, %s", i, rows[i].map, rows[i].memory, (int)status,
                     err.text);
        placement_finish(&p);
        assert_int_equal(
            placement_resolve(&p, params, N_PARAMS, rows[i].map, rows[i].memory, devices, 3, NULL),
            rows[i].status);
        placement_finish(&p);
    }
}

static void test_a_tied_head_may_be_named(void **state)
{
    struct placement p;
    (void)state;
    assert_int_equal(placement_resolve(&p, params, N_PARAMS - 1,
                                       "{\"model\": \"disk\", \"lm_head\": \"cpu\"}", NULL, devices,
                                       1, NULL),
                     CORBEL_OK);
    placement_finish(&p);
}

/* What is printed is itself a map that says the same. */
static void test_what_is_printed_can_be_read(void **state)
{
    static const char *const maps[] = {
        "disk",
        "{\"model.layers.0.mlp\": \"vulkan:0\", \"\": \"cpu\"}",
        "{\"model.layers\": \"vulkan:0\", \"\": \"disk\"}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
        struct placement p, again;
        corbel_error err = {0};
        assert_int_equal(placement_resolve(&p, params, N_PARAMS, maps[i], NULL, devices, 3, NULL),
                         CORBEL_OK);
        struct json_object *json = placement_map_json(&p);
        if (placement_resolve(&again, params, N_PARAMS, json_object_to_json_string(json), NULL,
                              devices, 3, &err) != CORBEL_OK)
            fail_msg("%s", err.text);
        for (uint32_t k = 0; k < N_PARAMS; k++)
            assert_string_equal(p.places[p.place_of[k]].name, again.places[again.place_of[k]].name);
        json_object_put(json);
        placement_finish(&p);
        placement_finish(&again);
    }
}

static void test_a_model_without_parameters(void **state)
{
    static const char *const maps[] = {"auto", "cpu", "disk", "{}", "{\"\": \"cpu\"}"};
    (void)state;
    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
        struct placement p;
        assert_int_equal(placement_resolve(&p, NULL, 0, maps[i], NULL, devices, 1, NULL),
                         CORBEL_OK);
        assert_string_equal(p.places[p.main].name, "cpu");
        placement_finish(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_names_of_places),
        cmocka_unit_test(test_a_base_model_knows_its_prefix),
        cmocka_unit_test(test_what_auto_never_splits),
        cmocka_unit_test(test_maps),
        cmocka_unit_test(test_maps_that_are_refused),
        cmocka_unit_test(test_a_tied_head_may_be_named),
        cmocka_unit_test(test_what_is_printed_can_be_read),
        cmocka_unit_test(test_a_model_without_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
