/* SPDX-License-Identifier: MIT */
/* The attribute blocks: when they come, in which order, with which headers; and what NDIS does with
 * others. */
#include "conform/probe.h"
#include "conform/watch.h"

enum { OFFLOAD_BLOCK = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES };

static const char *block_name(unsigned type)
{
    switch (type) {
    case NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES:
        return "registration attributes";
    case NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES:
        return "general attributes";
    case OFFLOAD_BLOCK:
        return "offload attributes";
    default:
        return "attributes of another kind";
    }
}

/* It names the requests of task offload, or has handed in the block, whenever that was. */
static bool offload_capable(void)
{
    return watch_lists_oid(OID_TCP_OFFLOAD_PARAMETERS) ||
           watch_lists_oid(OID_OFFLOAD_ENCAPSULATION) ||
           watch_find(0, WATCH_ATTRIBUTES, OFFLOAD_BLOCK) >= 0;
}

CHECK("INIT-1", offload_attributes_inside_initialize)
{
    int begin, end, at;

    rig_open(r, NULL);
    need(r, offload_capable(), "task offload");
    begin = watch_find_state(0, NDIS_ADAPTER_INITIALIZING);
    end = watch_find_state(0, NDIS_ADAPTER_PAUSED);
    at = watch_find(0, WATCH_ATTRIBUTES, OFFLOAD_BLOCK);
    about(r, "MiniportInitializeEx");
    if (expect(r, at >= 0, "offload attributes", "set through NdisMSetMiniportAttributes",
               "never set, though the supported list names requests of task offload"))
        expect(r, begin < at && at < end, "offload attributes",
               "set before MiniportInitializeEx returns", "set when the adapter is %s",
               ndis_adapter_state_name(watch_at((unsigned)at)->state));
}

/* ---- Headers -------------------------------------------------------------------------------- */

/* What NDIS is to refuse. */
static NDIS_OBJECT_HEADER bad_header;

static void set_bad_block(struct probe *p)
{
    NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES o = {
        .Header = bad_header,
        .DefaultOffloadConfiguration = &p->now,
        .HardwareOffloadCapabilities = &p->hardware,
    };

    probe_set(p, &o);
}

static void expect_refused(struct rig *r, UCHAR type, UCHAR revision, USHORT size)
{
    struct probe *p = probe_prepare(r);
    struct ndis_offload_state s;

    about(r, "NDIS and a block of type 0x%02x, revision %u, size %u", type, revision, size);
    bad_header = (NDIS_OBJECT_HEADER){type, revision, size};
    p->offload = false;
    p->in_initialize = set_bad_block;
    probe_initialize(p);
    expect(r, p->block_status[2] != NDIS_STATUS_SUCCESS, "NdisMSetMiniportAttributes", "a failure",
           "NDIS_STATUS_SUCCESS");
    ndis_adapter_offload(p->adapter, &s);
    expect(r, !s.present, "offload views kept by NDIS", "none", "some");
    probe_down(p);
}

CHECK("INIT-2", header_of_the_offload_attributes)
{
    const USHORT size = NDIS_SIZEOF_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES_REVISION_1;
    int at = -1;

    rig_open(r, NULL);
    while ((at = watch_find((unsigned)(at + 1), WATCH_ATTRIBUTES, OFFLOAD_BLOCK)) >= 0) {
        const NDIS_OBJECT_HEADER *h = &watch_at((unsigned)at)->header;

        about(r, "the driver's offload attributes");
        expect_equal(r, "Header.Revision", h->Revision,
                     NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES_REVISION_1);
        expect_equal(r, "Header.Size", h->Size, size);
    }
    expect_refused(r, 0x99, 1, size);
    expect_refused(r, OFFLOAD_BLOCK, 0, size);
    expect_refused(r, OFFLOAD_BLOCK, 1, size - 1);
    expect_refused(r, OFFLOAD_BLOCK, 1, sizeof(NDIS_OBJECT_HEADER));
}

/* Of the version that the driver registered: 6.0, 6.1 and 6.20, 6.30 and so on. */
static void right_pair(UCHAR minor, UCHAR *revision, USHORT *size)
{
    static const struct {
        UCHAR minor, revision;
        USHORT size;
    } pairs[] = {
        {83, 6, NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_6}, {70, 5, NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_5},
        {50, 4, NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_4}, {30, 3, NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_3},
        {1, 2, NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_2},  {0, 1, NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1},
    };
    unsigned i = 0;

    while (minor < pairs[i].minor)
        i++;
    *revision = pairs[i].revision;
    *size = pairs[i].size;
}

CHECK("INIT-9", headers_of_the_two_views)
{
    static const char *const names[] = {"DefaultOffloadConfiguration",
                                        "HardwareOffloadCapabilities"};
    const struct watch_attributes *a = watch_attributes();
    const NDIS_OFFLOAD *views[] = {&a->now, &a->hardware};
    USHORT version = 0, size;
    UCHAR revision;

    rig_open(r, NULL);
    need(r, a->offload_set && a->offload.DefaultOffloadConfiguration, "task offload");
    if (rig_query(r, OID_GEN_DRIVER_VERSION, &version, sizeof version, NULL) != NDIS_STATUS_SUCCESS)
        cannot(r, "NDIS does not say which version the driver registered");
    right_pair((UCHAR)version, &revision, &size);
    for (unsigned i = 0; i < 2; i++) {
        about(r, "%s of an NDIS 6.%u driver", names[i], version & 0xff);
        expect_equal(r, "Header.Type", views[i]->Header.Type, NDIS_OBJECT_TYPE_OFFLOAD);
        expect_equal(r, "Header.Revision", views[i]->Header.Revision, revision);
        expect_equal(r, "Header.Size", views[i]->Header.Size, size);
    }
}

/* ---- Order ---------------------------------------------------------------------------------- */

static void set_offload_first(struct probe *p)
{
    probe_set_offload(p);
    probe_set_registration(p);
    probe_set_offload(p); /* ahead of the general ones */
    probe_set_general(p);
}

CHECK("INIT-3", registration_general_then_the_rest)
{
    enum { REGISTRATION = 1, GENERAL = 2 };
    unsigned seen = 0;
    struct probe *p;

    rig_open(r, &(struct rig_config){.no_bind = true});
    for (unsigned i = 0; i < watch_count(); i++) {
        const struct watch_event *e = watch_at(i);
        unsigned before = REGISTRATION | GENERAL;

        if (e->kind != WATCH_ATTRIBUTES)
            continue;
        about(r, "%s", block_name(e->code));
        if (e->code == NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES)
            before = 0;
        if (e->code == NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES)
            before = REGISTRATION;
        expect(r, (seen & before) == before, "order", "registration, general, then every other",
               "%s before the %s attributes", block_name(e->code),
               seen & REGISTRATION ? "general" : "registration");
        seen |= before == 0 ? REGISTRATION : before == REGISTRATION ? GENERAL : 0;
    }
    p = probe_prepare(r);
    p->registration = p->general = p->offload = false;
    p->in_initialize = set_offload_first;
    probe_initialize(p);
    about(r, "NDIS and offload attributes ahead of the others");
    expect(r, p->block_status[0] != NDIS_STATUS_SUCCESS, "NdisMSetMiniportAttributes",
           "a failure before the registration attributes", "NDIS_STATUS_SUCCESS");
    expect(r, p->block_status[2] != NDIS_STATUS_SUCCESS, "NdisMSetMiniportAttributes",
           "a failure before the general attributes", "NDIS_STATUS_SUCCESS");
    probe_down(p);
}

/* Keywords are watched by the runtime, which names this row. */
CHECK("INIT-5", attributes_at_passive_level)
{
    rig_open(r, NULL);
    for (unsigned i = 0; i < watch_count(); i++) {
        const struct watch_event *e = watch_at(i);

        if (e->kind != WATCH_ATTRIBUTES)
            continue;
        about(r, "NdisMSetMiniportAttributes, %s", block_name(e->code));
        expect_equal(r, "IRQL", e->irql, PASSIVE_LEVEL);
    }
}

CHECK("INIT-23", supported_list_names_offload_requests)
{
    static const struct {
        NDIS_OID oid;
        const char *name;
    } oids[] = {{OID_OFFLOAD_ENCAPSULATION, "OID_OFFLOAD_ENCAPSULATION"},
                {OID_TCP_OFFLOAD_PARAMETERS, "OID_TCP_OFFLOAD_PARAMETERS"},
                {OID_TCP_CONNECTION_OFFLOAD_PARAMETERS, "OID_TCP_CONNECTION_OFFLOAD_PARAMETERS"}};
    const struct watch_attributes *a = watch_attributes();
    bool offers[3];

    rig_open(r, NULL);
    offers[0] = offers[1] = a->offload_set && a->offload.HardwareOffloadCapabilities;
    offers[2] = a->offload_set && a->offload.TcpConnectionOffloadHardwareCapabilities;
    need(r, offers[0] || offers[2], "task offload");
    for (unsigned i = 0; i < 3; i++) {
        about(r, "SupportedOidList of %u entries", a->oid_count);
        if (offers[i])
            expect(r, watch_lists_oid(oids[i].oid), oids[i].name, "in the list", "missing");
    }
}
