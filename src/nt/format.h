/* SPDX-License-Identifier: MIT */
/*
 * printf as the kernel has it: Windows' calling convention and sizes (long is 32 bits, wide
 * characters 16), %Z and %wZ for counted strings, I64. No floating point: such an argument is taken
 * and shows as '?'.
 */
#pragma once

#include <wdk/ntdef.h>

#include <stdbool.h>

/* Writes at most `room` characters of out, which are bytes or WCHARs, no terminator. Returns how
 * many there are. */
struct nt_format {
    void *out;
    size_t room;
    bool wide; /* out and the format are wide; %s and %c then are too */
};
size_t nt_format(struct nt_format to, const void *format, __builtin_ms_va_list ap);
