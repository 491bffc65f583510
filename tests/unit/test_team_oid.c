/* SPDX-License-Identifier: MIT */
/* Requests at the team: answered, cloned to members, summed, cancelled (MUX-13, GEN-25 to 29, 42).
 */
#include "test_team_rig.h"

/* ---- What reaches members ------------------------------------------------------------------- */

static struct {
    _Atomic(NDIS_OID) oid;
    const NDIS_OID_REQUEST *_Atomic issued; /* by the test */
    _Atomic(unsigned) at_member[2], foreign;
} seen;

static void look(void *arg, struct ndis_adapter *a, const NDIS_OID_REQUEST *r, NDIS_STATUS status,
                 bool reached)
{
    (void)arg;
    (void)status;
    if (!reached || r->DATA.SET_INFORMATION.Oid != seen.oid)
        return;
    for (unsigned i = 0; i < 2; i++)
        seen.at_member[i] += a == rig.card[i].adapter;
    seen.foreign += a != rig.team && r == seen.issued;
}

static const struct ndis_observer observer = {.oid = look};

static NDIS_STATUS issue(NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer, ULONG bytes)
{
    NDIS_OID_REQUEST r = path_oid_make(type, oid, buffer, bytes);
    NDIS_STATUS status;

    seen.at_member[0] = seen.at_member[1] = seen.foreign = 0;
    seen.issued = &r;
    seen.oid = oid;
    status = path_oid_wait(&rig.p, &r);
    seen.oid = 0; /* the next team is not looked at while it comes up */
    return status;
}

static void test_mux13_sets_reach_each_member_as_a_clone(void **state)
{
    ULONG filter = NDIS_PACKET_TYPE_DIRECTED;

    UNUSED_STATE;
    team_open((struct team_rig_config){.observer = &observer});
    assert_int_equal(
        issue(NdisRequestSetInformation, OID_GEN_CURRENT_PACKET_FILTER, &filter, sizeof filter),
        NDIS_STATUS_SUCCESS);
    assert_int_equal(seen.at_member[0], 1);
    assert_int_equal(seen.at_member[1], 1);
    assert_int_equal(seen.foreign, 0);
    assert_int_equal(rig.card[0].adapter->packet_filter, NDIS_PACKET_TYPE_DIRECTED);
    assert_int_equal(rig.card[1].adapter->packet_filter,
                     NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_PROMISCUOUS);
    team_close();
}

static void test_mux13_a_query_of_hardware_reaches_the_member_in_use(void **state)
{
    ULONG space = 0, written = 0, direct = 0, bytes = sizeof direct;

    UNUSED_STATE;
    team_open((struct team_rig_config){.observer = &observer});
    card_link(0, false);
    assert_int_equal(
        issue(NdisRequestQueryInformation, OID_GEN_TRANSMIT_BUFFER_SPACE, &space, sizeof space),
        NDIS_STATUS_SUCCESS);
    assert_int_equal(seen.at_member[0], 0);
    assert_int_equal(seen.at_member[1], 1);
    ndis_adapter_request(rig.card[1].adapter, NdisRequestQueryInformation,
                         OID_GEN_TRANSMIT_BUFFER_SPACE, &direct, &bytes);
    assert_int_equal(space, direct);
    assert_int_equal(path_query(&rig.p, OID_GEN_TRANSMIT_BUFFER_SPACE, &space, 1, &written),
                     NDIS_STATUS_BUFFER_TOO_SHORT);
    assert_int_equal(written, sizeof space);
    team_close();
}

static void test_gen27_lengths_and_unknown_requests(void **state)
{
    ULONG v = 0, needed = 0;

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    assert_int_equal(path_set(&rig.p, 0xff123456, &v, sizeof v), NDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(path_query(&rig.p, 0xff123456, &v, sizeof v, NULL), NDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(path_query(&rig.p, OID_GEN_VENDOR_DESCRIPTION, &v, 1, &needed),
                     NDIS_STATUS_BUFFER_TOO_SHORT);
    assert_true(needed > 4);
    assert_int_equal(path_set(&rig.p, OID_TCP_OFFLOAD_PARAMETERS, &v, 2),
                     NDIS_STATUS_INVALID_LENGTH);
    team_close();
}

static void test_gen29_requests_are_served_while_paused(void **state)
{
    ULONG size = 0, bytes = sizeof size;

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    assert_int_equal(ndis_adapter_pause(rig.team), NDIS_STATUS_SUCCESS);
    assert_int_equal(ndis_adapter_request(rig.team, NdisRequestQueryInformation,
                                          OID_GEN_MAXIMUM_TOTAL_SIZE, &size, &bytes),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(size, 1514);
    assert_int_equal(ndis_adapter_restart(rig.team), NDIS_STATUS_SUCCESS);
    team_close();
}

/* ---- Cancel --------------------------------------------------------------------------------- */

/* A member that keeps a request until it is cancelled. */
static struct {
    MINIPORT_OID_REQUEST_HANDLER request;
    MINIPORT_CANCEL_OID_REQUEST_HANDLER cancel;
    NDIS_OID_REQUEST *kept;
    PVOID cancelled;
} slow;

static NDIS_STATUS NTAPI SlowOidRequest(NDIS_HANDLE context, PNDIS_OID_REQUEST r)
{
    if (context != rig.card[1].adapter->context ||
        r->DATA.SET_INFORMATION.Oid != OID_GEN_CURRENT_LOOKAHEAD)
        return slow.request(context, r);
    slow.kept = r;
    return NDIS_STATUS_PENDING;
}

static VOID NTAPI SlowCancelOidRequest(NDIS_HANDLE context, PVOID id)
{
    (void)context;
    slow.cancelled = id;
    NdisMOidRequestComplete(rig.card[1].adapter, slow.kept, NDIS_STATUS_REQUEST_ABORTED);
}

static void slow_begin(void)
{
    struct ndis_driver *d = rig.card[1].adapter->driver;

    memset(&slow, 0, sizeof slow);
    slow.request = d->chars.OidRequestHandler;
    d->chars.OidRequestHandler = SlowOidRequest;
    d->chars.CancelOidRequestHandler = SlowCancelOidRequest;
}

static void test_mux13_a_cancel_is_passed_on_and_the_set_taken_back(void **state)
{
    ULONG before = 600, lookahead = 700;
    NDIS_OID_REQUEST r =
        path_oid_make(NdisRequestSetInformation, OID_GEN_CURRENT_LOOKAHEAD, &lookahead, 4);

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    assert_int_equal(path_set(&rig.p, OID_GEN_CURRENT_LOOKAHEAD, &before, 4), NDIS_STATUS_SUCCESS);
    slow_begin();
    r.RequestId = &r;
    rig.p.oid_done = false;
    assert_int_equal(NdisOidRequest(rig.p.binding, &r), NDIS_STATUS_PENDING);
    assert_non_null(slow.kept);
    assert_ptr_not_equal(slow.kept, &r);
    assert_int_equal(rig.card[0].adapter->lookahead_set, 700);
    NdisCancelOidRequest(rig.p.binding, &r);
    assert_ptr_equal(slow.cancelled, &r);
    team_until(rig.p.oid_done);
    assert_int_equal(rig.p.oid_status, NDIS_STATUS_REQUEST_ABORTED);
    team_until(rig.card[0].adapter->lookahead_set == 600);
    team_close();
}

static void test_gen26_a_member_that_answers_later(void **state)
{
    ULONG lookahead = 700;
    NDIS_OID_REQUEST r =
        path_oid_make(NdisRequestSetInformation, OID_GEN_CURRENT_LOOKAHEAD, &lookahead, 4);

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    slow_begin();
    rig.p.oid_done = false;
    assert_int_equal(NdisOidRequest(rig.p.binding, &r), NDIS_STATUS_PENDING);
    slow.kept->DATA.SET_INFORMATION.BytesRead = 4;
    NdisMOidRequestComplete(rig.card[1].adapter, slow.kept, NDIS_STATUS_SUCCESS);
    team_until(rig.p.oid_done);
    assert_int_equal(rig.p.oid_status, NDIS_STATUS_SUCCESS);
    assert_int_equal(r.DATA.SET_INFORMATION.BytesRead, 4);
    team_close();
}

/* ---- Counters ------------------------------------------------------------------------------- */

static uint64_t counted(NDIS_OID oid)
{
    uint64_t v = 0;

    assert_int_equal(path_query(&rig.p, oid, &v, sizeof v, NULL), NDIS_STATUS_SUCCESS);
    return v;
}

static void test_gen42_counters_are_the_members_sum_and_stay(void **state)
{
    NDIS_STATISTICS_INFO s;
    uint8_t frame[TEAM_FRAME];

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    for (uint32_t n = 0; n < 3; n++)
        assert_int_equal(team_send_wire(1, n), 0);
    card_link(0, false);
    for (uint32_t n = 0; n < 5; n++)
        assert_int_equal(team_send_wire(1, n), 1);
    assert_int_equal(counted(OID_GEN_XMIT_OK), 8 + 1);
    team_frame(frame, true, 1, 1);
    assert_true(team_arrives(1, frame, sizeof frame));
    assert_int_equal(counted(OID_GEN_RCV_OK), 1);
    card_leave(0);
    assert_int_equal(counted(OID_GEN_XMIT_OK), 8 + 1);
    assert_int_equal(card_join(0), 0); /* what it had counted before is not counted again */
    assert_int_equal(counted(OID_GEN_XMIT_OK), 8 + 1);
    assert_int_equal(path_query(&rig.p, OID_GEN_STATISTICS, &s, sizeof s, NULL),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(s.ifHCOutUcastPkts, 8);
    assert_int_equal(s.ifHCOutBroadcastPkts, 1); /* card 1 was announced */
    assert_int_equal(s.ifHCOutOctets, 8 * TEAM_FRAME + sizeof team_announcement);
    assert_int_equal(s.ifHCInUcastPkts, 1);
    assert_int_equal(s.SupportedStatistics, rig.team->general.SupportedStatistics);
    team_close();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mux13_sets_reach_each_member_as_a_clone),
        cmocka_unit_test(test_mux13_a_query_of_hardware_reaches_the_member_in_use),
        cmocka_unit_test(test_gen27_lengths_and_unknown_requests),
        cmocka_unit_test(test_gen29_requests_are_served_while_paused),
        cmocka_unit_test(test_mux13_a_cancel_is_passed_on_and_the_set_taken_back),
        cmocka_unit_test(test_gen26_a_member_that_answers_later),
        cmocka_unit_test(test_gen42_counters_are_the_members_sum_and_stay),
    };

    return team_group("team requests", tests, COUNT(tests));
}
