/* SPDX-License-Identifier: MIT */
/* Connection offload, the control plane (group CON, INIT-15, PAR-26, KEY-14; D-1, 22, 23):
 * src/ndis/connection_offload.c, under a miniport that offers it. */
#include "test_ndis_peer.h"

#include "ndis/private.h"

/* The miniport's own state. `offers`: it has the feature. */
static struct {
    bool offers, refuse, ipv4, ipv6;
    unsigned enables;                          /* calls of connection_enable */
    NDIS_OFFLOAD_ENCAPSULATION task;           /* last OID_OFFLOAD_ENCAPSULATION */
    NDIS_TCP_CONNECTION_OFFLOAD hardware, now; /* what it reports */
    bool from_keywords;
} card;

static NDIS_TCP_CONNECTION_OFFLOAD report(ULONG encapsulation, unsigned ipv4, unsigned ipv6)
{
    NDIS_TCP_CONNECTION_OFFLOAD c;

    memset(&c, 0, sizeof(c));
    c.Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_DEFAULT, 1,
                                    NDIS_SIZEOF_TCP_CONNECTION_OFFLOAD_REVISION_1};
    c.Encapsulation = encapsulation;
    c.SupportIPv4 = ipv4 & 3;
    c.SupportIPv6 = ipv6 & 3;
    c.SupportIPv6ExtensionHeaders = ipv6 & 3;
    c.SupportSack = NDIS_OFFLOAD_SUPPORTED;
    c.TcpConnectionOffloadCapacity = 1024;
    return c;
}

/* ---- The miniport --------------------------------------------------------------------------- */

/* CON-7: the one routine. CON-11: the order of a change. */
static NDIS_STATUS connection_enable(ULONG ipv4, ULONG ipv6)
{
    if (!card.offers)
        return NDIS_STATUS_NOT_SUPPORTED;
    if (card.refuse || ipv4 > NDIS_OFFLOAD_SET_OFF || ipv6 > NDIS_OFFLOAD_SET_OFF ||
        (ipv4 == NDIS_OFFLOAD_SET_ON && card.hardware.SupportIPv4 != NDIS_OFFLOAD_SUPPORTED) ||
        (ipv6 == NDIS_OFFLOAD_SET_ON && card.hardware.SupportIPv6 != NDIS_OFFLOAD_SUPPORTED))
        return NDIS_STATUS_INVALID_PARAMETER;
    card.enables++;
    indicate(NDIS_STATUS_OFFLOAD_PAUSE, NULL, 0);
    if (ipv4 != NDIS_OFFLOAD_SET_NO_CHANGE)
        card.ipv4 = ipv4 == NDIS_OFFLOAD_SET_ON;
    if (ipv6 != NDIS_OFFLOAD_SET_NO_CHANGE)
        card.ipv6 = ipv6 == NDIS_OFFLOAD_SET_ON;
    card.now = report(card.hardware.Encapsulation, card.ipv4, card.ipv6);
    indicate(NDIS_STATUS_OFFLOAD_RESUME, &card.now, sizeof(card.now));
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS connection_parameters(const NDIS_OID_REQUEST *r)
{
    const NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS *p = r->DATA.SET_INFORMATION.InformationBuffer;

    return connection_enable(p->Encapsulation.IPv4.Enabled, p->Encapsulation.IPv6.Enabled);
}

static NDIS_STATUS connection_capabilities(const NDIS_OID_REQUEST *r)
{
    const NDIS_TCP_CONNECTION_OFFLOAD *c = r->DATA.SET_INFORMATION.InformationBuffer;

    return connection_enable(c->SupportIPv4 == 1 ? NDIS_OFFLOAD_SET_ON : NDIS_OFFLOAD_SET_OFF,
                             c->SupportIPv6 == 1 ? NDIS_OFFLOAD_SET_ON : NDIS_OFFLOAD_SET_OFF);
}

/* PAR-26: 1 off, 2 on. */
static NDIS_STATUS offload_parameters(const NDIS_OID_REQUEST *r)
{
    static const UCHAR to[] = {NDIS_OFFLOAD_SET_NO_CHANGE, NDIS_OFFLOAD_SET_OFF,
                               NDIS_OFFLOAD_SET_ON};
    const NDIS_OFFLOAD_PARAMETERS *p = r->DATA.SET_INFORMATION.InformationBuffer;
    NDIS_STATUS status;

    if (p->TcpConnectionIPv4 > 2 || p->TcpConnectionIPv6 > 2)
        return NDIS_STATUS_INVALID_DATA;
    if (!card.offers)
        return p->TcpConnectionIPv4 == 2 || p->TcpConnectionIPv6 == 2 ? NDIS_STATUS_NOT_SUPPORTED
                                                                      : NDIS_STATUS_SUCCESS;
    if (p->TcpConnectionIPv4 || p->TcpConnectionIPv6) {
        status = connection_enable(to[p->TcpConnectionIPv4], to[p->TcpConnectionIPv6]);
        if (status != NDIS_STATUS_SUCCESS)
            return status;
    }
    if (p->LsoV2IPv4 == 1)
        memset(&mp.now.LsoV2.IPv4, 0, sizeof(mp.now.LsoV2.IPv4));
    indicate(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &mp.now, mp.now.Header.Size);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS dispatch(NDIS_OID_REQUEST *r)
{
    NDIS_STATUS status;

    if (r->RequestType != NdisRequestSetInformation)
        return NDIS_STATUS_NOT_SUPPORTED;
    switch (r->DATA.SET_INFORMATION.Oid) {
    case OID_TCP_CONNECTION_OFFLOAD_PARAMETERS:
        status = connection_parameters(r);
        break;
    case OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES:
        status = connection_capabilities(r);
        break;
    case OID_TCP_OFFLOAD_PARAMETERS:
        status = offload_parameters(r);
        break;
    case OID_OFFLOAD_ENCAPSULATION:
        memcpy(&card.task, r->DATA.SET_INFORMATION.InformationBuffer, sizeof(card.task));
        indicate(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &mp.now, mp.now.Header.Size);
        status = NDIS_STATUS_SUCCESS;
        break;
    default:
        status = NDIS_STATUS_SUCCESS;
        break;
    }
    if (status == NDIS_STATUS_SUCCESS)
        rig_fill_result(r);
    return status;
}

/* KEY-14: 0 off, 1 on; absent is on. */
static unsigned keyword_on(NDIS_HANDLE configuration, WCHAR *name, USHORT bytes)
{
    NDIS_STRING keyword_name = {bytes, bytes, name};
    PNDIS_CONFIGURATION_PARAMETER value;
    NDIS_STATUS status;

    NdisReadConfiguration(&status, &value, configuration, &keyword_name, NdisParameterInteger);
    return status != NDIS_STATUS_SUCCESS || value->ParameterData.IntegerData != 0;
}

static void initialize(NDIS_HANDLE adapter)
{
    static WCHAR v4[] = L"*TCPConnectionOffloadIPv4", v6[] = L"*TCPConnectionOffloadIPv6";
    NDIS_CONFIGURATION_OBJECT o = {
        .Header = {NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT, NDIS_CONFIGURATION_OBJECT_REVISION_1,
                   NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1},
        .NdisHandle = adapter,
    };
    NDIS_HANDLE configuration;

    if (card.from_keywords) {
        assert_int_equal(NdisOpenConfigurationEx(&o, &configuration), NDIS_STATUS_SUCCESS);
        card.ipv4 = keyword_on(configuration, v4, sizeof(v4) - 2);
        card.ipv6 = keyword_on(configuration, v6, sizeof(v6) - 2);
        NdisCloseConfiguration(configuration);
        card.now = report(card.hardware.Encapsulation, card.ipv4, card.ipv6);
    }
    mp.connection = card.offers;
    mp.connection_offload = card.hardware;
    mp.connection_now = &card.now;
    rig_set_offload();
    memset(&card.now, 0xee, sizeof(card.now)); /* INIT-11: NDIS has its own copies */
    memset(&mp.connection_offload, 0xee, sizeof(mp.connection_offload));
}

static void prepare(void)
{
    memset(&card, 0, sizeof(card));
    card.offers = true;
    card.hardware = card.now =
        report(NDIS_ENCAPSULATION_IEEE_802_3 | NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED, 1, 1);
    rig_offload(&mp.now);
    rig_offload(&mp.hardware);
    mp.in_init = initialize;
    mp.in_oid = dispatch;
}

/* Initialized, running, with two protocols of which the first is bound. */
static void start(void)
{
    rig_up(NULL);
    peers_up();
    assert_int_equal(ndis_adapter_initialize(rig.adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(ndis_adapter_restart(rig.adapter), NDIS_STATUS_SUCCESS);
    peer_connect(0);
    mp.oids = 0; /* the filter of the binding is no subject here */
}

static void stop(void)
{
    peers_down();
    rig_down();
}

static NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS wanted(UCHAR ipv4, UCHAR ipv6)
{
    NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS p;

    memset(&p, 0, sizeof(p));
    p.Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_DEFAULT, 1,
                                    NDIS_SIZEOF_TCP_CONNECTION_OFFLOAD_PARAMETERS_REVISION_1};
    p.Encapsulation = encapsulation(ipv4, ipv6, 14);
    p.TicksPerSecond = 1000;
    return p;
}

static NDIS_STATUS set_direct(UCHAR ipv4, UCHAR ipv6)
{
    NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS p = wanted(ipv4, ipv6);

    return peer_ask(0, NdisRequestSetInformation, OID_TCP_CONNECTION_OFFLOAD_PARAMETERS, &p,
                    p.Header.Size);
}

static NDIS_STATUS set_summary(unsigned ipv4, unsigned ipv6)
{
    NDIS_TCP_CONNECTION_OFFLOAD c = report(NDIS_ENCAPSULATION_IEEE_802_3, ipv4, ipv6);

    return peer_ask(0, NdisRequestSetInformation, OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES,
                    &c, c.Header.Size);
}

static NDIS_TCP_CONNECTION_OFFLOAD current(void)
{
    NDIS_TCP_CONNECTION_OFFLOAD c;
    ULONG bytes = sizeof(c);

    assert_int_equal(query(OID_TCP_CONNECTION_OFFLOAD_CURRENT_CONFIG, &c, &bytes),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(bytes, 20);
    return c;
}

/* ---- Attributes ----------------------------------------------------------------------------- */

/* CON-1, CON-4, INIT-11, D-22, D-23: two structures of 20 bytes, kept, handed out, seen by no
 * miniport. */
static void test_CON_1_4_the_reports_are_copied_and_answered_by_ndis(void **state)
{
    NDIS_TCP_CONNECTION_OFFLOAD hardware, now, got;
    ULONG bytes = 19;

    (void)state;
    prepare();
    hardware = card.hardware;
    card.now = now = report(NDIS_ENCAPSULATION_IEEE_802_3, 1, 0);
    start();
    assert_int_equal(mp.attributes_status[2], NDIS_STATUS_SUCCESS);
    got = current();
    assert_memory_equal(&got, &now, 20);
    assert_int_equal(query(OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES, &got, &bytes),
                     NDIS_STATUS_BUFFER_TOO_SHORT);
    assert_int_equal(bytes, 20);
    assert_int_equal(query(OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES, &got, &bytes),
                     NDIS_STATUS_SUCCESS);
    assert_memory_equal(&got, &hardware, 20);
    assert_true(peers[0].has_connection);
    assert_memory_equal(&peers[0].bind_connection, &hardware, 20);
    assert_int_equal(mp.oids, 0);
    assert_int_equal(rig.findings, 0);
    stop();
}

static NDIS_STATUS refused(NDIS_TCP_CONNECTION_OFFLOAD now, UCHAR minor, const char *rule)
{
    NDIS_STATUS status;

    memset(&mp, 0, sizeof(mp));
    mp.minor = minor;
    prepare();
    card.now = now;
    rig_up(NULL);
    ndis_adapter_initialize(rig.adapter);
    status = mp.attributes_status[2];
    assert_int_equal(rig_found(rule), 1);
    rig_down();
    return status;
}

/* CON-1, INIT-6, INIT-10 */
static void test_CON_1_malformed_reports_are_refused(void **state)
{
    NDIS_TCP_CONNECTION_OFFLOAD c = report(NDIS_ENCAPSULATION_IEEE_802_3, 1, 1);

    (void)state;
    c.Header.Type = NDIS_OBJECT_TYPE_OFFLOAD;
    assert_int_equal(refused(c, 0, "CON-1"), NDIS_STATUS_FAILURE);
    c = report(NDIS_ENCAPSULATION_IEEE_802_3, 1, 1);
    c.Header.Size = 16;
    assert_int_equal(refused(c, 0, "CON-1"), NDIS_STATUS_FAILURE);
    c = report(NDIS_ENCAPSULATION_IEEE_802_3, 1, 1);
    c.Header.Revision = 0;
    assert_int_equal(refused(c, 0, "CON-1"), NDIS_STATUS_BAD_VERSION);
    c.Header.Revision = 2; /* newer than the version that registered */
    assert_int_equal(refused(c, 0, "CON-1"), NDIS_STATUS_BAD_VERSION);
    c.Header.Revision = 3;
    assert_int_equal(refused(c, 30, "CON-1"), NDIS_STATUS_BAD_VERSION);
}

/* CON-1: what is on is within what the device could do. */
static void test_CON_1_more_on_than_the_hardware_can_is_a_finding(void **state)
{
    NDIS_TCP_CONNECTION_OFFLOAD c = report(NDIS_ENCAPSULATION_IEEE_802_3, 1, 1);

    (void)state;
    c.TcpConnectionOffloadCapacity = 1025;
    assert_int_equal(refused(c, 0, "CON-1"), NDIS_STATUS_SUCCESS); /* a finding, no refusal */
}

/* CON-2, INIT-15: neither encapsulation, or no pointers at all: no connection offload. */
static void test_CON_2_INIT_15_a_report_without_encapsulation_is_none(void **state)
{
    static const NDIS_OID oids[] = {OID_TCP_CONNECTION_OFFLOAD_CURRENT_CONFIG,
                                    OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES,
                                    OID_TCP_CONNECTION_OFFLOAD_PARAMETERS};
    UCHAR buffer[64];

    (void)state;
    for (unsigned pointers = 0; pointers < 2; pointers++) {
        memset(&mp, 0, sizeof(mp));
        prepare();
        card.offers = pointers;
        card.hardware = card.now = report(NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q, 1, 1);
        start();
        assert_int_equal(mp.attributes_status[2], NDIS_STATUS_SUCCESS);
        for (unsigned i = 0; i < 3; i++) {
            ULONG bytes = sizeof(buffer);

            assert_int_equal(query(oids[i], buffer, &bytes), NDIS_STATUS_NOT_SUPPORTED);
        }
        assert_false(peers[0].has_connection);
        assert_int_equal(mp.oids, 0);
        assert_int_equal(rig.findings, 0);
        stop();
    }
}

/* CON-3 */
static void test_CON_3_members_are_reported_as_they_are(void **state)
{
    NDIS_TCP_CONNECTION_OFFLOAD got;

    (void)state;
    prepare();
    card.hardware.SupportSack = 0;
    card.hardware.TcpConnectionOffloadCapacity = 7;
    card.now = card.hardware;
    start();
    got = current();
    assert_int_equal(got.SupportSack, 0);
    assert_int_equal(got.SupportIPv6ExtensionHeaders, 1);
    assert_int_equal(got.TcpConnectionOffloadCapacity, 7);
    assert_int_equal(rig_found("CON-3"), 0);
    stop();
    memset(&mp, 0, sizeof(mp));
    prepare();
    card.hardware = card.now = report(NDIS_ENCAPSULATION_IEEE_802_3, 0, 0);
    start();
    assert_int_equal(rig_found("CON-3"), 1);
    stop();
}

/* KEY-14: 0 off, 1 on, default on; the hardware view knows nothing of it. */
static void test_KEY_14_keywords_decide_the_default(void **state)
{
    static const char *const values[] = {NULL, "0", "1"};

    (void)state;
    for (unsigned v4 = 0; v4 < 3; v4++)
        for (unsigned v6 = 0; v6 < 3; v6++) {
            NDIS_TCP_CONNECTION_OFFLOAD got;
            ULONG bytes = sizeof(got);

            memset(&mp, 0, sizeof(mp));
            prepare();
            card.from_keywords = true;
            rig_up(NULL);
            if (values[v4])
                reg_set_sz(rig.key, "*TCPConnectionOffloadIPv4", values[v4]);
            if (values[v6])
                reg_set_sz(rig.key, "*TCPConnectionOffloadIPv6", values[v6]);
            assert_int_equal(ndis_adapter_initialize(rig.adapter), NDIS_STATUS_SUCCESS);
            got = current();
            assert_int_equal(got.SupportIPv4, v4 != 1);
            assert_int_equal(got.SupportIPv6, v6 != 1);
            query(OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES, &got, &bytes);
            assert_true(got.SupportIPv4 && got.SupportIPv6);
            assert_int_equal(rig.findings, 0);
            rig_down();
        }
}

/* ---- Requests ------------------------------------------------------------------------------- */

/* CON-5, D-1: strict mode. */
static void test_CON_5_strict_mode_refuses_the_sets(void **state)
{
    NDIS_TCP_CONNECTION_OFFLOAD c = report(NDIS_ENCAPSULATION_IEEE_802_3, 1, 1);

    (void)state;
    prepare();
    start();
    ndis_set_strict(true);
    assert_int_equal(set_summary(1, 1), NDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(set(OID_TCP_CONNECTION_OFFLOAD_CURRENT_CONFIG, &c, sizeof(c)),
                     NDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(mp.oids, 0);
    assert_int_equal(set_direct(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_OFF), NDIS_STATUS_SUCCESS);
    assert_int_equal(mp.oids, 1);
    ndis_set_strict(false);
    assert_int_equal(set(OID_TCP_CONNECTION_OFFLOAD_CURRENT_CONFIG, &c, sizeof(c)),
                     NDIS_STATUS_NOT_SUPPORTED); /* in either mode */
    assert_int_equal(mp.oids, 1);
    stop();
}

struct outcome {
    NDIS_STATUS status;
    bool ipv4, ipv6, reached;
    NDIS_OID seen;
    NDIS_OFFLOAD_ENCAPSULATION answered;
    NDIS_TCP_CONNECTION_OFFLOAD now;
    unsigned heard;
    NDIS_STATUS codes[4];
    bool bytes_read;
};

static struct outcome outcome_of(bool summary, bool refuse, unsigned ipv4, unsigned ipv6)
{
    NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS p;
    ULONG bytes = sizeof(p);
    struct outcome o;

    memset(&o, 0, sizeof(o));
    memset(&mp, 0, sizeof(mp));
    prepare();
    card.refuse = refuse;
    start();
    o.status = summary ? set_summary(ipv4, ipv6) : set_direct(ipv4 ? 1 : 2, ipv6 ? 1 : 2);
    o.bytes_read = peers[0].request.DATA.SET_INFORMATION.BytesRead ==
                   peers[0].request.DATA.SET_INFORMATION.InformationBufferLength;
    o.reached = rig.last_reached;
    o.seen = mp.seen[0];
    assert_int_equal(mp.oids, 1);
    o.ipv4 = card.ipv4;
    o.ipv6 = card.ipv6;
    if (query(OID_TCP_CONNECTION_OFFLOAD_PARAMETERS, &p, &bytes) == NDIS_STATUS_SUCCESS)
        o.answered = p.Encapsulation;
    o.now = current();
    o.heard = peers[0].count;
    memcpy(o.codes, peers[0].codes, sizeof(o.codes));
    assert_int_equal(rig.findings, 0);
    stop();
    return o;
}

/* CON-6, D-1: the outcome of the summary's set is that of the direct one. */
static void test_CON_6_summary_mode_translates_the_set(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 8; n++) {
        struct outcome direct = outcome_of(false, n & 4, n & 1, n >> 1 & 1);
        struct outcome summary = outcome_of(true, n & 4, n & 1, n >> 1 & 1);

        assert_memory_equal(&direct, &summary, sizeof(direct));
        assert_int_equal(direct.seen, OID_TCP_CONNECTION_OFFLOAD_PARAMETERS);
        assert_int_equal(direct.status,
                         n & 4 ? NDIS_STATUS_INVALID_PARAMETER : NDIS_STATUS_SUCCESS);
        assert_int_equal(direct.ipv4, !(n & 4) && (n & 1));
        assert_int_equal(direct.heard, n & 4 ? 0 : 2);
    }
}

/* CON-6: what cannot be translated goes nowhere. */
static void test_CON_6_a_malformed_set_never_reaches_the_miniport(void **state)
{
    NDIS_TCP_CONNECTION_OFFLOAD c = report(NDIS_ENCAPSULATION_IEEE_802_3, 1, 1);
    NDIS_OID oid = OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES;
    ULONG bytes = 16;

    (void)state;
    prepare();
    start();
    assert_int_equal(ndis_adapter_request(rig.adapter, NdisRequestSetInformation, oid, &c, &bytes),
                     NDIS_STATUS_INVALID_LENGTH);
    assert_int_equal(bytes, 20);
    c.Header.Size = 24;
    assert_int_equal(set(oid, &c, 20), NDIS_STATUS_INVALID_PARAMETER);
    c.Header.Size = 20;
    c.Header.Revision = 0;
    assert_int_equal(set(oid, &c, 20), NDIS_STATUS_INVALID_PARAMETER);
    c.Header.Revision = 1;
    c.Header.Type = NDIS_OBJECT_TYPE_OFFLOAD;
    assert_int_equal(set(oid, &c, 20), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(mp.oids, 0);
    assert_int_equal(rig.status_count, 0);
    c.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    c.Encapsulation = NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED;
    assert_int_equal(set(oid, &c, 20), NDIS_STATUS_SUCCESS);
    stop();
}

/* CON-7: either OID as such, in either mode, gets to the miniport's one routine. */
static void test_CON_7_one_routine_serves_both_requests(void **state)
{
    (void)state;
    for (unsigned strict = 0; strict < 2; strict++) {
        NDIS_TCP_CONNECTION_OFFLOAD c = report(NDIS_ENCAPSULATION_IEEE_802_3, 0, 1);

        memset(&mp, 0, sizeof(mp));
        prepare();
        start();
        ndis_set_strict(strict);
        assert_int_equal(set_direct(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_OFF),
                         NDIS_STATUS_SUCCESS);
        assert_true(card.ipv4 && !card.ipv6);
        /* As NDIS's own request: past the translation. */
        assert_int_equal(ndis_oid_internal(rig.adapter, NdisRequestSetInformation,
                                           OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES, &c,
                                           sizeof(c)),
                         NDIS_STATUS_SUCCESS);
        assert_true(!card.ipv4 && card.ipv6);
        assert_int_equal(mp.seen[1], OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES);
        assert_int_equal(set_summary(1, 1),
                         strict ? NDIS_STATUS_NOT_SUPPORTED : NDIS_STATUS_SUCCESS);
        assert_int_equal(card.enables, strict ? 2 : 3);
        ndis_set_strict(false);
        stop();
    }
}

static NDIS_STATUS accept_anything(NDIS_OID_REQUEST *r)
{
    rig_fill_result(r);
    return NDIS_STATUS_SUCCESS;
}

/* CON-8 */
static void test_CON_8_the_set_is_the_miniports(void **state)
{
    NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS p = wanted(1, 1);
    ULONG bytes = sizeof(p);

    (void)state;
    prepare();
    card.offers = false;
    start();
    assert_int_equal(set_direct(1, 1), NDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(set_summary(1, 1), NDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(mp.oids, 2);
    stop();
    memset(&mp, 0, sizeof(mp));
    prepare();
    mp.in_oid = accept_anything;
    start();
    assert_int_equal(set(OID_TCP_CONNECTION_OFFLOAD_PARAMETERS, &p, 40), NDIS_STATUS_SUCCESS);
    assert_int_equal(rig_found("CON-8"), 1); /* too short for what it claims, and accepted */
    assert_int_equal(query(OID_TCP_CONNECTION_OFFLOAD_PARAMETERS, &p, &bytes),
                     NDIS_STATUS_INVALID_STATE);
    stop();
}

/* CON-9: the last accepted settings; a family left alone keeps what it had. */
static void test_CON_9_the_query_gives_what_was_last_accepted(void **state)
{
    NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS p;
    ULONG bytes = sizeof(p);

    (void)state;
    prepare();
    start();
    assert_int_equal(query(OID_TCP_CONNECTION_OFFLOAD_PARAMETERS, &p, &bytes),
                     NDIS_STATUS_INVALID_STATE);
    assert_int_equal(set_direct(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_OFF), NDIS_STATUS_SUCCESS);
    assert_int_equal(set_direct(NDIS_OFFLOAD_SET_NO_CHANGE, NDIS_OFFLOAD_SET_ON),
                     NDIS_STATUS_SUCCESS);
    card.refuse = true;
    assert_int_equal(set_direct(NDIS_OFFLOAD_SET_OFF, NDIS_OFFLOAD_SET_OFF),
                     NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(mp.oids, 3);
    bytes = sizeof(p);
    assert_int_equal(query(OID_TCP_CONNECTION_OFFLOAD_PARAMETERS, &p, &bytes), NDIS_STATUS_SUCCESS);
    assert_int_equal(bytes, NDIS_SIZEOF_TCP_CONNECTION_OFFLOAD_PARAMETERS_REVISION_1);
    assert_int_equal(p.Encapsulation.IPv4.Enabled, NDIS_OFFLOAD_SET_ON);
    assert_int_equal(p.Encapsulation.IPv6.Enabled, NDIS_OFFLOAD_SET_ON);
    assert_int_equal(p.TicksPerSecond, 1000);
    assert_int_equal(mp.oids, 3); /* no query got there */
    stop();
}

/* CON-10: neither side sees anything of the other. */
static void test_CON_10_task_and_connection_offload_keep_apart(void **state)
{
    NDIS_OFFLOAD_ENCAPSULATION e = encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON, 14), got;
    NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS p;
    NDIS_OFFLOAD_PARAMETERS task = parameters();
    NDIS_TCP_CONNECTION_OFFLOAD before, after;
    struct ndis_offload_state s;
    ULONG bytes = sizeof(p);

    (void)state;
    prepare();
    card.now = report(NDIS_ENCAPSULATION_IEEE_802_3, 0, 0);
    start();
    before = current();
    assert_int_equal(set(OID_OFFLOAD_ENCAPSULATION, &e, sizeof(e)), NDIS_STATUS_SUCCESS);
    task.LsoV2IPv4 = 1;
    assert_int_equal(set(OID_TCP_OFFLOAD_PARAMETERS, &task, 20), NDIS_STATUS_SUCCESS);
    after = current();
    assert_memory_equal(&before, &after, sizeof(before));
    assert_int_equal(card.enables, 0);
    assert_int_equal(query(OID_TCP_CONNECTION_OFFLOAD_PARAMETERS, &p, &bytes),
                     NDIS_STATUS_INVALID_STATE);
    assert_int_equal(peer_heard(0, NDIS_STATUS_OFFLOAD_PAUSE), 0);
    assert_int_equal(peer_heard(0, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG), 2);

    assert_int_equal(set_direct(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_OFF), NDIS_STATUS_SUCCESS);
    assert_int_equal(set_summary(0, 1), NDIS_STATUS_SUCCESS);
    assert_int_equal(peer_heard(0, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG), 2);
    ndis_adapter_offload(rig.adapter, &s);
    assert_memory_equal(&s.current, &mp.now, 112);
    assert_memory_equal(&s.hardware, &mp.hardware, 112);
    bytes = sizeof(got);
    assert_int_equal(query(OID_OFFLOAD_ENCAPSULATION, &got, &bytes), NDIS_STATUS_SUCCESS);
    assert_memory_equal(&got, &e, sizeof(e));
    assert_memory_equal(&card.task, &e, sizeof(e));
    assert_string_equal(keyword("*TCPConnectionOffloadIPv4"), "absent");
    stop();
}

/* PAR-26, PAR-17, KEY-14: the fields of the task offload parameters. */
static void test_PAR_26_connection_fields_of_the_parameters(void **state)
{
    NDIS_OFFLOAD_PARAMETERS p = parameters();

    (void)state;
    prepare();
    card.offers = false;
    start();
    for (UCHAR v = 0; v < 3; v++) {
        p.TcpConnectionIPv4 = v;
        assert_int_equal(set(OID_TCP_OFFLOAD_PARAMETERS, &p, 20),
                         v < 2 ? NDIS_STATUS_SUCCESS : NDIS_STATUS_NOT_SUPPORTED);
    }
    assert_string_equal(keyword("*TCPConnectionOffloadIPv4"), "0");
    stop();
    memset(&mp, 0, sizeof(mp));
    prepare();
    start();
    p.TcpConnectionIPv4 = 1;
    p.TcpConnectionIPv6 = 2;
    assert_int_equal(set(OID_TCP_OFFLOAD_PARAMETERS, &p, 20), NDIS_STATUS_SUCCESS);
    assert_int_equal(current().SupportIPv4, 0);
    assert_int_equal(current().SupportIPv6, 1);
    assert_string_equal(keyword("*TCPConnectionOffloadIPv4"), "0");
    assert_string_equal(keyword("*TCPConnectionOffloadIPv6"), "1");
    p.TcpConnectionIPv4 = p.TcpConnectionIPv6 = 0;
    assert_int_equal(set(OID_TCP_OFFLOAD_PARAMETERS, &p, 20), NDIS_STATUS_SUCCESS);
    assert_int_equal(card.enables, 1);
    assert_string_equal(keyword("*TCPConnectionOffloadIPv4"), "0");
    stop();
}

/* ENC-22, CON-9: what NDIS tracks, again, after a reset that lost it. */
static void test_ENC_22_connection_settings_are_set_again_after_a_reset(void **state)
{
    (void)state;
    prepare();
    start();
    assert_int_equal(set_direct(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_OFF), NDIS_STATUS_SUCCESS);
    card.ipv4 = false; /* the reset loses it */
    mp.addressing_reset = TRUE;
    assert_int_equal(ndis_adapter_reset(rig.adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(card.enables, 2);
    assert_true(card.ipv4 && !card.ipv6);
    stop();
}

/* ---- Indications ---------------------------------------------------------------------------- */

/* CON-11, CON-4: pause, resume with the new configuration, which is what a query then gives. */
static void test_CON_11_a_change_is_paused_and_resumed(void **state)
{
    NDIS_TCP_CONNECTION_OFFLOAD c = report(NDIS_ENCAPSULATION_IEEE_802_3, 1, 0), got;

    (void)state;
    prepare();
    start();
    indicate(NDIS_STATUS_OFFLOAD_PAUSE, NULL, 0);
    assert_int_equal(current().SupportIPv6, 1); /* not yet */
    indicate(NDIS_STATUS_OFFLOAD_RESUME, &c, sizeof(c));
    got = current();
    assert_memory_equal(&got, &c, sizeof(c));
    assert_int_equal(peers[0].count, 2);
    assert_int_equal(peers[0].codes[0], NDIS_STATUS_OFFLOAD_PAUSE);
    assert_int_equal(peers[0].codes[1], NDIS_STATUS_OFFLOAD_RESUME);
    assert_int_equal(rig.findings, 0);
    indicate(NDIS_STATUS_OFFLOAD_RESUME, NULL, 0); /* legal, but nobody paused */
    assert_int_equal(rig_found("CON-11"), 1);
    indicate(NDIS_STATUS_OFFLOAD_RESUME, &c, 12);
    assert_int_equal(rig_found("CON-11"), 2);
    assert_int_equal(peers[0].count, 3); /* the last was not passed on */
    c.Header.Size = 24;
    indicate(NDIS_STATUS_OFFLOAD_RESUME, &c, 20);
    assert_int_equal(rig_found("CON-11"), 3);
    stop();
}

/* CON-12, CON-2: NDIS answers from the last hardware indication, and tells later binders. */
static void test_CON_12_the_hardware_view_follows_its_indication(void **state)
{
    NDIS_TCP_CONNECTION_OFFLOAD c = report(NDIS_ENCAPSULATION_IEEE_802_3, 1, 0), got;
    NDIS_STATUS code = NDIS_STATUS_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES;
    ULONG bytes = sizeof(got);

    (void)state;
    prepare();
    card.offers = false; /* a team: nothing at first */
    start();
    indicate(code, &c, sizeof(c));
    assert_int_equal(query(OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES, &got, &bytes),
                     NDIS_STATUS_SUCCESS);
    assert_memory_equal(&got, &c, sizeof(c));
    got = current();
    assert_int_equal(got.Encapsulation, 0); /* able, not on */
    assert_int_equal(peer_heard(0, code), 1);
    assert_false(peers[0].has_connection);
    peer_connect(1);
    assert_true(peers[1].has_connection);
    assert_memory_equal(&peers[1].bind_connection, &c, sizeof(c));
    indicate(code, &c, 12);
    assert_int_equal(rig_found("CON-12"), 1);
    assert_int_equal(peer_heard(0, code), 1);
    c.Encapsulation = 0;
    indicate(code, &c, sizeof(c));
    bytes = sizeof(got);
    assert_int_equal(query(OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES, &got, &bytes),
                     NDIS_STATUS_NOT_SUPPORTED);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_CON_1_4_the_reports_are_copied_and_answered_by_ndis),
        RIG_TEST(test_CON_1_malformed_reports_are_refused),
        RIG_TEST(test_CON_1_more_on_than_the_hardware_can_is_a_finding),
        RIG_TEST(test_CON_2_INIT_15_a_report_without_encapsulation_is_none),
        RIG_TEST(test_CON_3_members_are_reported_as_they_are),
        RIG_TEST(test_KEY_14_keywords_decide_the_default),
        RIG_TEST(test_CON_5_strict_mode_refuses_the_sets),
        RIG_TEST(test_CON_6_summary_mode_translates_the_set),
        RIG_TEST(test_CON_6_a_malformed_set_never_reaches_the_miniport),
        RIG_TEST(test_CON_7_one_routine_serves_both_requests),
        RIG_TEST(test_CON_8_the_set_is_the_miniports),
        RIG_TEST(test_CON_9_the_query_gives_what_was_last_accepted),
        RIG_TEST(test_CON_10_task_and_connection_offload_keep_apart),
        RIG_TEST(test_PAR_26_connection_fields_of_the_parameters),
        RIG_TEST(test_ENC_22_connection_settings_are_set_again_after_a_reset),
        RIG_TEST(test_CON_11_a_change_is_paused_and_resumed),
        RIG_TEST(test_CON_12_the_hardware_view_follows_its_indication),
    };

    return RIG_MAIN(tests);
}
