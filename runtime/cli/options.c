/* cli/options.c: see options.h. */
#include "cli/options.h"

#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const task_choices[] = {
    "text-generation", "text-classification", "token-classification", "question-answering",
    "fill-mask",       "feature-extraction",  "image-classification", NULL};
static const char *const side_choices[] = {"left", "right", NULL};
static const char *const aggregation_choices[] = {"none",    "simple", "first",
                                                  "average", "max",    NULL};
static const char *const pooling_choices[] = {
    "auto", "mean", "cls", "max", "mean_sqrt_len", "weightedmean", "lasttoken", "none", NULL};
/* Those behind bfloat16 are no dtype to compute in: loading falls back to float32 and says so. */
static const char *const dtype_choices[] = {"auto",    "float32",       "float16",     "bfloat16",
                                            "float64", "float8_e4m3fn", "float8_e5m2", NULL};
static const char *const isolation_choices[] = {"auto", "always", "never", NULL};
static const char *const format_choices[] = {"text", "dot", "binary", "json", NULL};
static const char *const truncation_choices[] = {
    "true", "false", "longest_first", "only_first", "only_second", "do_not_truncate", NULL};
static const char *const padding_choices[] = {"true",       "false",      "longest",
                                              "max_length", "do_not_pad", NULL};

/* clang-format off */
#define INTEGER(low, high) .kind = OPTION_INTEGER, .min = (low), .max = (high)
#define REAL(low, high)    .kind = OPTION_REAL, .min = (low), .max = (high)
#define CHOICE(list)       .kind = OPTION_CHOICE, .choices = (list)
#define TEXT               .kind = OPTION_TEXT
#define FLAG               .kind = OPTION_FLAG
const struct option options[N_OPTIONS] = {
    [OPTION_TASK] = {"task", "TASK", "what the model is for; chooses its class", CHOICE(task_choices)},
    [OPTION_CLASS] = {"class", "NAME", "class to load as; may be repeated: tried in this order, "
                      "then config.architectures", TEXT},
    [OPTION_REVISION] = {"revision", "REV", "branch, tag or commit of a model of the hub", TEXT},
    [OPTION_DTYPE] = {"dtype", "DTYPE", "element type of the weights: auto (as stored), float32, "
                      "float16, bfloat16", CHOICE(dtype_choices)},
    [OPTION_DEVICE_MAP] = {"device-map", "MAP", "where the weights lie: auto, cpu, vulkan:N, disk, "
                           "or JSON of module prefixes to those, or @FILE", TEXT},
    [OPTION_MAX_MEMORY] = {"max-memory", "MAP", "weights that a device may hold: "
                           "'{\"vulkan:0\": \"6GiB\", \"cpu\": \"12GB\"}' or @FILE", TEXT},
    [OPTION_OFFLINE] = {"offline", NULL, "use no network", FLAG},
    [OPTION_ISOLATION] = {"isolation", "WHEN", "run plugins in a sandboxed process: auto, always, "
                          "never", CHOICE(isolation_choices)},
    [OPTION_PLUGIN] = {"plugin", "PLUGIN", "use this one: NAME@sha256:PIN, a PIN, or a signed bundle's "
                       "folder; may be repeated", TEXT},
    [OPTION_DEV] = {"dev", "DIR", "use your own unsigned plugin from a folder, in the sandbox", TEXT},
    [OPTION_LOCK] = {"lock", "FILE", "refuse what this corbel.lock does not name", TEXT},
    [OPTION_TRUST_REMOTE_PLUGIN] = {"trust-remote-plugin", NULL, "fetch the plugin that the model suggests, "
                                    "and use it if a key that you trust for it has signed it", FLAG},
    [OPTION_THREADS] = {"threads", "N", "CPU threads; default: one a core", INTEGER(1, 4096)},
    [OPTION_JSON] = {"json", NULL, "print one JSON document", FLAG},
    [OPTION_VERBOSE] = {"verbose", NULL, "log to stderr; twice: more", FLAG},
    [OPTION_HELP] = {"help", NULL, "this text", FLAG},

    [OPTION_MAX_NEW_TOKENS] = {"max-new-tokens", "N", "generate at most so many tokens", INTEGER(1, 4294967295.0)},
    [OPTION_TEMPERATURE] = {"temperature", "T", "below 1: likelier tokens; 0: always the likeliest", REAL(0, 1e6)},
    [OPTION_TOP_K] = {"top-k", "K", "sample from the K likeliest tokens (0: all); of a "
                      "classification: the K best labels", INTEGER(0, INT32_MAX)},
    [OPTION_TOP_P] = {"top-p", "P", "sample from the likeliest tokens that make up probability P", REAL(0, 1)},
    [OPTION_MIN_P] = {"min-p", "P", "drop tokens less likely than P times the likeliest", REAL(0, 1)},
    [OPTION_REPETITION_PENALTY] = {"repetition-penalty", "X", "above 1: repeat less", REAL(1e-6, 1e6)},
    [OPTION_SEED] = {"seed", "N", "the same seed gives the same text, and the same new weights", INTEGER(0, 9223372036854774784.0)},
    [OPTION_STOP] = {"stop", "TEXT", "end after this text; may be repeated", TEXT},
    [OPTION_NO_SAMPLE] = {"no-sample", NULL, "greedy: always the likeliest token", FLAG},
    [OPTION_IDS] = {"ids", "LIST", "token ids, separated by commas", TEXT},
    [OPTION_LOGITS] = {"logits", NULL, "also each step's logits in the output file", FLAG},
    [OPTION_EOS_TOKEN_ID] = {"eos-token-id", "LIST", "ids that end a text, or none", TEXT},
    [OPTION_PAD_TOKEN_ID] = {"pad-token-id", "N", "id that fills rows that ended early", INTEGER(0, INT32_MAX)},

    [OPTION_JSONL] = {"jsonl", NULL, "a JSON value a line, in and out", FLAG},
    [OPTION_INPUTS] = {"inputs", "FILE", "safetensors file with input_ids, attention_mask, ...", TEXT},
    [OPTION_OUTPUT] = {"output", "FILE", "file to write: safetensors; of profile: a trace", TEXT},
    [OPTION_HIDDEN_STATES] = {"hidden-states", NULL, "also hidden_states.0, hidden_states.1, ...", FLAG},
    [OPTION_CHAT] = {"chat", NULL, "talk: each INPUT or line of stdin is a turn; /reset, /exit", FLAG},
    [OPTION_SYSTEM] = {"system", "TEXT", "chat: what the system's message says", TEXT},
    [OPTION_MESSAGES] = {"messages", "FILE", "chat: a whole conversation, a JSON list of {\"role\", \"content\"}", TEXT},
    [OPTION_TOOLS] = {"tools", "FILE", "chat: a JSON list of tools that the template is told of", TEXT},
    [OPTION_CHAT_TEMPLATE] = {"chat-template", "FILE", "chat: a Jinja template in place of the model's", TEXT},
    [OPTION_SHOW_PROMPT] = {"show-prompt", NULL, "chat: print what the template makes of the conversation, and end", FLAG},
    [OPTION_SET] = {"set", "NAME=JSON", "a parameter by its name in transformers; may be repeated", TEXT},
    [OPTION_INCLUDE] = {"include", "GLOB", "fetch the files that match, in place of what the model needs; may be repeated", TEXT},
    [OPTION_EXCLUDE] = {"exclude", "GLOB", "leave out the files that match; may be repeated", TEXT},
    [OPTION_VERIFY] = {"verify", NULL, "digest also the files that are in the cache already", FLAG},
    [OPTION_CHECK] = {"check", NULL, "also load every weight and plan a program: does it work here?", FLAG},

    [OPTION_NO_SPECIAL] = {"no-special", NULL, "add no special tokens", FLAG},
    [OPTION_MAX_LENGTH] = {"max-length", "N", "truncate to N tokens", INTEGER(1, INT32_MAX)},
    [OPTION_STRIDE] = {"stride", "N", "keep what is cut off as further windows that overlap by N", INTEGER(0, INT32_MAX)},
    [OPTION_TRUNCATION] = {"truncation", "[=HOW]", "true, false, longest_first, only_first, only_second",
                           .kind = OPTION_OPTIONAL_CHOICE, .choices = truncation_choices},
    [OPTION_PADDING] = {"padding", "[=HOW]", "true (the longest of all), max_length, false, or a number",
                        .kind = OPTION_OPTIONAL_CHOICE, .min = 1, .max = INT32_MAX, .choices = padding_choices},
    [OPTION_SKIP_SPECIAL] = {"skip-special", NULL, "leave special tokens out of the text", FLAG},

    [OPTION_PADDING_SIDE] = {"padding-side", "SIDE", "left or right; default: the tokenizer's", CHOICE(side_choices)},
    [OPTION_TRUNCATION_SIDE] = {"truncation-side", "SIDE", "where tokens are cut off: left or right", CHOICE(side_choices)},
    [OPTION_SPLIT_SPECIAL_TOKENS] = {"split-special-tokens", NULL, "what reads like a special token is text", FLAG},

    [OPTION_QUESTION] = {"question", "TEXT", "what is asked; INPUT is then the context", TEXT},
    [OPTION_CONTEXT] = {"context", "TEXT", "where the answer is looked for; INPUT is then the question", TEXT},
    [OPTION_PAIR] = {"pair", "TEXT", "second text of a pair to classify; INPUT is the first", TEXT},
    [OPTION_TARGET] = {"target", "WORD", "fill-mask: only these words; may be repeated", TEXT},
    [OPTION_AGGREGATION] = {"aggregation", "HOW", "tokens to entities: none, simple, first, average, max", CHOICE(aggregation_choices)},
    [OPTION_POOLING] = {"pooling", "[=HOW]", "one vector a text: mean, cls, max, ...; without HOW as "
                        "the model's modules.json says", .kind = OPTION_OPTIONAL_CHOICE, .choices = pooling_choices},
    [OPTION_NORMALIZE] = {"normalize", NULL, "make that vector's length 1", FLAG},
    [OPTION_BATCH_SIZE] = {"batch-size", "N", "texts that run through the model together; default 1", INTEGER(1, 65536)},

    [OPTION_BATCH] = {"batch", "N", "rows at a time; default 1", INTEGER(1, INT32_MAX)},
    [OPTION_SEQ] = {"seq", "N", "tokens of a row; default 8", INTEGER(1, INT32_MAX)},
    [OPTION_PAST] = {"past", "N", "tokens that are in the cache already", INTEGER(0, INT32_MAX)},
    [OPTION_FORMAT] = {"format", "FORMAT", "text, dot, binary, json", CHOICE(format_choices)},
    [OPTION_PLANNED] = {"planned", NULL, "after fusion, with memory and devices", FLAG},
    [OPTION_PREFILL] = {"prefill", "N", "tokens of the prompt", INTEGER(1, INT32_MAX)},
    [OPTION_DECODE] = {"decode", "N", "tokens to generate", INTEGER(1, INT32_MAX)},
    [OPTION_REPEAT] = {"repeat", "N", "how often it is measured", INTEGER(1, 1000)},

    [OPTION_IGNORE_MISMATCHED_SIZES] = {"ignore-mismatched-sizes", NULL, "weights of another shape than the config's are made anew from --seed", FLAG},
    [OPTION_MAX_SHARD_SIZE] = {"max-shard-size", "SIZE", "largest file of weights: 5GB, 500MB, 2GiB; default 50GB", TEXT},

    [OPTION_KEY] = {"key", "KEY", "one of your keys by its name, or a secret key file", TEXT},
    [OPTION_FOR] = {"for", "GLOB", "what a key is trusted for: plugins ('acme/*') or architectures "
                    "('Probe*'); may be repeated", TEXT},
    [OPTION_NO_PASSPHRASE] = {"no-passphrase", NULL, "do not encrypt the secret key", FLAG},
    [OPTION_ARCHITECTURE] = {"architecture", "NAME", "class that the new plugin serves, as in "
                             "config.architectures", TEXT},
};
/* clang-format on */

/* ---- values ---------------------------------------------------------------------------------- */

static bool is_choice(const struct option *option, const char *value)
{
    for (const char *const *c = option->choices; *c; c++)
        if (strcmp(*c, value) == 0)
            return true;
    return false;
}

static corbel_status bad_choice(const struct option *option, const char *value, corbel_error *err)
{
    struct text list = {0};
    size_t n = 0;
    for (; option->choices[n]; n++)
        text_format(&list, "%s%s", n ? ", " : "", option->choices[n]);
    const char *near = text_nearest(value, option->choices, n);
    corbel_status status =
        near ? error_set(err, CORBEL_E_ARGUMENT, "--%s: no \"%s\"; did you mean %s? (%s)",
                         option->name, value, near, text_cstr(&list))
             : error_set(err, CORBEL_E_ARGUMENT, "--%s: no \"%s\"; there are: %s", option->name,
                         value, text_cstr(&list));
    text_finish(&list);
    return status;
}

static bool is_number(const struct option *option, const char *value)
{
    char *end;
    errno = 0;
    double number =
        option->kind == OPTION_REAL ? strtod(value, &end) : (double)strtoll(value, &end, 10);
    return errno == 0 && end != value && *end == 0 && number >= option->min &&
           number <= option->max;
}

static corbel_status check_value(const struct option *option, const char *value, corbel_error *err)
{
    switch (option->kind) {
    case OPTION_FLAG:
    case OPTION_TEXT: return CORBEL_OK;
    case OPTION_CHOICE:
        return is_choice(option, value) ? CORBEL_OK : bad_choice(option, value, err);
    case OPTION_OPTIONAL_CHOICE:
        if (!*value || is_choice(option, value) || (option->max > 0 && is_number(option, value)))
            return CORBEL_OK;
        return bad_choice(option, value, err);
    case OPTION_INTEGER:
    case OPTION_REAL: break;
    }
    if (is_number(option, value))
        return CORBEL_OK;
    return error_set(err, CORBEL_E_ARGUMENT, "--%s: expected %s from %.10g to %.10g, found \"%s\"",
                     option->name, option->kind == OPTION_REAL ? "a number" : "an integer",
                     option->min, option->max, value);
}

/* ---- the parser ------------------------------------------------------------------------------ */

static corbel_status no_such_option(const struct command *command, const char *name,
                                    corbel_error *err)
{
    const char *names[N_OPTIONS];
    size_t n_names = 0;
    for (const enum option_id *id = command->options; *id != OPTION_END; id++)
        names[n_names++] = options[*id].name;
    const char *near = text_nearest(name, names, n_names);
    return near
               ? error_set(err, CORBEL_E_ARGUMENT, "no option --%s; did you mean --%s?", name, near)
               : error_set(err, CORBEL_E_ARGUMENT, "no option --%s", name);
}

static enum option_id find_option(const struct command *command, const char *name, size_t size)
{
    for (const enum option_id *id = command->options; *id != OPTION_END; id++)
        if (strlen(options[*id].name) == size && memcmp(options[*id].name, name, size) == 0)
            return *id;
    return OPTION_END;
}

/* Parses argv[*i], which begins with "--", and its value; leaves *i at the last word used. */
static corbel_status parse_option(struct arguments *a, int argc, char **argv, int *i,
                                  corbel_error *err)
{
    const char *name = argv[*i] + 2;
    const char *equals = strchr(name, '=');
    size_t size = equals ? (size_t)(equals - name) : strlen(name);
    enum option_id id = find_option(a->command, name, size);
    if (id == OPTION_END) {
        char word[64];
        snprintf(word, sizeof(word), "%.*s", (int)(size < 60 ? size : 60), name);
        return no_such_option(a->command, word, err);
    }

    const struct option *option = &options[id];
    const char *value = equals ? equals + 1 : NULL;
    bool next = !value && *i + 1 < argc;
    if (option->kind == OPTION_FLAG && value)
        return error_set(err, CORBEL_E_ARGUMENT, "--%s takes no value", option->name);
    if (option->kind == OPTION_OPTIONAL_CHOICE) {
        if (next && *argv[*i + 1] && check_value(option, argv[*i + 1], NULL) == CORBEL_OK)
            value = argv[++*i];
        else if (!value)
            value = "";
    } else if (option->kind != OPTION_FLAG && !value) {
        if (!next)
            return error_set(err, CORBEL_E_ARGUMENT, "--%s: %s is missing", option->name,
                             option->value);
        value = argv[++*i];
    }
    a->given[a->n_given++] = (struct given){id, value};
    return value ? check_value(option, value, err) : CORBEL_OK;
}

static corbel_status check_words(const struct arguments *a, corbel_error *err)
{
    const struct command *command = a->command;
    if (a->n_words < command->min_words)
        return error_set(err, CORBEL_E_ARGUMENT, "%s is missing: corbel %s %s",
                         a->n_words == 0 ? "MODEL" : "an argument", command->name, command->usage);
    if (a->n_words > command->max_words)
        return error_set(err, CORBEL_E_ARGUMENT, "\"%s\" is one too many: corbel %s %s",
                         a->words[command->max_words], command->name, command->usage);
    return CORBEL_OK;
}

corbel_status arguments_parse(struct arguments *a, const struct command *command, int argc,
                              char **argv, corbel_error *err)
{
    *a = (struct arguments){.command = command};
    a->given = calloc((size_t)argc + 1, sizeof(*a->given));
    a->words = calloc((size_t)argc + 1, sizeof(*a->words));
    if (!a->given || !a->words)
        return error_memory(err, (size_t)argc * sizeof(*a->given), "the command line");

    bool only_words = false;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (only_words || word[0] != '-' || !word[1]) {
            a->words[a->n_words++] = word;
        } else if (strcmp(word, "--") == 0) {
            only_words = true;
        } else if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
            a->given[0] = (struct given){.id = OPTION_HELP};
            a->n_given = 1;
            return CORBEL_OK;
        } else if (word[1] != '-') {
            return error_set(
                err, CORBEL_E_ARGUMENT,
                "no option %s; options are long ones, and `--` goes before a word that "
                "begins with -",
                word);
        } else {
            corbel_status status = parse_option(a, argc, argv, &i, err);
            if (status != CORBEL_OK)
                return status;
        }
    }
    return check_words(a, err);
}

void arguments_finish(struct arguments *a)
{
    free(a->given);
    free(a->words);
    *a = (struct arguments){0};
}

/* ---- getters --------------------------------------------------------------------------------- */

const char *arguments_nth(const struct arguments *a, enum option_id id, size_t i)
{
    for (size_t g = 0; g < a->n_given; g++)
        if (a->given[g].id == id && i-- == 0)
            return a->given[g].value ? a->given[g].value : "";
    return NULL;
}

bool arguments_have(const struct arguments *a, enum option_id id)
{
    return arguments_nth(a, id, 0) != NULL;
}

const char *arguments_text(const struct arguments *a, enum option_id id, const char *fallback)
{
    for (size_t g = a->n_given; g-- > 0;)
        if (a->given[g].id == id)
            return a->given[g].value;
    return fallback;
}

int64_t arguments_int(const struct arguments *a, enum option_id id, int64_t fallback)
{
    const char *value = arguments_text(a, id, NULL);
    return value ? strtoll(value, NULL, 10) : fallback;
}

double arguments_real(const struct arguments *a, enum option_id id, double fallback)
{
    const char *value = arguments_text(a, id, NULL);
    return value ? strtod(value, NULL) : fallback;
}
