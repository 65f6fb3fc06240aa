/* build.c: the table of host functions; memory, modules and parameters. */
#include "plugin/build.h"

#include "base/error.h"
#include "base/log.h"
#include "plugin/abi.h"

static const corbel_value no_value = {0};

static struct build *build_of(corbel_build *base)
{
    return (struct build *)(void *)base;
}

/* Up to 200 bytes of what a plugin says, on one line. */
static void printable(char out[201], const char *s)
{
    size_t n = 0;

    for (; s && n < 200 && s[n]; n++)
        out[n] = (unsigned char)s[n] < 0x20 || s[n] == 0x7f ? '?' : s[n];
    out[n] = 0;
}

bool build_check_name(struct build *b, const char *what, const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-";
    size_t size = name ? strnlen(name, 129) : 0;

    if (size >= 1 && size <= 128 && strspn(name, allowed) == size)
        return true;
    build_fail(b, CORBEL_E_PROGRAM,
               "the name of %s is not 1 to 128 letters, digits, '_', '.', ':' or '-'", what);
    return false;
}

/* What a later minor of the ABI has: a plugin that claims to need less is told here, and not by an
 * older runtime at a user's. */
static bool needs_minor(struct build *b, uint16_t minor, const char *what, const char *feature)
{
    if (b->plugin->plugin.minor_needed >= minor)
        return true;
    build_fail(b, CORBEL_E_ABI,
               "%s with %s, of ABI %d.%u, in a plugin that says that it needs %d.%u: define "
               "CORBEL_MINOR_NEEDED as %u",
               what, feature, CORBEL_ABI_MAJOR, minor, CORBEL_ABI_MAJOR,
               b->plugin->plugin.minor_needed, minor);
    return false;
}

/* "NAME" or "NAME|OLDER", each a name. */
struct spelling {
    char name[129];
    const char *older; /* "NAME": the same */
};

static bool read_spelling(struct build *b, const char *what, const char *text, struct spelling *out)
{
    const char *bar = text ? strchr(text, '|') : NULL;
    size_t size = bar ? (size_t)(bar - text) : 0;

    if (!bar && !build_check_name(b, what, text))
        return false;
    if (bar && size >= sizeof out->name) {
        build_check_name(b, what, text);
        return false;
    }
    memcpy(out->name, text, bar ? size : strlen(text) + 1);
    if (bar)
        out->name[size] = 0;
    out->older = bar ? bar + 1 : out->name;
    if (bar && !needs_minor(b, 1, what, "two names"))
        return false;
    return build_check_name(b, what, out->name) && build_check_name(b, what, out->older);
}

bool build_in_forward(struct build *b, const char *what)
{
    if (b->status)
        return false;
    if (!b->program)
        build_fail(b, CORBEL_E_PROGRAM, "%s in the constructor; it belongs in forward", what);
    if (b->launching)
        build_fail(b, CORBEL_E_PROGRAM, "%s in the launch of kernel %s, which only reads shapes",
                   what, b->launching);
    return b->status == CORBEL_OK;
}

/* ---- shapes --------------------------------------------------------------------------------- */

static void print_shape(struct text *out, const int64_t *shape, uint32_t rank)
{
    text_append(out, "[");
    for (uint32_t i = 0; i < rank; i++)
        text_format(out, "%s%lld", i ? ", " : "", (long long)shape[i]);
    text_append(out, "]");
}

bool build_read_param(struct build *b, const char *what, const corbel_param *theirs,
                      corbel_param *ours, int64_t shape[PROGRAM_MAX_RANK], int64_t *count)
{
    struct text text = {0};

    if (!theirs || !abi_copy(ours, sizeof(*ours), ABI_1_0_PARAM, theirs)) {
        build_fail(b, CORBEL_E_ABI, "%s: a corbel_param of an impossible size", what);
        return false;
    }
    if (ours->rank > PROGRAM_MAX_RANK || (ours->rank && !ours->shape)) {
        build_fail(b, CORBEL_E_PROGRAM, "%s: rank %u; at most %d", what, ours->rank,
                   PROGRAM_MAX_RANK);
        return false;
    }
    if (ours->rank)
        memcpy(shape, ours->shape, ours->rank * sizeof(*shape));
    if (params_shape_count(shape, ours->rank, count))
        return true;
    print_shape(&text, shape, ours->rank);
    build_fail(b, CORBEL_E_CONFIG,
               "%s %.128s has shape %s: each size is at least 1 and their product at most 2^45",
               what, ours->name ? ours->name : "", text_cstr(&text));
    text_finish(&text);
    return false;
}

/* ---- host functions ------------------------------------------------------------------------- */

static void *host_alloc(corbel_build *base, size_t size)
{
    struct build *b = build_of(base);
    void *memory;

    if (b->status)
        return NULL;
    memory = arena_alloc(b->arena, size ? size : 1);
    if (!memory)
        build_fail(
            b, CORBEL_E_CONFIG,
            "the plugin asks for %zu bytes, more than the %zu MiB that it may have: a size or "
            "a number of layers is too large",
            size, BUILD_MAX_MEMORY >> 20);
    return memory;
}

/* What a plugin refuses is a value of config.json, unless it was building a program. */
static void host_fail(corbel_build *base, const char *why)
{
    struct build *b = build_of(base);
    char line[201];

    printable(line, why && *why ? why : "the plugin gave no reason");
    build_fail(b, b->program ? CORBEL_E_PROGRAM : CORBEL_E_CONFIG, "%s", line);
}

static void host_log(corbel_build *base, int32_t level, const char *line)
{
    struct build *b = build_of(base);
    char text[201];

    printable(text, line);
    log_line(level == CORBEL_LOG_LEVEL_WARN   ? CORBEL_LOG_WARN
             : level == CORBEL_LOG_LEVEL_INFO ? CORBEL_LOG_INFO
                                              : CORBEL_LOG_DEBUG,
             "%s: %s", b->arch, text);
}

static void enter_path(struct text *path, const char *module, int64_t index)
{
    text_format(path, "%s%s", path->size ? "." : "", module);
    if (index >= 0)
        text_format(path, ".%lld", (long long)index);
}

static void host_enter(corbel_build *base, const char *module, int64_t index)
{
    struct build *b = build_of(base);
    struct spelling s;

    if (b->status || !read_spelling(b, "a module", module, &s))
        return;
    if (b->depth == BUILD_MAX_DEPTH) {
        build_fail(b, CORBEL_E_PROGRAM, "modules are nested more than %d deep", BUILD_MAX_DEPTH);
        return;
    }
    b->outer[b->depth] = b->module.size;
    b->outer_older[b->depth++] = b->older.size;
    enter_path(&b->module, s.name, index);
    enter_path(&b->older, s.older, index);
    if (b->module.failed || b->older.failed)
        build_fail(b, CORBEL_E_MEMORY, "out of memory");
}

static void host_leave(corbel_build *base)
{
    struct build *b = build_of(base);

    if (b->status)
        return;
    if (b->depth == 0) {
        build_fail(b, CORBEL_E_PROGRAM, "corbel_leave without corbel_enter");
        return;
    }
    b->module.size = b->outer[--b->depth];
    b->older.size = b->outer_older[b->depth];
    if (b->module.data)
        b->module.data[b->module.size] = 0;
    if (b->older.data)
        b->older.data[b->older.size] = 0;
}

static corbel_value host_param(corbel_build *base, const corbel_param *theirs)
{
    struct build *b = build_of(base);
    struct plugin_param param = {0};
    struct spelling s;
    corbel_error err;
    int64_t count;
    corbel_param p;

    if (b->status)
        return no_value;
    if (b->program) {
        build_fail(b, CORBEL_E_PROGRAM, "a parameter in forward; it belongs in the constructor");
        return no_value;
    }
    if (!build_read_param(b, "parameter", theirs, &p, param.shape, &count) ||
        !read_spelling(b, "a parameter", p.name, &s))
        return no_value;
    if ((p.dtype && p.dtype != CORBEL_F32) ||
        (p.flags & ~(uint32_t)(CORBEL_PARAM_BUFFER | CORBEL_PARAM_HEAD))) {
        build_fail(b, CORBEL_E_ABI, "parameter %s: a dtype or flag that ABI %d.%d does not have",
                   p.name, CORBEL_ABI_MAJOR, CORBEL_ABI_MINOR);
        return no_value;
    }
    if ((p.flags & CORBEL_PARAM_HEAD) && !needs_minor(b, 1, "a parameter", "the flag HEAD"))
        return no_value;
    param.name =
        arena_format(b->names, "%s%s%s", text_cstr(&b->module), b->module.size ? "." : "", s.name);
    param.older =
        arena_format(b->names, "%s%s%s", text_cstr(&b->older), b->older.size ? "." : "", s.older);
    param.rank = p.rank;
    param.flags = p.flags;
    if (strcmp(text_cstr(&b->module), text_cstr(&b->older)) != 0)
        param.flags |= PLUGIN_PARAM_MOVED;
    param.init = (struct plugin_param_init){p.init, p.init_value, p.init_zero_row};
    if (!params_init_sound(&param.init, param.shape, param.rank) || p.reserved) {
        build_fail(b, CORBEL_E_ABI, "parameter %s: an initialisation that ABI %d.%d does not have",
                   p.name, CORBEL_ABI_MAJOR, CORBEL_ABI_MINOR);
        return no_value;
    }
    if (!param.name || !param.older) {
        build_fail(b, CORBEL_E_MEMORY, "out of memory");
    } else {
        corbel_status status;

        if (strcmp(param.name, param.older) == 0)
            param.older = NULL;
        status = params_append(b->params, &param, count, &err);
        if (status) {
            b->module.size = 0; /* the parameter's name has it */
            build_fail(b, status, "%s", err.text);
        }
    }
    return (corbel_value){b->status ? 0 : b->params->n};
}

static int64_t host_dim(corbel_build *base, corbel_value v, int32_t axis)
{
    struct build *b = build_of(base);
    uint32_t n = b->program ? b->program->n_values : b->params->n, rank;
    const int64_t *shape;

    if (b->status)
        return 0;
    if (v.id == 0 || v.id > n) {
        build_fail(b, CORBEL_E_PROGRAM, "corbel_dim of value %u, which there is not", v.id);
        return 0;
    }
    rank = b->program ? b->program->values[v.id].rank : b->params->items[v.id - 1].rank;
    shape = b->program ? b->program->values[v.id].shape : b->params->items[v.id - 1].shape;
    if (axis < -(int64_t)rank || axis >= (int64_t)rank) {
        build_fail(b, CORBEL_E_PROGRAM, "corbel_dim of axis %d of a value of rank %u", axis, rank);
        return 0;
    }
    return shape[axis < 0 ? axis + (int32_t)rank : axis];
}

/* ABI 1.0 has no extensions yet. */
static const void *host_extension(corbel_build *base, const char *id)
{
    (void)base;
    (void)id;
    return NULL;
}

static const corbel_host host = {
    .struct_size = sizeof(corbel_host),
    .abi_major = CORBEL_ABI_MAJOR,
    .abi_minor = CORBEL_ABI_MINOR,
    .alloc = host_alloc,
    .fail = host_fail,
    .log = host_log,
    .enter = host_enter,
    .leave = host_leave,
    .param = host_param,
    .input = build_input,
    .state = build_state,
    .constant = build_constant,
    .emit = build_emit,
    .output = build_output,
    .dim = host_dim,
    .option = build_option,
    .extension = host_extension,
};

/* ---- life ----------------------------------------------------------------------------------- */

void build_init(struct build *b, const struct descriptor *plugin, const char *arch)
{
    *b = (struct build){.base.host = &host, .plugin = plugin, .arch = arch};
}

void build_finish(struct build *b)
{
    text_finish(&b->module);
    text_finish(&b->older);
}

void build_fail(struct build *b, corbel_status status, const char *format, ...)
{
    va_list args;

    if (b->status)
        return;
    b->status = status;
    va_start(args, format);
    error_set_v(&b->error, status, format, args);
    va_end(args);
    if (b->module.size)
        error_prefix(&b->error, status, "%s", text_cstr(&b->module));
    error_prefix(&b->error, status, "%s", b->arch);
}

corbel_status build_result(struct build *b, corbel_error *err)
{
    if (b->depth)
        build_fail(b, CORBEL_E_PROGRAM, "a corbel_leave is missing");
    if (b->status && err)
        *err = b->error;
    return b->status;
}
