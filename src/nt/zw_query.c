/* SPDX-License-Identifier: MIT */
/* Questions about keys and values: the information structures of ZwQuery... and ZwEnumerate... */
#include "nt/zw_int.h"
#include "nt/export.h"
#include "nt/processor.h"
#include "nt/utf.h"

/* What a query fills: a structure whose last member is a name, and its size without that name. */
struct answer {
    union {
        KEY_BASIC_INFORMATION basic;
        KEY_NODE_INFORMATION node;
        KEY_FULL_INFORMATION full;
        KEY_NAME_INFORMATION name;
        KEY_VALUE_BASIC_INFORMATION value_basic;
        KEY_VALUE_FULL_INFORMATION value_full;
        KEY_VALUE_PARTIAL_INFORMATION value_partial;
    } head;
    size_t head_bytes;
    const void *tail;
    size_t tail_bytes;
    size_t gap; /* between the tail and the data */
    const void *data;
    size_t data_bytes;
};

/* Copies [from, from + bytes) to offset `at` of the caller's buffer, as far as it reaches. */
static void put(PVOID buffer, ULONG length, size_t at, const void *from, size_t bytes)
{
    if (at < length && bytes)
        memcpy((char *)buffer + at, from, MIN_OF(bytes, length - at));
}

static NTSTATUS give(const struct answer *a, PVOID buffer, ULONG length, PULONG needed)
{
    size_t data_at = a->head_bytes + a->tail_bytes + a->gap, total = data_at + a->data_bytes;

    *needed = (ULONG)total;
    if (length < a->head_bytes)
        return STATUS_BUFFER_TOO_SMALL;
    put(buffer, length, 0, &a->head, a->head_bytes);
    put(buffer, length, a->head_bytes, a->tail, a->tail_bytes);
    put(buffer, length, data_at, a->data, a->data_bytes);
    return length < total ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static uint16_t *widen(const char *text, size_t *bytes)
{
    size_t units = utf16_from_utf8(NULL, 0, text, strlen(text));
    uint16_t *wide = malloc(units * 2 + 2);

    if (wide)
        *bytes = utf16_from_utf8(wide, units, text, strlen(text)) * 2;
    return wide;
}

static void count_contents(struct reg_key *key, KEY_FULL_INFORMATION *full)
{
    const struct reg_key *child;
    const char *name;

    for (; (child = reg_key_child(key, full->SubKeys)); full->SubKeys++) {
        name = reg_key_name(child);
        full->MaxNameLen =
            MAX_OF(full->MaxNameLen, (ULONG)utf16_from_utf8(NULL, 0, name, strlen(name)) * 2);
    }
    for (; (name = reg_value_name(key, full->Values)); full->Values++) {
        int size = reg_get(key, name, NULL, NULL, 0);

        full->MaxValueNameLen =
            MAX_OF(full->MaxValueNameLen, (ULONG)utf16_from_utf8(NULL, 0, name, strlen(name)) * 2);
        full->MaxValueDataLen = MAX_OF(full->MaxValueDataLen, (ULONG)MAX_OF(size, 0) * 2);
    }
}

static NTSTATUS describe_key(struct reg_key *key, KEY_INFORMATION_CLASS class, PVOID buffer,
                             ULONG length, PULONG needed)
{
    static const char machine[] = "HKEY_LOCAL_MACHINE";
    struct answer a = {.gap = 0};
    cleanup_free uint16_t *wide = NULL;
    char path[2048], full[2100];

    if (class == KeyNameInformation) {
        reg_key_path(key, path, sizeof path);
        snprintf(full, sizeof full, "\\REGISTRY\\%s%s",
                 strncmp(path, machine, sizeof machine - 1) == 0 ? "MACHINE" : "",
                 strncmp(path, machine, sizeof machine - 1) == 0 ? path + sizeof machine - 1
                                                                 : path);
        wide = widen(full, &a.tail_bytes);
    } else {
        wide = widen(reg_key_name(key), &a.tail_bytes);
    }
    if (!wide)
        return STATUS_INSUFFICIENT_RESOURCES;
    a.tail = wide;
    switch (class) {
    case KeyBasicInformation:
        a.head_bytes = offsetof(KEY_BASIC_INFORMATION, Name);
        a.head.basic.NameLength = (ULONG)a.tail_bytes;
        break;
    case KeyNodeInformation:
        a.head_bytes = offsetof(KEY_NODE_INFORMATION, Name);
        a.head.node.ClassOffset = MAXULONG;
        a.head.node.NameLength = (ULONG)a.tail_bytes;
        break;
    case KeyFullInformation:
        a.head_bytes = offsetof(KEY_FULL_INFORMATION, Class);
        a.head.full.ClassOffset = MAXULONG;
        count_contents(key, &a.head.full);
        a.tail_bytes = 0;
        break;
    case KeyNameInformation:
        a.head_bytes = offsetof(KEY_NAME_INFORMATION, Name);
        a.head.name.NameLength = (ULONG)a.tail_bytes;
        break;
    default:
        return STATUS_INVALID_PARAMETER;
    }
    return give(&a, buffer, length, needed);
}

NTSTATUS NTAPI ZwQueryKey(HANDLE KeyHandle, KEY_INFORMATION_CLASS KeyInformationClass,
                          PVOID KeyInformation, ULONG Length, PULONG ResultLength)
{
    struct reg_key *key;
    NTSTATUS status;

    NT_PASSIVE_ONLY();
    status =
        zw_key_of(KeyHandle, KeyInformationClass == KeyNameInformation ? 0 : KEY_QUERY_VALUE, &key);
    return NT_SUCCESS(status)
               ? describe_key(key, KeyInformationClass, KeyInformation, Length, ResultLength)
               : status;
}
NT_EXPORT(ZwQueryKey);

NTSTATUS NTAPI ZwEnumerateKey(HANDLE KeyHandle, ULONG Index,
                              KEY_INFORMATION_CLASS KeyInformationClass, PVOID KeyInformation,
                              ULONG Length, PULONG ResultLength)
{
    struct reg_key *key, *child;
    NTSTATUS status;

    NT_PASSIVE_ONLY();
    status = zw_key_of(KeyHandle, KEY_ENUMERATE_SUB_KEYS, &key);
    if (!NT_SUCCESS(status))
        return status;
    child = reg_key_child(key, Index);
    return child ? describe_key(child, KeyInformationClass, KeyInformation, Length, ResultLength)
                 : STATUS_NO_MORE_ENTRIES;
}
NT_EXPORT(ZwEnumerateKey);

static NTSTATUS describe_value(struct reg_key *key, const char *name,
                               KEY_VALUE_INFORMATION_CLASS class, PVOID buffer, ULONG length,
                               PULONG needed)
{
    struct answer a = {.gap = 0};
    cleanup_free uint16_t *wide = NULL;
    cleanup_free void *data = NULL;
    ULONG type = 0, size = 0;
    int err = zw_value_get(key, name, &type, &data, &size);

    if (err)
        return zw_status(err);
    wide = widen(name, &a.tail_bytes);
    if (!wide)
        return STATUS_INSUFFICIENT_RESOURCES;
    a.tail = wide;
    a.data = data;
    switch (class) {
    case KeyValueBasicInformation:
        a.head_bytes = offsetof(KEY_VALUE_BASIC_INFORMATION, Name);
        a.head.value_basic.Type = type;
        a.head.value_basic.NameLength = (ULONG)a.tail_bytes;
        break;
    case KeyValueFullInformation:
        a.head_bytes = offsetof(KEY_VALUE_FULL_INFORMATION, Name);
        a.gap = ALIGN_UP(a.head_bytes + a.tail_bytes, (size_t)8) - a.head_bytes - a.tail_bytes;
        a.data_bytes = size;
        a.head.value_full.Type = type;
        a.head.value_full.NameLength = (ULONG)a.tail_bytes;
        a.head.value_full.DataLength = size;
        a.head.value_full.DataOffset = (ULONG)(a.head_bytes + a.tail_bytes + a.gap);
        break;
    case KeyValuePartialInformation:
        a.head_bytes = offsetof(KEY_VALUE_PARTIAL_INFORMATION, Data);
        a.tail_bytes = 0;
        a.data_bytes = size;
        a.head.value_partial.Type = type;
        a.head.value_partial.DataLength = size;
        break;
    default:
        return STATUS_INVALID_PARAMETER;
    }
    return give(&a, buffer, length, needed);
}

NTSTATUS NTAPI ZwQueryValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName,
                               KEY_VALUE_INFORMATION_CLASS KeyValueInformationClass,
                               PVOID KeyValueInformation, ULONG Length, PULONG ResultLength)
{
    cleanup_free char *name = NULL;
    struct reg_key *key;
    NTSTATUS status;

    NT_PASSIVE_ONLY();
    status = zw_key_of(KeyHandle, KEY_QUERY_VALUE, &key);
    if (!NT_SUCCESS(status))
        return status;
    name = zw_utf8(ValueName);
    return name ? describe_value(key, name, KeyValueInformationClass, KeyValueInformation, Length,
                                 ResultLength)
                : STATUS_INSUFFICIENT_RESOURCES;
}
NT_EXPORT(ZwQueryValueKey);

NTSTATUS NTAPI ZwEnumerateValueKey(HANDLE KeyHandle, ULONG Index,
                                   KEY_VALUE_INFORMATION_CLASS KeyValueInformationClass,
                                   PVOID KeyValueInformation, ULONG Length, PULONG ResultLength)
{
    struct reg_key *key;
    const char *name;
    NTSTATUS status;

    NT_PASSIVE_ONLY();
    status = zw_key_of(KeyHandle, KEY_QUERY_VALUE, &key);
    if (!NT_SUCCESS(status))
        return status;
    name = reg_value_name(key, Index);
    return name ? describe_value(key, name, KeyValueInformationClass, KeyValueInformation, Length,
                                 ResultLength)
                : STATUS_NO_MORE_ENTRIES;
}
NT_EXPORT(ZwEnumerateValueKey);
