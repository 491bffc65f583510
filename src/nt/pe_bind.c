/* SPDX-License-Identifier: MIT */
/* PE32+: relocations, imports and security cookie of the image in memory. */
#include "nt/pe.h"

#include <sys/random.h>

enum { RELOC_ABSOLUTE = 0, RELOC_DIR64 = 10 };
enum { DESCRIPTOR_BYTES = 20, IMPORT_NAME_MAX = 256, IMPORTS_MAX = 8192 };
/* The load configuration: its own size, and the address of the cookie ("Load Configuration Layout",
 * PE32+). */
enum { CONFIG_COOKIE = 88 };
static const uint64_t default_cookie = 0x00002b992ddfa232;

#define REFUSE(v, ...) why_set((v)->why, -ENOEXEC, __VA_ARGS__)

bool pe_inside(const struct pe_view *v, uint64_t rva, uint64_t bytes)
{
    return rva <= v->size && bytes <= v->size - rva;
}

static uint16_t view_u16(const struct pe_view *v, uint32_t rva)
{
    uint16_t x;

    memcpy(&x, v->memory + rva, sizeof x);
    return x;
}

static uint32_t view_u32(const struct pe_view *v, uint32_t rva)
{
    uint32_t x;

    memcpy(&x, v->memory + rva, sizeof x);
    return x;
}

uint64_t pe_u64(const struct pe_view *v, uint32_t rva)
{
    uint64_t x;

    memcpy(&x, v->memory + rva, sizeof x);
    return x;
}

static void put_u64(const struct pe_view *v, uint32_t rva, uint64_t x)
{
    memcpy(v->memory + rva, &x, sizeof x);
}

static int relocate_one(const struct pe_view *v, uint32_t page, uint16_t entry, uint64_t delta)
{
    uint64_t rva = (uint64_t)page + (entry & 0xfff);

    switch (entry >> 12) {
    case RELOC_ABSOLUTE:
        return 0;
    case RELOC_DIR64:
        if (!pe_inside(v, rva, 8))
            return REFUSE(v, "%s: relocation of RVA 0x%llx lies outside the image", v->name,
                          (unsigned long long)rva);
        put_u64(v, (uint32_t)rva, pe_u64(v, (uint32_t)rva) + delta);
        return 0;
    default:
        return REFUSE(v, "%s: relocation type %d at RVA 0x%llx is none of x64", v->name,
                      entry >> 12, (unsigned long long)rva);
    }
}

int pe_relocate(const struct pe_view *v, struct pe_range table, uint64_t delta)
{
    uint32_t at = table.rva, left = table.size;

    if (!pe_inside(v, table.rva, table.size))
        return REFUSE(v, "%s: the relocation table lies outside the image", v->name);
    while (left >= 8) {
        uint32_t page = view_u32(v, at), bytes = view_u32(v, at + 4);

        if (page == 0 && bytes == 0)
            break; /* padding */
        if (bytes < 8 || bytes > left || bytes % 2 != 0)
            return REFUSE(v, "%s: relocation block of %u bytes at RVA 0x%x is not valid", v->name,
                          bytes, at);
        for (uint32_t i = 8; i < bytes; i += 2) {
            int err = relocate_one(v, page, view_u16(v, at + i), delta);

            if (err)
                return err;
        }
        at += bytes;
        left -= bytes;
    }
    return 0;
}

/* The string at an RVA with its NUL, copied out; false when it is not in the image, too long or not
 * printable. */
static bool string_at(const struct pe_view *v, uint64_t rva, char out[IMPORT_NAME_MAX])
{
    for (uint32_t i = 0; i < IMPORT_NAME_MAX; i++) {
        if (!pe_inside(v, rva + i, 1))
            return false;
        out[i] = (char)v->memory[rva + i];
        if (out[i] == '\0')
            return i != 0;
        if (out[i] < 0x21 || out[i] > 0x7e)
            return false;
    }
    return false;
}

struct binding {
    pe_bind bind;
    void *arg;
    unsigned count;
};

static int bind_one(const struct pe_view *v, struct binding *b, const char *module, uint64_t thunk,
                    uint32_t slot)
{
    char name[IMPORT_NAME_MAX];
    uint64_t address = 0;
    int err;

    if (thunk >> 63)
        return REFUSE(v, "%s: imports number %u of %s by ordinal; only names are known", v->name,
                      (unsigned)(thunk & 0xffff), module);
    if (++b->count > IMPORTS_MAX)
        return REFUSE(v, "%s: more than %d imports", v->name, IMPORTS_MAX);
    /* Before the name stands a hint of two bytes. */
    if (thunk > v->size || !string_at(v, thunk + 2, name))
        return REFUSE(v, "%s: the name of an import from %s (RVA 0x%llx) is not in the image",
                      v->name, module, (unsigned long long)thunk);
    err = b->bind(b->arg, module, name, &address);
    if (!err)
        put_u64(v, slot, address);
    return err;
}

static int bind_module(const struct pe_view *v, struct binding *b, uint32_t descriptor)
{
    uint32_t names = view_u32(v, descriptor), slots = view_u32(v, descriptor + 16);
    char module[IMPORT_NAME_MAX];

    if (!string_at(v, view_u32(v, descriptor + 12), module))
        return REFUSE(v, "%s: the name of an imported module is not in the image", v->name);
    if (names == 0)
        names = slots;
    for (uint64_t offset = 0;; offset += 8) {
        uint64_t thunk;
        int err;

        if (!pe_inside(v, names + offset, 8) || !pe_inside(v, slots + offset, 8))
            return REFUSE(v, "%s: the imports from %s lie outside the image", v->name, module);
        thunk = pe_u64(v, (uint32_t)(names + offset));
        if (thunk == 0)
            return 0;
        err = bind_one(v, b, module, thunk, (uint32_t)(slots + offset));
        if (err)
            return err;
    }
}

int pe_bind_imports(const struct pe_view *v, struct pe_range table, pe_bind bind, void *arg)
{
    struct binding b = {.bind = bind, .arg = arg};

    if (table.rva == 0)
        return 0;
    for (uint64_t at = table.rva;; at += DESCRIPTOR_BYTES) {
        int err;

        if (!pe_inside(v, at, DESCRIPTOR_BYTES))
            return REFUSE(v, "%s: the import table lies outside the image", v->name);
        if (view_u32(v, (uint32_t)at + 12) == 0 && view_u32(v, (uint32_t)at + 16) == 0)
            return 0;
        if (b.count++ > IMPORTS_MAX)
            return REFUSE(v, "%s: more than %d imports", v->name, IMPORTS_MAX);
        err = bind_module(v, &b, (uint32_t)at);
        if (err)
            return err;
    }
}

/* 48 bits, as the compiler's check wants the upper 16 clear; never the default, never 0. */
static uint64_t random_cookie(const struct pe_view *v)
{
    uint64_t x = (uintptr_t)v->memory ^ (uintptr_t)&x;

    if (getrandom(&x, sizeof x, GRND_NONBLOCK) != sizeof x)
        x *= 0x9e3779b97f4a7c15u;
    x &= 0x0000ffffffffffffu;
    return x == 0 || x == default_cookie ? default_cookie ^ 0x5a5a : x;
}

int pe_set_cookie(const struct pe_view *v, struct pe_range load_config)
{
    uint64_t address, rva;

    if (load_config.rva == 0 || load_config.size == 0)
        return 0;
    if (!pe_inside(v, load_config.rva, 4) ||
        !pe_inside(v, load_config.rva, view_u32(v, load_config.rva)))
        return REFUSE(v, "%s: the load configuration lies outside the image", v->name);
    if (view_u32(v, load_config.rva) < CONFIG_COOKIE + 8)
        return 0;
    address = pe_u64(v, load_config.rva + CONFIG_COOKIE);
    if (address == 0)
        return 0;
    rva = address - (uintptr_t)v->memory;
    if (!pe_inside(v, rva, 8))
        return REFUSE(v, "%s: the security cookie lies outside the image", v->name);
    if (pe_u64(v, (uint32_t)rva) == default_cookie)
        put_u64(v, (uint32_t)rva, random_cookie(v));
    return 0;
}
