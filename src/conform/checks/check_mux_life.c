/* SPDX-License-Identifier: MIT */
/* The life of an intermediate driver: registration, instances, members that go, power. */
#include "conform/mux.h"

#include "ndis/adapter.h"

enum { START_SECONDS = 10 };

CHECK("MUX-1", both_edges_are_registered_and_tied)
{
    const struct ndis_driver *d;

    rig_need_members(r, 1);
    rig_open(r, NULL);
    d = r->adapter->driver;
    about(r, "how the driver registers");
    expect(r, d->intermediate, "NDIS_INTERMEDIATE_DRIVER", "given", "not");
    expect(r, d->associated != NULL, "NdisIMAssociateMiniport", "called with both edges", "not");
}

/* ---- Instances ------------------------------------------------------------------------------ */

static struct {
    MINIPORT_HALT_HANDLER halt;
    NDIS_HALT_ACTION action;
    unsigned calls;
} noted;

static VOID NTAPI NotedHalt(NDIS_HANDLE context, NDIS_HALT_ACTION action)
{
    noted.action = action;
    noted.calls++;
    noted.halt(context, action);
}

static void all_leave(struct rig *r)
{
    for (unsigned i = 0; i < r->card_count; i++)
        rig_leave(r, i);
}

CHECK("MUX-2", the_instance_comes_and_goes_with_members)
{
    struct ndis_driver *d;

    rig_need_members(r, 1);
    rig_open(r, NULL);
    d = r->adapter->driver;
    noted.halt = d->chars.HaltHandlerEx;
    d->chars.HaltHandlerEx = NotedHalt;
    all_leave(r);
    about(r, "the last member leaves");
    if (noted.calls)
        expect_equal(r, "halt action (6: NdisHaltDeviceInstanceDeInitialized)", noted.action,
                     NdisHaltDeviceInstanceDeInitialized);
    d->chars.HaltHandlerEx = noted.halt;
    rig_join(r, 0);
    about(r, "a member comes");
    expect(r, ndis_adapter_wait(r->adapter, NDIS_ADAPTER_RUNNING, START_SECONDS),
           "the virtual adapter", "Running", "%s",
           ndis_adapter_state_name(ndis_adapter_state(r->adapter)));
}

/* ---- Members that go ------------------------------------------------------------------------ */

static void *return_later(void *arg)
{
    struct timespec wait = {0, 10000000};

    nanosleep(&wait, NULL);
    rig_return_held(arg);
    return NULL;
}

CHECK("MUX-24", nothing_goes_to_a_member_that_has_left)
{
    struct mux_seen *seen;
    static struct packet k;
    pthread_t later;
    unsigned before;
    uint32_t n;

    rig_need_members(r, 2);
    rig_open(r, NULL);
    r->main.hold_receives = true;
    mux_frame(r, &k, true, 1, 1);
    rig_arrive(r, k.bytes, k.len);
    if (pthread_create(&later, NULL, return_later, r) != 0)
        cannot(r, "no thread");
    rig_leave(r, 0);
    about(r, "a member leaves while the protocol has a frame of it");
    expect_equal(r, "frames that the protocol still has", r->main.held_count, 0);
    pthread_join(later, NULL);
    r->main.hold_receives = false;
    seen = mux_watch(r, OID_GEN_CURRENT_PACKET_FILTER);
    before = r->main.completed_count;
    for (n = 0; n < 8; n++)
        mux_send(r, n, n);
    rig_set_filter(r, NDIS_PACKET_TYPE_DIRECTED);
    about(r, "after it has left");
    expect_equal(r, "NBLs sent to it", seen[0].sends, 0);
    expect_equal(r, "requests made of it", seen[0].sets, 0);
    expect_equal(r, "NBLs sent to the other member", seen[1].sends, 8);
    expect_equal(r, "completions", r->main.completed_count - before, 8);
}

CHECK("MUX-25", the_last_member_leaves_nothing_behind)
{
    enum { SENDS = 40 };
    struct ndis_adapter_info info;
    static struct packet k;
    unsigned from;

    rig_need_members(r, 2);
    rig_open(r, NULL);
    from = r->main.completed_count;
    for (unsigned i = 0; i < SENDS; i++) {
        mux_frame(r, &k, false, i, i);
        rig_send_only(r, rig_nbl(r, k.bytes, k.len, NULL, 0));
    }
    all_leave(r);
    about(r, "every member leaves, %d sends behind each other before it", SENDS);
    rig_wait(r, &r->main.completed_count, from + SENDS, 2);
    expect_equal(r, "completions", r->main.completed_count - from, SENDS);
    ndis_adapter_info(r->adapter, &info);
    expect(r, ndis_adapter_state(r->adapter) == NDIS_ADAPTER_HALTED || !info.link_up,
           "the virtual adapter", "halted, or its link down", "%s, link up",
           ndis_adapter_state_name(ndis_adapter_state(r->adapter)));
    /* What is left is found when the drivers are unloaded (GEN-9, LEDGER). */
}

/* ---- Power, interface stack ----------------------------------------------------------------- */

CHECK("MUX-26", power_ends_at_the_upper_edge)
{
    NDIS_DEVICE_POWER_STATE state = NdisDeviceStateD3;
    struct mux_seen *seen;

    rig_need_members(r, 1);
    rig_open(r, NULL);
    about(r, "the attributes registered");
    expect(r,
           watch_attributes()->registration.AttributeFlags &
               NDIS_MINIPORT_ATTRIBUTES_NO_HALT_ON_SUSPEND,
           "NDIS_MINIPORT_ATTRIBUTES_NO_HALT_ON_SUSPEND", "set", "not");
    about(r, "OID_PNP_QUERY_POWER");
    expect_code(r, "status", rig_query(r, OID_PNP_QUERY_POWER, &state, sizeof state, NULL),
                NDIS_STATUS_SUCCESS);
    seen = mux_watch(r, OID_PNP_SET_POWER);
    state = NdisDeviceStateD3;
    about(r, "OID_PNP_SET_POWER to D3");
    expect_code(r, "status", rig_set(r, OID_PNP_SET_POWER, &state, sizeof state),
                NDIS_STATUS_SUCCESS);
    expect_equal(r, "sets that reached a member", seen[0].sets + seen[1].sets, 0);
    expect(r, mux_send(r, 1, 1) != NDIS_STATUS_SUCCESS, "a send in D3", "failed",
           "NDIS_STATUS_SUCCESS");
    state = NdisDeviceStateD0;
    expect_code(r, "status of D0", rig_set(r, OID_PNP_SET_POWER, &state, sizeof state),
                NDIS_STATUS_SUCCESS);
    expect_code(r, "a send in D0", mux_send(r, 1, 2), NDIS_STATUS_SUCCESS);
}

/* Whether that card stands below the virtual adapter. */
static bool below(const struct rig *r, unsigned card)
{
    uint32_t team = ndis_adapter_index(r->adapter), low;

    for (unsigned n = 0; (low = ndis_ifstack_below(team, n)) != 0; n++) {
        if (low == ndis_adapter_index(r->card[card].adapter))
            return true;
    }
    return false;
}

CHECK("MUX-27", the_interface_stack_names_the_members)
{
    rig_need_members(r, 2);
    rig_open(r, NULL);
    for (unsigned i = 0; i < r->card_count; i++) {
        about(r, "%s", r->card[i].name);
        expect(r, below(r, i), "interface stack", "below the virtual adapter", "not");
    }
    rig_leave(r, 0);
    about(r, "%s, which has left", r->card[0].name);
    expect(r, !below(r, 0), "interface stack", "not below the virtual adapter", "it is");
}

CHECK_NOT_SEEN(
    "MUX-14", alters_packets,
    "Whether a driver alters packets is its own matter; from outside it shows only where "
    "what it offers is not done, which rows of CAP and TXC see.");
CHECK_NOT_SEEN("MUX-28", connection_failover,
               "Connections are offloaded by nobody here: there is none to pause at a failover.");
