/* SPDX-License-Identifier: MIT */
/* port/port.c and the kinds' opening: what is said when a specification cannot be opened. */
#include "test_port_env.h"

#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static void expect(const char *spec, int err, const char *said)
{
    struct why why = {0};
    struct port *p = (struct port *)&why;
    int got = port_open(spec, &p, &why);

    if (got != err || !strstr(why.text, said))
        fail_msg("%s: %d (%s), wanted %d (%s)", spec, got, why.text, err, said);
    assert_null(p);
}

static void test_a_bad_specification_lists_the_right_forms(void **state)
{
    static const char *const bad[] = {"",       "tap",  "tap:",  "wire:x",  "cable:", "tapx:y",
                                      "packet", "pcap", "pcap:", "cable:x", ":"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (strcmp(bad[i], "cable:") == 0)
            continue; /* an empty remainder is no remainder */
        expect(bad[i], -EINVAL, "packet:IFNAME, pcap:IN[,OUT] or cable");
    }
}

static void test_tap_options_are_checked_before_anything_is_made(void **state)
{
    static const char *const bad[] = {
        "tap:t,",
        "tap:t,x",
        "tap:t,queues=",
        "tap:t,queues=0",
        "tap:t,queues=-1",
        "tap:t,queues=257",
        "tap:t,queues=2x",
        "tap:t,Napi",
        "tap:t,napi,",
        "tap:t,queues= 2",
        "tap:t,queues=99999999999999999999",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect(bad[i], -EINVAL, "napi, offload or queues=1..256");
    expect("tap:sixteen-letters-", -ENAMETOOLONG, "at most 15");
    expect("tap:,napi", -EINVAL, "name is missing");
}

static void test_interface_names_are_checked(void **state)
{
    (void)state;
    env_need();
    expect("packet:sixteen-letters-", -ENAMETOOLONG, "at most 15");
    expect("packet:absent", -ENODEV, "packet absent: no such interface");
    env_need_tap();
    expect("tap:a/b", -EINVAL, "not an interface name");
    expect("tap:lo", -EINVAL, "exists and is not a TAP");
}

static void test_a_tun_interface_is_not_ethernet(void **state)
{
    cleanup_close int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    struct ifreq ifr = {.ifr_name = "tn"};

    (void)state;
    env_need_tap();
    ifr.ifr_flags = IFF_TUN | IFF_NO_PI;
    assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
    expect("packet:tn", -EPROTONOSUPPORT, "not an Ethernet");
    expect("tap:tn", -EINVAL, "not a TAP");
}

static void test_a_tap_in_use_and_the_other_queue_mode(void **state)
{
    struct port *p;

    (void)state;
    env_need_tap();
    p = env_open("tap:busy0");
    expect("tap:busy0", -EBUSY, "in use");
    expect("tap:busy0,queues=2", -EINVAL, "queue mode");
    port_free(p);
}

static void without_privilege(void)
{
    if (setgid(65534) < 0 || setuid(65534) < 0)
        _exit(77);
    expect("packet:lo", -EPERM, "CAP_NET_RAW in this network namespace");
    if (access("/dev/net/tun", R_OK | W_OK) == 0)
        expect("tap:x0", -EPERM, "CAP_NET_ADMIN in this network namespace");
    else
        expect("tap:x0", -EACCES, "no permission to open /dev/net/tun");
    _exit(0);
}

/* With /dev/net/tun open to all, as most systems have it, the kernel refuses later: same process,
 * file rights kept. */
static void without_net_admin(void)
{
    prctl(PR_SET_KEEPCAPS, 0);
    if (unshare(CLONE_NEWUSER) < 0) /* all rights, but none over the network namespace we stay in */
        _exit(77);
    expect("packet:lo", -EPERM, "CAP_NET_RAW in this network namespace");
    if (access("/dev/net/tun", R_OK | W_OK) == 0)
        expect("tap:x0", -EPERM, "CAP_NET_ADMIN in this network namespace");
    _exit(0);
}

static void test_missing_privilege_is_named(void **state)
{
    static void (*const bodies[])(void) = {without_privilege, without_net_admin};

    (void)state;
    env_need();
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        int status;
        pid_t child = fork();

        if (child == 0) {
            bodies[i]();
            _exit(1);
        }
        waitpid(child, &status, 0);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77)
            print_message("part skipped: no other user to become\n");
        else
            assert_int_equal(WEXITSTATUS(status), 0);
    }
}

static void test_capture_files_that_cannot_be_played_or_made(void **state)
{
    cleanup_free char *spec = NULL;
    char *path = env_path("text");
    cleanup_fclose FILE *f = fopen(path, "w");

    (void)state;
    fputs("this is not a capture\n", f);
    fflush(f);
    assert_true(asprintf(&spec, "pcap:%s", path) > 0);
    expect(spec, -EBADMSG, "not a capture file");
    expect("pcap:/nonexistent/x", -ENOENT, "/nonexistent/x: No such file");
    expect("pcap:/tmp", -EBADMSG, "not a capture file");
    expect("pcap:-,/nonexistent/x", -ENOENT, "capture /nonexistent/x");
    expect("pcap:-,", -EINVAL, "file name is missing");
    expect("pcap:,x", -EINVAL, "file name is missing");
    unlink(path);
}

static void test_every_counter_has_a_name_of_its_own(void **state)
{
    struct port *p = env_open("cable");

    (void)state;
    for (unsigned i = 0; i < PORT_COUNTERS; i++) {
        assert_int_equal(port_counter(p, i), 0);
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(port_counter_name(i), port_counter_name(k));
    }
    assert_null(port_counter_name(PORT_COUNTERS));
    assert_int_equal(port_counter(p, PORT_COUNTERS), 0);
    port_free(p);
}

static void test_what_a_kind_does_not_have_is_not_supported(void **state)
{
    static const uint8_t mac[6] = {2};
    struct port *p = env_open("cable"), *more = p;
    struct why why = {0};

    (void)state;
    assert_int_equal(port_set_stack_offload(p, 0), -EOPNOTSUPP);
    assert_int_equal(port_set_carrier(p, true), -EOPNOTSUPP);
    assert_int_equal(port_set_mac(p, mac), -EOPNOTSUPP);
    assert_int_equal(port_set_mtu(p, 1500), -EOPNOTSUPP);
    assert_int_equal(port_add_queue(p, &more, &why), -EOPNOTSUPP);
    assert_null(more);
    assert_false(port_ended(p));
    assert_string_equal(port_name(p), "cable");
    port_free(p);
    port_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_bad_specification_lists_the_right_forms, env_setup),
        cmocka_unit_test_setup(test_tap_options_are_checked_before_anything_is_made, env_setup),
        cmocka_unit_test_setup(test_interface_names_are_checked, env_setup),
        cmocka_unit_test_setup(test_a_tun_interface_is_not_ethernet, env_setup),
        cmocka_unit_test_setup(test_a_tap_in_use_and_the_other_queue_mode, env_setup),
        cmocka_unit_test_setup(test_missing_privilege_is_named, env_setup),
        cmocka_unit_test_setup(test_capture_files_that_cannot_be_played_or_made, env_setup),
        cmocka_unit_test_setup(test_every_counter_has_a_name_of_its_own, env_setup),
        cmocka_unit_test_setup(test_what_a_kind_does_not_have_is_not_supported, env_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
