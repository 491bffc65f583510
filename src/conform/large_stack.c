/* SPDX-License-Identifier: MIT */
/* Linux sends through src/tcpip; what is asked of the driver as large sends. */
#include "conform/large_stack.h"

typedef void (*look_at)(struct rig *r, const struct large_asked *a);

enum { MSS = 1400, LARGEST = 65535 };

static unsigned asked;

static void send_one(struct rig *r, const struct packet *k, uint16_t mss, look_at look)
{
    struct stack_sent *sent = stack_send(r, k, STACK_LARGE, mss);

    about_segments(r, NULL, 0);
    for (unsigned i = 0; i < sent->count; i++) {
        struct large_asked a = {.nbl = &sent->nbl[i], .from = k, .mss = mss};
        struct rig_seen seen = {sent->nbl[i].bytes, sent->nbl[i].len};

        if (!sent->nbl[i].lso)
            continue;
        a.slot.Value = (void *)sent->nbl[i].lso;
        fields_read(&seen, &a.f);
        a.kind = a.slot.LsoV2Transmit.Type == NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE ? LARGE_V1
                 : k->version == 6                                                ? LARGE_V2_IP6
                                                                                  : LARGE_V2_IP4;
        a.max = large_max(r, a.kind);
        a.min = large_min_segments(r, a.kind);
        about(r, "IPv%u, %u bytes of data at MSS %u from Linux, asked as %s", k->version,
              k->len - k->payload, mss, large_name(a.kind));
        about_bytes(r, seen.bytes, seen.len, 0, 0);
        asked++;
        look(r, &a);
    }
}

/* The largest that an IP length can say. */
static uint32_t most_of(unsigned version)
{
    return LARGEST - (version == 6 ? 20 : 40);
}

static void send_sizes(struct rig *r, unsigned version, look_at look)
{
    const uint32_t sizes[] = {500, MSS, MSS + 1, 5000, 30000, most_of(version)};
    static struct packet k;

    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        struct frame_recipe recipe = packet_recipe(r, version, 6, sizes[i]);

        recipe.ip_id = (uint16_t)(0x6fff + 0x3000 * i);
        packet_build(&k, &recipe);
        send_one(r, &k, MSS, look);
    }
}

static void send_options(struct rig *r, unsigned version, look_at look)
{
    static struct packet k;

    for (uint8_t tcp = 0; tcp <= 40; tcp = (uint8_t)(tcp + 20)) {
        struct frame_recipe recipe = packet_recipe(r, version, 6, 6000);

        recipe.tcp_options = tcp_options_40;
        recipe.tcp_options_len = tcp;
        recipe.ip_options = version == 6 ? ip6_extension_48 : ip4_options_40;
        recipe.ip_options_len = version == 6 ? 48 : 40;
        packet_build(&k, &recipe);
        send_one(r, &k, 1000, look);
    }
}

static void send_odd(struct rig *r, unsigned version, look_at look)
{
    static const uint8_t flags[] = {TCP_ACK | TCP_URG, TCP_SYN, TCP_ACK | TCP_RST};
    static struct packet k;
    struct frame_recipe recipe = packet_recipe(r, version, 6, 6000);

    for (unsigned i = 0; i < ARRAY_LEN(flags); i++) {
        recipe.tcp_flags = flags[i];
        packet_build(&k, &recipe);
        send_one(r, &k, MSS, look);
    }
    recipe.tcp_flags = TCP_ACK;
    packet_build(&k, &recipe);
    naive_put(k.bytes + k.l4 + 18, 2, 5); /* urgent pointer */
    send_one(r, &k, MSS, look);
    recipe = packet_recipe(r, version, 17, 6000);
    packet_build(&k, &recipe);
    send_one(r, &k, MSS, look);
}

unsigned large_protocol(struct rig *r, look_at look)
{
    bool v1 = large_advertised(r, LARGE_V1);

    asked = 0;
    r->config.no_bind = true;
    for (unsigned round = 0; round < 1u + v1; round++) {
        if (round)
            reg_set_sz(r->key, "*LsoV2IPv4", "0");
        rig_again(r);
        stack_bind(r);
        for (unsigned version = 4; version <= 6; version += 2) {
            send_sizes(r, version, look);
            send_options(r, version, look);
            send_odd(r, version, look);
        }
        stack_unbind(r);
    }
    return asked;
}
