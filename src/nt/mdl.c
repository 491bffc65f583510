/* SPDX-License-Identifier: MIT */
/*
 * MDLs. A "physical page" is the page number of the virtual address: every page is always resident,
 * and a device cannot use such an address, as its DMA map knows it not. So locking is bookkeeping,
 * and mapping gives the address that the MDL was made from.
 */
#include "nt/export.h"
#include "nt/finding.h"
#include "nt/ledger.h"
#include "nt/processor.h"

#include <wdk/ntddk.h>

#include <sys/mman.h>

enum { MDL_BYTES_MAX = 0x7ffff000, MDL_TAG = 0x206c644d /* "Mdl " */ };

static size_t mdl_bytes(const void *base, SIZE_T length)
{
    return sizeof(MDL) +
           sizeof(PFN_NUMBER) * ((BYTE_OFFSET(base) + length + PAGE_SIZE - 1) >> PAGE_SHIFT);
}

static void fill_pages(PMDL mdl)
{
    PPFN_NUMBER pages = MmGetMdlPfnArray(mdl);
    ULONG count = ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(mdl), mdl->ByteCount);

    for (ULONG n = 0; n < count; n++)
        pages[n] = ((ULONG_PTR)mdl->StartVa >> PAGE_SHIFT) + n;
}

/* Where the pages are, which an MDL of MmAllocatePagesForMdl tells by its array only. */
static PVOID pages_va(PMDL mdl)
{
    return (PVOID)((MmGetMdlPfnArray(mdl)[0] << PAGE_SHIFT) + mdl->ByteOffset);
}

SIZE_T NTAPI MmSizeOfMdl(PVOID Base, SIZE_T Length)
{
    return mdl_bytes(Base, Length);
}
NT_EXPORT(MmSizeOfMdl);

PMDL NTAPI IoAllocateMdl(PVOID VirtualAddress, ULONG Length, BOOLEAN SecondaryBuffer,
                         BOOLEAN ChargeQuota, PIRP Irp)
{
    PMDL mdl, *end;

    (void)ChargeQuota;
    NT_DISPATCH_MAX();
    if (Length > MDL_BYTES_MAX || !nt_may_allocate())
        return NULL;
    mdl = calloc(1, mdl_bytes(VirtualAddress, Length));
    if (!mdl)
        return NULL;
    MmInitializeMdl(mdl, VirtualAddress, Length);
    nt_ledger_add(NT_RES_MDL, mdl, Length, 0);
    if (Irp && !SecondaryBuffer) {
        Irp->MdlAddress = mdl;
    } else if (Irp) {
        for (end = &Irp->MdlAddress; *end; end = &(*end)->Next)
            ;
        *end = mdl;
    }
    return mdl;
}
NT_EXPORT(IoAllocateMdl);

VOID NTAPI IoFreeMdl(PMDL Mdl)
{
    NT_DISPATCH_MAX();
    if (Mdl && nt_ledger_remove(NT_RES_MDL, Mdl))
        free(Mdl);
}
NT_EXPORT(IoFreeMdl);

VOID NTAPI IoBuildPartialMdl(PMDL SourceMdl, PMDL TargetMdl, PVOID VirtualAddress, ULONG Length)
{
    PCHAR first = (PCHAR)MmGetMdlVirtualAddress(SourceMdl);
    ULONG offset = (ULONG)((PCHAR)VirtualAddress - first);
    CSHORT size = TargetMdl->Size;

    if ((PCHAR)VirtualAddress < first || offset > SourceMdl->ByteCount ||
        Length > SourceMdl->ByteCount - offset) {
        finding_report("NT-MDL", "IoBuildPartialMdl: %u bytes at %p lie outside the source MDL",
                       Length, VirtualAddress);
        return;
    }
    if (Length == 0)
        Length = SourceMdl->ByteCount - offset;
    MmInitializeMdl(TargetMdl, VirtualAddress, Length);
    if (TargetMdl->Size > size)
        finding_report("NT-MDL", "IoBuildPartialMdl: the target MDL is too small for %u bytes",
                       Length);
    TargetMdl->Size = size;
    TargetMdl->MdlFlags =
        (CSHORT)(MDL_PARTIAL |
                 (SourceMdl->MdlFlags & (MDL_SOURCE_IS_NONPAGED_POOL | MDL_MAPPED_TO_SYSTEM_VA)));
    if (TargetMdl->MdlFlags & (MDL_SOURCE_IS_NONPAGED_POOL | MDL_MAPPED_TO_SYSTEM_VA))
        TargetMdl->MappedSystemVa = (PCHAR)SourceMdl->MappedSystemVa + offset;
    fill_pages(TargetMdl);
}
NT_EXPORT(IoBuildPartialMdl);

VOID NTAPI MmBuildMdlForNonPagedPool(PMDL MemoryDescriptorList)
{
    NT_DISPATCH_MAX();
    MemoryDescriptorList->MdlFlags =
        (CSHORT)(MemoryDescriptorList->MdlFlags | MDL_SOURCE_IS_NONPAGED_POOL);
    MemoryDescriptorList->MappedSystemVa = MmGetMdlVirtualAddress(MemoryDescriptorList);
    fill_pages(MemoryDescriptorList);
}
NT_EXPORT(MmBuildMdlForNonPagedPool);

VOID NTAPI MmProbeAndLockPages(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode,
                               LOCK_OPERATION Operation)
{
    PMDL mdl = MemoryDescriptorList;

    (void)AccessMode;
    NT_DISPATCH_MAX();
    if (mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL))
        finding_report("NT-MDL",
                       "MmProbeAndLockPages: the MDL's pages are locked or nonpaged already");
    mdl->MdlFlags = (CSHORT)(mdl->MdlFlags | MDL_PAGES_LOCKED |
                             (Operation == IoReadAccess ? 0 : MDL_WRITE_OPERATION));
    fill_pages(mdl);
}
NT_EXPORT(MmProbeAndLockPages);

VOID NTAPI MmUnlockPages(PMDL MemoryDescriptorList)
{
    NT_DISPATCH_MAX();
    if (!(MemoryDescriptorList->MdlFlags & MDL_PAGES_LOCKED))
        finding_report("NT-MDL", "MmUnlockPages: the MDL's pages are not locked");
    MemoryDescriptorList->MdlFlags =
        (CSHORT)(MemoryDescriptorList->MdlFlags & ~(MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA));
}
NT_EXPORT(MmUnlockPages);

PVOID NTAPI MmMapLockedPagesSpecifyCache(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode,
                                         MEMORY_CACHING_TYPE CacheType, PVOID RequestedAddress,
                                         ULONG BugCheckOnFailure, ULONG Priority)
{
    PMDL mdl = MemoryDescriptorList;

    (void)AccessMode, (void)CacheType, (void)RequestedAddress, (void)BugCheckOnFailure;
    (void)Priority;
    NT_DISPATCH_MAX();
    if (!(mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL | MDL_PARTIAL)))
        finding_report("NT-MDL", "MmMapLockedPages: the MDL's pages are not locked");
    else if (!nt_may_allocate())
        return NULL;
    if (!(mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL | MDL_PARTIAL)))
        fill_pages(mdl);
    mdl->MappedSystemVa = pages_va(mdl);
    mdl->MdlFlags = (CSHORT)(mdl->MdlFlags | MDL_MAPPED_TO_SYSTEM_VA |
                             (mdl->MdlFlags & MDL_PARTIAL ? MDL_PARTIAL_HAS_BEEN_MAPPED : 0));
    return mdl->MappedSystemVa;
}
NT_EXPORT(MmMapLockedPagesSpecifyCache);

PVOID NTAPI MmMapLockedPages(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode)
{
    return MmMapLockedPagesSpecifyCache(MemoryDescriptorList, AccessMode, MmCached, NULL, TRUE,
                                        HighPagePriority);
}
NT_EXPORT(MmMapLockedPages);

VOID NTAPI MmUnmapLockedPages(PVOID BaseAddress, PMDL MemoryDescriptorList)
{
    PMDL mdl = MemoryDescriptorList;

    NT_DISPATCH_MAX();
    if (!(mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA) || mdl->MappedSystemVa != BaseAddress)
        finding_report("NT-MDL", "MmUnmapLockedPages: the MDL is not mapped at %p", BaseAddress);
    mdl->MdlFlags =
        (CSHORT)(mdl->MdlFlags & ~(MDL_MAPPED_TO_SYSTEM_VA | MDL_PARTIAL_HAS_BEEN_MAPPED));
}
NT_EXPORT(MmUnmapLockedPages);

/* The front moves into the buffer; a part page at the front stays described. */
NTSTATUS NTAPI MmAdvanceMdl(PMDL Mdl, ULONG NumberOfBytes)
{
    ULONG offset;

    if (NumberOfBytes > Mdl->ByteCount)
        return STATUS_INVALID_PARAMETER_2;
    offset = Mdl->ByteOffset + NumberOfBytes;
    Mdl->ByteCount -= NumberOfBytes;
    Mdl->StartVa = (PCHAR)Mdl->StartVa + (offset & ~(ULONG)(PAGE_SIZE - 1));
    Mdl->ByteOffset = offset & (PAGE_SIZE - 1);
    if (Mdl->MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL))
        Mdl->MappedSystemVa = (PCHAR)Mdl->MappedSystemVa + NumberOfBytes;
    fill_pages(Mdl);
    return STATUS_SUCCESS;
}
NT_EXPORT(MmAdvanceMdl);

/* Execution and writing cannot be taken from pages that other memory shares: the request is granted
 * without effect, as a driver cannot tell. */
NTSTATUS NTAPI MmProtectMdlSystemAddress(PMDL MemoryDescriptorList, ULONG NewProtect)
{
    (void)NewProtect;
    return MemoryDescriptorList->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA ? STATUS_SUCCESS
                                                                    : STATUS_NOT_MAPPED_VIEW;
}
NT_EXPORT(MmProtectMdlSystemAddress);

PMDL NTAPI MmAllocatePagesForMdlEx(PHYSICAL_ADDRESS LowAddress, PHYSICAL_ADDRESS HighAddress,
                                   PHYSICAL_ADDRESS SkipBytes, SIZE_T TotalBytes,
                                   MEMORY_CACHING_TYPE CacheType, ULONG Flags)
{
    size_t bytes = ALIGN_UP((size_t)TotalBytes, (size_t)PAGE_SIZE);
    void *pages;
    PMDL mdl;

    (void)LowAddress, (void)HighAddress, (void)SkipBytes, (void)CacheType, (void)Flags;
    NT_DISPATCH_MAX();
    if (TotalBytes == 0 || TotalBytes > MDL_BYTES_MAX || !nt_may_allocate())
        return NULL;
    /* The driver frees the MDL with ExFreePool. */
    mdl = ExAllocatePoolWithTag(NonPagedPoolNx, mdl_bytes(NULL, bytes), MDL_TAG);
    pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!mdl || pages == MAP_FAILED) {
        if (mdl)
            ExFreePoolWithTag(mdl, MDL_TAG);
        if (pages != MAP_FAILED)
            munmap(pages, bytes);
        return NULL;
    }
    memset(mdl, 0, sizeof *mdl);
    MmInitializeMdl(mdl, NULL, bytes);
    mdl->MdlFlags = MDL_PAGES_LOCKED;
    for (size_t n = 0; n < bytes >> PAGE_SHIFT; n++)
        MmGetMdlPfnArray(mdl)[n] = ((ULONG_PTR)pages >> PAGE_SHIFT) + n;
    return mdl;
}
NT_EXPORT(MmAllocatePagesForMdlEx);

PMDL NTAPI MmAllocatePagesForMdl(PHYSICAL_ADDRESS LowAddress, PHYSICAL_ADDRESS HighAddress,
                                 PHYSICAL_ADDRESS SkipBytes, SIZE_T TotalBytes)
{
    return MmAllocatePagesForMdlEx(LowAddress, HighAddress, SkipBytes, TotalBytes, MmCached, 0);
}
NT_EXPORT(MmAllocatePagesForMdl);

/* The pages only: the MDL itself is the driver's to free. */
VOID NTAPI MmFreePagesFromMdl(PMDL MemoryDescriptorList)
{
    PMDL mdl = MemoryDescriptorList;

    if (!(mdl->MdlFlags & MDL_PAGES_LOCKED)) {
        finding_report("NT-MDL", "MmFreePagesFromMdl: the MDL has no pages");
        return;
    }
    munmap((void *)(MmGetMdlPfnArray(mdl)[0] << PAGE_SHIFT), mdl->ByteCount);
    mdl->MdlFlags = (CSHORT)(mdl->MdlFlags & ~(MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA));
}
NT_EXPORT(MmFreePagesFromMdl);
