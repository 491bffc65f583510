/* SPDX-License-Identifier: MIT */
/* port/tap.c against the kernel's own stack: both ways, with and without offload, NAPI, queues, and
 * its end. */
#include "test_port_env.h"

#include <arpa/inet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>

/* The stack behind the TAP is 10.7.0.1 and fd07::1; we are the .2 that it talks to. */
static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 2}, stack_mac[6] = {2, 0, 0, 0, 0, 1};

static struct env_frame frame;
static struct env_received received;

static struct port *open_tap(const char *options)
{
    char spec[64];
    struct port *p;

    snprintf(spec, sizeof spec, "tap:t0%s", options);
    p = env_open(spec);
    assert_string_equal(port_name(p), "t0");
    assert_int_equal(port_set_mac(p, stack_mac), 0);
    env_run("ip addr add 10.7.0.1/24 dev t0 && ip addr add fd07::1/64 dev t0 nodad && "
            "ip neigh replace 10.7.0.2 lladdr 02:00:00:00:00:02 dev t0 nud permanent && "
            "ip neigh replace fd07::2 lladdr 02:00:00:00:00:02 dev t0 nud permanent");
    return p;
}

static int udp_socket(void)
{
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(7000)};

    assert_int_equal(bind(s, (struct sockaddr *)&at, sizeof at), 0);
    return s;
}

/* Waits for the stack's next frame of that protocol with our port 5000 in it, passing over its own
 * chatter. */
static bool next_of(struct port *p, uint8_t proto, struct frame_layers *l)
{
    for (unsigned tries = 0; tries < 100; tries++) {
        if (!env_receive(p, &received))
            return false;
        frame_parse(received.bytes, received.buf.len, received.buf.len, FRAME_LARGE_TEMPLATE, l);
        if (l->l4_offset && l->l4_proto == proto && received.bytes[l->l4_offset + 2] == 5000 >> 8 &&
            received.bytes[l->l4_offset + 3] == (5000 & 0xff))
            return true;
    }
    return false;
}

static void to_stack(struct env_frame *f, uint8_t proto, const uint8_t *payload, uint32_t len)
{
    struct frame_recipe r = {
        .ip_version = 4,
        .l4_proto = proto,
        .src_ip = {10, 7, 0, 2},
        .dst_ip = {10, 7, 0, 1},
        .src_port = 5000,
        .dst_port = 7000,
        .ttl = 64,
        .payload = payload,
        .payload_len = len,
    };

    memcpy(r.dst_mac, stack_mac, 6);
    memcpy(r.src_mac, our_mac, 6);
    env_built(f, &r);
}

/* What the stack's socket has received: a length, or -1 after a while. */
static ssize_t delivered(int s, uint8_t *data, size_t size, int timeout_ms)
{
    struct pollfd pfd = {.fd = s, .events = POLLIN};

    return poll(&pfd, 1, timeout_ms) > 0 ? recv(s, data, size, 0) : -1;
}

static void test_plain_tap_carries_datagrams_both_ways(void **state)
{
    static const uint8_t text[] = "out of the stack";
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(5000)};
    struct frame_layers l;
    struct port *p;
    uint8_t got[64];
    int s;

    (void)state;
    env_need_tap();
    p = open_tap("");
    s = udp_socket();
    inet_pton(AF_INET, "10.7.0.2", &to.sin_addr);
    assert_int_equal(sendto(s, text, sizeof text, 0, (struct sockaddr *)&to, sizeof to),
                     sizeof text);
    assert_true(next_of(p, 17, &l));
    assert_int_equal(received.buf.offload.flags, 0);
    assert_int_equal(env_checksum(&received), FRAME_GOOD);
    assert_memory_equal(received.bytes, our_mac, 6);
    assert_memory_equal(received.bytes + l.payload_offset, text, sizeof text);

    to_stack(&frame, 17, text, sizeof text);
    assert_int_equal(port_tx(p, &frame.frame, 1), 1);
    assert_int_equal(delivered(s, got, sizeof got, 1000), sizeof text);
    assert_memory_equal(got, text, sizeof text);
    assert_int_equal(port_counter(p, PORT_TX_FRAMES), 1);
    assert_int_equal(port_counter(p, PORT_TX_BYTES), 42 + sizeof text);
    close(s);
    port_free(p);
}

static void test_behind_a_plain_tap_the_stack_verifies_checksums_itself(void **state)
{
    struct port *p;
    uint8_t got[64];
    int s;

    (void)state;
    env_need_tap();
    p = open_tap("");
    s = udp_socket();
    to_stack(&frame, 17, (const uint8_t *)"abcd", 4);
    frame.bytes[frame.frame.len - 1] ^= 1;
    frame.frame.offload.flags = FRAME_CSUM_VALID; /* a claim that a plain TAP does not pass on */
    assert_int_equal(port_tx(p, &frame.frame, 1), 1);
    assert_int_equal(delivered(s, got, sizeof got, 100), -1);
    frame.frame.offload.flags = FRAME_CSUM_NEEDED;
    assert_int_equal(port_tx(p, &frame.frame, 1), 0);
    assert_int_equal(port_counter(p, PORT_TX_UNFINISHED), 1);
    assert_int_equal(port_set_stack_offload(p, 0), -EOPNOTSUPP);
    close(s);
    port_free(p);
}

static void test_the_stack_finishes_what_is_needed_and_believes_no_verdict(void **state)
{
    struct port *p;
    uint8_t got[64];
    uint64_t seed;
    int s;

    (void)state;
    env_need_tap();
    p = open_tap(",offload");
    s = udp_socket();
    to_stack(&frame, 17, (const uint8_t *)"abcd", 4);
    frame.bytes[frame.frame.len - 1] ^= 1;
    assert_int_equal(port_tx(p, &frame.frame, 1), 1);
    assert_int_equal(delivered(s, got, sizeof got, 100), -1);
    frame.frame.offload.flags = FRAME_CSUM_VALID; /* Linux: a TAP's user has no say in this */
    assert_int_equal(port_tx(p, &frame.frame, 1), 1);
    assert_int_equal(delivered(s, got, sizeof got, 100), -1);

    seed = frame_fold(frame_pseudo_sum(frame.bytes + 14, 4, 17, 12));
    frame.bytes[40] = (uint8_t)(seed >> 8);
    frame.bytes[41] = (uint8_t)seed;
    frame.frame.offload =
        (struct frame_offload){.flags = FRAME_CSUM_NEEDED, .csum_start = 34, .csum_offset = 6};
    assert_int_equal(port_tx(p, &frame.frame, 1), 1);
    assert_int_equal(delivered(s, got, sizeof got, 1000), 4);
    frame.frame.offload.csum_start = 44;
    assert_int_equal(port_tx(p, &frame.frame, 1), 0);
    assert_int_equal(port_counter(p, PORT_TX_UNFINISHED), 1);
    close(s);
    port_free(p);
}

static void test_what_the_stack_leaves_undone_follows_the_switch(void **state)
{
    static const struct {
        uint32_t flags;
        int unfinished;
    } rows[] = {
        {0, 0}, {PORT_CSUM, 1}, {PORT_CSUM | PORT_TSO4 | PORT_TSO6 | PORT_TSO_ECN, 1}, {0, 0}};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(5000)};
    struct port *p;
    int s;

    (void)state;
    env_need_tap();
    p = open_tap(",offload");
    s = udp_socket();
    inet_pton(AF_INET, "10.7.0.2", &to.sin_addr);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct frame_layers l;

        assert_int_equal(port_set_stack_offload(p, rows[i].flags), 0);
        assert_int_equal(sendto(s, "abcd", 4, 0, (struct sockaddr *)&to, sizeof to), 4);
        assert_true(next_of(p, 17, &l));
        if (rows[i].unfinished) {
            assert_int_equal(received.buf.offload.flags, FRAME_CSUM_NEEDED);
            assert_int_equal(received.buf.offload.csum_start, 34);
            assert_int_equal(received.buf.offload.csum_offset, 6);
            assert_int_equal(env_checksum(&received), FRAME_WRONG);
        } else {
            assert_int_equal(received.buf.offload.flags, 0);
            assert_int_equal(env_checksum(&received), FRAME_GOOD);
        }
    }
    assert_int_equal(port_set_stack_offload(p, PORT_TSO4), -EINVAL);
    assert_int_equal(port_set_stack_offload(p, PORT_CSUM | PORT_TSO_ECN), -EINVAL);
    close(s);
    port_free(p);
}

/* A TCP peer of just three segments: connects the stack's socket to us. */
struct peer {
    int socket;
    uint8_t ip_version;
    uint32_t their_seq; /* next byte we expect */
    uint16_t their_port;
    uint8_t their_port_be[2];
};

static uint32_t be32_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void peer_frame(const struct peer *peer, struct env_frame *f, uint8_t flags, uint32_t seq,
                       const uint8_t *payload, uint32_t len)
{
    static const uint8_t mss_option[4] = {2, 4, 1460 >> 8, 1460 & 0xff};
    struct frame_recipe r = {
        .ip_version = peer->ip_version,
        .l4_proto = 6,
        .src_port = 5000,
        .dst_port = peer->their_port,
        .ttl = 64,
        .tcp_flags = flags,
        .seq = seq,
        .ack = peer->their_seq,
        .window = 65535,
        .tcp_options = flags & 2 ? mss_option : NULL,
        .tcp_options_len = flags & 2 ? 4 : 0,
        .payload = payload,
        .payload_len = len,
    };

    memcpy(r.dst_mac, stack_mac, 6);
    memcpy(r.src_mac, our_mac, 6);
    if (peer->ip_version == 4) {
        memcpy(r.src_ip, (uint8_t[]){10, 7, 0, 2}, 4);
        memcpy(r.dst_ip, (uint8_t[]){10, 7, 0, 1}, 4);
    } else {
        inet_pton(AF_INET6, "fd07::2", r.src_ip);
        inet_pton(AF_INET6, "fd07::1", r.dst_ip);
    }
    env_built(f, &r);
}

static void peer_connect(struct peer *peer, struct port *p, uint8_t ip_version)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(5000)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(5000)};
    struct pollfd pfd = {.events = POLLOUT};
    struct frame_layers l;
    int err;

    inet_pton(AF_INET, "10.7.0.2", &v4.sin_addr);
    inet_pton(AF_INET6, "fd07::2", &v6.sin6_addr);
    peer->ip_version = ip_version;
    peer->socket =
        socket(ip_version == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    err = ip_version == 4 ? connect(peer->socket, (struct sockaddr *)&v4, sizeof v4)
                          : connect(peer->socket, (struct sockaddr *)&v6, sizeof v6);
    assert_true(err < 0 && errno == EINPROGRESS);
    do /* an earlier connection may still say good-bye */
        assert_true(next_of(p, 6, &l));
    while (!(received.bytes[l.l4_offset + 13] & 2));
    peer->their_port =
        (uint16_t)(received.bytes[l.l4_offset] << 8 | received.bytes[l.l4_offset + 1]);
    memcpy(peer->their_port_be, received.bytes + l.l4_offset, 2);
    peer->their_seq = be32_at(received.bytes + l.l4_offset + 4) + 1;
    peer_frame(peer, &frame, 0x12, 1000, NULL, 0);
    assert_int_equal(port_tx(p, &frame.frame, 1), 1);
    pfd.fd = peer->socket;
    assert_int_equal(poll(&pfd, 1, 5000), 1);
    assert_true(next_of(p, 6, &l)); /* its ACK */
}

/* The largest frame of a burst of 12000 bytes stands in `received` when done. */
static void largest_of_burst(struct peer *peer, struct port *p)
{
    static uint8_t data[12000];
    static struct env_received largest;
    uint32_t got = 0;

    largest.buf.len = 0;
    assert_int_equal(send(peer->socket, data, sizeof data, 0), sizeof data);
    while (got < sizeof data) {
        struct frame_layers l;

        assert_true(next_of(p, 6, &l));
        if (memcmp(received.bytes + l.l4_offset, peer->their_port_be, 2) != 0)
            continue;
        got += received.buf.len - l.payload_offset;
        if (received.buf.len > largest.buf.len)
            largest = received;
    }
    received = largest;
    received.span.data = received.bytes;
}

static void test_large_sends_follow_the_switch(void **state)
{
    static const struct {
        uint8_t ip_version;
        uint32_t flags;
        int gso;
    } rows[] = {
        {4, 0, FRAME_GSO_NONE},
        {4, PORT_CSUM, FRAME_GSO_NONE},
        {4, PORT_CSUM | PORT_TSO4, FRAME_GSO_TCP4},
        {4, PORT_CSUM | PORT_TSO6, FRAME_GSO_NONE},
        {6, PORT_CSUM | PORT_TSO4, FRAME_GSO_NONE},
        {6, PORT_CSUM | PORT_TSO6, FRAME_GSO_TCP6},
        {4, 0, FRAME_GSO_NONE},
    };
    struct port *p;

    (void)state;
    env_need_tap();
    p = open_tap(",offload");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint16_t l4 = rows[i].ip_version == 4 ? 34 : 54;
        const struct frame_offload *o = &received.buf.offload;
        struct peer peer;

        assert_int_equal(port_set_stack_offload(p, rows[i].flags), 0);
        peer_connect(&peer, p, rows[i].ip_version);
        largest_of_burst(&peer, p);
        assert_int_equal(o->gso, rows[i].gso);
        if (rows[i].gso == FRAME_GSO_NONE) {
            assert_true(received.buf.len <= 1514);
        } else {
            assert_true(received.buf.len > 1514);
            assert_in_range(o->mss, 1400, 1460);
            assert_int_equal(o->header_len, l4 + 20);
        }
        if (rows[i].flags) {
            assert_true(o->flags & FRAME_CSUM_NEEDED);
            assert_int_equal(o->csum_start, l4);
            assert_int_equal(o->csum_offset, 16);
        } else {
            assert_int_equal(o->flags, 0);
            assert_int_equal(env_checksum(&received), FRAME_GOOD);
        }
        close(peer.socket);
    }
    assert_int_equal(port_counter(p, PORT_RX_BAD_HEADER), 0);
    port_free(p);
}

static void test_a_large_frame_goes_into_the_stack_whole(void **state)
{
    static uint8_t data[40000], got[40000];
    struct frame_offload large = {.flags = FRAME_CSUM_NEEDED,
                                  .gso = FRAME_GSO_TCP4,
                                  .mss = 1460,
                                  .csum_start = 34,
                                  .csum_offset = 16,
                                  .header_len = 54};
    struct peer peer;
    struct port *p;
    uint64_t seed;
    size_t at = 0;

    (void)state;
    env_need_tap();
    p = open_tap(",offload");
    peer_connect(&peer, p, 4);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 31 + (i >> 8));
    peer_frame(&peer, &frame, 0x10, 1001, data, sizeof data);
    seed = frame_fold(frame_pseudo_sum(frame.bytes + 14, 4, 6, 20 + sizeof data));
    frame.bytes[50] = (uint8_t)(seed >> 8);
    frame.bytes[51] = (uint8_t)seed;
    frame.frame.offload = large;
    assert_int_equal(port_tx(p, &frame.frame, 1), 1);
    while (at < sizeof data) {
        ssize_t n = delivered(peer.socket, got + at, sizeof got - at, 1000);

        assert_true(n > 0);
        at += (size_t)n;
    }
    assert_memory_equal(got, data, sizeof data);

    frame.frame.offload.gso = FRAME_GSO_TCP6; /* the kernel's own check: not what the frame is */
    assert_int_equal(port_tx(p, &frame.frame, 1), 0);
    assert_int_equal(port_counter(p, PORT_TX_REFUSED), 1);
    close(peer.socket);
    port_free(p);
}

/* A raw frame from the stack's side, by way of a packet port on the TAP. */
static void from_stack(struct port *wire, uint32_t len, uint8_t seed)
{
    env_raw(&frame, len, seed);
    assert_int_equal(port_tx(wire, &frame.frame, 1), 1);
}

static void test_a_frame_longer_than_the_buffer_is_dropped_and_counted(void **state)
{
    static const char *const options[] = {"", ",offload"};

    (void)state;
    env_need_tap();
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        struct port *p = open_tap(options[i]), *wire = env_open("packet:t0");
        struct frame_span halves[2] = {{received.bytes, 250}, {received.bytes + 250, 250}};
        struct port_buffer buf = {.spans = halves, .span_count = 2};
        uint64_t frames;

        while (env_receive_within(p, &received, 100))
            ; /* its chatter */
        frames = port_counter(p, PORT_RX_FRAMES);
        from_stack(wire, 501, 1);
        from_stack(wire, 1514, 2);
        from_stack(wire, 500, 3);
        assert_true(env_wait(p, 1000));
        while (port_rx(p, &buf, 1) == 1 && received.bytes[12] != 0x88)
            frames++;
        assert_int_equal(buf.len, 500);
        assert_memory_equal(received.bytes, frame.bytes, 500);
        assert_int_equal(port_counter(p, PORT_RX_TRUNCATED), 2);
        assert_int_equal(port_counter(p, PORT_RX_FRAMES), frames + 1);
        port_free(wire);
        port_free(p);
    }
}

static void test_frames_in_more_pieces_than_a_call_takes(void **state)
{
    static const char *const options[] = {"", ",offload"};
    static struct frame_span pieces[1500];

    (void)state;
    env_need_tap();
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        struct port *p = open_tap(options[i]), *wire = env_open("packet:t0");

        env_raw(&frame, 1500, 9);
        for (unsigned b = 0; b < 1500; b++)
            pieces[b] = (struct frame_span){frame.bytes + b, 1};
        frame.frame.spans = pieces;
        frame.frame.span_count = 1500;
        assert_int_equal(port_tx(p, &frame.frame, 1), 1);
        assert_true(env_receive_raw(wire, &received));
        assert_int_equal(received.buf.len, 1500);
        assert_memory_equal(received.bytes, frame.bytes, 1500);
        port_free(wire);
        port_free(p);
    }
}

static void test_a_down_interface_is_counted_and_a_deleted_one_is_gone(void **state)
{
    struct port *p;
    int got;

    (void)state;
    env_need_tap();
    p = open_tap("");
    env_raw(&frame, 100, 0);
    env_run("ip link set t0 down");
    assert_int_equal(port_tx(p, &frame.frame, 1), 0);
    assert_int_equal(port_counter(p, PORT_TX_DOWN), 1);
    while ((got = port_rx(p, &received.buf, 1)) > 0)
        ;
    assert_int_equal(got, 0);
    env_run("ip link set t0 up");
    assert_int_equal(port_tx(p, &frame.frame, 1), 1);
    env_run("ip link del t0");
    assert_true(port_rx(p, &received.buf, 1) < 0);
    assert_true(env_wait(p, 0));
    assert_int_equal(port_tx(p, &frame.frame, 1), 0);
    assert_int_equal(port_counter(p, PORT_TX_DOWN), 2);
    assert_true(port_set_carrier(p, true) < 0);
    assert_true(port_set_mtu(p, 1500) < 0);
    port_free(p);
}

static void test_carrier_mac_and_mtu_reach_the_interface_even_renamed(void **state)
{
    struct port *p;

    (void)state;
    env_need_tap();
    p = open_tap("");
    env_run("ip -br link show dev t0 | grep -qw LOWER_UP");
    assert_int_equal(port_set_carrier(p, false), 0);
    env_run("ip link show dev t0 | grep -qw NO-CARRIER");
    assert_int_equal(port_set_carrier(p, true), 0);
    env_run("ip -br link show dev t0 | grep -qw LOWER_UP");
    env_run("ip link set t0 name t9");
    assert_int_equal(port_set_mtu(p, 9000), 0);
    env_run("ip link show dev t9 | grep -q 'mtu 9000'");
    assert_true(port_set_mtu(p, 1000000) < 0);
    assert_int_equal(port_set_mtu(p, UINT32_MAX), -EINVAL);
    assert_int_equal(port_set_mac(p, (const uint8_t[]){2, 9, 9, 9, 9, 9}), 0);
    env_run("ip link show dev t9 | grep -q 02:09:09:09:09:09");
    assert_true(port_set_mac(p, (const uint8_t[]){3, 9, 9, 9, 9, 9}) < 0); /* multicast */
    port_free(p);
}

static void test_a_persistent_tap_forgets_its_last_owner(void **state)
{
    struct port *p;
    int fd, size = 20;
    struct ifreq ifr = {.ifr_name = "t0"};
    struct frame_layers l;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(5000)};
    int s;

    (void)state;
    env_need_tap();
    fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    ifr.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
    assert_int_equal(ioctl(fd, TUNSETPERSIST, 1), 0);
    assert_int_equal(ioctl(fd, TUNSETVNETHDRSZ, &size), 0);
    assert_int_equal(ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4), 0);
    close(fd);
    p = open_tap(",offload");
    s = udp_socket();
    inet_pton(AF_INET, "10.7.0.2", &to.sin_addr);
    assert_int_equal(sendto(s, "abcd", 4, 0, (struct sockaddr *)&to, sizeof to), 4);
    assert_true(next_of(p, 17, &l));
    assert_int_equal(received.buf.offload.flags, 0);
    assert_int_equal(env_checksum(&received), FRAME_GOOD);
    close(s);
    port_free(p);
    env_run("ip link del t0");
}

/* What class/net/t0/threaded says in a sysfs of this namespace, or -1. */
static int threaded(void)
{
    cleanup_close int fs = fsopen("sysfs", FSOPEN_CLOEXEC);
    cleanup_close int root = -1;
    cleanup_close int fd = -1;
    char c = 0;

    if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -1;
    root = fsmount(fs, FSMOUNT_CLOEXEC, 0);
    fd = openat(root, "class/net/t0/threaded", O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, &c, 1) == 1 ? c - '0' : -1;
}

static void test_napi_is_on_and_delivers(void **state)
{
    static const char *const options[] = {",napi", ",offload,napi"};

    (void)state;
    env_need_tap();
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        struct port *p = open_tap(options[i]);
        struct ifreq ifr = {0};
        uint8_t got[64];
        int s = udp_socket();

        assert_int_equal(ioctl(port_fd(p), TUNGETIFF, &ifr), 0);
        assert_true(ifr.ifr_flags & IFF_NAPI);
        if (threaded() < 0)
            print_message("threaded: no sysfs of our own to look into\n");
        else
            assert_int_equal(threaded(), 1);
        for (unsigned n = 0; n < 100; n++) {
            to_stack(&frame, 17, (const uint8_t *)"abcd", 4);
            assert_int_equal(port_tx(p, &frame.frame, 1), 1);
        }
        for (unsigned n = 0; n < 100; n++)
            assert_int_equal(delivered(s, got, sizeof got, 1000), 4);
        close(s);
        port_free(p);
    }
}

static void test_queues_share_the_interface_up_to_their_number(void **state)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(5000)};
    struct port *p, *second, *third;
    struct why why = {0};
    struct frame_layers l;
    int s;

    (void)state;
    env_need_tap();
    p = open_tap(",offload,queues=2");
    assert_int_equal(port_set_stack_offload(p, PORT_CSUM), 0);
    assert_int_equal(port_add_queue(p, &second, &why), 0);
    assert_int_equal(port_add_queue(p, &third, &why), -ENOSPC);
    assert_null(third);
    assert_int_equal(port_add_queue(second, &third, &why), -ENOSPC);
    assert_string_equal(port_name(second), "t0");
    port_free(p);
    s = udp_socket();
    inet_pton(AF_INET, "10.7.0.2", &to.sin_addr);
    assert_int_equal(sendto(s, "abcd", 4, 0, (struct sockaddr *)&to, sizeof to), 4);
    assert_true(next_of(second, 17, &l));
    assert_int_equal(received.buf.offload.flags,
                     FRAME_CSUM_NEEDED); /* the new queue changed nothing */
    close(s);
    port_free(second);
}

static void test_the_kernel_may_number_the_name(void **state)
{
    struct port *a, *b;

    (void)state;
    env_need_tap();
    a = env_open("tap:num%d");
    b = env_open("tap:num%d");
    assert_string_equal(port_name(a), "num0");
    assert_string_equal(port_name(b), "num1");
    port_free(a);
    port_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_plain_tap_carries_datagrams_both_ways, env_setup),
        cmocka_unit_test_setup(test_behind_a_plain_tap_the_stack_verifies_checksums_itself,
                               env_setup),
        cmocka_unit_test_setup(test_the_stack_finishes_what_is_needed_and_believes_no_verdict,
                               env_setup),
        cmocka_unit_test_setup(test_what_the_stack_leaves_undone_follows_the_switch, env_setup),
        cmocka_unit_test_setup(test_large_sends_follow_the_switch, env_setup),
        cmocka_unit_test_setup(test_a_large_frame_goes_into_the_stack_whole, env_setup),
        cmocka_unit_test_setup(test_a_frame_longer_than_the_buffer_is_dropped_and_counted,
                               env_setup),
        cmocka_unit_test_setup(test_frames_in_more_pieces_than_a_call_takes, env_setup),
        cmocka_unit_test_setup(test_a_down_interface_is_counted_and_a_deleted_one_is_gone,
                               env_setup),
        cmocka_unit_test_setup(test_carrier_mac_and_mtu_reach_the_interface_even_renamed,
                               env_setup),
        cmocka_unit_test_setup(test_a_persistent_tap_forgets_its_last_owner, env_setup),
        cmocka_unit_test_setup(test_napi_is_on_and_delivers, env_setup),
        cmocka_unit_test_setup(test_queues_share_the_interface_up_to_their_number, env_setup),
        cmocka_unit_test_setup(test_the_kernel_may_number_the_name, env_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
