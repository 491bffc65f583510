/* SPDX-License-Identifier: MIT */
/* Levels: which handlers are called at PASSIVE_LEVEL, which at any, and that nobody lies about it.
 */
#include "conform/gen.h"
#include "conform/stack.h"
#include "conform/watch.h"

static const enum trace_call passive[] = {
    TRACE_INITIALIZE, TRACE_HALT,   TRACE_PAUSE, TRACE_RESTART, TRACE_OID,
    TRACE_UNLOAD,     TRACE_UNBIND, TRACE_RESET, TRACE_BIND,    TRACE_CHECK_FOR_HANG,
};

static bool needs_passive(enum trace_call call)
{
    for (unsigned i = 0; i < ARRAY_LEN(passive); i++) {
        if (passive[i] == call)
            return true;
    }
    return false;
}

/* A request from DISPATCH_LEVEL, which must not reach the driver there. */
static void query_at_dispatch(struct rig *r)
{
    static ULONG64 sent;
    static NDIS_OID_REQUEST q;
    unsigned before = *trace_ended(TRACE_OID_COMPLETE);
    NDIS_STATUS status;
    KIRQL irql;

    q = rig_request(NdisRequestQueryInformation, OID_GEN_XMIT_OK, &sent, sizeof sent);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    status = NdisOidRequest(r->main.binding, &q);
    KeLowerIrql(irql);
    if (status == NDIS_STATUS_PENDING)
        rig_wait(r, trace_ended(TRACE_OID_COMPLETE), before + 1, GEN_SECONDS);
}

CHECK("GEN-37", handlers_called_at_passive_level)
{
    rig_prepare(r, NULL);
    trace_begin(r);
    rig_start(r);
    query_at_dispatch(r);
    ndis_adapter_reset(r->adapter);
    gen_hurry(r, 0.02); /* checks for hang every 40 ms */
    rig_wait(r, trace_ended(TRACE_CHECK_FOR_HANG), 1, 0.5);
    gen_hurry(r, 1);
    ndis_adapter_pause(r->adapter);
    ndis_adapter_restart(r->adapter);
    rig_close(r);
    for (unsigned i = 0; i < trace_count(); i++) {
        const struct trace_entry *e = trace_at(i);

        if (!needs_passive(e->call))
            continue;
        about(r, "%s", trace_name(e->call));
        expect_equal(r, "IRQL", e->irql, PASSIVE_LEVEL);
    }
}

/* ---- Both levels ---------------------------------------------------------------------------- */

static void send_at(struct rig *r, unsigned row, KIRQL level, ULONG flags)
{
    unsigned at = r->main.completed_count;
    NET_BUFFER_LIST *chain = gen_chain(r, row, 0, 10, 100);
    KIRQL irql;

    KeRaiseIrql(level, &irql);
    protocol_send(&r->main, chain, flags);
    NdisCancelSendNetBufferLists(r->main.binding, (PVOID)0x777);
    expect_equal(r, "IRQL after the calls", KeGetCurrentIrql(), level);
    KeLowerIrql(irql);
    expect(r, rig_wait(r, &r->main.completed_count, at + 10, GEN_SECONDS), "completions", "10",
           "%u", r->main.completed_count - at);
}

static void return_at(struct rig *r, unsigned row, KIRQL level)
{
    struct ndis_adapter_info info;
    unsigned at = r->main.received_count;
    KIRQL irql;

    if (!rig_has_wire(r))
        return;
    r->main.hold_receives = true;
    for (uint32_t i = 0; i < 5; i++)
        gen_arrive(r, row, i, 100);
    rig_wait(r, &r->main.received_count, at + 5, GEN_SECONDS);
    r->main.hold_receives = false;
    KeRaiseIrql(level, &irql);
    rig_return_held(r);
    expect_equal(r, "IRQL after the call", KeGetCurrentIrql(), level);
    KeLowerIrql(irql);
    ndis_adapter_info(r->adapter, &info);
    expect_equal(r, "NBLs that came back", info.rx_returned, info.rx_nbls);
}

static void stack_at_dispatch(struct rig *r)
{
    const struct stack_frame *up;

    if (!rig_has_wire(r))
        return;
    ndis_adapter_disconnect(r->adapter, r->main.name);
    stack_bind(r);
    about(r, "the overlying protocol, on a processor");
    stack_send(r, gen_packet(r, 38, 1, 100), STACK_FINISHED, 0);
    up = stack_arrive(r, gen_packet_in(r, 38, 2, 100)->bytes, 142, GEN_SECONDS);
    expect(r, up != NULL, "frame", "reaches Linux", "it does not");
    stack_unbind(r);
}

/* Whoever waits at DISPATCH_LEVEL is found by the runtime under NT-IRQL. */
CHECK("GEN-38", data_path_at_both_levels)
{
    static const KIRQL levels[] = {PASSIVE_LEVEL, DISPATCH_LEVEL};

    rig_open(r, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(levels); i++) {
        about(r, "calls at IRQL %u", levels[i]);
        send_at(r, 38, levels[i], 0);
        return_at(r, 38, levels[i]);
    }
    if (r->nic) { /* an indication of the driver's, and what it leads to */
        nic_set_link(r->nic, false);
        nic_set_link(r->nic, true);
        gen_quiet(r, 0.01);
    }
    stack_at_dispatch(r);
    about(r, "all of these");
    expect_equal(r, "handlers that waited, or came back at another level", rig_broken(r, "NT-IRQL"),
                 0);
}

static bool is_true(const struct trace_entry *e, ULONG bit)
{
    return ((e->flags & bit) != 0) == (e->irql == DISPATCH_LEVEL);
}

/* What NDIS passes on tells the truth; what it was told, the runtime judges as it comes. */
CHECK("GEN-39", flags_tell_the_level)
{
    static const struct {
        enum trace_call call;
        ULONG bit;
    } calls[] = {
        {TRACE_SEND, NDIS_SEND_FLAGS_DISPATCH_LEVEL},
        {TRACE_SEND_COMPLETE, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL},
        {TRACE_RECEIVE, NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL},
        {TRACE_RETURN, NDIS_RETURN_FLAGS_DISPATCH_LEVEL},
    };
    const struct trace_entry *e;

    rig_prepare(r, NULL);
    trace_begin(r);
    rig_start(r);
    send_at(r, 39, PASSIVE_LEVEL, 0);
    send_at(r, 39, DISPATCH_LEVEL, NDIS_SEND_FLAGS_DISPATCH_LEVEL);
    send_at(r, 39, DISPATCH_LEVEL, 0);
    return_at(r, 39, PASSIVE_LEVEL);
    return_at(r, 39, DISPATCH_LEVEL);
    for (unsigned i = 0; i < ARRAY_LEN(calls); i++) {
        about(r, "%s", trace_name(calls[i].call));
        for (unsigned at = 0; (e = trace_find(at, calls[i].call)); at = trace_index(e) + 1) {
            /* A flag left out says nothing; one that is set says DISPATCH_LEVEL. */
            expect(r, is_true(e, calls[i].bit), "DISPATCH_LEVEL flag", "the caller's level",
                   "flags 0x%x at IRQL %u", e->flags, e->irql);
        }
    }
}

/* ---- Locks ---------------------------------------------------------------------------------- */

/* Every call that can come back into its caller, with the runtime watching the locks. */
CHECK("GEN-40", no_lock_across_calls)
{
    unsigned before;

    rig_open(r, NULL);
    gen_traffic(r, 40);
    ndis_adapter_reset(r->adapter);
    rig_set_filter(r, NDIS_PACKET_TYPE_DIRECTED);
    rig_activate(r, NDIS_OFFLOAD_SET_OFF, NDIS_OFFLOAD_SET_OFF);
    if (r->nic) {
        before = r->main.status_count;
        nic_set_link(r->nic, false);
        nic_set_link(r->nic, true);
        rig_wait(r, &r->main.status_count, before + 1, 0.1);
        ndis_adapter_disconnect(r->adapter, r->main.name);
        stack_bind(r);
        stack_send(r, gen_packet(r, 40, 1, 100), STACK_FINISHED, 0);
        stack_arrive(r, gen_packet_in(r, 40, 2, 100)->bytes, 142, GEN_SECONDS);
        stack_unbind(r);
    }
    about(r, "sends, receives, requests, status indications, pause");
    ndis_adapter_pause(r->adapter);
    expect_equal(r, "calls made with a lock held", rig_broken(r, "GEN-40"), 0);
}
