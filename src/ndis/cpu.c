/* SPDX-License-Identifier: MIT */
/* What NDIS tells drivers about processors: one group of NT_MAX_PROCESSORS, of which the first
 * nt_loop_count() run DPCs (nt/processor.h). */
#include "ndis/adapter.h"

#include "nt/export.h"
#include "nt/processor.h"

CCHAR NTAPI NdisSystemProcessorCount(VOID)
{
    return NT_MAX_PROCESSORS;
}
NT_EXPORT(NdisSystemProcessorCount);

ULONG NTAPI NdisSystemActiveProcessorCount(PKAFFINITY ActiveProcessors)
{
    if (ActiveProcessors)
        *ActiveProcessors = ~(KAFFINITY)0;
    return NT_MAX_PROCESSORS;
}
NT_EXPORT(NdisSystemActiveProcessorCount);

ULONG NTAPI NdisCurrentProcessorIndex(VOID)
{
    return nt_thread_self()->cpu;
}
NT_EXPORT(NdisCurrentProcessorIndex);

ULONG NTAPI NdisGroupActiveProcessorCount(USHORT Group)
{
    return Group == 0 || Group == ALL_PROCESSOR_GROUPS ? NT_MAX_PROCESSORS : 0;
}
NT_EXPORT(NdisGroupActiveProcessorCount);

ULONG NTAPI NdisGroupMaxProcessorCount(USHORT Group)
{
    return NdisGroupActiveProcessorCount(Group);
}
NT_EXPORT(NdisGroupMaxProcessorCount);

KAFFINITY NTAPI NdisGroupActiveProcessorMask(USHORT Group)
{
    return Group == 0 ? ~(KAFFINITY)0 : 0;
}
NT_EXPORT(NdisGroupActiveProcessorMask);

USHORT NTAPI NdisActiveGroupCount(VOID)
{
    return 1;
}
NT_EXPORT(NdisActiveGroupCount);

USHORT NTAPI NdisMaxGroupCount(VOID)
{
    return 1;
}
NT_EXPORT(NdisMaxGroupCount);

PROCESSOR_NUMBER NTAPI NdisCurrentGroupAndProcessor(VOID)
{
    return (PROCESSOR_NUMBER){.Group = 0, .Number = nt_thread_self()->cpu};
}
NT_EXPORT(NdisCurrentGroupAndProcessor);

NDIS_STATUS NTAPI NdisGetProcessorInformationEx(NDIS_HANDLE NdisHandle,
                                                PNDIS_SYSTEM_PROCESSOR_INFO_EX SystemProcessorInfo,
                                                PSIZE_T Size)
{
    SIZE_T needed =
        sizeof(*SystemProcessorInfo) + NT_MAX_PROCESSORS * sizeof(NDIS_PROCESSOR_INFO_EX);
    PNDIS_PROCESSOR_INFO_EX entry;

    if (!Size || !ndis_handle_is_any(NdisHandle, __func__))
        return NDIS_STATUS_INVALID_PARAMETER;
    if (!SystemProcessorInfo || *Size < needed) {
        *Size = needed;
        return NDIS_STATUS_BUFFER_TOO_SHORT;
    }
    *Size = needed;
    memset(SystemProcessorInfo, 0, needed);
    *SystemProcessorInfo = (NDIS_SYSTEM_PROCESSOR_INFO_EX){
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, NDIS_SYSTEM_PROCESSOR_INFO_EX_REVISION_1,
                   NDIS_SIZEOF_SYSTEM_PROCESSOR_INFO_EX_REVISION_1},
        .ProcessorVendor = NdisProcessorVendorUnknown,
        .NumSockets = 1,
        .NumCores = NT_MAX_PROCESSORS,
        .NumCoresPerSocket = NT_MAX_PROCESSORS,
        .MaxHyperThreadingProcsPerCore = 1,
        .ProcessorInfoOffset = sizeof(*SystemProcessorInfo),
        .NumberOfProcessors = NT_MAX_PROCESSORS,
        .ProcessorInfoEntrySize = sizeof(*entry),
    };
    entry = (PNDIS_PROCESSOR_INFO_EX)(SystemProcessorInfo + 1);
    for (unsigned i = 0; i < NT_MAX_PROCESSORS; i++) {
        entry[i].ProcNum.Number = (UCHAR)i;
        entry[i].CoreId = i;
    }
    return NDIS_STATUS_SUCCESS;
}
NT_EXPORT(NdisGetProcessorInformationEx);

/* Receive side scaling may use the loops. */
NDIS_STATUS NTAPI NdisGetRssProcessorInformation(NDIS_HANDLE NdisHandle,
                                                 PNDIS_RSS_PROCESSOR_INFO RssProcessorInfo,
                                                 PSIZE_T Size)
{
    unsigned count = MAX_OF(nt_loop_count(), 1u);
    SIZE_T needed = sizeof(*RssProcessorInfo) + count * sizeof(NDIS_RSS_PROCESSOR);
    PNDIS_RSS_PROCESSOR entry;

    if (!Size || !ndis_handle_is_any(NdisHandle, __func__))
        return NDIS_STATUS_INVALID_PARAMETER;
    if (!RssProcessorInfo || *Size < needed) {
        *Size = needed;
        return NDIS_STATUS_BUFFER_TOO_SHORT;
    }
    *Size = needed;
    memset(RssProcessorInfo, 0, needed);
    *RssProcessorInfo = (NDIS_RSS_PROCESSOR_INFO){
        .Header = {NDIS_OBJECT_TYPE_RSS_PROCESSOR_INFO, NDIS_RSS_PROCESSOR_INFO_REVISION_2,
                   NDIS_SIZEOF_RSS_PROCESSOR_INFO_REVISION_2},
        .MaxNumRssProcessors = count,
        .RssProcessorArrayOffset = sizeof(*RssProcessorInfo),
        .RssProcessorCount = count,
        .RssProcessorEntrySize = sizeof(*entry),
        .RssMaxProcessor = {.Number = (UCHAR)(count - 1)},
        .RssProfile = NdisRssProfileClosest,
    };
    entry = (PNDIS_RSS_PROCESSOR)(RssProcessorInfo + 1);
    for (unsigned i = 0; i < count; i++) {
        entry[i].ProcNum.Number = (UCHAR)i;
        entry[i].PreferenceIndex = (USHORT)i;
    }
    return NDIS_STATUS_SUCCESS;
}
NT_EXPORT(NdisGetRssProcessorInformation);
