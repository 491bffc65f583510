/* SPDX-License-Identifier: MIT */
/* What stands in the adapter's reports: attribute blocks, query answers, indications. */
#include "conform/large.h"
#include "conform/view.h"

enum {
    FRAMES_KNOWN = NDIS_ENCAPSULATION_NULL | NDIS_ENCAPSULATION_IEEE_802_3 |
                   NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q |
                   NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q_IN_OOB |
                   NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED,
    V1_MAX = 65536
};

typedef void (*look_fn)(struct rig *r, const struct view *v);

static void look_at(struct rig *r, const char *name, const NDIS_OFFLOAD *o, look_fn look)
{
    struct view v;

    about(r, "%s", name);
    about_bytes(r, o, NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1, 0, 0);
    view_of(o, &v);
    look(r, &v);
}

static void switched(struct rig *r, bool on, const char *name, look_fn look)
{
    NDIS_OFFLOAD_PARAMETERS p = view_parameters(view_hardware(), on);
    const struct rig_status *s = view_switch(r, &p);
    NDIS_OFFLOAD o;

    memcpy(&o, s->buffer, NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
    look_at(r, name, &o, look);
}

/* Both blocks, and what is indicated when everything is switched off and on again. */
static void each_report(struct rig *r, look_fn look)
{
    rig_open(r, NULL);
    need(r, view_hardware() && view_default(), "task offload");
    look_at(r, "HardwareOffloadCapabilities", view_hardware(), look);
    look_at(r, "DefaultOffloadConfiguration", view_default(), look);
    switched(r, false, "the configuration after all is switched off", look);
    switched(r, true, "the configuration after all is switched on", look);
}

static bool on(unsigned feature)
{
    return feature == NDIS_OFFLOAD_SUPPORTED;
}

/* ---- What depends on what ------------------------------------------------------------------- */

static const NDIS_OFFLOAD *hardware(struct rig *r)
{
    rig_open(r, NULL);
    need(r, view_hardware() != NULL, "task offload");
    about(r, "HardwareOffloadCapabilities");
    about_bytes(r, view_hardware(), NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1, 0, 0);
    return view_hardware();
}

CHECK("CAP-2", lso1_comes_with_checksums)
{
    const NDIS_OFFLOAD *h = hardware(r);

    need(r, h->LsoV1.IPv4.Encapsulation, "LSOv1");
    expect_equal(r, "Checksum.IPv4Transmit.IpChecksum", h->Checksum.IPv4Transmit.IpChecksum, 1);
    expect_equal(r, "Checksum.IPv4Transmit.TcpChecksum", h->Checksum.IPv4Transmit.TcpChecksum, 1);
}

CHECK("CAP-3", lso2_comes_with_checksums)
{
    const NDIS_OFFLOAD *h = hardware(r);
    const NDIS_TCP_IP_CHECKSUM_OFFLOAD *c = &h->Checksum;

    need(r, h->LsoV2.IPv4.Encapsulation || h->LsoV2.IPv6.Encapsulation, "LSOv2");
    if (h->LsoV2.IPv4.Encapsulation) {
        expect_equal(r, "Checksum.IPv4Transmit.IpChecksum", c->IPv4Transmit.IpChecksum, 1);
        expect_equal(r, "Checksum.IPv4Transmit.TcpChecksum", c->IPv4Transmit.TcpChecksum, 1);
    }
    if (h->LsoV2.IPv6.Encapsulation)
        expect_equal(r, "Checksum.IPv6Transmit.TcpChecksum", c->IPv6Transmit.TcpChecksum, 1);
}

CHECK("CAP-4", large_send_on_while_checksum_is_off)
{
    const NDIS_OFFLOAD *h = hardware(r);
    NDIS_OFFLOAD_PARAMETERS p = view_parameters(h, false), all = view_parameters(h, true);
    const struct rig_status *s;
    NDIS_STATUS status;
    NDIS_OFFLOAD now;

    need(r,
         h->LsoV1.IPv4.Encapsulation || h->LsoV2.IPv4.Encapsulation || h->LsoV2.IPv6.Encapsulation,
         "large send offload");
    p.LsoV1 = all.LsoV1;
    p.LsoV2IPv4 = all.LsoV2IPv4;
    p.LsoV2IPv6 = all.LsoV2IPv6;
    view_switch(r, &all);
    about(r, "every checksum off, large send on");
    s = view_try(r, &p, &status);
    if (!expect_code(r, "status of the set", status, NDIS_STATUS_SUCCESS) || !s)
        return;
    memcpy(&now, s->buffer, NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
    expect_equal(r, "Checksum.IPv4Transmit.TcpChecksum", on(now.Checksum.IPv4Transmit.TcpChecksum),
                 0);
    expect_equal(r, "LsoV1.IPv4 is on", now.LsoV1.IPv4.Encapsulation != 0,
                 h->LsoV1.IPv4.Encapsulation != 0);
    expect_equal(r, "LsoV2.IPv4 is on", now.LsoV2.IPv4.Encapsulation != 0,
                 h->LsoV2.IPv4.Encapsulation != 0);
    expect_equal(r, "LsoV2.IPv6 is on", now.LsoV2.IPv6.Encapsulation != 0,
                 h->LsoV2.IPv6.Encapsulation != 0);
}

/* ---- Families and subsets ------------------------------------------------------------------- */

static void family_off(struct rig *r, bool four)
{
    static const enum view_part_index part4[] = {VIEW_TX4, VIEW_RX4, VIEW_LSO1, VIEW_LSO2_4},
                                      part6[] = {VIEW_TX6, VIEW_RX6, VIEW_LSO2_6};
    const enum view_part_index *parts = four ? part4 : part6;
    NDIS_OFFLOAD_PARAMETERS p = view_parameters(view_hardware(), false),
                            all = view_parameters(view_hardware(), true);
    const struct rig_status *s;
    struct view v;
    NDIS_OFFLOAD now;

    if (four) {
        p.TCPIPv6Checksum = all.TCPIPv6Checksum;
        p.UDPIPv6Checksum = all.UDPIPv6Checksum;
        p.LsoV2IPv6 = all.LsoV2IPv6;
    } else {
        all.TCPIPv6Checksum = p.TCPIPv6Checksum;
        all.UDPIPv6Checksum = p.UDPIPv6Checksum;
        all.LsoV2IPv6 = p.LsoV2IPv6;
        p = all;
    }
    about(r, "all of IPv%u off", four ? 4 : 6);
    s = view_switch(r, &p);
    memcpy(&now, s->buffer, NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
    view_of(&now, &v);
    for (unsigned i = 0; i < (four ? ARRAY_LEN(part4) : ARRAY_LEN(part6)); i++) {
        for (unsigned m = 0; m < v.part[parts[i]].count; m++)
            expect_equal(r, view_name(&v.part[parts[i]], m), v.part[parts[i]].member[m].value, 0);
    }
}

CHECK("CAP-6", a_missing_family_is_all_zero)
{
    hardware(r);
    family_off(r, true);
    family_off(r, false);
}

/* Every subset of the IPv4 transmit checksums that the hardware lists. Large send, which depends on
 * them, is off meanwhile. */
CHECK("CAP-16", any_subset_of_checksums)
{
    const NDIS_OFFLOAD *h = hardware(r);
    NDIS_OFFLOAD_PARAMETERS all = view_parameters(h, true), p;
    const UCHAR off = NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED;
    const struct rig_status *s;
    NDIS_STATUS status;
    NDIS_OFFLOAD now;

    need(r, h->Checksum.IPv4Transmit.Encapsulation, "IPv4 transmit checksums");
    view_switch(r, &all);
    for (unsigned set = 0; set < 8; set++) {
        p = view_parameters(h, false);
        p.IPv4Checksum = set & 1 ? all.IPv4Checksum : MIN_OF(all.IPv4Checksum, off);
        p.TCPIPv4Checksum = set & 2 ? all.TCPIPv4Checksum : MIN_OF(all.TCPIPv4Checksum, off);
        p.UDPIPv4Checksum = set & 4 ? all.UDPIPv4Checksum : MIN_OF(all.UDPIPv4Checksum, off);
        about(r, "IPv4 checksums on:%s%s%s", set & 1 ? " IP" : "", set & 2 ? " TCP" : "",
              set & 4 ? " UDP" : "");
        s = view_try(r, &p, &status);
        if (!expect_code(r, "status of the set", status, NDIS_STATUS_SUCCESS) || !s)
            continue;
        memcpy(&now, s->buffer, NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
        expect_equal(r, "Checksum.IPv4Transmit.IpChecksum is on",
                     on(now.Checksum.IPv4Transmit.IpChecksum),
                     set & 1 && on(h->Checksum.IPv4Transmit.IpChecksum));
        expect_equal(r, "Checksum.IPv4Transmit.TcpChecksum is on",
                     on(now.Checksum.IPv4Transmit.TcpChecksum),
                     set & 2 && on(h->Checksum.IPv4Transmit.TcpChecksum));
        expect_equal(r, "Checksum.IPv4Transmit.UdpChecksum is on",
                     on(now.Checksum.IPv4Transmit.UdpChecksum),
                     set & 4 && on(h->Checksum.IPv4Transmit.UdpChecksum));
    }
}

/* ---- Encapsulation -------------------------------------------------------------------------- */

static void look_ethernet(struct rig *r, const struct view *v)
{
    for (unsigned i = 0; i < VIEW_PARTS; i++) {
        const struct view_part *p = &v->part[i];

        if (view_lists(p))
            expect(r, view_encapsulation(p) & NDIS_ENCAPSULATION_IEEE_802_3, view_name(p, 0),
                   "with NDIS_ENCAPSULATION_IEEE_802_3 (0x2)", "0x%x", view_encapsulation(p));
    }
}

CHECK("CAP-7", ethernet_wherever_something_is_listed)
{
    each_report(r, look_ethernet);
}

/* Sizes and counts of a large send that is off are for CAP-6. */
static void look_nothing(struct rig *r, const struct view *v)
{
    for (unsigned i = 0; i < VIEW_PARTS; i++) {
        const struct view_part *p = &v->part[i];
        bool features = false, large = i == VIEW_LSO1 || i == VIEW_LSO2_4 || i == VIEW_LSO2_6;

        for (unsigned m = 1; m < p->count; m++) {
            features |= p->member[m].kind == VIEW_FEATURE && on(p->member[m].value);
            if (!view_encapsulation(p) && p->member[m].kind != VIEW_NUMBER)
                expect(r, !on(p->member[m].value), view_name(p, m),
                       "not listed, for Encapsulation is 0", "1");
        }
        if (!large && !features)
            expect_equal(r, view_name(p, 0), view_encapsulation(p), 0);
    }
}

CHECK("CAP-8", no_encapsulation_without_a_feature)
{
    each_report(r, look_nothing);
}

static void look_bits(struct rig *r, const struct view *v)
{
    for (unsigned i = 0; i < VIEW_PARTS; i++) {
        const struct view_part *p = &v->part[i];

        expect(r, !(view_encapsulation(p) & ~(uint32_t)FRAMES_KNOWN), view_name(p, 0),
               "bits 0x1, 0x2, 0x4, 0x8, 0x10 only", "0x%x", view_encapsulation(p));
    }
}

CHECK("CAP-9", encapsulation_has_known_bits_only)
{
    each_report(r, look_bits);
}

/* ---- Values --------------------------------------------------------------------------------- */

/* 2 is "off" where something is switched (NDIS_OFFLOAD_SET_OFF); nothing is 3. */
static unsigned most;

static void look_values(struct rig *r, const struct view *v)
{
    for (unsigned i = 0; i < VIEW_PARTS; i++) {
        for (unsigned m = 1; m < v->part[i].count; m++) {
            if (v->part[i].member[m].kind == VIEW_NUMBER)
                continue;
            expect_between(r, view_name(&v->part[i], m), v->part[i].member[m].value, 0, most);
            advise(r, v->part[i].member[m].value <= 1, view_name(&v->part[i], m), "0 or 1", "2");
        }
    }
}

/* NDIS as a reader, with an indication in the driver's name. */
static void off_as_2(struct rig *r)
{
    NDIS_OFFLOAD o = rig_offload(r).current, answer;

    o.Checksum.IPv4Transmit.TcpOptionsSupported = NDIS_OFFLOAD_SET_OFF;
    view_indicate(r, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &o);
    memset(&answer, 0, sizeof answer);
    rig_query(r, OID_TCP_OFFLOAD_CURRENT_CONFIG, &answer, sizeof answer, NULL);
    about(r, "query after TcpOptionsSupported was indicated as NDIS_OFFLOAD_SET_OFF (2)");
    expect_between(r, "Checksum.IPv4Transmit.TcpOptionsSupported",
                   answer.Checksum.IPv4Transmit.TcpOptionsSupported, 0, 1);
}

CHECK("CAP-17", two_bit_fields_are_0_or_1)
{
    NDIS_OFFLOAD answer;

    hardware(r);
    need(r, view_default() != NULL, "task offload");
    most = 1;
    look_at(r, "HardwareOffloadCapabilities", view_hardware(), look_values);
    look_at(r, "DefaultOffloadConfiguration", view_default(), look_values);
    memset(&answer, 0, sizeof answer);
    rig_query(r, OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, &answer, sizeof answer, NULL);
    look_at(r, "answer of OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES", &answer, look_values);
    most = 2;
    switched(r, false, "the configuration after all is switched off", look_values);
    switched(r, true, "the configuration after all is switched on", look_values);
    off_as_2(r);
}

CHECK("CAP-18", lso1_size_is_up_to_64k)
{
    const NDIS_OFFLOAD *h = hardware(r);

    need(r, h->LsoV1.IPv4.Encapsulation, "LSOv1");
    expect_between(r, "LsoV1.IPv4.MaxOffLoadSize", h->LsoV1.IPv4.MaxOffLoadSize, 1, V1_MAX);
    if (view_default() && view_default()->LsoV1.IPv4.Encapsulation)
        expect_between(r, "LsoV1.IPv4.MaxOffLoadSize, switched on",
                       view_default()->LsoV1.IPv4.MaxOffLoadSize, 1, V1_MAX);
}

CHECK("CAP-23", lso2_with_lso1_to_fall_back_on)
{
    const NDIS_OFFLOAD *h = hardware(r);

    need(r, h->LsoV2.IPv4.Encapsulation, "LSOv2 for IPv4");
    advise(r, h->LsoV1.IPv4.Encapsulation, "LsoV1.IPv4", "listed beside LsoV2.IPv4",
           "Encapsulation 0");
}
