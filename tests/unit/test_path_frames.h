/* SPDX-License-Identifier: MIT */
/*
 * Frames for tests of the whole path, what is asked for them, and the slow judgment of what comes
 * out: test_frame_naive.h, never src/frame (frame_build only makes input). A test runs once for
 * each build of the driver.
 */
#pragma once

#include "test_path_rig.h"

#include "test_frame_naive.h"

enum { ASK_IP = 1, ASK_TCP = 2, ASK_UDP = 4, ETH = 14, SHORTEST = 60 };

static struct path path;
static bool path_is_open, path_linked, path_plain;

/* A plain virtio card is one without these (virtio/longshore.h). */
#define PLAIN "ls_ipcsum,ls_id15,ls_snap,ls_verdicts"

/* ---- Input ---------------------------------------------------------------------------------- */

struct packet {
    struct shape sh;
    uint8_t proto;
    uint32_t len;
    uint8_t bytes[PATH_FRAME];
};

static inline uint8_t *packet_field(struct packet *k)
{
    return k->bytes + k->sh.l4 + (k->proto == 6 ? 16 : 6);
}

/* The pseudo-header's sum, folded and not inverted: the page's seed. transport_len 0: as for a
 * large send. */
static inline uint32_t packet_pseudo(const struct packet *k, uint32_t transport_len)
{
    return naive_pseudo(k->bytes + k->sh.l3, k->sh.version, k->proto, transport_len);
}

static inline void packet_build(struct packet *k, const struct frame_recipe *r)
{
    k->sh = naive_shape(r);
    k->proto = r->l4_proto;
    k->len = (uint32_t)frame_build(r, k->bytes, sizeof k->bytes);
    assert_true(k->len > 0);
}

/* Makes of it what a protocol hands down: the seed, and rubbish where the IPv4 checksum goes. */
static inline void packet_unfinish(struct packet *k)
{
    naive_put(packet_field(k), 2, packet_pseudo(k, k->len - (uint32_t)k->sh.l4));
    if (k->sh.version == 4)
        naive_put(k->bytes + k->sh.l3 + 10, 2, 0xa55a);
}

/* What should leave: a copy with those checksums done that are asked for. */
static inline void packet_finish(struct packet *out, const struct packet *in, unsigned what)
{
    uint8_t *field;
    uint32_t sum;

    if (out != in)
        memcpy(out, in, offsetof(struct packet, bytes) + in->len);
    field = packet_field(out);
    if (what & (ASK_TCP | ASK_UDP)) {
        naive_put(field, 2, 0);
        sum = 0xffff - naive_transport(out->bytes, &out->sh, out->len, out->proto);
        naive_put(field, 2, sum == 0 && out->proto == 17 ? 0xffff : sum);
    }
    if (what & ASK_IP && out->sh.version == 4) {
        naive_put(out->bytes + out->sh.l3 + 10, 2, 0);
        naive_put(out->bytes + out->sh.l3 + 10, 2, 0xffff - naive_ip_header(out->bytes, &out->sh));
    }
}

/* A recipe with payload that is the same each run. */
static inline struct frame_recipe path_recipe(unsigned version, unsigned proto, uint32_t len)
{
    static uint8_t payload[PATH_FRAME];
    struct frame_recipe r = naive_recipe(version);

    assert_true(len <= sizeof payload);
    naive_fill(payload, len, 0x5eed + version + proto);
    r.l4_proto = (uint8_t)proto;
    r.payload = payload;
    r.payload_len = len;
    return r;
}

/* ---- Requests ------------------------------------------------------------------------------- */

struct ask {
    void *checksum, *lso, *tag; /* slot values */
    const uint32_t *splits;     /* as path_nbl has them */
    uint32_t front, back;       /* bytes of the MDLs before and behind the data */
};

struct outcome {
    NDIS_STATUS status;
    uintptr_t lso, checksum;
};

static inline void *ask_checksum(const struct packet *k, unsigned what)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO i = {.Value = NULL};

    i.Transmit.IsIPv4 = k->sh.version == 4;
    i.Transmit.IsIPv6 = k->sh.version == 6;
    i.Transmit.IpHeaderChecksum = (what & ASK_IP) != 0;
    i.Transmit.TcpChecksum = (what & ASK_TCP) != 0;
    i.Transmit.UdpChecksum = (what & ASK_UDP) != 0;
    i.Transmit.TcpHeaderOffset = what & ASK_TCP ? k->sh.l4 & 0x3ff : 0;
    return i.Value;
}

static inline void *ask_lso2(unsigned version, uint32_t mss, size_t tcp_offset)
{
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO i = {.Value = NULL};

    i.LsoV2Transmit.MSS = mss & 0xfffff;
    i.LsoV2Transmit.TcpHeaderOffset = tcp_offset & 0x3ff;
    i.LsoV2Transmit.Type = NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE;
    i.LsoV2Transmit.IPVersion =
        version == 6 ? NDIS_TCP_LARGE_SEND_OFFLOAD_IPv6 : NDIS_TCP_LARGE_SEND_OFFLOAD_IPv4;
    return i.Value;
}

static inline void *ask_lso1(uint32_t mss, size_t tcp_offset)
{
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO i = {.Value = NULL};

    i.LsoV1Transmit.MSS = mss & 0xfffff;
    i.LsoV1Transmit.TcpHeaderOffset = tcp_offset & 0x3ff;
    i.LsoV1Transmit.Type = NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE;
    return i.Value;
}

static inline void *ask_tag(unsigned priority, unsigned id)
{
    NDIS_NET_BUFFER_LIST_8021Q_INFO i = {.Value = NULL};

    i.TagHeader.UserPriority = priority & 7;
    i.TagHeader.VlanId = id & 0xfff;
    return i.Value;
}

/* An NBL over a private copy of the bytes, which lie in rubbish. */
static inline NET_BUFFER_LIST *ask_nbl(const void *bytes, uint32_t len, const struct ask *a)
{
    uint8_t *copy = malloc(len + a->back);
    NET_BUFFER_LIST *nbl;

    memcpy(copy, bytes, len);
    memset(copy + len, 0xdd, a->back);
    nbl = path_nbl(&path, copy, len + a->back, a->splits, a->front);
    free(copy);
    NET_BUFFER_DATA_LENGTH(nbl->FirstNetBuffer) = len;
    nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = a->checksum;
    nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] = a->lso;
    nbl->NetBufferListInfo[Ieee8021QNetBufferListInfo] = a->tag;
    return nbl;
}

/* The buffers are the protocol's: as they were before (TXC-16). */
static inline void expect_untouched(const uint8_t *data, const void *bytes, uint32_t len,
                                    const struct ask *a)
{
    for (uint32_t i = 0; i < a->front; i++)
        assert_int_equal(data[i], 0xee);
    assert_memory_equal(data + a->front, bytes, len);
    for (uint32_t i = 0; i < a->back; i++)
        assert_int_equal(data[a->front + len + i], 0xdd);
}

/* Sends one frame and waits until the NBL is back. */
static inline struct outcome path_ask(const void *bytes, uint32_t len, const struct ask *a)
{
    NET_BUFFER_LIST *nbl = ask_nbl(bytes, len, a);
    struct outcome r;

    path_forget(&path);
    path_send(&path, nbl, 1);
    assert_int_equal(path.completed_count, 1);
    assert_ptr_equal(path.completed[0].nbl, nbl);
    expect_untouched(nbl->ProtocolReserved[0], bytes, len, a);
    assert_ptr_equal(nbl->NetBufferListInfo[Ieee8021QNetBufferListInfo], a->tag);
    r = (struct outcome){nbl->Status, path.completed[0].lso, path.completed[0].checksum};
    path_forget(&path);
    return r;
}

/* ---- The wire ------------------------------------------------------------------------------- */

/* The next frame is this one, zeros added up to the shortest length there is (TXC-20). */
static inline void expect_wire(const void *want, uint32_t len)
{
    static const uint8_t zeros[SHORTEST];
    static uint8_t got[PATH_FRAME];
    uint32_t n = path_wire_read(&path, got, sizeof got, 2);

    assert_int_equal(n, len < SHORTEST ? SHORTEST : len);
    assert_memory_equal(got, want, len);
    if (len < SHORTEST)
        assert_memory_equal(got + len, zeros, SHORTEST - len);
}

/* Nothing is on its way: a frame sent now is the next. */
static inline void expect_silence(void)
{
    static const uint8_t mark[SHORTEST] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,   0,
                                           0,    0,    0,    1,    0x88, 0xb5, 's', 'e'};

    assert_int_equal(path_ask(mark, sizeof mark, &(struct ask){0}).status, NDIS_STATUS_SUCCESS);
    expect_wire(mark, sizeof mark);
}

/* FAIL-SEND of the catalogue. */
static inline void expect_failed(NDIS_STATUS s)
{
    assert_true(s == NDIS_STATUS_FAILURE || s == NDIS_STATUS_INVALID_LENGTH ||
                s == NDIS_STATUS_RESOURCES || s == NDIS_STATUS_PAUSED ||
                s == NDIS_STATUS_SEND_ABORTED || s == NDIS_STATUS_RESET_IN_PROGRESS ||
                s == NDIS_STATUS_REQUEST_ABORTED);
}

/* Sends with these checksums asked for; they leave right. */
static inline void expect_checksummed(const struct packet *k, unsigned what, const struct ask *how)
{
    static struct packet want;
    struct ask a = *how;
    struct outcome r;

    a.checksum = ask_checksum(k, what);
    packet_finish(&want, k, what);
    r = path_ask(k->bytes, k->len, &a);
    assert_int_equal(r.status, NDIS_STATUS_SUCCESS);
    expect_wire(want.bytes, want.len);
}

/* ---- Groups --------------------------------------------------------------------------------- */

static inline void path_begin(struct path_config config)
{
    config.linked = path_linked;
    if (path_plain && !config.withhold)
        config.withhold = PLAIN;
    path_open(&path, &config);
    path_is_open = true;
}

static inline void path_end(void)
{
    if (!path_is_open)
        return;
    path_is_open = false;
    assert_int_equal(path_close(&path), 0);
}

static inline int path_group_open(void **state)
{
    UNUSED_STATE;
    path_begin((struct path_config){0});
    return 0;
}

/* For tests that open a path of their own and have failed with it open. */
static inline int path_group_close(void **state)
{
    UNUSED_STATE;
    path_end();
    return 0;
}

/* The last test of a group that shares one path. */
static inline void test_no_rule_was_broken_and_nothing_is_left(void **state)
{
    UNUSED_STATE;
    path_forget(&path);
    expect_silence();
    path_end();
}

/* What a failed test left on the wire is not the next one's. */
static inline int path_test_begin(void **state)
{
    static uint8_t junk[PATH_FRAME];

    UNUSED_STATE;
    while (path_is_open && path_wire_read(&path, junk, sizeof junk, 0))
        ;
    return 0;
}

/* Runs the tests with each build of the driver on each kind of card: on one path for all of them,
 * the test above being the last; or each on paths of its own. */
static inline int path_run(const char *what, const struct CMUnitTest *tests, size_t count, bool one)
{
    struct CMUnitTest each[40];
    int failed = 0;

    invariant(count <= COUNT(each));
    memcpy(each, tests, count * sizeof *tests);
    for (size_t i = 0; i < count; i++)
        each[i].setup_func = path_test_begin;
    for (int run = 0; run < 4; run++) {
        char name[100];

        path_linked = run % 2 == 0;
        path_plain = run / 2 != 0;
        snprintf(name, sizeof name, "%s, vionet.%s%s", what, path_linked ? "so" : "sys",
                 path_plain ? ", plain virtio" : "");
        failed += _cmocka_run_group_tests(name, each, count, one ? path_group_open : NULL,
                                          path_group_close);
    }
    return failed;
}
