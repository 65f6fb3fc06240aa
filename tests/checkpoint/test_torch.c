/* test_torch.c: what pytorch_model.bin may hold and what it may not, in pickles and around them. */
#include "test.h"

#include "base/scratch.h"
#include "base/text.h"
#include "checkpoint/torch_file.h"

/* A legacy file is a row of pickles: head, system, the object, keys of storages, their data. */
#define HEAD                                                                      \
    "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03." \
    "\x80\x02}X\x0d\0\0\0little_endian\x88s."
/* One storage "0" of `n` floats, and a tensor of it: offset, size and stride are operands. */
#define STORAGE(class, n) "(X\7\0\0\0storage" class "X\1\0\0\0000X\3\0\0\0cpuK" n "NtQ"
#define FLOATS            "ctorch\nFloatStorage\n"
#define REBUILD           "ctorch._utils\n_rebuild_tensor_v2\n"
#define NO_HOOKS          "ccollections\nOrderedDict\n)R"
#define TENSOR(offset, size, stride) \
    REBUILD "(" STORAGE(FLOATS, "\2") "K" offset size stride "\x89" NO_HOOKS "tR"
#define NAMED(name, value) "X\1\0\0\0" name value
#define KEYS               "\x80\x02]X\1\0\0\0000a."
#define DATA               "\2\0\0\0\0\0\0\0aaaabbbb"

struct row {
    const char *bytes;
    size_t size;
    const char *why; /* NULL: read */
};
#define ROW(bytes, why)               \
    {                                 \
        bytes, sizeof(bytes) - 1, why \
    }
#define OBJECT(pickle, why) ROW(HEAD "\x80\x02" pickle "." KEYS DATA, why)
#define ALONE(pickle, why)  ROW(HEAD "\x80\x02" pickle ".\x80\x02].", why)

static corbel_status read_bytes(const void *bytes, size_t size, struct arena *arena,
                                struct checkpoint_tensor **tensors, uint32_t *n, corbel_error *err)
{
    const struct file_map map = {.data = bytes, .size = size, .fd = -1};
    *tensors = NULL;
    *n = 0;
    *err = (corbel_error){.text = ""};
    return torch_file_read(&map, "f", arena, tensors, n, err);
}

static void test_pickles(void **state)
{
    (void)state;
    static const struct row rows[] = {
        /* clang-format off */
        OBJECT("}" NAMED("a", TENSOR("\0", "K\2\x85", "K\1\x85")) "s", NULL),
        OBJECT(NO_HOOKS "(" NAMED("a", TENSOR("\1", "K\1\x85", "K\7\x85")) "u}X\1\0\0\0mK\1sb", NULL),
        OBJECT("}" NAMED("a", TENSOR("\0", "K\4K\2\x86", "K\0K\1\x86")) "s", NULL),
        OBJECT("}" NAMED("a", TENSOR("\0", ")", ")")) "s", NULL),
        OBJECT("}" NAMED("a", TENSOR("\x63", "K\0\x85", "K\1\x85")) "s", NULL),
        OBJECT("}(" NAMED("a", TENSOR("\0", ")", ")")) NAMED("b", "N") "u", NULL),
        OBJECT("}X\5\0\0\0model}" NAMED("a", TENSOR("\0", ")", ")")) "ss", NULL),
        ALONE("}", NULL),

        OBJECT("}(" NAMED("a", TENSOR("\0", ")", ")")) NAMED("a", TENSOR("\1", ")", ")")) "u", "\"a\" appears twice"),
        OBJECT("}" NAMED("a", TENSOR("\0", "K\3\x85", "K\1\x85")) "s", "offset, size and stride leave its storage"),
        OBJECT("}" NAMED("a", TENSOR("\1", "K\2\x85", "K\1\x85")) "s", "leave its storage"),
        OBJECT("}" NAMED("a", TENSOR("\0", "K\2\x85", "K\2\x85")) "s", "leave its storage"),
        OBJECT("}" NAMED("a", TENSOR("\0", "J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86", "K\0K\0\x86")) "s", "repeat elements too often"),
        OBJECT("}" NAMED("a", TENSOR("\0", "J\xff\xff\xff\x7f\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x86", "K\0K\0\x86")) "s", "too large"),
        OBJECT("}" NAMED("a", TENSOR("\0", "J\xff\xff\xff\xff\x85", "K\1\x85")) "s", "arguments that it does not take"),
        OBJECT("}" NAMED("a", TENSOR("\0", "K\1\x85", ")")) "s", "arguments that it does not take"),
        OBJECT("}" NAMED("a", TENSOR("\0", "N", "N")) "s", "arguments that it does not take"),
        OBJECT("}" NAMED("a", REBUILD "(K\1K\0))\x89" NO_HOOKS "tR") "s", "arguments that it does not take"),
        OBJECT("}" NAMED("a", REBUILD ")R") "s", "arguments that it does not take"),
        OBJECT("}" NAMED("a", TENSOR("\0", ")", ")") "\x85R") "s", "expected a known name and a tuple"),
        OBJECT("}" NAMED("a", STORAGE("ctorch\nHalfStorage\n", "\2")) "0", "POP: opcode 0x30"),
        OBJECT("}(" NAMED("a", TENSOR("\0", ")", ")")) NAMED("b", STORAGE("ctorch\nHalfStorage\n", "\2")) "u", "storage \"0\" is described in two ways"),
        OBJECT("}" NAMED("a", STORAGE("ctorch\nSize\n", "\2")) "s", "names no storage"),
        OBJECT("}" NAMED("a", STORAGE(FLOATS, "\3")) "s", "storage \"0\": expected 12 bytes"),

        ALONE("cos\nsystem\nX\2\0\0\0id\x85R", "\"os.system\" has no place in a checkpoint; nothing was run"),
        ALONE("c__builtin__\neval\n", "\"__builtin__.eval\""),
        ALONE("ccollections\nOrderedDic\n", "\"collections.OrderedDic\""),
        ALONE("ctorch.collections\nOrderedDict\n", "\"torch.collections.OrderedDict\""),
        ALONE("ccollections\nOrderedDict\n(K\1tR", "arguments that it does not take"),
        ALONE("\x93", "STACK_GLOBAL: opcode 0x93"),
        ALONE("(iposix\nsystem\n", "INST: opcode 0x69"),
        ALONE("\x81", "NEWOBJ: opcode 0x81"),
        ALONE("\x82\1", "EXT1: opcode 0x82"),
        ALONE("\xff", "no opcode: opcode 0xff"),
        ALONE("]" "K\1s", "the stack underflows"),
        ALONE("]K\1K\2s", "onto something that is not a dict"),
        ALONE("}K\1a", "onto something that is not a list"),
        ALONE("}K\1K\2s", "a key that is not a text"),
        ALONE("}(X\1\0\0\0au", "a key without a value"),
        ALONE("K\1(\x85", "the stack underflows"),
        ALONE("t", "TUPLE: no mark"),
        ALONE("h\0", "a memo entry that was not made"),
        ALONE("q\0", "the stack underflows"),
        ALONE("Nr\xff\xff\xff\x7f", "a memo index that is too large"),
        ALONE("\x8a\x09\0\0\0\0\0\0\0\0\1", "an integer of more than 64 bits"),
        ALONE("X\1\0\0\0\xff", "not UTF-8"),
        ALONE("X\1\0\0\0\0", "U+0000"),
        ALONE("X\1\0\1\0", "more than 65536 bytes"),
        ALONE("X\xff\0\0\0", "the file ends here"),
        ALONE("}N", "exactly one value at the end"),
        ALONE("}(", "exactly one value at the end"),
        ALONE("NNb", "expected the state of an ordered dict"),
        ALONE("NQ", "expected a tuple"),
        ALONE("N", "expected a dict of tensors"),
        ALONE("]q\0h\0a", "expected a dict of tensors"), /* a list that holds itself */

        ROW(HEAD "\x80\x02}", "the file ends without STOP"),
        ROW(HEAD "\x80\4}.", "expected a pickle of protocol 2"),
        ROW(HEAD "}.", "expected a pickle of protocol 2"),
        ROW(HEAD "\x80\x02}.\x80\x02}.", "expected a list of storages"),
        ROW(HEAD "\x80\x02}.\x80\x02].x", "bytes behind the last storage"),
        ROW(HEAD "\x80\x02}." KEYS DATA, "storage \"0\" belongs to no tensor"),
        ROW(HEAD "\x80\x02}" NAMED("a", TENSOR("\0", ")", ")")) "s." KEYS "\2\0\0\0\0\0\0\0aaaabbb", "expected 8 bytes, found 7"),
        ROW(HEAD "\x80\x02}" NAMED("a", TENSOR("\0", ")", ")")) "s." KEYS "\2", "cut off"),
        ROW(HEAD "\x80\x02}" NAMED("a", TENSOR("\0", ")", ")")) "s.\x80\x02].", "storage \"0\" is not in the file"),
        ROW("\x80\x02}.", "neither a zip file nor a legacy file"),
        ROW("", "neither a zip file nor a legacy file"),
        ROW("ustar", "neither a zip file nor a legacy file"),
        /* clang-format on */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena = {0};
        struct checkpoint_tensor *tensors;
        uint32_t n;
        corbel_error err;
        const corbel_status status =
            read_bytes(rows[i].bytes, rows[i].size, &arena, &tensors, &n, &err);
        const bool as_expected = rows[i].why
                                     ? status == CORBEL_E_FORMAT && strstr(err.text, rows[i].why)
                                     : status == CORBEL_OK;
        if (!as_expected)
            fail_msg("row %zu (%s): %s", i, rows[i].why ? rows[i].why : "read", err.text);
        arena_finish(&arena);
    }
}

static void test_strides_become_c_order_once(void **state)
{
    (void)state;
    static const char file[] =
        HEAD "\x80\x02}(" NAMED("a", TENSOR("\0", "K\1K\2\x86", "K\7K\1\x86"))
            NAMED("b", TENSOR("\0", "K\2K\2\x86", "K\1K\0\x86"))
                NAMED("c", TENSOR("\0", "K\2K\2\x86", "K\1K\0\x86")) "u." KEYS DATA;
    struct arena arena = {0};
    struct checkpoint_tensor *t;
    uint32_t n;
    corbel_error err;
    if (read_bytes(file, sizeof file - 1, &arena, &t, &n, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    assert_int_equal(n, 3);
    assert_int_equal(t[0].rank, 2);
    assert_true(t[0].shape[0] == 1 && t[0].shape[1] == 2 && t[0].size == 8);
    assert_ptr_equal(t[0].data, file + sizeof file - 1 - 8); /* a view */
    assert_memory_equal(t[1].data, "aaaaaaaabbbbbbbb", 16);
    assert_ptr_equal(t[1].data, t[2].data); /* one copy for both */
    arena_finish(&arena);
}

/* ---- zip files that two readers would read differently -----------------------------------------
 */

struct change {
    const char *what;
    int at;         /* from the end if negative */
    unsigned value; /* of the byte there */
    const char *why;
};

static void test_changed_zip_files(void **state)
{
    (void)state;
    /* Offsets into models/llama_bin: the local header of data.pkl is at 0, its name at 30; the end
     * records take the last 98 bytes. */
    static const struct change rows[] = {
        {"nothing", 0, 'P', NULL},
        {"method of the local header", 8, 8, "local header and central directory disagree"},
        {"flags of the local header", 6, 1, "local header and central directory disagree"},
        {"name in the local header", 30, 'q', "local header and central directory disagree"},
        {"size in the local header", 22, 1, "local header and central directory disagree"},
        {"extra field of the local header", 28, 13, "its checksum is wrong"},
        {"a byte of data", 70, 'x', "its checksum is wrong"},
        {"length of the comment", -2, 1, "no end record"},
        {"number of members", -12, 26, "spread over several files"},
        {"members in the 64-bit record", -66, 26, "malformed"},
        {"size of the directory", -58, 1, "the two end records disagree"},
        {"place of the directory", -50, 1, "the two end records disagree"},
        {"place of the 64-bit record", -34, 0, "not where its locator is"},
        {"kind of the 64-bit record", -98, 0, "malformed"},
    };
    char *data;
    size_t size;
    assert_int_equal(
        file_read(fixture("models/llama_bin/model/pytorch_model.bin"), 1 << 20, &data, &size, NULL),
        CORBEL_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *byte = rows[i].at < 0 ? data + size + rows[i].at : data + rows[i].at;
        const char before = *byte;
        struct arena arena = {0};
        struct checkpoint_tensor *tensors;
        uint32_t n;
        corbel_error err;
        *byte = (char)rows[i].value;
        const corbel_status status = read_bytes(data, size, &arena, &tensors, &n, &err);
        if (rows[i].why ? status != CORBEL_E_FORMAT || !strstr(err.text, rows[i].why)
                        : status != CORBEL_OK)
            fail_msg("%s: %s", rows[i].what, err.text);
        *byte = before;
        arena_finish(&arena);
    }
    /* Every way of cutting it short, and something behind it. */
    for (size_t cut = 1; cut < size; cut += cut < 200 ? 1 : 997) {
        struct arena arena = {0};
        struct checkpoint_tensor *tensors;
        uint32_t n;
        corbel_error err;
        assert_int_equal(read_bytes(data, size - cut, &arena, &tensors, &n, &err), CORBEL_E_FORMAT);
        arena_finish(&arena);
    }
    struct arena arena = {0};
    struct checkpoint_tensor *tensors;
    uint32_t n;
    corbel_error err;
    assert_int_equal(read_bytes(data, size + 1, &arena, &tensors, &n, &err), CORBEL_E_FORMAT);
    arena_finish(&arena);
    free(data);
}

/* Names, changed in both places. */
static void test_names_in_zip_files(void **state)
{
    (void)state;
    static const char from[] = "model/data/3";
    static const struct {
        char to[sizeof from];
        const char *why;
    } rows[] = {
        {"model/data/3", NULL},
        {"model/data/2", "the name appears twice"},
        {"model/dAta/2", "the name appears twice"},
        {"model/.././3", "a member's name that is not plain"},
        {"model\\data/3", "a member's name that is not plain"},
        {"model/data\0003", "a member's name that is not plain"},
        {"model/data\xc3\xa9", "a member's name that is not plain"},
        {"other/data/3", "expected one folder"},
        {"model/data/x", "storage \"3\" is not in the file"},
        {"model/code/3", "a TorchScript program"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *data;
        size_t size;
        struct arena arena = {0};
        struct checkpoint_tensor *tensors;
        uint32_t n;
        corbel_error err;
        assert_int_equal(file_read(fixture("models/llama_bin/model/pytorch_model.bin"), 1 << 20,
                                   &data, &size, NULL),
                         CORBEL_OK);
        char *at = data;
        for (int places = 0; places < 2; places++) {
            at = memmem(at, size - (size_t)(at - data), from, sizeof from - 1);
            assert_non_null(at);
            memcpy(at, rows[i].to, sizeof from - 1);
            at++;
        }
        const corbel_status status = read_bytes(data, size, &arena, &tensors, &n, &err);
        if (rows[i].why ? status != CORBEL_E_FORMAT || !strstr(err.text, rows[i].why)
                        : status != CORBEL_OK)
            fail_msg("%s: %s", rows[i].to, err.text);
        arena_finish(&arena);
        free(data);
    }
}

static void test_hostile_folders_run_nothing(void **state)
{
    (void)state;
    static const char *const names[] = {
        "pkl_os_system",
        "pkl_eval",
        "pkl_unknown_global",
        "pkl_no_stop",
        "pkl_zip_bomb",
        "pkl_hidden_after_good_data",
        "pkl_truncated",
        "pkl_billion_laughs",
        "pkl_old_format_os_system",
        "pkl_storage_out_of_range",
    };
    unlink("PWNED");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char name[128];
        struct checkpoint c;
        corbel_error err;
        snprintf(name, sizeof name, "hostile/%s/model", names[i]);
        if (checkpoint_open(&c, fixture(name), &err) != CORBEL_E_FORMAT)
            fail_msg("%s: %s", names[i], err.text);
        checkpoint_close(&c);
        assert_false(file_exists("PWNED"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pickles),
        cmocka_unit_test(test_strides_become_c_order_once),
        cmocka_unit_test(test_changed_zip_files),
        cmocka_unit_test(test_names_in_zip_files),
        cmocka_unit_test(test_hostile_folders_run_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
