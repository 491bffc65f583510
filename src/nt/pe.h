/* SPDX-License-Identifier: MIT */
/*
 * The PE32+ format ("PE Format", Microsoft), as far as a kernel driver needs it. pe_parse judges
 * the file; the other functions work on the image in memory, whose directories and tables are as
 * hostile as the file they came from: every RVA is checked against the image.
 */
#pragma once

#include "base/base.h"

enum { PE_PAGE = 4096, PE_SECTIONS_MAX = 96, PE_DIRECTORIES = 16, PE_IMAGE_MAX = 256 << 20 };
enum { PE_DIR_IMPORT = 1, PE_DIR_EXCEPTION = 3, PE_DIR_RELOC = 5, PE_DIR_LOAD_CONFIG = 10 };

struct pe_range {
    uint32_t rva, size;
};

struct pe_section {
    char name[9];
    struct pe_range memory; /* size is whole pages */
    uint32_t file_offset, file_size;
    bool read, write, execute;
};

struct pe {
    uint64_t base;
    uint32_t image_size; /* whole pages */
    uint32_t headers_size;
    uint32_t entry;
    bool fixed; /* relocations were stripped */
    struct pe_range directories[PE_DIRECTORIES];
    struct pe_section sections[PE_SECTIONS_MAX];
    unsigned section_count;
};

/* -ENOEXEC, and the fault after `name` in why. */
int pe_parse(const void *bytes, size_t size, const char *name, struct pe *out, struct why *why);

/* The image in memory, writable. */
struct pe_view {
    uint8_t *memory;
    uint32_t size;
    const char *name;
    struct why *why;
};

bool pe_inside(const struct pe_view *v, uint64_t rva, uint64_t bytes);
uint64_t pe_u64(const struct pe_view *v, uint32_t rva); /* unaligned; the caller has checked */

int pe_relocate(const struct pe_view *v, struct pe_range table, uint64_t delta);

/* Calls bind for each import, in order; what it returns through address goes into the slot. Strings
 * live for the call only. */
typedef int (*pe_bind)(void *arg, const char *module, const char *name, uint64_t *address);
int pe_bind_imports(const struct pe_view *v, struct pe_range table, pe_bind bind, void *arg);

/* Gives a cookie that still holds its default value a random one. */
int pe_set_cookie(const struct pe_view *v, struct pe_range load_config);
