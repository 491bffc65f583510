/* SPDX-License-Identifier: MIT */
/* The layout of every ABI structure as data: sizes and offsets in section .abival, their names, one
 * per line and in the same order, in section .abinam. Nothing here is linked or run: compare.sh
 * takes the sections out of the object files of several compilers and compares the bytes. */
#include <stddef.h>
#include <stdint.h>

#include <wdk/ntddk.h>
#include <wdk/ndis.h>

#define ABI_SECTION(name) __attribute__((section(name), used))

#define ABI_SIZE(type) sizeof(type),
#define ABI_OFFSET(type, member) offsetof(type, member),
#define ABI_VALUE(macro) (macro),
ABI_SECTION(".abival") const uint64_t abi_values[] = {
#include "layout_nt.inc"
#include "layout_ndis.inc"
};
#undef ABI_SIZE
#undef ABI_OFFSET
#undef ABI_VALUE

#define ABI_SIZE(type) "sizeof(" #type ")\n"
#define ABI_OFFSET(type, member) #type "." #member "\n"
#define ABI_VALUE(macro) #macro "\n"
ABI_SECTION(".abinam") const char abi_names[] = {
#include "layout_nt.inc"
#include "layout_ndis.inc"
};
