/* test_spirv.c: what is no kernel is refused before a driver sees it, whoever signed it: modules of
 * other features, modules that say other than their descriptor, and a sound module (blend.comp)
 * spoilt in every way that comes to mind and in all that do not. */
#include "plugin/spirv.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const uint32_t blend[] =
#include "blend.comp.inc"
;
static const uint32_t addresses[] =
#include "addresses.comp.inc"
;
static const uint32_t images[] =
#include "images.comp.inc"
;
static const uint32_t doubles[] =
#include "doubles.comp.inc"
;
/* clang-format on */

enum { N_BLEND = sizeof(blend) / sizeof(blend[0]), HEADER = 5, ROOM = 64 };
enum {
    OP_EXTENSION = 10,
    OP_MEMORY_MODEL = 14,
    OP_MODE = 16,
    OP_CAPABILITY = 17,
    OP_DECORATE = 71
};

/* A copy of blend.comp to be spoilt, and what its descriptor says. */
struct module {
    uint32_t words[N_BLEND + ROOM];
    uint32_t n, n_buffers, push_size;
    const char *entry;
};

static struct module sound(void)
{
    struct module m = {.n = N_BLEND, .n_buffers = 3, .push_size = 8, .entry = "main"};

    memcpy(m.words, blend, sizeof blend);
    return m;
}

/* From memory that is exactly as large, so that a read behind it is seen. */
static corbel_status check(const uint32_t *words, size_t n, uint32_t n_buffers, uint32_t push_size,
                           const char *entry, corbel_error *err)
{
    uint32_t *copy = malloc(n * sizeof(*copy) + 1);
    struct program_kernel found;
    struct arena arena = {0};
    corbel_status status;

    assert_non_null(copy);
    memcpy(copy, words, n * sizeof(*copy));
    status = spirv_check(&(corbel_kernel){.struct_size = sizeof(corbel_kernel),
                                          .name = "blend",
                                          .entry = entry,
                                          .spirv = copy,
                                          .spirv_size = (uint32_t)(n * sizeof(*copy)),
                                          .n_buffers = n_buffers,
                                          .push_size = push_size},
                         &arena, &found, err);
    arena_finish(&arena);
    free(copy);
    return status;
}

static corbel_status check_module(const struct module *m, corbel_error *err)
{
    return check(m->words, m->n, m->n_buffers, m->push_size, m->entry, err);
}

/* The first word of the nth instruction of that kind; operand: of which the second word is. */
static uint32_t *find(struct module *m, uint32_t op, uint32_t nth)
{
    for (uint32_t i = HEADER; i < m->n; i += m->words[i] >> 16)
        if ((m->words[i] & 0xffff) == op && nth-- == 0)
            return &m->words[i];
    fail_msg("blend.comp has no instruction %u", op);
    return NULL;
}

/* OpDecorate TARGET what VALUE: the value of the nth. */
static uint32_t *decoration(struct module *m, uint32_t what, uint32_t nth)
{
    for (uint32_t i = 0;; i++) {
        uint32_t *word = find(m, OP_DECORATE, i);

        if (word[2] == what && nth-- == 0)
            return &word[3];
    }
}

static void insert(struct module *m, uint32_t at, const uint32_t *words, uint32_t n)
{
    memmove(&m->words[at + n], &m->words[at], (m->n - at) * sizeof(*m->words));
    memcpy(&m->words[at], words, n * sizeof(*words));
    m->n += n;
}

static void expect_refusal(const struct module *m, const char *what, const char *says)
{
    corbel_error err = {0};
    const corbel_status status = check_module(m, &err);

    if (status != CORBEL_E_UNTRUSTED || !strstr(err.text, "blend") || !strstr(err.text, says))
        fail_msg("%s: status %d, \"%s\", expected \"%s\"", what, status, err.text, says);
}

/* ---- the header, and the descriptor ---------------------------------------------------------- */

static void test_a_sound_module_passes(void **state)
{
    const struct module m = sound();
    corbel_error err = {0};

    (void)state;
    if (check_module(&m, &err))
        fail_msg("%s", err.text);
}

static void test_a_module_that_ends_early(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < N_BLEND; n++) {
        struct module m = sound();

        m.n = n;
        expect_refusal(&m, "truncated", "kernel blend");
    }
}

static void test_headers(void **state)
{
    struct module m = sound();

    (void)state;
    for (uint32_t i = 0; i < m.n; i++)
        m.words[i] = __builtin_bswap32(m.words[i]);
    expect_refusal(&m, "the other byte order", "byte order");
    m = sound();
    m.words[0] = 0x46534c45;
    expect_refusal(&m, "no SPIR-V", "no SPIR-V");
    m = sound();
    m.words[1] = 0x00010600;
    expect_refusal(&m, "SPIR-V 1.6", "version 1.6");
    m = sound();
    m.words[3] = UINT32_MAX;
    expect_refusal(&m, "a bound of 2^32 - 1", "bound of 4294967295");
    m = sound();
    m.words[3] = 1;
    expect_refusal(&m, "a bound of 1", "");
    m = sound();
    m.words[4] = 1;
    expect_refusal(&m, "a schema", "schema");
}

static void test_what_the_descriptor_says_otherwise(void **state)
{
    static const struct {
        uint32_t n_buffers, push_size;
        const char *entry, *says;
    } rows[] = {
        {2, 8, "main", ""},  {4, 8, "main", ""}, {1, 8, "main", ""},  {3, 4, "main", ""},
        {3, 12, "main", ""}, {3, 0, "main", ""}, {3, 8, "other", ""}, {3, 8, "mai", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct module m = sound();
        char what[64];

        m.n_buffers = rows[i].n_buffers;
        m.push_size = rows[i].push_size;
        m.entry = rows[i].entry;
        snprintf(what, sizeof what, "row %zu", i);
        expect_refusal(&m, what, rows[i].says);
    }
}

/* ---- features -------------------------------------------------------------------------------- */

static void test_capabilities_that_no_kernel_has(void **state)
{
    static const uint32_t rows[] = {
        2,    4,    5,    6,    12,   13,   20,   28,   29,   38,   43,   44,    45,
        49,   50,   55,   56,   57,   69,   4427, 4441, 4442, 4445, 5055, 5251,  5301,
        5302, 5345, 5347, 5353, 5379, 5568, 5580, 5583, 5600, 6022, 6033, 65535, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct module m = sound();
        char what[64];

        insert(&m, HEADER, (const uint32_t[]){2 << 16 | OP_CAPABILITY, rows[i]}, 2);
        snprintf(what, sizeof what, "capability %u", rows[i]);
        expect_refusal(&m, what, "");
    }
}

static void test_modes_and_models(void **state)
{
    static const uint32_t extension[] = {4 << 16 | OP_EXTENSION, 0x5f565053, 0x00726874, 0};
    struct module m = sound();

    (void)state;
    find(&m, OP_MEMORY_MODEL, 0)[1] = 5348; /* PhysicalStorageBuffer64 */
    expect_refusal(&m, "addresses", "");
    m = sound();
    find(&m, OP_MEMORY_MODEL, 0)[1] = 1; /* Physical32 */
    expect_refusal(&m, "addresses of a CPU", "");
    m = sound();
    find(&m, OP_MODE, 0)[3] = 0;
    expect_refusal(&m, "a workgroup of none", "");
    m = sound();
    find(&m, OP_MODE, 0)[3] = 2048;
    expect_refusal(&m, "a workgroup of 2048", "");
    m = sound();
    find(&m, OP_MODE, 0)[4] = 0x10000;
    expect_refusal(&m, "a workgroup of 4 million", "");
    m = sound();
    insert(&m, HEADER + 2, extension, 4);
    expect_refusal(&m, "an extension", "");
}

static void test_bindings(void **state)
{
    struct module m = sound();

    (void)state;
    *decoration(&m, 33, 0) = 7; /* Binding */
    expect_refusal(&m, "binding 7", "");
    m = sound();
    *decoration(&m, 33, 0) = *decoration(&m, 33, 1);
    expect_refusal(&m, "one binding twice", "");
    m = sound();
    *decoration(&m, 34, 0) = 1; /* DescriptorSet */
    expect_refusal(&m, "set 1", "");
    m = sound();
    *decoration(&m, 6, 0) = 0; /* ArrayStride */
    expect_refusal(&m, "a stride of 0", "");
}

static void test_modules_of_other_features(void **state)
{
    static const struct {
        const char *name;
        const uint32_t *words;
        size_t size;
    } rows[] = {
        {"addresses", addresses, sizeof addresses},
        {"images", images, sizeof images},
        {"doubles", doubles, sizeof doubles},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        corbel_error err = {0};

        if (check(rows[i].words, rows[i].size / 4, 2, 0, "main", &err) != CORBEL_E_UNTRUSTED)
            fail_msg("%s: was not refused", rows[i].name);
    }
}

/* ---- all the rest ---------------------------------------------------------------------------- */

/* Each word as each of some values: refused with a reason, or sound. */
static void test_any_word_may_be_any(void **state)
{
    static const uint32_t values[] = {0, 1, 2, 3, 0xffff, 0x10000, 0x7fffffff, UINT32_MAX};
    unsigned n_refused = 0;

    (void)state;
    for (uint32_t i = 0; i < N_BLEND; i++)
        for (size_t k = 0; k < sizeof(values) / sizeof(values[0]) + 32; k++) {
            struct module m = sound();
            corbel_error err = {0};
            corbel_status status;

            m.words[i] = k < 32 ? m.words[i] ^ (UINT32_C(1) << k) : values[k - 32];
            status = check_module(&m, &err);
            if (status && (status != CORBEL_E_UNTRUSTED || !err.text[0]))
                fail_msg("word %u, change %zu: status %d, \"%s\"", i, k, status, err.text);
            n_refused += status != CORBEL_OK;
        }
    assert_true(n_refused > N_BLEND * 20);
}

/* Each instruction left out, doubled, or moved to the end. */
static void test_instructions_in_any_order(void **state)
{
    (void)state;
    for (uint32_t i = HEADER; i < N_BLEND; i += blend[i] >> 16) {
        const uint32_t size = blend[i] >> 16;
        struct module m = sound();
        corbel_error err = {0};

        memmove(&m.words[i], &m.words[i + size], (m.n - i - size) * sizeof(*m.words));
        m.n -= size;
        (void)check_module(&m, &err);
        if (size > ROOM)
            continue;
        insert(&m, m.n, &blend[i], size);
        (void)check_module(&m, &err);
        m = sound();
        insert(&m, i, &blend[i], size);
        (void)check_module(&m, &err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sound_module_passes),
        cmocka_unit_test(test_a_module_that_ends_early),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_what_the_descriptor_says_otherwise),
        cmocka_unit_test(test_capabilities_that_no_kernel_has),
        cmocka_unit_test(test_modes_and_models),
        cmocka_unit_test(test_bindings),
        cmocka_unit_test(test_modules_of_other_features),
        cmocka_unit_test(test_any_word_may_be_any),
        cmocka_unit_test(test_instructions_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
