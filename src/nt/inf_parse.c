/* SPDX-License-Identifier: MIT */
/*
 * The INF text ("General Syntax Rules for INF Files"): sections, key = fields, quotes with ""
 * inside, ; comments, lines continued by a backslash, %strings%. Sections of the same name are one.
 */
#include "nt/inf_int.h"
#include "nt/utf.h"

#include <strings.h>

enum { TEXT_MAX = 16 << 20, FIELD_MAX = 65536, SECTION_NAME_MAX = 255 };

struct parser {
    struct inf *inf;
    const char *at, *end;
    unsigned line;  /* being read */
    unsigned first; /* where the logical line began */
    char *logical;  /* its text without comments */
    bool *quoted;   /* whether that character stands between quotes */
    size_t length;
    struct inf_section *section;
    struct why *why;
};

static int bad(const struct parser *p, const char *what)
{
    return why_set(p->why, -EINVAL, "%s:%u: %s", p->inf->file, p->first, what);
}

static int no_memory(const struct parser *p)
{
    return why_set(p->why, -ENOMEM, "%s: no memory", p->inf->file);
}

/* Room for one more element; capacities are powers of two. */
static bool grow(void **array, unsigned count, size_t element)
{
    void *bigger;

    if (count != 0 && (count & (count - 1)) != 0)
        return true;
    bigger = realloc(*array, (count ? (size_t)count * 2 : 1) * element);
    if (!bigger)
        return false;
    *array = bigger;
    return true;
}

static void append(struct parser *p, char c, bool quoted)
{
    p->logical[p->length] = c;
    p->quoted[p->length++] = quoted;
}

/* Takes a line with its continuations. Quotes stay in the text: fields are cut later. */
static int read_logical(struct parser *p)
{
    bool quoted = false;

    p->length = 0;
    p->first = p->line;
    for (;;) {
        while (p->at < p->end && *p->at != '\n') {
            char c = *p->at++;

            if (c == '\0')
                return bad(p, "NUL in the file");
            if (c == '"')
                quoted = !quoted;
            if (c == ';' && !quoted) {
                while (p->at < p->end && *p->at != '\n')
                    p->at++;
                break;
            }
            append(p, c, quoted || c == '"');
        }
        if (quoted)
            return bad(p, "a quote is not closed");
        while (p->length && strchr(" \t\r", p->logical[p->length - 1]) && !p->quoted[p->length - 1])
            p->length--;
        p->at += p->at < p->end;
        p->line++;
        if (p->length == 0 || p->logical[p->length - 1] != '\\' || p->quoted[p->length - 1] ||
            p->at == p->end)
            return 0;
        p->length--;
    }
}

/* Characters [from, to) of the logical line as one field: blanks around it dropped, quotes taken
 * off, "" made ". */
static char *cut(const struct parser *p, size_t from, size_t to)
{
    char *out;
    size_t n = 0;
    bool inside = false;

    while (from < to && strchr(" \t\r", p->logical[from]) && !p->quoted[from])
        from++;
    while (to > from && strchr(" \t\r", p->logical[to - 1]) && !p->quoted[to - 1])
        to--;
    out = malloc(to - from + 1);
    for (size_t i = from; out && i < to; i++) {
        char c = p->logical[i];

        if (c != '"') {
            out[n++] = c;
        } else if (inside && i + 1 < to && p->logical[i + 1] == '"') {
            out[n++] = '"';
            i++;
        } else {
            inside = !inside;
        }
    }
    if (out)
        out[n] = '\0';
    return out;
}

static int start_section(struct parser *p, size_t from)
{
    struct inf *inf = p->inf;
    size_t to = p->length;
    void *sections = inf->sections;
    char *name;

    if (p->logical[to - 1] != ']')
        return bad(p, "] is missing after the section's name");
    name = cut(p, from + 1, to - 1);
    if (!name)
        return no_memory(p);
    if (strlen(name) > SECTION_NAME_MAX) {
        free(name);
        return bad(p, "the section's name is longer than 255 characters");
    }
    p->section = NULL;
    for (unsigned n = 0; n < inf->section_count && !p->section; n++)
        if (utf8_compare_nocase(inf->sections[n].name, name) == 0)
            p->section = &inf->sections[n];
    if (p->section) {
        free(name);
        return 0;
    }
    if (!grow(&sections, inf->section_count, sizeof *inf->sections)) {
        free(name);
        return no_memory(p);
    }
    inf->sections = sections;
    p->section = &inf->sections[inf->section_count++];
    *p->section = (struct inf_section){.name = name};
    return 0;
}

static bool add_field(const struct parser *p, struct inf_line *line, size_t from, size_t to)
{
    void *fields = line->fields;

    if (!grow(&fields, line->field_count, sizeof *line->fields))
        return false;
    line->fields = fields;
    line->fields[line->field_count] = cut(p, from, to);
    return line->fields[line->field_count++] != NULL;
}

/* = makes a key only before the first comma. */
static int add_line(struct parser *p)
{
    struct inf_section *s = p->section;
    void *lines = s->lines;
    struct inf_line *line;
    size_t from = 0;

    if (!grow(&lines, s->line_count, sizeof *s->lines))
        return no_memory(p);
    s->lines = lines;
    line = &s->lines[s->line_count++];
    *line = (struct inf_line){.number = p->first};
    for (size_t i = 0; i <= p->length; i++) {
        char c = i < p->length ? p->logical[i] : ',';

        if (i < p->length && p->quoted[i])
            continue;
        if (c == '=' && !line->key && line->field_count == 0) {
            line->key = cut(p, from, i);
            if (!line->key)
                return no_memory(p);
            from = i + 1;
        } else if (c == ',') {
            if (!add_field(p, line, from, i))
                return no_memory(p);
            from = i + 1;
        }
    }
    return 0;
}

static int parse(struct parser *p)
{
    while (p->at < p->end) {
        int err = read_logical(p);
        size_t from = 0;

        while (from < p->length && strchr(" \t\r", p->logical[from]) && !p->quoted[from])
            from++;
        if (!err && from < p->length) {
            if (p->logical[from] == '[' && !p->quoted[from])
                err = start_section(p, from);
            else if (!p->section)
                err = bad(p, "a line stands before the first [section]");
            else
                err = add_line(p);
        }
        if (err)
            return err;
    }
    return 0;
}

const struct inf_section *inf_section_find(const struct inf *inf, const char *name)
{
    for (unsigned n = 0; n < inf->section_count; n++)
        if (utf8_compare_nocase(inf->sections[n].name, name) == 0)
            return &inf->sections[n];
    return NULL;
}

const struct inf_line *inf_line_find(const struct inf_section *s, const char *key,
                                     const struct inf_line *after)
{
    unsigned n = after ? (unsigned)(after - s->lines) + 1 : 0;

    for (; n < s->line_count; n++)
        if (s->lines[n].key && utf8_compare_nocase(s->lines[n].key, key) == 0)
            return &s->lines[n];
    return NULL;
}

const char *inf_field(const struct inf_line *line, unsigned index)
{
    return index < line->field_count ? line->fields[index] : "";
}

bool inf_number(const char *text, uint32_t *out)
{
    char *end;
    long long value;

    errno = 0;
    value = strtoll(text, &end, strncasecmp(text, "0x", 2) == 0 ? 16 : 10);
    if (*end || errno || value > (long long)UINT32_MAX || value < -(long long)UINT32_MAX)
        return false;
    *out = (uint32_t)value;
    return true;
}

/* The value of a string token; English (0409) before other languages' sections. */
static const char *string_value(const struct inf *inf, const char *name)
{
    static const char *const sections[] = {"Strings", "Strings.0409"};

    for (size_t n = 0; n < ARRAY_LEN(sections); n++) {
        const struct inf_section *s = inf_section_find(inf, sections[n]);
        const struct inf_line *line = s ? inf_line_find(s, name, NULL) : NULL;

        if (line)
            return inf_field(line, 0);
    }
    return NULL;
}

/* %name% becomes its string, %% a percent sign; a name that is none (a directory number, say)
 * stays. */
static int substitute(const struct inf *inf, char **text)
{
    char *out, *out_end, *at;
    const char *from = *text;
    int err;

    if (!strchr(from, '%'))
        return 0;
    out = at = malloc(FIELD_MAX);
    if (!out)
        return -ENOMEM;
    out_end = out + FIELD_MAX - 1;
    while (*from && at < out_end) {
        const char *close = *from == '%' ? strchr(from + 1, '%') : NULL;
        char name[SECTION_NAME_MAX + 1];
        const char *value = NULL;
        size_t n = close ? (size_t)(close - from) - 1 : 0;

        if (close && n == 0) {
            value = "%";
        } else if (close && n < sizeof name) {
            memcpy(name, from + 1, n);
            name[n] = '\0';
            value = string_value(inf, name);
        }
        if (!value) {
            *at++ = *from++;
            continue;
        }
        from = close + 1;
        n = MIN_OF(strlen(value), (size_t)(out_end - at));
        memcpy(at, value, n);
        at += n;
    }
    *at = '\0';
    err = *from ? -E2BIG : 0;
    if (!err) {
        char *copy = strdup(out);

        err = copy ? 0 : -ENOMEM;
        if (copy) {
            free(*text);
            *text = copy;
        }
    }
    free(out);
    return err;
}

static int substitute_line(const struct inf *inf, struct inf_line *line)
{
    int err = line->key ? substitute(inf, &line->key) : 0;

    for (unsigned n = 0; n < line->field_count && !err; n++)
        err = substitute(inf, &line->fields[n]);
    return err;
}

static int substitute_all(struct parser *p)
{
    for (unsigned s = 0; s < p->inf->section_count; s++) {
        struct inf_section *section = &p->inf->sections[s];

        if (strncasecmp(section->name, "Strings", 7) == 0)
            continue;
        for (unsigned n = 0; n < section->line_count; n++) {
            int err = substitute_line(p->inf, &section->lines[n]);

            p->first = section->lines[n].number;
            if (err)
                return err == -ENOMEM ? no_memory(p) : bad(p, "a field is longer than 65535 bytes");
        }
    }
    return 0;
}

static int load_utf8(const char *text, size_t bytes, const char *name, struct inf **out,
                     struct why *why)
{
    struct parser p = {.at = text, .end = text + bytes, .line = 1, .why = why};
    cleanup_free char *logical = malloc(bytes + 1);
    cleanup_free bool *quoted = malloc(bytes + 1);
    int err;

    p.inf = calloc(1, sizeof *p.inf);
    if (!p.inf || !logical || !quoted || !(p.inf->file = strdup(name))) {
        inf_free(p.inf);
        return why_set(why, -ENOMEM, "%s: no memory", name);
    }
    p.logical = logical;
    p.quoted = quoted;
    err = parse(&p);
    if (!err)
        err = substitute_all(&p);
    if (!err && !inf_section_find(p.inf, "Version"))
        err = why_set(why, -EINVAL, "%s:%u: no [Version] section: not an INF", name, p.line);
    if (err) {
        inf_free(p.inf);
        return err;
    }
    *out = p.inf;
    return 0;
}

/* What is not UTF-8 is an old single-byte file: read as Latin-1. */
static void widen(uint16_t *wide, const char *text, size_t bytes)
{
    for (size_t n = 0; n < bytes; n++)
        wide[n] = (unsigned char)text[n];
}

int inf_load_text(const char *text, size_t bytes, const char *name, struct inf **out,
                  struct why *why)
{
    bool wide_file = bytes >= 2 && memcmp(text, "\xff\xfe", 2) == 0;
    cleanup_free uint16_t *wide = NULL;
    cleanup_free char *utf8 = NULL;
    size_t units;

    if (bytes > TEXT_MAX)
        return why_set(why, -EFBIG, "%s: larger than 16 MiB", name);
    if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        bytes -= 3;
    }
    if (!wide_file && utf8_valid(text, bytes))
        return load_utf8(text, bytes, name, out, why);
    units = wide_file ? (bytes - 2) / 2 : bytes;
    wide = malloc(units * 2 + 2);
    utf8 = malloc(units * 3 + 1);
    if (!wide || !utf8)
        return why_set(why, -ENOMEM, "%s: no memory", name);
    if (wide_file)
        memcpy(wide, text + 2, units * 2);
    else
        widen(wide, text, units);
    return load_utf8(utf8, utf8_from_utf16(utf8, units * 3, wide, units), name, out, why);
}

int inf_load(const char *path, struct inf **out, struct why *why)
{
    cleanup_free char *text = NULL;
    size_t have;
    int err = base_read_file(path, TEXT_MAX >> 20, &text, &have, why);

    return err < 0 ? err : inf_load_text(text, have, path, out, why);
}

void inf_free(struct inf *inf)
{
    if (!inf)
        return;
    for (unsigned s = 0; s < inf->section_count; s++) {
        struct inf_section *section = &inf->sections[s];

        for (unsigned n = 0; n < section->line_count; n++) {
            for (unsigned f = 0; f < section->lines[n].field_count; f++)
                free(section->lines[n].fields[f]);
            free(section->lines[n].fields);
            free(section->lines[n].key);
        }
        free(section->lines);
        free(section->name);
    }
    free(inf->sections);
    free(inf->file);
    free(inf);
}
