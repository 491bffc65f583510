/* SPDX-License-Identifier: MIT */
/* Counted strings. "ANSI" is Latin-1: a byte is the character of that number; what does not fit
 * becomes '?'. */
#include "nt/export.h"
#include "nt/processor.h"
#include "nt/utf.h"

#include <wdk/ntddk.h>

enum { STRING_TAG = 0x7274534e /* "NStr" */, STRING_BYTES_MAX = 0xfffe };

static USHORT wide_bytes(PCWSTR s)
{
    size_t n = 0;

    while (s[n] && n * 2 < STRING_BYTES_MAX - 2)
        n++;
    return (USHORT)(n * 2);
}

VOID NTAPI RtlInitUnicodeString(PUNICODE_STRING Destination, PCWSTR Source)
{
    Destination->Buffer = (PWCH)(uintptr_t)Source;
    Destination->Length = Source ? wide_bytes(Source) : 0;
    Destination->MaximumLength = Source ? (USHORT)(Destination->Length + 2) : 0;
}
NT_EXPORT(RtlInitUnicodeString);

VOID NTAPI RtlInitAnsiString(PANSI_STRING Destination, PCSZ Source)
{
    size_t n = Source ? strnlen(Source, STRING_BYTES_MAX) : 0;

    Destination->Buffer = (PCHAR)(uintptr_t)Source;
    Destination->Length = (USHORT)n;
    Destination->MaximumLength = Source ? (USHORT)(n + 1) : 0;
}
NT_EXPORT(RtlInitAnsiString);

VOID NTAPI RtlInitString(PSTRING Destination, PCSZ Source)
{
    RtlInitAnsiString(Destination, Source);
}
NT_EXPORT(RtlInitString);

VOID NTAPI RtlCopyUnicodeString(PUNICODE_STRING Destination, PCUNICODE_STRING Source)
{
    USHORT bytes = Source ? MIN_OF(Source->Length, Destination->MaximumLength) : 0;

    Destination->Length = bytes;
    if (bytes == 0)
        return;
    memmove(Destination->Buffer, Source->Buffer, bytes);
    if (bytes + 2u <= Destination->MaximumLength)
        Destination->Buffer[bytes / 2] = 0;
}
NT_EXPORT(RtlCopyUnicodeString);

VOID NTAPI RtlCopyString(PSTRING Destination, const STRING *Source)
{
    USHORT bytes = Source ? MIN_OF(Source->Length, Destination->MaximumLength) : 0;

    Destination->Length = bytes;
    if (bytes)
        memmove(Destination->Buffer, Source->Buffer, bytes);
}
NT_EXPORT(RtlCopyString);

NTSTATUS NTAPI RtlAppendUnicodeStringToString(PUNICODE_STRING Destination, PCUNICODE_STRING Source)
{
    if (Source->Length == 0)
        return STATUS_SUCCESS;
    if ((ULONG)Destination->Length + Source->Length > Destination->MaximumLength)
        return STATUS_BUFFER_TOO_SMALL;
    memmove((PCHAR)Destination->Buffer + Destination->Length, Source->Buffer, Source->Length);
    Destination->Length = (USHORT)(Destination->Length + Source->Length);
    if (Destination->Length + 2u <= Destination->MaximumLength)
        Destination->Buffer[Destination->Length / 2] = 0;
    return STATUS_SUCCESS;
}
NT_EXPORT(RtlAppendUnicodeStringToString);

NTSTATUS NTAPI RtlAppendUnicodeToString(PUNICODE_STRING Destination, PCWSTR Source)
{
    UNICODE_STRING source;

    RtlInitUnicodeString(&source, Source);
    return RtlAppendUnicodeStringToString(Destination, &source);
}
NT_EXPORT(RtlAppendUnicodeToString);

WCHAR NTAPI RtlUpcaseUnicodeChar(WCHAR SourceCharacter)
{
    return utf16_upcase(SourceCharacter);
}
NT_EXPORT(RtlUpcaseUnicodeChar);

WCHAR NTAPI RtlDowncaseUnicodeChar(WCHAR SourceCharacter)
{
    return utf16_downcase(SourceCharacter);
}
NT_EXPORT(RtlDowncaseUnicodeChar);

LONG NTAPI RtlCompareUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2,
                                   BOOLEAN CaseInSensitive)
{
    unsigned n = MIN_OF(String1->Length, String2->Length) / 2;

    for (unsigned i = 0; i < n; i++) {
        uint16_t a = String1->Buffer[i], b = String2->Buffer[i];

        if (CaseInSensitive) {
            a = utf16_upcase(a);
            b = utf16_upcase(b);
        }
        if (a != b)
            return a - b;
    }
    return String1->Length - String2->Length;
}
NT_EXPORT(RtlCompareUnicodeString);

BOOLEAN NTAPI RtlEqualUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2,
                                    BOOLEAN CaseInSensitive)
{
    return String1->Length == String2->Length &&
           RtlCompareUnicodeString(String1, String2, CaseInSensitive) == 0;
}
NT_EXPORT(RtlEqualUnicodeString);

BOOLEAN NTAPI RtlPrefixUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2,
                                     BOOLEAN CaseInSensitive)
{
    UNICODE_STRING front = *String2;

    if (String1->Length > String2->Length)
        return FALSE;
    front.Length = String1->Length;
    return RtlEqualUnicodeString(String1, &front, CaseInSensitive);
}
NT_EXPORT(RtlPrefixUnicodeString);

LONG NTAPI RtlCompareString(const STRING *String1, const STRING *String2, BOOLEAN CaseInSensitive)
{
    unsigned n = MIN_OF(String1->Length, String2->Length);

    for (unsigned i = 0; i < n; i++) {
        uint16_t a = (UCHAR)String1->Buffer[i], b = (UCHAR)String2->Buffer[i];

        if (CaseInSensitive) {
            a = utf16_upcase(a);
            b = utf16_upcase(b);
        }
        if (a != b)
            return a - b;
    }
    return String1->Length - String2->Length;
}
NT_EXPORT(RtlCompareString);

BOOLEAN NTAPI RtlEqualString(const STRING *String1, const STRING *String2, BOOLEAN CaseInSensitive)
{
    return String1->Length == String2->Length &&
           RtlCompareString(String1, String2, CaseInSensitive) == 0;
}
NT_EXPORT(RtlEqualString);

/* A buffer for `bytes` in the string, allocated or the caller's. */
static NTSTATUS make_room(PVOID *buffer, USHORT *maximum, ULONG bytes, BOOLEAN allocate,
                          NTSTATUS too_small)
{
    if (!allocate)
        return bytes <= *maximum ? STATUS_SUCCESS : too_small;
    if (bytes > STRING_BYTES_MAX)
        return STATUS_INVALID_PARAMETER_2;
    *buffer = ExAllocatePoolWithTag(PagedPool, MAX_OF(bytes, 2u), STRING_TAG);
    if (!*buffer)
        return STATUS_NO_MEMORY;
    *maximum = (USHORT)bytes;
    return STATUS_SUCCESS;
}

static NTSTATUS change_case(PUNICODE_STRING to, PCUNICODE_STRING from, BOOLEAN allocate,
                            uint16_t (*change)(uint16_t))
{
    PVOID buffer = to->Buffer;
    NTSTATUS status;

    NT_PASSIVE_ONLY();
    status = make_room(&buffer, &to->MaximumLength, from->Length, allocate, STATUS_BUFFER_OVERFLOW);
    if (status != STATUS_SUCCESS)
        return status;
    to->Buffer = buffer;
    to->Length = from->Length;
    for (unsigned n = 0; n < from->Length / 2u; n++)
        to->Buffer[n] = change(from->Buffer[n]);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI RtlUpcaseUnicodeString(PUNICODE_STRING Destination, PCUNICODE_STRING Source,
                                      BOOLEAN AllocateDestinationString)
{
    return change_case(Destination, Source, AllocateDestinationString, utf16_upcase);
}
NT_EXPORT(RtlUpcaseUnicodeString);

NTSTATUS NTAPI RtlDowncaseUnicodeString(PUNICODE_STRING Destination, PCUNICODE_STRING Source,
                                        BOOLEAN AllocateDestinationString)
{
    return change_case(Destination, Source, AllocateDestinationString, utf16_downcase);
}
NT_EXPORT(RtlDowncaseUnicodeString);

/* The X65599 hash: h = h * 65599 + c over the characters, upper case if the case does not count. */
NTSTATUS NTAPI RtlHashUnicodeString(PCUNICODE_STRING String, BOOLEAN CaseInSensitive,
                                    ULONG HashAlgorithm, PULONG HashValue)
{
    ULONG hash = 0;

    if (!String || !HashValue || HashAlgorithm > HASH_STRING_ALGORITHM_X65599)
        return STATUS_INVALID_PARAMETER;
    for (unsigned n = 0; n < String->Length / 2u; n++)
        hash =
            hash * 65599u + (CaseInSensitive ? utf16_upcase(String->Buffer[n]) : String->Buffer[n]);
    *HashValue = hash;
    return STATUS_SUCCESS;
}
NT_EXPORT(RtlHashUnicodeString);

static CHAR narrow(WCHAR c)
{
    return c < 256 ? (CHAR)c : '?';
}

NTSTATUS NTAPI RtlAnsiStringToUnicodeString(PUNICODE_STRING Destination, PCANSI_STRING Source,
                                            BOOLEAN AllocateDestinationString)
{
    ULONG bytes = (Source->Length + 1u) * 2;
    PVOID buffer = Destination->Buffer;
    NTSTATUS status;

    NT_PASSIVE_ONLY();
    if (bytes > STRING_BYTES_MAX)
        return STATUS_INVALID_PARAMETER_2;
    status = make_room(&buffer, &Destination->MaximumLength, bytes, AllocateDestinationString,
                       STATUS_BUFFER_OVERFLOW);
    if (status != STATUS_SUCCESS)
        return status;
    Destination->Buffer = buffer;
    Destination->Length = (USHORT)(bytes - 2);
    for (unsigned n = 0; n < Source->Length; n++)
        Destination->Buffer[n] = (UCHAR)Source->Buffer[n];
    Destination->Buffer[Source->Length] = 0;
    return STATUS_SUCCESS;
}
NT_EXPORT(RtlAnsiStringToUnicodeString);

NTSTATUS NTAPI RtlUnicodeStringToAnsiString(PANSI_STRING Destination, PCUNICODE_STRING Source,
                                            BOOLEAN AllocateDestinationString)
{
    ULONG bytes = Source->Length / 2u + 1;
    PVOID buffer = Destination->Buffer;
    NTSTATUS status;

    NT_PASSIVE_ONLY();
    status = make_room(&buffer, &Destination->MaximumLength, bytes, AllocateDestinationString,
                       STATUS_BUFFER_OVERFLOW);
    if (status != STATUS_SUCCESS)
        return status;
    Destination->Buffer = buffer;
    Destination->Length = (USHORT)(bytes - 1);
    for (unsigned n = 0; n < bytes - 1; n++)
        Destination->Buffer[n] = narrow(Source->Buffer[n]);
    Destination->Buffer[bytes - 1] = 0;
    return STATUS_SUCCESS;
}
NT_EXPORT(RtlUnicodeStringToAnsiString);

ULONG NTAPI RtlxUnicodeStringToAnsiSize(PCUNICODE_STRING UnicodeString)
{
    return UnicodeString->Length / 2u + 1;
}
NT_EXPORT(RtlxUnicodeStringToAnsiSize);

ULONG NTAPI RtlxAnsiStringToUnicodeSize(PCANSI_STRING AnsiString)
{
    return (AnsiString->Length + 1u) * 2;
}
NT_EXPORT(RtlxAnsiStringToUnicodeSize);

VOID NTAPI RtlFreeUnicodeString(PUNICODE_STRING UnicodeString)
{
    NT_PASSIVE_ONLY();
    if (UnicodeString->Buffer)
        ExFreePool(UnicodeString->Buffer);
    memset(UnicodeString, 0, sizeof *UnicodeString);
}
NT_EXPORT(RtlFreeUnicodeString);

VOID NTAPI RtlFreeAnsiString(PANSI_STRING AnsiString)
{
    NT_PASSIVE_ONLY();
    if (AnsiString->Buffer)
        ExFreePool(AnsiString->Buffer);
    memset(AnsiString, 0, sizeof *AnsiString);
}
NT_EXPORT(RtlFreeAnsiString);

NTSTATUS NTAPI RtlMultiByteToUnicodeN(PWCH UnicodeString, ULONG MaxBytesInUnicodeString,
                                      PULONG BytesInUnicodeString, const CHAR *MultiByteString,
                                      ULONG BytesInMultiByteString)
{
    ULONG n = MIN_OF(MaxBytesInUnicodeString / 2, BytesInMultiByteString);

    for (ULONG i = 0; i < n; i++)
        UnicodeString[i] = (UCHAR)MultiByteString[i];
    if (BytesInUnicodeString)
        *BytesInUnicodeString = n * 2;
    return STATUS_SUCCESS;
}
NT_EXPORT(RtlMultiByteToUnicodeN);

NTSTATUS NTAPI RtlUnicodeToMultiByteN(PCHAR MultiByteString, ULONG MaxBytesInMultiByteString,
                                      PULONG BytesInMultiByteString, PCWCH UnicodeString,
                                      ULONG BytesInUnicodeString)
{
    ULONG n = MIN_OF(MaxBytesInMultiByteString, BytesInUnicodeString / 2);

    for (ULONG i = 0; i < n; i++)
        MultiByteString[i] = narrow(UnicodeString[i]);
    if (BytesInMultiByteString)
        *BytesInMultiByteString = n;
    return STATUS_SUCCESS;
}
NT_EXPORT(RtlUnicodeToMultiByteN);
