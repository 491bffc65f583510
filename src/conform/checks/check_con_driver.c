/* SPDX-License-Identifier: MIT */
/* Connection offload: the miniport's part, and that it keeps apart from task offload. */
#include "conform/connection.h"
#include "conform/suite.h"

#include "ndis/private.h" /* a set that NDIS makes itself goes past its translation */

enum { VIEW_BYTES = NDIS_SIZEOF_TCP_CONNECTION_OFFLOAD_REVISION_1 };

static const struct watch_attributes *open_offering(struct rig *r)
{
    rig_open(r, NULL);
    need(r, connection_offered(), "connection offload");
    return watch_attributes();
}

static const ULONG known = NDIS_ENCAPSULATION_IEEE_802_3 | NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED;

CHECK("CON-1", both_reports_are_well_formed)
{
    const struct watch_attributes *a = open_offering(r);
    const NDIS_TCP_CONNECTION_OFFLOAD *both[] = {&a->connection_now, &a->connection_hardware};
    static const char *const names[] = {"DefaultTcpConnectionOffloadConfiguration",
                                        "TcpConnectionOffloadHardwareCapabilities"};
    USHORT version = 0;

    rig_query(r, OID_GEN_DRIVER_VERSION, &version, sizeof version, NULL);
    for (unsigned i = 0; i < 2; i++) {
        about(r, "%s", names[i]);
        expect_equal(r, "Header.Type", both[i]->Header.Type, NDIS_OBJECT_TYPE_DEFAULT);
        expect_between(r, "Header.Revision", both[i]->Header.Revision, 1, version & 0xff ? 2 : 1);
        expect_equal(r, "Header.Size", both[i]->Header.Size, VIEW_BYTES);
    }
    expect(r,
           a->offload.DefaultTcpConnectionOffloadConfiguration &&
               a->offload.TcpConnectionOffloadHardwareCapabilities,
           "both pointers", "set", "one is NULL");
    about(r, "what is on against what the device could do");
    expect_equal(r, "families too many",
                 (both[0]->SupportIPv4 == 1 && both[1]->SupportIPv4 != 1) ||
                     (both[0]->SupportIPv6 == 1 && both[1]->SupportIPv6 != 1),
                 0);
}

CHECK("CON-2", encapsulations_of_connections)
{
    struct probe *p;
    uint8_t buffer[64];

    p = probe_prepare(r);
    p->connection = true;
    p->connection_hardware = p->connection_now =
        probe_connection_view(NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q, true, true);
    probe_initialize(p);
    about(r, "NDIS and a report with neither 802.3 nor LLC/SNAP");
    probe_bind(p);
    expect_code(r, "query of the hardware view",
                protocol_query(&p->protocol, OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES,
                               buffer, sizeof buffer, NULL),
                NDIS_STATUS_NOT_SUPPORTED);
    expect(r, !p->protocol.bind.TcpConnectionOffloadCapabilities,
           "TcpConnectionOffloadCapabilities at bind", "NULL", "set");
    probe_down(p);
    rig_reopen(r, &(struct rig_config){0});
    if (!connection_offered())
        return;
    about(r, "the driver's report");
    expect(r, watch_attributes()->connection_hardware.Encapsulation & known, "Encapsulation",
           "802.3 or LLC/SNAP among it", "0x%x",
           watch_attributes()->connection_hardware.Encapsulation);
}

CHECK("CON-3", some_family_is_offered)
{
    const NDIS_TCP_CONNECTION_OFFLOAD *c = &open_offering(r)->connection_hardware;

    expect(r, c->SupportIPv4 == NDIS_OFFLOAD_SUPPORTED || c->SupportIPv6 == NDIS_OFFLOAD_SUPPORTED,
           "SupportIPv4, SupportIPv6", "one of them 1", "%u, %u", c->SupportIPv4, c->SupportIPv6);
    expect(r, c->TcpConnectionOffloadCapacity > 0, "TcpConnectionOffloadCapacity", "not 0", "0");
}

/* ---- The set -------------------------------------------------------------------------------- */

static void expect_families(struct rig *r, bool ipv4, bool ipv6)
{
    NDIS_TCP_CONNECTION_OFFLOAD now = connection_now(&r->main);

    expect_equal(r, "SupportIPv4 in the current configuration", now.SupportIPv4 == 1, ipv4);
    expect_equal(r, "SupportIPv6 in the current configuration", now.SupportIPv6 == 1, ipv6);
}

static bool able4(void)
{
    return watch_attributes()->connection_hardware.SupportIPv4 == NDIS_OFFLOAD_SUPPORTED;
}

static bool able6(void)
{
    return watch_attributes()->connection_hardware.SupportIPv6 == NDIS_OFFLOAD_SUPPORTED;
}

CHECK("CON-7", one_routine_behind_either_request)
{
    open_offering(r);
    for (unsigned n = 0; n < 8; n++) {
        bool ipv4 = (n & 1) && able4(), ipv6 = (n & 2) && able6(), summary = n & 4;
        NDIS_TCP_CONNECTION_OFFLOAD c =
            probe_connection_view(NDIS_ENCAPSULATION_IEEE_802_3, ipv4, ipv6);
        NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS wish =
            connection_wish(ipv4 ? NDIS_OFFLOAD_SET_ON : NDIS_OFFLOAD_SET_OFF,
                            ipv6 ? NDIS_OFFLOAD_SET_ON : NDIS_OFFLOAD_SET_OFF);
        NDIS_OID oid = summary ? OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES
                               : OID_TCP_CONNECTION_OFFLOAD_PARAMETERS;

        about(r, "set of %s that switches IPv4 %s, IPv6 %s",
              summary ? "the hardware capabilities" : "the connection parameters",
              ipv4 ? "on" : "off", ipv6 ? "on" : "off");
        expect_code(r, "status",
                    ndis_oid_internal(r->adapter, NdisRequestSetInformation, oid,
                                      summary ? (void *)&c : (void *)&wish,
                                      summary ? c.Header.Size : wish.Header.Size),
                    NDIS_STATUS_SUCCESS);
        expect_families(r, ipv4, ipv6);
    }
}

CHECK("CON-8", the_set_is_the_miniports)
{
    bool offered;
    int at;

    rig_open(r, NULL);
    offered = connection_offered();
    about(r, "set of OID_TCP_CONNECTION_OFFLOAD_PARAMETERS, connection offload %soffered",
          offered ? "" : "not ");
    if (!offered) {
        expect_code(r, "status", connection_set(&r->main, NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON),
                    NDIS_STATUS_NOT_SUPPORTED);
        at = watch_find(0, WATCH_OID, OID_TCP_CONNECTION_OFFLOAD_PARAMETERS);
        expect(r, at >= 0 && watch_at((unsigned)at)->reached, "answered by", "the miniport",
               "NDIS");
        return;
    }
    for (unsigned n = 0; n < 4; n++) {
        bool ipv4 = (n & 1) && able4(), ipv6 = (n & 2) && able6();

        expect_code(r, "status",
                    connection_set(&r->main, ipv4 ? NDIS_OFFLOAD_SET_ON : NDIS_OFFLOAD_SET_OFF,
                                   ipv6 ? NDIS_OFFLOAD_SET_ON : NDIS_OFFLOAD_SET_OFF),
                    NDIS_STATUS_SUCCESS);
        expect_families(r, ipv4, ipv6);
    }
}

CHECK("CON-11", a_change_is_paused_and_resumed)
{
    int pause, resume;
    unsigned from;

    open_offering(r);
    connection_set(&r->main, NDIS_OFFLOAD_SET_OFF, NDIS_OFFLOAD_SET_OFF);
    from = watch_count();
    about(r, "connection offload is switched on");
    expect_code(r, "status",
                connection_set(&r->main, able4() ? NDIS_OFFLOAD_SET_ON : NDIS_OFFLOAD_SET_OFF,
                               able6() ? NDIS_OFFLOAD_SET_ON : NDIS_OFFLOAD_SET_OFF),
                NDIS_STATUS_SUCCESS);
    pause = watch_find(from, WATCH_STATUS, (uint32_t)NDIS_STATUS_OFFLOAD_PAUSE);
    resume = watch_find(from, WATCH_STATUS, (uint32_t)NDIS_STATUS_OFFLOAD_RESUME);
    expect(r, pause >= 0, "NDIS_STATUS_OFFLOAD_PAUSE", "indicated", "never");
    if (expect(r, resume > pause, "NDIS_STATUS_OFFLOAD_RESUME", "indicated after the pause", "%s",
               resume < 0 ? "never" : "before"))
        expect_equal(r, "StatusBufferSize", watch_at((unsigned)resume)->indication.StatusBufferSize,
                     VIEW_BYTES);
}

/* ---- Apart from task offload ---------------------------------------------------------------- */

/* What one side of the adapter knows, before and after the other was changed. */
struct task_side {
    struct ndis_offload_state views;
    NDIS_OFFLOAD_ENCAPSULATION encapsulation;
};

static struct task_side task_side(struct rig_protocol *p, struct ndis_adapter *a)
{
    struct task_side t;

    memset(&t, 0, sizeof t);
    ndis_adapter_offload(a, &t.views);
    protocol_query(p, OID_OFFLOAD_ENCAPSULATION, &t.encapsulation, sizeof t.encapsulation, NULL);
    return t;
}

static void expect_apart(struct rig *r, struct rig_protocol *p, struct ndis_adapter *a)
{
    NDIS_TCP_CONNECTION_OFFLOAD connection = connection_now(p), after;
    NDIS_OFFLOAD_ENCAPSULATION e = rig_encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON);
    unsigned from = watch_count();
    struct task_side before, then;

    about(r, "set of OID_OFFLOAD_ENCAPSULATION");
    protocol_set(p, OID_OFFLOAD_ENCAPSULATION, &e, NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1);
    after = connection_now(p);
    expect_bytes(r, "current connection configuration", &after, &connection, sizeof after);
    expect_equal(r, "NDIS_STATUS_OFFLOAD_PAUSE indications",
                 watch_find(from, WATCH_STATUS, (uint32_t)NDIS_STATUS_OFFLOAD_PAUSE) >= 0, 0);
    before = task_side(p, a);
    from = watch_count();
    about(r, "sets of connection offload");
    connection_set(p, NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_OFF);
    connection_set_summary(p, false, true);
    then = task_side(p, a);
    expect_bytes(r, "task offload configuration", &then.views.current, &before.views.current,
                 NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
    expect_bytes(r, "activation", &then.encapsulation, &before.encapsulation,
                 sizeof then.encapsulation);
    expect_equal(
        r, "NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG indications",
        watch_find(from, WATCH_STATUS, (uint32_t)NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG) >= 0, 0);
}

CHECK("CON-10", task_and_connection_offload_keep_apart)
{
    struct probe *p;

    rig_open(r, &(struct rig_config){.no_activate = true});
    expect_apart(r, &r->main, r->adapter);
    p = probe_prepare(r);
    p->connection = true;
    p->connection_now = probe_connection_view(NDIS_ENCAPSULATION_IEEE_802_3, false, false);
    probe_initialize(p);
    if (!probe_bind(p))
        cannot(r, "the suite's own miniport does not start");
    ndis_set_strict(false); /* the summary's set too */
    expect_apart(r, &p->protocol, p->adapter);
    ndis_set_strict(r->suite->strict);
    expect_equal(r, "times connection offload was switched", p->enables, 2);
    probe_down(p);
}
