/* SPDX-License-Identifier: MIT */
/* The C library functions that images import from ntoskrnl, in the Windows calling convention;
 * linked drivers have the C library's own. */
#include "nt/export.h"
#include "nt/utf.h"

#include <wdk/ntddk.h>

#include <ctype.h>
#include <strings.h>

typedef int errno_value; /* Microsoft's errno_t; values are those of its <errno.h> */
enum { E_INVALID = 22, E_RANGE = 34 };

SIZE_T NTAPI RtlCompareMemory(const VOID *Source1, const VOID *Source2, SIZE_T Length)
{
    const UCHAR *a = Source1, *b = Source2;
    SIZE_T n = 0;

    while (n < Length && a[n] == b[n])
        n++;
    return n;
}
NT_EXPORT(RtlCompareMemory);

static void *NTAPI nt_memcpy(void *to, const void *from, size_t bytes)
{
    return memcpy(to, from, bytes);
}
NT_EXPORT_AS(memcpy, nt_memcpy);

static void *NTAPI nt_memmove(void *to, const void *from, size_t bytes)
{
    return memmove(to, from, bytes);
}
NT_EXPORT_AS(memmove, nt_memmove);
NT_EXPORT_AS(RtlMoveMemory, nt_memmove);
NT_EXPORT_AS(RtlCopyMemory, nt_memcpy);
NT_EXPORT_AS(RtlCopyMemoryNonTemporal, nt_memcpy);

static void *NTAPI nt_memset(void *to, int value, size_t bytes)
{
    return memset(to, value, bytes);
}
NT_EXPORT_AS(memset, nt_memset);

static void NTAPI nt_zero(void *to, size_t bytes)
{
    memset(to, 0, bytes);
}
NT_EXPORT_AS(RtlZeroMemory, nt_zero);

static void NTAPI nt_fill(void *to, size_t bytes, UCHAR value)
{
    memset(to, value, bytes);
}
NT_EXPORT_AS(RtlFillMemory, nt_fill);

static int NTAPI nt_memcmp(const void *a, const void *b, size_t bytes)
{
    return memcmp(a, b, bytes);
}
NT_EXPORT_AS(memcmp, nt_memcmp);

static void *NTAPI nt_memchr(const void *in, int value, size_t bytes)
{
    return memchr(in, value, bytes);
}
NT_EXPORT_AS(memchr, nt_memchr);

static errno_value NTAPI nt_memcpy_s(void *to, size_t room, const void *from, size_t bytes)
{
    if (bytes == 0)
        return 0;
    if (!to || !from || bytes > room) {
        if (to)
            memset(to, 0, room);
        return bytes > room && to && from ? E_RANGE : E_INVALID;
    }
    memmove(to, from, bytes);
    return 0;
}
NT_EXPORT_AS(memcpy_s, nt_memcpy_s);
NT_EXPORT_AS(memmove_s, nt_memcpy_s);

static size_t NTAPI nt_strlen(const char *s)
{
    return strlen(s);
}
NT_EXPORT_AS(strlen, nt_strlen);

static size_t NTAPI nt_strnlen(const char *s, size_t max)
{
    return strnlen(s, max);
}
NT_EXPORT_AS(strnlen, nt_strnlen);

static int NTAPI nt_strcmp(const char *a, const char *b)
{
    return strcmp(a, b);
}
NT_EXPORT_AS(strcmp, nt_strcmp);

static int NTAPI nt_strncmp(const char *a, const char *b, size_t max)
{
    return strncmp(a, b, max);
}
NT_EXPORT_AS(strncmp, nt_strncmp);

static int NTAPI nt_stricmp(const char *a, const char *b)
{
    return strcasecmp(a, b);
}
NT_EXPORT_AS(_stricmp, nt_stricmp);

static int NTAPI nt_strnicmp(const char *a, const char *b, size_t max)
{
    return strncasecmp(a, b, max);
}
NT_EXPORT_AS(_strnicmp, nt_strnicmp);

static char *NTAPI nt_strcpy(char *to, const char *from)
{
    return strcpy(to, from);
}
NT_EXPORT_AS(strcpy, nt_strcpy);

static char *NTAPI nt_strncpy(char *to, const char *from, size_t max)
{
    return strncpy(to, from, max);
}
NT_EXPORT_AS(strncpy, nt_strncpy);

static char *NTAPI nt_strcat(char *to, const char *from)
{
    return strcat(to, from);
}
NT_EXPORT_AS(strcat, nt_strcat);

static char *NTAPI nt_strncat(char *to, const char *from, size_t max)
{
    return strncat(to, from, max);
}
NT_EXPORT_AS(strncat, nt_strncat);

static char *NTAPI nt_strchr(const char *in, int c)
{
    return strchr(in, c);
}
NT_EXPORT_AS(strchr, nt_strchr);

static char *NTAPI nt_strrchr(const char *in, int c)
{
    return strrchr(in, c);
}
NT_EXPORT_AS(strrchr, nt_strrchr);

static char *NTAPI nt_strstr(const char *in, const char *what)
{
    return strstr(in, what);
}
NT_EXPORT_AS(strstr, nt_strstr);

/* Too small a destination becomes an empty string. */
static errno_value NTAPI nt_strcpy_s(char *to, size_t room, const char *from)
{
    if (!to || room == 0)
        return E_INVALID;
    if (!from || strlen(from) >= room) {
        to[0] = '\0';
        return from ? E_RANGE : E_INVALID;
    }
    strcpy(to, from);
    return 0;
}
NT_EXPORT_AS(strcpy_s, nt_strcpy_s);

static errno_value NTAPI nt_strcat_s(char *to, size_t room, const char *from)
{
    size_t have;

    if (!to || room == 0)
        return E_INVALID;
    have = strnlen(to, room);
    if (have == room) {
        to[0] = '\0';
        return E_INVALID;
    }
    if (!from || strlen(from) >= room - have) {
        to[0] = '\0';
        return from ? E_RANGE : E_INVALID;
    }
    strcpy(to + have, from);
    return 0;
}
NT_EXPORT_AS(strcat_s, nt_strcat_s);

static int NTAPI nt_toupper(int c)
{
    return c >= 'a' && c <= 'z' ? c - 32 : c;
}
NT_EXPORT_AS(toupper, nt_toupper);

static int NTAPI nt_tolower(int c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}
NT_EXPORT_AS(tolower, nt_tolower);

#define CHARACTER_TEST(name)                                                                       \
    static int NTAPI nt_##name(int c)                                                              \
    {                                                                                              \
        return c >= 0 && c < 128 && name(c);                                                       \
    }                                                                                              \
    NT_EXPORT_AS(name, nt_##name)
CHARACTER_TEST(isdigit);
CHARACTER_TEST(isxdigit);
CHARACTER_TEST(isalpha);
CHARACTER_TEST(isalnum);
CHARACTER_TEST(isspace);
CHARACTER_TEST(isupper);
CHARACTER_TEST(islower);
CHARACTER_TEST(isprint);
CHARACTER_TEST(ispunct);

/* Windows' long has 32 bits: values beyond are cut as its C library does. */
static LONG NTAPI nt_strtol(const char *s, char **end, int base)
{
    long long v = strtoll(s, end, base);

    return (LONG)(v > MAXLONG ? MAXLONG : v < -2147483648LL ? -2147483648LL : v);
}
NT_EXPORT_AS(strtol, nt_strtol);

static ULONG NTAPI nt_strtoul(const char *s, char **end, int base)
{
    long long v = strtoll(s, end, base);

    return v > (long long)MAXULONG || v < -(long long)MAXULONG ? MAXULONG : (ULONG)v;
}
NT_EXPORT_AS(strtoul, nt_strtoul);

static int NTAPI nt_atoi(const char *s)
{
    return nt_strtol(s, NULL, 10);
}
NT_EXPORT_AS(atoi, nt_atoi);
NT_EXPORT_AS(atol, nt_atoi);

/* Stack probe: RAX bytes will be used below RSP; it may change no register. Our stacks are mapped
 * whole, so there is nothing to touch. */
__asm__(".pushsection .text\n"
        ".type nt_stack_probe, @function\n"
        "nt_stack_probe: ret\n"
        ".size nt_stack_probe, . - nt_stack_probe\n"
        ".popsection\n");
extern void nt_stack_probe(void);
NT_EXPORT_AS(__chkstk, nt_stack_probe);
