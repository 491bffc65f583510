/* SPDX-License-Identifier: MIT */
/* Registry keys by handle. A handle remembers the access it was opened for; using it for more is
 * refused, as on Windows. */
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

/* Which instance of the class a device object is, the bus does not know: there is one key only when
 * there is one adapter. */
NTSTATUS NTAPI IoOpenDeviceRegistryKey(PDEVICE_OBJECT DeviceObject, ULONG DevInstKeyType,
                                       ACCESS_MASK DesiredAccess, PHANDLE DeviceRegKey)
{
    struct reg_key *class;

    (void)DeviceObject;
    NT_PASSIVE_ONLY();
    class =
        registry_system() ? registry_open(registry_system(), REGISTRY_NETWORK_CLASS, false) : NULL;
    if (!(DevInstKeyType & PLUGPLAY_REGKEY_DRIVER) || !class || !reg_key_child(class, 0) ||
        reg_key_child(class, 1))
        return STATUS_OBJECT_NAME_NOT_FOUND;
    return open_handle(DeviceRegKey, reg_key_child(class, 0), DesiredAccess);
}
NT_EXPORT(IoOpenDeviceRegistryKey);
