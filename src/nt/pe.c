/* SPDX-License-Identifier: MIT */
/* PE32+: headers and sections of the file. */
#include "nt/pe.h"

enum {
    MACHINE_X64 = 0x8664,
    MAGIC_PE32 = 0x10b,
    MAGIC_PE32PLUS = 0x20b,
    SUBSYSTEM_NATIVE = 1,
    FILE_RELOCS_STRIPPED = 0x0001,
    FILE_EXECUTABLE = 0x0002,
    /* Offsets and sizes. */
    DOS_BYTES = 64,
    DOS_PE_OFFSET = 0x3c,
    COFF_BYTES = 24,      /* with the signature */
    OPTIONAL_BYTES = 112, /* without the directories */
    SECTION_BYTES = 40,
};

struct file {
    const uint8_t *bytes;
    size_t size;
    const char *name;
    struct why *why;
};

static uint16_t u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t u32(const uint8_t *p)
{
    return (uint32_t)u16(p) | (uint32_t)u16(p + 2) << 16;
}

static uint64_t u64(const uint8_t *p)
{
    return (uint64_t)u32(p) | (uint64_t)u32(p + 4) << 32;
}

static bool in_file(const struct file *f, uint64_t offset, uint64_t bytes)
{
    return offset <= f->size && bytes <= f->size - offset;
}

#define REFUSE(f, ...) why_set((f)->why, -ENOEXEC, __VA_ARGS__)

static const char *machine_name(uint16_t machine)
{
    static const struct {
        uint16_t machine;
        const char *name;
    } names[] = {{0x014c, "32-bit x86"},    {0xaa64, "ARM64"},   {0x01c0, "ARM"},
                 {0x01c4, "ARM"},           {0x0200, "Itanium"}, {0x5064, "RISC-V"},
                 {0x0ebc, "EFI byte code"}, {0xa641, "ARM64EC"}};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].machine == machine)
            return names[i].name;
    return "an unknown machine";
}

static int parse_coff(const struct file *f, uint64_t at, struct pe *out, uint16_t *optional_bytes)
{
    const uint8_t *p = f->bytes + at;
    uint16_t flags;

    if (memcmp(p, "PE\0\0", 4) != 0)
        return REFUSE(f, "%s: no PE signature: a DOS or 16-bit program", f->name);
    if (u16(p + 4) != MACHINE_X64)
        return REFUSE(f, "%s: built for %s (machine 0x%04x), not for x64", f->name,
                      machine_name(u16(p + 4)), u16(p + 4));
    out->section_count = u16(p + 6);
    *optional_bytes = u16(p + 20);
    flags = u16(p + 22);
    if (!(flags & FILE_EXECUTABLE))
        return REFUSE(f, "%s: not an executable image (an object file, or linked with errors)",
                      f->name);
    out->fixed = (flags & FILE_RELOCS_STRIPPED) != 0;
    if (out->section_count == 0 || out->section_count > PE_SECTIONS_MAX)
        return REFUSE(f, "%s: %u sections; 1 to %d are allowed", f->name, out->section_count,
                      PE_SECTIONS_MAX);
    return 0;
}

static int check_sizes(const struct file *f, const uint8_t *p, const struct pe *out)
{
    uint32_t section_alignment = u32(p + 32), file_alignment = u32(p + 36);

    if (section_alignment < PE_PAGE || (section_alignment & (section_alignment - 1)) != 0)
        return REFUSE(f, "%s: section alignment 0x%x is no multiple of a page", f->name,
                      section_alignment);
    if (file_alignment == 0 || (file_alignment & (file_alignment - 1)) != 0 ||
        file_alignment > 65536)
        return REFUSE(f, "%s: file alignment 0x%x is not valid", f->name, file_alignment);
    if (u32(p + 56) == 0 || u32(p + 56) > PE_IMAGE_MAX)
        return REFUSE(f, "%s: image size 0x%x; 1 to 0x%x bytes are allowed", f->name, u32(p + 56),
                      PE_IMAGE_MAX);
    if (!in_file(f, 0, out->headers_size) || out->headers_size > out->image_size)
        return REFUSE(f, "%s: truncated: the headers take 0x%x bytes", f->name, out->headers_size);
    return 0;
}

static int parse_optional(const struct file *f, uint64_t at, uint16_t bytes, struct pe *out)
{
    const uint8_t *p = f->bytes + at;
    uint32_t directories;

    if (bytes >= 2 && in_file(f, at, 2) && u16(p) == MAGIC_PE32)
        return REFUSE(f, "%s: PE32, not PE32+: a 32-bit image", f->name);
    if (bytes < OPTIONAL_BYTES || !in_file(f, at, bytes))
        return REFUSE(f, "%s: truncated in the optional header", f->name);
    if (u16(p) != MAGIC_PE32PLUS)
        return REFUSE(f, "%s: optional header magic 0x%x is not PE32+", f->name, u16(p));
    out->entry = u32(p + 16);
    out->base = u64(p + 24);
    out->image_size = ALIGN_UP(u32(p + 56) > PE_IMAGE_MAX ? 0 : u32(p + 56), PE_PAGE);
    out->headers_size = u32(p + 60);
    if (u16(p + 68) != SUBSYSTEM_NATIVE)
        return REFUSE(f, "%s: subsystem %u is not native: a user-mode program, not a driver",
                      f->name, u16(p + 68));
    directories = u32(p + 108);
    if (directories > PE_DIRECTORIES || bytes < OPTIONAL_BYTES + directories * 8)
        return REFUSE(f, "%s: %u data directories do not fit into the header", f->name,
                      directories);
    for (uint32_t i = 0; i < directories; i++)
        out->directories[i] =
            (struct pe_range){u32(p + OPTIONAL_BYTES + i * 8), u32(p + OPTIONAL_BYTES + i * 8 + 4)};
    return check_sizes(f, p, out);
}

static int parse_section(const struct file *f, const uint8_t *p, struct pe_section *s)
{
    uint32_t virtual_size = u32(p + 8), flags = u32(p + 36);

    memcpy(s->name, p, 8);
    for (char *c = s->name; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
    s->file_size = u32(p + 16);
    s->file_offset = s->file_size ? u32(p + 20) : 0;
    if (virtual_size == 0)
        virtual_size = s->file_size;
    s->memory.rva = u32(p + 12);
    if (virtual_size > PE_IMAGE_MAX)
        return REFUSE(f, "%s: section %s is 0x%x bytes large", f->name, s->name, virtual_size);
    s->memory.size = ALIGN_UP(virtual_size, PE_PAGE);
    s->execute = (flags & 0x20000000) != 0;
    s->read = (flags & 0x40000000) != 0;
    s->write = (flags & 0x80000000) != 0;
    if (!in_file(f, s->file_offset, s->file_size))
        return REFUSE(f, "%s: truncated: section %s (0x%x bytes at 0x%x) lies outside the file",
                      f->name, s->name, s->file_size, s->file_offset);
    return 0;
}

/* In ascending order, none over another, all in the image. */
static int parse_sections(const struct file *f, uint64_t at, struct pe *out)
{
    uint64_t free_from = ALIGN_UP(out->headers_size, PE_PAGE);

    if (!in_file(f, at, (uint64_t)out->section_count * SECTION_BYTES) ||
        at + (uint64_t)out->section_count * SECTION_BYTES > out->headers_size)
        return REFUSE(f, "%s: truncated in the section table", f->name);
    for (unsigned i = 0; i < out->section_count; i++) {
        struct pe_section *s = &out->sections[i];
        int err = parse_section(f, f->bytes + at + i * SECTION_BYTES, s);

        if (err)
            return err;
        if (s->memory.rva % PE_PAGE != 0 || s->memory.rva < free_from ||
            (uint64_t)s->memory.rva + s->memory.size > out->image_size)
            return REFUSE(
                f, "%s: section %s (0x%x bytes at RVA 0x%x) lies outside the image or over another",
                f->name, s->name, s->memory.size, s->memory.rva);
        free_from = (uint64_t)s->memory.rva + s->memory.size;
    }
    return 0;
}

static int check_entry(const struct file *f, const struct pe *pe)
{
    if (pe->entry == 0)
        return REFUSE(f, "%s: no entry point", f->name);
    for (unsigned i = 0; i < pe->section_count; i++) {
        const struct pe_section *s = &pe->sections[i];

        if (pe->entry >= s->memory.rva && pe->entry - s->memory.rva < s->memory.size)
            return s->execute
                       ? 0
                       : REFUSE(f, "%s: entry point 0x%x is in section %s, which holds no code",
                                f->name, pe->entry, s->name);
    }
    return REFUSE(f, "%s: entry point 0x%x is outside every section", f->name, pe->entry);
}

int pe_parse(const void *bytes, size_t size, const char *name, struct pe *out, struct why *why)
{
    const struct file f = {.bytes = bytes, .size = size, .name = name, .why = why};
    uint16_t optional_bytes = 0;
    uint64_t at;
    int err;

    memset(out, 0, sizeof *out);
    if (size < 2 || memcmp(bytes, "MZ", 2) != 0)
        return REFUSE(&f, "%s: not a Windows image: it does not start with MZ", name);
    if (size < DOS_BYTES)
        return REFUSE(&f, "%s: truncated in the DOS header", name);
    at = u32(f.bytes + DOS_PE_OFFSET);
    if (!in_file(&f, at, COFF_BYTES))
        return REFUSE(&f, "%s: truncated: the PE header at 0x%llx lies outside the file", name,
                      (unsigned long long)at);
    err = parse_coff(&f, at, out, &optional_bytes);
    if (!err)
        err = parse_optional(&f, at + COFF_BYTES, optional_bytes, out);
    if (!err)
        err = parse_sections(&f, at + COFF_BYTES + optional_bytes, out);
    return err ? err : check_entry(&f, out);
}
