/* SPDX-License-Identifier: MIT */
/* Writing the .reg text form, as UTF-8, into a new file that then takes the old one's place. */
#include "nt/reg_int.h"
#include "nt/utf.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { BYTES_PER_LINE = 24 };

static void write_quoted(FILE *f, const char *text)
{
    fputc('"', f);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', f);
        fputc(*text, f);
    }
    fputc('"', f);
}

static void write_hex(FILE *f, const void *bytes, size_t size)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < size; i++)
        fprintf(f, "%02x%s%s", p[i], i + 1 < size ? "," : "",
                i + 1 < size && i % BYTES_PER_LINE == BYTES_PER_LINE - 1 ? "\\\n  " : "");
}

/* Whether a quoted string brings the same bytes back. */
static bool is_plain(const struct reg_value *v)
{
    const char *text = v->bytes;

    if (v->type != REG_T_SZ || v->size == 0 || strlen(text) + 1 != v->size ||
        !utf8_valid(text, v->size))
        return false;
    for (; *text; text++)
        if ((unsigned char)*text < 0x20)
            return false;
    return true;
}

static bool write_wide(FILE *f, const struct reg_value *v)
{
    size_t units = utf16_from_utf8(NULL, 0, v->bytes, v->size);
    cleanup_free uint16_t *wide = malloc(units * 2 + 2);

    if (!wide)
        return false;
    utf16_from_utf8(wide, units, v->bytes, v->size);
    fprintf(f, "hex(%x):", (unsigned)v->type);
    write_hex(f, wide, units * 2);
    return true;
}

static bool write_value(FILE *f, const struct reg_value *v)
{
    bool ok = true;
    uint32_t number;

    if (v->name[0])
        write_quoted(f, v->name);
    else
        fputc('@', f);
    fputc('=', f);
    if (is_plain(v)) {
        write_quoted(f, v->bytes);
    } else if (v->type == REG_T_SZ || v->type == REG_T_EXPAND_SZ || v->type == REG_T_MULTI_SZ) {
        ok = write_wide(f, v);
    } else if (v->type == REG_T_DWORD && v->size == sizeof number) {
        memcpy(&number, v->bytes, sizeof number);
        fprintf(f, "dword:%08x", number);
    } else {
        if (v->type == REG_T_BINARY)
            fputs("hex:", f);
        else
            fprintf(f, "hex(%x):", (unsigned)v->type);
        write_hex(f, v->bytes, v->size);
    }
    fputc('\n', f);
    return ok;
}

static bool write_key(FILE *f, const struct reg_key *k)
{
    size_t length = reg_key_path(k, NULL, 0);
    cleanup_free char *path = malloc(length + 1);

    if (!path)
        return false;
    reg_key_path(k, path, length + 1);
    fprintf(f, "\n[%s]\n", path);
    for (unsigned i = 0; i < k->value_count; i++)
        if (!write_value(f, k->values[i]))
            return false;
    return true;
}

/* Next key in depth-first order; NULL after the last. */
static const struct reg_key *next_key(const struct reg_key *k)
{
    if (k->child_count != 0)
        return k->children[0];
    while (k->parent) {
        const struct reg_key *parent = k->parent;
        unsigned i = 0;

        while (parent->children[i] != k)
            i++;
        if (i + 1 < parent->child_count)
            return parent->children[i + 1];
        k = parent;
    }
    return NULL;
}

static int write_all(struct registry *r, FILE *f)
{
    bool ok = true;

    fputs("Windows Registry Editor Version 5.00\n", f);
    registry_lock(r);
    for (const struct reg_key *k = next_key(registry_root(r)); k && ok; k = next_key(k))
        ok = write_key(f, k);
    registry_unlock(r);
    if (!ok)
        return -ENOMEM;
    if (fflush(f) != 0 || fsync(fileno(f)) != 0)
        return -errno;
    return 0;
}

/* Makes the rename itself last; a file system that cannot is no error. */
static void sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    cleanup_free char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    cleanup_close int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (fd >= 0)
        fsync(fd);
}

int registry_save(struct registry *r, const char *path, struct why *why)
{
    cleanup_free char *temporary = NULL;
    cleanup_fclose FILE *f = NULL;
    int fd, err;

    if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
        return why_set(why, -ENOMEM, "%s: no memory", path);
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd >= 0)
        (void)!fchmod(fd, 0644);
    if (fd < 0)
        return why_set(why, -errno, "%s: %s", path, strerror(errno));
    f = fdopen(fd, "w");
    if (!f) {
        err = -errno;
        close(fd);
    } else {
        err = write_all(r, f);
    }
    if (!err && rename(temporary, path) != 0)
        err = -errno;
    if (err) {
        unlink(temporary);
        return why_set(why, err, "%s: %s", path, strerror(-err));
    }
    sync_directory(path);
    return 0;
}
