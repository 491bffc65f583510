/* SPDX-License-Identifier: MIT */
/* Numbers and GUIDs as text, random numbers, calendar time, the version of the system. */
#include "nt/export.h"
#include "nt/processor.h"

#include <wdk/ntddk.h>

enum { GUID_CHARS = 38, OS_MAJOR = 10, OS_MINOR = 0, OS_BUILD = 19041, PLATFORM_NT = 2 };

static ULONG digit(WCHAR c)
{
    if (c >= '0' && c <= '9')
        return c - (ULONG)'0';
    c = (WCHAR)(c | 32);
    return c >= 'a' && c <= 'f' ? c - (ULONG)'a' + 10 : 99;
}

struct text {
    const void *at;
    size_t left;
    bool wide;
};

static WCHAR peek(const struct text *t)
{
    if (t->left == 0)
        return 0;
    return t->wide ? *(const WCHAR *)t->at : *(const UCHAR *)t->at;
}

static void skip(struct text *t)
{
    if (t->left) {
        t->at = (const char *)t->at + (t->wide ? 2 : 1);
        t->left--;
    }
}

/* Blanks, sign, 0x / 0o / 0b if the base is open, digits; stops at the first other character. */
static NTSTATUS parse(struct text t, ULONG base, PULONG value)
{
    bool negative;

    if (base != 0 && base != 2 && base != 8 && base != 10 && base != 16)
        return STATUS_INVALID_PARAMETER;
    while (t.left && peek(&t) <= ' ')
        skip(&t);
    negative = peek(&t) == '-';
    if (peek(&t) == '-' || peek(&t) == '+')
        skip(&t);
    if (base == 0) {
        base = 10;
        if (peek(&t) == '0') {
            skip(&t);
            base = peek(&t) == 'x' ? 16 : peek(&t) == 'o' ? 8 : peek(&t) == 'b' ? 2 : 10;
            if (base != 10)
                skip(&t);
        }
    }
    *value = 0;
    for (; t.left && digit(peek(&t)) < base; skip(&t))
        *value = *value * base + digit(peek(&t));
    if (negative)
        *value = 0 - *value;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI RtlUnicodeStringToInteger(PCUNICODE_STRING String, ULONG Base, PULONG Value)
{
    return parse((struct text){String->Buffer, String->Length / 2u, true}, Base, Value);
}
NT_EXPORT(RtlUnicodeStringToInteger);

NTSTATUS NTAPI RtlCharToInteger(PCSZ String, ULONG Base, PULONG Value)
{
    return parse((struct text){String, strlen(String), false}, Base, Value);
}
NT_EXPORT(RtlCharToInteger);

NTSTATUS NTAPI RtlInt64ToUnicodeString(ULONGLONG Value, ULONG Base, PUNICODE_STRING String)
{
    WCHAR digits[65];
    size_t at = ARRAY_LEN(digits);
    USHORT bytes;

    if (Base == 0)
        Base = 10;
    if (Base != 2 && Base != 8 && Base != 10 && Base != 16)
        return STATUS_INVALID_PARAMETER;
    do {
        digits[--at] = (WCHAR) "0123456789ABCDEF"[Value % Base];
        Value /= Base;
    } while (Value != 0);
    bytes = (USHORT)((ARRAY_LEN(digits) - at) * 2);
    if (bytes > String->MaximumLength)
        return STATUS_BUFFER_OVERFLOW;
    memcpy(String->Buffer, digits + at, bytes);
    String->Length = bytes;
    if (bytes + 2u <= String->MaximumLength)
        String->Buffer[bytes / 2] = 0;
    return STATUS_SUCCESS;
}
NT_EXPORT(RtlInt64ToUnicodeString);

NTSTATUS NTAPI RtlIntegerToUnicodeString(ULONG Value, ULONG Base, PUNICODE_STRING String)
{
    return RtlInt64ToUnicodeString(Value, Base, String);
}
NT_EXPORT(RtlIntegerToUnicodeString);

NTSTATUS NTAPI RtlStringFromGUID(REFGUID Guid, PUNICODE_STRING GuidString)
{
    const UCHAR *d = Guid->Data4;
    char text[GUID_CHARS + 1];

    GuidString->Buffer = ExAllocatePoolWithTag(PagedPool, (GUID_CHARS + 1) * 2, 0x64697547);
    if (!GuidString->Buffer)
        return STATUS_NO_MEMORY;
    snprintf(text, sizeof text, "{%08X-%04X-%04X-%02X%02X-%02X%02X%02X%02X%02X%02X}", Guid->Data1,
             Guid->Data2, Guid->Data3, d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]);
    for (unsigned n = 0; n <= GUID_CHARS; n++)
        GuidString->Buffer[n] = (WCHAR)text[n];
    GuidString->Length = GUID_CHARS * 2;
    GuidString->MaximumLength = (GUID_CHARS + 1) * 2;
    return STATUS_SUCCESS;
}
NT_EXPORT(RtlStringFromGUID);

NTSTATUS NTAPI RtlGUIDFromString(PCUNICODE_STRING GuidString, GUID *Guid)
{
    static const char form[] = "{XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX}";
    UCHAR bytes[16] = {0};
    unsigned digits = 0;

    if (GuidString->Length < GUID_CHARS * 2)
        return STATUS_INVALID_PARAMETER;
    for (unsigned n = 0; n < GUID_CHARS; n++) {
        WCHAR c = GuidString->Buffer[n];

        if (form[n] != 'X' ? c != (WCHAR)form[n] : digit(c) > 15)
            return STATUS_INVALID_PARAMETER;
        if (form[n] == 'X') {
            bytes[digits / 2] = (UCHAR)((ULONG)bytes[digits / 2] << 4 | digit(c));
            digits++;
        }
    }
    Guid->Data1 = (ULONG)bytes[0] << 24 | (ULONG)bytes[1] << 16 | (ULONG)bytes[2] << 8 | bytes[3];
    Guid->Data2 = (USHORT)(bytes[4] << 8 | bytes[5]);
    Guid->Data3 = (USHORT)(bytes[6] << 8 | bytes[7]);
    memcpy(Guid->Data4, bytes + 8, 8);
    return STATUS_SUCCESS;
}
NT_EXPORT(RtlGUIDFromString);

/* A Lehmer generator modulo 2^31 - 1; the page promises values below that, from a seed that is
 * updated. */
ULONG NTAPI RtlRandomEx(PULONG Seed)
{
    uint64_t x = *Seed % MAXLONG;

    *Seed = (ULONG)((x ? x : 1) * 48271 % MAXLONG);
    return *Seed;
}
NT_EXPORT(RtlRandomEx);

ULONG NTAPI RtlRandom(PULONG Seed)
{
    return RtlRandomEx(Seed);
}
NT_EXPORT(RtlRandom);

static const uint64_t day_100ns = 864000000000u;
enum { DAYS_400 = 146097, FIRST_YEAR = 1601 };

static bool leap(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned month_days(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && leap(year) ? 1u : 0u);
}

/* 1 January 1601 was a Monday. */
VOID NTAPI RtlTimeToTimeFields(PLARGE_INTEGER Time, PTIME_FIELDS TimeFields)
{
    uint64_t t = (uint64_t)Time->QuadPart & MAXLONGLONG, days = t / day_100ns,
             in_day = t % day_100ns;
    unsigned year = (unsigned)(FIRST_YEAR + days / DAYS_400 * 400), month = 1;

    TimeFields->Weekday = (CSHORT)((days + 1) % 7);
    days %= DAYS_400;
    for (; days >= (leap(year) ? 366u : 365u); year++)
        days -= leap(year) ? 366u : 365u;
    for (; days >= month_days(year, month); month++)
        days -= month_days(year, month);
    TimeFields->Year = (CSHORT)year;
    TimeFields->Month = (CSHORT)month;
    TimeFields->Day = (CSHORT)(days + 1);
    TimeFields->Milliseconds = (CSHORT)(in_day / 10000 % 1000);
    TimeFields->Second = (CSHORT)(in_day / 10000000 % 60);
    TimeFields->Minute = (CSHORT)(in_day / 600000000 % 60);
    TimeFields->Hour = (CSHORT)(in_day / 36000000000u);
}
NT_EXPORT(RtlTimeToTimeFields);

BOOLEAN NTAPI RtlTimeFieldsToTime(PTIME_FIELDS TimeFields, PLARGE_INTEGER Time)
{
    const TIME_FIELDS *f = TimeFields;
    uint64_t days, y;

    if (f->Year < FIRST_YEAR || f->Year > 30827 || f->Month < 1 || f->Month > 12 || f->Day < 1 ||
        (unsigned)f->Day > month_days((unsigned)f->Year, (unsigned)f->Month) ||
        (unsigned)f->Hour > 23 || (unsigned)f->Minute > 59 || (unsigned)f->Second > 59 ||
        (unsigned)f->Milliseconds > 999)
        return FALSE;
    y = (uint64_t)(f->Year - FIRST_YEAR);
    days = y * 365 + y / 4 - y / 100 + y / 400 + (uint64_t)f->Day - 1;
    for (unsigned m = 1; m < (unsigned)f->Month; m++)
        days += month_days((unsigned)f->Year, m);
    Time->QuadPart = (LONGLONG)(days * day_100ns + (uint64_t)f->Hour * 36000000000u +
                                (uint64_t)f->Minute * 600000000u + (uint64_t)f->Second * 10000000u +
                                (uint64_t)f->Milliseconds * 10000u);
    return TRUE;
}
NT_EXPORT(RtlTimeFieldsToTime);

NTSTATUS NTAPI RtlGetVersion(PRTL_OSVERSIONINFOW VersionInformation)
{
    PRTL_OSVERSIONINFOW v = VersionInformation;

    v->dwMajorVersion = OS_MAJOR;
    v->dwMinorVersion = OS_MINOR;
    v->dwBuildNumber = OS_BUILD;
    v->dwPlatformId = PLATFORM_NT;
    memset(v->szCSDVersion, 0, sizeof v->szCSDVersion);
    if (v->dwOSVersionInfoSize >= sizeof(RTL_OSVERSIONINFOEXW)) {
        PRTL_OSVERSIONINFOEXW e = (PRTL_OSVERSIONINFOEXW)v;

        e->wServicePackMajor = e->wServicePackMinor = 0;
        e->wSuiteMask = 0x0110; /* VER_SUITE_TERMINAL, VER_SUITE_SINGLEUSERTS */
        e->wProductType = 1;    /* VER_NT_WORKSTATION */
        e->wReserved = 0;
    }
    return STATUS_SUCCESS;
}
NT_EXPORT(RtlGetVersion);

/* NTDDI versions are 0xMMmmSSss; this system is the first of Windows 10 that has our build. */
BOOLEAN NTAPI RtlIsNtDdiVersionAvailable(ULONG Version)
{
    return Version <= 0x0A000008;
}
NT_EXPORT(RtlIsNtDdiVersionAvailable);
