/* model/plugins/template.c: corbel_plugin_new: the project of a new plugin, from the SDK's
 * template. */
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "corbel/trust.h"
#include "hub/resources.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_NAME = 64, MAX_TEXT = 1 << 20 };

/* What @KEY@ of the template becomes. */
struct substitution {
    const char *key, *value;
};

static bool is_word(const char *s, const char *others)
{
    size_t n = 0;

    for (; s[n]; n++)
        if (!((s[n] >= 'a' && s[n] <= 'z') || (s[n] >= '0' && s[n] <= '9') || strchr(others, s[n])))
            return false;
    return n > 0 && n <= MAX_NAME && s[0] >= 'a' && s[0] <= 'z';
}

static bool is_class(const char *s)
{
    size_t n = 0;

    for (; isalnum((unsigned char)s[n]) || s[n] == '_'; n++)
        ;
    return n > 0 && n <= MAX_NAME && !s[n] && isalpha((unsigned char)s[0]);
}

/* By the ending that transformers gives a class. */
static const char *task_of(const char *architecture)
{
    static const struct {
        const char *ending, *task;
    } rows[] = {
        {"ForCausalLM", "text-generation"},
        {"ForSequenceClassification", "text-classification"},
        {"ForTokenClassification", "token-classification"},
        {"ForQuestionAnswering", "question-answering"},
        {"ForMaskedLM", "fill-mask"},
        {"ForImageClassification", "image-classification"},
    };
    size_t size = strlen(architecture);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t n = strlen(rows[i].ending);

        if (size > n && strcmp(architecture + size - n, rows[i].ending) == 0)
            return rows[i].task;
    }
    return "";
}

static void substitute(const char *data, const struct substitution *table, struct text *out)
{
    while (*data) {
        size_t plain = strcspn(data, "@");
        const struct substitution *s = table;

        text_append_bytes(out, data, plain);
        data += plain;
        if (!*data)
            return;
        for (; s->key; s++)
            if (strncmp(data + 1, s->key, strlen(s->key)) == 0 && data[1 + strlen(s->key)] == '@')
                break;
        if (s->key)
            text_append(out, s->value);
        else
            text_append_char(out, '@');
        data += s->key ? strlen(s->key) + 2 : 1;
    }
}

static corbel_status copy_file(const char *from, const char *to, const char *file,
                               const struct substitution *table, corbel_error *err)
{
    char source[PATH_MAX], target[PATH_MAX], name[MAX_NAME + 8], *data;
    struct text text = {0};
    corbel_status status;
    struct stat st;
    size_t size;

    snprintf(name, sizeof name, "%s.c", table[0].value);
    if (!path_join(source, sizeof source, from, file) ||
        !path_join(target, sizeof target, to, strcmp(file, "plugin.c") == 0 ? name : file))
        return error_set(err, CORBEL_E_ARGUMENT, "%.200s...: the path is too long", to);
    status = file_read(source, MAX_TEXT, &data, &size, err);
    if (status)
        return status;
    substitute(data, table, &text);
    free(data);
    status = text.failed ? error_memory(err, size, source)
                         : file_write(target, text.data, text.size, err);
    text_finish(&text);
    if (!status && stat(source, &st) == 0 && (st.st_mode & 0111) && chmod(target, 0755) != 0)
        status = error_set(err, CORBEL_E_IO, "%s: %s", target, strerror(errno));
    return status;
}

corbel_status corbel_plugin_new(const char *name, const char *architecture, const char *folder,
                                corbel_error *err)
{
    static const char *const files[] = {"CMakeLists.txt", "LICENSE",  "README.md",
                                        "gated.comp",     "plugin.c", "test.sh"};
    const char *slash = strchr(name, '/');
    char template[PATH_MAX], publisher[MAX_NAME + 1];
    corbel_status status;

    snprintf(publisher, sizeof publisher, "%.*s", slash ? (int)(slash - name) : 0, name);
    if (!slash || !is_word(publisher, "-_") || !is_word(slash + 1, "_"))
        return error_set(err, CORBEL_E_ARGUMENT,
                         "%.100s: expected PUBLISHER/NAME, of lowercase letters, digits and _",
                         name);
    if (!is_class(architecture))
        return error_set(err, CORBEL_E_ARGUMENT,
                         "%.100s: expected the name of a class, as ProbeForCausalLM", architecture);
    const struct substitution table[] = {
        {"NAME", slash + 1},
        {"PLUGIN", name},
        {"PUBLISHER", publisher},
        {"ARCHITECTURE", architecture},
        {"MODEL_TYPE", slash + 1},
        {"TASK", task_of(architecture)},
        {NULL, NULL},
    };

    status = resource_template(template, sizeof template, err);
    if (status)
        return status;
    folder = folder ? folder : slash + 1;
    if (mkdir(folder, 0777) != 0)
        return error_set(err, CORBEL_E_IO, "%s: %s", folder, strerror(errno));
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !status; i++)
        status = copy_file(template, folder, files[i], table, err);
    return status;
}

corbel_status corbel_sdk_folder(char *out, size_t size, corbel_error *err)
{
    return resource_sdk(out, size, err);
}
