/* SPDX-License-Identifier: MIT */
/*
 * The pools. Every block is a malloc of its exact size, so that AddressSanitizer sees one byte too
 * many; the ledger knows which blocks there are. Blocks of a page and more begin on a page, as
 * ExAllocatePoolWithTag's page says.
 */
#include "nt/dispatch.h"
#include "nt/export.h"
#include "nt/finding.h"
#include "nt/ledger.h"
#include "nt/processor.h"

enum { POOL_ALIGN = 16, CACHE_LINE = 64, POOL_PAGE = 4096 };
enum { TAG_NONE = 0x656e6f4e };                  /* "None" */
enum { CACHE_ALIGNED_TYPE = 4, PAGED_TYPE = 1 }; /* bits of POOL_TYPE */

struct request {
    SIZE_T bytes;
    ULONG tag;
    bool paged, cache_aligned, zero;
};

static void *allocate(const struct request *r)
{
    size_t bytes = MAX_OF((size_t)r->bytes, (size_t)1);
    size_t align = bytes >= POOL_PAGE ? POOL_PAGE : r->cache_aligned ? CACHE_LINE : POOL_ALIGN;
    void *block = NULL;

    nt_check_irql_max(r->paged ? APC_LEVEL : DISPATCH_LEVEL,
                      r->paged ? "allocation of paged pool" : "allocation of nonpaged pool");
    if (!nt_may_allocate() || posix_memalign(&block, align, bytes) != 0)
        return NULL;
    if (r->zero)
        memset(block, 0, bytes);
    nt_ledger_enter(&(struct nt_ledger_entry){.object = block,
                                              .bytes = (size_t)r->bytes,
                                              .tag = r->tag,
                                              .kind = NT_RES_POOL_MEMORY,
                                              .reclaim = free});
    return block;
}

static void *allocate_type(POOL_TYPE type, SIZE_T bytes, ULONG tag)
{
    unsigned bits = (unsigned)type;
    const struct request r = {.bytes = bytes,
                              .tag = tag,
                              .paged = (bits & PAGED_TYPE) != 0,
                              .cache_aligned = (bits & CACHE_ALIGNED_TYPE) != 0,
                              .zero = (bits & POOL_ZERO_ALLOCATION) != 0};

    return allocate(&r);
}

PVOID NTAPI ExAllocatePool(POOL_TYPE PoolType, SIZE_T NumberOfBytes)
{
    return allocate_type(PoolType, NumberOfBytes, TAG_NONE);
}
NT_EXPORT(ExAllocatePool);

PVOID NTAPI ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    return allocate_type(PoolType, NumberOfBytes, Tag);
}
NT_EXPORT(ExAllocatePoolWithTag);

PVOID NTAPI ExAllocatePoolWithTagPriority(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                                          EX_POOL_PRIORITY Priority)
{
    (void)Priority;
    return allocate_type(PoolType, NumberOfBytes, Tag);
}
NT_EXPORT(ExAllocatePoolWithTagPriority);

PVOID NTAPI ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag)
{
    const POOL_FLAGS kinds = POOL_FLAG_NON_PAGED | POOL_FLAG_NON_PAGED_EXECUTE | POOL_FLAG_PAGED;
    const struct request r = {.bytes = NumberOfBytes,
                              .tag = Tag,
                              .paged = (Flags & POOL_FLAG_PAGED) != 0,
                              .cache_aligned = (Flags & POOL_FLAG_CACHE_ALIGNED) != 0,
                              .zero = (Flags & POOL_FLAG_UNINITIALIZED) == 0};

    if (__builtin_popcountll(Flags & kinds) != 1 || Tag == 0 || NumberOfBytes == 0) {
        finding_report("NT-POOL", "ExAllocatePool2 with flags %#llx, tag %#x, %llu bytes", Flags,
                       Tag, NumberOfBytes);
        return NULL;
    }
    return allocate(&r);
}
NT_EXPORT(ExAllocatePool2);

/* tag 0: not compared. */
static void release(void *block, ULONG tag, const char *what)
{
    struct nt_ledger_entry was;
    const KTIMER *timer;

    NT_DISPATCH_MAX();
    if (!nt_ledger_take(NT_RES_POOL_MEMORY, block, &was)) {
        finding_report("NT-LEDGER",
                       "%s frees %p, which is no pool block: freed before, or not from a pool",
                       what, block);
        return;
    }
    if (tag != 0 && tag != was.tag)
        finding_report("NT-POOL", "%s frees %p with tag %#x; it was allocated with %#x", what,
                       block, tag, was.tag);
    timer = nt_timer_within(block, was.bytes);
    if (timer)
        finding_report("NT-POOL", "%s frees %p, which holds the armed timer %p", what, block,
                       (const void *)timer);
    free(block);
}

VOID NTAPI ExFreePool(PVOID P)
{
    release(P, 0, __func__);
}
NT_EXPORT(ExFreePool);

VOID NTAPI ExFreePoolWithTag(PVOID P, ULONG Tag)
{
    release(P, Tag, __func__);
}
NT_EXPORT(ExFreePoolWithTag);
