/* SPDX-License-Identifier: MIT */
/* Registry keys by handle. A handle remembers the access it was opened for; using it for more is refused, as on Windows. */
#include "nt/zw_int.h"
#include "nt/export.h"
#include "nt/finding.h"
#include "nt/handle.h"
#include "nt/ledger.h"
#include "nt/processor.h"
#include "nt/utf.h"

struct key_handle {
    struct reg_key *key;
    ACCESS_MASK access;
};

NTSTATUS zw_status(int err)
{
    switch (err) {
    case 0:
        return STATUS_SUCCESS;
    case -ENOENT:
        return STATUS_OBJECT_NAME_NOT_FOUND;
    case -ENOMEM:
        return STATUS_INSUFFICIENT_RESOURCES;
    case -ENOTEMPTY:
    case -EPERM:
        return STATUS_CANNOT_DELETE;
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

char *zw_utf8(PCUNICODE_STRING text)
{
    size_t units = text->Length / 2u;
    char *out = malloc(units * 3 + 1);

    if (out)
        out[utf8_from_utf16(out, units * 3, (const uint16_t *)text->Buffer, units)] = '\0';
    return out;
}

static bool is_text(ULONG type)
{
    return type == REG_SZ || type == REG_EXPAND_SZ || type == REG_MULTI_SZ;
}

int zw_value_get(struct reg_key *k, const char *name, ULONG *type, void **bytes, ULONG *size)
{
    cleanup_free char *raw = NULL;
    enum reg_type kind;
    int have = reg_get(k, name, NULL, NULL, 0), now;
    size_t units;

    if (have < 0)
        return have;
    raw = malloc((size_t)have + 4);
    if (!raw)
        return -ENOMEM;
    /* It may have changed in between: then it is cut to what there was. */
    now = reg_get(k, name, &kind, raw, (size_t)have);
    if (now < 0)
        return now;
    have = MIN_OF(have, now);
    *type = (ULONG)kind;
    if (!is_text(*type)) {
        memset(raw + have, 0, 4);
        *size = (ULONG)have;
        *bytes = steal(&raw);
        return 0;
    }
    units = utf16_from_utf8(NULL, 0, raw, (size_t)have);
    *bytes = calloc(units + 2, 2);
    if (!*bytes)
        return -ENOMEM;
    *size = (ULONG)(utf16_from_utf8(*bytes, units, raw, (size_t)have) * 2);
    return 0;
}

int zw_value_set(struct reg_key *k, const char *name, ULONG type, const void *bytes, ULONG size)
{
    cleanup_free char *text = NULL;
    cleanup_free uint16_t *wide = NULL;
    size_t units = size / 2;

    if (!is_text(type))
        return reg_set(k, name, (enum reg_type)type, bytes, size);
    wide = malloc(units * 2 + 2); /* the driver's may not be aligned */
    text = malloc(units * 3 + 1);
    if (!wide || !text)
        return -ENOMEM;
    if (units)
        memcpy(wide, bytes, units * 2);
    return reg_set(k, name, (enum reg_type)type, text,
                   utf8_from_utf16(text, units * 3, wide, units));
}

NTSTATUS zw_key_of(HANDLE handle, ACCESS_MASK access, struct reg_key **out)
{
    const struct key_handle *h = nt_handle_object(handle, NT_HANDLE_KEY);

    *out = NULL;
    if (!h)
        return STATUS_INVALID_HANDLE;
    if ((h->access & access) != access)
        return STATUS_ACCESS_DENIED;
    if (reg_key_deleted(h->key))
        return STATUS_KEY_DELETED;
    *out = h->key;
    return STATUS_SUCCESS;
}

static ACCESS_MASK granted(ACCESS_MASK wanted)
{
    if (wanted & GENERIC_ALL)
        wanted |= KEY_ALL_ACCESS;
    if (wanted & (GENERIC_READ | GENERIC_EXECUTE))
        wanted |= KEY_READ;
    if (wanted & GENERIC_WRITE)
        wanted |= KEY_WRITE;
    return wanted;
}

/* The key that the attributes name, made if `create`. *made: it was not there before. */
static NTSTATUS find_key(POBJECT_ATTRIBUTES attributes, bool create, struct reg_key **out,
                         bool *made)
{
    cleanup_free char *path = NULL;
    struct reg_key *root = NULL;
    NTSTATUS status;

    *made = false;
    if (!attributes || !attributes->ObjectName)
        return STATUS_OBJECT_PATH_SYNTAX_BAD;
    path = zw_utf8(attributes->ObjectName);
    if (!path)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (attributes->RootDirectory) {
        status = zw_key_of(attributes->RootDirectory, 0, &root);
        if (!NT_SUCCESS(status))
            return status;
        if (path[0] == '\\')
            return STATUS_OBJECT_PATH_SYNTAX_BAD;
        *out = reg_key_sub(root, path, false);
    } else {
        if (path[0] != '\\' || !registry_system())
            return STATUS_OBJECT_PATH_SYNTAX_BAD;
        *out = registry_open(registry_system(), path, false);
    }
    if (*out || !create)
        return *out ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND;
    *out = root ? reg_key_sub(root, path, true) : registry_open(registry_system(), path, true);
    *made = true;
    return *out ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

static NTSTATUS open_handle(PHANDLE handle, struct reg_key *key, ACCESS_MASK access)
{
    struct key_handle *h = nt_may_allocate() ? malloc(sizeof *h) : NULL;

    if (!h)
        return STATUS_INSUFFICIENT_RESOURCES;
    h->key = key;
    h->access = granted(access);
    *handle = nt_handle_new(NT_HANDLE_KEY, h, free);
    if (*handle)
        return STATUS_SUCCESS;
    free(h);
    return STATUS_INSUFFICIENT_RESOURCES;
}

NTSTATUS NTAPI ZwOpenKey(PHANDLE KeyHandle, ACCESS_MASK DesiredAccess,
                         POBJECT_ATTRIBUTES ObjectAttributes)
{
    struct reg_key *key;
    NTSTATUS status;
    bool made;

    NT_PASSIVE_ONLY();
    status = find_key(ObjectAttributes, false, &key, &made);
    return NT_SUCCESS(status) ? open_handle(KeyHandle, key, DesiredAccess) : status;
}
NT_EXPORT(ZwOpenKey);

NTSTATUS NTAPI ZwCreateKey(PHANDLE KeyHandle, ACCESS_MASK DesiredAccess,
                           POBJECT_ATTRIBUTES ObjectAttributes, ULONG TitleIndex,
                           PUNICODE_STRING Class, ULONG CreateOptions, PULONG Disposition)
{
    struct reg_key *key;
    NTSTATUS status;
    bool made;

    (void)TitleIndex, (void)Class, (void)CreateOptions;
    NT_PASSIVE_ONLY();
    status = find_key(ObjectAttributes, true, &key, &made);
    if (!NT_SUCCESS(status))
        return status;
    if (Disposition)
        *Disposition = made ? REG_CREATED_NEW_KEY : REG_OPENED_EXISTING_KEY;
    return open_handle(KeyHandle, key, DesiredAccess);
}
NT_EXPORT(ZwCreateKey);

NTSTATUS NTAPI ZwClose(HANDLE Handle)
{
    NT_PASSIVE_ONLY();
    if (nt_handle_close(Handle))
        return STATUS_SUCCESS;
    finding_report("NT-HANDLE", "ZwClose: %p is no open handle", Handle);
    return STATUS_INVALID_HANDLE;
}
NT_EXPORT(ZwClose);

NTSTATUS NTAPI ZwDeleteKey(HANDLE KeyHandle)
{
    struct reg_key *key;
    NTSTATUS status;

    NT_PASSIVE_ONLY();
    status = zw_key_of(KeyHandle, DELETE, &key);
    return NT_SUCCESS(status) ? zw_status(reg_key_delete(key)) : status;
}
NT_EXPORT(ZwDeleteKey);

/* The registry is saved by the program, not key by key. */
NTSTATUS NTAPI ZwFlushKey(HANDLE KeyHandle)
{
    struct reg_key *key;

    NT_PASSIVE_ONLY();
    return zw_key_of(KeyHandle, 0, &key);
}
NT_EXPORT(ZwFlushKey);

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
        full->MaxNameLen = MAX_OF(
            full->MaxNameLen, (ULONG)utf16_from_utf8(NULL, 0, name, strlen(name)) * 2);
    }
    for (; (name = reg_value_name(key, full->Values)); full->Values++) {
        int size = reg_get(key, name, NULL, NULL, 0);

        full->MaxValueNameLen = MAX_OF(
            full->MaxValueNameLen, (ULONG)utf16_from_utf8(NULL, 0, name, strlen(name)) * 2);
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
                 strncmp(path, machine, sizeof machine - 1) == 0 ? path + sizeof machine - 1 : path);
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
    status = zw_key_of(KeyHandle, KeyInformationClass == KeyNameInformation ? 0 : KEY_QUERY_VALUE,
                       &key);
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

NTSTATUS NTAPI ZwSetValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName, ULONG TitleIndex,
                             ULONG Type, PVOID Data, ULONG DataSize)
{
    cleanup_free char *name = NULL;
    struct reg_key *key;
    NTSTATUS status;

    (void)TitleIndex;
    NT_PASSIVE_ONLY();
    status = zw_key_of(KeyHandle, KEY_SET_VALUE, &key);
    if (!NT_SUCCESS(status))
        return status;
    name = zw_utf8(ValueName);
    if (!name || !nt_may_allocate())
        return STATUS_INSUFFICIENT_RESOURCES;
    return zw_status(zw_value_set(key, name, Type, Data, DataSize));
}
NT_EXPORT(ZwSetValueKey);

NTSTATUS NTAPI ZwDeleteValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName)
{
    cleanup_free char *name = NULL;
    struct reg_key *key;
    NTSTATUS status;

    NT_PASSIVE_ONLY();
    status = zw_key_of(KeyHandle, KEY_SET_VALUE, &key);
    if (!NT_SUCCESS(status))
        return status;
    name = zw_utf8(ValueName);
    return name ? zw_status(reg_delete(key, name)) : STATUS_INSUFFICIENT_RESOURCES;
}
NT_EXPORT(ZwDeleteValueKey);

#define CLASS_KEY "\\Registry\\Machine\\System\\CurrentControlSet\\Control\\Class\\{4d36e972-e325-11ce-bfc1-08002be10318}"

/* Which instance of the class a device object is, the bus does not know: there is one key only when there is one adapter. */
NTSTATUS NTAPI IoOpenDeviceRegistryKey(PDEVICE_OBJECT DeviceObject, ULONG DevInstKeyType,
                                       ACCESS_MASK DesiredAccess, PHANDLE DeviceRegKey)
{
    struct reg_key *class;

    (void)DeviceObject;
    NT_PASSIVE_ONLY();
    class = registry_system() ? registry_open(registry_system(), CLASS_KEY, false) : NULL;
    if (!(DevInstKeyType & PLUGPLAY_REGKEY_DRIVER) || !class || !reg_key_child(class, 0) ||
        reg_key_child(class, 1))
        return STATUS_OBJECT_NAME_NOT_FOUND;
    return open_handle(DeviceRegKey, reg_key_child(class, 0), DesiredAccess);
}
NT_EXPORT(IoOpenDeviceRegistryKey);
