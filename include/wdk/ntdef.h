/* SPDX-License-Identifier: MIT */
/* Basic NT types, calling convention and list primitives: the part of the ABI that every other
 * header here stands on. Layouts are those of x64 Windows.
 * Sources: Microsoft DDI reference ("Windows kernel", ntdef.h and wdm.h pages). */
#pragma once

#include <stddef.h>
#include <stdint.h>
#if !defined(_WIN32)
#include <string.h>
#endif

#include "nt/sal.h"

#if !defined(__x86_64__) && !defined(_M_X64)
#error "the NT ABI headers describe x64 only"
#endif

/* Calling convention. A Linux build of a driver speaks the same ABI as its .sys. */
#if defined(_WIN32)
#define NTAPI
#define DECLSPEC_IMPORT __declspec(dllimport)
#define DECLSPEC_EXPORT __declspec(dllexport)
#else
#define NTAPI __attribute__((ms_abi))
#define DECLSPEC_IMPORT
#define DECLSPEC_EXPORT __attribute__((visibility("default")))
#endif
#define FASTCALL NTAPI
#define NTKERNELAPI DECLSPEC_IMPORT
#define NTSYSAPI DECLSPEC_IMPORT
#define NTSYSCALLAPI DECLSPEC_IMPORT
#define NTHALAPI DECLSPEC_IMPORT
#define DECLSPEC_NORETURN __attribute__((noreturn))
#define DECLSPEC_ALIGN(x) __attribute__((aligned(x)))
#define DECLSPEC_CACHEALIGN DECLSPEC_ALIGN(64)
#if !defined(FORCEINLINE)
#define FORCEINLINE static inline __attribute__((always_inline, unused))
#endif
#define CFORCEINLINE FORCEINLINE
#define SYSTEM_CACHE_ALIGNMENT_SIZE 64
#define MEMORY_ALLOCATION_ALIGNMENT 16

#if !defined(TRUE)
#define TRUE 1
#define FALSE 0
#endif
#define ANYSIZE_ARRAY 1

/* Scalars. LONG is 32 bits everywhere; it is `long` only where that is 32 bits wide. */
#define VOID void
typedef void *PVOID, **PPVOID;
typedef char CHAR, CCHAR, *PCHAR, *PSTR, *PSZ, *PCH;
typedef const char *PCSTR, *LPCSTR, *PCCH, *PCSZ;
typedef signed char SCHAR, *PSCHAR;
typedef unsigned char UCHAR, BYTE, BOOLEAN, *PUCHAR, *PBOOLEAN;
typedef const unsigned char *PCUCHAR;
typedef short SHORT, CSHORT, *PSHORT;
typedef unsigned short USHORT, *PUSHORT;
#if defined(_WIN32)
typedef long LONG, *PLONG;
typedef unsigned long ULONG, *PULONG;
#else
typedef int LONG, *PLONG;
typedef unsigned int ULONG, *PULONG;
#endif
typedef int INT, *PINT, INT32, LONG32;
typedef unsigned int UINT, *PUINT, UINT32, ULONG32, *PUINT32, *PULONG32;
typedef signed char INT8;
typedef unsigned char UINT8, *PUINT8;
typedef short INT16;
typedef unsigned short UINT16, *PUINT16;
typedef long long LONGLONG, LONG64, INT64, *PLONGLONG, *PLONG64, *PINT64;
typedef unsigned long long ULONGLONG, ULONG64, UINT64, DWORDLONG;
typedef unsigned long long *PULONGLONG, *PULONG64, *PUINT64;
typedef long long LONG_PTR, INT_PTR, SSIZE_T, *PLONG_PTR, *PINT_PTR, *PSSIZE_T;
typedef unsigned long long ULONG_PTR, UINT_PTR, SIZE_T, DWORD_PTR, KAFFINITY;
typedef unsigned long long *PULONG_PTR, *PUINT_PTR, *PSIZE_T, *PKAFFINITY;
typedef ULONG DWORD, LOGICAL, LCID, ACCESS_MASK, *PLOGICAL, *PACCESS_MASK;
typedef USHORT WORD;
typedef wchar_t WCHAR, *PWCHAR, *PWSTR, *PWCH, *LPWSTR;
typedef const wchar_t *PCWSTR, *PCWCH, *LPCWSTR;
typedef void *HANDLE, **PHANDLE;
typedef LONG NTSTATUS, *PNTSTATUS;
typedef UCHAR KIRQL, *PKIRQL;
typedef CCHAR KPROCESSOR_MODE;

_Static_assert(sizeof(WCHAR) == 2, "build with -fshort-wchar");
_Static_assert(sizeof(LONG) == 4 && sizeof(LONGLONG) == 8 && sizeof(ULONG_PTR) == 8, "x64 sizes");

#define MINCHAR 0x80
#define MAXCHAR 0x7f
#define MINSHORT 0x8000
#define MAXSHORT 0x7fff
#define MINLONG 0x80000000
#define MAXLONG 0x7fffffff
#define MAXUCHAR 0xff
#define MAXUSHORT 0xffff
#define MAXULONG 0xffffffffU
#define MAXLONGLONG 0x7fffffffffffffffLL
#define MAXULONGLONG 0xffffffffffffffffULL
#define MAXULONG_PTR (~(ULONG_PTR)0)
#define MAXSIZE_T (~(SIZE_T)0)

typedef union _LARGE_INTEGER {
    struct {
        ULONG LowPart;
        LONG HighPart;
    };
    struct {
        ULONG LowPart;
        LONG HighPart;
    } u;
    LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER;

typedef union _ULARGE_INTEGER {
    struct {
        ULONG LowPart;
        ULONG HighPart;
    };
    struct {
        ULONG LowPart;
        ULONG HighPart;
    } u;
    ULONGLONG QuadPart;
} ULARGE_INTEGER, *PULARGE_INTEGER;

typedef LARGE_INTEGER PHYSICAL_ADDRESS, *PPHYSICAL_ADDRESS;

typedef struct _LUID {
    ULONG LowPart;
    LONG HighPart;
} LUID, *PLUID;

typedef struct _GUID {
    ULONG Data1;
    USHORT Data2;
    USHORT Data3;
    UCHAR Data4[8];
} GUID, *PGUID, *LPGUID, UUID;
typedef const GUID *LPCGUID, *REFGUID;

/* INITGUID before the first include (or <initguid.h>) turns each declaration into a definition
 * that may stand in several objects. */
#if defined(_WIN32)
#define DECLSPEC_SELECTANY __declspec(selectany)
#else
#define DECLSPEC_SELECTANY __attribute__((weak))
#endif
#if defined(INITGUID)
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8)                               \
    extern const GUID name;                                                                        \
    DECLSPEC_SELECTANY const GUID name = {l, w1, w2, {b1, b2, b3, b4, b5, b6, b7, b8}}
#else
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8) extern const GUID name
#endif
#define IsEqualGUID(a, b) (memcmp((a), (b), sizeof(GUID)) == 0)

/* Lengths in bytes, without a terminator; the buffer belongs to whoever filled it in. */
typedef struct _UNICODE_STRING {
    USHORT Length;
    USHORT MaximumLength;
    PWCH Buffer;
} UNICODE_STRING, *PUNICODE_STRING;
typedef const UNICODE_STRING *PCUNICODE_STRING;

typedef struct _STRING {
    USHORT Length;
    USHORT MaximumLength;
    PCHAR Buffer;
} STRING, ANSI_STRING, OEM_STRING, *PSTRING, *PANSI_STRING, *POEM_STRING;
typedef const STRING *PCANSI_STRING;

#define UNICODE_NULL ((WCHAR)0)
#define ANSI_NULL ((CHAR)0)
#define RTL_CONSTANT_STRING(s) {sizeof(s) - sizeof((s)[0]), sizeof(s), s}
#define DECLARE_CONST_UNICODE_STRING(var, string)                                                  \
    const WCHAR var##_buffer[] = string;                                                           \
    const UNICODE_STRING var = {sizeof(string) - sizeof(WCHAR), sizeof(string), (PWCH)var##_buffer}

typedef struct _LIST_ENTRY {
    struct _LIST_ENTRY *Flink;
    struct _LIST_ENTRY *Blink;
} LIST_ENTRY, *PLIST_ENTRY;

typedef struct _SINGLE_LIST_ENTRY {
    struct _SINGLE_LIST_ENTRY *Next;
} SINGLE_LIST_ENTRY, *PSINGLE_LIST_ENTRY;

typedef struct DECLSPEC_ALIGN(16) _SLIST_ENTRY {
    struct _SLIST_ENTRY *Next;
} SLIST_ENTRY, *PSLIST_ENTRY;

typedef union DECLSPEC_ALIGN(16) _SLIST_HEADER {
    struct {
        ULONGLONG Alignment;
        ULONGLONG Region;
    };
    struct {
        ULONGLONG Depth : 16;
        ULONGLONG Sequence : 48;
        ULONGLONG Reserved : 4;
        ULONGLONG NextEntry : 60; /* address / 16 */
    } HeaderX64;
} SLIST_HEADER, *PSLIST_HEADER;

typedef struct _OBJECT_ATTRIBUTES {
    ULONG Length;
    HANDLE RootDirectory;
    PUNICODE_STRING ObjectName;
    ULONG Attributes;
    PVOID SecurityDescriptor;
    PVOID SecurityQualityOfService;
} OBJECT_ATTRIBUTES, *POBJECT_ATTRIBUTES;

#define OBJ_INHERIT 0x00000002
#define OBJ_PERMANENT 0x00000010
#define OBJ_EXCLUSIVE 0x00000020
#define OBJ_CASE_INSENSITIVE 0x00000040
#define OBJ_OPENIF 0x00000080
#define OBJ_OPENLINK 0x00000100
#define OBJ_KERNEL_HANDLE 0x00000200
#define OBJ_FORCE_ACCESS_CHECK 0x00000400
#define InitializeObjectAttributes(p, n, a, r, s)                                                  \
    do {                                                                                           \
        (p)->Length = sizeof(OBJECT_ATTRIBUTES);                                                   \
        (p)->RootDirectory = (r);                                                                  \
        (p)->Attributes = (a);                                                                     \
        (p)->ObjectName = (n);                                                                     \
        (p)->SecurityDescriptor = (s);                                                             \
        (p)->SecurityQualityOfService = NULL;                                                      \
    } while (0)

typedef struct _PROCESSOR_NUMBER {
    USHORT Group;
    UCHAR Number;
    UCHAR Reserved;
} PROCESSOR_NUMBER, *PPROCESSOR_NUMBER;

typedef struct _GROUP_AFFINITY {
    KAFFINITY Mask;
    USHORT Group;
    USHORT Reserved[3];
} GROUP_AFFINITY, *PGROUP_AFFINITY;

#define ALL_PROCESSOR_GROUPS 0xffff

/* Status: bits 31..30 are the severity, so errors are the negative half except informational. */
#define NT_SUCCESS(status) (((NTSTATUS)(status)) >= 0)
#define NT_INFORMATION(status) ((((ULONG)(status)) >> 30) == 1)
#define NT_WARNING(status) ((((ULONG)(status)) >> 30) == 2)
#define NT_ERROR(status) ((((ULONG)(status)) >> 30) == 3)

/* Arithmetic on types and addresses. */
#define UNREFERENCED_PARAMETER(p) ((void)(p))
#define DBG_UNREFERENCED_PARAMETER(p) ((void)(p))
#define UNREFERENCED_LOCAL_VARIABLE(v) ((void)(v))
#define DBG_UNREFERENCED_LOCAL_VARIABLE(v) ((void)(v))
#define C_ASSERT(e) _Static_assert(e, #e)
#define FIELD_OFFSET(type, field) ((LONG)offsetof(type, field))
#define UFIELD_OFFSET(type, field) ((ULONG)offsetof(type, field))
#define TYPE_ALIGNMENT(t) ((LONG)_Alignof(t))
#define CONTAINING_RECORD(address, type, field)                                                    \
    ((type *)(void *)((PCHAR)(address) - offsetof(type, field)))
#define RTL_FIELD_SIZE(type, field) (sizeof(((type *)0)->field))
#define RTL_SIZEOF_THROUGH_FIELD(type, field) (offsetof(type, field) + RTL_FIELD_SIZE(type, field))
#define RTL_CONTAINS_FIELD(p, size, field)                                                         \
    (((PCHAR)(&(p)->field)) + sizeof((p)->field) <= ((PCHAR)(p)) + (size))
#define RTL_NUMBER_OF(a) (sizeof(a) / sizeof((a)[0]))
#define RTL_NUMBER_OF_FIELD(type, field) (RTL_NUMBER_OF(((type *)0)->field))
#define ARRAYSIZE(a) RTL_NUMBER_OF(a)
#define Add2Ptr(p, i) ((PVOID)((PUCHAR)(p) + (i)))
#define LOWORD(l) ((USHORT)((ULONG_PTR)(l) & 0xffff))
#define HIWORD(l) ((USHORT)(((ULONG_PTR)(l) >> 16) & 0xffff))
#define LOBYTE(w) ((UCHAR)((ULONG_PTR)(w) & 0xff))
#define HIBYTE(w) ((UCHAR)(((ULONG_PTR)(w) >> 8) & 0xff))
#define ULongToPtr(u) ((PVOID)(ULONG_PTR)(u))
#define UlongToPtr(u) ULongToPtr(u)
#define UlongToHandle(u) ((HANDLE)(ULONG_PTR)(u))
#define HandleToUlong(h) ((ULONG)(ULONG_PTR)(h))
#define HandleToULong(h) HandleToUlong(h)
#define PtrToUlong(p) ((ULONG)(ULONG_PTR)(p))
#define PtrToUint(p) ((UINT)(ULONG_PTR)(p))
#define PAGED_CODE() ((void)0)
#define PAGED_CODE_LOCKED() ((void)0)
#define ALIGN_DOWN_BY(length, n) ((ULONG_PTR)(length) & ~((ULONG_PTR)(n)-1))
#define ALIGN_UP_BY(length, n) ALIGN_DOWN_BY((ULONG_PTR)(length) + (n)-1, n)
#define ALIGN_DOWN_POINTER_BY(p, n) ((PVOID)ALIGN_DOWN_BY(p, n))
#define ALIGN_UP_POINTER_BY(p, n) ((PVOID)ALIGN_UP_BY(p, n))

/* The few C library functions that a freestanding Windows driver takes from ntoskrnl. */
#if defined(_WIN32)
void *memcpy(void *dst, const void *src, size_t len_bytes);
void *memmove(void *dst, const void *src, size_t len_bytes);
void *memset(void *dst, int value, size_t len_bytes);
int memcmp(const void *a, const void *b, size_t len_bytes);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t len);
size_t wcslen(const wchar_t *s);
#endif

/* Doubly linked list: the head is an entry; an empty list points to itself. */
FORCEINLINE VOID InitializeListHead(PLIST_ENTRY head)
{
    head->Flink = head->Blink = head;
}

FORCEINLINE BOOLEAN IsListEmpty(const LIST_ENTRY *head)
{
    return (BOOLEAN)(head->Flink == head);
}

/* TRUE if the list that held the entry is now empty. */
FORCEINLINE BOOLEAN RemoveEntryList(PLIST_ENTRY entry)
{
    PLIST_ENTRY next = entry->Flink;
    PLIST_ENTRY prev = entry->Blink;

    prev->Flink = next;
    next->Blink = prev;
    return (BOOLEAN)(next == prev);
}

/* On an empty list both removals return the head itself. */
FORCEINLINE PLIST_ENTRY RemoveHeadList(PLIST_ENTRY head)
{
    PLIST_ENTRY entry = head->Flink;

    RemoveEntryList(entry);
    return entry;
}

FORCEINLINE PLIST_ENTRY RemoveTailList(PLIST_ENTRY head)
{
    PLIST_ENTRY entry = head->Blink;

    RemoveEntryList(entry);
    return entry;
}

FORCEINLINE VOID InsertHeadList(PLIST_ENTRY head, PLIST_ENTRY entry)
{
    PLIST_ENTRY first = head->Flink;

    entry->Flink = first;
    entry->Blink = head;
    first->Blink = entry;
    head->Flink = entry;
}

FORCEINLINE VOID InsertTailList(PLIST_ENTRY head, PLIST_ENTRY entry)
{
    PLIST_ENTRY last = head->Blink;

    entry->Flink = head;
    entry->Blink = last;
    last->Flink = entry;
    head->Blink = entry;
}

/* Joins the ring that `list` is part of (it has no head of its own) to the end of `head`. */
FORCEINLINE VOID AppendTailList(PLIST_ENTRY head, PLIST_ENTRY list)
{
    PLIST_ENTRY head_last = head->Blink;
    PLIST_ENTRY list_last = list->Blink;

    head_last->Flink = list;
    list->Blink = head_last;
    list_last->Flink = head;
    head->Blink = list_last;
}

FORCEINLINE VOID PushEntryList(PSINGLE_LIST_ENTRY head, PSINGLE_LIST_ENTRY entry)
{
    entry->Next = head->Next;
    head->Next = entry;
}

FORCEINLINE PSINGLE_LIST_ENTRY PopEntryList(PSINGLE_LIST_ENTRY head)
{
    PSINGLE_LIST_ENTRY entry = head->Next;

    if (entry != NULL)
        head->Next = entry->Next;
    return entry;
}
