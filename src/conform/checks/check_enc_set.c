/* SPDX-License-Identifier: MIT */
/* The set of OID_OFFLOAD_ENCAPSULATION: what is accepted, what is refused, and how. */
#include "conform/settings.h"
#include "conform/stack.h"

enum {
    BYTES = 28,
    HEADER_PLAIN = 14,
    HEADER_TAGGED = 18,
    HEADER_SNAP = 22,
    HEADER_BOTH = 26,
    ON = NDIS_OFFLOAD_SET_ON,
    OFF = NDIS_OFFLOAD_SET_OFF,
    KEEP = NDIS_OFFLOAD_SET_NO_CHANGE,
};
static const char everything[] = "csum,guest_csum,host_tso4,host_tso6";

/* Bound by the test protocol and not activated. */
static void open_idle(struct rig *r)
{
    rig_open(r, &(struct rig_config){.no_activate = true});
    need(r, rig_offers(r), "task offload");
}

/* First the overlying protocol binds and activates, then the test protocol takes its place. What
 * the former set; NULL when it had no reason to. */
static const NDIS_OFFLOAD_ENCAPSULATION *open_after_protocol(struct rig *r)
{
    static NDIS_OFFLOAD_ENCAPSULATION e;
    const NDIS_OFFLOAD_ENCAPSULATION *set;

    rig_open(r, &(struct rig_config){.no_activate = true, .no_bind = true});
    need(r, rig_offers(r), "task offload");
    stack_bind(r);
    set = stack_activation(r);
    if (set)
        e = *set;
    stack_unbind(r);
    rig_bind(r);
    return set ? &e : NULL;
}

static NDIS_OFFLOAD_ENCAPSULATION one_type(ULONG type, ULONG header)
{
    NDIS_OFFLOAD_ENCAPSULATION e = rig_encapsulation(ON, ON);

    e.IPv4.EncapsulationType = e.IPv6.EncapsulationType = type;
    e.IPv4.HeaderSize = e.IPv6.HeaderSize = header;
    return e;
}

static ULONG listed(const struct rig *r)
{
    NDIS_OFFLOAD o = config_now(r);

    return o.Checksum.IPv4Transmit.Encapsulation | o.Checksum.IPv4Receive.Encapsulation |
           o.Checksum.IPv6Transmit.Encapsulation | o.Checksum.IPv6Receive.Encapsulation |
           o.LsoV1.IPv4.Encapsulation | o.LsoV2.IPv4.Encapsulation | o.LsoV2.IPv6.Encapsulation;
}

/* Whether the families are active, as far as received frames show; bit 0: IPv4, bit 1: IPv6. */
static unsigned active(struct rig *r)
{
    if (!rig_has_wire(r))
        return 0;
    return (arrived_slot(r, 4, 17) ? 1 : 0) | (arrived_slot(r, 6, 17) ? 2 : 0);
}

CHECK("ENC-1", handled_where_offload_is_offered)
{
    rig_open(r, &(struct rig_config){.no_activate = true});
    if (rig_offers(r)) {
        NDIS_STATUS status = rig_activate(r, ON, ON);

        about(r, "an adapter that offers task offload");
        expect(r, status != NDIS_STATUS_NOT_SUPPORTED && status != NDIS_STATUS_INVALID_OID,
               "status of the set", "one of a handled request", "%s", status_name(status));
        if (!rig_has_wire(r))
            return;
        rig_reopen(r, &(struct rig_config){.no_activate = true, .withhold = everything});
        if (listed(r))
            return;
    }
    about(r, "an adapter that offers no task offload");
    expect_code(r, "status of the set", rig_activate(r, ON, ON), NDIS_STATUS_NOT_SUPPORTED);
}

CHECK("ENC-2", block_and_what_a_good_set_reports)
{
    const NDIS_OFFLOAD_ENCAPSULATION *set = open_after_protocol(r);
    NDIS_OFFLOAD_ENCAPSULATION e = rig_encapsulation(ON, ON);
    NDIS_OID_REQUEST q;

    about(r, "the overlying protocol's block");
    if (set) {
        expect_equal(r, "Header.Type", set->Header.Type, 0xa8);
        expect_equal(r, "Header.Revision", set->Header.Revision, 1);
        expect_equal(r, "Header.Size", set->Header.Size, BYTES);
    }
    about(r, "a good set");
    expect_status(r, "status", set_encapsulation(r, &e, BYTES, &q), ACCEPT_SUCCESS);
    expect_equal(r, "BytesRead", q.DATA.SET_INFORMATION.BytesRead, BYTES);
    expect_equal(r, "SupportedRevision", q.SupportedRevision, 1);
}

CHECK("ENC-3", short_buffers_fail)
{
    NDIS_OFFLOAD_ENCAPSULATION e = rig_encapsulation(ON, ON);
    unsigned from;

    open_idle(r);
    from = r->main.status_count;
    for (ULONG bytes = 0; bytes < BYTES; bytes++) {
        NDIS_OID_REQUEST q;

        about(r, "a buffer of %u bytes", bytes);
        if (expect_status(r, "status", set_encapsulation(r, &e, bytes, &q), FAIL_LEN))
            expect_equal(r, "BytesNeeded", q.DATA.SET_INFORMATION.BytesNeeded, BYTES);
    }
    about(r, "after the short buffers");
    expect_no_indication(r, from);
    expect_equal(r, "families that are active", active(r), 0);
}

CHECK("ENC-4", bad_headers_fail)
{
    static const struct {
        NDIS_OBJECT_HEADER header;
        const char *what;
    } bad[] = {
        {{NDIS_OBJECT_TYPE_DEFAULT, 1, BYTES}, "type 0x80"},
        {{NDIS_OBJECT_TYPE_OFFLOAD, 1, BYTES}, "type 0xa7"},
        {{NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION, 0, BYTES}, "revision 0"},
        {{NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION, 1, BYTES + 1}, "size beyond the buffer"},
        {{NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION, 1, 0xffff}, "size 0xffff"},
    };
    unsigned from;

    open_idle(r);
    from = r->main.status_count;
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        NDIS_OFFLOAD_ENCAPSULATION e = rig_encapsulation(ON, ON);

        e.Header = bad[i].header;
        about(r, "%s", bad[i].what);
        expect_status(r, "status", set_encapsulation(r, &e, BYTES, NULL), FAIL_VAL);
    }
    about(r, "after bad headers");
    expect_no_indication(r, from);
    expect_equal(r, "families that are active", active(r), 0);
}

CHECK("ENC-5", families_are_switched_one_by_one)
{
    static const struct {
        ULONG four, six;
        unsigned active;
    } steps[] = {
        {ON, KEEP, 1}, {KEEP, ON, 3},  {OFF, KEEP, 2}, {ON, OFF, 1},
        {OFF, ON, 2},  {KEEP, OFF, 0}, {ON, ON, 3},    {KEEP, KEEP, 3},
    };
    NDIS_OFFLOAD now;
    unsigned able;

    open_idle(r);
    need(r, rig_has_wire(r), "a network card below the driver");
    now = config_now(r);
    able = (setting_of(&now, SETTING_UDP4) & SETTING_RX ? 1 : 0) |
           (setting_of(&now, SETTING_UDP6) & SETTING_RX ? 2 : 0);
    for (unsigned i = 0; i < ARRAY_LEN(steps); i++) {
        static const char *const words[] = {"NO_CHANGE", "ON", "OFF"};

        about(r, "step %u: IPv4 %s, IPv6 %s", i + 1, words[steps[i].four], words[steps[i].six]);
        expect_status(r, "status", rig_activate(r, steps[i].four, steps[i].six), ACCEPT_SUCCESS);
        expect_equal(r, "families whose received frames are judged (1: IPv4, 2: IPv6)", active(r),
                     steps[i].active & able);
    }
}

CHECK("ENC-6", enabled_has_three_values)
{
    static const ULONG bad[] = {3, 4, 0x80, 0x100, 0x10000001, 0xffffffff};
    const NDIS_OFFLOAD_ENCAPSULATION *set = open_after_protocol(r);
    unsigned from = r->main.status_count, before;

    if (set) {
        about(r, "the overlying protocol's set");
        expect_between(r, "IPv4.Enabled", set->IPv4.Enabled, 0, 2);
        expect_between(r, "IPv6.Enabled", set->IPv6.Enabled, 0, 2);
    }
    before = active(r);
    for (unsigned i = 0; i < 2 * ARRAY_LEN(bad); i++) {
        NDIS_OFFLOAD_ENCAPSULATION e = rig_encapsulation(KEEP, KEEP);

        *(i & 1 ? &e.IPv6.Enabled : &e.IPv4.Enabled) = bad[i / 2];
        *(i & 1 ? &e.IPv4.Enabled : &e.IPv6.Enabled) = OFF; /* must not happen either */
        about(r, "IPv%u.Enabled 0x%x", i & 1 ? 6 : 4, bad[i / 2]);
        expect_status(r, "status", set_encapsulation(r, &e, BYTES, NULL), FAIL_VAL);
    }
    about(r, "after bad values");
    expect_no_indication(r, from);
    expect_equal(r, "families that are active", active(r), before);
}

CHECK("ENC-7", leftovers_are_not_looked_at)
{
    static const ULONG values[] = {OFF, KEEP};
    const NDIS_OFFLOAD_ENCAPSULATION *set = open_after_protocol(r);

    if (set) {
        about(r, "the overlying protocol's set");
        expect(r,
               set->IPv4.Enabled == ON || (!set->IPv4.EncapsulationType && !set->IPv4.HeaderSize),
               "IPv4 type and header size", "0 unless ON", "0x%x, %u", set->IPv4.EncapsulationType,
               set->IPv4.HeaderSize);
        expect(r,
               set->IPv6.Enabled == ON || (!set->IPv6.EncapsulationType && !set->IPv6.HeaderSize),
               "IPv6 type and header size", "0 unless ON", "0x%x, %u", set->IPv6.EncapsulationType,
               set->IPv6.HeaderSize);
    }
    for (unsigned i = 0; i < 2; i++) {
        NDIS_OFFLOAD_ENCAPSULATION e = one_type(0x7777, 99);

        e.IPv4.Enabled = e.IPv6.Enabled = values[i];
        about(r, "Enabled %u with type 0x7777 and header size 99", values[i]);
        expect_status(r, "status", set_encapsulation(r, &e, BYTES, NULL), ACCEPT_SUCCESS);
        expect_equal(r, "families that are active", active(r), 0);
    }
}

/* Whatever else is off. */
CHECK("ENC-8", one_offload_that_fits_suffices)
{
    open_idle(r);
    need(r, listed(r) & NDIS_ENCAPSULATION_IEEE_802_3, "offload of Ethernet frames");
    for (enum setting keep = 0; keep < SETTINGS; keep++) {
        NDIS_OFFLOAD hardware = config_hardware(r);

        if (!setting_of(&hardware, keep))
            continue;
        for (enum setting s = 0; s < SETTINGS; s++)
            setting_set(r, s, s == keep ? setting_of(&hardware, s) : 0);
        about(r, "only %s is on", setting_info[keep].name);
        expect_status(r, "status", rig_activate(r, ON, ON), ACCEPT_SUCCESS);
    }
}

CHECK("ENC-9", what_nothing_lists_is_refused)
{
    static const ULONG types[] = {NDIS_ENCAPSULATION_NULL, 0x20, 0x40000000};
    unsigned before;

    rig_open(r, NULL);
    need(r, rig_offers(r), "task offload");
    before = active(r);
    for (unsigned i = 0; i < ARRAY_LEN(types); i++) {
        NDIS_OFFLOAD_ENCAPSULATION e = one_type(types[i], HEADER_PLAIN);

        if (listed(r) & types[i])
            continue;
        about(r, "encapsulation type 0x%x", types[i]);
        expect_code(r, "status", set_encapsulation(r, &e, BYTES, NULL),
                    NDIS_STATUS_INVALID_PARAMETER);
        expect_equal(r, "families that are active", active(r), before);
    }
}

CHECK("ENC-10", ethernet_of_14_bytes_is_accepted)
{
    static const ULONG values[][2] = {{ON, ON}, {ON, KEEP}, {KEEP, ON}, {ON, OFF}, {OFF, ON}};

    open_idle(r);
    for (unsigned i = 0; i < ARRAY_LEN(values); i++) {
        about(r, "IPv4.Enabled %u, IPv6.Enabled %u", values[i][0], values[i][1]);
        expect_code(r, "status", rig_activate(r, values[i][0], values[i][1]), NDIS_STATUS_SUCCESS);
    }
}

CHECK("ENC-11", ethernet_covers_tagged_frames)
{
    const NDIS_OFFLOAD_ENCAPSULATION *set = open_after_protocol(r);
    struct ask tagged = {.tag = ask_tag(3, 5)};
    ULONG snap = NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED;
    NDIS_OFFLOAD now = config_now(r);

    about(r, "the overlying protocol's set");
    for (unsigned v = 0; set && v < 2; v++) {
        ULONG enabled = v ? set->IPv6.Enabled : set->IPv4.Enabled,
              type = v ? set->IPv6.EncapsulationType : set->IPv4.EncapsulationType;

        if (enabled == ON)
            expect(r, type == NDIS_ENCAPSULATION_IEEE_802_3 || type == snap, "EncapsulationType",
                   "one base type", "0x%x", type);
    }
    about(r, "after a set for IEEE 802.3");
    expect_status(r, "status", rig_activate(r, ON, ON), ACCEPT_SUCCESS);
    need(r, rig_has_wire(r), "a network card below the driver");
    for (enum setting s = SETTING_TCP4; s <= SETTING_UDP6; s++) {
        ULONG forms = setting_info[s].version == 4 ? now.Checksum.IPv4Transmit.Encapsulation
                                                   : now.Checksum.IPv6Transmit.Encapsulation;

        if (!(setting_of(&now, s) & SETTING_TX) ||
            !(forms & NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q_IN_OOB))
            continue;
        about(r, "%s of a frame with its tag out of band", setting_info[s].name);
        expect_sent_right(r, s, &tagged);
    }
}

/* Sizes of headers that frames have, and some that none has. An accepted one must not make the
 * driver look for headers where they are not. */
CHECK("ENC-12", header_size_is_no_place_to_parse_at)
{
    static const ULONG sizes[] = {HEADER_PLAIN, HEADER_TAGGED, HEADER_SNAP, HEADER_BOTH, 0, 1, 13,
                                  15,           100,           0x10000,     0xffffffff};
    const NDIS_OFFLOAD_ENCAPSULATION *set = open_after_protocol(r);
    NDIS_OFFLOAD now = config_now(r);

    about(r, "the overlying protocol's set");
    if (set && set->IPv4.Enabled == ON)
        expect_equal(r, "IPv4.HeaderSize", set->IPv4.HeaderSize, HEADER_PLAIN);
    if (set && set->IPv6.Enabled == ON)
        expect_equal(r, "IPv6.HeaderSize", set->IPv6.HeaderSize, HEADER_PLAIN);
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        NDIS_OFFLOAD_ENCAPSULATION e = one_type(NDIS_ENCAPSULATION_IEEE_802_3, sizes[i]);
        NDIS_STATUS status = set_encapsulation(r, &e, BYTES, NULL);

        about(r, "HeaderSize %u", sizes[i]);
        expect(r, status == NDIS_STATUS_SUCCESS || status == NDIS_STATUS_INVALID_PARAMETER,
               "status", "success or NDIS_STATUS_INVALID_PARAMETER", "%s", status_name(status));
        if (status != NDIS_STATUS_SUCCESS || !rig_has_wire(r))
            continue;
        for (enum setting s = SETTING_TCP4; s <= SETTING_UDP6; s++) {
            about(r, "%s of a plain frame, HeaderSize %u", setting_info[s].name, sizes[i]);
            if (setting_of(&now, s) & SETTING_RX)
                expect_equal(r, "a right frame is judged right", setting_judges(r, s), true);
            if (setting_of(&now, s) & SETTING_TX)
                expect_sent_right(r, s, NULL);
        }
    }
}

static void expect_snap(struct rig *r)
{
    NDIS_OFFLOAD_ENCAPSULATION e = one_type(NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED, HEADER_SNAP);
    bool offered = listed(r) & NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED;

    about(r, "an adapter that lists %s LLC/SNAP", offered ? "some offload for" : "nothing for");
    expect_code(r, "status", set_encapsulation(r, &e, BYTES, NULL),
                offered ? NDIS_STATUS_SUCCESS : NDIS_STATUS_INVALID_PARAMETER);
}

CHECK("ENC-13", snap_where_it_is_listed)
{
    open_idle(r);
    expect_snap(r);
    if (!rig_has_wire(r))
        return;
    rig_reopen(r, &(struct rig_config){.no_activate = true, .withhold = "ls_snap"});
    expect_snap(r);
}
