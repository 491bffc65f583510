/* SPDX-License-Identifier: MIT */
/* Connection offload: NDIS's part, under a miniport of the suite's own that offers it. */
#include "conform/connection.h"
#include "conform/suite.h"

static const NDIS_OID views[] = {OID_TCP_CONNECTION_OFFLOAD_CURRENT_CONFIG,
                                 OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES};

enum { VIEW_BYTES = NDIS_SIZEOF_TCP_CONNECTION_OFFLOAD_REVISION_1 };

static struct probe *begin(struct rig *r)
{
    struct probe *p = probe_prepare(r);

    p->connection = true;
    return p;
}

static void start(struct probe *p)
{
    if (probe_initialize(p) != NDIS_STATUS_SUCCESS || !probe_bind(p))
        cannot(p->rig, "the suite's own miniport does not start");
    p->oids = 0; /* the binding's packet filter is no subject here */
}

static void expect_view(struct rig *r, struct probe *p, NDIS_OID oid,
                        const NDIS_TCP_CONNECTION_OFFLOAD *want)
{
    NDIS_TCP_CONNECTION_OFFLOAD got;
    ULONG bytes = 0;

    about(r, "query of OID 0x%08x", oid);
    memset(&got, 0, sizeof got);
    expect_code(r, "status", protocol_query(&p->protocol, oid, &got, sizeof got, &bytes),
                NDIS_STATUS_SUCCESS);
    expect_equal(r, "BytesWritten", bytes, VIEW_BYTES);
    expect_bytes(r, "NDIS_TCP_CONNECTION_OFFLOAD", &got, want, VIEW_BYTES);
}

CHECK("CON-4", ndis_answers_from_the_reports)
{
    struct probe *p = begin(r);
    NDIS_TCP_CONNECTION_OFFLOAD later =
        probe_connection_view(NDIS_ENCAPSULATION_IEEE_802_3, false, true);

    p->connection_now = probe_connection_view(NDIS_ENCAPSULATION_IEEE_802_3, true, false);
    start(p);
    expect_view(r, p, views[0], &p->connection_now);
    expect_view(r, p, views[1], &p->connection_hardware);
    probe_indicate(p, NDIS_STATUS_OFFLOAD_PAUSE, NULL, 0);
    probe_indicate(p, NDIS_STATUS_OFFLOAD_RESUME, &later, VIEW_BYTES);
    expect_view(r, p, views[0], &later);
    expect_view(r, p, views[1], &p->connection_hardware);
    about(r, "queries of connection offload");
    expect_equal(r, "that reached the miniport", p->oids, 0);
    probe_down(p);
}

CHECK("CON-5", strict_mode_refuses_sets)
{
    struct probe *p = begin(r);

    start(p);
    ndis_set_strict(true);
    for (unsigned i = 0; i < 2; i++) {
        NDIS_TCP_CONNECTION_OFFLOAD c = p->connection_now;

        about(r, "set of OID 0x%08x in strict mode", views[i]);
        expect_code(r, "status", protocol_set(&p->protocol, views[i], &c, VIEW_BYTES),
                    NDIS_STATUS_NOT_SUPPORTED);
        expect_equal(r, "requests that reached the miniport", p->oids, 0);
    }
    ndis_set_strict(r->suite->strict);
    probe_down(p);
}

/* ---- Summary mode --------------------------------------------------------------------------- */

struct result {
    NDIS_STATUS status;
    bool ipv4, ipv6;
    unsigned enables, told, reached;
    NDIS_TCP_CONNECTION_OFFLOAD now;
};

static struct result result_of(struct rig *r, bool summary, bool refuse, unsigned families)
{
    struct probe *p = begin(r);
    bool ipv4 = families & 1, ipv6 = families & 2;
    struct result o = {0};

    p->refuse = refuse ? NDIS_STATUS_INVALID_PARAMETER : NDIS_STATUS_SUCCESS;
    start(p);
    ndis_set_strict(false);
    o.status = summary
                   ? connection_set_summary(&p->protocol, ipv4, ipv6)
                   : connection_set(&p->protocol, ipv4 ? NDIS_OFFLOAD_SET_ON : NDIS_OFFLOAD_SET_OFF,
                                    ipv6 ? NDIS_OFFLOAD_SET_ON : NDIS_OFFLOAD_SET_OFF);
    ndis_set_strict(r->suite->strict);
    o.ipv4 = p->ipv4;
    o.ipv6 = p->ipv6;
    o.enables = p->enables;
    o.told = probe_told(p, NDIS_STATUS_OFFLOAD_RESUME);
    o.reached = probe_got(p, OID_TCP_CONNECTION_OFFLOAD_PARAMETERS);
    o.now = connection_now(&p->protocol);
    probe_down(p);
    return o;
}

CHECK("CON-6", summary_mode_is_the_direct_set)
{
    for (unsigned n = 0; n < 8; n++) {
        bool refuse = n & 4;
        struct result direct = result_of(r, false, refuse, n & 3);
        struct result summary = result_of(r, true, refuse, n & 3);

        about(r,
              "set of OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES, SupportIPv4 %u, "
              "SupportIPv6 %u%s",
              n & 1, n >> 1 & 1, refuse ? ", refused by the miniport" : "");
        expect_code(r, "status", summary.status, direct.status);
        expect_equal(r, "sets of ..._PARAMETERS that reached the miniport", summary.reached, 1);
        expect_equal(r, "IPv4 on", summary.ipv4, direct.ipv4);
        expect_equal(r, "IPv6 on", summary.ipv6, direct.ipv6);
        expect_equal(r, "times it was switched", summary.enables, direct.enables);
        expect_equal(r, "NDIS_STATUS_OFFLOAD_RESUME indications", summary.told, direct.told);
        expect_bytes(r, "current configuration", &summary.now, &direct.now, VIEW_BYTES);
    }
}

/* ---- Settings ------------------------------------------------------------------------------- */

CHECK("CON-9", ndis_answers_with_the_last_accepted_settings)
{
    struct probe *p = begin(r);
    NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS wish =
        connection_wish(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_OFF);
    NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS got;
    NDIS_OID oid = OID_TCP_CONNECTION_OFFLOAD_PARAMETERS;
    ULONG bytes = 0;

    wish.TicksPerSecond = 777;
    wish.NceStaleTicks = 0x12345;
    start(p);
    about(r, "OID_TCP_CONNECTION_OFFLOAD_PARAMETERS");
    expect_code(r, "set", protocol_set(&p->protocol, oid, &wish, wish.Header.Size),
                NDIS_STATUS_SUCCESS);
    p->refuse = NDIS_STATUS_INVALID_PARAMETER; /* and one that is not accepted */
    connection_set(&p->protocol, NDIS_OFFLOAD_SET_OFF, NDIS_OFFLOAD_SET_ON);
    p->oids = 0;
    memset(&got, 0, sizeof got);
    expect_code(r, "query", protocol_query(&p->protocol, oid, &got, sizeof got, &bytes),
                NDIS_STATUS_SUCCESS);
    expect_equal(r, "BytesWritten", bytes, wish.Header.Size);
    expect_bytes(r, "settings", &got, &wish, wish.Header.Size);
    expect_equal(r, "queries that reached the miniport", p->oids, 0);
    probe_down(p);
}

CHECK("CON-12", hardware_view_follows_its_indication)
{
    struct probe *p = probe_prepare(r); /* a team offers nothing at first */
    NDIS_TCP_CONNECTION_OFFLOAD c =
        probe_connection_view(NDIS_ENCAPSULATION_IEEE_802_3, true, false);

    start(p);
    probe_indicate(p, NDIS_STATUS_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES, &c, VIEW_BYTES);
    expect_view(r, p, views[1], &c);
    c.TcpConnectionOffloadCapacity = 7;
    probe_indicate(p, NDIS_STATUS_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES, &c, VIEW_BYTES);
    expect_view(r, p, views[1], &c);
    probe_down(p);
}
