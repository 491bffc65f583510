/* SPDX-License-Identifier: MIT */
/* Frames and sends of which no requirement says all: what vionet makes of those that nobody should
 * send, of version 1 in more than one buffer; what its statistics say of them. */
#include "test_rig.h"

#include "conform/gen.h"
#include "conform/verdict.h"

enum { ROW = 5 };

static struct packet k;

/* ---- Nobody should send --------------------------------------------------------------------- */

/* Not even an Ethernet header. Completed once, and nothing leaves (SEC-5). */
RIG_TEST("SEC-5", runts_are_failed_and_do_not_leave)
{
    uint8_t bytes[14] = {0x02};

    rig_open(r, NULL);
    for (uint32_t len = 1; len < sizeof bytes; len++)
        rig_send(r, rig_nbl(r, bytes, len, NULL, 0), 1);
    for (unsigned i = 0; i + 1 < sizeof bytes; i++)
        expect_status(r, "NBL status", r->main.completed[i].status, FAIL_SEND);
    expect_silence(r);
    gen_traffic(r, ROW);
}

/* What is longer than the MTU and a tag is not indicated, and does no harm. */
RIG_TEST("SEC-4", frames_that_are_too_long_are_not_indicated)
{
    static const uint16_t mtus[] = {1500, 9000};

    rig_open(r, NULL);
    for (unsigned i = 0; i < COUNT(mtus); i++) {
        const struct rig_received *d;

        rig_reopen(r, &(struct rig_config){.mtu = mtus[i]});
        about(r, "MTU %u", mtus[i]);
        for (uint32_t payload = mtus[i] - 60u; payload <= mtus[i] - 28u; payload++) {
            memcpy(&k, gen_packet_in(r, ROW, 1, payload), sizeof k);
            d = rig_arrive(r, k.bytes, k.len);
            if (expect(r, d && d->len == k.len, "a frame", "indicated whole", "it is not"))
                expect_bytes(r, "the frame", d->data, k.bytes, k.len);
        }
        rig_forget(r);
        rig_wire_write(r, k.bytes, mtus[i] + 14u + 5u);
        d = rig_arrive(r, gen_packet_in(r, ROW, 2, 100)->bytes, 142);
        expect_equal(r, "bytes of the next frame indicated", d ? d->len : 0, 142);
        rig_forget(r);
        gen_traffic(r, ROW);
    }
}

/* A walk along headers ends: with more of them than any sender has use for, the frame is neither
 * judged nor offloaded, and everything else goes on. */
RIG_TEST("SEC-9", a_long_chain_of_headers_ends_the_work)
{
    uint8_t chain[248];

    rig_open(r, NULL);
    for (unsigned at = 0; at < sizeof chain; at += 8)
        memcpy(chain + at, (const uint8_t[]){60, 0, 1, 4, 0, 0, 0, 0}, 8);
    for (unsigned i = 0; i < 2000; i++) {
        struct frame_recipe f = packet_recipe_in(r, 6, i % 2 ? 17 : 6, 64);

        f.ip_options = chain;
        f.ip_options_proto = 60;
        f.ip_options_len = sizeof chain;
        packet_build(&k, &f);
        expect_slot(r, verdict_slot(r, k.bytes, k.len), SLOT_TRANSPORT, 0);
    }
    packet_unfinish(&k);
    expect_failed(r, &k, &(struct ask){.checksum = ask_checksum(&k, ASK_UDP)});
    expect_slot(r, verdict_plain(r, VERDICT_UDP6), SLOT_TRANSPORT, SLOT_UDP_OK);
}

/* ---- Verdicts on headers alone -------------------------------------------------------------- */

/* What has no transport verdict keeps its header's, on a card that gives one (RXC-11, 14). */
RIG_TEST("RXC-10", header_verdict_alone)
{
    static const enum verdict_kind kinds[] = {VERDICT_TCP4, VERDICT_UDP4};
    unsigned good, bad;

    rig_open(r, NULL);
    good = verdict_ip_listed(r) ? SLOT_IP_OK : 0;
    bad = verdict_ip_listed(r) ? SLOT_IP_BAD : 0;
    expect_equal(r, "the header's verdict is listed", good != 0, !r->suite->withhold);
    for (unsigned i = 0; i < COUNT(kinds); i++) {
        struct frame_recipe f = verdict_recipe(r, kinds[i], 200);

        packet_build(&k, &f);
        naive_put(k.bytes + k.l3 + 6, 2, 0x2000);
        packet_finish(&k, ASK_IP);
        about(r, "a fragment of %s", verdict_kind_name(kinds[i]));
        expect_equal(r, "slot", verdict_slot(r, k.bytes, k.len), good);
        k.bytes[k.l3 + 8]++;
        expect_equal(r, "slot, header wrong", verdict_slot(r, k.bytes, k.len), bad);
        f.ip_options = ip4_options_40;
        f.ip_options_len = 40;
        packet_build(&k, &f);
        about(r, "%s with IPv4 options", verdict_kind_name(kinds[i]));
        expect_equal(r, "slot", verdict_slot(r, k.bytes, k.len),
                     good ? good | verdict_ok(kinds[i]) : 0);
        k.bytes[k.len - 1]++;
        expect_equal(r, "slot, payload wrong", verdict_slot(r, k.bytes, k.len),
                     good ? good | verdict_bad(kinds[i]) : 0);
    }
    verdict_build(r, &k, VERDICT_UDP4, 99);
    naive_put(packet_checksum_field(&k), 2, 0);
    about(r, "UDP over IPv4 without checksum");
    expect_equal(r, "slot", verdict_slot(r, k.bytes, k.len), good);
}

/* ---- Tunnels -------------------------------------------------------------------------------- */

/* IP in IP: an outer header like the packet's own before it. */
static void wrap(void)
{
    memmove(k.bytes + ETH_LEN + 20, k.bytes + ETH_LEN, k.len - ETH_LEN);
    k.len += 20;
    k.l4 += 20;
    k.payload += 20;
    k.bytes[ETH_LEN + 9] = 4;
}

RIG_TEST("LSO1-28", udp_and_tunnels_are_no_large_sends)
{
    struct frame_recipe f;

    rig_open(r, NULL);
    for (unsigned version = 4; version <= 6; version += 2) {
        f = packet_recipe(r, version, 17, 1400);
        packet_build(&k, &f);
        expect_refused(r, &k, version == 4 ? LARGE_V2_IP4 : LARGE_V2_IP6, 500);
    }
    f = large_recipe(r, LARGE_V2_IP4, 3000);
    large_build(&k, LARGE_V2_IP4, &f);
    wrap();
    expect_refused(r, &k, LARGE_V2_IP4, 1000);
}

/* ---- Large sends beyond ---------------------------------------------------------------------- */

/* No frame on the wire is ever longer than the link takes. */
RIG_TEST("LSO1-39", mss_beyond_the_link)
{
    static const uint32_t segments[] = {1461, 1481, 4000, 0xffff, 0x10000, 0x105b4, 0xfffff};

    rig_open(r, NULL);
    for (enum large_kind kind = LARGE_V1; kind < LARGE_KINDS; kind++) {
        struct frame_recipe f = large_recipe(r, kind, 5000);

        large_build(&k, kind, &f);
        for (unsigned i = 0; i < COUNT(segments); i++) {
            about(r, "%s, MSS %u", large_name(kind), segments[i]);
            expect_refused(r, &k, kind, segments[i]);
        }
    }
}

/* Right, or refused. */
RIG_TEST("LSO1-26", more_than_the_largest_size)
{
    static const uint32_t more[] = {1, 100, 121, 1000};

    rig_open(r, NULL);
    for (unsigned i = 0; i < 2 * COUNT(more); i++) {
        enum large_kind kind = i % 2 ? LARGE_V2_IP6 : LARGE_V2_IP4;
        struct frame_recipe f = large_recipe(r, kind, large_max(r, kind) + more[i / 2]);
        struct outcome o;

        about(r, "%s, %u bytes", large_name(kind), f.payload_len);
        large_build(&k, kind, &f);
        o = send_one(r, &k, &(struct ask){.lso = large_ask(&k, kind, 1400)});
        expect_equal(r, "large send slot", o.lso, large_slot(&k, kind, true));
        if (o.status == NDIS_STATUS_SUCCESS)
            expect_segments(r, &k, kind, 1400, 0);
        else
            expect_status(r, "NBL status", o.status, FAIL_SEND);
        expect_silence(r);
    }
}

/* D-5: the data must be as long as the IPv4 header says. */
RIG_TEST("LSO1-21", version_1_with_a_length_that_is_not_the_datas)
{
    struct frame_recipe f;

    rig_open(r, NULL);
    f = large_recipe(r, LARGE_V1, 5000);
    for (unsigned i = 0; i < 4; i++) {
        large_build(&k, LARGE_V1, &f);
        naive_put(k.bytes + k.l3 + 2, 2,
                  (uint32_t[]){0, 20, k.len - k.l3 - 1, k.len - k.l3 + 1}[i]);
        expect_refused(r, &k, LARGE_V1, 1000);
    }
    large_build(&k, LARGE_V1, &f);
    expect_large(r, &k, LARGE_V1, 1000, NULL);
}

/* Both in one NBL; its completion. bad: which of them is no TCP; 2: none. */
static struct rig_completed send_two(struct rig *r, const struct packet *two, unsigned bad)
{
    static struct packet spoilt;
    NET_BUFFER_LIST *nbl;

    memcpy(&spoilt, &two[bad % 2], sizeof spoilt);
    spoilt.bytes[spoilt.l3 + 9] = bad < 2 ? 17 : 6;
    nbl = packet_nbl(r, bad == 0 ? &spoilt : &two[0],
                     &(struct ask){.lso = large_ask(&two[0], LARGE_V1, 1000)});
    rig_add_nb(r, nbl, bad == 1 ? spoilt.bytes : two[1].bytes, two[1].len);
    rig_forget(r);
    rig_send(r, nbl, 1);
    return r->main.completed[0];
}

/* D-31: each buffer is a packet of its own; what is counted are all that were sent (LSO1-30, 31).
 */
RIG_TEST("LSO1-33", version_1_in_two_net_buffers)
{
    static struct packet two[2];
    struct rig_completed c;

    rig_open(r, NULL);
    for (unsigned i = 0; i < 2; i++) {
        struct frame_recipe f = large_recipe(r, LARGE_V1, i ? 2500 : 3001);

        f.seq = i * 77;
        large_build(&two[i], LARGE_V1, &f);
    }
    for (unsigned bad = 0; bad < 3; bad++) {
        about(r, "two NET_BUFFERs, number %u is no TCP (3: none)", bad + 1);
        c = send_two(r, two, bad);
        if (bad == 2)
            expect_code(r, "NBL status", c.status, NDIS_STATUS_SUCCESS);
        else
            expect_status(r, "NBL status", c.status, FAIL_SEND);
        expect_equal(r, "bytes sent", c.lso, (bad == 0 ? 0 : 3001u) + (bad == 1 ? 0 : 2500u));
        if (bad != 0)
            expect_segments(r, &two[0], LARGE_V1, 1000, 0);
        if (bad != 1)
            expect_segments(r, &two[1], LARGE_V1, 1000, 0);
        expect_silence(r);
    }
}

/* ---- Statistics ----------------------------------------------------------------------------- */

static ULONG64 count_of(struct rig *r, NDIS_OID oid)
{
    ULONG64 v = 0;

    expect_code(r, "query", rig_query(r, oid, &v, sizeof v, NULL), NDIS_STATUS_SUCCESS);
    return v;
}

/* A send that fails counts as an error, and as nothing else. */
RIG_TEST("GEN-42", failures_count_as_errors)
{
    rig_open(r, NULL);
    rig_send(r, gen_nbl(r, ROW, 0, 100), 1);
    expect_equal(r, "OID_GEN_XMIT_ERROR", count_of(r, OID_GEN_XMIT_ERROR), 0);
    rig_send(r, gen_nbl(r, ROW, 0, 1473), 1);
    expect_equal(r, "OID_GEN_XMIT_ERROR", count_of(r, OID_GEN_XMIT_ERROR), 1);
    expect_equal(r, "OID_GEN_XMIT_OK", count_of(r, OID_GEN_XMIT_OK), 1);
    expect_equal(r, "OID_GEN_RCV_ERROR", count_of(r, OID_GEN_RCV_ERROR), 0);
    expect_equal(r, "OID_GEN_RCV_NO_BUFFER", count_of(r, OID_GEN_RCV_NO_BUFFER), 0);
}

int main(void)
{
    const struct rig_test *const tests[] = {
        &runts_are_failed_and_do_not_leave,
        &frames_that_are_too_long_are_not_indicated,
        &a_long_chain_of_headers_ends_the_work,
        &header_verdict_alone,
        &udp_and_tunnels_are_no_large_sends,
        &mss_beyond_the_link,
        &more_than_the_largest_size,
        &version_1_with_a_length_that_is_not_the_datas,
        &version_1_in_two_net_buffers,
        &failures_count_as_errors,
    };

    return rig_tests(tests, COUNT(tests), RIG_BOTH_CARDS);
}
