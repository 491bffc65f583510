/* SPDX-License-Identifier: MIT */
/* Protocol drivers: registration and the table of them. Pages: NdisRegisterProtocolDriver,
 * NDIS_PROTOCOL_DRIVER_CHARACTERISTICS. */
#include "ndis/binding.h"

#include "nt/export.h"
#include "nt/processor.h"

#include <strings.h>

static pthread_mutex_t protocols_lock = PTHREAD_MUTEX_INITIALIZER;
static struct list protocols = LIST_INIT(protocols);

struct ndis_protocol *ndis_protocol_find(const char *name)
{
    struct ndis_protocol *found = NULL;
    struct list *pos;

    pthread_mutex_lock(&protocols_lock);
    list_for_each(pos, &protocols)
    {
        struct ndis_protocol *p = list_entry(pos, struct ndis_protocol, link);

        if (strcasecmp(p->name, name) == 0) {
            found = p;
            break;
        }
    }
    pthread_mutex_unlock(&protocols_lock);
    return found;
}

void ndis_protocol_link(struct ndis_binding *b)
{
    pthread_mutex_lock(&protocols_lock);
    list_push(&b->protocol->bindings, &b->protocol_link);
    pthread_mutex_unlock(&protocols_lock);
}

void ndis_protocol_unlink(struct ndis_binding *b)
{
    pthread_mutex_lock(&protocols_lock);
    list_unlink(&b->protocol_link);
    pthread_mutex_unlock(&protocols_lock);
}

static bool version_ok(const NDIS_PROTOCOL_DRIVER_CHARACTERISTICS *c)
{
    return c->MajorNdisVersion == 6 && (c->MinorNdisVersion == 0 || c->MinorNdisVersion == 1 ||
                                        c->MinorNdisVersion == 20 || c->MinorNdisVersion == 30);
}

static bool handlers_ok(const NDIS_PROTOCOL_DRIVER_CHARACTERISTICS *c)
{
    return c->BindAdapterHandlerEx && c->UnbindAdapterHandlerEx &&
           c->OpenAdapterCompleteHandlerEx && c->CloseAdapterCompleteHandlerEx &&
           c->NetPnPEventHandler && c->OidRequestCompleteHandler && c->StatusHandlerEx &&
           c->ReceiveNetBufferListsHandler && c->SendNetBufferListsCompleteHandler;
}

static size_t characteristics_bytes(const NDIS_PROTOCOL_DRIVER_CHARACTERISTICS *c)
{
    if (c->Header.Type != NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS)
        return 0;
    if (c->Header.Revision >= NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2 &&
        c->Header.Size >= NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2)
        return NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2;
    if (c->Header.Revision == NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_1 &&
        c->Header.Size >= NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_1)
        return NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_1;
    return 0;
}

static bool name_copy(char *out, size_t room, const NDIS_STRING *name)
{
    size_t n = name->Length / sizeof(WCHAR);

    if (!name->Buffer || n == 0 || n >= room)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (name->Buffer[i] <= 0x20 || name->Buffer[i] >= 0x7f)
            return false;
        out[i] = (char)name->Buffer[i];
    }
    out[n] = '\0';
    return true;
}

/* ProtocolSetOptions, if there is one, may still refuse. */
static NDIS_STATUS set_options(struct ndis_protocol *p)
{
    struct ndis_call call;
    NDIS_STATUS status;

    if (!p->chars.SetOptionsHandler)
        return NDIS_STATUS_SUCCESS;
    call = ndis_call_begin(p->owner);
    status = p->chars.SetOptionsHandler(p, p->context);
    ndis_call_end(&call, "ProtocolSetOptions");
    return status;
}

static void protocol_end(struct ndis_protocol *p)
{
    pthread_mutex_lock(&protocols_lock);
    list_unlink(&p->link);
    pthread_mutex_unlock(&protocols_lock);
    nt_ledger_remove(NT_RES_REGISTRATION, p);
    ndis_handle_retire(&p->handle);
    free(p);
}

NDIS_STATUS NTAPI NdisRegisterProtocolDriver(
    NDIS_HANDLE ProtocolDriverContext,
    PNDIS_PROTOCOL_DRIVER_CHARACTERISTICS ProtocolCharacteristics, PNDIS_HANDLE NdisProtocolHandle)
{
    size_t bytes = ProtocolCharacteristics ? characteristics_bytes(ProtocolCharacteristics) : 0;
    struct ndis_protocol *p;
    NDIS_STATUS status;

    NT_PASSIVE_ONLY();
    if (!bytes || !NdisProtocolHandle)
        return NDIS_STATUS_BAD_CHARACTERISTICS;
    if (!version_ok(ProtocolCharacteristics))
        return NDIS_STATUS_BAD_VERSION;
    if (!handlers_ok(ProtocolCharacteristics))
        return NDIS_STATUS_BAD_CHARACTERISTICS;
    p = nt_may_allocate() ? calloc(1, sizeof(*p)) : NULL;
    if (!p)
        return NDIS_STATUS_RESOURCES;
    memcpy(&p->chars, ProtocolCharacteristics, bytes);
    if (!name_copy(p->name, sizeof(p->name), &p->chars.Name) || ndis_protocol_find(p->name)) {
        free(p);
        return NDIS_STATUS_BAD_CHARACTERISTICS;
    }
    p->context = ProtocolDriverContext;
    p->owner = nt_owner_current();
    list_init(&p->bindings);
    ndis_handle_register(&p->handle, NDIS_H_PROTOCOL);
    nt_ledger_add(NT_RES_REGISTRATION, p, sizeof(*p), 0);
    pthread_mutex_lock(&protocols_lock);
    list_push(&protocols, &p->link);
    pthread_mutex_unlock(&protocols_lock);
    *NdisProtocolHandle = p;
    status = set_options(p);
    if (status == NDIS_STATUS_SUCCESS)
        return status;
    *NdisProtocolHandle = NULL;
    protocol_end(p);
    return status;
}
NT_EXPORT(NdisRegisterProtocolDriver);

VOID NTAPI NdisDeregisterProtocolDriver(NDIS_HANDLE NdisProtocolHandle)
{
    struct ndis_protocol *p = ndis_handle_get(NdisProtocolHandle, NDIS_H_PROTOCOL, __func__);

    NT_PASSIVE_ONLY();
    if (!p)
        return;
    ndis_bindings_of_protocol_end(p);
    protocol_end(p);
}
NT_EXPORT(NdisDeregisterProtocolDriver);

/* Nothing was left unbound for want of the protocol: connections are bound as soon as they can be.
 */
NDIS_STATUS NTAPI NdisReEnumerateProtocolBindings(NDIS_HANDLE NdisProtocolHandle)
{
    NT_PASSIVE_ONLY();
    return ndis_handle_get(NdisProtocolHandle, NDIS_H_PROTOCOL, __func__) ? NDIS_STATUS_SUCCESS
                                                                          : NDIS_STATUS_FAILURE;
}
NT_EXPORT(NdisReEnumerateProtocolBindings);

NDIS_STATUS NTAPI NdisQueryAdapterInstanceName(PNDIS_STRING pAdapterInstanceName,
                                               NDIS_HANDLE NdisBindingHandle)
{
    struct ndis_binding *b = ndis_handle_get(NdisBindingHandle, NDIS_H_BINDING, __func__);
    size_t n = b ? strlen(b->adapter->name) : 0;
    WCHAR *text;

    NT_PASSIVE_ONLY();
    if (!b)
        return NDIS_STATUS_FAILURE;
    text = NdisAllocateMemoryWithTagPriority(NULL, (UINT)((n + 1) * sizeof(WCHAR)), 0x6e69644e,
                                             NormalPoolPriority);
    if (!text)
        return NDIS_STATUS_RESOURCES;
    for (size_t i = 0; i <= n; i++)
        text[i] = (WCHAR)(unsigned char)b->adapter->name[i];
    *pAdapterInstanceName = (NDIS_STRING){.Length = (USHORT)(n * sizeof(WCHAR)),
                                          .MaximumLength = (USHORT)((n + 1) * sizeof(WCHAR)),
                                          .Buffer = text};
    return NDIS_STATUS_SUCCESS;
}
NT_EXPORT(NdisQueryAdapterInstanceName);
