/* descriptor_check.c: what a descriptor may say, wherever it was read from. Its pointers are sound.
 */
#include "base/error.h"
#include "plugin/arguments.h"
#include "plugin/descriptor.h"
#include "plugin/spirv.h"

#include <string.h>

/* Sticky: the first rule that is broken is reported. */
struct check {
    struct descriptor *d;
    const char *name;
    corbel_error *err;
    corbel_status status;
};

static void fail(struct check *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct check *c, const char *format, ...)
{
    va_list args;

    if (c->status)
        return;
    va_start(args, format);
    c->status = error_set_v(c->err, CORBEL_E_ABI, format, args);
    va_end(args);
    error_prefix(c->err, c->status, "%s", c->name);
}

static void check_minor(struct check *c)
{
    const corbel_plugin *p = &c->d->plugin;

    if (p->minor_needed > CORBEL_ABI_MINOR)
        fail(c, "%s needs plugin ABI %d.%u, this runtime has %d.%d", p->id, CORBEL_ABI_MAJOR,
             p->minor_needed, CORBEL_ABI_MAJOR, CORBEL_ABI_MINOR);
    if (p->minor_needed > p->minor_built)
        fail(c, "%s needs ABI minor %u but was built for %u", p->id, p->minor_needed,
             p->minor_built);
}

/* ---- architectures -------------------------------------------------------------------------- */

static bool is_identifier(const char *s)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    size_t n = strlen(s);

    return n >= 1 && n <= 128 && strchr(first, s[0]) &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") == n;
}

/* "$name" must be an earlier field of the same kind. */
static void check_fallback(struct check *c, const corbel_arch *a, uint32_t i)
{
    const corbel_field *f = &a->fields[i];

    if (!f->fallback || f->fallback[0] != '$')
        return;
    for (uint32_t j = 0; j < i; j++)
        if (strcmp(a->fields[j].name, f->fallback + 1) == 0 && a->fields[j].kind == f->kind)
            return;
    fail(c, "%s: field %.64s: its default %.64s is no earlier field of the same kind", a->name,
         f->keys, f->fallback);
}

static void check_field(struct check *c, const corbel_arch *a, uint32_t i)
{
    const corbel_field *f = &a->fields[i];

    if (f->kind < CORBEL_KIND_i64 || f->kind > CORBEL_KIND_rope)
        fail(c, "%s: field %.64s has kind %d, which ABI %d.%d does not have", a->name, f->keys,
             f->kind, CORBEL_ABI_MAJOR, CORBEL_ABI_MINOR);
    if (f->reserved != 0)
        fail(c, "%s: field %.64s: reserved is not 0", a->name, f->keys);
    if (!is_identifier(f->name))
        fail(c, "%s: field %.64s: its name is no identifier", a->name, f->keys);
    if (strchr(f->keys, '#') && f->kind != CORBEL_KIND_i64)
        fail(c, "%s: field %.64s: a number of entries (#) is an i64", a->name, f->keys);
    check_fallback(c, a, i);
}

static void check_arch(struct check *c, uint32_t i)
{
    const corbel_arch *a = &c->d->archs[i];

    if (!is_identifier(a->name))
        fail(c, "corbel_arch.name: %.64s is no class name", a->name);
    for (uint32_t j = 0; j < i; j++)
        if (strcmp(c->d->archs[j].name, a->name) == 0)
            fail(c, "two architectures are called %s", a->name);
    if (a->n_fields > ARGUMENTS_MAX)
        fail(c, "%s: %u fields; at most %d", a->name, a->n_fields, ARGUMENTS_MAX);
    for (uint32_t j = 0; j < a->n_fields && !c->status; j++)
        check_field(c, a, j);
}

/* ---- kernels -------------------------------------------------------------------------------- */

static const char name_characters[] = "abcdefghijklmnopqrstuvwxyz"
                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

static void check_shader(struct check *c, uint32_t i)
{
    if (c->status)
        return;
    c->status = spirv_check(&c->d->kernels[i], &c->d->arena, &c->d->shaders[i], c->err);
    if (c->status)
        error_prefix(c->err, c->status, "%s", c->name);
}

static void check_kernel(struct check *c, uint32_t i)
{
    const corbel_kernel *k = &c->d->kernels[i];

    for (uint32_t j = 0; j < i; j++)
        if (strcmp(c->d->kernels[j].name, k->name) == 0)
            fail(c, "two kernels are called %s", k->name);
    if (k->spirv_size % 4 != 0 || k->spirv_size < 20 || k->spirv_size > DESCRIPTOR_MAX_SPIRV)
        fail(c, "kernel %.64s: %u bytes of SPIR-V", k->name, k->spirv_size);
    if (k->n_buffers < 1 || k->n_buffers > CORBEL_MAX_BUFFERS ||
        k->push_size > CORBEL_MAX_PUSH * 4 || k->push_size % 4 != 0)
        fail(c,
             "kernel %s: %u buffers and %u bytes of push constants; at most %d and %d, in steps of "
             "4",
             k->name, k->n_buffers, k->push_size, CORBEL_MAX_BUFFERS, CORBEL_MAX_PUSH * 4);
    if (!*k->name || !*k->entry || strspn(k->name, name_characters) != strlen(k->name))
        fail(c, "kernel %.64s: its name is not of letters, digits, '_', '.' and '-', or empty",
             k->name);
    if (k->reserved != 0 || (k->flags & ~(uint32_t)CORBEL_KERNEL_OVERRIDE))
        fail(c, "kernel %s: a flag that ABI %d.%d does not have, or reserved is not 0", k->name,
             CORBEL_ABI_MAJOR, CORBEL_ABI_MINOR);
    if (!(k->max_rel_err >= 0.0 && k->max_rel_err <= 1.0))
        fail(c, "kernel %s: max_rel_err is not between 0 and 1", k->name);
}

/* ---- outside -------------------------------------------------------------------------------- */

corbel_status descriptor_check(struct descriptor *d, const char *name, corbel_error *err)
{
    struct check c = {.d = d, .name = name, .err = err};

    if (d->plugin.n_kernels) {
        d->shaders = arena_array(&d->arena, d->plugin.n_kernels, sizeof(*d->shaders));
        if (!d->shaders)
            return error_memory(err, d->plugin.n_kernels * sizeof(*d->shaders), name);
    }
    check_minor(&c);
    for (uint32_t i = 0; i < d->plugin.n_archs && !c.status; i++)
        check_arch(&c, i);
    for (uint32_t i = 0; i < d->plugin.n_kernels && !c.status; i++) {
        check_kernel(&c, i);
        check_shader(&c, i);
    }
    return c.status;
}

static bool same_capabilities(uint32_t features, const struct strings *theirs)
{
    const char *names[FEATURE_COUNT];
    const uint32_t n = spirv_capabilities(features, names);

    if (n != theirs->n)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(names[i], theirs->items[i]) != 0)
            return false;
    return true;
}

static corbel_status shaders_equal_manifest(const struct descriptor *d,
                                            const struct manifest *manifest, corbel_error *err)
{
    if (d->plugin.n_kernels != manifest->n_shaders)
        return error_set(err, CORBEL_E_UNTRUSTED,
                         "the manifest has %zu shaders, the library %u kernels",
                         manifest->n_shaders, d->plugin.n_kernels);
    for (uint32_t i = 0; i < d->plugin.n_kernels; i++) {
        const struct manifest_shader *theirs = &manifest->shaders[i];
        const corbel_kernel *k = &d->kernels[i];

        if (strcmp(k->name, theirs->name) != 0 || strcmp(k->entry, theirs->entry) != 0 ||
            k->n_buffers != theirs->bindings || k->push_size != theirs->push_size ||
            !same_capabilities(d->shaders[i].features, &theirs->capabilities))
            return error_set(
                err, CORBEL_E_UNTRUSTED,
                "shader %u: the manifest says %s, %s, %lld bindings, %lld bytes of push "
                "constants; the library says %.64s, %.64s, %u, %u, or has other "
                "capabilities",
                i, theirs->name, theirs->entry, (long long)theirs->bindings,
                (long long)theirs->push_size, k->name, k->entry, k->n_buffers, k->push_size);
    }
    return CORBEL_OK;
}

corbel_status descriptor_equals_manifest(const struct descriptor *d,
                                         const struct manifest *manifest, corbel_error *err)
{
    const corbel_plugin *p = &d->plugin;

    if (strcmp(p->id, manifest->name) != 0 || strcmp(p->version, manifest->version) != 0)
        return error_set(err, CORBEL_E_UNTRUSTED,
                         "the manifest says %s %s, the library says %.64s %.64s", manifest->name,
                         manifest->version, p->id, p->version);
    if (manifest->abi_major != CORBEL_ABI_MAJOR || manifest->abi_minor != p->minor_needed)
        return error_set(err, CORBEL_E_UNTRUSTED,
                         "the manifest says that it needs ABI %lld.%lld, the library says %d.%u",
                         (long long)manifest->abi_major, (long long)manifest->abi_minor,
                         CORBEL_ABI_MAJOR, p->minor_needed);
    if (p->n_archs != manifest->n_archs)
        return error_set(err, CORBEL_E_UNTRUSTED,
                         "the manifest has %zu architectures, the library %u", manifest->n_archs,
                         p->n_archs);
    for (uint32_t i = 0; i < p->n_archs; i++) {
        const struct manifest_arch *theirs = &manifest->archs[i];
        const corbel_arch *a = &d->archs[i];

        if (strcmp(a->name, theirs->name) != 0 || strcmp(a->model_type, theirs->model_type) != 0 ||
            strcmp(a->task, theirs->task) != 0)
            return error_set(err, CORBEL_E_UNTRUSTED,
                             "architecture %u: the manifest says %s, %s, \"%s\"; the library says "
                             "%.64s, %.64s, \"%.64s\"",
                             i, theirs->name, theirs->model_type, theirs->task, a->name,
                             a->model_type, a->task);
    }
    return shaders_equal_manifest(d, manifest, err);
}

const corbel_arch *descriptor_arch(const struct descriptor *d, const char *name)
{
    for (uint32_t i = 0; i < d->plugin.n_archs; i++)
        if (strcmp(d->archs[i].name, name) == 0)
            return &d->archs[i];
    return NULL;
}

const corbel_kernel *descriptor_kernel(const struct descriptor *d, const char *name)
{
    for (uint32_t i = 0; i < d->plugin.n_kernels; i++)
        if (strcmp(d->kernels[i].name, name) == 0)
            return &d->kernels[i];
    return NULL;
}
