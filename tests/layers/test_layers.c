/* test_layers.c: what docs/architecture.md says of runtime/ is so.
 *
 * A folder includes only from itself and from folders above it, and no architecture has a name in
 * the runtime: those are the plugins' business. Comments are not looked at. */
#include "test.h"

#include <ctype.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define N(array) (sizeof(array) / sizeof(*(array)))
#define N_LAYERS N(layers)
#define RUNTIME  TEST_SOURCE_DIR "/runtime/"

static const char *const layers[] = {"base",    "hub",    "config", "checkpoint", "trust",
                                     "program", "plugin", "device", "model",      "conformance",
                                     "text",    "image",  "chat",   "task",       "cli"};

enum { HUB = 1 }; /* its index in layers */

/* text/ and image/ know nothing of models: of what stands above them they may use only base/ and
 * hub/, which says where a folder lies. */
static const char *const leaves[] = {"text", "image"};

static const char *const architectures[] = {"llama",   "mistral",    "gemma",   "gpt2",  "bert",
                                            "roberta", "distilbert", "mixtral", "qwen",  "phi",
                                            "vit",     "resnet",     "t5",      "falcon"};

/* Folders that may say such names: types in tokenizer.json and preprocessor_config.json are called
 * after the first model that had them (BertNormalizer, ViTImageProcessor), and the command's help
 * has examples. */
static const char *const may_name[] = {"text", "image", "cli"};

/* A rope_type, whichever model uses it. */
static const char rope_type[] = "llama3";

/* nftw has no argument for its caller: what the walk looks for and what it has found. */
static void (*look)(const char *path, char *text);
static size_t n_files, n_findings;

/* ---- reading --------------------------------------------------------------------------------- */

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *text = size < 0 ? NULL : calloc((size_t)size + 1, 1);
    if (text && fread(text, 1, (size_t)size, file) != (size_t)size) {
        free(text);
        text = NULL;
    }
    fclose(file);
    return text;
}

/* Overwrites comments with spaces; string literals stay, and line ends too. */
static void blank_comments(char *text)
{
    enum { CODE, STRING, LINE, BLOCK } state = CODE;
    char quote = 0;
    for (char *p = text; *p; p++) {
        if (state == CODE && (*p == '"' || *p == '\'')) {
            state = STRING;
            quote = *p;
        } else if (state == STRING && *p == '\\' && p[1]) {
            p++;
        } else if (state == STRING && (*p == quote || *p == '\n')) {
            state = CODE;
        } else if (state == CODE && p[0] == '/' && (p[1] == '/' || p[1] == '*')) {
            state = p[1] == '/' ? LINE : BLOCK;
            p[0] = p[1] = ' ';
            p++;
        } else if (state == BLOCK && p[0] == '*' && p[1] == '/') {
            p[0] = p[1] = ' ';
            p++;
            state = CODE;
        } else if (state == LINE && *p == '\n') {
            state = CODE;
        } else if ((state == LINE || state == BLOCK) && *p != '\n') {
            *p = ' ';
        }
    }
}

static size_t line_of(const char *text, const char *at)
{
    size_t line = 1;
    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

static bool is_source(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (strcmp(dot, ".c") == 0 || strcmp(dot, ".h") == 0 || strcmp(dot, ".inc") == 0);
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)ftw;
    if (type != FTW_F || !is_source(path))
        return 0;
    char *text = read_file(path);
    if (!text) {
        print_error("%s: can't be read\n", path);
        n_findings++;
        return 0;
    }
    blank_comments(text);
    look(path + strlen(RUNTIME), text);
    free(text);
    n_files++;
    return 0;
}

static void walk_runtime(void (*what)(const char *path, char *text))
{
    look = what;
    n_files = n_findings = 0;
    assert_int_equal(nftw(RUNTIME, visit, 16, FTW_PHYS), 0);
    assert_true(n_files > 0);
    assert_int_equal(n_findings, 0);
}

/* ---- includes -------------------------------------------------------------------------------- */

/* The layer whose folder a path begins with; N_LAYERS: none. */
static size_t layer_of(const char *path)
{
    for (size_t i = 0; i < N_LAYERS; i++) {
        size_t n = strlen(layers[i]);
        if (strncmp(path, layers[i], n) == 0 && path[n] == '/')
            return i;
    }
    return N_LAYERS;
}

static bool is_one_of(size_t layer, const char *const *names, size_t n_names)
{
    for (size_t i = 0; i < n_names; i++)
        if (strcmp(layers[layer], names[i]) == 0)
            return true;
    return false;
}

static bool may_include(size_t from, size_t to)
{
    return to == from || (to < from && (to <= HUB || !is_one_of(from, leaves, N(leaves))));
}

static void look_at_includes(const char *path, char *text)
{
    static const char directive[] = "#include \"";
    size_t from = layer_of(path);
    if (from == N_LAYERS)
        return;
    for (char *p = text; (p = strstr(p, directive)); p++) {
        const char *included = p + strlen(directive);
        size_t to = layer_of(included);
        if (to == N_LAYERS || may_include(from, to))
            continue;
        print_error("runtime/%s:%zu: includes \"%.*s\", but %s/ may not use %s/\n", path,
                    line_of(text, p), (int)strcspn(included, "\""), included, layers[from],
                    layers[to]);
        n_findings++;
    }
}

static void test_folders_include_only_from_those_above(void **state)
{
    (void)state;
    walk_runtime(look_at_includes);
}

/* ---- names of architectures ------------------------------------------------------------------ */

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* "llama", "Llama2", "LlamaModel", "llama_x" begin with a name; "llamas" and "vital" don't. */
static const char *begins_with_architecture(const char *part)
{
    for (size_t i = 0; i < N(architectures); i++) {
        size_t n = strlen(architectures[i]);
        if (strncasecmp(part, rope_type, strlen(rope_type)) != 0 &&
            strncasecmp(part, architectures[i], n) == 0 && !islower((unsigned char)part[n]))
            return architectures[i];
    }
    return NULL;
}

/* What the sentence-transformers library calls its settings, whatever the model is. */
static const char settings_file[] = "sentence_bert_config";

static const char *architecture_in(const char *word, size_t size)
{
    const char *name = NULL;
    if (size == strlen(settings_file) && strncmp(word, settings_file, size) == 0)
        return NULL;
    for (size_t i = 0; !name && i < size; i++)
        if (i == 0 || word[i - 1] == '_')
            name = begins_with_architecture(word + i);
    return name;
}

static void look_at_words(const char *path, char *text)
{
    size_t layer = layer_of(path);
    if (layer < N_LAYERS && is_one_of(layer, may_name, N(may_name)))
        return;
    for (char *p = text; *p;) {
        size_t size = 0;
        while (is_word(p[size]))
            size++;
        if (size && architecture_in(p, size)) {
            print_error("runtime/%s:%zu: \"%.*s\" names an architecture\n", path, line_of(text, p),
                        (int)size, p);
            n_findings++;
        }
        p += size ? size : 1;
    }
}

static void test_runtime_names_no_architecture(void **state)
{
    (void)state;
    walk_runtime(look_at_words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folders_include_only_from_those_above),
        cmocka_unit_test(test_runtime_names_no_architecture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
