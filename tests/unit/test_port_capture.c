/* SPDX-License-Identifier: MIT */
/* port/capture.c: the file as tshark and libpcap read it, and files that do not take what they are
 * given. */
#include "test_port_env.h"

#include <pcap/pcap.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static struct env_frame frame;
static struct env_received received;

static struct port_capture *open_capture(const char *path)
{
    struct port_capture *c = NULL;
    struct why why = {0};

    if (port_capture_open(path, &c, &why) != 0)
        fail_msg("%s", why.text);
    return c;
}

/* One line of what tshark prints about frame `number`, fields separated by blanks. */
static void expect_line(FILE *tshark, uint32_t len, int direction, uint8_t seed, double *last_time)
{
    static char line[300000], hex[200000];
    static char got_hex[200000];
    unsigned got_len = 0, got_direction = 0;
    double time = 0;

    assert_non_null(fgets(line, sizeof line, tshark));
    got_hex[0] = '\0';
    assert_true(sscanf(line, "%u %x %lf %199999s", &got_len, &got_direction, &time, got_hex) >= 3);
    assert_int_equal(got_len, len);
    assert_int_equal(got_direction, direction);
    assert_true(time >= *last_time && time > 1.6e9);
    *last_time = time;
    env_raw(&frame, len, seed);
    for (uint32_t i = 14; i < len; i++)
        sprintf(hex + (i - 14) * 2, "%02x", frame.bytes[i]);
    hex[(len - 14) * 2] = '\0';
    assert_string_equal(got_hex, hex);
}

static void test_tshark_reads_back_the_same_bytes_and_directions(void **state)
{
    static const uint32_t lens[] = {14, 15, 60, 61, 62, 63, 1514, 65535};
    struct port *a = env_open("cable"), *b = port_cable_peer(a);
    char *path = env_path("capture.pcapng");
    struct port_capture *c = open_capture(path);
    char command[512];
    double last = 0;
    FILE *tshark;

    (void)state;
    if (system("command -v tshark >/dev/null") != 0) {
        print_message("skipped: no tshark\n");
        skip();
    }
    port_set_capture(a, c);
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        env_raw(&frame, lens[i], (uint8_t)i);
        port_tx(a, &frame.frame, 1);
        env_raw(&frame, lens[i], (uint8_t)(i + 100));
        port_tx(b, &frame.frame, 1);
        assert_true(env_receive(a, &received));
    }
    port_set_capture(a, NULL);
    port_tx(a, &frame.frame, 1);
    assert_int_equal(port_capture_lost(c), 0);
    port_capture_free(c);
    port_free(a);
    port_free(b);
    snprintf(command, sizeof command,
             "tshark -r %s -T fields -E separator=/s -e frame.len -e frame.packet_flags_direction "
             "-e frame.time_epoch -e data.data 2>/dev/null",
             path);
    tshark = popen(command, "r");
    assert_non_null(tshark);
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        expect_line(tshark, lens[i], 2, (uint8_t)i, &last);
        expect_line(tshark, lens[i], 1, (uint8_t)(i + 100), &last);
    }
    assert_null(fgets(command, sizeof command, tshark));
    assert_int_equal(pclose(tshark), 0);
    unlink(path);
}

/* Number of frames libpcap finds; -1 when the file is damaged. */
static int count_frames(const char *path)
{
    char text[PCAP_ERRBUF_SIZE];
    pcap_t *in = pcap_open_offline(path, text);
    struct pcap_pkthdr *head;
    const u_char *bytes;
    int n = 0, got;

    if (!in)
        return -1;
    while ((got = pcap_next_ex(in, &head, &bytes)) == 1)
        n++;
    pcap_close(in);
    return got == PCAP_ERROR_BREAK ? n : -1;
}

static void test_an_empty_capture_is_a_capture(void **state)
{
    char *path = env_path("empty.pcapng");
    struct port_capture *c = open_capture(path);

    (void)state;
    assert_int_equal(count_frames(path), 0);
    port_capture_free(c);
    assert_int_equal(count_frames(path), 0);
    unlink(path);
    port_capture_free(NULL);
}

static void test_frames_reach_the_file_within_a_second_on_their_own(void **state)
{
    char *path = env_path("flush.pcapng");
    struct port_capture *c = open_capture(path);
    struct port *a = env_open("cable");
    struct timespec second = {1, 0};

    (void)state;
    port_set_capture(a, c);
    env_raw(&frame, 100, 1);
    port_tx(a, &frame.frame, 1);
    nanosleep(&second, NULL);
    assert_int_equal(count_frames(path), 1);
    port_free(a);
    port_capture_free(c);
    unlink(path);
}

static void test_a_full_disk_counts_and_leaves_whole_blocks(void **state)
{
    struct rlimit old, small;
    char *path = env_path("full.pcapng");
    struct port *a = env_open("cable"), *b = port_cable_peer(a);
    struct port_capture *c;
    unsigned sent = 0;
    uint64_t lost;

    (void)state;
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 1500001; /* not the end of any block */
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    c = open_capture(path);
    port_set_capture(a, c);
    env_raw(&frame, 10000, 1);
    for (; sent < 400; sent++) {
        assert_int_equal(port_tx(a, &frame.frame, 1), 1);
        assert_true(env_receive(b, &received));
    }
    lost = port_capture_lost(c);
    port_capture_free(c);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(count_frames(path), 1500001 / 10048);
    assert_int_equal(lost + 1500001 / 10048, sent);
    port_free(a);
    port_free(b);
    unlink(path);
}

static void test_a_file_that_takes_nothing_is_refused_at_once(void **state)
{
    struct port_capture *c = (void *)&frame;
    struct why why = {0};

    (void)state;
    assert_int_equal(port_capture_open("/dev/full", &c, &why), -ENOSPC);
    assert_null(c);
    assert_non_null(strstr(why.text, "/dev/full"));
}

static void test_a_pipe_nobody_empties_never_stalls_and_stays_in_step(void **state)
{
    char *path = env_path("pipe");
    char *copy = env_path("pipe.pcapng");
    struct port *a = env_open("cable"), *b = port_cable_peer(a);
    struct port_capture *c = (void *)&frame;
    struct why why = {0};
    static uint8_t chunk[65536];
    FILE *out;
    ssize_t got;
    uint64_t lost;
    int fd;

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(port_capture_open(path, &c, &why), -ENXIO);
    fd = open(path, O_RDONLY | O_NONBLOCK);
    c = open_capture(path);
    port_set_capture(a, c);
    env_raw(&frame, 10000, 1);
    for (unsigned i = 0; i < 300; i++) {
        assert_int_equal(port_tx(a, &frame.frame, 1), 1);
        assert_true(env_receive(b, &received));
    }
    lost = port_capture_lost(c);
    assert_true(lost > 0 && lost < 300);
    out = fopen(copy, "w");
    for (unsigned idle = 0; idle < 20; idle++) { /* until a second has brought nothing */
        while ((got = read(fd, chunk, sizeof chunk)) > 0) {
            fwrite(chunk, 1, (size_t)got, out);
            idle = 0;
        }
        usleep(50000);
    }
    fclose(out);
    assert_int_equal(port_capture_lost(c), lost);
    assert_int_equal(count_frames(copy) + (int)lost, 300);
    close(fd); /* whoever reads has gone: no signal, no stall */
    assert_int_equal(port_tx(a, &frame.frame, 1), 1);
    port_set_capture(a, NULL);
    port_capture_free(c);
    port_free(a);
    port_free(b);
    unlink(path);
    unlink(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tshark_reads_back_the_same_bytes_and_directions),
        cmocka_unit_test(test_an_empty_capture_is_a_capture),
        cmocka_unit_test(test_frames_reach_the_file_within_a_second_on_their_own),
        cmocka_unit_test(test_a_full_disk_counts_and_leaves_whole_blocks),
        cmocka_unit_test(test_a_file_that_takes_nothing_is_refused_at_once),
        cmocka_unit_test(test_a_pipe_nobody_empties_never_stalls_and_stays_in_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
