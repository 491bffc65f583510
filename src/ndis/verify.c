/* SPDX-License-Identifier: MIT */
/* Checks on the data path: what a miniport and a protocol say and hand over, against the GEN rules.
 */
#include "ndis/verify.h"

#include "nt/processor.h"

enum { SEND_SECONDS = 30, FILTER_GRACE_NS = 100 * 1000 * 1000 };

bool ndis_verify_tell(struct ndis_adapter *a, enum ndis_verify_rule rule)
{
    uint32_t n = atomic_fetch_add_explicit(&a->verify_reports[rule], 1, memory_order_relaxed);

    return n < 16 || (n & (n - 1)) == 0;
}

void ndis_binding_finding(struct ndis_binding *b, const char *rule, const char *fmt, ...)
{
    struct nt_owner *previous = nt_owner_enter(b->protocol->owner);
    char text[320];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    finding_report(rule, "%s on %s: %s", b->protocol->name, b->adapter->name, text);
    nt_owner_leave(previous);
}

void ndis_verify_lock_free(struct ndis_adapter *a, const char *call)
{
    uint32_t held = nt_thread_self()->locks_held;

    if (unlikely(held) && ndis_verify_tell(a, NDIS_V_LOCK))
        finding_report("GEN-40", "%s: %s called with %u spin lock%s held", a->name, call, held,
                       held == 1 ? "" : "s");
}

ULONG ndis_verify_level(struct ndis_adapter *a, const char *call, ULONG flags, ULONG bit)
{
    uint8_t irql = nt_thread_self()->irql;

    if (irql == DISPATCH_LEVEL)
        return flags | bit;
    if (unlikely(irql > DISPATCH_LEVEL))
        nt_check_irql_max(DISPATCH_LEVEL, call);
    else if (unlikely(flags & bit) && ndis_verify_tell(a, NDIS_V_LEVEL))
        finding_report("GEN-39", "%s: %s says DISPATCH_LEVEL, called at IRQL %u", a->name, call,
                       irql);
    return flags & ~bit;
}

/* FAIL-SEND of the catalogue, with the link's (GEN-41). */
static bool send_status_ok(NDIS_STATUS status)
{
    switch (status) {
    case NDIS_STATUS_SUCCESS:
    case NDIS_STATUS_FAILURE:
    case NDIS_STATUS_INVALID_LENGTH:
    case NDIS_STATUS_RESOURCES:
    case NDIS_STATUS_PAUSED:
    case NDIS_STATUS_SEND_ABORTED:
    case NDIS_STATUS_RESET_IN_PROGRESS:
    case NDIS_STATUS_REQUEST_ABORTED:
    case NDIS_STATUS_MEDIA_DISCONNECTED:
        return true;
    default:
        return false;
    }
}

void ndis_verify_completed(struct ndis_adapter *a, NET_BUFFER_LIST *nbl, const struct ndis_hop *hop,
                           uint64_t now_ns)
{
    double age_s = (double)(now_ns - hop->since_ns) * 1e-9;

    if (unlikely(!send_status_ok(nbl->Status))) {
        if (ndis_verify_tell(a, NDIS_V_STATUS))
            ndis_adapter_finding(a, "GEN-12", "send of NBL %p completed with status 0x%08x%s",
                                 (void *)nbl, (unsigned)nbl->Status,
                                 nbl->Status == NDIS_STATUS_PENDING ? " (pending, as NDIS left it)"
                                                                    : "");
        if (nbl->Status == NDIS_STATUS_PENDING)
            nbl->Status = NDIS_STATUS_FAILURE;
    }
    if (unlikely(hop->shape != ndis_nbl_shape(nbl)) && ndis_verify_tell(a, NDIS_V_SHAPE))
        ndis_adapter_finding(
            a, "GEN-14",
            "NBL %p completed with another NB list, MDL chain, data offset or length "
            "than it was sent with; its first NB now starts at %u and has %u bytes",
            (void *)nbl, nbl->FirstNetBuffer ? nbl->FirstNetBuffer->DataOffset : 0,
            nbl->FirstNetBuffer ? nbl->FirstNetBuffer->DataLength : 0);
    if (unlikely(nbl->SourceHandle != hop->binding)) {
        if (ndis_verify_tell(a, NDIS_V_SOURCE))
            ndis_adapter_finding(a, "GEN-24", "NBL %p completed with SourceHandle %p, sent with %p",
                                 (void *)nbl, nbl->SourceHandle, (void *)hop->binding);
        nbl->SourceHandle = hop->binding;
    }
    if (unlikely(age_s > SEND_SECONDS * ndis_time_factor) && ndis_verify_tell(a, NDIS_V_LATE))
        ndis_adapter_finding(a, "GEN-31", "send of NBL %p took %.1f s, limit %.1f s", (void *)nbl,
                             age_s, SEND_SECONDS * ndis_time_factor);
}

void ndis_verify_sent(struct ndis_binding *b, NET_BUFFER_LIST *nbl)
{
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO lso = {
        .Value = nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo]};

    if (unlikely(lso.Value != NULL) && lso.LsoV2Transmit.MSS != 0 &&
        lso.LsoV2Transmit.Type == NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE && nbl->FirstNetBuffer &&
        nbl->FirstNetBuffer->Next && ndis_verify_tell(b->adapter, NDIS_V_LSO))
        ndis_binding_finding(b, "LSO2-15", "NBL %p asks for LSOv2 and has more than one NET_BUFFER",
                             (void *)nbl);
    if (unlikely(nbl->SourceHandle != b)) {
        if (nbl->SourceHandle && ndis_verify_tell(b->adapter, NDIS_V_SOURCE))
            ndis_binding_finding(b, "GEN-24",
                                 "NBL %p sent with SourceHandle %p, not the binding's %p",
                                 (void *)nbl, nbl->SourceHandle, (void *)b);
        nbl->SourceHandle = b;
    }
}

void ndis_verify_may_indicate(struct ndis_adapter *a)
{
    int state = atomic_load(&a->state);
    uint64_t cleared;

    if (unlikely(state == NDIS_ADAPTER_PAUSED || state == NDIS_ADAPTER_INITIALIZING) &&
        ndis_verify_tell(a, NDIS_V_STATE))
        ndis_adapter_finding(a, "GEN-5", "receive indication while the adapter is %s",
                             ndis_adapter_state_name((enum ndis_adapter_state)state));
    if (likely(atomic_load_explicit(&a->packet_filter, memory_order_relaxed) != 0) ||
        state != NDIS_ADAPTER_RUNNING)
        return;
    /* A frame may be on its way up while the set that stops it completes elsewhere. */
    cleared = atomic_load(&a->filter_cleared_ns);
    if (cleared && nt_now_ns() - cleared < FILTER_GRACE_NS)
        return;
    if (ndis_verify_tell(a, NDIS_V_FILTER))
        ndis_adapter_finding(a, "GEN-30", "receive indication while the packet filter is 0");
}

/* RXC-1 allows no verdict before encapsulation was set on. The answer "it is on" is remembered
 * until a set may have changed it. */
static bool verdict_expected(struct ndis_adapter *a)
{
    bool on;

    if (likely(atomic_load_explicit(&a->rx_validation, memory_order_relaxed)))
        return true;
    pthread_spin_lock(&a->lock);
    /* Perhaps it is the very set: the miniport has acted, NDIS not yet noted it. */
    on = a->current_request != NULL || atomic_load(&a->finishing) > 0 ||
         (a->encapsulation_set && (a->encapsulation.IPv4.Enabled == NDIS_OFFLOAD_SET_ON ||
                                   a->encapsulation.IPv6.Enabled == NDIS_OFFLOAD_SET_ON));
    if (on && !a->current_request && atomic_load(&a->finishing) == 0)
        atomic_store_explicit(&a->rx_validation, true, memory_order_relaxed);
    pthread_spin_unlock(&a->lock);
    return on;
}

static void verify_checksum_slot(struct ndis_adapter *a, const NET_BUFFER_LIST *nbl)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO csum = {
        .Value = nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo]};

    if (csum.Receive.Loopback) {
        if (!a->driver->intermediate && ndis_verify_tell(a, NDIS_V_CHECKSUM))
            ndis_adapter_finding(a, "RXC-17", "NBL %p indicated with the Loopback bit set",
                                 (void *)nbl);
        csum.Receive.Loopback = 0;
    }
    if (csum.Value && !verdict_expected(a) && ndis_verify_tell(a, NDIS_V_CHECKSUM))
        ndis_adapter_finding(a, "RXC-1",
                             "NBL %p indicated with checksum information %p before "
                             "encapsulation was set on",
                             (void *)nbl, csum.Value);
}

bool ndis_verify_indicated(struct ndis_adapter *a, NET_BUFFER_LIST *nbl)
{
    const NET_BUFFER *nb = nbl->FirstNetBuffer;

    if (unlikely(nbl->SourceHandle != a)) {
        if (ndis_verify_tell(a, NDIS_V_SOURCE))
            ndis_adapter_finding(a, "GEN-23",
                                 "NBL %p indicated with SourceHandle %p, not the adapter's %p",
                                 (void *)nbl, nbl->SourceHandle, (void *)a);
        nbl->SourceHandle = a;
    }
    if (unlikely(nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] != NULL))
        verify_checksum_slot(a, nbl);
    if (likely(nb && !nb->Next && nb->CurrentMdl && nb->DataLength >= 14))
        return true;
    if (ndis_verify_tell(a, NDIS_V_FRAME))
        ndis_adapter_finding(a, "GEN-23", "NBL %p indicated with %s", (void *)nbl,
                             !nb        ? "no NET_BUFFER"
                             : nb->Next ? "more than one NET_BUFFER"
                                        : "less than an Ethernet header in it");
    return nb && nb->Next && nb->CurrentMdl && nb->DataLength >= 14;
}

void ndis_verify_returned(struct ndis_adapter *a, NET_BUFFER_LIST *nbl, const struct ndis_hop *hop)
{
    nbl->SourceHandle = a;
    if (unlikely(hop->shape != ndis_nbl_shape(nbl)) && ndis_verify_tell(a, NDIS_V_SHAPE))
        ndis_adapter_finding(
            a, "GEN-20",
            "NBL %p came back with another NB list, MDL chain, data offset or length "
            "than it was indicated with",
            (void *)nbl);
}

void ndis_verify_request_done(struct ndis_adapter *a, const NDIS_OID_REQUEST *r)
{
    if (r->RequestType != NdisRequestSetInformation)
        return;
    if (r->DATA.SET_INFORMATION.Oid == OID_OFFLOAD_ENCAPSULATION)
        atomic_store(&a->rx_validation, false);
}
