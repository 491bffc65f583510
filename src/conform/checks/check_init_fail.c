/* SPDX-License-Identifier: MIT */
/* Initialization that fails: the n-th thing that the driver asks of the system is refused, once. */
#include "conform/probe.h"
#include "conform/watch.h"

enum { TRIES_MAX = 4000 };

struct start {
    NDIS_STATUS status;
    bool asked; /* there was an n-th thing */
    int64_t left;
    enum ndis_adapter_state state;
    bool block_refused; /* it was NdisMSetMiniportAttributes */
};

/* A prepared rig whose driver asks for little. */
static void prepare(struct rig *r)
{
    rig_prepare(r, &(struct rig_config){.no_bind = true, .queue_size = 8});
}

static struct start start_failing_at(struct rig *r, uint64_t n)
{
    struct nt_owner *owner = nt_driver_owner(r->driver);
    uint64_t before = nt_ledger_total(owner);
    unsigned events = watch_count();
    struct start s = {0};

    about(r, "MiniportInitializeEx while thing %llu that it asks for is refused",
          (unsigned long long)n);
    nt_fail_at(owner, n);
    s.status = ndis_adapter_initialize(r->adapter);
    s.asked = nt_allocations_asked(owner) >= n;
    nt_fail_at(owner, 0);
    s.state = ndis_adapter_state(r->adapter);
    s.left = (int64_t)(nt_ledger_total(owner) - before);
    for (unsigned i = events; watch_at(i); i++)
        s.block_refused |=
            watch_at(i)->kind == WATCH_ATTRIBUTES && watch_at(i)->status == NDIS_STATUS_RESOURCES;
    if (s.status == NDIS_STATUS_SUCCESS)
        ndis_adapter_halt(r->adapter);
    return s;
}

static void expect_clean(struct rig *r, const struct start *s)
{
    expect_equal(r, "things taken and not given back", (uint64_t)s->left, 0);
    expect_equal(r, "adapter state (0: Halted)", s->state, NDIS_ADAPTER_HALTED);
}

/* ---- Checks --------------------------------------------------------------------------------- */

static void set_unknown(struct probe *p)
{
    NDIS_OBJECT_HEADER unknown = {0x42, 1, 64};
    NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES newer = {
        .Header = {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES, 99, sizeof newer}};

    probe_set(p, &newer);
    probe_set(p, &unknown);
    nt_fail_at(nt_driver_owner(p->driver), 1);
    probe_set_offload(p);
    nt_fail_at(nt_driver_owner(p->driver), 0);
}

static void expect_codes(struct rig *r)
{
    struct probe *p = probe_prepare(r);

    p->offload = false;
    p->in_initialize = set_unknown;
    probe_initialize(p);
    about(r, "NDIS and a block of revision 99");
    expect_code(r, "NdisMSetMiniportAttributes", p->block_status[2], NDIS_STATUS_BAD_VERSION);
    about(r, "NDIS and a block of no known type");
    expect_code(r, "NdisMSetMiniportAttributes", p->block_status[3], NDIS_STATUS_FAILURE);
    about(r, "NDIS has no memory left");
    expect_code(r, "NdisMSetMiniportAttributes", p->block_status[4], NDIS_STATUS_RESOURCES);
    probe_down(p);
}

CHECK("INIT-6", a_refused_block_fails_initialize)
{
    unsigned refused = 0;

    prepare(r);
    for (uint64_t n = 1; n < TRIES_MAX; n++) {
        struct start s = start_failing_at(r, n);

        if (!s.asked)
            break;
        if (!s.block_refused)
            continue;
        refused++;
        about(r, "MiniportInitializeEx while NdisMSetMiniportAttributes says "
                 "NDIS_STATUS_RESOURCES");
        if (expect(r, s.status != NDIS_STATUS_SUCCESS, "its status", "a failure",
                   "NDIS_STATUS_SUCCESS"))
            expect_clean(r, &s);
    }
    note(r, "%u blocks refused", refused);
    expect_codes(r);
}

static bool legal(NDIS_STATUS s)
{
    return s == NDIS_STATUS_SUCCESS || s == NDIS_STATUS_RESOURCES ||
           s == NDIS_STATUS_NOT_ACCEPTED || NT_ERROR(s);
}

/* A few are enough here: SEC-10 tries every one. */
CHECK("INIT-21", failing_initialize_leaves_nothing)
{
    struct probe *p;

    prepare(r);
    for (uint64_t n = 1; n < TRIES_MAX; n += 1 + n / 3) {
        struct start s = start_failing_at(r, n);

        if (!s.asked)
            break;
        expect(r, legal(s.status), "its status",
               "success, NDIS_STATUS_RESOURCES, NDIS_STATUS_NOT_ACCEPTED or an error code", "%s",
               status_name(s.status));
        if (s.status != NDIS_STATUS_SUCCESS)
            expect_clean(r, &s);
    }
    p = probe_prepare(r);
    p->initialize_status = NDIS_STATUS_FAILURE;
    probe_initialize(p);
    about(r, "NDIS and a MiniportInitializeEx that failed");
    expect_equal(r, "calls of MiniportHaltEx", p->halts, 0);
    expect_equal(r, "adapter state (0: Halted)", ndis_adapter_state(p->adapter),
                 NDIS_ADAPTER_HALTED);
    probe_down(p);
}

CHECK("SEC-10", every_failure_of_initialize_once)
{
    unsigned tried = 0, failed = 0;

    prepare(r);
    for (uint64_t n = 1; n < TRIES_MAX; n++) {
        struct start s = start_failing_at(r, n);

        if (!s.asked)
            break;
        tried++;
        failed += s.status != NDIS_STATUS_SUCCESS;
        if (s.status != NDIS_STATUS_SUCCESS)
            expect_clean(r, &s);
        else
            expect_equal(r, "adapter state (2: Paused)", s.state, NDIS_ADAPTER_PAUSED);
    }
    note(r, "%u failures injected, %u failed the start", tried, failed);
    about(r, "MiniportInitializeEx when nothing is refused any more");
    expect_code(r, "its status", ndis_adapter_initialize(r->adapter), NDIS_STATUS_SUCCESS);
}
