/* SPDX-License-Identifier: MIT */
/* port/cable.c: order, bytes, readiness, limits, and both ways to unplug it. */
#include "test_port_env.h"

#include <pthread.h>

static struct env_frame frame;
static struct env_received received;

static void test_frames_cross_both_ways_unchanged(void **state)
{
    static const uint32_t lens[] = {14, 15, 60, 1514, 9014, PORT_MAX_FRAME};
    struct port *a = env_open("cable"), *b = port_cable_peer(a);

    (void)state;
    assert_ptr_equal(port_cable_peer(a), b);
    assert_ptr_equal(port_cable_peer(b), a);
    for (unsigned way = 0; way < 2; way++) {
        struct port *from = way ? b : a, *to = way ? a : b;

        for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
            env_raw(&frame, lens[i], (uint8_t)i);
            assert_false(env_wait(to, 0));
            assert_int_equal(port_tx(from, &frame.frame, 1), 1);
            assert_true(env_wait(to, 0));
            assert_true(env_receive(to, &received));
            assert_int_equal(received.buf.len, lens[i]);
            assert_memory_equal(received.bytes, frame.bytes, lens[i]);
            assert_int_equal(received.buf.offload.flags, 0);
            assert_int_equal(port_rx(to, &received.buf, 1), 0);
        }
        assert_int_equal(port_counter(from, PORT_TX_FRAMES), ARRAY_LEN(lens));
        assert_int_equal(port_counter(to, PORT_RX_FRAMES), ARRAY_LEN(lens));
        assert_int_equal(port_counter(to, PORT_RX_BYTES), port_counter(from, PORT_TX_BYTES));
    }
    port_free(a);
    port_free(b);
}

static void test_frames_no_cable_carries_are_counted(void **state)
{
    struct port *a = env_open("cable");

    (void)state;
    env_raw(&frame, 13, 0);
    assert_int_equal(port_tx(a, &frame.frame, 1), 0);
    env_raw(&frame, PORT_MAX_FRAME + 1, 0);
    assert_int_equal(port_tx(a, &frame.frame, 1), 0);
    assert_int_equal(port_counter(a, PORT_TX_REFUSED), 2);
    env_raw(&frame, 100, 0);
    frame.frame.offload.flags = FRAME_CSUM_NEEDED;
    assert_int_equal(port_tx(a, &frame.frame, 1), 0);
    frame.frame.offload.flags = FRAME_IPCSUM_NEEDED;
    assert_int_equal(port_tx(a, &frame.frame, 1), 0);
    frame.frame.offload = (struct frame_offload){.gso = FRAME_GSO_TCP6};
    assert_int_equal(port_tx(a, &frame.frame, 1), 0);
    assert_int_equal(port_counter(a, PORT_TX_UNFINISHED), 3);
    frame.frame.offload = (struct frame_offload){.flags = FRAME_CSUM_VALID | FRAME_IPCSUM_VALID};
    assert_int_equal(port_tx(a, &frame.frame, 1), 1);
    port_free(a);
}

static void
test_a_frame_too_long_for_its_buffer_is_dropped_and_the_next_takes_the_buffer(void **state)
{
    struct port *a = env_open("cable"), *b = port_cable_peer(a);
    struct frame_span span = {received.bytes, 100};
    struct port_buffer buf = {.spans = &span, .span_count = 1};

    (void)state;
    env_raw(&frame, 101, 1);
    assert_int_equal(port_tx(a, &frame.frame, 1), 1);
    env_raw(&frame, 100, 2);
    assert_int_equal(port_tx(a, &frame.frame, 1), 1);
    assert_int_equal(port_rx(b, &buf, 1), 1);
    assert_int_equal(buf.len, 100);
    assert_memory_equal(received.bytes, frame.bytes, 100);
    assert_int_equal(port_counter(b, PORT_RX_TRUNCATED), 1);
    assert_int_equal(port_counter(b, PORT_RX_FRAMES), 1);
    port_free(b);
    port_free(a);
}

static void test_a_full_cable_drops_counts_and_keeps_what_it_has(void **state)
{
    struct port *a = env_open("cable"), *b = port_cable_peer(a);

    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        unsigned sent = 0, drained = 0;
        uint64_t dropped = port_counter(a, PORT_TX_NO_ROOM);

        for (;; sent++) {
            env_raw(&frame, 60000 + sent, (uint8_t)sent);
            if (port_tx(a, &frame.frame, 1) == 0)
                break;
            assert_true(sent < 100000);
        }
        assert_true(sent > 64);
        assert_int_equal(port_counter(a, PORT_TX_NO_ROOM), dropped + 1);
        while (env_receive_within(b, &received, 0)) {
            env_raw(&frame, 60000 + drained, (uint8_t)drained);
            assert_int_equal(received.buf.len, frame.frame.len);
            assert_memory_equal(received.bytes, frame.bytes, frame.frame.len);
            drained++;
            if (round == 1 && drained == sent / 2)
                break; /* the next round starts half full: the ring wraps */
        }
        if (round != 1) {
            assert_int_equal(drained, sent);
        } else {
            while (env_receive_within(b, &received, 0))
                drained++;
            assert_int_equal(drained, sent);
        }
    }
    port_free(a);
    port_free(b);
}

static void test_either_end_may_go_first(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 2; first++) {
        struct port *ends[2], *stays;

        ends[0] = env_open("cable");
        ends[1] = port_cable_peer(ends[0]);
        stays = ends[!first];
        env_raw(&frame, 100, 3);
        assert_int_equal(port_tx(ends[first], &frame.frame, 1), 1);
        port_free(ends[first]);
        assert_null(port_cable_peer(stays));
        assert_true(env_receive(stays, &received)); /* was on its way */
        assert_int_equal(port_rx(stays, &received.buf, 1), 0);
        assert_int_equal(port_tx(stays, &frame.frame, 1), 0);
        assert_int_equal(port_counter(stays, PORT_TX_DOWN), 1);
        port_free(stays);
    }
}

static void test_a_far_end_nobody_asked_for_goes_with_the_near_one(void **state)
{
    struct port *a = env_open("cable");

    (void)state;
    env_raw(&frame, 100, 3);
    assert_int_equal(port_tx(a, &frame.frame, 1), 1);
    port_free(a); /* the leak checker is the judge */
}

static void test_frames_in_many_pieces(void **state)
{
    static struct frame_span out[2000], in[2000];
    struct port *a = env_open("cable"), *b = port_cable_peer(a);
    struct port_buffer buf = {.spans = in, .span_count = 2000};

    (void)state;
    env_raw(&frame, 2000, 5);
    for (unsigned i = 0; i < 2000; i++) {
        out[i] = (struct frame_span){frame.bytes + i, 1};
        in[i] = (struct frame_span){received.bytes + i, 1};
    }
    frame.frame.spans = out;
    frame.frame.span_count = 2000;
    assert_int_equal(port_tx(a, &frame.frame, 1), 1);
    assert_int_equal(port_rx(b, &buf, 1), 1);
    assert_int_equal(buf.len, 2000);
    assert_memory_equal(received.bytes, frame.bytes, 2000);
    port_free(a);
    port_free(b);
}

/* Two threads, one producing as fast as it can, one sleeping in poll whenever the cable is empty:
 * no wake-up may be lost, and each frame arrives in order or is counted by the sender. */
enum { RACE_FRAMES = 100000 };

static void *race_sender(void *arg)
{
    static uint8_t bytes[1514] = {2};
    struct port *p = arg;

    for (uint32_t i = 1; i <= RACE_FRAMES; i++) {
        struct frame_span span = {bytes, 60 + i * 37 % 1400};
        struct frame f = {.spans = &span, .span_count = 1, .len = span.len};

        memcpy(bytes + 20, &i, sizeof i);
        bytes[span.len - 1] = (uint8_t)i;
        while (port_tx(p, &f, 1) == 0)
            sched_yield();
        bytes[span.len - 1] = 0;
    }
    return NULL;
}

static void test_two_threads_lose_nothing(void **state)
{
    struct port *a = env_open("cable"), *b = port_cable_peer(a);
    pthread_t sender;

    (void)state;
    assert_int_equal(pthread_create(&sender, NULL, race_sender, a), 0);
    for (uint32_t want = 1; want <= RACE_FRAMES; want++) {
        uint32_t number;

        if (!env_receive_within(b, &received, 10000))
            fail_msg("nothing came after frame %u", want - 1);
        memcpy(&number, received.bytes + 20, sizeof number);
        assert_int_equal(number, want);
        assert_int_equal(received.buf.len, 60 + want * 37 % 1400);
        assert_int_equal(received.bytes[received.buf.len - 1], (uint8_t)want);
    }
    pthread_join(sender, NULL);
    assert_int_equal(port_counter(a, PORT_TX_FRAMES), RACE_FRAMES);
    port_free(a);
    port_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_cross_both_ways_unchanged),
        cmocka_unit_test(test_frames_no_cable_carries_are_counted),
        cmocka_unit_test(
            test_a_frame_too_long_for_its_buffer_is_dropped_and_the_next_takes_the_buffer),
        cmocka_unit_test(test_a_full_cable_drops_counts_and_keeps_what_it_has),
        cmocka_unit_test(test_either_end_may_go_first),
        cmocka_unit_test(test_a_far_end_nobody_asked_for_goes_with_the_near_one),
        cmocka_unit_test(test_frames_in_many_pieces),
        cmocka_unit_test(test_two_threads_lose_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
