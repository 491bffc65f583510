/* SPDX-License-Identifier: MIT */
/* The C library's wide functions that images import from ntoskrnl: 16-bit characters, which the C
 * library here has not. */
#include "nt/export.h"
#include "nt/utf.h"

#include <wdk/ntddk.h>

typedef int errno_value;
enum { E_INVALID = 22, E_RANGE = 34 };

static size_t NTAPI nt_wcslen(PCWSTR s)
{
    size_t n = 0;

    while (s[n])
        n++;
    return n;
}
NT_EXPORT_AS(wcslen, nt_wcslen);

static size_t NTAPI nt_wcsnlen(PCWSTR s, size_t max)
{
    size_t n = 0;

    while (n < max && s[n])
        n++;
    return n;
}
NT_EXPORT_AS(wcsnlen, nt_wcsnlen);

static int NTAPI nt_wcsncmp(PCWSTR a, PCWSTR b, size_t max)
{
    for (size_t n = 0; n < max; n++)
        if (a[n] != b[n] || !a[n])
            return a[n] < b[n] ? -1 : a[n] > b[n];
    return 0;
}
NT_EXPORT_AS(wcsncmp, nt_wcsncmp);

static int NTAPI nt_wcscmp(PCWSTR a, PCWSTR b)
{
    return nt_wcsncmp(a, b, SIZE_MAX);
}
NT_EXPORT_AS(wcscmp, nt_wcscmp);

static int NTAPI nt_wcsnicmp(PCWSTR a, PCWSTR b, size_t max)
{
    for (size_t n = 0; n < max; n++) {
        uint16_t c = utf16_downcase(a[n]), d = utf16_downcase(b[n]);

        if (c != d || !c)
            return c < d ? -1 : c > d;
    }
    return 0;
}
NT_EXPORT_AS(_wcsnicmp, nt_wcsnicmp);

static int NTAPI nt_wcsicmp(PCWSTR a, PCWSTR b)
{
    return nt_wcsnicmp(a, b, SIZE_MAX);
}
NT_EXPORT_AS(_wcsicmp, nt_wcsicmp);

static PWSTR NTAPI nt_wcscpy(PWSTR to, PCWSTR from)
{
    return memcpy(to, from, (nt_wcslen(from) + 1) * sizeof(WCHAR));
}
NT_EXPORT_AS(wcscpy, nt_wcscpy);

static PWSTR NTAPI nt_wcsncpy(PWSTR to, PCWSTR from, size_t max)
{
    size_t n = nt_wcsnlen(from, max);

    memcpy(to, from, n * sizeof(WCHAR));
    memset(to + n, 0, (max - n) * sizeof(WCHAR));
    return to;
}
NT_EXPORT_AS(wcsncpy, nt_wcsncpy);

static PWSTR NTAPI nt_wcscat(PWSTR to, PCWSTR from)
{
    nt_wcscpy(to + nt_wcslen(to), from);
    return to;
}
NT_EXPORT_AS(wcscat, nt_wcscat);

static PWSTR NTAPI nt_wcsncat(PWSTR to, PCWSTR from, size_t max)
{
    PWSTR end = to + nt_wcslen(to);
    size_t n = nt_wcsnlen(from, max);

    memcpy(end, from, n * sizeof(WCHAR));
    end[n] = 0;
    return to;
}
NT_EXPORT_AS(wcsncat, nt_wcsncat);

static PWSTR NTAPI nt_wcschr(PCWSTR in, WCHAR c)
{
    for (;; in++) {
        if (*in == c)
            return (PWSTR)(uintptr_t)in;
        if (!*in)
            return NULL;
    }
}
NT_EXPORT_AS(wcschr, nt_wcschr);

static PWSTR NTAPI nt_wcsrchr(PCWSTR in, WCHAR c)
{
    PWSTR found = NULL;

    do {
        if (*in == c)
            found = (PWSTR)(uintptr_t)in;
    } while (*in++);
    return found;
}
NT_EXPORT_AS(wcsrchr, nt_wcsrchr);

static PWSTR NTAPI nt_wcsstr(PCWSTR in, PCWSTR what)
{
    size_t n = nt_wcslen(what);

    for (;; in++) {
        if (nt_wcsncmp(in, what, n) == 0)
            return (PWSTR)(uintptr_t)in;
        if (!*in)
            return NULL;
    }
}
NT_EXPORT_AS(wcsstr, nt_wcsstr);

static errno_value NTAPI nt_wcscpy_s(PWSTR to, size_t room, PCWSTR from)
{
    if (!to || room == 0)
        return E_INVALID;
    if (!from || nt_wcsnlen(from, room) == room) {
        to[0] = 0;
        return from ? E_RANGE : E_INVALID;
    }
    nt_wcscpy(to, from);
    return 0;
}
NT_EXPORT_AS(wcscpy_s, nt_wcscpy_s);

static errno_value NTAPI nt_wcscat_s(PWSTR to, size_t room, PCWSTR from)
{
    size_t have;
    errno_value err;

    if (!to || room == 0)
        return E_INVALID;
    have = nt_wcsnlen(to, room);
    if (have == room) {
        to[0] = 0;
        return E_INVALID;
    }
    err = nt_wcscpy_s(to + have, room - have, from);
    if (err)
        to[0] = 0;
    return err;
}
NT_EXPORT_AS(wcscat_s, nt_wcscat_s);

static WCHAR NTAPI nt_towupper(WCHAR c)
{
    return utf16_upcase(c);
}
NT_EXPORT_AS(towupper, nt_towupper);

static WCHAR NTAPI nt_towlower(WCHAR c)
{
    return utf16_downcase(c);
}
NT_EXPORT_AS(towlower, nt_towlower);

static int digit(WCHAR c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (WCHAR)(c | 32);
    return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

static ULONG NTAPI nt_wcstoul(PCWSTR s, PWSTR *end, int base)
{
    PCWSTR at = s, digits;
    uint64_t value = 0;
    bool negative;

    while (*at == ' ' || (*at >= 9 && *at <= 13))
        at++;
    negative = *at == '-';
    at += *at == '-' || *at == '+';
    if ((base == 0 || base == 16) && at[0] == '0' && (at[1] | 32) == 'x' && digit(at[2]) < 16) {
        at += 2;
        base = 16;
    } else if (base == 0) {
        base = *at == '0' ? 8 : 10;
    }
    for (digits = at; digit(*at) < base; at++)
        value = value > MAXULONG ? value : value * (unsigned)base + (unsigned)digit(*at);
    if (end)
        *end = (PWSTR)(uintptr_t)(at == digits ? s : at);
    if (value > MAXULONG)
        return MAXULONG;
    return negative ? (ULONG)0 - (ULONG)value : (ULONG)value;
}
NT_EXPORT_AS(wcstoul, nt_wcstoul);

static int NTAPI nt_wtoi(PCWSTR s)
{
    return (int)nt_wcstoul(s, NULL, 10);
}
NT_EXPORT_AS(_wtoi, nt_wtoi);
NT_EXPORT_AS(_wtol, nt_wtoi);
