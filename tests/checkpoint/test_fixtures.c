/* test_fixtures.c: the weights of whole models, equal to what the Python libraries read.
 *
 * A digest covers, in order of names, "NAME DTYPE [shape]\n" and the tensor's bytes in C order. The
 * expected ones come from safetensors.torch.load_file (0.8.0) and, for pytorch_model.bin, from
 * torch.load(weights_only=True) (2.15.0) of the same files. */
#include "test.h"

#include "base/digest.h"
#include "base/dtype.h"
#include "base/scratch.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"

static void digest_of(const struct checkpoint *c, char hex[DIGEST_HEX_SIZE])
{
    struct text all = {0};
    for (uint32_t i = 0; i < c->n_tensors; i++) {
        const struct checkpoint_tensor *t = &c->tensors[i];
        text_format(&all, "%s %s [", t->name, dtype_safetensors(t->dtype));
        for (uint32_t k = 0; k < t->rank; k++)
            text_format(&all, "%s%lld", k ? "," : "", (long long)t->shape[k]);
        text_append(&all, "]\n");
        text_append_bytes(&all, t->data, (size_t)t->size);
    }
    assert_false(all.failed);
    digest_sha256_hex(all.data, all.size, hex);
    text_finish(&all);
}

static void test_models(void **state)
{
    (void)state;
    static const struct {
        const char *name, *digest;
    } rows[] = {
        {"llama_bf16", "ea293240462a68b753dd27bdb61c5fb3384ad4bb07bceeca18d0bbb57af1db5a"},
        {"llama_causal", "ee0701f8feb1cd4c40007e63ac66217bfc3aaa881c26029382db17cf651d995e"},
        {"llama_causal_tied_biases",
         "42fdd5c4f7afc9d3d1642eb854aa67c9323d21c0f37d5f3e70eb41f624b43311"},
        {"llama_fp16", "63b425d960aa82d6a3b2b8dfed4c0b9781a9e38f7742d8669b3bdc71012de576"},
        {"llama_model", "f4062b32abcbf7914327fd7f3e7b6a0e3f4e228d0ea01b7ef92c0d30002b265e"},
        {"llama_qa", "3694d73eab115e72a942ba8aa218a1a837c4aa562c45ec7d952566df58ac7706"},
        {"llama_rope_linear", "a0e7f1629bf2a967db528d69696c352029042c11c16abcfa6d43a25a4a7ef4b5"},
        {"llama_rope_linear_v4_config",
         "ae44a764291acc28c3c4134140cbbe8fd6db57e7aa175901e1e3662764bd3ae8"},
        {"llama_rope_llama3", "ab72a076b95b217d7081b2e57b4b3f8c1db6b6b63182e0bb550755e959433f7d"},
        {"llama_rope_llama3_v4_config",
         "da5822327efaefcc38d8d67ad76a15920fb304f8416f9a62c995a0a10052f5f4"},
        {"llama_seqcls", "2f43b9d5a419eff695b5b0d66ceab3c5153c62c60088a8852c626ac1464b5621"},
        {"llama_sharded", "d9b53e73b697956d7d6fa014066bb2d502408cc566c4c9d8ce46a2409fb4e1a4"},
        {"llama_tokencls", "764ae12da3509d1a6bb209d6093147306b757a1f5c7fa89945c03230a60bd9a2"},
        {"llama_bin", "a31ff8102790f0713bfb3e634d4a5d8418116091cf49992e70162b097c33706d"},
        {"llama_bin_one_storage_bf16",
         "c7d325d18341fa106866e4601d258249635bc390440a6dd03519cf0b8937c8c4"},
        {"llama_bin_sharded", "fec338a0ff10081562e9a53555b0e0d29a6726793ec299fe30ba925b2c1c3c67"},
        {"llama_bin_tied_strided",
         "76a8f9118d4ce987752beaa7584fceaa247c9f3f11b369d012dae6f7b148fc94"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char name[128], hex[DIGEST_HEX_SIZE];
        struct checkpoint c;
        corbel_error err = {.text = ""};
        snprintf(name, sizeof name, "models/%s/model", rows[i].name);
        if (checkpoint_open(&c, fixture(name), &err) != CORBEL_OK)
            fail_msg("%s: %s", rows[i].name, err.text);
        digest_of(&c, hex);
        if (strcmp(hex, rows[i].digest) != 0)
            fail_msg("%s: %s", rows[i].name, hex);
        for (uint32_t k = 0; k < c.n_tensors; k++)
            assert_ptr_equal(checkpoint_find(&c, c.tensors[k].name), &c.tensors[k]);
        assert_null(checkpoint_find(&c, "no such tensor"));
        checkpoint_close(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
