/* SPDX-License-Identifier: MIT */
/* Keywords of sizes: how long a frame is, how many buffers there are. */
#include "conform/keyword.h"
#include "conform/large.h"

#include <stdlib.h>
#include <virtio/net.h>

enum { ETHERNET = 1514, JUMBO = 9014, CARD = 9000, HEADERS = 14 };

static ULONG frame_limit(struct rig *r, const char *value)
{
    rig_halt(r);
    keyword_set(r, "*JumboPacket", value);
    rig_start(r);
    return watch_attributes()->general.MtuSize;
}

/* The longest frame of a large send with as large an MSS as the limit allows. */
static void expect_frames(struct rig *r, ULONG mtu)
{
    static struct packet k;
    static struct cut c;
    uint32_t mss = mtu - 40;

    if (!large_advertised(r, LARGE_V2_IP4) || !rig_has_wire(r) ||
        !large_simple(r, LARGE_V2_IP4, mss * 2 + 1, mss, &k, &c))
        return;
    for (unsigned i = 0; i < c.count; i++) {
        about_frame(r, &c.field[i], i, c.count);
        expect_between(r, "frame length", c.seen[i].len, 1, mtu + HEADERS);
    }
    expect_equal(r, "frames with an MSS that fills them", c.count, 3);
}

CHECK("KEY-27", jumbo_packet)
{
    char text[16];
    ULONG small, large;

    rig_open(r, &(struct rig_config){.mtu = CARD});
    small = frame_limit(r, "1514");
    need(r, watch_read_keyword("*JumboPacket"), "*JumboPacket, which the driver does not read");
    about(r, "*JumboPacket in the .inf");
    if (keyword_inf_default(r, "*JumboPacket", text, sizeof text))
        expect(r, strcmp(text, "1514") == 0, "Default", "1514", "\"%s\"", text);
    about(r, "*JumboPacket = 1514");
    expect_equal(r, "MtuSize", small, ETHERNET - HEADERS);
    expect_frames(r, small);
    need(r, rig_card_offers(r, VIRTIO_NET_F_MTU), "a card that says how long its frames may be");
    large = frame_limit(r, "9014");
    about(r, "*JumboPacket = 9014");
    expect_between(r, "MtuSize", large, small + 1, JUMBO - HEADERS);
    expect_frames(r, large);
    about(r, "*JumboPacket = 100");
    expect_between(r, "MtuSize", frame_limit(r, "100"), ETHERNET - HEADERS, CARD);
}

/* ---- Buffers -------------------------------------------------------------------------------- */

static void try_send(struct rig *r, unsigned n)
{
    static struct packet k;
    struct frame_recipe recipe = packet_recipe(r, n & 1 ? 6 : 4, 17, 200 + n);
    struct outcome o;

    packet_build(&k, &recipe);
    o = packet_send(r, &k, NULL);
    expect_code(r, "status of a send", o.status, NDIS_STATUS_SUCCESS);
}

static void try_receive(struct rig *r, unsigned n)
{
    static struct packet k;
    struct frame_recipe recipe = packet_recipe_in(r, n & 1 ? 6 : 4, 17, 200 + n);
    const struct rig_received *got;

    packet_build(&k, &recipe);
    got = rig_arrive(r, k.bytes, k.len);
    if (expect(r, got && got->len == k.len, "a frame that arrives", "indicated", "not indicated"))
        expect_bytes(r, "received", got->data, k.bytes, k.len);
}

static void try_all(struct rig *r)
{
    static struct rig_seen seen[64];
    static struct packet k;
    static struct cut c;

    for (unsigned n = 0; n < 20; n++) {
        try_send(r, n);
        if (rig_has_wire(r))
            try_receive(r, n);
    }
    if (!rig_has_wire(r))
        return;
    expect_equal(r, "frames of 20 sends", rig_wire_drain(r, seen, ARRAY_LEN(seen)), 20);
    for (enum large_kind kind = LARGE_V1; kind < LARGE_KINDS; kind++) {
        if (large_advertised(r, kind) && large_simple(r, kind, 8001, 1000, &k, &c))
            expect_equal(r, "frames of a large send", c.count, 9);
    }
}

CHECK("KEY-28", fewest_buffers)
{
    static const char *const rows[][2] = {{"1", "0"}, {"1", "1"}, {"2", "2"}};

    rig_open(r, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        rig_halt(r);
        keyword_set(r, "*ReceiveBuffers", rows[i][0]);
        keyword_set(r, "*TransmitBuffers", rows[i][1]);
        about(r, "*ReceiveBuffers = %s, *TransmitBuffers = %s", rows[i][0], rows[i][1]);
        rig_start(r);
        about(r, "*ReceiveBuffers = %s, *TransmitBuffers = %s", rows[i][0], rows[i][1]);
        try_all(r);
    }
}
