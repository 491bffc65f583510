/* SPDX-License-Identifier: MIT */
/* What a protocol is told about the adapter it is to bind to: NDIS_BIND_PARAMETERS. */
#include "ndis/binding.h"

static void wide(NDIS_STRING *s, WCHAR *text, size_t room, const char *ascii)
{
    size_t n = 0;

    for (; ascii[n] && n + 1 < room; n++)
        text[n] = (WCHAR)(unsigned char)ascii[n];
    text[n] = 0;
    *s = (NDIS_STRING){.Length = (USHORT)(n * sizeof(WCHAR)),
                       .MaximumLength = (USHORT)((n + 1) * sizeof(WCHAR)),
                       .Buffer = text};
}

static void names_fill(struct ndis_binding *b)
{
    struct ndis_binding_waits *w = b->waits;
    const char *guid = strrchr(b->adapter->ndis_name, '\\');
    char section[256];

    snprintf(section, sizeof(section), "%s\\Parameters\\Adapters\\%s", b->protocol->name,
             guid ? guid + 1 : b->adapter->ndis_name);
    wide(&w->adapter_name, w->adapter_text, ARRAY_LEN(w->adapter_text), b->adapter->ndis_name);
    wide(&w->section_name, w->section_text, ARRAY_LEN(w->section_text), section);
}

static void link_fill(NDIS_BIND_PARAMETERS *p, const struct ndis_adapter *a)
{
    const NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES *g = &a->general;

    p->MaxXmitLinkSpeed = g->MaxXmitLinkSpeed;
    p->MaxRcvLinkSpeed = g->MaxRcvLinkSpeed;
    p->XmitLinkSpeed = a->link.XmitLinkSpeed;
    p->RcvLinkSpeed = a->link.RcvLinkSpeed;
    p->MediaConnectState = a->link.MediaConnectState;
    p->MediaDuplexState = a->link.MediaDuplexState;
}

static void interface_fill(NDIS_BIND_PARAMETERS *p, const struct ndis_adapter *a)
{
    const NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES *g = &a->general;
    NET_LUID luid = {.Value = 0};

    luid.Info.IfType = g->IfType;
    luid.Info.NetLuidIndex = a->index & 0xffffff;
    p->BoundIfNetluid = p->LowestIfNetluid = luid;
    p->BoundIfIndex = p->LowestIfIndex = a->index;
    p->AccessType = g->AccessType;
    p->DirectionType = g->DirectionType;
    p->ConnectionType = g->ConnectionType;
    p->IfType = g->IfType;
    p->IfConnectorPresent = g->IfConnectorPresent;
    p->CompartmentId = NET_IF_COMPARTMENT_ID_PRIMARY;
}

NDIS_BIND_PARAMETERS *ndis_bind_parameters(struct ndis_binding *b)
{
    struct ndis_binding_waits *w = b->waits;
    struct ndis_adapter *a = b->adapter;
    const NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES *g = &a->general;
    NDIS_BIND_PARAMETERS *p = &w->parameters;

    memset(p, 0, sizeof(*p));
    p->Header =
        (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_BIND_PARAMETERS, NDIS_BIND_PARAMETERS_REVISION_4,
                             NDIS_SIZEOF_NDIS_BIND_PARAMETERS_REVISION_4};
    names_fill(b);
    p->ProtocolSection = &w->section_name;
    p->AdapterName = p->BoundAdapterName = &w->adapter_name;
    p->PhysicalDeviceObject = a->device ? nt_device_pdo(a->device) : NULL;
    pthread_spin_lock(&a->lock);
    link_fill(p, a);
    w->connection_offload = a->connection_hardware;
    p->TcpConnectionOffloadCapabilities = a->connection_present ? &w->connection_offload : NULL;
    pthread_spin_unlock(&a->lock);
    p->MediaType = g->MediaType;
    p->PhysicalMediumType = g->PhysicalMediumType;
    p->MtuSize = g->MtuSize;
    p->LookaheadSize = g->LookaheadSize;
    p->SupportedPacketFilters = g->SupportedPacketFilters;
    p->MaxMulticastListSize = g->MaxMulticastListSize;
    p->MacAddressLength = g->MacAddressLength;
    memcpy(p->CurrentMacAddress, g->CurrentMacAddress, sizeof(p->CurrentMacAddress));
    p->PowerManagementCapabilities = g->PowerManagementCapabilities;
    p->RcvScaleCapabilities = g->RecvScaleCapabilities;
    p->DataBackFillSize = g->DataBackFillSize;
    p->ContextBackFillSize = g->ContextBackFillSize;
    p->MacOptions = g->MacOptions;
    interface_fill(p, a);
    ndis_offload_bind_parameters(a, p, &w->offload);
    return p;
}
