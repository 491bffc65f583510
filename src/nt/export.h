/* SPDX-License-Identifier: MIT */
/*
 * What drivers can import. Each function is exported beside its definition, into a linker section
 * that the loader walks; linked drivers (.so) bind to the same functions by the dynamic linker.
 */
#pragma once

typedef void (*nt_function)(void);

struct nt_export {
    const char *name;
    nt_function function;
};

#define NT_EXPORT(fn) NT_EXPORT_AS(fn, fn)

/* For names that libc owns: NT_EXPORT_AS(memcpy, nt_memcpy). Also data: NT_EXPORT_AS(name,
 * object_address_cast). Sanitizers leave variables in such sections alone: gcc those with a section
 * of their own, clang those whose section is a C identifier. */
#define NT_EXPORT_AS(exported, fn)                                                                 \
    __attribute__((section("nt_exports"), used,                                                    \
                   aligned(8))) static const struct nt_export nt_export_##exported = {             \
        #exported, (nt_function)(fn)}

/* The function of that name, or NULL. Names are looked up regardless of which module an image says
 * they come from (ntoskrnl.exe, hal.dll, ndis.sys), as they are unique across these. */
nt_function nt_export_find(const char *name);
