/* SPDX-License-Identifier: MIT */
/* Sends that ask for checksums, judged by the slow truth. */
#include "conform/txc.h"

bool txc_lists(const struct rig *r, unsigned version, unsigned proto)
{
    NDIS_OFFLOAD now = rig_offload(r).current;
    ULONG listed;

    if (version == 4) {
        listed = proto == 6 ? now.Checksum.IPv4Transmit.TcpChecksum
                            : now.Checksum.IPv4Transmit.UdpChecksum;
        return listed && now.Checksum.IPv4Transmit.Encapsulation & NDIS_ENCAPSULATION_IEEE_802_3;
    }
    listed =
        proto == 6 ? now.Checksum.IPv6Transmit.TcpChecksum : now.Checksum.IPv6Transmit.UdpChecksum;
    return listed && now.Checksum.IPv6Transmit.Encapsulation & NDIS_ENCAPSULATION_IEEE_802_3;
}

bool txc_lists_ip(const struct rig *r)
{
    NDIS_OFFLOAD now = rig_offload(r).current;

    return now.Checksum.IPv4Transmit.IpChecksum &&
           now.Checksum.IPv4Transmit.Encapsulation & NDIS_ENCAPSULATION_IEEE_802_3;
}

unsigned txc_transport(unsigned proto)
{
    return proto == 6 ? ASK_TCP : ASK_UDP;
}

struct packet *txc_packet(const struct frame_recipe *recipe)
{
    static struct packet k;

    packet_build(&k, recipe);
    packet_unfinish(&k);
    return &k;
}

static void compare(struct rig *r, const struct packet *want, const struct rig_seen *seen,
                    unsigned what)
{
    const struct packet *w = want;
    uint32_t field = w->l4 + (w->proto == 6 ? 16 : 6);

    about_bytes(r, seen->bytes, seen->len, 0, 0);
    if (!expect(r, seen->len >= w->len, "length of the frame", "all of it", "%u of %u bytes",
                seen->len, w->len))
        return;
    if (what & (ASK_TCP | ASK_UDP))
        expect_bytes(r, w->proto == 6 ? "TCP checksum" : "UDP checksum", seen->bytes + field,
                     w->bytes + field, 2);
    if (what & ASK_IP && w->version == 4)
        expect_bytes(r, "IPv4 header checksum", seen->bytes + w->l3 + 10, w->bytes + w->l3 + 10, 2);
}

void txc_try(struct rig *r, const struct packet *unfinished, unsigned what, const struct ask *how)
{
    static struct packet want;
    struct ask a = how ? *how : (struct ask){0};
    struct rig_seen seen[4];
    struct outcome o;
    unsigned n;

    about(r, "IPv%u %s, %u bytes of data, asked for%s%s%s", unfinished->version,
          unfinished->proto == 6 ? "TCP" : "UDP", unfinished->len - unfinished->payload,
          what & ASK_IP ? " IP" : "", what & ASK_TCP ? " TCP" : "", what & ASK_UDP ? " UDP" : "");
    memcpy(&want, unfinished, offsetof(struct packet, bytes) + unfinished->len);
    packet_finish(&want, what);
    a.checksum = ask_checksum(unfinished, what);
    o = packet_send(r, unfinished, &a);
    n = rig_wire_drain(r, seen, ARRAY_LEN(seen));
    if (o.back && expect_code(r, "NBL status", o.status, NDIS_STATUS_SUCCESS) &&
        expect_equal(r, "frames that left", n, 1))
        compare(r, &want, &seen[0], what);
    while (n)
        free(seen[--n].bytes);
    rig_forget(r);
}
