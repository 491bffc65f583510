/* SPDX-License-Identifier: MIT */
/* Clocks; processors and affinity; critical regions. */
#include "nt/export.h"
#include "nt/finding.h"
#include "nt/processor.h"
#include "nt/ps.h"

#include <wdk/ntddk.h>

/* 100 ns units, as the performance counter of a Windows machine with an invariant TSC; a clock tick
 * is 1/64 s. */
enum { COUNTER_HZ = 10000000, TICK_100NS = 156250 };
enum { NS_PER_UNIT = 100 };

LARGE_INTEGER NTAPI KeQueryPerformanceCounter(PLARGE_INTEGER PerformanceFrequency)
{
    if (PerformanceFrequency)
        PerformanceFrequency->QuadPart = COUNTER_HZ;
    return (LARGE_INTEGER){.QuadPart = (LONGLONG)(nt_now_ns() / NS_PER_UNIT)};
}
NT_EXPORT(KeQueryPerformanceCounter);

/* Nothing watches DPCs here: a machine on which a thread waits for a processor would bite the wrong
 * one. */
NTSTATUS NTAPI KeQueryDpcWatchdogInformation(PKDPC_WATCHDOG_INFORMATION WatchdogInformation)
{
    if (nt_thread_self()->irql < DISPATCH_LEVEL)
        return STATUS_UNSUCCESSFUL;
    *WatchdogInformation = (KDPC_WATCHDOG_INFORMATION){0};
    return STATUS_SUCCESS;
}
NT_EXPORT(KeQueryDpcWatchdogInformation);

ULONG NTAPI KeQueryTimeIncrement(VOID)
{
    return TICK_100NS;
}
NT_EXPORT(KeQueryTimeIncrement);

ULONGLONG NTAPI KeQueryInterruptTime(VOID)
{
    return nt_now_ns() / NS_PER_UNIT;
}
NT_EXPORT(KeQueryInterruptTime);

ULONGLONG NTAPI KeQueryUnbiasedInterruptTime(VOID)
{
    return nt_now_ns() / NS_PER_UNIT;
}
NT_EXPORT(KeQueryUnbiasedInterruptTime);

ULONG64 NTAPI KeQueryInterruptTimePrecise(PULONG64 QpcTimeStamp)
{
    ULONG64 now = nt_now_ns() / NS_PER_UNIT;

    if (QpcTimeStamp)
        *QpcTimeStamp = now;
    return now;
}
NT_EXPORT(KeQueryInterruptTimePrecise);

VOID NTAPI KeQuerySystemTime(PLARGE_INTEGER CurrentTime)
{
    CurrentTime->QuadPart = (LONGLONG)nt_system_time();
}
NT_EXPORT(KeQuerySystemTime);

VOID NTAPI KeQuerySystemTimePrecise(PLARGE_INTEGER CurrentTime)
{
    CurrentTime->QuadPart = (LONGLONG)nt_system_time();
}
NT_EXPORT(KeQuerySystemTimePrecise);

VOID NTAPI KeQueryTickCount(PLARGE_INTEGER CurrentCount)
{
    CurrentCount->QuadPart = (LONGLONG)(nt_now_ns() / NS_PER_UNIT / TICK_100NS);
}
NT_EXPORT(KeQueryTickCount);

VOID NTAPI KeStallExecutionProcessor(ULONG MicroSeconds)
{
    uint64_t end = nt_now_ns() + (uint64_t)MicroSeconds * 1000;

    while (nt_now_ns() < end)
        __builtin_ia32_pause();
}
NT_EXPORT(KeStallExecutionProcessor);

ULONG NTAPI ExSetTimerResolution(ULONG DesiredTime, BOOLEAN SetResolution)
{
    (void)DesiredTime;
    (void)SetResolution;
    return TICK_100NS;
}
NT_EXPORT(ExSetTimerResolution);

/* The machine keeps UTC: local time is system time. */
VOID NTAPI ExSystemTimeToLocalTime(PLARGE_INTEGER SystemTime, PLARGE_INTEGER LocalTime)
{
    *LocalTime = *SystemTime;
}
NT_EXPORT(ExSystemTimeToLocalTime);

VOID NTAPI ExLocalTimeToSystemTime(PLARGE_INTEGER LocalTime, PLARGE_INTEGER SystemTime)
{
    *SystemTime = *LocalTime;
}
NT_EXPORT(ExLocalTimeToSystemTime);

/* One group, one node, NT_MAX_PROCESSORS processors, all active. */
static const KAFFINITY all_processors = ~(KAFFINITY)0;
_Static_assert(NT_MAX_PROCESSORS == 64, "the affinity mask");

ULONG NTAPI KeQueryActiveProcessorCount(PKAFFINITY ActiveProcessors)
{
    if (ActiveProcessors)
        *ActiveProcessors = all_processors;
    return NT_MAX_PROCESSORS;
}
NT_EXPORT(KeQueryActiveProcessorCount);

ULONG NTAPI KeQueryActiveProcessorCountEx(USHORT GroupNumber)
{
    return GroupNumber == 0 || GroupNumber == ALL_PROCESSOR_GROUPS ? NT_MAX_PROCESSORS : 0;
}
NT_EXPORT(KeQueryActiveProcessorCountEx);

ULONG NTAPI KeQueryMaximumProcessorCount(VOID)
{
    return NT_MAX_PROCESSORS;
}
NT_EXPORT(KeQueryMaximumProcessorCount);

ULONG NTAPI KeQueryMaximumProcessorCountEx(USHORT GroupNumber)
{
    return KeQueryActiveProcessorCountEx(GroupNumber);
}
NT_EXPORT(KeQueryMaximumProcessorCountEx);

KAFFINITY NTAPI KeQueryActiveProcessors(VOID)
{
    return all_processors;
}
NT_EXPORT(KeQueryActiveProcessors);

USHORT NTAPI KeQueryActiveGroupCount(VOID)
{
    return 1;
}
NT_EXPORT(KeQueryActiveGroupCount);

USHORT NTAPI KeQueryMaximumGroupCount(VOID)
{
    return 1;
}
NT_EXPORT(KeQueryMaximumGroupCount);

KAFFINITY NTAPI KeQueryGroupAffinity(USHORT GroupNumber)
{
    return GroupNumber == 0 ? all_processors : 0;
}
NT_EXPORT(KeQueryGroupAffinity);

USHORT NTAPI KeQueryHighestNodeNumber(VOID)
{
    return 0;
}
NT_EXPORT(KeQueryHighestNodeNumber);

USHORT NTAPI KeGetCurrentNodeNumber(VOID)
{
    return 0;
}
NT_EXPORT(KeGetCurrentNodeNumber);

VOID NTAPI KeQueryNodeActiveAffinity(USHORT NodeNumber, PGROUP_AFFINITY Affinity, PUSHORT Count)
{
    bool there = NodeNumber == 0;

    if (Affinity)
        *Affinity = (GROUP_AFFINITY){.Mask = there ? all_processors : 0};
    if (Count)
        *Count = there ? NT_MAX_PROCESSORS : 0;
}
NT_EXPORT(KeQueryNodeActiveAffinity);

NTSTATUS NTAPI KeGetProcessorNumberFromIndex(ULONG ProcIndex, PPROCESSOR_NUMBER ProcNumber)
{
    if (ProcIndex >= NT_MAX_PROCESSORS)
        return STATUS_INVALID_PARAMETER;
    *ProcNumber = (PROCESSOR_NUMBER){.Number = (UCHAR)ProcIndex};
    return STATUS_SUCCESS;
}
NT_EXPORT(KeGetProcessorNumberFromIndex);

ULONG NTAPI KeGetProcessorIndexFromNumber(PPROCESSOR_NUMBER ProcNumber)
{
    bool valid = ProcNumber->Group == 0 && ProcNumber->Number < NT_MAX_PROCESSORS;

    return valid ? ProcNumber->Number : MAXULONG; /* INVALID_PROCESSOR_INDEX */
}
NT_EXPORT(KeGetProcessorIndexFromNumber);

ULONG NTAPI KeGetCurrentProcessorNumberEx(PPROCESSOR_NUMBER ProcNumber)
{
    uint8_t cpu = nt_thread_self()->cpu;

    if (ProcNumber)
        *ProcNumber = (PROCESSOR_NUMBER){.Number = cpu};
    return cpu;
}
NT_EXPORT(KeGetCurrentProcessorNumberEx);

ULONG NTAPI KeGetCurrentProcessorNumber(VOID)
{
    return nt_thread_self()->cpu;
}
NT_EXPORT(KeGetCurrentProcessorNumber);

/* Affinity is remembered and given back, but a thread keeps its processor: two on one number would
 * break what holds at DISPATCH_LEVEL. */
static KAFFINITY swap_affinity(KAFFINITY mask)
{
    struct nt_kthread *k = nt_thread_self()->kthread;
    KAFFINITY before = k->affinity;

    k->affinity = mask;
    return before;
}

VOID NTAPI KeSetSystemAffinityThread(KAFFINITY Affinity)
{
    swap_affinity(Affinity);
}
NT_EXPORT(KeSetSystemAffinityThread);

KAFFINITY NTAPI KeSetSystemAffinityThreadEx(KAFFINITY Affinity)
{
    return swap_affinity(Affinity);
}
NT_EXPORT(KeSetSystemAffinityThreadEx);

VOID NTAPI KeRevertToUserAffinityThread(VOID)
{
    swap_affinity(0);
}
NT_EXPORT(KeRevertToUserAffinityThread);

VOID NTAPI KeRevertToUserAffinityThreadEx(KAFFINITY Affinity)
{
    swap_affinity(Affinity);
}
NT_EXPORT(KeRevertToUserAffinityThreadEx);

VOID NTAPI KeSetSystemGroupAffinityThread(PGROUP_AFFINITY Affinity,
                                          PGROUP_AFFINITY PreviousAffinity)
{
    KAFFINITY before = swap_affinity(Affinity->Mask);

    if (PreviousAffinity)
        *PreviousAffinity = (GROUP_AFFINITY){.Mask = before};
}
NT_EXPORT(KeSetSystemGroupAffinityThread);

VOID NTAPI KeRevertToUserGroupAffinityThread(PGROUP_AFFINITY PreviousAffinity)
{
    swap_affinity(PreviousAffinity->Mask);
}
NT_EXPORT(KeRevertToUserGroupAffinityThread);

/* There are no APCs to keep out: regions are counted so that an unbalanced one shows. */
static void region_enter(void)
{
    struct nt_kthread *k = nt_thread_self()->kthread;

    k->regions++;
}

static void region_leave(const char *what)
{
    struct nt_kthread *k = nt_thread_self()->kthread;

    if (k->regions == 0)
        finding_report("NT-REGION", "%s without having entered", what);
    else
        k->regions--;
}

VOID NTAPI KeEnterCriticalRegion(VOID)
{
    region_enter();
}
NT_EXPORT(KeEnterCriticalRegion);

VOID NTAPI KeLeaveCriticalRegion(VOID)
{
    region_leave(__func__);
}
NT_EXPORT(KeLeaveCriticalRegion);

VOID NTAPI KeEnterGuardedRegion(VOID)
{
    region_enter();
}
NT_EXPORT(KeEnterGuardedRegion);

VOID NTAPI KeLeaveGuardedRegion(VOID)
{
    region_leave(__func__);
}
NT_EXPORT(KeLeaveGuardedRegion);

BOOLEAN NTAPI KeAreApcsDisabled(VOID)
{
    const struct nt_thread *t = nt_thread_self();
    const struct nt_kthread *k = t->kthread;

    return t->irql >= APC_LEVEL || k->regions != 0;
}
NT_EXPORT(KeAreApcsDisabled);
