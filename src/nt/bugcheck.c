/* SPDX-License-Identifier: MIT */
/* The ways in which a driver stops the system: bug checks, assertions, breakpoints; and what
 * unwinding asks of the loader. */
#include "nt/export.h"
#include "nt/finding.h"
#include "nt/image.h"
#include "nt/ledger.h"
#include "nt/processor.h"

#include <wdk/ntddk.h>

VOID NTAPI KeBugCheckEx(ULONG BugCheckCode, ULONG_PTR Parameter1, ULONG_PTR Parameter2,
                        ULONG_PTR Parameter3, ULONG_PTR Parameter4)
{
    char line[192];

    snprintf(line, sizeof line, "%s: bug check 0x%08X (0x%llx, 0x%llx, 0x%llx, 0x%llx)",
             nt_owner_name(nt_owner_current()), BugCheckCode, Parameter1, Parameter2, Parameter3,
             Parameter4);
    finding_report("NT-BUGCHECK", "%s", line);
    nt_fault_give_up(line);
}
NT_EXPORT(KeBugCheckEx);

VOID NTAPI KeBugCheck(ULONG BugCheckCode)
{
    KeBugCheckEx(BugCheckCode, 0, 0, 0, 0);
}
NT_EXPORT(KeBugCheck);

/* Registered and never called: after a bug check the process ends, and a crash dump, for which
 * these routines are, is not written. */
BOOLEAN NTAPI KeRegisterBugCheckCallback(PKBUGCHECK_CALLBACK_RECORD Record,
                                         PKBUGCHECK_CALLBACK_ROUTINE Routine, PVOID Buffer,
                                         ULONG Length, PUCHAR Component)
{
    (void)Routine, (void)Buffer, (void)Length, (void)Component;
    if (Record->State)
        return FALSE;
    Record->State = 1;
    nt_ledger_add(NT_RES_REGISTRATION, Record, 0, 0);
    return TRUE;
}
NT_EXPORT(KeRegisterBugCheckCallback);

BOOLEAN NTAPI KeDeregisterBugCheckCallback(PKBUGCHECK_CALLBACK_RECORD Record)
{
    if (!nt_ledger_take(NT_RES_REGISTRATION, Record, NULL))
        return FALSE;
    Record->State = 0;
    return TRUE;
}
NT_EXPORT(KeDeregisterBugCheckCallback);

BOOLEAN NTAPI KeRegisterBugCheckReasonCallback(PKBUGCHECK_REASON_CALLBACK_RECORD Record,
                                               PKBUGCHECK_REASON_CALLBACK_ROUTINE Routine,
                                               KBUGCHECK_CALLBACK_REASON Reason, PUCHAR Component)
{
    (void)Routine, (void)Reason, (void)Component;
    if (Record->State)
        return FALSE;
    Record->State = 1;
    nt_ledger_add(NT_RES_REGISTRATION, Record, 0, 0);
    return TRUE;
}
NT_EXPORT(KeRegisterBugCheckReasonCallback);

BOOLEAN NTAPI KeDeregisterBugCheckReasonCallback(PKBUGCHECK_REASON_CALLBACK_RECORD Record)
{
    if (!nt_ledger_take(NT_RES_REGISTRATION, Record, NULL))
        return FALSE;
    Record->State = 0;
    return TRUE;
}
NT_EXPORT(KeDeregisterBugCheckReasonCallback);

/* As if a debugger ignored it: the driver goes on. */
VOID NTAPI RtlAssert(PVOID FailedAssertion, PVOID FileName, ULONG LineNumber, PSTR Message)
{
    finding_report("NT-ASSERT", "%s:%u: assertion failed: %s%s%s", (const char *)FileName,
                   LineNumber, (const char *)FailedAssertion, Message ? ": " : "",
                   Message ? Message : "");
}
NT_EXPORT(RtlAssert);

VOID NTAPI DbgBreakPoint(VOID)
{
    finding_report("NT-BREAKPOINT", "breakpoint (DbgBreakPoint)");
}
NT_EXPORT(DbgBreakPoint);
NT_EXPORT_AS(DbgBreakPointWithStatus, DbgBreakPoint);

/* Structured exceptions are not dispatched: a fault ends the driver before any handler is looked
 * for. Images import the name for their exception tables. */
LONG NTAPI __C_specific_handler(struct _EXCEPTION_RECORD *ExceptionRecord, PVOID EstablisherFrame,
                                struct _CONTEXT *ContextRecord,
                                struct _DISPATCHER_CONTEXT *DispatcherContext)
{
    enum { EXCEPTION_CONTINUE_SEARCH = 1 };

    (void)ExceptionRecord, (void)EstablisherFrame, (void)ContextRecord, (void)DispatcherContext;
    return EXCEPTION_CONTINUE_SEARCH;
}
NT_EXPORT(__C_specific_handler);

/* The other personality routine, of functions with stack cookies. */
NT_EXPORT_AS(__GSHandlerCheck, __C_specific_handler);
NT_EXPORT_AS(__GSHandlerCheck_SEH, __C_specific_handler);

/* NULL for code of no image, or a function without an entry: a leaf. */
static PVOID NTAPI nt_lookup_function_entry(ULONG64 pc, PULONG64 base, PVOID history)
{
    const struct nt_image *i = nt_image_at(pc);

    (void)history;
    *base = i ? nt_image_base(i) : 0;
    return i ? (PVOID)(uintptr_t)nt_image_function(i, (uint32_t)(pc - *base)) : NULL;
}
NT_EXPORT_AS(RtlLookupFunctionEntry, nt_lookup_function_entry);

static PVOID NTAPI nt_pc_to_file_header(PVOID pc, PVOID *base)
{
    const struct nt_image *i = nt_image_at((uintptr_t)pc);

    *base = i ? (PVOID)nt_image_base(i) : NULL;
    return *base;
}
NT_EXPORT_AS(RtlPcToFileHeader, nt_pc_to_file_header);
