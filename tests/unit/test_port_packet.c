/* SPDX-License-Identifier: MIT */
/* port/packet.c on the two ends of a veth pair. */
#include "test_port_env.h"

#include <arpa/inet.h>
#include <sys/socket.h>

static struct env_frame frame;
static struct env_received received;
static struct port *near_end, *far_end;

/* Linux opens an interface's queue up to a second after its carrier comes, and drops what is sent
 * before; its operational state says when. */
static void wire_up(void)
{
    env_run("ip link add va0 type veth peer name vb0 && ip link set va0 up && ip link set vb0 up");
    env_run("for i in $(seq 200); do [ $(ip link show | grep -cE 'v[ab]0@.*state UP') = 2 ] && "
            "break; sleep 0.02; done; sleep 0.02");
    near_end = env_open("packet:va0");
    far_end = env_open("packet:vb0");
    assert_string_equal(port_name(near_end), "va0");
}

static void tear_down(void)
{
    port_free(near_end);
    port_free(far_end);
    env_run("ip link del va0");
}

static void send_raw(struct port *p, uint32_t len, uint8_t seed)
{
    env_raw(&frame, len, seed);
    assert_int_equal(port_tx(p, &frame.frame, 1), 1);
}

static void expect_raw(struct port *p, uint32_t len, uint8_t seed)
{
    assert_true(env_receive_raw(p, &received));
    env_raw(&frame, len, seed);
    assert_int_equal(received.buf.len, len);
    assert_memory_equal(received.bytes, frame.bytes, len);
    assert_int_equal(received.buf.offload.flags, 0);
}

static void test_frames_cross_both_ways_and_none_echoes(void **state)
{
    static const uint32_t lens[] = {15, 60, 1514};

    (void)state;
    env_need();
    wire_up();
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        send_raw(near_end, lens[i], (uint8_t)i);
        expect_raw(far_end, lens[i], (uint8_t)i);
        send_raw(far_end, lens[i], (uint8_t)(i + 10));
        expect_raw(near_end, lens[i], (uint8_t)(i + 10)); /* not what it sent itself */
    }
    tear_down();
}

static void test_batches_longer_than_one_system_call_keep_their_order(void **state)
{
    enum { COUNT = 3 * PORT_BATCH + 5 };
    static uint8_t out[COUNT][100], in[COUNT][100];
    static struct frame_span out_spans[COUNT], in_spans[COUNT];
    static struct frame frames[COUNT];
    static struct port_buffer bufs[COUNT];
    unsigned got = 0;

    (void)state;
    env_need();
    wire_up();
    while (env_receive_within(far_end, &received, 100))
        ;
    env_raw(&frame, 100, 0);
    for (unsigned i = 0; i < COUNT; i++) {
        memcpy(out[i], frame.bytes, 100);
        out[i][50] = (uint8_t)i;
        out_spans[i] = (struct frame_span){out[i], 100};
        in_spans[i] = (struct frame_span){in[i], 100};
        frames[i] = (struct frame){.spans = &out_spans[i], .span_count = 1, .len = 100};
        bufs[i] = (struct port_buffer){.spans = &in_spans[i], .span_count = 1};
    }
    frames[70].offload.flags = FRAME_CSUM_NEEDED; /* drops out of the middle */
    assert_int_equal(port_tx(near_end, frames, COUNT), COUNT - 1);
    assert_int_equal(port_counter(near_end, PORT_TX_UNFINISHED), 1);
    while (got < COUNT - 1 && env_wait(far_end, 1000)) {
        int n = port_rx(far_end, bufs + got, COUNT - got);

        assert_true(n >= 0);
        for (int i = 0; i < n; i++) {
            if (in[got + (unsigned)i][12] != 0x88)
                fail_msg("a stranger on the wire");
        }
        got += (unsigned)n;
    }
    assert_int_equal(got, COUNT - 1);
    for (unsigned i = 0; i < COUNT - 1; i++)
        assert_int_equal(in[i][50], (uint8_t)(i < 70 ? i : i + 1));
    tear_down();
}

static void test_a_truncated_frame_leaves_no_hole_in_the_batch(void **state)
{
    static const uint32_t lens[] = {100, 600, 200, 601, 300};
    static uint8_t in[8][600];
    struct frame_span spans[8];
    struct port_buffer bufs[8];
    static const uint8_t want[] = {0, 1, 2, 4};

    (void)state;
    env_need();
    wire_up();
    while (env_receive_within(far_end, &received, 100))
        ;
    for (unsigned i = 0; i < 8; i++) {
        spans[i] = (struct frame_span){in[i], 600};
        bufs[i] = (struct port_buffer){.spans = &spans[i], .span_count = 1};
    }
    for (size_t i = 0; i < ARRAY_LEN(lens); i++)
        send_raw(near_end, lens[i], (uint8_t)i);
    assert_int_equal(port_rx(far_end, bufs, 8), 4);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        env_raw(&frame, lens[want[i]], want[i]);
        assert_int_equal(bufs[i].len, lens[want[i]]);
        assert_memory_equal(in[i], frame.bytes, lens[want[i]]);
    }
    assert_int_equal(port_counter(far_end, PORT_RX_TRUNCATED), 1);
    tear_down();
}

static void test_vlan_tags_stand_in_the_bytes_again(void **state)
{
    static const uint8_t tags[][4] = {
        {0x81, 0x00, 0x00, 0x00}, /* priority only, id 0 */
        {0x81, 0x00, 0x0f, 0xff},
        {0x81, 0x00, 0xef, 0xfe},
        {0x88, 0xa8, 0x00, 0x05},
    };

    (void)state;
    env_need();
    wire_up();
    while (env_receive_within(far_end, &received, 100))
        ;
    for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
        env_raw(&frame, 200, (uint8_t)i);
        memmove(frame.bytes + 16, frame.bytes + 12, 188);
        memcpy(frame.bytes + 12, tags[i], 4);
        assert_int_equal(port_tx(near_end, &frame.frame, 1), 1);
        assert_true(env_receive(far_end, &received));
        assert_int_equal(received.buf.len, 200);
        assert_memory_equal(received.bytes, frame.bytes, 200);
    }
    /* The buffer must hold the tag too. */
    received.span.len = 199;
    assert_int_equal(port_tx(near_end, &frame.frame, 1), 1);
    assert_true(env_wait(far_end, 1000));
    assert_int_equal(port_rx(far_end, &received.buf, 1), 0);
    assert_int_equal(port_counter(far_end, PORT_RX_TRUNCATED), 1);
    tear_down();
}

static void test_checksums_that_a_local_sender_left_to_hardware_are_finished(void **state)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(5000)};
    unsigned seen = 0;
    int s;

    (void)state;
    env_need();
    wire_up();
    env_run("ip addr add 10.8.0.1/24 dev va0 && "
            "ip neigh replace 10.8.0.2 lladdr 02:00:00:00:00:02 dev va0 nud permanent");
    s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, "10.8.0.2", &to.sin_addr);
    assert_int_equal(sendto(s, "abcde", 5, 0, (struct sockaddr *)&to, sizeof to), 5);
    while (seen == 0 && env_receive(far_end, &received)) {
        struct frame_layers l;

        frame_parse(received.bytes, received.buf.len, received.buf.len, FRAME_STRICT, &l);
        if (l.l4_proto != 17 || l.ip_version != 4)
            continue;
        assert_int_equal(env_checksum(&received), FRAME_GOOD);
        assert_memory_equal(received.bytes + l.payload_offset, "abcde", 5);
        seen++;
    }
    assert_int_equal(seen, 1);
    close(s);
    tear_down();
}

static void test_frames_the_kernel_had_no_room_for_are_counted(void **state)
{
    static uint8_t in[PORT_BATCH][1514];
    struct frame_span spans[PORT_BATCH];
    struct port_buffer bufs[PORT_BATCH];
    uint64_t sent = 0;
    int n;

    (void)state;
    env_need();
    wire_up();
    while (env_receive_within(far_end, &received, 100))
        ;
    for (unsigned i = 0; i < PORT_BATCH; i++) {
        spans[i] = (struct frame_span){in[i], sizeof in[i]};
        bufs[i] = (struct port_buffer){.spans = &spans[i], .span_count = 1};
    }
    env_raw(&frame, 1514, 1);
    for (unsigned i = 0; i < 20000; i++)
        sent += port_tx(near_end, &frame.frame, 1);
    while ((n = port_rx(far_end, bufs, PORT_BATCH)) > 0)
        ;
    assert_int_equal(n, 0);
    sent += port_tx(near_end, &frame.frame, 1);
    assert_true(env_wait(far_end, 1000));
    while (port_rx(far_end, bufs, PORT_BATCH) > 0)
        ;
    assert_true(port_counter(far_end, PORT_RX_LOST) > 0);
    assert_true(port_counter(far_end, PORT_RX_FRAMES) + port_counter(far_end, PORT_RX_LOST) >=
                sent);
    tear_down();
}

static void test_a_full_device_is_waited_for_a_little_then_counted(void **state)
{
    struct timespec before, after;
    uint64_t sent = 0;

    (void)state;
    env_need();
    wire_up();
    if (system("tc qdisc add dev va0 root tbf rate 8kbit burst 1600 limit 1600 2>/dev/null") != 0) {
        print_message("skipped: this kernel has no tbf\n");
        tear_down();
        skip();
    }
    env_raw(&frame, 1000, 1);
    clock_gettime(CLOCK_MONOTONIC, &before);
    for (unsigned i = 0; i < 20; i++)
        sent += port_tx(near_end, &frame.frame, 1);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true(sent < 20);
    assert_int_equal(sent + port_counter(near_end, PORT_TX_NO_ROOM), 20);
    assert_int_equal(sent, port_counter(near_end, PORT_TX_FRAMES));
    assert_true(after.tv_sec - before.tv_sec < 2);
    tear_down();
}

static void test_refusals_of_the_kernel_are_counted(void **state)
{
    (void)state;
    env_need();
    wire_up();
    env_raw(&frame, 9000, 1); /* over the MTU */
    assert_int_equal(port_tx(near_end, &frame.frame, 1), 0);
    assert_int_equal(port_counter(near_end, PORT_TX_REFUSED), 1);
    send_raw(near_end, 100, 2);
    expect_raw(far_end, 100, 2);
    tear_down();
}

static void test_frames_in_more_pieces_than_a_call_takes(void **state)
{
    static struct frame_span pieces[1500];
    struct frame two[2];

    (void)state;
    env_need();
    wire_up();
    env_raw(&frame, 1500, 9);
    for (unsigned b = 0; b < 1500; b++)
        pieces[b] = (struct frame_span){frame.bytes + b, 1};
    two[0] = frame.frame;
    two[1] = frame.frame;
    two[1].spans = pieces;
    two[1].span_count = 1500;
    assert_int_equal(port_tx(near_end, two, 2), 2);
    expect_raw(far_end, 1500, 9);
    expect_raw(far_end, 1500, 9);
    tear_down();
}

/* Linux opens an interface's queue up to a second after its carrier is back; frames sent before are
 * dropped there. */
static void expect_raw_soon(struct port *from, struct port *to, uint32_t len, uint8_t seed)
{
    for (unsigned i = 0; i < 50; i++) {
        send_raw(from, len, seed);
        if (env_receive_within(to, &received, 100) && received.buf.len == len)
            return;
    }
    fail_msg("nothing crossed within five seconds");
}

static void test_down_and_up_again_and_gone(void **state)
{
    int got;

    (void)state;
    env_need();
    wire_up();
    env_run("ip link set vb0 down");
    while ((got = port_rx(far_end, &received.buf, 1)) > 0)
        ;
    assert_int_equal(got, 0);
    env_raw(&frame, 100, 0);
    assert_int_equal(port_tx(far_end, &frame.frame, 1), 0);
    assert_int_equal(port_counter(far_end, PORT_TX_DOWN), 1);
    env_run("ip link set vb0 up");
    expect_raw_soon(near_end, far_end, 100, 4);
    expect_raw_soon(far_end, near_end, 100, 5); /* the far end sends again after its outage */
    env_run("ip link set va0 down; ip link set va0 up"); /* nobody received meanwhile: the news
                                                            waits in the socket */
    send_raw(near_end, 100, 6);
    env_run("ip link del va0");
    for (unsigned i = 0; i < 100 && (got = port_rx(far_end, &received.buf, 1)) >= 0; i++)
        ;
    assert_int_equal(got, -ENODEV);
    assert_int_equal(port_rx(far_end, &received.buf, 1), -ENODEV);
    assert_int_equal(port_tx(far_end, &frame.frame, 1), 0);
    assert_int_equal(port_counter(far_end, PORT_TX_DOWN), 2);
    port_free(near_end);
    port_free(far_end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_frames_cross_both_ways_and_none_echoes, env_setup),
        cmocka_unit_test_setup(test_batches_longer_than_one_system_call_keep_their_order,
                               env_setup),
        cmocka_unit_test_setup(test_a_truncated_frame_leaves_no_hole_in_the_batch, env_setup),
        cmocka_unit_test_setup(test_vlan_tags_stand_in_the_bytes_again, env_setup),
        cmocka_unit_test_setup(test_checksums_that_a_local_sender_left_to_hardware_are_finished,
                               env_setup),
        cmocka_unit_test_setup(test_frames_the_kernel_had_no_room_for_are_counted, env_setup),
        cmocka_unit_test_setup(test_a_full_device_is_waited_for_a_little_then_counted, env_setup),
        cmocka_unit_test_setup(test_refusals_of_the_kernel_are_counted, env_setup),
        cmocka_unit_test_setup(test_frames_in_more_pieces_than_a_call_takes, env_setup),
        cmocka_unit_test_setup(test_down_and_up_again_and_gone, env_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
