/* SPDX-License-Identifier: MIT */
/* The configuration through the adapter's life: events, pauses, sends built for what was, the end.
 */
#include "conform/promise.h"
#include "conform/stack.h"
#include "conform/view.h"
#include "conform/watch.h"

enum { SILENCE_MS = 50, COMPLETE_SECONDS = 1 };

static const NDIS_STATUS current_code = NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG;

static void open_listed(struct rig *r)
{
    rig_open(r, NULL);
    need(r, view_hardware() != NULL, "task offload");
}

/* ---- Events --------------------------------------------------------------------------------- */

static void flap(struct rig *r)
{
    unsigned from = r->main.status_count;

    nic_set_link(r->nic, false);
    rig_indicated(r, NDIS_STATUS_LINK_STATE, from, 1);
    from = r->main.status_count;
    nic_set_link(r->nic, true);
    rig_indicated(r, NDIS_STATUS_LINK_STATE, from, 1);
}

static void reset(struct rig *r)
{
    rig_reset(r);
}

static void pause_and_restart(struct rig *r)
{
    ndis_adapter_pause(r->adapter);
    ndis_adapter_restart(r->adapter);
}

static void count_promises(struct rig *r, struct promises *n)
{
    hush(r, true);
    promise_all_out(r, NDIS_ENCAPSULATION_IEEE_802_3, NULL, NULL, n);
    promise_all_in(r, NDIS_ENCAPSULATION_IEEE_802_3, NULL, n);
    hush(r, false);
}

/* Whatever it did to the driver: what the last indication says is what is done. A change that was
 * not indicated shows in a promise that is no longer kept. */
CHECK("CFG-12", no_event_changes_it_in_silence)
{
    static const struct {
        const char *name;
        void (*happen)(struct rig *r);
    } events[] = {{"the link went down and up", flap},
                  {"a reset", reset},
                  {"pause and restart", pause_and_restart}};
    struct promises before = {0}, n;

    open_listed(r);
    need(r, rig_has_wire(r), "a network card below the driver");
    count_promises(r, &before);
    need(r, before.kept > 0, "anything that could change");
    for (unsigned i = 0; i < ARRAY_LEN(events); i++) {
        events[i].happen(r);
        n = (struct promises){0};
        count_promises(r, &n);
        about(r, "after %s", events[i].name);
        about_bytes(r, NULL, 0, 0, 0);
        about_segments(r, NULL, 0);
        expect(r, n.tried - n.kept <= before.tried - before.kept,
               "what the last configuration says", "done as before",
               "%u of %u not done any more, and nothing indicated", n.tried - n.kept, n.tried);
    }
}

/* ---- The old limit -------------------------------------------------------------------------- */

/* A size of 0 is the one new limit that every driver can be made to report. */
CHECK("CFG-17", a_send_built_for_the_old_limit)
{
    static struct packet k;
    struct frame_recipe f;
    NDIS_OFFLOAD_PARAMETERS p;
    NET_BUFFER_LIST *nbl;
    unsigned before;

    open_listed(r);
    LARGE_EACH(r, kind)
    {
        p = view_parameters(view_hardware(), true);
        view_switch(r, &p);
        f = large_recipe(r, kind, MIN_OF(large_max(r, kind), 16000u));
        large_build(&k, kind, &f);
        p = view_parameters(view_hardware(), false);
        view_switch(r, &p);
        about(r, "%s of %u bytes, built before it was switched off", large_name(kind),
              f.payload_len);
        nbl = rig_nbl(r, k.bytes, k.len, NULL, 0);
        nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] = large_ask(&k, kind, 1400);
        before = r->main.completed_count;
        rig_send_only(r, nbl);
        rig_wait(r, &r->main.completed_count, before + 1, COMPLETE_SECONDS);
        expect_equal(r, "completions", r->main.completed_count - before, 1);
    }
    f = packet_recipe(r, 4, 17, 100);
    packet_build(&k, &f);
    about(r, "an ordinary packet afterwards");
    before = r->main.completed_count;
    rig_send_only(r, rig_nbl(r, k.bytes, k.len, NULL, 0));
    rig_wait(r, &r->main.completed_count, before + 1, COMPLETE_SECONDS);
    expect_equal(r, "completions", r->main.completed_count - before, 1);
}

/* ---- States --------------------------------------------------------------------------------- */

static struct {
    enum ndis_adapter_state when;
    NDIS_OFFLOAD_PARAMETERS p;
    NDIS_STATUS status;
    unsigned asked;
} moment;

/* On the thread that moves the adapter, before the driver's handler is called. */
static void on_state(void *arg, struct ndis_adapter *a, enum ndis_adapter_state from,
                     enum ndis_adapter_state to)
{
    ULONG bytes = NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1;

    (void)arg, (void)from;
    if (to != moment.when)
        return;
    moment.asked++;
    moment.status = ndis_adapter_request(a, NdisRequestSetInformation, OID_TCP_OFFLOAD_PARAMETERS,
                                         &moment.p, &bytes);
}

static const struct ndis_observer state_observer = {.state = on_state};

/* Everything is switched while the adapter is in that state. */
static void switch_in(struct rig *r, enum ndis_adapter_state when, bool on)
{
    unsigned at = watch_count();
    int found;

    moment.when = when;
    moment.p = view_parameters(view_hardware(), on);
    moment.asked = 0;
    watch_also(&state_observer);
    if (when == NDIS_ADAPTER_RESTARTING)
        ndis_adapter_restart(r->adapter);
    else
        ndis_adapter_pause(r->adapter);
    watch_also(NULL);
    about(r, "set while %s", ndis_adapter_state_name(when));
    if (!expect_equal(r, "sets", moment.asked, 1) ||
        !expect_code(r, "status", moment.status, NDIS_STATUS_SUCCESS))
        return;
    found = watch_find(at, WATCH_STATUS, (uint32_t)current_code);
    if (expect(r, found >= 0, "NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG", "indicated", "not"))
        expect(r, watch_at((unsigned)found)->state == when, "state in which it is indicated",
               ndis_adapter_state_name(when), "%s",
               ndis_adapter_state_name(watch_at((unsigned)found)->state));
}

/* Any family's first verdict or checksum is as good: TCP over IPv4. */
static void expect_in_force(struct rig *r, bool on)
{
    struct frame_recipe f = packet_recipe_in(r, 4, 6, 200);
    const struct rig_received *d;
    static struct packet k;

    packet_build(&k, &f);
    about(r, "TCP over IPv4 arrives after restart; switched %s while Paused", on ? "on" : "off");
    d = rig_arrive(r, k.bytes, k.len);
    if (expect(r, d != NULL, "reception", "indicated", "nothing came"))
        expect_equal(r, "TcpChecksumSucceeded",
                     ((NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO){
                          .Value = (void *)d->oob[TcpIpChecksumNetBufferListInfo]})
                         .Receive.TcpChecksumSucceeded,
                     on);
}

static void set_paused(struct rig *r, bool on)
{
    NDIS_OFFLOAD_PARAMETERS p = view_parameters(view_hardware(), on);
    const struct rig_status *s;
    NDIS_STATUS status;

    about(r, "set while Paused");
    s = view_try(r, &p, &status);
    if (expect_code(r, "status", status, NDIS_STATUS_SUCCESS))
        expect(r, s != NULL, "NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG", "at the protocol",
               "nothing came");
}

CHECK("CFG-18", configured_in_every_state)
{
    NDIS_OFFLOAD_PARAMETERS p;
    bool judged;

    open_listed(r);
    judged = rig_has_wire(r) && promise_plain_arrival(r, 4, 6);
    p = view_parameters(view_hardware(), true);
    view_switch(r, &p);
    switch_in(r, NDIS_ADAPTER_PAUSING, false);
    set_paused(r, true);
    switch_in(r, NDIS_ADAPTER_RESTARTING, false);
    for (unsigned on = 0; on < 2; on++) {
        ndis_adapter_pause(r->adapter);
        set_paused(r, on);
        ndis_adapter_restart(r->adapter);
        if (judged)
            expect_in_force(r, on);
    }
}

CHECK("CFG-19", silent_after_halt)
{
    struct timespec silence = {0, SILENCE_MS * 1000000L};
    unsigned said = 0;
    int halted;

    open_listed(r);
    rig_halt(r);
    nanosleep(&silence, NULL);
    halted = watch_find_state(0, NDIS_ADAPTER_HALTED);
    if (!expect(r, halted >= 0, "state", "Halted", "never"))
        return;
    for (unsigned i = (unsigned)halted; i < watch_count(); i++)
        said += watch_at(i)->kind == WATCH_STATUS;
    expect_equal(r, "indications after MiniportHaltEx", said, 0);
}

/* ---- The protocol --------------------------------------------------------------------------- */

CHECK("CFG-16", the_protocol_does_not_poll)
{
    NDIS_OFFLOAD_PARAMETERS p;
    bool asked;
    ULONG bytes = NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1;

    rig_open(r, &(struct rig_config){.no_bind = true});
    need(r, view_hardware() != NULL, "task offload");
    stack_bind(r);
    p = view_parameters(view_hardware(), false);
    ndis_adapter_request(r->adapter, NdisRequestSetInformation, OID_TCP_OFFLOAD_PARAMETERS, &p,
                         &bytes);
    asked = stack_request(r, 0, OID_TCP_OFFLOAD_CURRENT_CONFIG) ||
            stack_request(r, 0, OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES);
    about(r, "src/tcpip from its binding to a change of the configuration");
    advise(r, !asked, "queries of the configuration", "none", "there are some");
}
