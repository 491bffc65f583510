/* SPDX-License-Identifier: MIT */
/* Registry keys as drivers hold them, shared by Zw*Key (zw_key.c) and Rtl*Registry*
 * (rtl_registry.c). */
#pragma once

#include "nt/registry.h"

#include <wdk/ntddk.h>

/* The key behind a handle that was opened with all of that access. */
NTSTATUS zw_key_of(HANDLE handle, ACCESS_MASK access, struct reg_key **out);

/* A counted string in UTF-8, allocated; NULL for want of memory. */
char *zw_utf8(PCUNICODE_STRING text);

/* A value's bytes as drivers see them, text in UTF-16, with four zero bytes behind; allocated.
 * -ENOENT, -ENOMEM. */
int zw_value_get(struct reg_key *k, const char *name, ULONG *type, void **bytes, ULONG *size);
/* And back. */
int zw_value_set(struct reg_key *k, const char *name, ULONG type, const void *bytes, ULONG size);

NTSTATUS zw_status(int err);
