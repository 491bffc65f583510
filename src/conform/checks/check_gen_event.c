/* SPDX-License-Identifier: MIT */
/* What befalls an adapter: reset, hang, removal, shutdown, loss of link. */
#include "conform/gen.h"
#include "conform/watch.h"

#include <virtio/net.h>

static void open_traced(struct rig *r)
{
    rig_prepare(r, NULL);
    trace_begin(r);
    rig_start(r);
}

static void need_reset(struct rig *r)
{
    need(r, ndis_adapter_reset(r->adapter) != NDIS_STATUS_NOT_SUPPORTED, "MiniportResetEx");
}

/* Status with which a send may end around a reset or removal. */
static bool may_end_so(NDIS_STATUS s)
{
    return s == NDIS_STATUS_SUCCESS || s == NDIS_STATUS_FAILURE || s == NDIS_STATUS_PAUSED ||
           s == NDIS_STATUS_RESET_IN_PROGRESS || s == NDIS_STATUS_REQUEST_ABORTED ||
           s == NDIS_STATUS_SEND_ABORTED;
}

static void expect_ended(struct rig *r, unsigned from, unsigned count)
{
    if (!expect(r, rig_wait(r, &r->main.completed_count, from + count, GEN_SECONDS), "sends",
                "completed", "%u of %u are", r->main.completed_count - from, count))
        return;
    for (unsigned i = from; i < from + count; i++) {
        NDIS_STATUS s = r->main.completed[i % RIG_RECORDS].status;

        if (!expect(r, may_end_so(s), "NBL status", "success, or a failure that fits", "%s",
                    status_name(s)))
            break;
    }
}

/* ---- Reset ---------------------------------------------------------------------------------- */

static void reset_with_sends_out(struct rig *r)
{
    unsigned from = r->main.completed_count;

    rig_stall(r);
    rig_send_only(r, gen_chain(r, 32, 0, 600, 60));
    ndis_adapter_reset(r->adapter);
    rig_unstall(r);
    expect_ended(r, from, 600);
}

/* Broadcast is not in the filter, direct frames are. */
static void expect_filter(struct rig *r)
{
    static uint8_t frame[RIG_FRAME];
    const struct packet *k = gen_packet_in(r, 32, 7, 100);
    unsigned before = r->main.received_count;

    if (!rig_has_wire(r))
        return;
    memcpy(frame, k->bytes, k->len);
    memset(frame, 0xff, 6);
    rig_wire_write(r, frame, k->len);
    rig_wire_write(r, k->bytes, k->len);
    rig_wait(r, &r->main.received_count, before + 1, GEN_SECONDS);
    expect_equal(r, "frames that pass the packet filter", r->main.received_count - before, 1);
}

CHECK("GEN-32", reset_loses_nothing)
{
    uint32_t numbers[4];
    unsigned from;

    open_traced(r);
    rig_set_filter(r, NDIS_PACKET_TYPE_DIRECTED);
    need_reset(r);
    about(r, "reset with 600 sends out");
    reset_with_sends_out(r);
    expect_equal(r, "calls of MiniportResetEx", *trace_ended(TRACE_RESET), 2);
    while (gen_left(r, 1, numbers, 4))
        ;
    rig_forget(r);
    about(r, "after the reset");
    expect_filter(r);
    gen_traffic(r, 32);
    about(r, "a reset with AddressingReset");
    from = trace_count();
    trace_addressing_reset();
    ndis_adapter_reset(r->adapter);
    while (from < trace_count() && !(trace_at(from)->call == TRACE_OID &&
                                     trace_at(from)->oid == OID_GEN_CURRENT_PACKET_FILTER))
        from++;
    expect(r, from < trace_count(), "the packet filter", "set again by NDIS", "not set");
    expect_filter(r);
}

CHECK("GEN-33", reset_is_announced)
{
    open_traced(r);
    need_reset(r);
    for (unsigned i = 1; i < 4; i++) {
        int start;

        about(r, "after %u resets", i);
        expect_equal(r, "NDIS_STATUS_RESET_START", rig_indications(r, NDIS_STATUS_RESET_START, 0),
                     i);
        expect_equal(r, "NDIS_STATUS_RESET_END", rig_indications(r, NDIS_STATUS_RESET_END, 0), i);
        start = (int)r->main.status_count - 1;
        expect_code(r, "the last of them", start < 0 ? 0 : r->main.status[start].code,
                    NDIS_STATUS_RESET_END);
        ndis_adapter_reset(r->adapter);
    }
}

CHECK("GEN-34", hang_is_looked_for)
{
    const struct trace_entry *e;
    unsigned resets;

    open_traced(r);
    need_reset(r);
    resets = *trace_ended(TRACE_RESET);
    gen_hurry(r, 0.02); /* a check every 40 ms */
    /* The second one comes after what the first led to. */
    need(r, rig_wait(r, trace_ended(TRACE_CHECK_FOR_HANG), 2, GEN_SECONDS),
         "MiniportCheckForHangEx");
    about(r, "a check for hang that says FALSE");
    expect_equal(r, "resets that follow", *trace_ended(TRACE_RESET) - resets, 0);
    about(r, "a check for hang that says TRUE");
    trace_hang();
    expect(r, rig_wait(r, trace_ended(TRACE_RESET), resets + 1, GEN_SECONDS), "reset", "follows",
           "it does not");
    gen_hurry(r, 1);
    for (unsigned at = 0; (e = trace_find(at, TRACE_CHECK_FOR_HANG)); at = trace_index(e) + 1)
        expect_equal(r, "IRQL of the check", e->irql, PASSIVE_LEVEL);
}

/* ---- Removal -------------------------------------------------------------------------------- */

/* As NDIS makes it: what the driver gets after it heard of its removal, it fails. */
static NDIS_STATUS remove_and_ask(struct ndis_adapter *a)
{
    return ndis_adapter_surprise_remove(a);
}

CHECK("GEN-35", removal_ends_everything)
{
    uint8_t buffer[sizeof(NDIS_STATISTICS_INFO)];
    ULONG bytes = sizeof buffer;
    struct gen_task removal;

    open_traced(r);
    need(r, r->device != NULL, "a device that can be pulled out");
    rig_send(r, gen_chain(r, 35, 0, 3, 100), 3);
    rig_forget(r);
    about(r, "sends that reach the driver after it was told of the removal");
    trace_keep_sends(r, true);
    rig_send_only(r, gen_chain(r, 35, 10, 5, 100));
    gen_begin(r, &removal, remove_and_ask);
    expect(r, rig_wait(r, trace_ended(TRACE_PNP_EVENT), 1, GEN_SECONDS),
           "MiniportDevicePnPEventNotify", "called", "not called");
    trace_keep_sends(r, false);
    if (!expect(r, rig_wait(r, &r->main.completed_count, 5, GEN_SECONDS), "sends", "completed",
                "%u of 5 are", r->main.completed_count))
        gen_hurry(r, 0.02);
    for (unsigned i = 0; i < MIN_OF(r->main.completed_count, 5u); i++)
        expect(r,
               r->main.completed[i].status != NDIS_STATUS_SUCCESS &&
                   may_end_so(r->main.completed[i].status),
               "NBL status", "a failure that fits", "%s", status_name(r->main.completed[i].status));
    if (!gen_end(r, &removal))
        return;
    about(r, "a query after the removal");
    expect_code(r, "status",
                ndis_adapter_request(r->adapter, NdisRequestQueryInformation, OID_GEN_STATISTICS,
                                     buffer, &bytes),
                NDIS_STATUS_NOT_ACCEPTED);
    about(r, "halt after the removal");
    expect_code(r, "outcome", removal.status, NDIS_STATUS_SUCCESS);
    expect(r, ndis_adapter_state(r->adapter) == NDIS_ADAPTER_HALTED, "state", "halted", "%s",
           ndis_adapter_state_name(ndis_adapter_state(r->adapter)));
    expect_equal(r, "calls of MiniportHaltEx", *trace_ended(TRACE_HALT), 1);
}

/* ---- Shutdown ------------------------------------------------------------------------------- */

CHECK("GEN-36", shutdown_is_the_end)
{
    uint8_t buffer[sizeof(NDIS_STATISTICS_INFO)];
    uint64_t held[NT_RES_COUNT];
    ULONG bytes = sizeof buffer;
    unsigned from;

    open_traced(r);
    gen_traffic(r, 36);
    rig_forget(r);
    for (unsigned kind = 0; kind < NT_RES_COUNT; kind++)
        held[kind] = nt_ledger_count(nt_driver_owner(r->driver), (enum nt_resource)kind);
    ndis_adapter_shutdown(r->adapter);
    about(r, "shutdown");
    expect_equal(r, "calls of MiniportShutdownEx", *trace_ended(TRACE_SHUTDOWN), 1);
    expect_equal(r, "status indications from there", rig_broken(r, "GEN-36"), 0);
    if (r->nic && !r->card_count) /* it drives the card itself */
        expect_equal(r, "device status of the card", nic_status(r->nic), 0);
    for (unsigned kind = 0; kind < NT_RES_COUNT; kind++) {
        if (kind == NT_RES_INTERRUPT) /* NDIS takes those */
            continue;
        about(r, "%s that the driver holds", nt_resource_name((enum nt_resource)kind));
        expect_equal(r, "as many as before",
                     nt_ledger_count(nt_driver_owner(r->driver), (enum nt_resource)kind),
                     held[kind]);
    }
    about(r, "afterwards");
    from = trace_count();
    rig_send_only(r, gen_chain(r, 36, 0, 3, 100));
    expect(r, rig_wait(r, &r->main.completed_count, 3, GEN_SECONDS), "sends", "completed by NDIS",
           "%u of 3 are", r->main.completed_count);
    ndis_adapter_request(r->adapter, NdisRequestQueryInformation, OID_GEN_STATISTICS, buffer,
                         &bytes);
    ndis_adapter_pause(r->adapter);
    ndis_adapter_halt(r->adapter);
    for (; from < trace_count(); from++)
        expect(r, trace_at(from)->call >= TRACE_BIND, "calls into the driver", "none", "%s",
               trace_name(trace_at(from)->call));
}

/* ---- Link ----------------------------------------------------------------------------------- */

static bool may_end_without_link(NDIS_STATUS s)
{
    return may_end_so(s) || s == NDIS_STATUS_MEDIA_DISCONNECTED || s == NDIS_STATUS_RESOURCES;
}

/* Of every card, as a team is connected while one of them is. */
static void set_cables(struct rig *r, bool up)
{
    if (!r->card_count)
        nic_set_link(r->nic, up);
    for (unsigned i = 0; i < r->card_count; i++)
        nic_set_link(r->card[i].nic, up);
}

static void set_link(struct rig *r, bool up)
{
    unsigned from = r->main.status_count, at = r->main.completed_count;
    const struct rig_status *s;
    NDIS_LINK_STATE l;

    about(r, "link %s", up ? "up" : "down");
    set_cables(r, up);
    s = rig_indicated(r, NDIS_STATUS_LINK_STATE, from, GEN_SECONDS);
    if (expect(r, s != NULL, "NDIS_STATUS_LINK_STATE", "indicated", "not indicated")) {
        memcpy(&l, s->buffer, sizeof l);
        expect_equal(r, "MediaConnectState", l.MediaConnectState,
                     up ? MediaConnectStateConnected : MediaConnectStateDisconnected);
    }
    rig_send_only(r, gen_chain(r, 41, 0, 10, 100));
    if (!expect(r, rig_wait(r, &r->main.completed_count, at + 10, GEN_SECONDS), "sends",
                "completed", "%u of 10 are", r->main.completed_count - at))
        return;
    for (unsigned i = at; i < at + 10; i++)
        expect(r, may_end_without_link(r->main.completed[i].status), "NBL status",
               "success, or a failure that fits", "%s", status_name(r->main.completed[i].status));
}

CHECK("GEN-41", link_changes_are_told)
{
    rig_open(r, NULL);
    rig_need_wire(r);
    need(r, rig_card_offers(r, VIRTIO_NET_F_STATUS), "a card that tells of its link");
    for (unsigned i = 0; i < 2; i++) {
        set_link(r, false);
        set_link(r, true);
    }
}
