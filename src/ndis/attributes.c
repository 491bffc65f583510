/* SPDX-License-Identifier: MIT */
/*
 * NdisMSetMiniportAttributes: the blocks by which a miniport describes an adapter while it
 * initializes. Order: registration, general, then any other (INIT-3). NDIS keeps copies of all it
 * needs (INIT-11).
 */
#include "ndis/private.h"

#include "nt/export.h"

void ndis_attributes_reset(struct ndis_adapter *a)
{
    a->registration_set = false;
    a->general_set = false;
    free(a->supported_oids);
    a->supported_oids = NULL;
    a->supported_oid_count = 0;
    free(a->general.RecvScaleCapabilities);
    pthread_spin_lock(&a->lock);
    memset(&a->general, 0, sizeof(a->general));
    memset(&a->registration, 0, sizeof(a->registration));
    memset(&a->link, 0, sizeof(a->link));
    pthread_spin_unlock(&a->lock);
    a->context = NULL;
    a->admin_filter = 0;
    a->filter_set = 0;
    a->lookahead_set = 0;
    atomic_store(&a->packet_filter, 0);
    ndis_offload_reset(a);
}

/* Revision known and the structure as long as that revision is (INIT-2, INIT-6). */
static NDIS_STATUS check_header(struct ndis_adapter *a, const NDIS_OBJECT_HEADER *h, UCHAR newest,
                                USHORT least)
{
    if (h->Revision == 0 || h->Revision > newest) {
        ndis_adapter_finding(a, "INIT-6",
                             "attributes of type 0x%02x in revision %u; known are 1 to %u", h->Type,
                             h->Revision, newest);
        return NDIS_STATUS_BAD_VERSION;
    }
    if (h->Size < least) {
        ndis_adapter_finding(a, "INIT-2",
                             "attributes of type 0x%02x with Size %u; at least %u is needed",
                             h->Type, h->Size, least);
        return NDIS_STATUS_FAILURE;
    }
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS set_registration(struct ndis_adapter *a,
                                    const NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES *r)
{
    NDIS_STATUS status =
        check_header(a, &r->Header, NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_2,
                     NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1);

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (a->registration_set) {
        ndis_adapter_finding(a, "INIT-3", "registration attributes are set twice");
        return NDIS_STATUS_FAILURE;
    }
    memset(&a->registration, 0, sizeof(a->registration));
    memcpy(&a->registration, r, MIN_OF(sizeof(a->registration), (size_t)r->Header.Size));
    a->context = r->MiniportAdapterContext;
    a->hang_period_s = r->CheckForHangTimeInSeconds;
    a->registration_set = true;
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS copy_oids(struct ndis_adapter *a,
                             const NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES *g)
{
    free(a->supported_oids);
    a->supported_oids = NULL;
    a->supported_oid_count = 0;
    if (!g->SupportedOidList || g->SupportedOidListLength < sizeof(NDIS_OID))
        return NDIS_STATUS_SUCCESS;
    a->supported_oids = malloc(g->SupportedOidListLength);
    if (!a->supported_oids)
        return NDIS_STATUS_RESOURCES;
    memcpy(a->supported_oids, g->SupportedOidList, g->SupportedOidListLength);
    a->supported_oid_count = (ULONG)(g->SupportedOidListLength / sizeof(NDIS_OID));
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS copy_rss(struct ndis_adapter *a,
                            const NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES *g)
{
    const NDIS_RECEIVE_SCALE_CAPABILITIES *from = g->RecvScaleCapabilities;

    free(a->general.RecvScaleCapabilities);
    a->general.RecvScaleCapabilities = NULL;
    if (!from || from->Header.Size < sizeof(NDIS_OBJECT_HEADER))
        return NDIS_STATUS_SUCCESS;
    a->general.RecvScaleCapabilities = calloc(1, MAX_OF(sizeof(*from), (size_t)from->Header.Size));
    if (!a->general.RecvScaleCapabilities)
        return NDIS_STATUS_RESOURCES;
    memcpy(a->general.RecvScaleCapabilities, from, from->Header.Size);
    return NDIS_STATUS_SUCCESS;
}

static void initial_link(struct ndis_adapter *a, const NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES *g)
{
    a->link.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    a->link.Header.Revision = NDIS_LINK_STATE_REVISION_1;
    a->link.Header.Size = NDIS_SIZEOF_LINK_STATE_REVISION_1;
    a->link.MediaConnectState = g->MediaConnectState;
    a->link.MediaDuplexState = g->MediaDuplexState;
    a->link.XmitLinkSpeed = g->XmitLinkSpeed;
    a->link.RcvLinkSpeed = g->RcvLinkSpeed;
}

static NDIS_STATUS set_general(struct ndis_adapter *a,
                               const NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES *g)
{
    NDIS_STATUS status =
        check_header(a, &g->Header, NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
                     NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_1);
    NDIS_RECEIVE_SCALE_CAPABILITIES *rss;

    if (status == NDIS_STATUS_SUCCESS)
        status = copy_oids(a, g);
    if (status == NDIS_STATUS_SUCCESS)
        status = copy_rss(a, g);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (g->MacAddressLength > sizeof(g->CurrentMacAddress)) {
        ndis_adapter_finding(a, "INIT-6", "MacAddressLength is %u", g->MacAddressLength);
        return NDIS_STATUS_FAILURE;
    }
    rss = a->general.RecvScaleCapabilities;
    pthread_spin_lock(&a->lock);
    memset(&a->general, 0, sizeof(a->general));
    memcpy(&a->general, g, MIN_OF(sizeof(a->general), (size_t)g->Header.Size));
    /* Nothing may point back into the driver. */
    a->general.SupportedOidList = a->supported_oids;
    a->general.SupportedOidListLength = (ULONG)(a->supported_oid_count * sizeof(NDIS_OID));
    a->general.RecvScaleCapabilities = rss;
    a->general.PowerManagementCapabilities = NULL;
    initial_link(a, g);
    a->general_set = true;
    pthread_spin_unlock(&a->lock);
    return status;
}

static NDIS_STATUS set_offload(struct ndis_adapter *a,
                               const NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES *o)
{
    NDIS_STATUS status =
        check_header(a, &o->Header, NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES_REVISION_1,
                     NDIS_SIZEOF_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES_REVISION_1);

    return status == NDIS_STATUS_SUCCESS ? ndis_offload_attributes(a, o) : status;
}

static NDIS_STATUS set_add_device(struct ndis_adapter *a,
                                  const NDIS_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES *d)
{
    NDIS_STATUS status =
        check_header(a, &d->Header, NDIS_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES_REVISION_1,
                     NDIS_SIZEOF_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES_REVISION_1);

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (!a->adding) {
        ndis_adapter_finding(a, "INIT-3", "add-device attributes outside MiniportAddDevice");
        return NDIS_STATUS_FAILURE;
    }
    a->add_device_context = d->MiniportAddDeviceContext;
    return NDIS_STATUS_SUCCESS;
}

/* INIT-1, INIT-3: from inside MiniportInitializeEx, and in order. */
static bool in_order(struct ndis_adapter *a, UCHAR type)
{
    if (ndis_adapter_state(a) != NDIS_ADAPTER_INITIALIZING) {
        ndis_adapter_finding(a, "INIT-1",
                             "attributes of type 0x%02x set when %s, not while initializing", type,
                             ndis_adapter_state_name(ndis_adapter_state(a)));
        return false;
    }
    if (type == NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES)
        return true;
    if (!a->registration_set ||
        (!a->general_set && type != NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES)) {
        ndis_adapter_finding(a, "INIT-3", "attributes of type 0x%02x before the %s attributes",
                             type, a->registration_set ? "general" : "registration");
        return false;
    }
    return true;
}

static NDIS_STATUS set_attributes(struct ndis_adapter *a, const NDIS_OBJECT_HEADER *h)
{
    if (h->Type == NDIS_OBJECT_TYPE_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES)
        return set_add_device(a, (const void *)h);
    if (!in_order(a, h->Type))
        return NDIS_STATUS_FAILURE;
    switch (h->Type) {
    case NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES:
        return set_registration(a, (const void *)h);
    case NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES:
        return set_general(a, (const void *)h);
    case NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES:
        return set_offload(a, (const void *)h);
    case NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES:
        /* Filters, switches and the like: nothing above this runtime asks for them. */
        return check_header(a, h, 4, sizeof(NDIS_OBJECT_HEADER));
    default:
        ndis_adapter_finding(a, "INIT-2", "attributes of unknown type 0x%02x", h->Type);
        return NDIS_STATUS_FAILURE;
    }
}

NDIS_STATUS NTAPI NdisMSetMiniportAttributes(NDIS_HANDLE NdisMiniportHandle,
                                             PNDIS_MINIPORT_ADAPTER_ATTRIBUTES MiniportAttributes)
{
    const NDIS_OBJECT_HEADER *h = (const NDIS_OBJECT_HEADER *)MiniportAttributes;
    struct ndis_adapter *a = ndis_adapter_get(NdisMiniportHandle, __func__);
    const struct ndis_observer *o = ndis_observer_;
    NDIS_STATUS status;

    if (!a || !h)
        return NDIS_STATUS_FAILURE;
    if (nt_thread_self()->irql > 0) {
        ndis_adapter_finding(a, "INIT-5", "%s at IRQL %u", __func__, nt_thread_self()->irql);
        return NDIS_STATUS_FAILURE;
    }
    status = nt_may_allocate() ? set_attributes(a, h) : NDIS_STATUS_RESOURCES;
    if (o && o->attributes)
        o->attributes(o->arg, a, h, status);
    return status;
}
NT_EXPORT(NdisMSetMiniportAttributes);
