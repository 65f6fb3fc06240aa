/* descriptor.c: reads a descriptor out of a mapped library: every pointer first. Only memory of the
 * plugin is read; nothing of it is called. What the values may be is descriptor_check.c's. */
#include "plugin/descriptor.h"

#include "base/error.h"
#include "plugin/abi.h"

#include <string.h>

/* Sticky, as everywhere where many small reads make one meaning. */
struct reader {
    struct descriptor *d;
    const struct image *image;
    corbel_error *err;
    corbel_status status;
};

static void fail(struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct reader *r, const char *format, ...)
{
    va_list args;

    if (r->status)
        return;
    va_start(args, format);
    r->status = error_set_v(r->err, CORBEL_E_ABI, format, args);
    va_end(args);
    error_prefix(r->err, r->status, "%s", r->image->name);
}

/* ---- pointers into the image ---------------------------------------------------------------- */

/* How many bytes of the image there are from `pointer`, in a range that is executable or not. */
static size_t image_room(const struct image *image, const void *pointer, bool executable)
{
    uintptr_t p = (uintptr_t)pointer;

    for (uint32_t i = 0; i < image->n_ranges; i++) {
        uintptr_t start = (uintptr_t)image->ranges[i].start;

        if (image->ranges[i].executable == executable && p >= start &&
            p - start < image->ranges[i].size)
            return image->ranges[i].size - (size_t)(p - start);
    }
    return 0;
}

/* `size` bytes of data, aligned to 4 or 8. */
static bool in_image(struct reader *r, const void *pointer, uint64_t size, size_t align,
                     const char *what)
{
    if (r->status)
        return false;
    if (pointer && (uintptr_t)pointer % align == 0 && size <= image_room(r->image, pointer, false))
        return true;
    fail(r, "%s: %s", what,
         !pointer ? "is NULL" : "points outside of the library's data, or is not aligned");
    return false;
}

static void check_string(struct reader *r, const char *s, const char *what)
{
    size_t room;

    if (!in_image(r, s, 1, 1, what))
        return;
    room = image_room(r->image, s, false);
    if (!memchr(s, 0, room < DESCRIPTOR_MAX_STRING ? room : DESCRIPTOR_MAX_STRING))
        fail(r, "%s: longer than %d bytes", what, DESCRIPTOR_MAX_STRING);
}

static void check_function(struct reader *r, void (*function)(void), const char *what)
{
    const void *pointer;

    memcpy(&pointer, &function, sizeof pointer);
    if (!r->status && image_room(r->image, pointer, true) == 0)
        fail(r, "%s: %s", what, pointer ? "points outside of the library's code" : "is NULL");
}

/* Copies a struct that begins with its size. */
static bool read_struct(struct reader *r, void *out, size_t ours, size_t least, const void *theirs,
                        const char *what)
{
    uint32_t claimed;

    if (!in_image(r, theirs, sizeof claimed, 8, what))
        return false;
    if (!abi_size(theirs, least, &claimed))
        fail(r, "%s of %u bytes; ABI 1.0 has %zu", what, claimed, least);
    return in_image(r, theirs, claimed, 8, what) && abi_copy(out, ours, least, theirs);
}

/* ---- architectures -------------------------------------------------------------------------- */

static void check_fields(struct reader *r, const corbel_arch *a)
{
    if (a->n_fields)
        in_image(r, a->fields, (uint64_t)a->n_fields * sizeof(*a->fields), 8, "corbel_arch.fields");
    for (uint32_t i = 0; i < a->n_fields && !r->status; i++) {
        const corbel_field *f = &a->fields[i];

        check_string(r, f->keys, "a field's keys");
        check_string(r, f->name, "a field's name");
        if (f->fallback)
            check_string(r, f->fallback, "a field's default");
    }
}

static void read_arch(struct reader *r, corbel_arch *a, const corbel_arch *theirs)
{
    void (*forward)(void);

    if (!read_struct(r, a, sizeof(*a), ABI_1_0_ARCH, theirs, "corbel_arch"))
        return;
    check_string(r, a->name, "corbel_arch.name");
    check_string(r, a->model_type, "corbel_arch.model_type");
    check_string(r, a->task, "corbel_arch.task");
    check_string(r, a->prefix, "corbel_arch.prefix");
    forward = (void (*)(void))a->forward;
    check_function(r, a->create, "corbel_arch.create");
    check_function(r, forward, "corbel_arch.forward");
    if (!r->status)
        check_fields(r, a);
}

static void read_archs(struct reader *r)
{
    const corbel_plugin *p = &r->d->plugin;

    if (p->n_archs < 1 || p->n_archs > DESCRIPTOR_MAX_ARCHS)
        fail(r, "%u architectures; expected 1 to %d", p->n_archs, DESCRIPTOR_MAX_ARCHS);
    if (!in_image(r, p->archs, (uint64_t)p->n_archs * sizeof(*p->archs), 8, "corbel_plugin.archs"))
        return;
    r->d->archs = arena_array(&r->d->arena, p->n_archs, sizeof(*r->d->archs));
    if (!r->d->archs)
        fail(r, "out of memory");
    for (uint32_t i = 0; i < p->n_archs && !r->status; i++)
        read_arch(r, &r->d->archs[i], p->archs[i]);
}

/* ---- kernels -------------------------------------------------------------------------------- */

static void read_kernel(struct reader *r, corbel_kernel *k, const corbel_kernel *theirs)
{
    if (!read_struct(r, k, sizeof(*k), ABI_1_0_KERNEL, theirs, "corbel_kernel"))
        return;
    check_string(r, k->name, "corbel_kernel.name");
    check_string(r, k->entry, "corbel_kernel.entry");
    in_image(r, k->spirv, k->spirv_size, 4, "corbel_kernel.spirv");
    if (k->decompose || !(k->flags & CORBEL_KERNEL_OVERRIDE))
        check_function(r, (void (*)(void))k->decompose, "corbel_kernel.decompose");
    if (k->launch)
        check_function(r, (void (*)(void))k->launch, "corbel_kernel.launch");
}

static void read_kernels(struct reader *r)
{
    const corbel_plugin *p = &r->d->plugin;

    if (p->n_kernels == 0 || r->status)
        return;
    if (p->n_kernels > DESCRIPTOR_MAX_KERNELS)
        fail(r, "%u kernels; at most %d", p->n_kernels, DESCRIPTOR_MAX_KERNELS);
    if (!in_image(r, p->kernels, (uint64_t)p->n_kernels * sizeof(*p->kernels), 8,
                  "corbel_plugin.kernels"))
        return;
    r->d->kernels = arena_array(&r->d->arena, p->n_kernels, sizeof(*r->d->kernels));
    if (!r->d->kernels)
        fail(r, "out of memory");
    for (uint32_t i = 0; i < p->n_kernels && !r->status; i++)
        read_kernel(r, &r->d->kernels[i], p->kernels[i]);
}

/* ---- outside -------------------------------------------------------------------------------- */

static void read_plugin(struct reader *r, const void *symbol, uint64_t symbol_size)
{
    corbel_plugin *p = &r->d->plugin;
    uint32_t claimed;

    if (!in_image(r, symbol, 4, 8, "corbel_plugin_v1"))
        return;
    memcpy(&claimed, symbol, sizeof claimed);
    if (claimed != symbol_size)
        fail(r, "a descriptor that claims %u bytes, but has %llu", claimed,
             (unsigned long long)symbol_size);
    if (!read_struct(r, p, sizeof(*p), ABI_1_0_PLUGIN, symbol, "a descriptor"))
        return;
    check_string(r, p->id, "corbel_plugin.id");
    check_string(r, p->version, "corbel_plugin.version");
}

corbel_status descriptor_read(struct descriptor *d, const struct image *image, const void *symbol,
                              uint64_t symbol_size, corbel_error *err)
{
    struct reader r = {.d = d, .image = image, .err = err};

    *d = (struct descriptor){0};
    read_plugin(&r, symbol, symbol_size);
    if (!r.status)
        read_archs(&r);
    if (!r.status)
        read_kernels(&r);
    if (!r.status)
        r.status = descriptor_check(d, image->name, err);
    if (r.status)
        descriptor_finish(d);
    return r.status;
}

void descriptor_finish(struct descriptor *d)
{
    arena_finish(&d->arena);
    *d = (struct descriptor){0};
}
