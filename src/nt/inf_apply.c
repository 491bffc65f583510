/* SPDX-License-Identifier: MIT */
/* AddReg lines into the registry ("INF AddReg Directive"), and the defaults of the keywords under
 * Ndi\params. */
#include "nt/inf_int.h"
#include "nt/utf.h"

#include <strings.h>

/* FLG_ADDREG_*. */
enum {
    BINARY_TYPE = 0x1,
    NO_CLOBBER = 0x2,
    DELETE_VALUE = 0x4,
    APPEND = 0x8,
    KEY_ONLY = 0x10,
    OVERWRITE_ONLY = 0x20,
    TYPE_MULTI_SZ = 0x10000,
    TYPE_EXPAND_SZ = 0x20000,
    TYPE_DWORD = 0x10001,
    TYPE_NONE = 0x20001,
    TYPE_MASK = (int)0xffff0001
};
enum { ROOT, SUBKEY, NAME, FLAGS, VALUE };

struct bytes {
    char *data;
    size_t size;
};

static void bytes_free(struct bytes *b)
{
    free(b->data);
}

static bool bytes_add(struct bytes *b, const void *data, size_t size)
{
    char *bigger = realloc(b->data, b->size + size + 1);

    if (!bigger)
        return false;
    b->data = bigger;
    memcpy(bigger + b->size, data, size);
    b->size += size;
    return true;
}

static int bad(const struct inf *inf, const struct inf_line *line, const char *what,
               struct why *why)
{
    return why_set(why, -EINVAL, "%s:%u: %s", inf->file, line->number, what);
}

static enum reg_type type_of(uint32_t flags)
{
    switch (flags & (uint32_t)TYPE_MASK) {
    case 0:
        return REG_T_SZ;
    case TYPE_MULTI_SZ:
        return REG_T_MULTI_SZ;
    case TYPE_EXPAND_SZ:
        return REG_T_EXPAND_SZ;
    case TYPE_DWORD:
        return REG_T_DWORD;
    case BINARY_TYPE:
        return REG_T_BINARY;
    case TYPE_NONE:
        return REG_T_NONE;
    default:
        return (enum reg_type)(flags >> 16);
    }
}

/* Hexadecimal bytes, one per field. */
static int binary_value(const struct inf *inf, const struct inf_line *line, struct bytes *out,
                        struct why *why)
{
    for (unsigned n = VALUE; n < line->field_count; n++) {
        char *end;
        unsigned long byte;
        uint8_t one;

        if (!*line->fields[n] && n + 1 == line->field_count)
            break;
        byte = strtoul(line->fields[n], &end, 16);
        if (end == line->fields[n] || *end || byte > 255)
            return bad(inf, line, "not a list of bytes in hexadecimal", why);
        one = (uint8_t)byte;
        if (!bytes_add(out, &one, 1))
            return -ENOMEM;
    }
    return 0;
}

static int strings_value(const struct inf_line *line, enum reg_type type, struct bytes *out)
{
    if (type != REG_T_MULTI_SZ) {
        const char *text = inf_field(line, VALUE);

        return bytes_add(out, text, strlen(text) + 1) ? 0 : -ENOMEM;
    }
    for (unsigned n = VALUE; n < line->field_count; n++)
        if (*line->fields[n] && !bytes_add(out, line->fields[n], strlen(line->fields[n]) + 1))
            return -ENOMEM;
    return bytes_add(out, "", 1) ? 0 : -ENOMEM;
}

static int make_value(const struct inf *inf, const struct inf_line *line, enum reg_type type,
                      struct bytes *out, struct why *why)
{
    uint32_t number;

    if (type == REG_T_SZ || type == REG_T_EXPAND_SZ || type == REG_T_MULTI_SZ)
        return strings_value(line, type, out);
    if (type == REG_T_DWORD && line->field_count <= VALUE + 1) {
        if (!inf_number(inf_field(line, VALUE), &number))
            return bad(inf, line, "not a number", why);
        return bytes_add(out, &number, sizeof number) ? 0 : -ENOMEM;
    }
    return binary_value(inf, line, out, why);
}

/* The strings of `more` that the value has not, behind those it has. */
static int append_strings(struct reg_key *k, const char *name, const struct bytes *more)
{
    cleanup(bytes_free) struct bytes all = {NULL, 0};
    int size = reg_get(k, name, NULL, NULL, 0), now;

    if (size > 0) {
        all.data = malloc((size_t)size + 1);
        if (!all.data)
            return -ENOMEM;
        now = reg_get(k, name, NULL, all.data, (size_t)size);
        all.size = (size_t)MIN_OF(MAX_OF(now, 0), size);
        while (all.size && !all.data[all.size - 1])
            all.size--;
        if (all.size && !bytes_add(&all, "", 1))
            return -ENOMEM;
    }
    for (const char *s = more->data; *s; s += strlen(s) + 1) {
        bool there = false;

        for (size_t at = 0; at < all.size && !there; at += strlen(all.data + at) + 1)
            there = utf8_compare_nocase(all.data + at, s) == 0;
        if (!there && !bytes_add(&all, s, strlen(s) + 1))
            return -ENOMEM;
    }
    if (!bytes_add(&all, "", 1))
        return -ENOMEM;
    return reg_set(k, name, REG_T_MULTI_SZ, all.data, all.size);
}

/* Where a line's root points: the adapter's key, or the system's registry. *k is NULL for a root
 * that we do not keep. */
static bool find_key(const struct inf_line *line, struct reg_key *adapter, struct reg_key **k)
{
    const char *root = inf_field(line, ROOT);
    struct reg_key *base = NULL;

    *k = NULL;
    if (strcasecmp(root, "HKR") == 0)
        base = adapter;
    else if (strcasecmp(root, "HKLM") == 0 && registry_system())
        base = registry_open(registry_system(), "HKEY_LOCAL_MACHINE", true);
    else if (strcasecmp(root, "HKLM") == 0 || strcasecmp(root, "HKCR") == 0 ||
             strcasecmp(root, "HKCU") == 0 || strcasecmp(root, "HKU") == 0)
        return true;
    if (!base)
        return false;
    *k = reg_key_sub(base, inf_field(line, SUBKEY), true);
    return *k != NULL;
}

static int apply_line(const struct inf *inf, const struct inf_line *line, struct reg_key *adapter,
                      struct why *why)
{
    cleanup(bytes_free) struct bytes value = {NULL, 0};
    const char *name = inf_field(line, NAME);
    struct reg_key *k;
    uint32_t flags;
    bool there;
    int err;

    if (!inf_number(inf_field(line, FLAGS), &flags))
        return bad(inf, line, "the flags are not a number", why);
    if (!find_key(line, adapter, &k))
        return bad(inf, line, "not a registry root and key: HKR, HKLM, HKCR, HKCU or HKU", why);
    if (!k || (flags & KEY_ONLY) || line->field_count <= NAME)
        return 0;
    there = reg_get(k, name, NULL, NULL, 0) >= 0;
    if ((flags & (APPEND | NO_CLOBBER | DELETE_VALUE)) == DELETE_VALUE) {
        reg_delete(k, name);
        return 0;
    }
    if (((flags & NO_CLOBBER) && there) || ((flags & OVERWRITE_ONLY) && !there))
        return 0;
    err = make_value(inf, line, type_of(flags), &value, why);
    if (!err && (flags & APPEND) && type_of(flags) == REG_T_MULTI_SZ)
        err = append_strings(k, name, &value);
    else if (!err)
        err = reg_set(k, name, type_of(flags), value.data ? value.data : "", value.size);
    return err ? why_set(why, err, "%s:%u: %s", inf->file, line->number, strerror(-err)) : 0;
}

static int apply_section(const struct inf *inf, const struct inf_line *from, const char *name,
                         struct reg_key *adapter, struct why *why)
{
    const struct inf_section *s = inf_section_find(inf, name);
    int err = 0;

    if (!s)
        return bad(inf, from, "AddReg names a section that is not there", why);
    for (unsigned n = 0; n < s->line_count && !err; n++)
        err = apply_line(inf, &s->lines[n], adapter, why);
    return err;
}

/* Keywords are strings in the registry, whatever their type under Ndi\params says. */
static int apply_defaults(struct reg_key *adapter, struct why *why)
{
    struct reg_key *params = reg_key_sub(adapter, "Ndi\\params", false), *k;

    for (unsigned n = 0; params && (k = reg_key_child(params, n)); n++) {
        int size = reg_get(k, "default", NULL, NULL, 0);
        cleanup_free char *text = NULL;
        enum reg_type type;
        int err;

        if (size < 0 || reg_get(adapter, reg_key_name(k), NULL, NULL, 0) >= 0)
            continue;
        text = calloc(1, (size_t)size + 1);
        if (!text)
            return why_set(why, -ENOMEM, "%s: no memory", reg_key_name(k));
        reg_get(k, "default", &type, text, (size_t)size);
        if (type != REG_T_SZ || !*text)
            continue; /* an empty default, of an optional keyword, means no value */
        err = reg_set_sz(adapter, reg_key_name(k), text);
        if (err)
            return why_set(why, err, "%s: %s", reg_key_name(k), strerror(-err));
    }
    return 0;
}

/* Directives of the install section that the class installer stores in the adapter's key, as
 * numbers. */
static int apply_directives(const struct inf *inf, const struct inf_section *install,
                            struct reg_key *adapter, struct why *why)
{
    static const char *const names[] = {"*IfType", "*MediaType", "*PhysicalMediaType",
                                        "Characteristics", "BusType"};

    for (size_t n = 0; n < ARRAY_LEN(names); n++) {
        const struct inf_line *line = inf_line_find(install, names[n], NULL);
        uint32_t value;

        if (!line)
            continue;
        if (!inf_number(inf_field(line, 0), &value))
            return bad(inf, line, "not a number", why);
        if (reg_set_dword(adapter, names[n], value) < 0)
            return why_set(why, -ENOMEM, "%s: no memory", names[n]);
    }
    return 0;
}

int inf_apply(const struct inf *inf, const struct inf_model *model, struct reg_key *adapter,
              struct why *why)
{
    const struct inf_section *install = inf_section_find(inf, model->install);
    const struct inf_line *line = NULL;
    int r = install ? apply_directives(inf, install, adapter, why) : 0;

    if (r < 0)
        return r;
    while (install && (line = inf_line_find(install, "AddReg", line))) {
        for (unsigned n = 0; n < line->field_count; n++) {
            int err =
                *line->fields[n] ? apply_section(inf, line, line->fields[n], adapter, why) : 0;

            if (err)
                return err;
        }
    }
    return apply_defaults(adapter, why);
}
