/* SPDX-License-Identifier: MIT */
/*
 * Reading the .reg text form (version 5). Two passes over the text: the first only checks, so that
 * a bad line leaves the registry as it was. Grammar: [key], [-key], "name"=value, @=value; values
 * "text", dword:, hex:, hex(type):, and - which deletes.
 */
#include "nt/reg_int.h"
#include "nt/utf.h"

#include <strings.h>

enum { TEXT_MAX = 64 << 20 };

struct reader {
    const char *file;
    const char *at, *end;
    unsigned line;
    struct registry *into; /* NULL: check only */
    struct reg_key *key;
    bool in_key; /* a [key] line was read */
    bool skip;   /* values under [-key] have no place */
    char *buf;   /* text.bytes + 4: no decoded item is longer */
    size_t used;
    struct why *why;
};

static const char header[] = "Windows Registry Editor Version 5.00";

static int bad(const struct reader *t, const char *what)
{
    return why_set(t->why, -EINVAL, "%s:%u: %s", t->file, t->line, what);
}

static bool at_end_of_line(const struct reader *t)
{
    return t->at == t->end || *t->at == '\n' || *t->at == '\r';
}

static void skip_blanks(struct reader *t)
{
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\t'))
        t->at++;
}

static void next_line(struct reader *t)
{
    while (t->at < t->end && *t->at != '\n')
        t->at++;
    if (t->at < t->end)
        t->at++;
    t->line++;
}

static bool accept(struct reader *t, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(t->end - t->at) < n || strncasecmp(t->at, word, n) != 0)
        return false;
    t->at += n;
    return true;
}

/* Nothing but blanks and a comment may follow on the line. */
static int finish_line(struct reader *t)
{
    skip_blanks(t);
    if (!at_end_of_line(t) && *t->at != ';')
        return bad(t, "something follows the value");
    next_line(t);
    return 0;
}

/* "text" with \\ and \", which may hold line breaks, into buf with a NUL. */
static int read_quoted(struct reader *t)
{
    unsigned line = t->line;

    t->used = 0;
    for (t->at++; t->at < t->end && *t->at != '"'; t->at++) {
        if (*t->at == '\\' && t->at + 1 < t->end)
            t->at++;
        if (*t->at == '\0')
            return bad(t, "NUL in a string");
        if (*t->at == '\n')
            t->line++;
        t->buf[t->used++] = *t->at;
    }
    if (t->at == t->end) {
        t->line = line;
        return bad(t, "the string has no closing quote");
    }
    t->at++;
    t->buf[t->used++] = '\0';
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 32) >= 'a' && (c | 32) <= 'f')
        return (c | 32) - 'a' + 10;
    return -1;
}

/* 1 to max hexadecimal digits. */
static bool read_hex(struct reader *t, unsigned max, uint32_t *out)
{
    unsigned n = 0;

    *out = 0;
    while (t->at < t->end && hex_digit(*t->at) >= 0) {
        if (++n > max)
            return false;
        *out = *out << 4 | (uint32_t)hex_digit(*t->at++);
    }
    return n != 0;
}

/* aa,bb,... over lines that end in a backslash, into buf. */
static int read_bytes(struct reader *t)
{
    t->used = 0;
    for (;;) {
        uint32_t byte;

        skip_blanks(t);
        if (t->at < t->end && *t->at == '\\') {
            t->at++;
            skip_blanks(t);
            if (!at_end_of_line(t))
                return bad(t, "the backslash does not end the line");
            next_line(t);
            continue;
        }
        if (at_end_of_line(t) || *t->at == ';')
            return 0;
        if (!read_hex(t, 2, &byte))
            return bad(t, "not a list of bytes in hexadecimal");
        t->buf[t->used++] = (char)byte;
        skip_blanks(t);
        if (t->at < t->end && *t->at == ',')
            t->at++;
        else if (!at_end_of_line(t) && *t->at != ';')
            return bad(t, "a comma is missing between two bytes");
    }
}

static int store(struct reader *t, const char *name, enum reg_type type, const void *bytes,
                 size_t size)
{
    int err;

    if (size > REG_DATA_MAX)
        return bad(t, "the value is larger than 1 MiB");
    if (!t->into || t->skip)
        return 0;
    err = reg_set(t->key, name, type, bytes, size);
    return err ? why_set(t->why, err, "%s:%u: %s", t->file, t->line, strerror(-err)) : 0;
}

/* hex(1), (2), (7) hold UTF-16LE. */
static int store_hex(struct reader *t, const char *name, enum reg_type type)
{
    cleanup_free char *text = NULL;
    cleanup_free uint16_t *wide = NULL;
    size_t units = t->used / 2, bytes;

    if (type != REG_T_SZ && type != REG_T_EXPAND_SZ && type != REG_T_MULTI_SZ)
        return store(t, name, type, t->buf, t->used);
    if (t->used > REG_DATA_MAX)
        return bad(t, "the value is larger than 1 MiB");
    wide = malloc(units * 2 + 2);
    text = malloc(units * 3 + 1);
    if (!wide || !text)
        return why_set(t->why, -ENOMEM, "%s: no memory", t->file);
    memcpy(wide, t->buf, units * 2);
    bytes = utf8_from_utf16(text, units * 3, wide, units);
    return store(t, name, type, text, bytes);
}

static int read_value(struct reader *t, const char *name)
{
    uint32_t number = REG_T_BINARY;
    int err;

    if (t->at < t->end && *t->at == '"') {
        err = read_quoted(t);
        return err ? err : store(t, name, REG_T_SZ, t->buf, t->used);
    }
    if (accept(t, "dword:")) {
        skip_blanks(t);
        if (!read_hex(t, 8, &number))
            return bad(t, "dword: wants 1 to 8 hexadecimal digits");
        return store(t, name, REG_T_DWORD, &number, sizeof number);
    }
    if (accept(t, "-")) {
        if (t->into && !t->skip)
            reg_delete(t->key, name);
        return 0;
    }
    if (accept(t, "hex(")) {
        if (!read_hex(t, 8, &number) || !accept(t, "):"))
            return bad(t, "hex(type): is not closed");
    } else if (!accept(t, "hex:")) {
        return bad(t, "the value is neither \"text\", dword:, hex: nor -");
    }
    err = read_bytes(t);
    return err ? err : store_hex(t, name, (enum reg_type)number);
}

static int read_named_value(struct reader *t)
{
    cleanup_free char *name = NULL;
    int err = 0;

    if (!t->in_key)
        return bad(t, "a value stands before any [key]");
    if (*t->at == '@') {
        t->at++;
        name = strdup("");
    } else {
        err = read_quoted(t);
        if (err)
            return err;
        if (t->used - 1 > REG_VALUE_NAME_MAX)
            return bad(t, "the name is too long");
        name = strdup(t->buf);
    }
    if (!name)
        return why_set(t->why, -ENOMEM, "%s: no memory", t->file);
    skip_blanks(t);
    if (!accept(t, "="))
        return bad(t, "= is missing after the name");
    skip_blanks(t);
    err = read_value(t, name);
    return err ? err : finish_line(t);
}

/* Every component is checked here, so that registry_open can fail for want of memory only. */
static int check_path(const struct reader *t, const char *path)
{
    unsigned depth = 0;

    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "\\");

        if (n == 0 && p != path)
            return bad(t, "empty name in a key's path");
        if (n > REG_NAME_MAX * 3 || ++depth > REG_DEPTH_MAX)
            return bad(t, "the key's path is too long");
        p += n;
        p += *p == '\\';
    }
    return *path ? 0 : bad(t, "the key has no name");
}

/* Deletes the key with all below it. */
static void delete_tree(struct reg_key *top)
{
    struct reg_key *k = top, *child;

    while (k) {
        struct reg_key *parent = k == top ? NULL : k->parent;

        child = reg_key_child(k, 0);
        if (child) {
            k = child;
            continue;
        }
        if (reg_key_delete(k) < 0)
            return;
        k = parent;
    }
}

static int read_key(struct reader *t)
{
    const char *start = ++t->at, *stop = NULL;
    bool delete = t->at < t->end && *t->at == '-';
    int err;

    for (; !at_end_of_line(t); t->at++)
        if (*t->at == ']')
            stop = t->at;
    if (!stop)
        return bad(t, "] is missing after the key");
    start += delete;
    t->used = (size_t)(stop - start);
    memcpy(t->buf, start, t->used);
    t->buf[t->used] = '\0';
    if (strlen(t->buf) != t->used)
        return bad(t, "NUL in a key's path");
    err = check_path(t, t->buf);
    if (err)
        return err;
    t->at = stop + 1;
    t->in_key = true;
    t->skip = delete;
    if (t->into && delete) {
        t->key = registry_open(t->into, t->buf, false);
        delete_tree(t->key);
    } else if (t->into) {
        t->key = registry_open(t->into, t->buf, true);
        if (!t->key)
            return why_set(t->why, -ENOMEM, "%s:%u: cannot make the key", t->file, t->line);
    }
    return finish_line(t);
}

static int read_lines(struct reader *t)
{
    int err = 0;

    while (t->at < t->end && !err) {
        skip_blanks(t);
        if (at_end_of_line(t) || *t->at == ';')
            next_line(t);
        else if (*t->at == '[')
            err = read_key(t);
        else if (*t->at == '"' || *t->at == '@')
            err = read_named_value(t);
        else
            err = bad(t, "neither a [key], a value nor a comment");
    }
    return err;
}

static int read_header(struct reader *t)
{
    while (t->at < t->end && (skip_blanks(t), at_end_of_line(t) || *t->at == ';'))
        next_line(t);
    if (!accept(t, header))
        return bad(t, "the file does not start with \"Windows Registry Editor Version 5.00\"");
    return finish_line(t);
}

static int load_utf8(struct registry *r, const char *text, size_t bytes, const struct reader *as)
{
    cleanup_free char *buf = malloc(bytes + 4);
    int err = 0;

    if (!buf)
        return why_set(as->why, -ENOMEM, "%s: no memory", as->file);
    for (int pass = 0; pass < 2 && !err; pass++) {
        struct reader t = *as;

        t.at = text;
        t.end = text + bytes;
        t.line = 1;
        t.buf = buf;
        t.into = pass == 0 ? NULL : r;
        err = read_header(&t);
        if (!err)
            err = read_lines(&t);
    }
    return err;
}

int registry_load_text(struct registry *r, const void *text, size_t bytes, const char *name,
                       struct why *why)
{
    struct reader as = {.file = name, .line = 1, .why = why};
    const unsigned char *p = text;
    cleanup_free uint16_t *wide = NULL;
    cleanup_free char *utf8 = NULL;
    size_t units;

    if (bytes > TEXT_MAX)
        return why_set(why, -EFBIG, "%s: larger than 64 MiB", name);
    if (bytes >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
        return load_utf8(r, (const char *)p + 3, bytes - 3, &as);
    if (bytes < 2 || p[0] != 0xff || p[1] != 0xfe)
        return load_utf8(r, text, bytes, &as);
    units = (bytes - 2) / 2;
    wide = malloc(units * 2 + 2);
    utf8 = malloc(units * 3 + 1);
    if (!wide || !utf8)
        return why_set(why, -ENOMEM, "%s: no memory", name);
    memcpy(wide, p + 2, units * 2);
    return load_utf8(r, utf8, utf8_from_utf16(utf8, units * 3, wide, units), &as);
}

int registry_load(struct registry *r, const char *path, struct why *why)
{
    cleanup_free char *text = NULL;
    size_t have;
    int err = base_read_file(path, TEXT_MAX >> 20, &text, &have, why);

    return err < 0 ? err : registry_load_text(r, text, have, path, why);
}
