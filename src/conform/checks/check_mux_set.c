/* SPDX-License-Identifier: MIT */
/* Sets and queries at an intermediate driver: what becomes of them at its members. */
#include "conform/mux.h"
#include "conform/settings.h"

#include "ndis/adapter.h"

enum { SNAP_HEADER = 22 };

/* ---- Encapsulation -------------------------------------------------------------------------- */

static NDIS_OFFLOAD_ENCAPSULATION member_encapsulation(const struct rig *r, unsigned card)
{
    return r->card[card].adapter->encapsulation;
}

static bool enabled(const NDIS_OFFLOAD_ENCAPSULATION *e, ULONG type)
{
    return e->IPv4.Enabled == NDIS_OFFLOAD_SET_ON && e->IPv4.EncapsulationType == type;
}

/* One member lacks LLC/SNAP: either the set fails and all is as it was, or the team says that it
 * has none. */
static void expect_all_or_nothing(struct rig *r, unsigned used)
{
    NDIS_OFFLOAD_ENCAPSULATION e = rig_encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON);
    NDIS_STATUS status;

    e.IPv4.EncapsulationType = e.IPv6.EncapsulationType = NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED;
    e.IPv4.HeaderSize = e.IPv6.HeaderSize = SNAP_HEADER;
    status =
        rig_set(r, OID_OFFLOAD_ENCAPSULATION, &e, NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1);
    about(r, "LLC/SNAP set, which member 1 cannot do");
    expect(r, status != NDIS_STATUS_SUCCESS, "status", "a failure", "NDIS_STATUS_SUCCESS");
    for (unsigned i = 0; i < r->card_count; i++) {
        NDIS_OFFLOAD_ENCAPSULATION now = member_encapsulation(r, i);

        if (used & 1u << i)
            expect(r, enabled(&now, NDIS_ENCAPSULATION_IEEE_802_3), r->card[i].name,
                   "802.3 as before", "encapsulation 0x%x, enabled %u", now.IPv4.EncapsulationType,
                   now.IPv4.Enabled);
    }
}

CHECK("MUX-10", encapsulation_reaches_each_member_or_none)
{
    struct rig_config config = {
        .member_withhold = {NULL, "ls_snap"}, .keywords = mux_spread, .no_activate = true};
    unsigned used;

    rig_need_members(r, 2);
    rig_open(r, &config);
    need(r, rig_offers(r), "task offload");
    used = mux_in_use(r);
    about(r, "encapsulation set on the virtual adapter");
    if (!expect_code(r, "status", rig_activate(r, NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON),
                     NDIS_STATUS_SUCCESS))
        return;
    for (unsigned i = 0; i < r->card_count; i++) {
        NDIS_OFFLOAD_ENCAPSULATION e = member_encapsulation(r, i);

        expect(r, enabled(&e, NDIS_ENCAPSULATION_IEEE_802_3), r->card[i].name,
               "set to 802.3 and on", "encapsulation 0x%x, enabled %u", e.IPv4.EncapsulationType,
               e.IPv4.Enabled);
    }
    if (used & 2)
        expect_all_or_nothing(r, used);
    config = (struct rig_config){.withhold = MUX_NO_OFFLOAD, .no_activate = true};
    rig_reopen(r, &config);
    about(r, "encapsulation set on a team of members without offload");
    expect(r, rig_activate(r, NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON) != NDIS_STATUS_SUCCESS,
           "status", "a failure", "NDIS_STATUS_SUCCESS");
}

/* ---- Parameters ----------------------------------------------------------------------------- */

static bool lists_any(const NDIS_OFFLOAD *o)
{
    struct view v;

    view_of(o, &v);
    for (unsigned i = 0; i < VIEW_PARTS; i++) {
        if (view_lists(&v.part[i]))
            return true;
    }
    return false;
}

/* All that the team has, off or on, by one request. */
static NDIS_STATUS switch_all(struct rig *r, bool on)
{
    NDIS_OFFLOAD_PARAMETERS p = view_parameters(view_hardware(), on);

    return rig_set(r, OID_TCP_OFFLOAD_PARAMETERS, &p, NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1);
}

CHECK("MUX-11", parameters_reach_each_member)
{
    static const NDIS_STATUS code = NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG;

    rig_need_members(r, 2);
    rig_open(r, NULL);
    need(r, view_hardware() && lists_any(view_hardware()), "task offload");
    for (unsigned on = 0; on < 2; on++) {
        unsigned from = r->main.status_count;
        NDIS_STATUS status = switch_all(r, on);

        about(r, "everything set %s on the virtual adapter", on ? "on" : "off");
        if (!expect_code(r, "status", status, NDIS_STATUS_SUCCESS))
            return;
        for (unsigned i = 0; i < r->card_count; i++) {
            struct ndis_offload_state s = rig_member_offload(r, i);

            about(r, "everything set %s on the virtual adapter: %s", on ? "on" : "off",
                  r->card[i].name);
            expect_equal(r, "it has offloads in its current configuration", lists_any(&s.current),
                         on);
        }
        rig_indicated(r, code, from, 1);
        expect_equal(r, "configurations indicated by the virtual adapter",
                     rig_indications(r, code, from), 1);
    }
}

CHECK("MUX-12", a_late_member_is_given_what_is_in_force)
{
    NDIS_OFFLOAD_ENCAPSULATION e;
    struct ndis_offload_state s;
    struct mux_seen *seen;

    rig_need_members(r, 2);
    rig_open(r, &(struct rig_config){.members = 1});
    need(r, view_hardware() && lists_any(view_hardware()), "task offload");
    if (switch_all(r, false) != NDIS_STATUS_SUCCESS)
        skip(r, "offloads cannot be switched off");
    seen = mux_watch(r, 0);
    rig_join(r, 1);
    rig_member_link(r, 0, false);
    about(r, "a member that joins after everything was switched off");
    need(r, mux_in_use(r) == 2, "failover to the second member");
    expect(r, seen[1].sends > 0, "sends", "to the late member", "none");
    s = rig_member_offload(r, 1);
    expect_equal(r, "it has offloads in its current configuration", lists_any(&s.current), 0);
    e = member_encapsulation(r, 1);
    expect(r, enabled(&e, NDIS_ENCAPSULATION_IEEE_802_3), "its encapsulation",
           "set to 802.3 and on", "encapsulation 0x%x, enabled %u", e.IPv4.EncapsulationType,
           e.IPv4.Enabled);
}

/* ---- Clones --------------------------------------------------------------------------------- */

/* A member that keeps requests of an OID until it is told to cancel. */
static struct {
    struct ndis_adapter *adapter;
    MINIPORT_OID_REQUEST_HANDLER request;
    NDIS_OID oid;
    NDIS_OID_REQUEST *_Atomic kept;
    _Atomic(unsigned) cancelled;
} slow;

static NDIS_STATUS NTAPI SlowOidRequest(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    if (context != slow.adapter->context || q->DATA.SET_INFORMATION.Oid != slow.oid || slow.kept)
        return slow.request(context, q);
    slow.kept = q;
    return NDIS_STATUS_PENDING;
}

static VOID NTAPI SlowCancelOidRequest(NDIS_HANDLE context, PVOID id)
{
    NDIS_OID_REQUEST *kept = slow.kept;

    if (context != slow.adapter->context || !kept || kept->RequestId != id || slow.cancelled)
        return;
    slow.cancelled++;
    NdisMOidRequestComplete(slow.adapter, kept, NDIS_STATUS_REQUEST_ABORTED);
}

static void slow_begin(struct rig *r, unsigned card, NDIS_OID oid)
{
    struct ndis_driver *d = r->card[card].adapter->driver;

    slow.adapter = r->card[card].adapter;
    slow.oid = oid;
    slow.request = d->chars.OidRequestHandler;
    d->chars.OidRequestHandler = SlowOidRequest;
    d->chars.CancelOidRequestHandler = SlowCancelOidRequest;
}

static bool wait_done(struct rig *r)
{
    double until = rig_now() + 2 * r->suite->time_factor;
    struct timespec step = {0, 1000000};

    while (!r->main.done && rig_now() < until)
        nanosleep(&step, NULL);
    return r->main.done;
}

/* A request that is still at a member is cancelled from above. */
static void expect_cancel(struct rig *r, NDIS_OID oid)
{
    ULONG value = 700;
    NDIS_OID_REQUEST q = rig_request(NdisRequestSetInformation, oid, &value, sizeof value);

    slow_begin(r, 0, oid);
    q.RequestId = &q;
    r->main.done = false;
    about(r, "a set that a member keeps, cancelled");
    if (NdisOidRequest(r->main.binding, &q) != NDIS_STATUS_PENDING || !slow.kept)
        return;
    NdisCancelOidRequest(r->main.binding, &q);
    expect_equal(r, "cancels at the member", slow.cancelled, 1);
    if (!slow.cancelled)
        NdisMOidRequestComplete(slow.adapter, slow.kept, NDIS_STATUS_SUCCESS);
    if (expect(r, wait_done(r), "the request", "completed", "not"))
        expect(r, r->main.done_status != NDIS_STATUS_SUCCESS || !slow.cancelled, "its status",
               "a failure", "NDIS_STATUS_SUCCESS");
}

static void expect_results(struct rig *r)
{
    ULONG space = 0, direct = 0, written = 0, bytes = sizeof direct;
    struct mux_seen *seen = mux_watch(r, OID_GEN_TRANSMIT_BUFFER_SPACE);
    NDIS_STATUS status =
        rig_query(r, OID_GEN_TRANSMIT_BUFFER_SPACE, &space, sizeof space, &written);

    if (seen[0].queries == 0)
        return; /* it answers itself */
    ndis_adapter_request(r->card[0].adapter, NdisRequestQueryInformation,
                         OID_GEN_TRANSMIT_BUFFER_SPACE, &direct, &bytes);
    about(r, "a query that is passed on");
    expect_code(r, "status", status, NDIS_STATUS_SUCCESS);
    expect_equal(r, "the value", space, direct);
    expect_equal(r, "BytesWritten", written, sizeof space);
    status = rig_query(r, OID_GEN_TRANSMIT_BUFFER_SPACE, &space, 1, &written);
    about(r, "the same into a buffer that is too short");
    expect_code(r, "status", status, NDIS_STATUS_BUFFER_TOO_SHORT);
    expect_equal(r, "BytesNeeded", written, sizeof space);
}

CHECK("MUX-13", requests_go_on_as_clones)
{
    static const NDIS_OID oid = OID_GEN_CURRENT_LOOKAHEAD;
    ULONG value = 600;
    NDIS_OID_REQUEST q = rig_request(NdisRequestSetInformation, oid, &value, sizeof value);
    struct mux_seen *seen;

    rig_need_members(r, 2);
    rig_open(r, NULL);
    seen = mux_watch(r, oid);
    about(r, "OID_GEN_CURRENT_LOOKAHEAD set on the virtual adapter");
    expect_code(r, "status", rig_issue(r, &q), NDIS_STATUS_SUCCESS);
    need(r, seen[0].sets > 0, "sets that are passed on to members");
    expect(r, seen[0].request != &q, "the request at the member", "a clone", "the same one");
    expect_equal(r, "BytesRead", q.DATA.SET_INFORMATION.BytesRead, sizeof value);
    expect_results(r);
    expect_cancel(r, oid);
}
