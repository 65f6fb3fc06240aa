/* model/placement/parts_print.c: the plans of a step's parts, and what crosses between them. */
#include "model/placement/parts.h"

#include <string.h>

static const char *place_name(const struct parts *parts, uint32_t part)
{
    return parts->model->placement.places[parts->items[part].segment->place].name;
}

static uint64_t seam_bytes(const struct parts *parts, const struct seam *seam)
{
    return value_bytes(&parts->segments.items[seam->to].program.values[seam->value]);
}

static const char *seam_name(const struct parts *parts, const struct seam *seam)
{
    return parts->segments.items[seam->to].program.values[seam->value].name;
}

static uint64_t disk_bytes(const struct parts *parts, const struct part *part)
{
    uint64_t bytes = 0;
    for (uint32_t k = 0; k < part->n_disk; k++)
        bytes += parts->model->placement_params[part->disk[k].param].bytes;
    return bytes;
}

static void print_text(const struct parts *parts, struct text *out)
{
    const struct segments *s = &parts->segments;
    for (uint32_t i = 0; i < parts->n_items; i++) {
        const struct part *part = &parts->items[i];
        text_format(out, "%spart %u of %u, in %s", i ? "\n" : "", i + 1, parts->n_items,
                    place_name(parts, i));
        if (part->n_disk)
            text_format(out, ": %llu bytes of weights are read from the disk and computed on %s",
                        (unsigned long long)disk_bytes(parts, part), device_name(part->device));
        text_append_char(out, '\n');
        for (uint32_t k = 0; k < s->n_seams; k++)
            if (s->seams[k].to == i)
                text_format(out, "    receives %s, %llu bytes, from part %u\n",
                            seam_name(parts, &s->seams[k]),
                            (unsigned long long)seam_bytes(parts, &s->seams[k]),
                            s->seams[k].from + 1);
        plan_print(&part->plan, CORBEL_PROGRAM_TEXT, device_name(part->device), out);
    }
}

static void print_transfers(const struct parts *parts, struct text *out)
{
    const struct segments *s = &parts->segments;
    for (uint32_t k = 0; k < s->n_seams; k++) {
        const struct seam *seam = &s->seams[k];
        text_format(out, "%s\n  {\"value\": \"%s\", \"bytes\": %llu, \"from\": %u, \"to\": %u}",
                    k ? "," : "", seam_name(parts, seam),
                    (unsigned long long)seam_bytes(parts, seam), seam->from, seam->to);
    }
}

static void print_json(const struct parts *parts, struct text *out)
{
    text_append(out, "{\"transfers\": [");
    print_transfers(parts, out);
    text_append(out, "\n],\n\"parts\": [");
    for (uint32_t i = 0; i < parts->n_items; i++) {
        const struct part *part = &parts->items[i];
        text_format(out, "%s\n{\"place\": \"%s\", \"disk_bytes\": %llu, \"plan\": ", i ? "," : "",
                    place_name(parts, i), (unsigned long long)disk_bytes(parts, part));
        plan_print(&part->plan, CORBEL_PROGRAM_JSON, device_name(part->device), out);
        text_append_char(out, '}');
    }
    text_append(out, "\n]}\n");
}

void parts_print(const struct parts *parts, corbel_program_format format, struct text *out)
{
    if (parts->n_items == 1 || format == CORBEL_PROGRAM_DOT)
        for (uint32_t i = 0; i < parts->n_items; i++)
            plan_print(&parts->items[i].plan, format, device_name(parts->items[i].device), out);
    else if (format == CORBEL_PROGRAM_JSON)
        print_json(parts, out);
    else
        print_text(parts, out);
}
