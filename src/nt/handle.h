/* SPDX-License-Identifier: MIT */
/* Kernel handles: one table for whatever has one. Entered in the ledger (NT_RES_HANDLE). ZwClose
 * ends in nt_handle_close. */
#pragma once

#include "base/base.h"

enum nt_handle_kind { NT_HANDLE_THREAD = 1, NT_HANDLE_KEY, NT_HANDLE_FILE, NT_HANDLE_EVENT };

/* A handle (never 0 nor -1) to the object; close, if not NULL, runs when it is closed. NULL: no
 * memory. */
void *nt_handle_new(enum nt_handle_kind kind, void *object, void (*close)(void *object));
/* The object, or NULL when it is no open handle of that kind. */
void *nt_handle_object(void *handle, enum nt_handle_kind kind);
/* false, without a finding, when there is no such handle. */
bool nt_handle_close(void *handle);
