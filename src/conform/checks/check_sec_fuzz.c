/* SPDX-License-Identifier: MIT */
/* Frames and requests of random contents, the same for the same seed. */
#include "conform/guard.h"
#include "conform/keyword.h"
#include "conform/large.h"
#include "conform/watch.h"

/* ---- Frames --------------------------------------------------------------------------------- */

enum { BATCH = 64, BATCHES = 800, FENCE = 60 }; /* 51 200 each way */

/* A packet of some kind with some bytes changed, some cut off. */
static void mutate(struct rig *r, struct packet *k, bool arrives)
{
    uint32_t dice = rig_random(r);
    unsigned version = dice & 1 ? 4 : 6, proto = dice & 2 ? 6 : 17;
    struct frame_recipe recipe = arrives ? packet_recipe_in(r, version, proto, dice >> 8 & 0xff)
                                         : packet_recipe(r, version, proto, dice >> 8 & 0xff);

    recipe.snap = (dice >> 2 & 15) == 0;
    if ((dice >> 6 & 3) == 0) {
        recipe.ip_options = version == 4 ? ip4_options_40 : ip6_extension_48;
        recipe.ip_options_len = version == 4 ? sizeof ip4_options_40 : sizeof ip6_extension_48;
    }
    packet_build(k, &recipe);
    for (unsigned n = dice >> 16 & 3; n; n--) {
        uint32_t at = 12 + rig_random(r) % (n & 1 ? k->payload - 12 : k->len - 12);

        k->bytes[at] = (uint8_t)(rig_random(r) & 1 ? rig_random(r) : k->bytes[at] ^ 1);
    }
    if ((dice >> 18 & 7) == 0)
        k->len = ETH_LEN + rig_random(r) % (k->len - ETH_LEN);
}

static void send_batch(struct rig *r)
{
    static struct packet k;
    NET_BUFFER_LIST *first = NULL;

    for (unsigned i = 0; i < BATCH; i++) {
        NET_BUFFER_LIST *nbl;
        uint32_t dice = rig_random(r);
        void *slot[3] = {(void *)(uintptr_t)(dice & 0x3ff003f),
                         (void *)(uintptr_t)((uint64_t)rig_random(r) << 8 | (dice & 0xff)),
                         (void *)(uintptr_t)(rig_random(r) & 0xffff)};

        mutate(r, &k, false);
        if (dice & 0x100)
            slot[0] = ask_checksum(&k, dice & 7);
        if (dice & 0x200)
            slot[1] = ask_lso2(k.version, 1 + (dice >> 12 & 0x7ff), k.l4);
        nbl = rig_nbl(r, k.bytes, k.len, NULL, 0);
        nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = dice & 0x400 ? slot[0] : NULL;
        nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] = dice & 0x3000 ? NULL : slot[1];
        nbl->NetBufferListInfo[Ieee8021QNetBufferListInfo] = dice & 0xc000 ? NULL : slot[2];
        nbl->Next = first;
        first = nbl;
    }
    rig_send(r, first, BATCH);
}

static void read_wire(struct rig *r, uint32_t longest)
{
    static uint8_t frame[RIG_FRAME];
    uint32_t n;

    while ((n = rig_wire_read(r, frame, sizeof frame, 0)) != 0) {
        about_bytes(r, frame, n, 0, 0);
        expect(r, n <= longest, "length of a frame that left", "no more than the MTU allows", "%u",
               n);
    }
    about_bytes(r, NULL, 0, 0, 0);
}

/* A verdict is one on this very frame, not one that another left behind: the frame has what the
 * verdict is about. Whether it is the right one is RXC's. */
static void judge(struct rig *r, const struct rig_received *got)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO v = {
        .Value = (PVOID)got->oob[TcpIpChecksumNetBufferListInfo]};
    bool tcp = v.Receive.TcpChecksumSucceeded || v.Receive.TcpChecksumFailed,
         udp = v.Receive.UdpChecksumSucceeded || v.Receive.UdpChecksumFailed,
         ip = v.Receive.IpChecksumSucceeded || v.Receive.IpChecksumFailed;
    struct rig_seen seen = {got->data, got->len};
    struct fields f;
    bool whole;

    if (!v.Value)
        return;
    whole = fields_read(&seen, &f);
    about_bytes(r, got->data, got->len, 0, 0);
    expect(r, !tcp || (whole && f.proto == 6), "checksum slot", "no TCP verdict", "0x%llx",
           (unsigned long long)(uintptr_t)v.Value);
    expect(r, !udp || (whole && f.proto == 17), "checksum slot", "no UDP verdict", "0x%llx",
           (unsigned long long)(uintptr_t)v.Value);
    expect(r, !ip || f.ether_type == 0x0800, "checksum slot", "no verdict on an IPv4 header",
           "0x%llx", (unsigned long long)(uintptr_t)v.Value);
    about_bytes(r, NULL, 0, 0, 0);
}

static bool receive_batch(struct rig *r, uint32_t number)
{
    static struct packet k;
    uint8_t fence[FENCE] = {0};
    const struct rig_received *last;

    for (unsigned i = 0; i < BATCH; i++) {
        mutate(r, &k, true);
        rig_wire_write(r, k.bytes, k.len);
    }
    memcpy(fence, r->mac, 6);
    memcpy(fence + 6, r->peer, 6);
    memcpy(fence + 12,
           "\x88\xb5"
           "fence",
           7);
    memcpy(fence + 20, &number, 4);
    rig_wire_write(r, fence, FENCE);
    for (unsigned seen = 0;; seen++) {
        if (!rig_wait(r, &r->main.received_count, seen + 1, 5))
            return false;
        last = &r->main.received[seen % RIG_RECORDS];
        if (last->len == FENCE && memcmp(last->data + 12, fence + 12, 12) == 0)
            return true;
        judge(r, last);
    }
}

CHECK("SEC-7", random_frames_both_ways)
{
    struct ndis_adapter_info info;
    unsigned batch;

    rig_open(r, NULL);
    need(r, rig_has_wire(r), "a network card below the driver");
    ndis_adapter_info(r->adapter, &info);
    for (batch = 0; batch < BATCHES; batch++) {
        about(r, "batch %u of %u random frames", batch, BATCH);
        send_batch(r);
        read_wire(r, info.mtu + 18);
        rig_forget(r);
        if (!expect(r, receive_batch(r, batch), "the frame behind them", "indicated",
                    "not indicated"))
            break;
        rig_forget(r);
    }
    note(r, "%u frames each way", batch * BATCH);
}

/* ---- Requests ------------------------------------------------------------------------------- */

enum { REQUESTS = 400, BUFFER = 64 };

/* All that such a request may change. */
struct state {
    NDIS_OFFLOAD now, hardware;
    char keywords[FEATURES][12];
};

static void read_state(struct rig *r, struct state *s)
{
    struct ndis_offload_state o = rig_offload(r);

    memset(s, 0, sizeof *s);
    s->now = o.current;
    s->hardware = o.hardware;
    for (enum feature i = 0; i < FEATURES; i++) {
        if (reg_get(r->key, feature_keyword(i), NULL, s->keywords[i], sizeof s->keywords[i] - 1) <
            0)
            s->keywords[i][0] = '-';
    }
}

static void expect_same(struct rig *r, const struct state *got, const struct state *want)
{
    expect_bytes(r, "current configuration", &got->now, &want->now,
                 NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
    expect_bytes(r, "hardware capabilities", &got->hardware, &want->hardware,
                 NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
    for (enum feature i = 0; i < FEATURES; i++)
        expect(r, strcmp(got->keywords[i], want->keywords[i]) == 0, feature_keyword(i),
               want->keywords[i], "%s", got->keywords[i]);
}

/* Half of them nearly right. */
static ULONG make_request(struct rig *r, NDIS_OID oid, uint8_t *buffer)
{
    NDIS_OFFLOAD_PARAMETERS p = rig_parameters();
    NDIS_OFFLOAD_ENCAPSULATION e = rig_encapsulation(rig_random(r) % 3, rig_random(r) % 3);
    ULONG right = oid == OID_TCP_OFFLOAD_PARAMETERS ? NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1
                                                    : NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1;
    uint32_t dice = rig_random(r);

    for (unsigned i = 0; i < BUFFER; i++)
        buffer[i] = (uint8_t)rig_random(r);
    if (dice & 1)
        return rig_random(r) % (BUFFER + 1);
    for (size_t at = offsetof(NDIS_OFFLOAD_PARAMETERS, IPv4Checksum);
         at <= offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv6); at++)
        ((uint8_t *)&p)[at] = (uint8_t)(rig_random(r) % 3); /* 0 to 2 are legal everywhere */
    p.IPsecV1 = p.TcpConnectionIPv4 = p.TcpConnectionIPv6 = 0;
    memcpy(buffer, oid == OID_TCP_OFFLOAD_PARAMETERS ? (void *)&p : (void *)&e, right);
    if (dice & 2) /* one thing wrong */
        buffer[rig_random(r) % right] = (uint8_t)rig_random(r);
    return dice & 12 ? right : rig_random(r) % (BUFFER + 1);
}

CHECK("SEC-8", random_requests_all_or_nothing)
{
    static const NDIS_OID oids[] = {OID_TCP_OFFLOAD_PARAMETERS, OID_OFFLOAD_ENCAPSULATION};
    struct state before, after;
    unsigned refused = 0;

    rig_open(r, NULL);
    need(r, watch_lists_oid(OID_TCP_OFFLOAD_PARAMETERS), "task offload");
    for (unsigned i = 0; i < REQUESTS; i++) {
        NDIS_OID oid = oids[i & 1];
        uint8_t bytes[BUFFER], *buffer;
        ULONG len = make_request(r, oid, bytes);
        NDIS_STATUS status;

        about(r, "request %u, %s of %u bytes", i,
              i & 1 ? "OID_OFFLOAD_ENCAPSULATION" : "OID_TCP_OFFLOAD_PARAMETERS", len);
        about_bytes(r, bytes, len, 0, 0);
        read_state(r, &before);
        buffer = guard_copy(r, bytes, len);
        status = rig_set(r, oid, buffer, len);
        read_state(r, &after);
        refused += status != NDIS_STATUS_SUCCESS;
        if (status != NDIS_STATUS_SUCCESS) {
            expect_same(r, &after, &before);
        } else { /* applied: doing it again changes nothing */
            expect_code(r, "the same again", rig_set(r, oid, buffer, len), NDIS_STATUS_SUCCESS);
            read_state(r, &before);
            expect_same(r, &before, &after);
        }
    }
    note(r, "%u of %u requests refused", refused, REQUESTS);
}
