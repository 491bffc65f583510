/* SPDX-License-Identifier: MIT */
/* The registry by path and by table (the pages of RtlQueryRegistryValues and its kin). Environment
 * strings are not expanded: drivers have no environment. */
#include "nt/zw_int.h"
#include "nt/export.h"
#include "nt/processor.h"
#include "nt/utf.h"

#define CONTROL_SET "\\Registry\\Machine\\System\\CurrentControlSet\\"
enum { STRING_TAG = 0x7274534e /* "NStr" */ };

static const char *const bases[] = {
    [RTL_REGISTRY_ABSOLUTE] = "",
    [RTL_REGISTRY_SERVICES] = CONTROL_SET "Services\\",
    [RTL_REGISTRY_CONTROL] = CONTROL_SET "Control\\",
    [RTL_REGISTRY_WINDOWS_NT] =
        "\\Registry\\Machine\\Software\\Microsoft\\Windows NT\\CurrentVersion\\",
    [RTL_REGISTRY_DEVICEMAP] = "\\Registry\\Machine\\Hardware\\DeviceMap\\",
    [RTL_REGISTRY_USER] = "\\Registry\\User\\.Default\\",
};

static char *utf8_of(PCWSTR text)
{
    UNICODE_STRING s;

    RtlInitUnicodeString(&s, text ? text : L"");
    return zw_utf8(&s);
}

/* With RTL_REGISTRY_HANDLE, Path is the handle itself. */
static NTSTATUS open_path(ULONG relative_to, PCWSTR path, bool create, struct reg_key **out)
{
    ULONG base = relative_to & ~(ULONG)(RTL_REGISTRY_HANDLE | RTL_REGISTRY_OPTIONAL);
    cleanup_free char *tail = NULL;
    cleanup_free char *full = NULL;

    if (relative_to & RTL_REGISTRY_HANDLE)
        return zw_key_of((HANDLE)(uintptr_t)path, 0, out);
    if (base >= ARRAY_LEN(bases) || !registry_system())
        return STATUS_INVALID_PARAMETER;
    tail = utf8_of(path);
    if (!tail || asprintf(&full, "%s%s", bases[base], tail) < 0)
        return STATUS_INSUFFICIENT_RESOURCES;
    *out = registry_open(registry_system(), full, create);
    if (*out)
        return STATUS_SUCCESS;
    return create ? STATUS_INSUFFICIENT_RESOURCES : STATUS_OBJECT_NAME_NOT_FOUND;
}

NTSTATUS NTAPI RtlCheckRegistryKey(ULONG RelativeTo, PWSTR Path)
{
    struct reg_key *k;

    NT_PASSIVE_ONLY();
    return open_path(RelativeTo, Path, false, &k);
}
NT_EXPORT(RtlCheckRegistryKey);

NTSTATUS NTAPI RtlCreateRegistryKey(ULONG RelativeTo, PWSTR Path)
{
    struct reg_key *k;

    NT_PASSIVE_ONLY();
    return open_path(RelativeTo, Path, true, &k);
}
NT_EXPORT(RtlCreateRegistryKey);

NTSTATUS NTAPI RtlWriteRegistryValue(ULONG RelativeTo, PCWSTR Path, PCWSTR ValueName,
                                     ULONG ValueType, PVOID ValueData, ULONG ValueLength)
{
    cleanup_free char *name = utf8_of(ValueName);
    struct reg_key *k;
    NTSTATUS status;

    NT_PASSIVE_ONLY();
    if (!name)
        return STATUS_INSUFFICIENT_RESOURCES;
    status = open_path(RelativeTo, Path, true, &k);
    return NT_SUCCESS(status) ? zw_status(zw_value_set(k, name, ValueType, ValueData, ValueLength))
                              : status;
}
NT_EXPORT(RtlWriteRegistryValue);

NTSTATUS NTAPI RtlDeleteRegistryValue(ULONG RelativeTo, PCWSTR Path, PCWSTR ValueName)
{
    cleanup_free char *name = utf8_of(ValueName);
    struct reg_key *k;
    NTSTATUS status;

    NT_PASSIVE_ONLY();
    if (!name)
        return STATUS_INSUFFICIENT_RESOURCES;
    status = open_path(RelativeTo, Path, false, &k);
    return NT_SUCCESS(status) ? zw_status(reg_delete(k, name)) : status;
}
NT_EXPORT(RtlDeleteRegistryValue);

struct query {
    const RTL_QUERY_REGISTRY_TABLE *entry;
    PVOID context;
    struct reg_key *key;
};

/* Text into a UNICODE_STRING, whose buffer is made if it has none. */
static NTSTATUS store_text(UNICODE_STRING *to, const void *data, ULONG size)
{
    if (size > 0xfffe)
        return STATUS_BUFFER_TOO_SMALL;
    if (!to->Buffer) {
        to->Buffer = ExAllocatePoolWithTag(PagedPool, MAX_OF(size, 2u), STRING_TAG);
        if (!to->Buffer)
            return STATUS_NO_MEMORY;
        to->MaximumLength = (USHORT)size;
    } else if (size > to->MaximumLength) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    if (size)
        memcpy(to->Buffer, data, size);
    to->Length = (USHORT)(size >= 2 ? size - 2 : 0); /* without its terminator */
    return STATUS_SUCCESS;
}

/* RTL_QUERY_REGISTRY_DIRECT: up to 4 bytes as they are; more if the buffer's first ULONG is its
 * size, negative, or positive and then size and type go before the data. */
static NTSTATUS store_direct(PVOID to, ULONG type, const void *data, ULONG size)
{
    LONG room;
    PULONG head = to;

    if (type == REG_SZ || type == REG_EXPAND_SZ || type == REG_MULTI_SZ)
        return store_text(to, data, size);
    if (size <= sizeof(ULONG)) {
        memcpy(to, data, size);
        return STATUS_SUCCESS;
    }
    memcpy(&room, to, sizeof room);
    if (room < 0) {
        if (size > (ULONG)0 - (ULONG)room)
            return STATUS_BUFFER_TOO_SMALL;
        memcpy(to, data, size);
        return STATUS_SUCCESS;
    }
    if (size + 2 * sizeof(ULONG) > (ULONG)room)
        return STATUS_BUFFER_TOO_SMALL;
    head[0] = size;
    head[1] = type;
    memcpy(head + 2, data, size);
    return STATUS_SUCCESS;
}

static NTSTATUS call_routine(const struct query *q, PWSTR name, ULONG type, PWCHAR data, ULONG size)
{
    const RTL_QUERY_REGISTRY_TABLE *e = q->entry;
    NTSTATUS status = STATUS_SUCCESS;

    if (type != REG_MULTI_SZ || (e->Flags & RTL_QUERY_REGISTRY_NOEXPAND)) {
        if (type == REG_EXPAND_SZ && !(e->Flags & RTL_QUERY_REGISTRY_NOEXPAND))
            type = REG_SZ;
        return e->QueryRoutine(name, type, data, size, q->context, e->EntryContext);
    }
    /* One call per string. */
    for (ULONG at = 0; at < size / 2 && data[at] && NT_SUCCESS(status);) {
        ULONG n = 0;

        while (at + n < size / 2 && data[at + n])
            n++;
        status = e->QueryRoutine(name, REG_SZ, data + at, (n + 1) * 2, q->context, e->EntryContext);
        at += n + 1;
    }
    return status;
}

static NTSTATUS deliver(const struct query *q, PWSTR name, ULONG type, void *data, ULONG size)
{
    const RTL_QUERY_REGISTRY_TABLE *e = q->entry;

    if (!(e->Flags & RTL_QUERY_REGISTRY_DIRECT))
        return e->QueryRoutine ? call_routine(q, name, type, data, size) : STATUS_SUCCESS;
    if ((e->Flags & RTL_QUERY_REGISTRY_TYPECHECK) &&
        e->DefaultType >> RTL_QUERY_REGISTRY_TYPECHECK_SHIFT != type)
        return STATUS_OBJECT_TYPE_MISMATCH;
    return store_direct(e->EntryContext, type, data, size);
}

/* Length 0 of a text default: up to its end. */
static NTSTATUS deliver_default(const struct query *q)
{
    const RTL_QUERY_REGISTRY_TABLE *e = q->entry;
    ULONG type = e->DefaultType & 0xff, size = e->DefaultLength;
    const WCHAR *text = e->DefaultData;

    if (type == REG_NONE)
        return e->Flags & RTL_QUERY_REGISTRY_REQUIRED ? STATUS_OBJECT_NAME_NOT_FOUND
                                                      : STATUS_SUCCESS;
    if (size == 0 && text && (type == REG_SZ || type == REG_EXPAND_SZ)) {
        while (text[size / 2])
            size += 2;
        size += 2;
    }
    return deliver(q, e->Name, type, e->DefaultData, size);
}

static NTSTATUS query_value(const struct query *q, const char *name, PWSTR wide_name)
{
    cleanup_free void *data = NULL;
    ULONG type = 0, size = 0;
    NTSTATUS status;
    int err = zw_value_get(q->key, name, &type, &data, &size);

    if (err == -ENOENT)
        return deliver_default(q);
    if (err)
        return zw_status(err);
    status = deliver(q, wide_name, type, data, size);
    if (NT_SUCCESS(status) && (q->entry->Flags & RTL_QUERY_REGISTRY_DELETE))
        reg_delete(q->key, name);
    return status;
}

static NTSTATUS query_all(const struct query *q)
{
    NTSTATUS status = STATUS_SUCCESS;
    const char *name;

    for (unsigned n = 0; (name = reg_value_name(q->key, n)) && NT_SUCCESS(status); n++) {
        size_t units = utf16_from_utf8(NULL, 0, name, strlen(name));
        cleanup_free WCHAR *wide = calloc(units + 1, sizeof *wide);

        if (!wide)
            return STATUS_INSUFFICIENT_RESOURCES;
        utf16_from_utf8((uint16_t *)wide, units, name, strlen(name));
        status = query_value(q, name, wide);
    }
    return status;
}

static NTSTATUS query_entry(struct query *q, struct reg_key *top)
{
    const RTL_QUERY_REGISTRY_TABLE *e = q->entry;
    cleanup_free char *name = NULL;

    if (e->Flags & (RTL_QUERY_REGISTRY_TOPKEY | RTL_QUERY_REGISTRY_SUBKEY))
        q->key = top;
    name = utf8_of(e->Name);
    if (!name)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (e->Flags & RTL_QUERY_REGISTRY_SUBKEY) {
        if (!e->Name)
            return STATUS_INVALID_PARAMETER;
        q->key = reg_key_sub(top, name, false);
        if (!q->key)
            return e->Flags & RTL_QUERY_REGISTRY_REQUIRED ? STATUS_OBJECT_NAME_NOT_FOUND
                                                          : STATUS_SUCCESS;
        return e->QueryRoutine ? query_all(q) : STATUS_SUCCESS;
    }
    if (e->Flags & RTL_QUERY_REGISTRY_NOVALUE)
        return e->QueryRoutine
                   ? e->QueryRoutine(NULL, REG_NONE, NULL, 0, q->context, e->EntryContext)
                   : STATUS_INVALID_PARAMETER;
    if (!q->key)
        return deliver_default(q); /* under a subkey that is not there */
    if (e->Name)
        return query_value(q, name, e->Name);
    if (e->Flags & RTL_QUERY_REGISTRY_DIRECT)
        return STATUS_INVALID_PARAMETER;
    return query_all(q);
}

NTSTATUS NTAPI RtlQueryRegistryValues(ULONG RelativeTo, PCWSTR Path,
                                      PRTL_QUERY_REGISTRY_TABLE QueryTable, PVOID Context,
                                      PVOID Environment)
{
    struct query q = {.entry = QueryTable, .context = Context};
    struct reg_key *top;
    NTSTATUS status;

    (void)Environment;
    NT_PASSIVE_ONLY();
    status = open_path(RelativeTo, Path, false, &top);
    if (!NT_SUCCESS(status) && !(RelativeTo & RTL_REGISTRY_OPTIONAL))
        return status;
    if (!NT_SUCCESS(status))
        return STATUS_SUCCESS;
    q.key = top;
    for (; q.entry->QueryRoutine || q.entry->Name; q.entry++) {
        status = query_entry(&q, top);
        if (!NT_SUCCESS(status))
            return status;
    }
    return STATUS_SUCCESS;
}
NT_EXPORT(RtlQueryRegistryValues);
