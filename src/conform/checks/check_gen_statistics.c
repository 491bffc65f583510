/* SPDX-License-Identifier: MIT */
/* What the statistics say, and what the wire and the ledger counted. */
#include "conform/gen.h"
#include "conform/watch.h"

static const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 1},
                     all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/* What the wire and the ledger counted since `began`. */
struct counts {
    ULONG64 out[3], in[3], out_bytes, in_bytes; /* unicast, multicast, broadcast */
};

static void expect_counter(struct rig *r, NDIS_OID oid, const char *name, ULONG64 before,
                           ULONG64 more)
{
    ULONG64 v = 0;
    ULONG low = 0, bytes;

    about(r, "%s", name);
    if (!watch_lists_oid(oid))
        return;
    expect_code(r, "query of 8 bytes", rig_query(r, oid, &v, sizeof v, &bytes),
                NDIS_STATUS_SUCCESS);
    expect_equal(r, "counter", bytes == 4 ? (ULONG)v : v, before + more);
    expect_code(r, "query of 4 bytes", rig_query(r, oid, &low, sizeof low, &bytes),
                NDIS_STATUS_SUCCESS);
    expect_equal(r, "BytesWritten", bytes, 4);
    expect_equal(r, "counter in 4 bytes", low, (ULONG)(before + more));
}

static ULONG64 count_of(struct rig *r, NDIS_OID oid)
{
    ULONG64 v = 0;

    rig_query(r, oid, &v, sizeof v, NULL);
    return v;
}

static void send_to(struct rig *r, const uint8_t to[6], unsigned cast, struct counts *c)
{
    static uint8_t frame[RIG_FRAME];
    const struct packet *k = gen_packet(r, 42, cast, 100 + cast);

    memcpy(frame, k->bytes, k->len);
    memcpy(frame, to, 6);
    rig_send(r, rig_nbl(r, frame, k->len, NULL, 0), 1);
    c->out[cast]++;
    c->out_bytes += k->len;
}

static void arrive_for(struct rig *r, const uint8_t to[6], unsigned cast, struct counts *c)
{
    static uint8_t frame[RIG_FRAME];
    const struct packet *k = gen_packet_in(r, 42, cast, 100 + cast);

    memcpy(frame, k->bytes, k->len);
    memcpy(frame, to, 6);
    if (!rig_arrive(r, frame, k->len))
        cannot(r, "a frame did not arrive");
    c->in[cast]++;
    c->in_bytes += k->len;
}

static void expect_statistics(struct rig *r, const NDIS_STATISTICS_INFO *was,
                              const struct counts *c)
{
    NDIS_STATISTICS_INFO s;

    memset(&s, 0, sizeof s);
    about(r, "OID_GEN_STATISTICS");
    if (!expect_code(r, "query", rig_query(r, OID_GEN_STATISTICS, &s, sizeof s, NULL),
                     NDIS_STATUS_SUCCESS))
        return;
    expect_equal(r, "ifHCOutUcastPkts", s.ifHCOutUcastPkts, was->ifHCOutUcastPkts + c->out[0]);
    expect_equal(r, "ifHCOutMulticastPkts", s.ifHCOutMulticastPkts,
                 was->ifHCOutMulticastPkts + c->out[1]);
    expect_equal(r, "ifHCOutBroadcastPkts", s.ifHCOutBroadcastPkts,
                 was->ifHCOutBroadcastPkts + c->out[2]);
    expect_equal(r, "ifHCInUcastPkts", s.ifHCInUcastPkts, was->ifHCInUcastPkts + c->in[0]);
    expect_equal(r, "ifHCInMulticastPkts", s.ifHCInMulticastPkts,
                 was->ifHCInMulticastPkts + c->in[1]);
    expect_equal(r, "ifHCInBroadcastPkts", s.ifHCInBroadcastPkts,
                 was->ifHCInBroadcastPkts + c->in[2]);
    expect_equal(r, "ifHCOutOctets", s.ifHCOutOctets, was->ifHCOutOctets + c->out_bytes);
    expect_equal(r, "ifHCInOctets", s.ifHCInOctets, was->ifHCInOctets + c->in_bytes);
}

CHECK("GEN-42", statistics_agree_with_the_wire)
{
    NDIS_STATISTICS_INFO was;
    struct counts c = {{0}, {0}, 0, 0};
    ULONG64 sent, received;

    rig_open(r, NULL);
    rig_need_wire(r);
    memset(&was, 0, sizeof was);
    need(r, rig_query(r, OID_GEN_STATISTICS, &was, sizeof was, NULL) == NDIS_STATUS_SUCCESS,
         "OID_GEN_STATISTICS");
    sent = count_of(r, OID_GEN_XMIT_OK);
    received = count_of(r, OID_GEN_RCV_OK);
    for (unsigned i = 0; i < 7; i++)
        send_to(r, r->peer, 0, &c);
    for (unsigned i = 0; i < 5; i++)
        send_to(r, group, 1, &c);
    for (unsigned i = 0; i < 3; i++)
        send_to(r, all, 2, &c);
    for (unsigned i = 0; i < 6; i++)
        arrive_for(r, r->mac, 0, &c);
    for (unsigned i = 0; i < 4; i++)
        arrive_for(r, group, 1, &c);
    for (unsigned i = 0; i < 2; i++)
        arrive_for(r, all, 2, &c);
    expect_counter(r, OID_GEN_XMIT_OK, "OID_GEN_XMIT_OK", sent, 15);
    expect_counter(r, OID_GEN_RCV_OK, "OID_GEN_RCV_OK", received, 12);
    expect_statistics(r, &was, &c);
}
