/* SPDX-License-Identifier: MIT */
/* Where faults come in that concern the configuration: reports of the driver, answers and
 * indications of NDIS, the administrator's GUIDs. */
#include "hosts.h"

#include "ndis/private.h"

void __wrap_ndis_adapter_set_state(struct ndis_adapter *a, enum ndis_adapter_state to);
NDIS_STATUS __real_ndis_wmi_query(struct ndis_adapter *a, const GUID *guid, void *buffer,
                                  ULONG *bytes);
NDIS_STATUS __wrap_ndis_wmi_query(struct ndis_adapter *a, const GUID *guid, void *buffer,
                                  ULONG *bytes);
NDIS_STATUS __real_ndis_wmi_set(struct ndis_adapter *a, const GUID *guid, const void *buffer,
                                ULONG bytes);
NDIS_STATUS __wrap_ndis_wmi_set(struct ndis_adapter *a, const GUID *guid, const void *buffer,
                                ULONG bytes);
void __real_ndis_wmi_indicated(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s);
void __wrap_ndis_wmi_indicated(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s);

/* ---- The driver's reports ------------------------------------------------------------------- */

static void change(NDIS_OFFLOAD *copy, PNDIS_OFFLOAD *o, enum fault_view view)
{
    if (!*o)
        return;
    memset(copy, 0, sizeof *copy);
    memcpy(copy, *o, MIN_OF(sizeof *copy, (size_t)(*o)->Header.Size));
    fault->offload(copy, view);
    *o = copy;
}

static NDIS_STATUS NTAPI SetMiniportAttributes(NDIS_HANDLE NdisMiniportHandle,
                                               PNDIS_MINIPORT_ADAPTER_ATTRIBUTES MiniportAttributes)
{
    NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES a;
    NDIS_OFFLOAD now, hardware;

    memcpy(&a.Header, MiniportAttributes, sizeof a.Header);
    if (a.Header.Type != NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES)
        return NdisMSetMiniportAttributes(NdisMiniportHandle, MiniportAttributes);
    memcpy(&a, MiniportAttributes, sizeof a);
    change(&now, &a.DefaultOffloadConfiguration, FAULT_DEFAULT);
    change(&hardware, &a.HardwareOffloadCapabilities, FAULT_HARDWARE);
    return NdisMSetMiniportAttributes(NdisMiniportHandle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&a);
}

static VOID NTAPI IndicateStatusEx(NDIS_HANDLE MiniportAdapterHandle,
                                   PNDIS_STATUS_INDICATION StatusIndication)
{
    NDIS_STATUS_INDICATION s = *StatusIndication;
    PNDIS_OFFLOAD o = s.StatusBuffer;
    NDIS_OFFLOAD copy;

    if (s.StatusCode == NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG)
        change(&copy, &o, FAULT_INDICATED);
    if (s.StatusCode == NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES)
        change(&copy, &o, FAULT_INDICATED_HARDWARE);
    s.StatusBuffer = o;
    NdisMIndicateStatusEx(MiniportAdapterHandle, &s);
}

void *edge_config_import(const char *name)
{
    if (strcmp(name, "NdisMSetMiniportAttributes") == 0)
        return (void *)SetMiniportAttributes;
    if (strcmp(name, "NdisMIndicateStatusEx") == 0)
        return (void *)IndicateStatusEx;
    return NULL;
}

/* ---- NDIS ----------------------------------------------------------------------------------- */

void __wrap_ndis_adapter_set_state(struct ndis_adapter *a, enum ndis_adapter_state to)
{
    union {
        void *object;
        __typeof__(&__real_ndis_adapter_set_state) function;
    } host = {fault_host("ndis_adapter_set_state")};

    if (host.object)
        host.function(a, to);
    else
        __real_ndis_adapter_set_state(a, to);
    if (fault && fault->state)
        fault->state(a, to);
}

/* ---- The administrator ---------------------------------------------------------------------- */

NDIS_STATUS __wrap_ndis_wmi_query(struct ndis_adapter *a, const GUID *guid, void *buffer,
                                  ULONG *bytes)
{
    return fault && fault->wmi_query ? fault->wmi_query(a, guid, buffer, bytes)
                                     : __real_ndis_wmi_query(a, guid, buffer, bytes);
}

NDIS_STATUS host_wmi_query(struct ndis_adapter *a, const GUID *guid, void *buffer, ULONG *bytes)
{
    return __real_ndis_wmi_query(a, guid, buffer, bytes);
}

NDIS_STATUS __wrap_ndis_wmi_set(struct ndis_adapter *a, const GUID *guid, const void *buffer,
                                ULONG bytes)
{
    return fault && fault->wmi_set ? fault->wmi_set(a, guid, buffer, bytes)
                                   : __real_ndis_wmi_set(a, guid, buffer, bytes);
}

NDIS_STATUS host_wmi_set(struct ndis_adapter *a, const GUID *guid, const void *buffer, ULONG bytes)
{
    return __real_ndis_wmi_set(a, guid, buffer, bytes);
}

void __wrap_ndis_wmi_indicated(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    if (fault && fault->wmi_event)
        fault->wmi_event(a, s);
    else
        __real_ndis_wmi_indicated(a, s);
}

void host_wmi_event(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    __real_ndis_wmi_indicated(a, s);
}
