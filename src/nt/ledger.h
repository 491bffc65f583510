/* SPDX-License-Identifier: MIT */
/*
 * The resource ledger: everything a driver took from the runtime and must give back, by owner; and
 * failure injection, which asks the same question ("may this allocation succeed?") at the same
 * places.
 *
 * An owner is a loaded driver. The runtime sets the thread's current owner around every call into a
 * driver; what is allocated on that thread meanwhile is the driver's. Objects of the data path
 * (NBLs, MDLs out of pools) are not entered one by one: their pool is, and it counts what is
 * outstanding.
 */
#pragma once

#include "base/base.h"

enum nt_resource {
    NT_RES_POOL_MEMORY,
    NT_RES_MDL,
    NT_RES_NBL_POOL,
    NT_RES_NB_POOL,
    NT_RES_NBL, /* outstanding when their pool is freed */
    NT_RES_TIMER,
    NT_RES_WORK_ITEM,
    NT_RES_THREAD,
    NT_RES_LOOKASIDE,
    NT_RES_EVENT,
    NT_RES_LOCK,
    NT_RES_HANDLE, /* registry, configuration, files, objects */
    NT_RES_SHARED_MEMORY,
    NT_RES_SG_LIST,
    NT_RES_DMA_CHANNEL,
    NT_RES_INTERRUPT,
    NT_RES_IO_SPACE,
    NT_RES_DEVICE,
    NT_RES_BINDING,
    NT_RES_REGISTRATION,
    NT_RES_COUNT
};

struct nt_owner;

struct nt_owner *nt_owner_new(const char *name);
void nt_owner_free(
    struct nt_owner *o); /* anything left is given back to the system; count it first */
const char *nt_owner_name(const struct nt_owner *o); /* "longshore" for NULL */

/* The owner whose code this thread runs; enter returns the previous one, to be handed to leave.
 * Cheap. */
struct nt_owner *nt_owner_enter(struct nt_owner *o);
void nt_owner_leave(struct nt_owner *previous);
struct nt_owner *nt_owner_current(void);

/* Enters and removes an object. Any IRQL. Removing one that is not there (double free, foreign
 * pointer) returns false, after a finding NT-LEDGER. The kind must match. What is added with owner
 * NULL (the runtime's own) is known but not counted; with owner NULL, remove of something unknown
 * returns true. An object may be removed on a thread of another owner: the count of the one who
 * added it goes down. */
void nt_ledger_add(enum nt_resource kind, const void *object, size_t bytes, uint32_t tag);
bool nt_ledger_remove(enum nt_resource kind, const void *object);

/* remove without judgement: false, and no finding, when it is not there. `was` may be NULL. */
struct nt_ledger_entry {
    const void *object;
    struct nt_owner *owner;
    size_t bytes;
    uint32_t tag;
    enum nt_resource kind;
    void (*reclaim)(void *object); /* called by nt_owner_free for what is left, if not NULL */
};
/* add with all there is to say; the owner is the current one whatever the entry says. */
void nt_ledger_enter(const struct nt_ledger_entry *e);
bool nt_ledger_take(enum nt_resource kind, const void *object, struct nt_ledger_entry *was);

uint64_t nt_ledger_count(const struct nt_owner *o, enum nt_resource kind);
uint64_t nt_ledger_total(const struct nt_owner *o);
const char *nt_resource_name(enum nt_resource kind);
/* Each entry of that kind, in no order, until fn returns false. fn takes nothing and gives nothing
 * back: a lock is held. */
void nt_ledger_each(const struct nt_owner *o, enum nt_resource kind,
                    bool (*fn)(void *arg, const struct nt_ledger_entry *e), void *arg);
/* Reports one finding per kind that is not zero ("GEN-10", counts, tags and sizes of the first
 * few), returns the total. */
uint64_t nt_ledger_report(const struct nt_owner *o, const char *rule);

/* Failure injection. Every runtime call that may fail for want of resources asks nt_may_allocate()
 * first and fails as documented when it says no. With nt_fail_at(o, n) the n-th question (from 1)
 * asked by that owner from now on is answered no, once. */
bool nt_may_allocate(void);
void nt_fail_at(struct nt_owner *o, uint64_t n);
void nt_fail_next_owner_at(uint64_t n); /* the same for the next owner that is made, from its first
                                           question on: DriverEntry's */
uint64_t nt_allocations_asked(const struct nt_owner *o); /* since nt_fail_at */
