/* SPDX-License-Identifier: MIT */
/* DbgPrint into our log, and the printf family that images import. */
#include "base/base.h"
#include "nt/export.h"
#include "nt/format.h"
#include "nt/ledger.h"

#include <wdk/ntddk.h>

enum { LINE_MAX_BYTES = 512 }; /* what DbgPrint sends at most, as its page says */

/* One call is often part of a line: what it prints is logged as it comes, without its line break.
 */
static ULONG debug_print(PCSTR format, __builtin_ms_va_list ap)
{
    char line[LINE_MAX_BYTES + 1];
    size_t n = nt_format((struct nt_format){line, LINE_MAX_BYTES, false}, format, ap);

    n = MIN_OF(n, (size_t)LINE_MAX_BYTES);
    while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
        n--;
    line[n] = '\0';
    if (n)
        log_info("%s: %s", nt_owner_name(nt_owner_current()), line);
    return STATUS_SUCCESS;
}

ULONG NTAPI DbgPrint(PCSTR Format, ...)
{
    __builtin_ms_va_list ap;
    ULONG status;

    __builtin_ms_va_start(ap, Format);
    status = debug_print(Format, ap);
    __builtin_ms_va_end(ap);
    return status;
}
NT_EXPORT(DbgPrint);

ULONG NTAPI DbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, ...)
{
    __builtin_ms_va_list ap;
    ULONG status;

    (void)ComponentId, (void)Level;
    __builtin_ms_va_start(ap, Format);
    status = debug_print(Format, ap);
    __builtin_ms_va_end(ap);
    return status;
}
NT_EXPORT(DbgPrintEx);

static ULONG NTAPI nt_vdbgprint(ULONG component, ULONG level, PCSTR format, __builtin_ms_va_list ap)
{
    (void)component, (void)level;
    return debug_print(format, ap);
}
NT_EXPORT_AS(vDbgPrintEx, nt_vdbgprint);

/* -1 when it does not fit; without a terminator when it fits exactly. */
static int print_n(struct nt_format to, const void *format, __builtin_ms_va_list ap)
{
    size_t n = nt_format(to, format, ap);

    if (n < to.room && to.wide)
        ((WCHAR *)to.out)[n] = 0;
    else if (n < to.room)
        ((char *)to.out)[n] = 0;
    return n <= to.room ? (int)MIN_OF(n, (size_t)MAXLONG) : -1;
}

/* The _s functions: empty, and -1, when it does not fit with its terminator. */
static int print_s(struct nt_format to, const void *format, __builtin_ms_va_list ap)
{
    int n = to.out && to.room ? print_n(to, format, ap) : -1;

    if (n >= 0 && (size_t)n < to.room)
        return n;
    if (to.out && to.room && to.wide)
        ((WCHAR *)to.out)[0] = 0;
    else if (to.out && to.room)
        ((char *)to.out)[0] = 0;
    return -1;
}

/* A name with ... and one with a va_list, both ending in `how`. */
#define PRINT_PAIR(NAME, VNAME, CHAR_T, WIDE, HOW)                                                 \
    static int NTAPI nt_##VNAME(CHAR_T *out, size_t room, const CHAR_T *format,                    \
                                __builtin_ms_va_list ap)                                           \
    {                                                                                              \
        return HOW((struct nt_format){out, room, WIDE}, format, ap);                               \
    }                                                                                              \
    NT_EXPORT_AS(VNAME, nt_##VNAME);                                                               \
    static int NTAPI nt_##NAME(CHAR_T *out, size_t room, const CHAR_T *format, ...)                \
    {                                                                                              \
        __builtin_ms_va_list ap;                                                                   \
        int n;                                                                                     \
                                                                                                   \
        __builtin_ms_va_start(ap, format);                                                         \
        n = HOW((struct nt_format){out, room, WIDE}, format, ap);                                  \
        __builtin_ms_va_end(ap);                                                                   \
        return n;                                                                                  \
    }                                                                                              \
    NT_EXPORT_AS(NAME, nt_##NAME)

PRINT_PAIR(_snprintf, _vsnprintf, char, false, print_n);
PRINT_PAIR(_snwprintf, _vsnwprintf, WCHAR, true, print_n);
PRINT_PAIR(sprintf_s, vsprintf_s, char, false, print_s);
PRINT_PAIR(swprintf_s, vswprintf_s, WCHAR, true, print_s);

static int NTAPI nt_vsprintf(char *out, const char *format, __builtin_ms_va_list ap)
{
    return print_n((struct nt_format){out, MAXLONG, false}, format, ap);
}
NT_EXPORT_AS(vsprintf, nt_vsprintf);

static int NTAPI nt_sprintf(char *out, const char *format, ...)
{
    __builtin_ms_va_list ap;
    int n;

    __builtin_ms_va_start(ap, format);
    n = nt_vsprintf(out, format, ap);
    __builtin_ms_va_end(ap);
    return n;
}
NT_EXPORT_AS(sprintf, nt_sprintf);

static int NTAPI nt_swprintf(WCHAR *out, const WCHAR *format, ...)
{
    __builtin_ms_va_list ap;
    int n;

    __builtin_ms_va_start(ap, format);
    n = print_n((struct nt_format){out, MAXLONG, true}, format, ap);
    __builtin_ms_va_end(ap);
    return n;
}
NT_EXPORT_AS(swprintf, nt_swprintf);
NT_EXPORT_AS(_swprintf, nt_swprintf);
