/* SPDX-License-Identifier: MIT */
/* Manufacturer -> models -> install section -> service, with the platform decorations of names
 * ("INF Models Section", "Combining Platform Extensions"). */
#include "nt/inf_int.h"
#include "nt/utf.h"

#include <strings.h>

enum { OS_MAJOR = 10, OS_MINOR = 0, OS_BUILD = 19041, NAME_BYTES = 600 };
enum { SERVICE_OF_DEVICE = 2 /* SPSVCINST_ASSOCSERVICE */ };

/* How well ".NTamd64.10.0...16299" fits this machine: 0 not at all; else the more specific, the
 * higher. */
static uint64_t decoration_rank(const char *decoration)
{
    unsigned long numbers[5] = {0}; /* major, minor, product type, suite mask, build */
    uint64_t rank = 1;
    const char *at = decoration;

    if (!*at)
        return rank;
    if (strncasecmp(at, "NTamd64", 7) == 0) {
        at += 7;
        rank = 3;
    } else if (strncasecmp(at, "NT", 2) == 0) {
        at += 2;
        rank = 2;
    } else {
        return 0;
    }
    for (size_t n = 0; *at == '.' && n < ARRAY_LEN(numbers); n++) {
        char *end;

        numbers[n] = strtoul(at + 1, &end, 0);
        at = end;
    }
    if (*at || numbers[0] > OS_MAJOR || (numbers[0] == OS_MAJOR && numbers[1] > OS_MINOR) ||
        (numbers[0] == OS_MAJOR && numbers[4] > OS_BUILD))
        return 0;
    return rank << 48 | (uint64_t)MIN_OF(numbers[0], 255ul) << 40 |
           (uint64_t)MIN_OF(numbers[1], 255ul) << 32 | MIN_OF(numbers[4], 0xfffffffful);
}

/* Which of "name", "name.NTamd64", ... fits best among the sections that exist. */
static const struct inf_section *best_section(const struct inf *inf, const char *name)
{
    const struct inf_section *best = NULL;
    size_t n = strlen(name);
    uint64_t best_rank = 0;

    for (unsigned i = 0; i < inf->section_count; i++) {
        const char *candidate = inf->sections[i].name;
        uint64_t rank;

        if (strncasecmp(candidate, name, n) != 0 || (candidate[n] && candidate[n] != '.'))
            continue;
        rank = decoration_rank(candidate[n] ? candidate + n + 1 : "");
        if (rank > best_rank) {
            best_rank = rank;
            best = &inf->sections[i];
        }
    }
    return best;
}

/* %mfg% = models, NTamd64, NTamd64.10.0: the section of the decoration that fits best; plain
 * `models` if none does. */
static const struct inf_section *models_of(const struct inf *inf, const struct inf_line *mfg)
{
    const char *best = "";
    uint64_t best_rank = mfg->field_count > 1 ? 0 : 1;
    char name[NAME_BYTES];

    for (unsigned n = 1; n < mfg->field_count; n++) {
        uint64_t rank = decoration_rank(mfg->fields[n]);

        if (*mfg->fields[n] && rank > best_rank) {
            best_rank = rank;
            best = mfg->fields[n];
        }
    }
    snprintf(name, sizeof name, "%s%s%s", inf_field(mfg, 0), *best ? "." : "", best);
    return inf_section_find(inf, name);
}

/* An id of the INF fits if it is the device's, or the front of it up to an &, as the less specific
 * ids of a PCI device are. */
static bool id_matches(const char *of_inf, const char *of_device)
{
    size_t n = strlen(of_inf);

    return n != 0 && strncasecmp(of_inf, of_device, n) == 0 &&
           (of_device[n] == '\0' || of_device[n] == '&');
}

static const char *matching_id(const struct inf_line *model, const char *hardware_id)
{
    if (!hardware_id)
        return inf_field(model, 1);
    for (unsigned n = 1; n < model->field_count; n++)
        if (id_matches(model->fields[n], hardware_id))
            return model->fields[n];
    return NULL;
}

static const struct inf_line *find_model(const struct inf *inf, const char *hardware_id,
                                         const char **id)
{
    const struct inf_section *makers = inf_section_find(inf, "Manufacturer");

    for (unsigned m = 0; makers && m < makers->line_count; m++) {
        const struct inf_section *models = models_of(inf, &makers->lines[m]);

        for (unsigned n = 0; models && n < models->line_count; n++) {
            const struct inf_line *model = &models->lines[n];

            *id = model->key ? matching_id(model, hardware_id) : NULL;
            if (*id)
                return model;
        }
    }
    return NULL;
}

/* AddService = name, flags, section. The one that is marked as the device's own, else the first. */
static void find_service(const struct inf *inf, struct inf_model *out)
{
    const struct inf_line *line = NULL, *chosen = NULL;
    const struct inf_section *s;
    const char *slash;
    char name[NAME_BYTES];
    uint32_t flags;

    snprintf(name, sizeof name, "%s.Services", out->install);
    s = inf_section_find(inf, name);
    while (s && (line = inf_line_find(s, "AddService", line))) {
        if (!inf_number(inf_field(line, 1), &flags))
            flags = 0;
        if (*inf_field(line, 0) && (!chosen || (flags & SERVICE_OF_DEVICE)))
            chosen = line;
        if (flags & SERVICE_OF_DEVICE)
            break;
    }
    if (!chosen)
        return;
    out->service = inf_field(chosen, 0);
    s = inf_section_find(inf, inf_field(chosen, 2));
    line = s ? inf_line_find(s, "ServiceBinary", NULL) : NULL;
    if (line) {
        slash = strrchr(inf_field(line, 0), '\\');
        out->binary = slash ? slash + 1 : inf_field(line, 0);
    }
}

int inf_find_model(const struct inf *inf, const char *hardware_id, struct inf_model *out,
                   struct why *why)
{
    const char *id = NULL;
    const struct inf_line *model = find_model(inf, hardware_id, &id), *line;
    const struct inf_section *install;
    uint32_t bits;

    memset(out, 0, sizeof *out);
    if (!model)
        return why_set(why, -ENOENT, "%s: no model for %s on x64 Windows 10", inf->file,
                       hardware_id ? hardware_id : "any device");
    install = best_section(inf, inf_field(model, 0));
    if (!install || !*inf_field(model, 0))
        return why_set(why, -EINVAL, "%s:%u: the install section [%s] is not there", inf->file,
                       model->number, inf_field(model, 0));
    out->description = model->key;
    out->hardware_id = id;
    out->install = install->name;
    for (line = NULL; (line = inf_line_find(install, "Characteristics", line));)
        for (unsigned n = 0; n < line->field_count; n++)
            if (inf_number(line->fields[n], &bits))
                out->characteristics |= bits;
    find_service(inf, out);
    return 0;
}
