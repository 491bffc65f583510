/* SPDX-License-Identifier: MIT */
/* Sends that ask for what is not advertised, or whose lengths lie. Their memory ends where nothing
 * may be read. */
#include "conform/guard.h"
#include "conform/large.h"

#include <time.h>

static const unsigned versions[] = {4, 6}, protocols[] = {6, 17};

/* ---- SEC-5 ---------------------------------------------------------------------------------- */

/* Failed, or on the wire as it was handed down. */
static void expect_failed_or_as_is(struct rig *r, const struct packet *k, const struct ask *a)
{
    struct rig_seen seen[8];
    struct outcome o = guard_send(r, k->bytes, k->len, a);
    unsigned n = rig_wire_drain(r, seen, 8);

    if (!o.back)
        return;
    if (o.status != NDIS_STATUS_SUCCESS) {
        expect_status(r, "NBL status", o.status, FAIL_SEND);
        expect_equal(r, "frames of a send that failed", n, 0);
        return;
    }
    if (expect_equal(r, "frames of a send that succeeded", n, 1) &&
        expect_equal(r, "bytes of the frame", seen[0].len, k->len))
        expect_bytes(r, "the frame", seen[0].bytes, k->bytes, k->len);
}

static void ask_for_checksums(struct rig *r)
{
    static struct packet k;

    for (unsigned i = 0; i < 4; i++) {
        struct frame_recipe recipe = packet_recipe(r, versions[i / 2], protocols[i % 2], 700);
        struct ask a = {0};

        packet_build(&k, &recipe);
        packet_unfinish(&k);
        a.checksum = ask_checksum(&k, k.proto == 6 ? ASK_TCP : ASK_UDP);
        about(r, "IPv%u %s asks for a checksum that is not advertised", k.version,
              k.proto == 6 ? "TCP" : "UDP");
        expect_failed_or_as_is(r, &k, &a);
    }
}

static void ask_for_large_sends(struct rig *r)
{
    static struct packet k;

    for (enum large_kind kind = LARGE_V1; kind < LARGE_KINDS; kind++) {
        struct frame_recipe recipe = large_recipe(r, kind, 9000);
        struct ask a = {0};

        large_build(&k, kind, &recipe);
        a.lso = large_ask(&k, kind, 1000);
        about(r, "%s is asked for and not advertised", large_name(kind));
        expect_failed_or_as_is(r, &k, &a);
    }
}

CHECK("SEC-5", what_is_not_advertised_is_not_done)
{
    rig_open(r, &(struct rig_config){.withhold = "csum"});
    need(r, rig_has_wire(r), "a network card below the driver");
    ask_for_checksums(r);
    ask_for_large_sends(r);
    rig_reopen(r, &(struct rig_config){.withhold = "host_tso4,host_tso6"});
    ask_for_large_sends(r);
}

/* ---- SEC-6 ---------------------------------------------------------------------------------- */

enum { LIES_SEEN = 1024, ADDRESSES_END = 12 };

static unsigned lies_sent; /* since the wire was read */

/* Whatever becomes of it: it comes back, and with a status that a send may have. */
static void send_lie(struct rig *r, const uint8_t *bytes, uint32_t len, const struct ask *a)
{
    struct outcome o = guard_send(r, bytes, len, a);

    lies_sent += o.back && o.status == NDIS_STATUS_SUCCESS;

    if (o.back && o.status != NDIS_STATUS_SUCCESS)
        expect_status(r, "NBL status", o.status, FAIL_SEND);
}

/* What left meanwhile fits the link; how many frames. */
static unsigned expect_short_frames(struct rig *r)
{
    static struct rig_seen seen[LIES_SEEN];
    unsigned n = rig_wire_drain(r, seen, LIES_SEEN);
    struct ndis_adapter_info info;

    ndis_adapter_info(r->adapter, &info);
    for (unsigned i = 0; i < n; i++) {
        about_bytes(r, seen[i].bytes, seen[i].len, 0, 0);
        expect(r, seen[i].len <= info.mtu + 18, "length of a frame that left",
               "no more than the MTU allows", "%u", seen[i].len);
        free(seen[i].bytes);
    }
    about_bytes(r, NULL, 0, 0, 0);
    rig_forget(r);
    return n;
}

/* One of each that succeeded, and none of the others. */
static void expect_frames_of_lies(struct rig *r)
{
    unsigned n = expect_short_frames(r);

    about(r, "sends whose lengths or offsets lie");
    expect_equal(r, "frames that left, of those that succeeded", n, lies_sent);
    lies_sent = 0;
}

static void unfinished(struct rig *r, unsigned i, uint32_t payload, struct packet *k, struct ask *a)
{
    struct frame_recipe recipe = packet_recipe(r, versions[i / 2], protocols[i % 2], payload);

    packet_build(k, &recipe);
    packet_unfinish(k);
    *a = (struct ask){.checksum = ask_checksum(k, ASK_IP | (k->proto == 6 ? ASK_TCP : ASK_UDP))};
}

static void lie_about_offsets(struct rig *r)
{
    static struct packet k;
    struct ask a;

    for (unsigned v = 0; v < 4; v += 2) {
        unfinished(r, v, 90, &k, &a);
        for (unsigned at = 0; at < 1024; at += 3) {
            NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO i = {.Value = a.checksum};

            i.Transmit.TcpHeaderOffset = at & 0x3ff;
            a.checksum = i.Value;
            about(r, "IPv%u TCP of %u bytes, TcpHeaderOffset %u", k.version, k.len, at);
            send_lie(r, k.bytes, k.len, &a);
        }
        expect_frames_of_lies(r);
    }
}

static void cut_frames_short(struct rig *r)
{
    static struct packet k;
    struct ask a;

    for (unsigned i = 0; i < 4; i++) {
        unfinished(r, i, 40, &k, &a);
        for (uint32_t len = 1; len < k.len; len++) {
            about(r, "the first %u of %u bytes of IPv%u %s", len, k.len, k.version,
                  k.proto == 6 ? "TCP" : "UDP");
            send_lie(r, k.bytes, len, &a);
        }
        expect_frames_of_lies(r);
    }
}

static void lie_in_headers(struct rig *r)
{
    static const uint8_t values[] = {0x00, 0x0f, 0x4f, 0x60, 0x80, 0xff};
    static struct packet k;
    struct ask a;

    for (unsigned i = 0; i < 4; i++) {
        unfinished(r, i, 40, &k, &a);
        for (uint32_t at = ADDRESSES_END; at < k.payload; at++) {
            uint8_t before = k.bytes[at];

            for (unsigned v = 0; v < ARRAY_LEN(values); v++) {
                k.bytes[at] = values[v];
                about(r, "IPv%u %s, byte %u is 0x%02x", k.version, k.proto == 6 ? "TCP" : "UDP", at,
                      values[v]);
                send_lie(r, k.bytes, k.len, &a);
            }
            k.bytes[at] = before;
        }
        expect_frames_of_lies(r);
    }
}

static void lie_about_large_sends(struct rig *r)
{
    static const uint32_t sizes[] = {0, 1, 60, 1460, 1461, 9000, 0xfffff};
    static const uint32_t offsets[] = {0, 13, 14, 34, 54, 74, 400, 1023};
    static struct packet k;

    for (enum large_kind kind = LARGE_V1; kind < LARGE_KINDS; kind++) {
        struct frame_recipe recipe = large_recipe(r, kind, 600);

        large_build(&k, kind, &recipe);
        for (unsigned m = 0; m < ARRAY_LEN(sizes); m++) {
            for (unsigned o = 0; o < ARRAY_LEN(offsets); o++) {
                struct ask a = {.lso = kind == LARGE_V1
                                           ? ask_lso1(sizes[m], offsets[o])
                                           : ask_lso2(k.version, sizes[m], offsets[o])};

                about(r, "%s of %u bytes, MSS %u, TcpHeaderOffset %u", large_name(kind), k.len,
                      sizes[m], offsets[o]);
                send_lie(r, k.bytes, k.len, &a);
            }
            expect_short_frames(r);
        }
    }
}

/* The buffer ends before what the request speaks of. */
static void cut_large_sends_short(struct rig *r)
{
    static struct packet k;

    for (enum large_kind kind = LARGE_V1; kind < LARGE_KINDS; kind++) {
        struct frame_recipe recipe = large_recipe(r, kind, 3000);
        struct ask a;

        recipe.tcp_options = tcp_options_12;
        recipe.tcp_options_len = sizeof tcp_options_12;
        large_build(&k, kind, &recipe);
        a = (struct ask){.lso = large_ask(&k, kind, 1000)};
        for (uint32_t len = 1; len < k.payload; len++) {
            about(r, "the first %u of %u header bytes of a %s", len, k.payload, large_name(kind));
            send_lie(r, k.bytes, len, &a);
        }
        expect_frames_of_lies(r);
    }
}

CHECK("SEC-6", lengths_are_checked_before_use)
{
    static struct packet k;
    struct frame_recipe recipe;
    struct rig_seen seen;

    rig_open(r, NULL);
    need(r, rig_has_wire(r), "a network card below the driver");
    lie_about_offsets(r);
    cut_frames_short(r);
    lie_in_headers(r);
    cut_large_sends_short(r);
    lie_about_large_sends(r);
    recipe = packet_recipe(r, 4, 6, 100);
    packet_build(&k, &recipe);
    about(r, "an ordinary packet after all that");
    packet_send(r, &k, NULL);
    expect_equal(r, "frames on the wire", rig_wire_drain(r, &seen, 1), 1);
}

/* ---- SEC-9 ---------------------------------------------------------------------------------- */

/* Frames of 9000 bytes tell a walk over all that was walked before from a plain one: 600 000 steps
 * against 1100. */
enum { JUMBO = 9000, FLOOD = 20, ARRIVALS = 8, FLOODS = 20, ROUNDS = 10 };
enum { TIMES = 8, SLACK_NS = 60000 };

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint32_t room_for_headers(const struct rig *r)
{
    struct ndis_adapter_info info;

    ndis_adapter_info(r->adapter, &info);
    return (info.mtu - 40) / 8 * 8;
}

/* As long as the link takes, with `count` extension headers of 8 bytes, which end in something that
 * is no transport. */
static uint32_t make_chain(const struct rig *r, unsigned count, uint8_t *frame)
{
    uint32_t room = room_for_headers(r), len = ETH_LEN + 40 + room;

    memset(frame, 0, len);
    memcpy(frame, r->peer, 6);
    memcpy(frame + 6, r->mac, 6);
    naive_put(frame + 12, 2, 0x86dd);
    frame[14] = 0x60;
    naive_put(frame + 18, 2, room);
    frame[20] = count ? 60 : 59;
    frame[21] = 64;
    memset(frame + 22, 0xfd, 32);
    for (unsigned i = 0; i < count; i++)
        frame[54 + i * 8] = i + 1 == count ? 59 : 60; /* destination options; no next header */
    return len;
}

/* The quickest of a flood, on the thread that sends: others do not disturb that one. */
static uint64_t quickest(struct rig *r, const uint8_t *frame, uint32_t len, void *checksum)
{
    uint64_t best = UINT64_MAX;

    for (unsigned i = 0; i < FLOOD; i++) {
        NET_BUFFER_LIST *nbl = rig_nbl(r, frame, len, NULL, 0);
        unsigned want = r->main.completed_count + 1;
        uint64_t began;

        nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = checksum;
        began = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        rig_send_only(r, nbl);
        best = MIN_OF(best, clock_ns(CLOCK_THREAD_CPUTIME_ID) - began);
        if (!rig_wait(r, &r->main.completed_count, want, 5))
            break; /* GEN-31 has more to say */
    }
    expect_short_frames(r);
    return best;
}

/* The quickest of some floods that arrive, for one frame: all that the process did meanwhile. */
static uint64_t quickest_arrival(struct rig *r, uint8_t *frame, uint32_t len)
{
    uint64_t best = UINT64_MAX;

    memcpy(frame, r->mac, 6);
    memcpy(frame + 6, r->peer, 6);
    for (unsigned i = 0; i < FLOODS; i++) {
        unsigned want = r->main.received_count + ARRIVALS;
        uint64_t began = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

        for (unsigned n = 0; n < ARRIVALS; n++)
            rig_wire_write(r, frame, len);
        if (!expect(r, rig_wait(r, &r->main.received_count, want, 5), "frames of a flood",
                    "indicated", "some are missing"))
            break;
        best = MIN_OF(best, (clock_ns(CLOCK_PROCESS_CPUTIME_ID) - began) / ARRIVALS);
        rig_forget(r);
    }
    return best;
}

/* One way, with `count` headers. Others on this machine can only lengthen what is measured: it is
 * tried until it is short, or too often. */
static uint64_t time_of(struct rig *r, bool arrives, unsigned count, uint64_t enough)
{
    static uint8_t frame[RIG_FRAME];
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO i = {.Value = NULL};
    uint32_t len = make_chain(r, count, frame);
    uint64_t best = UINT64_MAX;

    i.Transmit.IsIPv6 = 1;
    i.Transmit.TcpChecksum = 1;
    i.Transmit.TcpHeaderOffset = 54;
    for (unsigned round = 0; round < ROUNDS && best > enough; round++) {
        uint64_t took =
            arrives ? quickest_arrival(r, frame, len) : quickest(r, frame, len, i.Value);

        best = MIN_OF(best, took);
    }
    return best;
}

CHECK("SEC-9", work_per_frame_is_bounded)
{
    unsigned chains[] = {1, 20, 0};

    rig_open(r, &(struct rig_config){.mtu = JUMBO});
    need(r, rig_has_wire(r), "a network card below the driver");
    chains[2] = room_for_headers(r) / 8;
    for (unsigned way = 0; way < 2; way++) {
        uint64_t plain = time_of(r, way, 0, 0), most = plain * TIMES + SLACK_NS;

        for (unsigned c = 0; c < ARRAY_LEN(chains); c++) {
            uint64_t took = time_of(r, way, chains[c], most);

            about(r, "%s with %u IPv6 extension headers that cannot be offloaded",
                  way ? "a frame that arrives" : "a send", chains[c]);
            expect(r, took <= most, "processor time of the quickest",
                   "about that of a frame without them", "%llu ns, without them %llu ns",
                   (unsigned long long)took, (unsigned long long)plain);
        }
        note(r, "without extension headers: %llu ns to %s", (unsigned long long)plain,
             way ? "receive" : "send");
    }
}
