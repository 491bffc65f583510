/* SPDX-License-Identifier: MIT */
/* port/pcap.c: plays both formats once, records, and says what is wrong with a file. */
#include "test_port_env.h"

#include <pcap/pcap.h>

static struct env_frame frame;
static struct env_received received;

/* A capture in the old format, made by libpcap. */
static void write_pcap(const char *path, int link, const uint32_t *lens, size_t n,
                       uint32_t cut_last)
{
    pcap_t *dead = pcap_open_dead(link, 262144);
    pcap_dumper_t *d = pcap_dump_open(dead, path);

    assert_non_null(d);
    for (size_t i = 0; i < n; i++) {
        struct pcap_pkthdr head = {.caplen = lens[i], .len = lens[i]};

        env_raw(&frame, lens[i], (uint8_t)i);
        if (i == n - 1)
            head.caplen -= cut_last;
        pcap_dump((u_char *)d, &head, frame.bytes);
    }
    pcap_dump_close(d);
    pcap_close(dead);
}

static struct port *open_files(const char *in, const char *out)
{
    char spec[300];

    snprintf(spec, sizeof spec, out ? "pcap:%s,%s" : "pcap:%s", in, out);
    return env_open(spec);
}

static void expect_frames(struct port *p, const uint32_t *lens, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_true(env_wait(p, 0));
        assert_true(env_receive_within(p, &received, 0));
        env_raw(&frame, lens[i], (uint8_t)i);
        assert_int_equal(received.buf.len, lens[i]);
        assert_memory_equal(received.bytes, frame.bytes, lens[i]);
    }
}

static const uint32_t lens[] = {60, 1514, 14, 65000, 61};

static void test_a_capture_is_played_once_then_the_port_is_quiet(void **state)
{
    char *path = env_path("in.pcap");
    struct port *p;

    (void)state;
    write_pcap(path, DLT_EN10MB, lens, ARRAY_LEN(lens), 0);
    p = open_files(path, NULL);
    assert_false(port_ended(p));
    expect_frames(p, lens, ARRAY_LEN(lens));
    assert_int_equal(port_rx(p, &received.buf, 1), 0);
    assert_true(port_ended(p));
    assert_false(env_wait(p, 0));
    assert_int_equal(port_rx(p, &received.buf, 1), 0);
    env_raw(&frame, 100, 0);
    assert_int_equal(port_tx(p, &frame.frame, 1), 1); /* no OUT: sent to nobody */
    port_free(p);
    unlink(path);
}

static void test_what_is_recorded_can_be_played(void **state)
{
    char *path = env_path("out.pcapng");
    struct port *p = open_files("-", path);

    (void)state;
    assert_true(port_ended(p));
    assert_false(env_wait(p, 0));
    assert_int_equal(port_rx(p, &received.buf, 1), 0);
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        env_raw(&frame, lens[i], (uint8_t)i);
        assert_int_equal(port_tx(p, &frame.frame, 1), 1);
    }
    frame.frame.offload.flags = FRAME_CSUM_NEEDED;
    assert_int_equal(port_tx(p, &frame.frame, 1), 0);
    assert_int_equal(port_counter(p, PORT_TX_UNFINISHED), 1);
    port_free(p);
    p = open_files(path, NULL); /* pcapng */
    expect_frames(p, lens, ARRAY_LEN(lens));
    port_free(p);
    unlink(path);
}

static void test_half_a_frame_is_not_played(void **state)
{
    static const uint32_t three[] = {60, 70, 80};
    char *path = env_path("cut.pcap");
    struct port *p;

    (void)state;
    write_pcap(path, DLT_EN10MB, three, 3, 5);
    p = open_files(path, NULL);
    expect_frames(p, three, 2);
    assert_int_equal(port_rx(p, &received.buf, 1), 0);
    assert_true(port_ended(p));
    assert_int_equal(port_counter(p, PORT_RX_TRUNCATED), 1);
    port_free(p);
    unlink(path);
}

static void test_a_file_that_breaks_off_ends_the_port_with_an_error(void **state)
{
    char *path = env_path("broken.pcap");
    struct port *p;

    (void)state;
    write_pcap(path, DLT_EN10MB, lens, ARRAY_LEN(lens), 0);
    assert_int_equal(truncate(path, 24 + 16 + 60 + 16 + 700), 0);
    p = open_files(path, NULL);
    expect_frames(p, lens, 1);
    assert_int_equal(port_rx(p, &received.buf, 1), -EIO);
    assert_int_equal(port_rx(p, &received.buf, 1), -EIO);
    port_free(p);
    unlink(path);
}

static void test_only_ethernet_is_played(void **state)
{
    char *path = env_path("raw.pcap");
    char spec[300];
    struct why why = {0};
    struct port *p;

    (void)state;
    write_pcap(path, DLT_RAW, lens, 1, 0);
    snprintf(spec, sizeof spec, "pcap:%s", path);
    assert_int_equal(port_open(spec, &p, &why), -EPROTONOSUPPORT);
    assert_non_null(strstr(why.text, "not Ethernet"));
    unlink(path);
}

static void test_a_file_is_not_recorded_over_itself(void **state)
{
    char *path = env_path("same.pcap");
    char spec[300];
    struct why why = {0};
    struct port *p;

    (void)state;
    write_pcap(path, DLT_EN10MB, lens, ARRAY_LEN(lens), 0);
    snprintf(spec, sizeof spec, "pcap:%s,%s", path, path);
    assert_int_equal(port_open(spec, &p, &why), -EINVAL);
    assert_non_null(strstr(why.text, "same file"));
    p = open_files(path, NULL);
    expect_frames(p, lens, ARRAY_LEN(lens));
    port_free(p);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_capture_is_played_once_then_the_port_is_quiet),
        cmocka_unit_test(test_what_is_recorded_can_be_played),
        cmocka_unit_test(test_half_a_frame_is_not_played),
        cmocka_unit_test(test_a_file_that_breaks_off_ends_the_port_with_an_error),
        cmocka_unit_test(test_only_ethernet_is_played),
        cmocka_unit_test(test_a_file_is_not_recorded_over_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
