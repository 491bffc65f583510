/* SPDX-License-Identifier: MIT */
/* Activation, configuration and capability changes as the bindings see them: groups ENC and CFG on
 * NDIS's side. src/ndis/{status,offload,answer,oid}.c */
#include "test_ndis_peer.h"

#include "ndis/private.h"
#include "ndis/verify.h"

static NDIS_OFFLOAD_ENCAPSULATION last_set; /* what the miniport was last given */

static NDIS_STATUS on_encapsulation(NDIS_OID_REQUEST *r)
{
    if (r->DATA.SET_INFORMATION.Oid == OID_OFFLOAD_ENCAPSULATION) {
        memcpy(&last_set, r->DATA.SET_INFORMATION.InformationBuffer, sizeof(last_set));
        if (mp.oid != NDIS_STATUS_SUCCESS)
            return mp.oid;
        indicate(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &mp.now, mp.now.Header.Size);
    }
    rig_fill_result(r);
    return NDIS_STATUS_SUCCESS;
}

static void initialize(void)
{
    memset(&last_set, 0, sizeof(last_set));
    mp.offload = true;
    rig_offload(&mp.now);
    rig_offload(&mp.hardware);
    mp.in_oid = on_encapsulation;
    rig_up(NULL);
    peers_up();
    assert_int_equal(ndis_adapter_initialize(rig.adapter), NDIS_STATUS_SUCCESS);
}

static void start(void)
{
    initialize();
    assert_int_equal(ndis_adapter_restart(rig.adapter), NDIS_STATUS_SUCCESS);
    peer_connect(0);
    peer_connect(1);
    mp.oids = 0;
}

static void stop(void)
{
    peers_down();
    rig_down();
}

static NDIS_OFFLOAD now(NDIS_OID oid)
{
    NDIS_OFFLOAD o;
    ULONG bytes = sizeof(o);

    assert_int_equal(query(oid, &o, &bytes), NDIS_STATUS_SUCCESS);
    assert_int_equal(bytes, 112);
    return o;
}

static NDIS_OFFLOAD_ENCAPSULATION activation(void)
{
    NDIS_OFFLOAD_ENCAPSULATION e;
    ULONG bytes = sizeof(e);

    assert_int_equal(query(OID_OFFLOAD_ENCAPSULATION, &e, &bytes), NDIS_STATUS_SUCCESS);
    assert_int_equal(bytes, 28);
    return e;
}

/* ---- ENC ------------------------------------------------------------------------------------ */

/* ENC-20, ENC-21: before a set that succeeded there is no answer, in either mode. */
static void test_ENC_20_21_a_query_before_any_set_has_no_answer(void **state)
{
    NDIS_OFFLOAD_ENCAPSULATION e = encapsulation(NDIS_OFFLOAD_SET_ON, 0, 14), got;

    (void)state;
    start();
    for (unsigned strict = 0; strict < 2; strict++) {
        ULONG bytes = sizeof(got);

        ndis_set_strict(strict);
        assert_int_equal(query(OID_OFFLOAD_ENCAPSULATION, &got, &bytes), NDIS_STATUS_INVALID_STATE);
        assert_int_equal(
            peer_ask(0, NdisRequestQueryInformation, OID_OFFLOAD_ENCAPSULATION, &got, sizeof(got)),
            NDIS_STATUS_INVALID_STATE);
        mp.oid = NDIS_STATUS_INVALID_PARAMETER;
        assert_int_equal(set(OID_OFFLOAD_ENCAPSULATION, &e, 28), NDIS_STATUS_INVALID_PARAMETER);
        bytes = sizeof(got);
        assert_int_equal(query(OID_OFFLOAD_ENCAPSULATION, &got, &bytes), NDIS_STATUS_INVALID_STATE);
        mp.oid = NDIS_STATUS_SUCCESS;
    }
    ndis_set_strict(false);
    assert_int_equal(mp.oids, 2);
    assert_int_equal(set(OID_OFFLOAD_ENCAPSULATION, &e, 28), NDIS_STATUS_SUCCESS);
    got = activation();
    assert_memory_equal(&got, &e, 28);
    assert_int_equal(mp.oids, 3);
    stop();
}

/* ENC-23, PAR-27: the last successful set wins; every binding is told. */
static void test_ENC_23_the_last_of_several_protocols_wins(void **state)
{
    NDIS_OFFLOAD_ENCAPSULATION first = encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON, 14);
    NDIS_OFFLOAD_ENCAPSULATION second =
        encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_OFF, 18);
    NDIS_OFFLOAD_ENCAPSULATION got;

    (void)state;
    start();
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(peer_ask(i, NdisRequestSetInformation, OID_OFFLOAD_ENCAPSULATION,
                                  i ? &second : &first, 28),
                         NDIS_STATUS_SUCCESS);
    got = activation();
    assert_memory_equal(&got, &second, 28);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(peer_heard(i, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG), 2);
    mp.oid = NDIS_STATUS_INVALID_PARAMETER; /* a failed one changes nothing */
    assert_int_equal(peer_ask(0, NdisRequestSetInformation, OID_OFFLOAD_ENCAPSULATION, &first, 28),
                     NDIS_STATUS_INVALID_PARAMETER);
    got = activation();
    assert_memory_equal(&got, &second, 28);
    /* A binding that goes takes nothing with it. */
    ndis_adapter_disconnect(rig.adapter, "two");
    got = activation();
    assert_memory_equal(&got, &second, 28);
    stop();
}

/* ENC-25, ENC-5, ENC-22: what queries give, what a reset replays. */
static void test_ENC_25_an_encapsulation_change_updates_the_answer(void **state)
{
    NDIS_OFFLOAD_ENCAPSULATION e = encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON, 14), got;
    NDIS_STATUS code = NDIS_STATUS_OFFLOAD_ENCASPULATION_CHANGE;

    (void)state;
    start();
    assert_int_equal(set(OID_OFFLOAD_ENCAPSULATION, &e, 28), NDIS_STATUS_SUCCESS);
    e = encapsulation(NDIS_OFFLOAD_SET_NO_CHANGE, NDIS_OFFLOAD_SET_OFF, 0);
    indicate(code, &e, 28);
    got = activation();
    assert_int_equal(got.IPv4.Enabled, NDIS_OFFLOAD_SET_ON);
    assert_int_equal(got.IPv4.HeaderSize, 14);
    assert_int_equal(got.IPv6.Enabled, NDIS_OFFLOAD_SET_OFF);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(peer_heard(i, code), 1);
    mp.addressing_reset = TRUE;
    assert_int_equal(ndis_adapter_reset(rig.adapter), NDIS_STATUS_SUCCESS);
    assert_memory_equal(&last_set, &got, 28);
    stop();
}

static void test_ENC_25_malformed_changes_are_findings_and_ignored(void **state)
{
    NDIS_OFFLOAD_ENCAPSULATION e = encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON, 14), bad;
    NDIS_STATUS code = NDIS_STATUS_OFFLOAD_ENCASPULATION_CHANGE;
    NDIS_OFFLOAD_ENCAPSULATION got;

    (void)state;
    start();
    assert_int_equal(set(OID_OFFLOAD_ENCAPSULATION, &e, 28), NDIS_STATUS_SUCCESS);
    bad = encapsulation(NDIS_OFFLOAD_SET_OFF, NDIS_OFFLOAD_SET_OFF, 0);
    indicate(code, &bad, 27);
    indicate(code, NULL, 0);
    bad.Header.Size = 32;
    indicate(code, &bad, 28);
    bad.Header.Size = 28;
    bad.Header.Revision = 0;
    indicate(code, &bad, 28);
    bad.Header.Revision = 1;
    bad.Header.Type = NDIS_OBJECT_TYPE_OFFLOAD;
    indicate(code, &bad, 28);
    assert_int_equal(rig_found("ENC-25"), 5);
    assert_int_equal(peer_heard(0, code), 0);
    got = activation();
    assert_memory_equal(&got, &e, 28);
    stop();
}

/* RXC-1, ENC-25, ENC-17: receive verdicts are judged against the activation as it is now. */
static void test_ENC_25_verdicts_after_an_unasked_switch_off_are_findings(void **state)
{
    NDIS_OFFLOAD_ENCAPSULATION e = encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON, 14);
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO verdict = {.Value = NULL};
    NET_BUFFER nb = {.DataLength = 60};
    NET_BUFFER_LIST nbl = {.FirstNetBuffer = &nb};
    MDL mdl = {0};

    (void)state;
    start();
    nb.CurrentMdl = &mdl;
    nbl.SourceHandle = rig.adapter;
    verdict.Receive.TcpChecksumSucceeded = 1;
    nbl.NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = verdict.Value;
    assert_int_equal(set(OID_OFFLOAD_ENCAPSULATION, &e, 28), NDIS_STATUS_SUCCESS);
    assert_true(ndis_verify_indicated(rig.adapter, &nbl));
    assert_int_equal(rig_found("RXC-1"), 0);
    e = encapsulation(NDIS_OFFLOAD_SET_OFF, NDIS_OFFLOAD_SET_OFF, 0);
    indicate(NDIS_STATUS_OFFLOAD_ENCASPULATION_CHANGE, &e, 28);
    assert_true(ndis_verify_indicated(rig.adapter, &nbl));
    assert_int_equal(rig_found("RXC-1"), 1);
    stop();
}

/* ---- CFG ------------------------------------------------------------------------------------ */

/* CFG-6, CFG-12, CFG-10, INIT-18: a change that nobody asked for gets to every binding, to queries
 * and to later bind parameters. */
static void test_CFG_12_an_unasked_change_reaches_everyone(void **state)
{
    NDIS_OFFLOAD o, got;

    (void)state;
    initialize();
    assert_int_equal(ndis_adapter_restart(rig.adapter), NDIS_STATUS_SUCCESS);
    peer_connect(0);
    o = mp.now;
    o.LsoV2.IPv4.MaxOffLoadSize = 32000;
    indicate(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &o, 112);
    assert_int_equal(peer_heard(0, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG), 1);
    got = now(OID_TCP_OFFLOAD_CURRENT_CONFIG);
    assert_memory_equal(&got, &o, 112);
    got = now(OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES);
    assert_memory_equal(&got, &mp.hardware, 112);
    peer_connect(1);
    assert_memory_equal(&peers[0].bind_offload, &mp.now, 112);
    assert_memory_equal(&peers[1].bind_offload, &o, 112);
    assert_int_equal(rig.findings, 0);
    stop();
}

static NDIS_STATUS obey_the_hardware(NDIS_OID_REQUEST *r)
{
    const NDIS_OFFLOAD_PARAMETERS *p = r->DATA.SET_INFORMATION.InformationBuffer;

    if (p->LsoV2IPv4 == 2 && !mp.hardware.LsoV2.IPv4.Encapsulation)
        return NDIS_STATUS_NOT_SUPPORTED;
    rig_fill_result(r);
    return NDIS_STATUS_SUCCESS;
}

/* A miniport that turns on what its hardware no longer has. */
static NDIS_STATUS defy_the_hardware(NDIS_OID_REQUEST *r)
{
    NDIS_OFFLOAD o;

    rig_offload(&o);
    indicate(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &o, 112);
    rig_fill_result(r);
    return NDIS_STATUS_SUCCESS;
}

/* CFG-13, CFG-6, CFG-7 */
static void test_CFG_13_what_the_hardware_lost_cannot_be_turned_on(void **state)
{
    NDIS_OFFLOAD_PARAMETERS p = parameters();
    NDIS_OFFLOAD got;

    (void)state;
    start();
    memset(&mp.now.LsoV2, 0, sizeof(mp.now.LsoV2));
    memset(&mp.hardware.LsoV2, 0, sizeof(mp.hardware.LsoV2));
    indicate(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &mp.now, 112);
    indicate(NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES, &mp.hardware, 112);
    got = now(OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES);
    assert_memory_equal(&got, &mp.hardware, 112);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(peer_heard(i, NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES), 1);
    p.LsoV2IPv4 = 2;
    mp.in_oid = obey_the_hardware;
    assert_int_equal(set(OID_TCP_OFFLOAD_PARAMETERS, &p, 20), NDIS_STATUS_NOT_SUPPORTED);
    assert_string_equal(keyword("*LsoV2IPv4"), "absent"); /* PAR-7 */
    assert_int_equal(rig.findings, 0);
    mp.in_oid = defy_the_hardware;
    set(OID_TCP_OFFLOAD_PARAMETERS, &p, 20);
    assert_int_equal(rig_found("CFG-7"), 1);
    stop();
}

/* CFG-14: a loss of something that is on is followed, or preceded, by a current configuration. */
static void test_CFG_14_a_loss_is_followed_by_the_current_configuration(void **state)
{
    NDIS_OFFLOAD less;

    (void)state;
    start();
    less = mp.now;
    memset(&less.LsoV2, 0, sizeof(less.LsoV2));
    indicate(NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES, &less, 112);
    indicate(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &less, 112);
    usleep(60000);
    ndis_offload_check_time(rig.adapter);
    indicate(NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES, &mp.hardware, 112); /* more again */
    usleep(60000);
    ndis_offload_check_time(rig.adapter);
    assert_int_equal(rig.findings, 0);
    indicate(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &mp.now, 112);
    indicate(NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES, &less, 112);
    ndis_offload_check_time(rig.adapter);
    assert_int_equal(rig.findings, 0); /* not yet */
    usleep(60000);
    ndis_offload_check_time(rig.adapter);
    ndis_offload_check_time(rig.adapter);
    assert_int_equal(rig_found("CFG-14"), 1);
    stop();
}

/* CFG-15, CFG-10: each binding hears every indication once, in the order of the miniport. */
static void test_CFG_15_order_is_kept(void **state)
{
    NDIS_OFFLOAD o;

    (void)state;
    start();
    o = mp.now;
    for (ULONG n = 1; n <= 20; n++) {
        o.LsoV2.IPv4.MaxOffLoadSize = 1000 * n;
        indicate(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &o, 112);
        if (n % 5 == 0)
            indicate(NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES, &mp.hardware, 112);
    }
    for (unsigned i = 0; i < 2; i++) {
        unsigned at = 0;

        assert_int_equal(peers[i].count, 24);
        for (ULONG n = 1; n <= 20; n++) {
            assert_int_equal(peers[i].codes[at], NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG);
            assert_int_equal(peers[i].first_word[at++], 1000 * n);
            if (n % 5 == 0)
                assert_int_equal(peers[i].codes[at++],
                                 NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES);
        }
    }
    assert_int_equal(now(OID_TCP_OFFLOAD_CURRENT_CONFIG).LsoV2.IPv4.MaxOffLoadSize, 20000);
    stop();
}

/* CFG-18, GEN-29: sets, queries and indications while Paused, before any restart. */
static void test_CFG_18_configuration_works_while_paused(void **state)
{
    NDIS_OFFLOAD_ENCAPSULATION e = encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON, 14), got;
    NDIS_OFFLOAD_PARAMETERS p = parameters();

    (void)state;
    initialize();
    assert_int_equal(ndis_adapter_state(rig.adapter), NDIS_ADAPTER_PAUSED);
    assert_int_equal(set(OID_OFFLOAD_ENCAPSULATION, &e, 28), NDIS_STATUS_SUCCESS);
    mp.now.LsoV2.IPv4.MaxOffLoadSize = 5000;
    indicate(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &mp.now, 112);
    p.LsoV2IPv4 = 2;
    assert_int_equal(set(OID_TCP_OFFLOAD_PARAMETERS, &p, 20), NDIS_STATUS_SUCCESS);
    assert_string_equal(keyword("*LsoV2IPv4"), "1");
    assert_int_equal(ndis_adapter_restart(rig.adapter), NDIS_STATUS_SUCCESS);
    peer_connect(0);
    got = activation();
    assert_memory_equal(&got, &e, 28);
    assert_int_equal(peers[0].bind_offload.LsoV2.IPv4.MaxOffLoadSize, 5000);
    assert_int_equal(rig.findings, 0);
    stop();
}

/* CFG-20: for none of the offload requests. */
static void test_CFG_20_indication_required_is_no_answer_to_offload_requests(void **state)
{
    static const NDIS_OID oids[] = {OID_OFFLOAD_ENCAPSULATION, OID_TCP_OFFLOAD_PARAMETERS,
                                    OID_TCP_CONNECTION_OFFLOAD_PARAMETERS};
    NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS buffer;

    (void)state;
    start();
    memset(&buffer, 0, sizeof(buffer));
    mp.in_oid = NULL;
    mp.oid = NDIS_STATUS_INDICATION_REQUIRED;
    for (unsigned i = 0; i < 3; i++) {
        set(oids[i], &buffer, sizeof(buffer));
        assert_int_equal(rig_found("CFG-20"), i + 1);
    }
    stop();
}

static void indicate_early(NDIS_HANDLE adapter)
{
    NDIS_OFFLOAD o = mp.now;

    (void)adapter;
    o.LsoV2.IPv4.MaxOffLoadSize = 4000;
    indicate(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &o, 112);
}

/* INIT-22: legal once the registration attributes are set, and not lost. */
static void test_INIT_22_an_indication_within_initialize_counts(void **state)
{
    (void)state;
    mp.in_init = indicate_early;
    initialize();
    assert_int_equal(now(OID_TCP_OFFLOAD_CURRENT_CONFIG).LsoV2.IPv4.MaxOffLoadSize, 4000);
    assert_int_equal(rig_found("INIT-22"), 0);
    stop();
    memset(&mp, 0, sizeof(mp));
    mp.no_registration = true;
    mp.in_init = indicate_early;
    rig_up(NULL);
    ndis_adapter_initialize(rig.adapter);
    assert_int_equal(rig_found("INIT-22"), 1);
    rig_down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_ENC_20_21_a_query_before_any_set_has_no_answer),
        RIG_TEST(test_ENC_23_the_last_of_several_protocols_wins),
        RIG_TEST(test_ENC_25_an_encapsulation_change_updates_the_answer),
        RIG_TEST(test_ENC_25_malformed_changes_are_findings_and_ignored),
        RIG_TEST(test_ENC_25_verdicts_after_an_unasked_switch_off_are_findings),
        RIG_TEST(test_CFG_12_an_unasked_change_reaches_everyone),
        RIG_TEST(test_CFG_13_what_the_hardware_lost_cannot_be_turned_on),
        RIG_TEST(test_CFG_14_a_loss_is_followed_by_the_current_configuration),
        RIG_TEST(test_CFG_15_order_is_kept),
        RIG_TEST(test_CFG_18_configuration_works_while_paused),
        RIG_TEST(test_CFG_20_indication_required_is_no_answer_to_offload_requests),
        RIG_TEST(test_INIT_22_an_indication_within_initialize_counts),
    };

    return RIG_MAIN(tests);
}
