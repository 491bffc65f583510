/* SPDX-License-Identifier: MIT */
/* Registration of miniport and intermediate drivers: versions, characteristics, optional handlers.
 */
#include "ndis/private.h"

#include "nt/export.h"

/* NdisMRegisterMiniportDriver: what must be there for each version
 * (NDIS_MINIPORT_DRIVER_CHARACTERISTICS page). */
static NDIS_STATUS check_version(const NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    if (c->MajorNdisVersion != 6)
        return NDIS_STATUS_BAD_VERSION;
    switch (c->MinorNdisVersion) {
    case 0:
    case 1:
    case 20:
    case 30:
        return NDIS_STATUS_SUCCESS;
    default:
        return NDIS_STATUS_BAD_VERSION;
    }
}

static NDIS_STATUS check_header(const NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    bool direct =
        c->MinorNdisVersion >= 1; /* 6.1 added the direct requests and with them revision 2 */
    USHORT need = direct ? NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2
                         : NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_1;
    UCHAR revision = direct ? NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2
                            : NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_1;

    if (c->Header.Type == NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS &&
        c->Header.Revision >= revision && c->Header.Size >= need)
        return NDIS_STATUS_SUCCESS;
    finding_report(
        "NT-REGISTER",
        "NdisMRegisterMiniportDriver: header type 0x%02x, revision %u, size %u; NDIS 6.%u "
        "wants 0x%02x, %u, %u",
        c->Header.Type, c->Header.Revision, c->Header.Size, c->MinorNdisVersion,
        NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS, revision, need);
    return NDIS_STATUS_BAD_CHARACTERISTICS;
}

static const char *missing_handler(const NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    const struct {
        bool there;
        const char *name;
    } needed[] = {
        {c->InitializeHandlerEx != NULL, "MiniportInitializeEx"},
        {c->HaltHandlerEx != NULL, "MiniportHaltEx"},
        {c->UnloadHandler != NULL, "MiniportDriverUnload"},
        {c->PauseHandler != NULL, "MiniportPause"},
        {c->RestartHandler != NULL, "MiniportRestart"},
        {c->OidRequestHandler != NULL, "MiniportOidRequest"},
        {c->SendNetBufferListsHandler != NULL, "MiniportSendNetBufferLists"},
        {c->ReturnNetBufferListsHandler != NULL, "MiniportReturnNetBufferLists"},
        {c->CancelSendHandler != NULL, "MiniportCancelSend"},
        {c->DevicePnPEventNotifyHandler != NULL, "MiniportDevicePnPEventNotify"},
        {c->ShutdownHandlerEx != NULL, "MiniportShutdownEx"},
        {c->CancelOidRequestHandler != NULL, "MiniportCancelOidRequest"},
    };

    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        if (!needed[i].there)
            return needed[i].name;
    return NULL;
}

static void chain(struct nt_driver *nt, struct ndis_driver *d)
{
    d->next = nt_driver_ndis(nt);
    nt_driver_set_ndis(nt, d);
}

static void unchain(struct ndis_driver *d)
{
    struct ndis_driver *first = nt_driver_ndis(d->nt);

    if (first == d) {
        nt_driver_set_ndis(d->nt, d->next);
        return;
    }
    for (; first; first = first->next)
        if (first->next == d)
            first->next = d->next;
}

struct ndis_driver *ndis_driver_of(struct nt_driver *nt, bool intermediate)
{
    struct ndis_driver *first = nt ? nt_driver_ndis(nt) : NULL;

    for (struct ndis_driver *d = first; d; d = d->next)
        if (d->intermediate == intermediate)
            return d;
    return first;
}

void ndis_driver_release(struct ndis_driver *d)
{
    if (d->deregistered && list_empty(&d->adapters))
        free(d);
}

static void deregister(struct ndis_driver *d)
{
    struct list *pos;

    list_for_each(pos, &d->adapters)
    {
        struct ndis_adapter *a = list_entry(pos, struct ndis_adapter, driver_link);

        if (ndis_adapter_state(a) != NDIS_ADAPTER_HALTED)
            ndis_adapter_finding(a, "GEN-10", "the driver deregisters while the adapter is %s",
                                 ndis_adapter_state_name(ndis_adapter_state(a)));
    }
    nt_ledger_remove(NT_RES_REGISTRATION, d);
    ndis_handle_retire(&d->handle);
    unchain(d);
    d->deregistered = true;
    ndis_driver_release(d);
}

static NDIS_STATUS call_set_options(struct ndis_driver *d)
{
    struct ndis_call call;
    NDIS_STATUS status;

    if (!d->chars.SetOptionsHandler)
        return NDIS_STATUS_SUCCESS;
    call = ndis_call_begin(d->owner);
    status = d->chars.SetOptionsHandler(d, d->context);
    ndis_call_end(&call, "MiniportSetOptions");
    return status;
}

static NDIS_STATUS check_registration(const NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    NDIS_STATUS status = check_version(c);
    const char *missing;

    if (status == NDIS_STATUS_SUCCESS)
        status = check_header(c);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    missing = missing_handler(c);
    if (!missing)
        return NDIS_STATUS_SUCCESS;
    finding_report("NT-REGISTER", "NdisMRegisterMiniportDriver: no %s", missing);
    return NDIS_STATUS_BAD_CHARACTERISTICS;
}

NDIS_STATUS NTAPI NdisMRegisterMiniportDriver(
    PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath, NDIS_HANDLE MiniportDriverContext,
    PNDIS_MINIPORT_DRIVER_CHARACTERISTICS MiniportDriverCharacteristics,
    PNDIS_HANDLE NdisMiniportDriverHandle)
{
    const NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c = MiniportDriverCharacteristics;
    struct nt_driver *nt = nt_driver_from_object(DriverObject);
    struct ndis_driver *d;
    NDIS_STATUS status;

    (void)RegistryPath;
    if (!NT_PASSIVE_ONLY() || !nt || !c || !NdisMiniportDriverHandle)
        return NDIS_STATUS_FAILURE;
    *NdisMiniportDriverHandle = NULL;
    status = check_registration(c);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    d = nt_may_allocate() ? calloc(1, sizeof(*d)) : NULL;
    if (!d)
        return NDIS_STATUS_RESOURCES;
    d->nt = nt;
    d->owner = nt_driver_owner(nt);
    d->context = MiniportDriverContext;
    d->intermediate = (c->Flags & NDIS_INTERMEDIATE_DRIVER) != 0;
    memcpy(&d->chars, c, MIN_OF(sizeof(d->chars), (size_t)c->Header.Size));
    list_init(&d->adapters);
    nt_ledger_add(NT_RES_REGISTRATION, d, sizeof(*d), 0);
    ndis_handle_register(&d->handle, NDIS_H_MINIPORT_DRIVER);
    chain(nt, d);
    status = call_set_options(d);
    if (status != NDIS_STATUS_SUCCESS) {
        deregister(d);
        return status;
    }
    DriverObject->DriverUnload = c->UnloadHandler;
    *NdisMiniportDriverHandle = d;
    return status;
}
NT_EXPORT(NdisMRegisterMiniportDriver);

VOID NTAPI NdisMDeregisterMiniportDriver(NDIS_HANDLE NdisMiniportDriverHandle)
{
    struct ndis_driver *d =
        ndis_handle_get(NdisMiniportDriverHandle, NDIS_H_MINIPORT_DRIVER, __func__);

    if (!NT_PASSIVE_ONLY() || !d)
        return;
    deregister(d);
}
NT_EXPORT(NdisMDeregisterMiniportDriver);

static NDIS_STATUS set_pnp(NDIS_HANDLE h, const NDIS_MINIPORT_PNP_CHARACTERISTICS *p)
{
    struct ndis_driver *d = ndis_handle_get(h, NDIS_H_MINIPORT_DRIVER, "NdisSetOptionalHandlers");

    if (!d || p->Header.Size < NDIS_SIZEOF_MINIPORT_PNP_CHARACTERISTICS_REVISION_1)
        return NDIS_STATUS_FAILURE;
    d->pnp = *p;
    return NDIS_STATUS_SUCCESS;
}

/* Services that this runtime has no use for (co-NDIS, chimney, NDK, selective suspend) are refused,
 * so that a driver does not count on them. */
NDIS_STATUS NTAPI NdisSetOptionalHandlers(NDIS_HANDLE NdisHandle, PVOID OptionalHandlers)
{
    const NDIS_OBJECT_HEADER *header = OptionalHandlers;

    if (!NT_PASSIVE_ONLY() || !header || !NdisHandle || !ndis_handle_is_any(NdisHandle, __func__))
        return NDIS_STATUS_FAILURE;
    if (!nt_may_allocate())
        return NDIS_STATUS_RESOURCES;
    if (header->Type == NDIS_OBJECT_TYPE_MINIPORT_PNP_CHARACTERISTICS)
        return set_pnp(NdisHandle, OptionalHandlers);
    return NDIS_STATUS_NOT_SUPPORTED;
}
NT_EXPORT(NdisSetOptionalHandlers);
