/* SPDX-License-Identifier: MIT */
/* Pausing a miniport with sends and receives out. NDIS pauses its bindings first and has everything
 * back before it calls MiniportPause; here they run on, as a race could have it. */
#include "conform/gen.h"

#include "conform/watch.h"

/* A running adapter whose lent receives stay with the protocol. */
static void open_racing(struct rig *r)
{
    rig_prepare(r, NULL);
    trace_begin(r);
    rig_start(r);
    ndis_set_racing(true);
}

/* `count` frames that the protocol keeps. */
static void lend(struct rig *r, unsigned row, unsigned count)
{
    r->main.hold_receives = true;
    for (unsigned i = 0; i < count; i++)
        gen_arrive(r, row, i, 100);
    if (!rig_wait(r, &r->main.received_count, count, GEN_SECONDS))
        cannot(r, "%u of %u frames arrived", r->main.received_count, count);
    need(r, r->main.held_count > 0, "receive indications that lend NBLs");
}

static unsigned sends_out(const struct rig *r)
{
    struct ndis_adapter_info info;

    ndis_adapter_info(r->adapter, &info);
    return (unsigned)(info.tx_nbls - info.tx_completed);
}

static unsigned receives_out(const struct rig *r)
{
    struct ndis_adapter_info info;

    ndis_adapter_info(r->adapter, &info);
    return (unsigned)(info.rx_nbls - info.rx_returned);
}

/* The driver has not said that it is paused (NDIS itself waits for a while before it believes it),
 * unless what was out is back by now. */
static void expect_pausing(struct rig *r, const struct gen_task *pause, unsigned nth,
                           unsigned (*out)(const struct rig *r))
{
    const struct trace_entry *e = NULL;
    bool ended;

    for (unsigned at = 0; nth-- && (e = trace_find(at, TRACE_PAUSE)) != NULL;)
        at = trace_index(e) + 1;
    ended = pause->done || (e && e->over && e->status == NDIS_STATUS_SUCCESS);
    expect(r, !ended || out(r) == 0, "pause", "lasts until they are back", "it has ended");
}

CHECK("GEN-2", pause_waits_for_what_is_out)
{
    struct gen_task pause;

    open_racing(r);
    about(r, "pause with 3 sends out");
    rig_stall(r);
    rig_send_only(r, gen_chain(r, 2, 0, 3, 100));
    gen_begin(r, &pause, ndis_adapter_pause);
    rig_wait(r, trace_began(TRACE_PAUSE), 1, GEN_SECONDS);
    gen_quiet(r, 0.03);
    expect_pausing(r, &pause, 1, sends_out);
    rig_unstall(r);
    if (!gen_end(r, &pause))
        return;
    expect_equal(r, "sends out when the pause ended", sends_out(r), 0);
    rig_forget(r);
    expect_code(r, "restart", ndis_adapter_restart(r->adapter), NDIS_STATUS_SUCCESS);
    if (!rig_has_wire(r))
        return;
    lend(r, 2, 3);
    about(r, "pause with %u lent NBLs out", receives_out(r));
    gen_begin(r, &pause, ndis_adapter_pause);
    rig_wait(r, trace_began(TRACE_PAUSE), 2, GEN_SECONDS);
    gen_quiet(r, 0.03);
    expect_pausing(r, &pause, 2, receives_out);
    rig_return_held(r);
    if (gen_end(r, &pause))
        expect_equal(r, "lent NBLs out when the pause ended", receives_out(r), 0);
}

static void expect_pause(struct rig *r, unsigned nth)
{
    const struct trace_entry *e = NULL;

    for (unsigned at = 0; nth-- && (e = trace_find(at, TRACE_PAUSE)) != NULL;)
        at = trace_index(e) + 1;
    expect(r, e && (e->status == NDIS_STATUS_SUCCESS || e->status == NDIS_STATUS_PENDING),
           "MiniportPause", "NDIS_STATUS_SUCCESS or NDIS_STATUS_PENDING", "%s",
           e ? status_name(e->status) : "not called");
}

/* The runtime watches for completions that are not due. */
CHECK("GEN-3", pause_cannot_fail)
{
    struct gen_task pause;

    open_racing(r);
    for (unsigned i = 0; i < 2; i++) {
        about(r, "pause number %u with nothing out", i + 1);
        expect_code(r, "outcome", ndis_adapter_pause(r->adapter), NDIS_STATUS_SUCCESS);
        expect_pause(r, i + 1);
        expect_code(r, "restart", ndis_adapter_restart(r->adapter), NDIS_STATUS_SUCCESS);
    }
    if (!rig_has_wire(r))
        return;
    lend(r, 3, 3);
    about(r, "pause with lent NBLs out");
    gen_begin(r, &pause, ndis_adapter_pause);
    gen_pausing(r, 3);
    rig_return_held(r);
    if (gen_end(r, &pause))
        expect_code(r, "outcome", pause.status, NDIS_STATUS_SUCCESS);
    expect_pause(r, 3);
}

/* Sends that come too late: completed at once, as paused. */
static void send_late(struct rig *r, uint32_t first)
{
    unsigned at = r->main.completed_count;

    rig_send_only(r, gen_chain(r, 4, first, 3, 100));
    if (!expect(r, rig_wait(r, &r->main.completed_count, at + 3, GEN_SECONDS), "sends",
                "completed at once", "%u of 3 are", r->main.completed_count - at))
        return;
    for (unsigned i = at; i < at + 3; i++)
        expect_code(r, "NBL status", r->main.completed[i % RIG_RECORDS].status, NDIS_STATUS_PAUSED);
}

CHECK("GEN-4", sends_meanwhile_are_refused)
{
    struct gen_task pause;
    uint32_t numbers[16];

    open_racing(r);
    if (rig_has_wire(r)) {
        lend(r, 4, 2);
        gen_begin(r, &pause, ndis_adapter_pause);
        gen_pausing(r, 1);
        about(r, "send in Pausing");
        send_late(r, 10);
        rig_return_held(r);
        if (!gen_end(r, &pause))
            return;
    } else {
        ndis_adapter_pause(r->adapter);
    }
    about(r, "send in Paused");
    send_late(r, 20);
    expect_code(r, "restart", ndis_adapter_restart(r->adapter), NDIS_STATUS_SUCCESS);
    about(r, "after restart");
    expect_equal(r, "frames that left", gen_left(r, 4, numbers, 16), 0);
}

/* Receive indications in that state from event `at` on. */
static unsigned indications_in(unsigned at, enum ndis_adapter_state state)
{
    unsigned n = 0;

    for (int i = (int)at; (i = watch_find((unsigned)i, WATCH_RECEIVE, 0)) >= 0; i++)
        n += watch_at((unsigned)i)->state == state;
    return n;
}

CHECK("GEN-5", no_indications_while_paused)
{
    struct gen_task pause;
    unsigned at;

    open_racing(r);
    rig_need_wire(r);
    lend(r, 5, 2);
    gen_begin(r, &pause, ndis_adapter_pause);
    gen_pausing(r, 1);
    at = watch_count();
    for (uint32_t i = 0; i < 5; i++)
        gen_arrive(r, 5, 50 + i, 100);
    gen_quiet(r, 0.02);
    about(r, "MiniportPause has returned, NBLs are still out");
    expect_equal(r, "receive indications", indications_in(at, NDIS_ADAPTER_PAUSING), 0);
    rig_return_held(r);
    if (!gen_end(r, &pause))
        return;
    at = watch_count();
    for (uint32_t i = 0; i < 5; i++)
        gen_arrive(r, 5, 60 + i, 100);
    gen_quiet(r, 0.02);
    about(r, "Paused");
    expect_equal(r, "receive indications", indications_in(at, NDIS_ADAPTER_PAUSED), 0);
    r->main.hold_receives = false;
    expect_code(r, "restart", ndis_adapter_restart(r->adapter), NDIS_STATUS_SUCCESS);
}
