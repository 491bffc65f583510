/* SPDX-License-Identifier: MIT */
/* NdisMIndicateStatusEx: judges the indication, records what NDIS answers queries from, then tells
 * the observer and every binding. */
#include "ndis/private.h"

#include "nt/export.h"

static bool is_offload(NDIS_STATUS code)
{
    return code == NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG ||
           code == NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES ||
           code == NDIS_STATUS_OFFLOAD_ENCASPULATION_CHANGE ||
           code == NDIS_STATUS_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES ||
           code == NDIS_STATUS_OFFLOAD_PAUSE || code == NDIS_STATUS_OFFLOAD_RESUME;
}

/* False: so wrong that nothing in it can be used. */
static bool check_header(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    if (s->Header.Type != NDIS_OBJECT_TYPE_STATUS_INDICATION ||
        s->Header.Revision < NDIS_STATUS_INDICATION_REVISION_1 ||
        s->Header.Size < NDIS_SIZEOF_STATUS_INDICATION_REVISION_1) {
        ndis_adapter_finding(a, "CFG-9",
                             "status indication with header type 0x%02x revision %u size %u",
                             s->Header.Type, s->Header.Revision, s->Header.Size);
        return false;
    }
    if (s->StatusBufferSize && !s->StatusBuffer) {
        ndis_adapter_finding(a, "CFG-9", "status 0x%08x: %u bytes at no address",
                             (unsigned)s->StatusCode, s->StatusBufferSize);
        return false;
    }
    if (s->SourceHandle != a)
        ndis_adapter_finding(a, "CFG-9", "status 0x%08x: SourceHandle %p is not the adapter's",
                             (unsigned)s->StatusCode, s->SourceHandle);
    if (is_offload(s->StatusCode) && (s->DestinationHandle || s->RequestId))
        ndis_adapter_finding(a, "CFG-10", "status 0x%08x is meant for every binding, but names one",
                             (unsigned)s->StatusCode);
    if (is_offload(s->StatusCode) && (s->PortNumber || s->Flags))
        ndis_adapter_finding(a, "CFG-9", "status 0x%08x with port %u, flags 0x%x",
                             (unsigned)s->StatusCode, s->PortNumber, s->Flags);
    return true;
}

static bool check_state(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    enum ndis_adapter_state state = ndis_adapter_state(a);

    if (state == NDIS_ADAPTER_HALTED || state == NDIS_ADAPTER_SHUTDOWN) {
        ndis_adapter_finding(a, state == NDIS_ADAPTER_HALTED ? "CFG-19" : "GEN-36",
                             "status 0x%08x indicated when %s", (unsigned)s->StatusCode,
                             ndis_adapter_state_name(state));
        return false;
    }
    if (state == NDIS_ADAPTER_INITIALIZING && !a->registration_set) {
        ndis_adapter_finding(a, "INIT-22",
                             "status 0x%08x indicated before the registration attributes",
                             (unsigned)s->StatusCode);
        return false;
    }
    if (s->StatusCode == NDIS_STATUS_RESET_START || s->StatusCode == NDIS_STATUS_RESET_END) {
        ndis_adapter_finding(a, "GEN-33", "the miniport indicates a reset itself; NDIS does that");
        return false;
    }
    return true;
}

static bool record_link(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    const NDIS_LINK_STATE *l = s->StatusBuffer;

    if (s->StatusBufferSize < NDIS_SIZEOF_LINK_STATE_REVISION_1 ||
        l->Header.Type != NDIS_OBJECT_TYPE_DEFAULT ||
        l->Header.Revision < NDIS_LINK_STATE_REVISION_1 ||
        l->Header.Size < NDIS_SIZEOF_LINK_STATE_REVISION_1 ||
        l->Header.Size > s->StatusBufferSize) {
        ndis_adapter_finding(a, "GEN-41",
                             "NDIS_STATUS_LINK_STATE with a bad NDIS_LINK_STATE (%u bytes)",
                             s->StatusBufferSize);
        return false;
    }
    pthread_spin_lock(&a->lock);
    memcpy(&a->link, l, MIN_OF(sizeof(a->link), (size_t)l->Header.Size));
    pthread_spin_unlock(&a->lock);
    return true;
}

static bool record(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    if (s->StatusCode == NDIS_STATUS_LINK_STATE)
        return record_link(a, s);
    if (is_offload(s->StatusCode))
        return ndis_offload_indicated(a, s);
    return true;
}

VOID NTAPI NdisMIndicateStatusEx(NDIS_HANDLE MiniportAdapterHandle,
                                 PNDIS_STATUS_INDICATION StatusIndication)
{
    struct ndis_adapter *a = ndis_handle_get(MiniportAdapterHandle, NDIS_H_ADAPTER, __func__);
    const struct ndis_observer *o = ndis_observer_;

    if (!a || !StatusIndication || !NT_DISPATCH_MAX())
        return;
    ndis_verify_lock_free(a, __func__);
    if (!check_header(a, StatusIndication) || !check_state(a, StatusIndication) ||
        !record(a, StatusIndication))
        return;
    if (o && o->status)
        o->status(o->arg, a, StatusIndication);
    ndis_wmi_indicated(a, StatusIndication);
    ndis_bindings_status(a, StatusIndication);
}
NT_EXPORT(NdisMIndicateStatusEx);
