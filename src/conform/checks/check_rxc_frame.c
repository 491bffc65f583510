/* SPDX-License-Identifier: MIT */
/* Receive checksums: frames that are not plain, and the frame itself. */
#include "conform/verdict.h"

static struct packet k;

static unsigned slot_of(struct rig *r)
{
    return verdict_slot(r, k.bytes, k.len);
}

/* ---- Fragments, and UDP without ------------------------------------------------------------- */

static void fragments4(struct rig *r, enum verdict_kind kind)
{
    static const uint16_t words[] = {0x2000, 0x2001, 0x0001, 0x1fff, 0x3fff, 0x00b9};

    for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
        verdict_build(r, &k, kind, 200);
        naive_put(k.bytes + k.l3 + 6, 2, words[i]);
        packet_finish(&k, ASK_IP);
        about(r, "%s, fragment, flags and offset 0x%04x", verdict_kind_name(kind), words[i]);
        expect_slot(r, slot_of(r), SLOT_TRANSPORT, 0);
    }
}

static void fragments6(struct rig *r, enum verdict_kind kind)
{
    static const uint16_t words[] = {0x0001, 0x0008, 0x0009, 0xfff8};

    for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
        uint8_t header[8] = {0, 0, (uint8_t)(words[i] >> 8), (uint8_t)words[i], 1, 2, 3, 4};
        struct frame_recipe recipe = verdict_recipe(r, kind, 200);

        recipe.ip_options = header;
        recipe.ip_options_len = sizeof header;
        recipe.ip_options_proto = 44;
        packet_build(&k, &recipe);
        about(r, "%s, fragment header with offset and M 0x%04x", verdict_kind_name(kind), words[i]);
        expect_slot(r, slot_of(r), SLOT_TRANSPORT, 0);
    }
}

CHECK("RXC-10", fragments)
{
    rig_open(r, NULL);
    VERDICT_EACH(r, kind)
    {
        if (verdict_version(kind) == 4)
            fragments4(r, kind);
        else
            fragments6(r, kind);
    }
}

static unsigned udp_without(struct rig *r, enum verdict_kind kind)
{
    need(r, verdict_listed(r, kind), "receive checksum of %s", verdict_kind_name(kind));
    need(r, rig_has_wire(r), "a network card below the driver");
    verdict_build(r, &k, kind, 99);
    naive_put(packet_checksum_field(&k), 2, 0);
    about(r, "%s, checksum field 0", verdict_kind_name(kind));
    return slot_of(r);
}

CHECK("RXC-11", ip4_udp_without)
{
    rig_open(r, NULL);
    expect_slot(r, udp_without(r, VERDICT_UDP4), SLOT_UDP_BAD, 0);
}

CHECK("RXC-12", ip6_udp_without)
{
    rig_open(r, NULL);
    expect_slot(r, udp_without(r, VERDICT_UDP6), SLOT_UDP_OK, 0);
}

/* ---- Options, padding ----------------------------------------------------------------------- */

/* Right: as a plain one where it is reported, else nothing. Wrong: never good. feature: two bits;
 * what they must not read is CAP-17. */
static void expect_options(struct rig *r, enum verdict_kind kind, ULONG feature, const char *what)
{
    unsigned plain = verdict_plain(r, kind);
    bool reported = feature == NDIS_OFFLOAD_SUPPORTED;

    if (feature > NDIS_OFFLOAD_SET_OFF)
        return;
    about(r, "%s with %s, %sreported", verdict_kind_name(kind), what, reported ? "" : "not ");
    expect_slot(r, slot_of(r), SLOT_TRANSPORT, reported ? plain : 0);
    k.bytes[k.len - 1] ^= 1;
    about(r, "%s with %s, payload wrong", verdict_kind_name(kind), what);
    expect_slot(r, slot_of(r), verdict_ok(kind), 0);
}

static void ip_options(struct rig *r, enum verdict_kind kind, const uint8_t *bytes, uint8_t len)
{
    NDIS_OFFLOAD now = rig_offload(r).current;
    struct frame_recipe recipe = verdict_recipe(r, kind, 345);
    bool four = verdict_version(kind) == 4;

    recipe.ip_options = bytes;
    recipe.ip_options_len = len;
    packet_build(&k, &recipe);
    expect_options(r, kind,
                   four ? now.Checksum.IPv4Receive.IpOptionsSupported
                        : now.Checksum.IPv6Receive.IpExtensionHeadersSupported,
                   four ? "IPv4 options" : "IPv6 extension headers");
}

static void tcp_options(struct rig *r, enum verdict_kind kind)
{
    NDIS_OFFLOAD now = rig_offload(r).current;
    struct frame_recipe recipe = verdict_recipe(r, kind, 345);

    recipe.tcp_options = tcp_options_40;
    recipe.tcp_options_len = sizeof tcp_options_40;
    packet_build(&k, &recipe);
    expect_options(r, kind,
                   verdict_version(kind) == 4 ? now.Checksum.IPv4Receive.TcpOptionsSupported
                                              : now.Checksum.IPv6Receive.TcpOptionsSupported,
                   "TCP options");
}

CHECK("RXC-14", options)
{
    rig_open(r, NULL);
    VERDICT_EACH(r, kind)
    {
        if (verdict_version(kind) == 4) {
            ip_options(r, kind, ip4_options_4, sizeof ip4_options_4);
            ip_options(r, kind, ip4_options_40, sizeof ip4_options_40);
        } else {
            ip_options(r, kind, ip6_extension_8, sizeof ip6_extension_8);
            ip_options(r, kind, ip6_extension_48, sizeof ip6_extension_48);
        }
        if (verdict_proto(kind) == 6)
            tcp_options(r, kind);
    }
}

CHECK("RXC-15", padding)
{
    rig_open(r, NULL);
    VERDICT_EACH(r, kind)
    {
        unsigned plain = verdict_plain(r, kind);

        for (uint32_t payload = 0; payload <= 40; payload++) {
            verdict_build(r, &k, kind, payload);
            memset(k.bytes + k.len, payload % 2 ? 0xa7 : 0, SHORTEST);
            k.len = k.len < SHORTEST ? SHORTEST : k.len + payload % 7;
            about(r, "%s, %u bytes of payload in a frame of %u, padding of %s",
                  verdict_kind_name(kind), payload, k.len, payload % 2 ? "0xa7" : "zeroes");
            expect_slot(r, slot_of(r), SLOT_OK | SLOT_BAD, plain);
        }
    }
}

/* ---- Tags, LLC/SNAP ------------------------------------------------------------------------- */

enum { TAG = 4, ADDRESSES = 12, TCI = 0x6abc };

/* The tag is in its slot or in the data, not in both and not lost. */
static void expect_tag(struct rig *r, const struct rig_received *got)
{
    bool data = got->len >= ADDRESSES + TAG && naive_get(got->data + ADDRESSES, 2) == 0x8100;
    bool slot = got->oob[Ieee8021QNetBufferListInfo] != 0;

    expect(r, data != slot, "the tag", "in the data or in its slot",
           data ? "in both" : "in neither");
}

CHECK("RXC-20", tagged)
{
    const ULONG flags =
        NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q | NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q_IN_OOB;
    static uint8_t frame[2000];

    rig_open(r, NULL);
    VERDICT_EACH(r, kind)
    {
        unsigned plain = verdict_plain(r, kind);
        const struct rig_received *got;

        verdict_build(r, &k, kind, 333);
        memcpy(frame, k.bytes, ADDRESSES);
        naive_put(frame + ADDRESSES, 2, 0x8100);
        naive_put(frame + ADDRESSES + 2, 2, TCI);
        memcpy(frame + ADDRESSES + TAG, k.bytes + ADDRESSES, k.len - ADDRESSES);
        about(r, "%s with tag 0x%04x", verdict_kind_name(kind), TCI);
        got = verdict_arrive(r, frame, k.len + TAG);
        about_bytes(r, frame, k.len + TAG, ADDRESSES, TAG);
        if (!got)
            continue;
        expect_slot(r, (unsigned)got->oob[TcpIpChecksumNetBufferListInfo], SLOT_OK | SLOT_BAD,
                    verdict_encapsulation(r, kind) & flags ? plain : 0);
        expect_tag(r, got);
    }
}

CHECK("RXC-21", llc_snap)
{
    rig_open(r, NULL);
    VERDICT_EACH(r, kind)
    {
        unsigned plain = verdict_plain(r, kind);
        struct frame_recipe recipe = verdict_recipe(r, kind, 500);
        bool listed = verdict_encapsulation(r, kind) & NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED;

        recipe.snap = true;
        packet_build(&k, &recipe);
        about(r, "%s behind LLC/SNAP, %sreported", verdict_kind_name(kind), listed ? "" : "not ");
        expect_slot(r, slot_of(r), SLOT_OK | SLOT_BAD, listed ? plain : 0);
    }
}
