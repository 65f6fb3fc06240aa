/* cli/init.c: `corbel init`: a model with new weights from a config, as from_config makes it. */
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/save.h"
#include "cli/session.h"

corbel_status init_command(const struct arguments *a, corbel_error *err)
{
    const char *classes[SESSION_MAX_CLASSES];
    struct session session = {0};
    struct progress_bar bar = {0};
    corbel_saved saved;
    corbel_init_params params =
        CORBEL_INIT_PARAMS(.dtype = dtype_of(a), .task = arguments_text(a, OPTION_TASK, NULL),
                           .class_names = classes, .n_class_names = session_classes(a, classes),
                           .offline = arguments_have(a, OPTION_OFFLINE),
                           .seed = (uint64_t)arguments_int(a, OPTION_SEED, 0),
                           .revision = arguments_text(a, OPTION_REVISION, NULL),
                           .on_progress = progress_draw, .user = &bar);
    corbel_status status = shard_size_read(a, &params.max_shard_size, err);
    interrupt_catch();
    if (status == CORBEL_OK)
        status = session_open(&session, a, SESSION_RUNTIME, err);
    if (status == CORBEL_OK)
        status = corbel_model_init(session.runtime, a->words[0], a->words[1], &params, &saved, err);
    progress_end(&bar);
    if (status == CORBEL_OK)
        saved_print(a, a->words[1], &saved);
    session_close(&session);
    return status;
}
