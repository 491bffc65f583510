/* SPDX-License-Identifier: MIT */
/* What NDIS makes of attribute blocks, and what it hands out of them. The suite's own miniport sets
 * the blocks. */
#include "conform/connection.h"

/* What NDIS answers of the probe; its length, 0: nothing. */
static ULONG ask(struct probe *p, NDIS_OID oid, NDIS_OFFLOAD *out)
{
    ULONG bytes = sizeof *out;

    memset(out, 0, sizeof *out);
    return ndis_adapter_request(p->adapter, NdisRequestQueryInformation, oid, out, &bytes) ==
                   NDIS_STATUS_SUCCESS
               ? bytes
               : 0;
}

static void expect_view(struct rig *r, const char *what, const NDIS_OFFLOAD *got,
                        const NDIS_OFFLOAD *want)
{
    expect_bytes(r, what, got, want, want->Header.Size);
}

/* ---- Blocks that are not as they should be -------------------------------------------------- */

CHECK("INIT-4", no_adapter_without_general_attributes)
{
    struct probe *p = probe_prepare(r);
    NDIS_STATUS status;

    p->general = p->offload = false;
    status = probe_initialize(p);
    about(r, "MiniportInitializeEx returns success without general attributes");
    expect(r, status != NDIS_STATUS_SUCCESS, "the adapter", "failed by NDIS", "started");
    expect_equal(r, "adapter state (0: Halted)", ndis_adapter_state(p->adapter),
                 NDIS_ADAPTER_HALTED);
    expect(r, !probe_bind(p), "bindings", "none", "a protocol was bound");
    probe_down(p);
}

static NDIS_STATUS offer_view(struct rig *r, UCHAR minor, UCHAR revision, USHORT size)
{
    struct probe *p = probe_prepare(r);
    NDIS_STATUS status;

    p->minor = minor;
    p->now.Header.Revision = p->hardware.Header.Revision = revision;
    p->now.Header.Size = p->hardware.Header.Size = size;
    probe_initialize(p);
    status = p->block_status[2];
    probe_down(p);
    return status;
}

CHECK("INIT-10", views_of_the_registered_version_only)
{
    static const struct {
        UCHAR minor, right;
    } versions[] = {{0, 1}, {1, 2}, {20, 2}, {30, 3}};
    static const USHORT sizes[] = {NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1,
                                   NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_2,
                                   NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_3};

    for (unsigned v = 0; v < ARRAY_LEN(versions); v++) {
        for (UCHAR revision = 1; revision <= 3; revision++) {
            NDIS_STATUS status = offer_view(r, versions[v].minor, revision, sizes[revision - 1]);
            bool right = revision == versions[v].right;

            about(r, "NDIS_OFFLOAD of revision %u from a driver of NDIS 6.%u", revision,
                  versions[v].minor);
            expect(r, (status == NDIS_STATUS_SUCCESS) == right, "NdisMSetMiniportAttributes",
                   right ? "NDIS_STATUS_SUCCESS" : "a failure", "%s", status_name(status));
        }
    }
}

static void scribble(struct probe *p)
{
    memset(&p->now, 0xee, sizeof p->now);
    memset(&p->hardware, 0xee, sizeof p->hardware);
}

CHECK("INIT-11", ndis_keeps_copies)
{
    struct probe *p = probe_prepare(r);
    NDIS_OFFLOAD now, hardware, got;

    memset(&p->now.LsoV2, 0, sizeof p->now.LsoV2);
    now = p->now;
    hardware = p->hardware;
    p->in_initialize = scribble;
    probe_initialize(p);
    about(r, "the blocks are overwritten once NdisMSetMiniportAttributes is back");
    if (expect(r, ask(p, OID_TCP_OFFLOAD_CURRENT_CONFIG, &got) == now.Header.Size,
               "OID_TCP_OFFLOAD_CURRENT_CONFIG", "an answer of the block's size", "another"))
        expect_view(r, "OID_TCP_OFFLOAD_CURRENT_CONFIG", &got, &now);
    if (expect(r, ask(p, OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, &got) == hardware.Header.Size,
               "OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES", "an answer of the block's size", "another"))
        expect_view(r, "OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES", &got, &hardware);
    if (expect(r, probe_bind(p) && p->protocol.bind_has_offload, "bind parameters",
               "a configuration", "none"))
        expect_view(r, "DefaultOffloadConfiguration", &p->protocol.bind_offload, &now);
    probe_down(p);
}

CHECK("INIT-15", no_connection_offload_no_answer)
{
    static const NDIS_OID oids[] = {OID_TCP_CONNECTION_OFFLOAD_CURRENT_CONFIG,
                                    OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES};
    uint8_t buffer[64];
    struct probe *p;

    rig_open(r, NULL);
    about(r, "the driver refuses to offload connections");
    if (connection_set(&r->main, NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON) ==
        NDIS_STATUS_NOT_SUPPORTED)
        expect(r, !connection_offered(), "its connection reports", "NULL", "set");
    p = probe_prepare(r);
    expect_code(r, "MiniportInitializeEx", probe_initialize(p), NDIS_STATUS_SUCCESS);
    about(r, "NDIS and a block whose connection pointers are NULL");
    expect_code(r, "NdisMSetMiniportAttributes", p->block_status[2], NDIS_STATUS_SUCCESS);
    for (unsigned i = 0; i < 2; i++) {
        ULONG bytes = sizeof buffer;

        about(r, "query of OID 0x%08x", oids[i]);
        expect_code(
            r, "status",
            ndis_adapter_request(p->adapter, NdisRequestQueryInformation, oids[i], buffer, &bytes),
            NDIS_STATUS_NOT_SUPPORTED);
    }
    probe_down(p);
}

CHECK("INIT-16", no_offload_block_at_all)
{
    static const NDIS_OFFLOAD zero;
    struct probe *p = probe_prepare(r);

    p->offload = false;
    about(r, "a miniport that sets no offload attributes");
    expect_code(r, "the adapter's start", probe_initialize(p), NDIS_STATUS_SUCCESS);
    if (expect(r, probe_bind(p), "a protocol", "bound", "not bound") &&
        p->protocol.bind_has_offload)
        expect_bytes(r, "DefaultOffloadConfiguration",
                     (const uint8_t *)&p->protocol.bind_offload + sizeof(NDIS_OBJECT_HEADER),
                     (const uint8_t *)&zero + sizeof(NDIS_OBJECT_HEADER),
                     NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1 - sizeof(NDIS_OBJECT_HEADER));
    else
        expect(r, !p->protocol.bind_has_offload, "DefaultOffloadConfiguration", "absent or zero",
               "there");
    probe_down(p);
}

/* ---- What bindings are told ----------------------------------------------------------------- */

CHECK("INIT-17", bind_parameters_hold_what_is_on)
{
    static const char *const off[] = {"*UDPChecksumOffloadIPv4", "0", "*LsoV2IPv4", "0", NULL};
    struct ndis_offload_state s;
    struct probe *p;

    rig_open(r, &(struct rig_config){.keywords = off, .no_activate = true});
    s = rig_offload(r);
    if (s.present) {
        about(r, "a protocol binds to the driver's adapter");
        expect(r, r->main.bind_has_offload, "DefaultOffloadConfiguration", "set", "NULL");
        expect_view(r, "DefaultOffloadConfiguration", &r->main.bind_offload, &s.current);
    }
    p = probe_prepare(r);
    memset(&p->now.LsoV2, 0, sizeof p->now.LsoV2);
    probe_initialize(p);
    about(r, "a protocol binds to an adapter that has LSOv2 switched off");
    if (expect(r, probe_bind(p) && p->protocol.bind_has_offload, "DefaultOffloadConfiguration",
               "set", "NULL"))
        expect_view(r, "DefaultOffloadConfiguration", &p->protocol.bind_offload, &p->now);
    probe_down(p);
}

CHECK("INIT-18", later_bindings_see_what_was_indicated)
{
    struct probe *p = probe_prepare(r);

    probe_initialize(p);
    if (!probe_bind(p))
        cannot(r, "the protocol could not be bound");
    ndis_adapter_disconnect(p->adapter, p->protocol.name);
    memset(&p->now.LsoV2, 0, sizeof p->now.LsoV2);
    probe_indicate(p, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &p->now, p->now.Header.Size);
    about(r, "a protocol binds after LSOv2 was indicated as off");
    if (expect(r, probe_bind(p) && p->protocol.bind_has_offload, "DefaultOffloadConfiguration",
               "set", "NULL"))
        expect_view(r, "DefaultOffloadConfiguration", &p->protocol.bind_offload, &p->now);
    probe_down(p);
}

CHECK_NOT_SEEN("INIT-19", filters, "Longshore loads no filter drivers");

/* ---- States --------------------------------------------------------------------------------- */

static NDIS_STATUS early_status;

static NDIS_STATUS send_request(struct probe *p)
{
    ULONG filter = NDIS_PACKET_TYPE_DIRECTED, bytes = sizeof filter;

    return ndis_adapter_request(p->adapter, NdisRequestSetInformation,
                                OID_GEN_CURRENT_PACKET_FILTER, &filter, &bytes);
}

static void request_early(struct probe *p)
{
    early_status = send_request(p);
}

CHECK("INIT-20", nothing_reaches_a_miniport_that_is_not_initialized)
{
    struct probe *p;

    rig_open(r, &(struct rig_config){.no_bind = true});
    for (unsigned i = 0; watch_at(i) && (int)i < watch_find_state(0, NDIS_ADAPTER_PAUSED); i++) {
        const struct watch_event *e = watch_at(i);

        about(r, "the driver under test initializes");
        expect(r, !(e->kind == WATCH_OID && e->reached) && e->kind != WATCH_SEND, "to the driver",
               "nothing", "OID 0x%08x", e->code);
    }
    p = probe_prepare(r);
    p->in_initialize = request_early;
    expect_code(r, "MiniportInitializeEx", probe_initialize(p), NDIS_STATUS_SUCCESS);
    about(r, "a request while MiniportInitializeEx runs");
    expect(r, early_status != NDIS_STATUS_SUCCESS, "status", "a failure", "NDIS_STATUS_SUCCESS");
    expect_equal(r, "requests that reached the miniport", p->oids, 0);
    about(r, "MiniportInitializeEx has succeeded");
    expect_equal(r, "adapter state (2: Paused)", ndis_adapter_state(p->adapter),
                 NDIS_ADAPTER_PAUSED);
    expect_code(r, "a request", send_request(p), NDIS_STATUS_SUCCESS);
    probe_down(p);
}

static void indicate_early(struct probe *p)
{
    memset(&p->now.LsoV2, 0, sizeof p->now.LsoV2);
    probe_indicate(p, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &p->now, p->now.Header.Size);
}

CHECK("INIT-22", indications_from_initialize_count)
{
    struct probe *p = probe_prepare(r);
    NDIS_OFFLOAD got;

    p->in_initialize = indicate_early;
    probe_initialize(p);
    about(r, "a configuration without LSOv2 indicated from MiniportInitializeEx");
    expect_equal(r, "rules that NDIS saw broken", p->findings, 0);
    ask(p, OID_TCP_OFFLOAD_CURRENT_CONFIG, &got);
    expect_view(r, "OID_TCP_OFFLOAD_CURRENT_CONFIG", &got, &p->now);
    probe_down(p);
}

CHECK("INIT-24", task_offload_of_ndis_5_is_refused)
{
    struct ndis_offload_state before, after;
    uint8_t buffer[256] = {0};
    unsigned told;

    rig_open(r, NULL);
    about(r, "nobody but the check issues OID_TCP_TASK_OFFLOAD");
    expect_equal(r, "requests", watch_find(0, WATCH_OID, OID_TCP_TASK_OFFLOAD) >= 0, 0);
    before = rig_offload(r);
    told = r->main.status_count;
    about(r, "OID_TCP_TASK_OFFLOAD");
    expect_status(r, "query", rig_query(r, OID_TCP_TASK_OFFLOAD, buffer, sizeof buffer, NULL),
                  FAIL_QUERY);
    expect_status(r, "set", rig_set(r, OID_TCP_TASK_OFFLOAD, buffer, sizeof buffer), FAIL_QUERY);
    after = rig_offload(r);
    expect_view(r, "current configuration", &after.current, &before.current);
    expect_equal(r, "indications", r->main.status_count, told);
}
