/* SPDX-License-Identifier: MIT */
/* The hardware and current offload views, and the keywords:
 * src/ndis/{offload,keywords,answer,status}.c. */
#include "test_ndis_rig.h"

static void up(void)
{
    mp.offload = true;
    rig_offload(&mp.now);
    rig_offload(&mp.hardware);
    if (mp.connection)
        mp.connection_offload = (NDIS_TCP_CONNECTION_OFFLOAD){
            .Header = {NDIS_OBJECT_TYPE_DEFAULT, 1, NDIS_SIZEOF_TCP_CONNECTION_OFFLOAD_REVISION_1},
            .Encapsulation = NDIS_ENCAPSULATION_IEEE_802_3,
            .SupportIPv4 = NDIS_OFFLOAD_SUPPORTED,
        };
    rig_up(NULL);
    assert_int_equal(ndis_adapter_initialize(rig.adapter), NDIS_STATUS_SUCCESS);
}

static NDIS_STATUS query(NDIS_OID oid, void *buffer, ULONG *bytes)
{
    return ndis_adapter_request(rig.adapter, NdisRequestQueryInformation, oid, buffer, bytes);
}

static NDIS_STATUS set(NDIS_OID oid, void *buffer, ULONG bytes)
{
    return ndis_adapter_request(rig.adapter, NdisRequestSetInformation, oid, buffer, &bytes);
}

static void indicate(NDIS_STATUS code, void *buffer, ULONG bytes)
{
    NDIS_STATUS_INDICATION s = {
        .Header = {NDIS_OBJECT_TYPE_STATUS_INDICATION, 1, NDIS_SIZEOF_STATUS_INDICATION_REVISION_1},
        .SourceHandle = mp.handle,
        .StatusCode = code,
        .StatusBuffer = buffer,
        .StatusBufferSize = bytes,
    };

    NdisMIndicateStatusEx(mp.handle, &s);
}

static void test_queries_are_answered_without_the_miniport(void **state)
{
    NDIS_OFFLOAD o;
    ULONG bytes = sizeof(o);

    (void)state;
    up();
    assert_int_equal(query(OID_TCP_OFFLOAD_CURRENT_CONFIG, &o, &bytes), NDIS_STATUS_SUCCESS);
    assert_int_equal(bytes, 112);
    assert_memory_equal(&o, &mp.now, 112);
    assert_int_equal(query(OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, &o, &bytes), NDIS_STATUS_SUCCESS);
    bytes = 111;
    assert_int_equal(query(OID_TCP_OFFLOAD_CURRENT_CONFIG, &o, &bytes),
                     NDIS_STATUS_BUFFER_TOO_SHORT);
    assert_int_equal(bytes, 112);
    assert_int_equal(set(OID_TCP_OFFLOAD_CURRENT_CONFIG, &o, 112), NDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(set(OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, &o, 112),
                     NDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(set(OID_TCP_TASK_OFFLOAD, &o, 112), NDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(mp.oids, 0);
    rig_down();
}

static void test_answers_follow_indications(void **state)
{
    NDIS_OFFLOAD o, got;
    ULONG bytes = sizeof(got);

    (void)state;
    up();
    o = mp.now;
    o.LsoV2.IPv4.Encapsulation = 0;
    indicate(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &o, 112);
    query(OID_TCP_OFFLOAD_CURRENT_CONFIG, &got, &bytes);
    assert_memory_equal(&o, &got, 112);
    query(OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, &got, &bytes);
    assert_memory_equal(&mp.hardware, &got, 112);
    assert_int_equal(rig.findings, 0);
    rig_down();
}

static void test_bad_offload_indications_are_findings_and_ignored(void **state)
{
    struct ndis_offload_state s;
    NDIS_OFFLOAD o;

    (void)state;
    up();
    o = mp.now;
    indicate(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &o, 100);
    indicate(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, NULL, 0);
    o.Header.Type = 0x80;
    indicate(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &o, 112);
    assert_int_equal(rig_found("CFG-8"), 3);
    ndis_adapter_offload(rig.adapter, &s);
    assert_memory_equal(&s.current, &mp.now, 112);
    assert_int_equal(rig.status_count, 0);
    rig_down();
}

static void test_on_beyond_the_hardware_is_a_finding(void **state)
{
    NDIS_OFFLOAD o;

    (void)state;
    up();
    o = mp.now;
    o.Checksum.IPv6Transmit.TcpChecksum = NDIS_OFFLOAD_SET_ON;
    indicate(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &o, 112);
    o = mp.now;
    o.LsoV2.IPv4.MaxOffLoadSize++;
    indicate(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &o, 112);
    assert_int_equal(rig_found("CFG-7"), 2);
    o = mp.now;
    o.Checksum.IPv4Transmit.TcpChecksum = NDIS_OFFLOAD_SET_OFF; /* reads as off */
    indicate(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &o, 112);
    assert_int_equal(rig_found("CFG-7"), 2);
    rig_down();
}

static void test_default_beyond_the_hardware_is_a_finding(void **state)
{
    (void)state;
    mp.offload = true;
    rig_offload(&mp.now);
    rig_offload(&mp.hardware);
    mp.hardware.LsoV2.IPv4.MinSegmentCount = 4;
    rig_up(NULL);
    assert_int_equal(ndis_adapter_initialize(rig.adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(rig_found("INIT-8"), 1);
    rig_down();
}

static void test_revision_must_fit_the_registered_version(void **state)
{
    (void)state;
    for (UCHAR minor = 0; minor < 2; minor++) {
        memset(&mp, 0, sizeof(mp));
        mp.minor = minor;
        mp.offload = true;
        rig_offload(&mp.now);
        rig_offload(&mp.hardware);
        mp.now.Header.Revision = minor ? 1 : 2; /* older than demanded, newer than registered */
        rig_up(NULL);
        ndis_adapter_initialize(rig.adapter);
        assert_int_equal(mp.attributes_status[2], NDIS_STATUS_BAD_VERSION);
        assert_int_equal(rig_found("INIT-9"), 1);
        rig_down();
    }
}

static NDIS_OFFLOAD_ENCAPSULATION encapsulation(UCHAR type)
{
    NDIS_OFFLOAD_ENCAPSULATION e;

    memset(&e, 0, sizeof(e));
    e.Header = (NDIS_OBJECT_HEADER){type, 1, NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1};
    e.IPv4.Enabled = NDIS_OFFLOAD_SET_ON;
    e.IPv4.EncapsulationType = NDIS_ENCAPSULATION_IEEE_802_3;
    e.IPv4.HeaderSize = 14;
    return e;
}

static void test_encapsulation_query_gives_the_last_accepted_set(void **state)
{
    NDIS_OFFLOAD_ENCAPSULATION e = encapsulation(NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION), got;
    ULONG bytes = sizeof(got);

    (void)state;
    up();
    assert_int_equal(query(OID_OFFLOAD_ENCAPSULATION, &got, &bytes), NDIS_STATUS_INVALID_STATE);
    assert_int_equal(set(OID_OFFLOAD_ENCAPSULATION, &e, sizeof(e)), NDIS_STATUS_SUCCESS);
    assert_int_equal(mp.oids, 1);
    mp.oid = NDIS_STATUS_INVALID_PARAMETER;
    e.IPv4.HeaderSize = 18;
    assert_int_equal(set(OID_OFFLOAD_ENCAPSULATION, &e, sizeof(e)), NDIS_STATUS_INVALID_PARAMETER);
    bytes = sizeof(got);
    assert_int_equal(query(OID_OFFLOAD_ENCAPSULATION, &got, &bytes), NDIS_STATUS_SUCCESS);
    assert_int_equal(bytes, 28);
    assert_int_equal(got.IPv4.HeaderSize, 14);
    assert_int_equal(mp.oids, 2);
    indicate(NDIS_STATUS_OFFLOAD_ENCASPULATION_CHANGE, &e, sizeof(e));
    query(OID_OFFLOAD_ENCAPSULATION, &got, &bytes);
    assert_int_equal(got.IPv4.HeaderSize, 18);
    rig_down();
}

static NDIS_OFFLOAD_PARAMETERS parameters(void)
{
    NDIS_OFFLOAD_PARAMETERS p;

    memset(&p, 0, sizeof(p));
    p.Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_DEFAULT, 1,
                                    NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1};
    return p;
}

static const char *keyword(const char *name)
{
    static char text[16];

    memset(text, 0, sizeof(text));
    return reg_get(rig.key, name, NULL, text, sizeof(text) - 1) < 0 ? "absent" : text;
}

static NDIS_STATUS look_at_keyword(NDIS_OID_REQUEST *r)
{
    assert_string_equal(keyword("*LsoV2IPv4"),
                        "0"); /* written before the miniport is told: PAR-17 */
    rig_fill_result(r);
    return NDIS_STATUS_SUCCESS;
}

static void test_parameters_are_stored_in_the_keywords_first(void **state)
{
    NDIS_OFFLOAD_PARAMETERS p = parameters();

    (void)state;
    up();
    reg_set_sz(rig.key, "*UDPChecksumOffloadIPv4", "2");
    p.TCPIPv4Checksum = 4;
    p.LsoV2IPv4 = 1;
    mp.in_oid = look_at_keyword;
    assert_int_equal(set(OID_TCP_OFFLOAD_PARAMETERS, &p, 20), NDIS_STATUS_SUCCESS);
    assert_string_equal(keyword("*TCPChecksumOffloadIPv4"), "3");
    assert_string_equal(keyword("*UDPChecksumOffloadIPv4"), "2");
    assert_string_equal(keyword("*LsoV1IPv4"), "absent");
    rig_down();
}

static void test_failed_parameters_leave_the_keywords_alone(void **state)
{
    NDIS_OFFLOAD_PARAMETERS p = parameters();

    (void)state;
    up();
    reg_set_sz(rig.key, "*LsoV2IPv4", "1");
    p.LsoV2IPv4 = 1;
    p.LsoV1 = 2;
    mp.oid = NDIS_STATUS_INVALID_DATA;
    assert_int_equal(set(OID_TCP_OFFLOAD_PARAMETERS, &p, 20), NDIS_STATUS_INVALID_DATA);
    assert_string_equal(keyword("*LsoV2IPv4"), "1");
    assert_string_equal(keyword("*LsoV1IPv4"), "absent");
    p.LsoV1 = 3; /* means nothing: not stored, and left to the miniport to refuse */
    set(OID_TCP_OFFLOAD_PARAMETERS, &p, 20);
    set(OID_TCP_OFFLOAD_PARAMETERS, &p, 12);
    assert_int_equal(mp.oids, 3);
    assert_string_equal(keyword("*LsoV2IPv4"), "1");
    rig_down();
}

static void test_parameter_flags(void **state)
{
    NDIS_OFFLOAD_PARAMETERS p = parameters();
    ULONG bytes = sizeof(p);

    (void)state;
    up();
    p.LsoV2IPv4 = 1;
    p.Flags = NDIS_OFFLOAD_PARAMETERS_SKIP_REGISTRY_UPDATE;
    assert_int_equal(set(OID_TCP_OFFLOAD_PARAMETERS, &p, 20), NDIS_STATUS_SUCCESS);
    assert_string_equal(keyword("*LsoV2IPv4"), "absent");
    p.Flags = 2;
    assert_int_equal(set(OID_TCP_OFFLOAD_PARAMETERS, &p, 20), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(mp.oids, 1);
    assert_int_equal(query(OID_TCP_OFFLOAD_PARAMETERS, &p, &bytes), NDIS_STATUS_NOT_SUPPORTED);
    rig_down();
}

static void test_connection_set_of_the_summary_becomes_parameters(void **state)
{
    NDIS_TCP_CONNECTION_OFFLOAD c;
    NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS p;
    ULONG bytes = sizeof(c);

    (void)state;
    mp.connection = true;
    up();
    assert_int_equal(query(OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES, &c, &bytes),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(bytes, 20);
    assert_int_equal(set(OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES, &c, sizeof(c)),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(mp.seen[0], OID_TCP_CONNECTION_OFFLOAD_PARAMETERS);
    bytes = sizeof(p);
    assert_int_equal(query(OID_TCP_CONNECTION_OFFLOAD_PARAMETERS, &p, &bytes), NDIS_STATUS_SUCCESS);
    assert_int_equal(p.Encapsulation.IPv4.Enabled, NDIS_OFFLOAD_SET_ON);
    assert_int_equal(p.Encapsulation.IPv6.Enabled, NDIS_OFFLOAD_SET_OFF);
    ndis_set_strict(true);
    assert_int_equal(set(OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES, &c, sizeof(c)),
                     NDIS_STATUS_NOT_SUPPORTED);
    ndis_set_strict(false);
    assert_int_equal(mp.oids, 1);
    rig_down();
}

static void test_status_indications_are_judged(void **state)
{
    NDIS_STATUS_INDICATION s = {
        .Header = {NDIS_OBJECT_TYPE_STATUS_INDICATION, 1, NDIS_SIZEOF_STATUS_INDICATION_REVISION_1},
        .StatusCode = NDIS_STATUS_RESET_START,
    };

    (void)state;
    up();
    NdisMIndicateStatusEx(mp.handle, &s);
    assert_int_equal(rig_found("CFG-9"), 1); /* SourceHandle */
    assert_int_equal(rig_found("GEN-33"), 1);
    s.Header.Type = 0;
    NdisMIndicateStatusEx(mp.handle, &s);
    assert_int_equal(rig_found("CFG-9"), 2);
    s.Header.Type = NDIS_OBJECT_TYPE_STATUS_INDICATION;
    s.SourceHandle = mp.handle;
    s.StatusCode = NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG;
    s.StatusBuffer = &mp.now;
    s.StatusBufferSize = 112;
    s.DestinationHandle = &s;
    NdisMIndicateStatusEx(mp.handle, &s);
    assert_int_equal(rig_found("CFG-10"), 1);
    ndis_adapter_halt(rig.adapter);
    NdisMIndicateStatusEx(mp.handle, &s);
    assert_int_equal(rig_found("CFG-19"), 1);
    rig_down();
}

static void test_link_state_is_recorded(void **state)
{
    NDIS_LINK_STATE l = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, NDIS_LINK_STATE_REVISION_1,
                   NDIS_SIZEOF_LINK_STATE_REVISION_1},
        .MediaConnectState = MediaConnectStateDisconnected,
    };
    struct ndis_adapter_info info;

    (void)state;
    up();
    ndis_adapter_info(rig.adapter, &info);
    assert_true(info.link_up);
    indicate(NDIS_STATUS_LINK_STATE, &l, sizeof(l));
    ndis_adapter_info(rig.adapter, &info);
    assert_false(info.link_up);
    indicate(NDIS_STATUS_LINK_STATE, &l, 4);
    assert_int_equal(rig_found("GEN-41"), 1);
    rig_down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_queries_are_answered_without_the_miniport),
        RIG_TEST(test_answers_follow_indications),
        RIG_TEST(test_bad_offload_indications_are_findings_and_ignored),
        RIG_TEST(test_on_beyond_the_hardware_is_a_finding),
        RIG_TEST(test_default_beyond_the_hardware_is_a_finding),
        RIG_TEST(test_revision_must_fit_the_registered_version),
        RIG_TEST(test_encapsulation_query_gives_the_last_accepted_set),
        RIG_TEST(test_parameters_are_stored_in_the_keywords_first),
        RIG_TEST(test_failed_parameters_leave_the_keywords_alone),
        RIG_TEST(test_parameter_flags),
        RIG_TEST(test_connection_set_of_the_summary_becomes_parameters),
        RIG_TEST(test_status_indications_are_judged),
        RIG_TEST(test_link_state_is_recorded),
    };

    return RIG_MAIN(tests);
}
