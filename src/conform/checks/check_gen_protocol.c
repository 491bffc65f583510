/* SPDX-License-Identifier: MIT */
/* Between protocols and NDIS: whose NBLs they are, loopback, pausing and unbinding. */
#include "conform/stack.h"
#include "conform/gen.h"
#include "conform/watch.h"

/* ---- Hands off ------------------------------------------------------------------------------ */

struct kept { /* of an NBL that has come back */
    NET_BUFFER_LIST nbl;
    NET_BUFFER nb;
    uint8_t bytes[200];
};

static void keep(struct kept *k, const NET_BUFFER_LIST *nbl)
{
    memcpy(&k->nbl, nbl, sizeof k->nbl);
    memcpy(&k->nb, nbl->FirstNetBuffer, sizeof k->nb);
    memcpy(k->bytes, rig_nbl_bytes(nbl), sizeof k->bytes);
}

static void stack_keeps_off(struct rig *r)
{
    struct stack_sent *sent;

    if (!rig_has_wire(r))
        return;
    ndis_adapter_disconnect(r->adapter, r->main.name);
    stack_bind(r);
    sent = stack_send(r, gen_packet(r, 13, 1, 300), STACK_FINISHED, 0);
    stack_unbind(r);
    about(r, "a send of the overlying protocol");
    expect_equal(r, "NBLs", sent->count, 1);
    for (unsigned i = 0; i < sent->count; i++)
        expect(r, !sent->nbl[i].touched, "data", "left alone until completion", "changed");
}

CHECK("GEN-13", nbls_are_left_alone)
{
    static struct kept was[10], now;

    rig_open(r, NULL);
    if (!rig_send(r, gen_chain(r, 13, 0, 10, 200), 10))
        return;
    for (unsigned i = 0; i < 10; i++)
        keep(&was[i], r->main.completed[i].nbl);
    rig_send(r, gen_chain(r, 13, 10, 20, 200), 20);
    gen_quiet(r, 0.02);
    for (unsigned i = 0; i < 10; i++) {
        keep(&now, r->main.completed[i].nbl);
        about(r, "NBL %u, some time after its completion", i);
        expect(r, memcmp(&now.nbl, &was[i].nbl, sizeof now.nbl) == 0, "NET_BUFFER_LIST",
               "left alone", "changed");
        expect(r, memcmp(&now.nb, &was[i].nb, sizeof now.nb) == 0, "NET_BUFFER", "left alone",
               "changed");
        expect_bytes(r, "data", now.bytes, was[i].bytes, sizeof now.bytes);
    }
    stack_keeps_off(r);
}

/* ---- Whose ---------------------------------------------------------------------------------- */

static bool is_in(const struct rig_protocol *p, const NET_BUFFER_LIST *nbl)
{
    for (unsigned i = 0; i < p->completed_count && i < RIG_RECORDS; i++) {
        if (p->completed[i].nbl == nbl)
            return true;
    }
    return false;
}

static void free_completed(struct rig *r, struct rig_protocol *p)
{
    for (unsigned i = 0; i < p->completed_count; i++)
        rig_free_nbl(r, p->completed[i].nbl);
    p->completed_count = 0;
}

CHECK("GEN-24", sends_come_back_to_their_sender)
{
    const struct trace_entry *e;
    NET_BUFFER_LIST *nbl[20];
    unsigned sends = 0;

    rig_prepare(r, NULL);
    trace_begin(r);
    rig_start(r);
    rig_bind_other(r);
    rig_stall(r);
    for (unsigned i = 0; i < 20; i++) {
        nbl[i] = gen_nbl(r, 24, i, 100);
        protocol_send(i & 1 ? &r->other : &r->main, nbl[i], 0);
    }
    rig_unstall(r);
    rig_wait(r, &r->main.completed_count, 10, GEN_SECONDS);
    rig_wait(r, &r->other.completed_count, 10, GEN_SECONDS);
    for (unsigned i = 0; i < 20; i++) {
        about(r, "send %u, of protocol %s", i, i & 1 ? r->other.name : r->main.name);
        expect(r, is_in(i & 1 ? &r->other : &r->main, nbl[i]), "completion", "at the sender",
               "not there");
    }
    for (unsigned at = 0; (e = trace_find(at, TRACE_SEND)); at = trace_index(e) + 1) {
        about(r, "send %u as it reaches the driver", sends);
        expect(r, e->source == (sends & 1 ? r->other.binding : r->main.binding), "SourceHandle",
               "the sender's binding", "%p", e->source);
        sends++;
    }
    expect_equal(r, "calls of MiniportSendNetBufferLists", sends, 20);
    stack_bind(r);
    stack_send(r, gen_packet(r, 24, 1, 100), STACK_FINISHED, 0);
    stack_unbind(r);
    free_completed(r, &r->other);
}

/* ---- Loopback ------------------------------------------------------------------------------- */

static void send_to(struct rig *r, const uint8_t to[6], ULONG flags)
{
    static uint8_t frame[RIG_FRAME];
    const struct packet *k = gen_packet(r, 43, 0, 100);
    unsigned at = r->main.completed_count;

    memcpy(frame, k->bytes, k->len);
    memcpy(frame, to, 6);
    r->main.received_count = r->other.received_count = 0;
    protocol_send(&r->main, rig_nbl(r, frame, k->len, NULL, 0), flags);
    rig_wait(r, &r->main.completed_count, at + 1, GEN_SECONDS);
}

static void expect_heard(struct rig *r, const char *what, unsigned self, unsigned other)
{
    about(r, "%s", what);
    expect_equal(r, "frames that the sender hears", r->main.received_count, self);
    expect_equal(r, "frames that the other protocol hears", r->other.received_count, other);
}

CHECK("GEN-43", loopback_is_ndis_s)
{
    static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    ULONG filter = NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_BROADCAST;

    rig_open(r, NULL);
    need(r, watch_attributes()->general.MacOptions & NDIS_MAC_OPTION_NO_LOOPBACK,
         "NDIS_MAC_OPTION_NO_LOOPBACK");
    rig_bind_other(r);
    rig_set_filter(r, filter);
    send_to(r, all, 0);
    expect_heard(r, "broadcast, the other protocol without a filter", 0, 0);
    protocol_set(&r->other, OID_GEN_CURRENT_PACKET_FILTER, &filter, sizeof filter);
    send_to(r, all, 0);
    expect_heard(r, "broadcast", 0, 1);
    send_to(r, all, NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK);
    expect_heard(r, "broadcast, with NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK", 1, 1);
    send_to(r, r->peer, NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK);
    expect_heard(r, "to a peer, with NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK", 0, 0);
    filter = NDIS_PACKET_TYPE_PROMISCUOUS;
    if (protocol_set(&r->other, OID_GEN_CURRENT_PACKET_FILTER, &filter, sizeof filter) ==
        NDIS_STATUS_SUCCESS) {
        send_to(r, r->peer, 0);
        expect_heard(r, "to a peer, the other protocol promiscuous", 0, 1);
    }
}

/* ---- Unbinding ------------------------------------------------------------------------------ */

static NDIS_STATUS disconnect_main(struct ndis_adapter *a)
{
    ndis_adapter_disconnect(a, "CHECK");
    return NDIS_STATUS_SUCCESS;
}

/* Handlers of the protocol that were called after its unbind handler had closed the binding. */
static void expect_silence(struct rig *r, unsigned from)
{
    const struct trace_entry *e;

    for (; (e = trace_at(from)) != NULL; from++) {
        if (e->protocol == &r->main)
            expect(r, false, "handlers called after the binding was closed", "none", "%s",
                   trace_name(e->call));
    }
    expect_equal(r, "open bindings of the protocol", r->main.binding != NULL, 0);
}

CHECK("GEN-44", unbinding_is_final)
{
    const struct trace_entry *e;
    struct gen_task unbind;
    unsigned from;

    rig_prepare(r, NULL);
    trace_begin(r);
    rig_start(r);
    rig_need_wire(r);
    r->main.hold_receives = true;
    gen_arrive(r, 44, 1, 100);
    rig_wait(r, &r->main.received_count, 1, GEN_SECONDS);
    trace_keep_sends(r, true);
    rig_send_only(r, gen_chain(r, 44, 0, 5, 100));
    gen_begin(r, &unbind, disconnect_main);
    gen_quiet(r, 0.02);
    about(r, "unbind with 5 sends and a lent NBL out");
    expect(r, !trace_find(0, TRACE_UNBIND), "ProtocolUnbindAdapterEx", "not called yet", "called");
    trace_keep_sends(r, false);
    rig_wait(r, &r->main.completed_count, 5, GEN_SECONDS);
    gen_quiet(r, 0.02);
    about(r, "unbind with a lent NBL out");
    if (r->main.held_count)
        expect(r, !trace_find(0, TRACE_UNBIND), "ProtocolUnbindAdapterEx", "not called yet",
               "called");
    rig_return_held(r);
    if (!gen_end(r, &unbind))
        return;
    e = trace_find(0, TRACE_UNBIND);
    expect(r, e != NULL, "ProtocolUnbindAdapterEx", "called", "not called");
    from = e ? trace_index(e) + 1 : 0;
    gen_arrive(r, 44, 2, 100);
    nic_set_link(r->nic, false);
    nic_set_link(r->nic, true);
    gen_quiet(r, 0.02);
    about(r, "after unbinding");
    expect_silence(r, from);
    about(r, "the overlying protocol");
    stack_bind(r);
    stack_send(r, gen_packet(r, 44, 1, 100), STACK_FINISHED, 0);
    stack_unbind(r);
    expect_equal(r, "ways in which it did not close its binding", rig_broken(r, "GEN-44"), 0);
}

/* ---- Pausing -------------------------------------------------------------------------------- */

CHECK("GEN-45", paused_protocols_are_silent)
{
    struct stack_sent *sent;
    struct gen_task pause;

    rig_prepare(r, &(struct rig_config){.no_bind = true});
    trace_begin(r);
    rig_start(r);
    stack_bind(r);
    trace_keep_sends(r, true);
    sent = stack_send_begin(r, gen_packet(r, 45, 1, 100), STACK_FINISHED, 0);
    gen_begin(r, &pause, ndis_adapter_pause);
    for (unsigned i = 0; i < 1000 && stack_running(r); i++) /* it hears of the pause */
        gen_quiet(r, 0.001);
    gen_quiet(r, 0.02);
    about(r, "the overlying protocol, a pause event and a send that is out");
    expect_equal(r, "NBLs sent before", sent->count, 1);
    expect_equal(r, "calls of MiniportPause meanwhile", *trace_began(TRACE_PAUSE), 0);
    stack_send_begin(r, gen_packet(r, 45, 2, 100), STACK_FINISHED, 0);
    expect_equal(r, "calls of MiniportSendNetBufferLists since", *trace_began(TRACE_SEND) - 1, 0);
    trace_keep_sends(r, false);
    gen_end(r, &pause);
    about(r, "the overlying protocol, paused");
    stack_send_begin(r, gen_packet(r, 45, 3, 100), STACK_FINISHED, 0);
    expect_equal(r, "calls of MiniportSendNetBufferLists since", *trace_began(TRACE_SEND) - 1, 0);
    about(r, "the overlying protocol, restarted");
    expect_code(r, "restart", ndis_adapter_restart(r->adapter), NDIS_STATUS_SUCCESS);
    sent = stack_send(r, gen_packet(r, 45, 4, 100), STACK_FINISHED, 0);
    expect_between(r, "NBLs sent", sent->count, 1, STACK_NBLS);
    stack_unbind(r);
    expect_equal(r, "sends while paused, and pauses ended early", rig_broken(r, "GEN-45"), 0);
}
