/* cli/plugin_test.c: `corbel plugin test`: a line a check, and what was found below it. */
#include "cli/plugin_test.h"
#include "base/error.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"
#include "corbel/trust.h"

#include <stdio.h>
#include <string.h>

static void print_detail(const char *detail)
{
    while (*detail) {
        const int size = (int)strcspn(detail, "\n");

        printf("        %.*s\n", size, detail);
        detail += size + (detail[size] == '\n');
    }
}

static void print_check(void *user, const corbel_plugin_check *check)
{
    static const struct {
        const char *word;
        enum style style;
    } verdicts[] = {{"ok", STYLE_GREEN}, {"FAILED", STYLE_RED}, {"skipped", STYLE_DIM}};

    (void)user;
    printf("%s%-7s%s %-45s %s", style(stdout, verdicts[check->verdict].style),
           verdicts[check->verdict].word, style(stdout, STYLE_PLAIN), check->name, check->subject);
    if (check->n_findings > 0)
        printf("  %u of %u went wrong\n", check->n_findings, check->n_tries);
    else
        printf("  %s%u %s%s\n", style(stdout, STYLE_DIM), check->n_tries,
               check->n_tries == 1 ? "try" : "tries", style(stdout, STYLE_PLAIN));
    print_detail(check->detail);
    fflush(stdout);
}

corbel_status plugin_test(const struct arguments *a, corbel_error *err)
{
    const bool json_wanted = arguments_have(a, OPTION_JSON);
    const char *folder = a->n_words > 1 ? a->words[1] : ".";
    const corbel_plugin_test_params params =
        CORBEL_PLUGIN_TEST_PARAMS(.in_process = strcmp(arguments_text(a, OPTION_ISOLATION, "auto"),
                                                       "never") == 0,
                                  .threads = (uint32_t)arguments_int(a, OPTION_THREADS, 0),
                                  .validation = validation_is_wanted(),
                                  .seed = (uint64_t)arguments_int(a, OPTION_SEED, 0),
                                  .on_check = json_wanted ? NULL : print_check);
    size_t n_failed = 0;
    char *json = NULL;
    corbel_status status = corbel_plugin_test(folder, &params, &json, &n_failed, err);

    if (!status && json_wanted)
        printf("%s\n", json);
    corbel_free(json);
    if (!status && n_failed)
        status = error_set(err, CORBEL_E_PROGRAM, "%s: %zu check%s failed", folder, n_failed,
                           n_failed == 1 ? "" : "s");
    return status;
}
