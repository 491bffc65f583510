/* SPDX-License-Identifier: MIT */
/* The set of OID_TCP_OFFLOAD_PARAMETERS: what is accepted, what is refused, and that a refused one
 * changes nothing. */
#include "conform/settings.h"
#include "conform/watch.h"

enum { BYTES = NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1, FAR = 64 };
#define FIELD(f) offsetof(NDIS_OFFLOAD_PARAMETERS, f)

static void open_offering(struct rig *r)
{
    rig_open(r, NULL);
    need(r, rig_offers(r), "task offload");
}

/* All that a failed set must leave as it was. */
struct state {
    NDIS_OFFLOAD now;
    char stored[SETTINGS];
    unsigned statuses;
};

static struct state state_now(struct rig *r)
{
    struct state s = {.now = config_now(r), .statuses = r->main.status_count};

    for (enum setting i = 0; i < SETTINGS; i++)
        s.stored[i] = setting_stored(r, i);
    return s;
}

static void expect_unchanged(struct rig *r, const struct state *before)
{
    struct state after = state_now(r);

    expect_config(r, "the current configuration", &after.now, &before->now);
    for (enum setting i = 0; i < SETTINGS; i++)
        expect(r, after.stored[i] == before->stored[i], setting_info[i].keyword, "as it was",
               "%c, was %c", after.stored[i], before->stored[i]);
}

CHECK("PAR-1", handled_where_offload_is_offered)
{
    NDIS_OFFLOAD_PARAMETERS p = rig_parameters();

    rig_open(r, NULL);
    if (rig_offers(r)) {
        NDIS_STATUS status = set_parameters(r, &p, BYTES, NULL);

        about(r, "an adapter that offers task offload");
        expect(r, status != NDIS_STATUS_NOT_SUPPORTED && status != NDIS_STATUS_INVALID_OID,
               "status of the set", "one of a handled request", "%s", status_name(status));
        if (!rig_has_wire(r))
            return;
        rig_reopen(r, &(struct rig_config){.withhold = "csum,guest_csum,host_tso4,host_tso6"});
        for (enum setting s = 0; s < SETTINGS; s++) {
            NDIS_OFFLOAD hardware = config_hardware(r);

            if (setting_of(&hardware, s))
                return;
        }
    }
    about(r, "an adapter that offers no task offload");
    expect_code(r, "status of the set", set_parameters(r, &p, BYTES, NULL),
                NDIS_STATUS_NOT_SUPPORTED);
}

CHECK("PAR-2", no_query)
{
    NDIS_OFFLOAD_PARAMETERS p;

    open_offering(r);
    about(r, "a query");
    expect_status(r, "status", rig_query(r, OID_TCP_OFFLOAD_PARAMETERS, &p, sizeof p, NULL),
                  FAIL_QUERY);
}

CHECK("PAR-3", block)
{
    static const UCHAR types[] = {0, 0x7f, 0x81, NDIS_OBJECT_TYPE_OFFLOAD,
                                  NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION};
    NDIS_OFFLOAD_PARAMETERS p = rig_parameters();

    open_offering(r);
    about(r, "revision 1, 20 bytes");
    expect_equal(r, "size of revision 1", BYTES, 20);
    expect_status(r, "status", set_parameters(r, &p, 20, NULL), ACCEPT_SUCCESS);
    for (unsigned i = 0; i < ARRAY_LEN(types); i++) {
        p.Header.Type = types[i];
        about(r, "type 0x%02x", types[i]);
        expect_status(r, "status", set_parameters(r, &p, 20, NULL), FAIL_VAL);
    }
}

CHECK("PAR-4", short_buffers_fail)
{
    NDIS_OFFLOAD_PARAMETERS p = rig_parameters();
    struct state before;

    open_offering(r);
    p.TCPIPv4Checksum = 1;
    p.LsoV2IPv4 = 1;
    before = state_now(r);
    for (ULONG bytes = 0; bytes < BYTES; bytes++) {
        NDIS_OID_REQUEST q;

        about(r, "a buffer of %u bytes", bytes);
        if (expect_status(r, "status", set_parameters(r, &p, bytes, &q), FAIL_LEN))
            expect_between(r, "BytesNeeded", q.DATA.SET_INFORMATION.BytesNeeded, BYTES, FAR);
    }
    about(r, "after the short buffers");
    expect_unchanged(r, &before);
    expect_no_indication(r, before.statuses);
}

CHECK("PAR-5", later_revisions_are_read_as_far_as_known)
{
    static const struct {
        UCHAR revision;
        USHORT size;
    } later[] = {{2, 22}, {3, 26}, {4, 32}, {5, 34}, {9, 48}, {200, FAR}};
    uint8_t bytes[FAR];
    NDIS_OFFLOAD_PARAMETERS p = rig_parameters();
    NDIS_OID_REQUEST q;
    UCHAR own;

    open_offering(r);
    if (set_parameters(r, &p, BYTES, &q) != NDIS_STATUS_SUCCESS)
        cannot(r, "a set of nothing fails");
    own = q.SupportedRevision;
    for (unsigned i = 0; i < ARRAY_LEN(later); i++) {
        memset(bytes, 0, sizeof bytes);
        memset(bytes + 34, 0xee, sizeof bytes - 34); /* nobody's fields yet */
        p.Header.Revision = later[i].revision;
        p.Header.Size = later[i].size;
        memcpy(bytes, &p, BYTES);
        q = rig_request(NdisRequestSetInformation, OID_TCP_OFFLOAD_PARAMETERS, bytes,
                        later[i].size);
        about(r, "revision %u, %u bytes", later[i].revision, later[i].size);
        expect_status(r, "status", rig_issue(r, &q), ACCEPT_SUCCESS);
        expect_equal(r, "SupportedRevision", q.SupportedRevision, own);
        expect_between(r, "SupportedRevision", q.SupportedRevision, 1, 5);
    }
}

CHECK("PAR-6", contents_without_meaning_fail)
{
    static const UCHAR checksums[] = {5, 6, 127, 255}, switches[] = {3, 4, 200, 255};

    open_offering(r);
    for (enum setting s = 0; s < SETTINGS; s++) {
        for (unsigned i = 0; i < ARRAY_LEN(checksums); i++) {
            UCHAR value = setting_info[s].large ? switches[i] : checksums[i];

            about(r, "%s: %u", setting_info[s].name, value);
            expect_status(r, "status", rig_parameter(r, setting_info[s].field, value), FAIL_VAL);
        }
    }
}

/* A bad field with a good change before and after it, for each field. */
CHECK("PAR-7", failed_set_changes_nothing)
{
    struct state before;

    open_offering(r);
    before = state_now(r);
    for (enum setting bad = 0; bad < SETTINGS; bad++) {
        NDIS_OFFLOAD_PARAMETERS p = rig_parameters();

        for (enum setting s = 0; s < SETTINGS; s++)
            ((UCHAR *)&p)[setting_info[s].field] = s == bad ? 77 : 1;
        about(r, "all off, but %s 77", setting_info[bad].name);
        expect(r, set_parameters(r, &p, BYTES, NULL) != NDIS_STATUS_SUCCESS, "status", "a failure",
               "success");
        expect_unchanged(r, &before);
    }
    about(r, "after sets that failed");
    expect_no_indication(r, before.statuses);
}

CHECK("PAR-8", no_change_keeps)
{
    static const unsigned mixed[SETTINGS] = {3, 1, 0, 2, 3, 0, 1, 0};
    NDIS_OFFLOAD_PARAMETERS p = rig_parameters();
    NDIS_OFFLOAD before, after;

    open_offering(r);
    for (unsigned round = 0; round < 2; round++) {
        before = config_now(r);
        about(r, round ? "every field 0, some settings off" : "every field 0");
        expect_status(r, "status", set_parameters(r, &p, BYTES, NULL), ACCEPT_SUCCESS);
        after = config_now(r);
        expect_config(r, "the current configuration", &after, &before);
        before = config_hardware(r);
        for (enum setting s = 0; s < SETTINGS; s++)
            setting_set(r, s, mixed[s] & setting_of(&before, s));
    }
}

CHECK("PAR-12", ipsec_where_there_is_none)
{
    open_offering(r);
    need(r, !config_hardware(r).IPsecV1.Supported.Encapsulation, "no IPsec offload");
    for (UCHAR value = 0; value <= 4; value++) {
        about(r, "IPsecV1 %u", value);
        expect_status(r, "status", rig_parameter(r, FIELD(IPsecV1), value),
                      value < 2 ? ACCEPT_SUCCESS : FAIL_VAL);
    }
}

/* For each direction of each setting that this adapter lacks. How many there were. */
static unsigned try_absent(struct rig *r)
{
    struct state before = state_now(r);
    NDIS_OFFLOAD hardware = config_hardware(r);
    unsigned absent = 0;

    for (enum setting s = 0; s < SETTINGS; s++) {
        unsigned all = setting_info[s].large ? SETTING_TX : SETTING_TX | SETTING_RX,
                 lacks = all & ~setting_of(&hardware, s);
        NDIS_OFFLOAD_PARAMETERS p = rig_parameters();

        if (!lacks)
            continue;
        absent++;
        for (enum setting other = 0; other < SETTINGS; other++)
            ((UCHAR *)&p)[setting_info[other].field] = 1; /* which must not happen */
        ((UCHAR *)&p)[setting_info[s].field] = (UCHAR)(lacks + 1);
        about(r, "%s, which the hardware lacks, is switched on", setting_info[s].name);
        expect_status(r, "status", set_parameters(r, &p, BYTES, NULL), FAIL_VAL);
        expect_unchanged(r, &before);
        about(r, "%s, of which the hardware lacks a part, is switched off", setting_info[s].name);
        expect_status(r, "status", rig_parameter(r, setting_info[s].field, 1), ACCEPT_SUCCESS);
        setting_set(r, s, setting_of(&hardware, s));
        before.stored[s] = setting_stored(r, s);
    }
    return absent;
}

CHECK("PAR-13", hardware_is_the_limit)
{
    static const char *const cards[] = {"host_tso4", "host_tso6", "guest_csum"};
    unsigned absent;

    open_offering(r);
    absent = try_absent(r);
    for (unsigned i = 0; rig_has_wire(r) && i < ARRAY_LEN(cards); i++) {
        rig_reopen(r, &(struct rig_config){.withhold = cards[i]});
        if (rig_offers(r))
            absent += try_absent(r);
    }
    need(r, absent, "a card that lacks something");
}

CHECK("PAR-26", connection_offload_where_there_is_none)
{
    static const size_t fields[] = {FIELD(TcpConnectionIPv4), FIELD(TcpConnectionIPv6)};
    const NDIS_TCP_CONNECTION_OFFLOAD *c = &watch_attributes()->connection_hardware;

    open_offering(r);
    need(r, !c->SupportIPv4 && !c->SupportIPv6, "no connection offload");
    for (unsigned i = 0; i < ARRAY_LEN(fields); i++) {
        for (UCHAR value = 0; value <= 2; value++) {
            about(r, "TcpConnectionIPv%u %u", i ? 6 : 4, value);
            expect_status(r, "status", rig_parameter(r, fields[i], value),
                          value < 2 ? ACCEPT_SUCCESS : FAIL_VAL);
        }
    }
}
