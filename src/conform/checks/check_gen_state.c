/* SPDX-License-Identifier: MIT */
/* The state machine: what moves where, when NDIS calls the driver, and what a driver leaves behind.
 */
#include "conform/gen.h"
#include "conform/watch.h"

static void open_traced(struct rig *r)
{
    rig_prepare(r, NULL);
    trace_begin(r);
    rig_start(r);
}

/* ---- Moves ---------------------------------------------------------------------------------- */

/* "Miniport Adapter States and Operations". */
static bool is_move(enum ndis_adapter_state from, enum ndis_adapter_state to)
{
    static const struct {
        enum ndis_adapter_state from, to;
    } moves[] = {
        {NDIS_ADAPTER_HALTED, NDIS_ADAPTER_INITIALIZING},
        {NDIS_ADAPTER_INITIALIZING, NDIS_ADAPTER_PAUSED},
        {NDIS_ADAPTER_INITIALIZING, NDIS_ADAPTER_HALTED},
        {NDIS_ADAPTER_PAUSED, NDIS_ADAPTER_RESTARTING},
        {NDIS_ADAPTER_RESTARTING, NDIS_ADAPTER_RUNNING},
        {NDIS_ADAPTER_RESTARTING, NDIS_ADAPTER_PAUSED},
        {NDIS_ADAPTER_RUNNING, NDIS_ADAPTER_PAUSING},
        {NDIS_ADAPTER_PAUSING, NDIS_ADAPTER_PAUSED},
        {NDIS_ADAPTER_PAUSED, NDIS_ADAPTER_HALTED},
    };

    for (unsigned i = 0; i < ARRAY_LEN(moves); i++) {
        if (moves[i].from == from && moves[i].to == to)
            return true;
    }
    return false;
}

static void expect_state(struct rig *r, enum ndis_adapter_state want)
{
    expect(r, ndis_adapter_state(r->adapter) == want, "state", ndis_adapter_state_name(want), "%s",
           ndis_adapter_state_name(ndis_adapter_state(r->adapter)));
}

CHECK("GEN-1", states_follow_the_table)
{
    unsigned moves = 0;

    rig_prepare(r, NULL);
    trace_begin(r);
    about(r, "a start that fails");
    trace_answer(TRACE_INITIALIZE, NDIS_STATUS_FAILURE);
    ndis_adapter_initialize(r->adapter);
    expect_state(r, NDIS_ADAPTER_HALTED);
    about(r, "start");
    rig_start(r);
    expect_state(r, NDIS_ADAPTER_RUNNING);
    about(r, "pause");
    ndis_adapter_pause(r->adapter);
    expect_state(r, NDIS_ADAPTER_PAUSED);
    about(r, "a restart that fails");
    trace_answer(TRACE_RESTART, NDIS_STATUS_FAILURE);
    ndis_adapter_restart(r->adapter);
    expect_state(r, NDIS_ADAPTER_PAUSED);
    about(r, "restart, halt from Running");
    ndis_adapter_restart(r->adapter);
    expect_state(r, NDIS_ADAPTER_RUNNING);
    rig_halt(r);
    expect_state(r, NDIS_ADAPTER_HALTED);
    for (unsigned i = 0; i < watch_count(); i++) {
        const struct watch_event *e = watch_at(i);

        if (e->kind != WATCH_STATE)
            continue;
        moves++;
        about(r, "move number %u", moves);
        expect(r, is_move(e->from, e->state), "move", "one of the table", "%s -> %s",
               ndis_adapter_state_name(e->from), ndis_adapter_state_name(e->state));
    }
    expect_equal(r, "moves", moves, 2 + 4 + 2 + 2 + 2 + 3);
}

CHECK("GEN-6", restart_brings_traffic_back)
{
    const struct trace_entry *e = NULL;

    open_traced(r);
    gen_traffic(r, 6);
    rig_forget(r);
    for (unsigned i = 0; i < 2; i++) {
        ndis_adapter_pause(r->adapter);
        about(r, "restart number %u", i + 2);
        e = trace_at(trace_count() - 1);
        expect_code(r, "outcome", ndis_adapter_restart(r->adapter), NDIS_STATUS_SUCCESS);
        e = trace_find(trace_index(e), TRACE_RESTART);
        expect(r, e && (e->status == NDIS_STATUS_SUCCESS || e->status == NDIS_STATUS_PENDING),
               "MiniportRestart", "NDIS_STATUS_SUCCESS or NDIS_STATUS_PENDING", "%s",
               e ? status_name(e->status) : "not called");
        if (ndis_adapter_state(r->adapter) != NDIS_ADAPTER_RUNNING)
            return;
        gen_traffic(r, 6);
        rig_forget(r);
    }
    ndis_adapter_pause(r->adapter);
    about(r, "a restart that fails, and another");
    trace_answer(TRACE_RESTART, NDIS_STATUS_RESOURCES);
    expect_code(r, "outcome", ndis_adapter_restart(r->adapter), NDIS_STATUS_RESOURCES);
    expect_state(r, NDIS_ADAPTER_PAUSED);
    if (expect_code(r, "outcome of the next", ndis_adapter_restart(r->adapter),
                    NDIS_STATUS_SUCCESS))
        gen_traffic(r, 6);
}

/* What must wait for the end of a pause, tried while it lasts. */
CHECK("GEN-7", nothing_begins_while_pausing)
{
    static NDIS_STATUS (*const operation[])(struct ndis_adapter *) = {
        ndis_adapter_restart, ndis_adapter_initialize, ndis_adapter_halt};
    struct gen_task pause, task[ARRAY_LEN(operation)];
    unsigned from;

    open_traced(r);
    trace_hold(TRACE_PAUSE);
    gen_begin(r, &pause, ndis_adapter_pause);
    rig_wait(r, trace_began(TRACE_PAUSE), 1, GEN_SECONDS);
    expect_state(r, NDIS_ADAPTER_PAUSING);
    from = trace_count();
    for (unsigned i = 0; i < ARRAY_LEN(task); i++)
        gen_begin(r, &task[i], operation[i]);
    gen_quiet(r, 0.03);
    about(r, "restart, initialize and halt, asked for while Pausing");
    expect(r, !trace_find(from, TRACE_RESTART), "MiniportRestart", "not called", "called");
    expect(r, !trace_find(from, TRACE_INITIALIZE), "MiniportInitializeEx", "not called", "called");
    expect(r, !trace_find(from, TRACE_HALT), "MiniportHaltEx", "not called", "called");
    trace_release(r);
    gen_end(r, &pause);
    for (unsigned i = 0; i < ARRAY_LEN(task); i++)
        gen_end(r, &task[i]);
}

/* ---- Halt ----------------------------------------------------------------------------------- */

static NDIS_STATUS query_statistics(struct ndis_adapter *a)
{
    uint8_t buffer[sizeof(NDIS_STATISTICS_INFO)];
    ULONG bytes = sizeof buffer;

    return ndis_adapter_request(a, NdisRequestQueryInformation, OID_GEN_STATISTICS, buffer, &bytes);
}

CHECK("GEN-8", halt_comes_when_nothing_is_out)
{
    const struct trace_entry *e;
    struct gen_task query, halt;

    /* Without a filter unbinding has nothing to ask of the driver, and so does not wait for the
     * query itself. */
    rig_prepare(r, &(struct rig_config){.no_filter = true});
    trace_begin(r);
    rig_start(r);
    need(r, watch_lists_oid(OID_GEN_STATISTICS), "OID_GEN_STATISTICS");
    trace_hold(TRACE_OID);
    gen_begin(r, &query, query_statistics);
    rig_wait(r, trace_began(TRACE_OID), *trace_ended(TRACE_OID) + 1, GEN_SECONDS);
    rig_stall(r);
    rig_send_only(r, gen_chain(r, 8, 0, 20, 100));
    gen_begin(r, &halt, ndis_adapter_halt);
    gen_quiet(r, 0.02);
    about(r, "halt with 20 sends and a query with the driver");
    expect(r, !trace_find(0, TRACE_HALT), "MiniportHaltEx", "not called yet", "called");
    rig_unstall(r);
    gen_state(r, NDIS_ADAPTER_PAUSED);
    gen_quiet(r, 0.02);
    about(r, "halt with a query with the driver");
    expect(r, !trace_find(0, TRACE_HALT), "MiniportHaltEx", "not called yet", "called");
    trace_release(r);
    gen_end(r, &query);
    gen_end(r, &halt);
    about(r, "when it came");
    e = trace_find(0, TRACE_HALT);
    if (!expect(r, e != NULL, "MiniportHaltEx", "called", "not called"))
        return;
    expect(r, e->state == NDIS_ADAPTER_PAUSED, "state", "paused", "%s",
           ndis_adapter_state_name(e->state));
    expect_equal(r, "sends with the driver", e->sends, 0);
    expect_equal(r, "requests with the driver", e->requests, 0);
}

/* Handles, memory and the rest that the driver holds now. */
static uint64_t held(const struct rig *r, unsigned kind)
{
    return nt_ledger_count(nt_driver_owner(r->driver), (enum nt_resource)kind);
}

/* The runtime watches for calls that come too late, and compares the ledger itself. */
CHECK("GEN-9", halt_leaves_nothing)
{
    uint64_t before[NT_RES_COUNT];
    unsigned events;

    rig_prepare(r, NULL);
    rig_start(r);
    gen_traffic(r, 9);
    rig_halt(r);
    /* After a first round: free blocks in a list of the driver's own are not the adapter's. */
    for (unsigned kind = 0; kind < NT_RES_COUNT; kind++)
        before[kind] = held(r, kind);
    rig_start(r);
    gen_traffic(r, 9);
    rig_halt(r);
    events = watch_count();
    for (unsigned kind = 0; kind < NT_RES_COUNT; kind++) {
        about(r, "%s held after halt", nt_resource_name((enum nt_resource)kind));
        expect_equal(r, "more than after the first round", held(r, kind), before[kind]);
    }
    gen_quiet(r, 0.03);
    about(r, "calls of the driver after halt");
    expect_equal(r, "events", watch_count(), events);
    expect_equal(r, "calls that name the adapter", rig_broken(r, "CFG-19"), 0);
}

/* rig_close unloads; the runtime counts what is left. */
CHECK("GEN-10", unload_leaves_nothing)
{
    rig_prepare(r, NULL);
    trace_begin(r);
    rig_start(r);
    gen_traffic(r, 10);
    rig_close(r);
    about(r, "after unload");
    expect_equal(r, "calls of MiniportDriverUnload", *trace_ended(TRACE_UNLOAD), 1);
    expect_equal(r, "kinds of things that are left", rig_broken(r, "GEN-10"), 0);
}
