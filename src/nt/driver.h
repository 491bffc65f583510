/* SPDX-License-Identifier: MIT */
/*
 * A loaded driver image, .sys (PE32+, our loader) or .so (linked, dlopen), with its DRIVER_OBJECT
 * and ledger owner.
 */
#pragma once

#include "base/base.h"
#include "nt/ledger.h"

#include <wdk/ntddk.h>

struct nt_driver;

/* Loads and calls DriverEntry on the calling thread (PASSIVE_LEVEL). service names the registry key
 * under Services. Errors: -ENOENT, -ENOEXEC (why says what is wrong with the image), -ECANCELED
 * when DriverEntry failed (why holds its status). */
int nt_driver_load(const char *path, const char *service, struct nt_driver **out, struct why *why);
/* For tests: a driver whose entry is in this program. */
int nt_driver_load_entry(DRIVER_INITIALIZE *entry, const char *service, struct nt_driver **out,
                         struct why *why);

/* Calls DriverUnload if there is one, reports what is left in the ledger (GEN-10), frees the image.
 * Returns what was left. */
uint64_t nt_driver_unload(struct nt_driver *d);

DRIVER_OBJECT *nt_driver_object(struct nt_driver *d);
struct nt_driver *nt_driver_from_object(const DRIVER_OBJECT *o); /* NULL when it is none of ours */
struct nt_owner *nt_driver_owner(const struct nt_driver *d);

/* ndis hangs its own per-driver state here (NdisMRegisterMiniportDriver). */
void nt_driver_set_ndis(struct nt_driver *d, void *state);
void *nt_driver_ndis(const struct nt_driver *d);

/* Load report: imports of a .sys. */
enum nt_import_state { NT_IMPORT_FOUND, NT_IMPORT_MISSING };
struct nt_import {
    const char *module, *name;
    enum nt_import_state state;
    uint64_t calls; /* of missing ones */
};
unsigned nt_driver_import_count(const struct nt_driver *d);
const struct nt_import *nt_driver_import(const struct nt_driver *d, unsigned index);
