/* SPDX-License-Identifier: MIT */
/* Memory that is not pool: contiguous and noncached blocks, I/O space; and questions about
 * addresses. */
#include "nt/device.h"
#include "nt/export.h"
#include "nt/finding.h"
#include "nt/insn.h"
#include "nt/ledger.h"
#include "nt/processor.h"
#include "nt/utf.h"

#include <pthread.h>
#include <sys/mman.h>

enum { ROUTINE_NAME_MAX = 128 };
static const uint64_t low_mappings_end = 1ull << 31; /* what MAP_32BIT gives lies below */

struct block {
    struct block *next;
    void *va;
    size_t bytes;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct block *blocks;

/* Whole pages at an address that is a multiple of align, a power of two. */
static void *map_aligned(size_t bytes, size_t align, bool low)
{
    size_t span = bytes + align;
    char *p = mmap(NULL, span, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | (low ? MAP_32BIT : 0), -1, 0);
    size_t skip;

    if (p == MAP_FAILED)
        return NULL;
    skip = ALIGN_UP((uintptr_t)p, align) - (uintptr_t)p;
    if (skip)
        munmap(p, skip);
    if (span - skip - bytes)
        munmap(p + skip + bytes, span - skip - bytes);
    return p + skip;
}

static size_t power_of_two(size_t bytes)
{
    size_t p = PAGE_SIZE;

    while (p < bytes)
        p *= 2;
    return p;
}

/* A block that crosses no multiple of boundary (0: any), as high as `highest` allows. */
static PVOID allocate(SIZE_T bytes, uint64_t highest, uint64_t boundary)
{
    size_t whole = ALIGN_UP((size_t)bytes, (size_t)PAGE_SIZE);
    bool low = highest < 1ull << 47;
    struct block *b;

    NT_DISPATCH_MAX();
    if (bytes == 0 || whole < bytes || (boundary && whole > boundary) || !nt_may_allocate() ||
        (low && highest < low_mappings_end - 1))
        return NULL;
    b = malloc(sizeof *b);
    if (!b)
        return NULL;
    b->bytes = whole;
    b->va = map_aligned(whole, boundary ? power_of_two(whole) : PAGE_SIZE, low);
    if (!b->va) {
        free(b);
        return NULL;
    }
    pthread_mutex_lock(&lock);
    b->next = blocks;
    blocks = b;
    pthread_mutex_unlock(&lock);
    nt_ledger_add(NT_RES_SHARED_MEMORY, b->va, bytes, 0);
    return b->va;
}

static VOID release(PVOID va, const char *what)
{
    struct block *b = NULL;

    pthread_mutex_lock(&lock);
    for (struct block **at = &blocks; *at; at = &(*at)->next) {
        if ((*at)->va == va) {
            b = *at;
            *at = b->next;
            break;
        }
    }
    pthread_mutex_unlock(&lock);
    if (!b) {
        finding_report("NT-LEDGER", "%s: %p is no such block", what, va);
        return;
    }
    nt_ledger_remove(NT_RES_SHARED_MEMORY, va);
    munmap(b->va, b->bytes);
    free(b);
}

PVOID NTAPI MmAllocateContiguousMemory(SIZE_T NumberOfBytes,
                                       PHYSICAL_ADDRESS HighestAcceptableAddress)
{
    return allocate(NumberOfBytes, (uint64_t)HighestAcceptableAddress.QuadPart, 0);
}
NT_EXPORT(MmAllocateContiguousMemory);

PVOID NTAPI MmAllocateContiguousMemorySpecifyCache(SIZE_T NumberOfBytes,
                                                   PHYSICAL_ADDRESS LowestAcceptableAddress,
                                                   PHYSICAL_ADDRESS HighestAcceptableAddress,
                                                   PHYSICAL_ADDRESS BoundaryAddressMultiple,
                                                   MEMORY_CACHING_TYPE CacheType)
{
    (void)LowestAcceptableAddress, (void)CacheType;
    return allocate(NumberOfBytes, (uint64_t)HighestAcceptableAddress.QuadPart,
                    (uint64_t)BoundaryAddressMultiple.QuadPart);
}
NT_EXPORT(MmAllocateContiguousMemorySpecifyCache);

PVOID NTAPI MmAllocateContiguousMemorySpecifyCacheNode(SIZE_T NumberOfBytes,
                                                       PHYSICAL_ADDRESS LowestAcceptableAddress,
                                                       PHYSICAL_ADDRESS HighestAcceptableAddress,
                                                       PHYSICAL_ADDRESS BoundaryAddressMultiple,
                                                       MEMORY_CACHING_TYPE CacheType,
                                                       NODE_REQUIREMENT PreferredNode)
{
    (void)PreferredNode;
    return MmAllocateContiguousMemorySpecifyCache(NumberOfBytes, LowestAcceptableAddress,
                                                  HighestAcceptableAddress, BoundaryAddressMultiple,
                                                  CacheType);
}
NT_EXPORT(MmAllocateContiguousMemorySpecifyCacheNode);

PVOID NTAPI MmAllocateContiguousNodeMemory(SIZE_T NumberOfBytes,
                                           PHYSICAL_ADDRESS LowestAcceptableAddress,
                                           PHYSICAL_ADDRESS HighestAcceptableAddress,
                                           PHYSICAL_ADDRESS BoundaryAddressMultiple, ULONG Protect,
                                           NODE_REQUIREMENT PreferredNode)
{
    (void)Protect, (void)PreferredNode;
    return MmAllocateContiguousMemorySpecifyCache(NumberOfBytes, LowestAcceptableAddress,
                                                  HighestAcceptableAddress, BoundaryAddressMultiple,
                                                  MmCached);
}
NT_EXPORT(MmAllocateContiguousNodeMemory);

VOID NTAPI MmFreeContiguousMemory(PVOID BaseAddress)
{
    release(BaseAddress, "MmFreeContiguousMemory");
}
NT_EXPORT(MmFreeContiguousMemory);

VOID NTAPI MmFreeContiguousMemorySpecifyCache(PVOID BaseAddress, SIZE_T NumberOfBytes,
                                              MEMORY_CACHING_TYPE CacheType)
{
    (void)NumberOfBytes, (void)CacheType;
    release(BaseAddress, "MmFreeContiguousMemorySpecifyCache");
}
NT_EXPORT(MmFreeContiguousMemorySpecifyCache);

PVOID NTAPI MmAllocateNonCachedMemory(SIZE_T NumberOfBytes)
{
    return allocate(NumberOfBytes, UINT64_MAX, 0);
}
NT_EXPORT(MmAllocateNonCachedMemory);

VOID NTAPI MmFreeNonCachedMemory(PVOID BaseAddress, SIZE_T NumberOfBytes)
{
    (void)NumberOfBytes;
    release(BaseAddress, "MmFreeNonCachedMemory");
}
NT_EXPORT(MmFreeNonCachedMemory);

/* Page numbers are those of the virtual addresses (mdl.c): no address that a device could use. */
PHYSICAL_ADDRESS NTAPI MmGetPhysicalAddress(PVOID BaseAddress)
{
    return (PHYSICAL_ADDRESS){.QuadPart = (LONGLONG)(uintptr_t)BaseAddress};
}
NT_EXPORT(MmGetPhysicalAddress);

BOOLEAN NTAPI MmIsAddressValid(PVOID VirtualAddress)
{
    char byte;

    return insn_memory_copy(&byte, VirtualAddress, 1, true);
}
NT_EXPORT(MmIsAddressValid);

PVOID NTAPI MmMapIoSpace(PHYSICAL_ADDRESS PhysicalAddress, SIZE_T NumberOfBytes,
                         MEMORY_CACHING_TYPE CacheType)
{
    void *va;

    (void)CacheType;
    NT_DISPATCH_MAX();
    if (!nt_may_allocate())
        return NULL;
    va = nt_mmio_map(PhysicalAddress, NumberOfBytes);
    if (va)
        nt_ledger_add(NT_RES_IO_SPACE, va, NumberOfBytes, 0);
    else
        finding_report(
            "NT-MMIO", "MmMapIoSpace: 0x%llx bytes at physical address 0x%llx lie in no BAR",
            (unsigned long long)NumberOfBytes, (unsigned long long)PhysicalAddress.QuadPart);
    return va;
}
NT_EXPORT(MmMapIoSpace);

PVOID NTAPI MmMapIoSpaceEx(PHYSICAL_ADDRESS PhysicalAddress, SIZE_T NumberOfBytes, ULONG Protect)
{
    (void)Protect;
    return MmMapIoSpace(PhysicalAddress, NumberOfBytes, MmNonCached);
}
NT_EXPORT(MmMapIoSpaceEx);

VOID NTAPI MmUnmapIoSpace(PVOID BaseAddress, SIZE_T NumberOfBytes)
{
    NT_DISPATCH_MAX();
    if (nt_ledger_remove(NT_RES_IO_SPACE, BaseAddress) &&
        !nt_mmio_unmap(BaseAddress, NumberOfBytes))
        finding_report("NT-MMIO", "MmUnmapIoSpace: 0x%llx bytes at %p are not what was mapped",
                       (unsigned long long)NumberOfBytes, BaseAddress);
}
NT_EXPORT(MmUnmapIoSpace);

PVOID NTAPI MmGetSystemRoutineAddress(PUNICODE_STRING SystemRoutineName)
{
    char name[ROUTINE_NAME_MAX];
    size_t n = utf8_from_utf16(name, sizeof name - 1, (const uint16_t *)SystemRoutineName->Buffer,
                               SystemRoutineName->Length / 2u);

    NT_PASSIVE_ONLY();
    if (n >= sizeof name)
        return NULL;
    name[n] = '\0';
    return (PVOID)(uintptr_t)nt_export_find(name);
}
NT_EXPORT(MmGetSystemRoutineAddress);
