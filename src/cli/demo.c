/* SPDX-License-Identifier: MIT */
/*
 * longshore demo: two private namespaces, "left" (the Linux stack above the miniport) and "right"
 * (a plain Linux peer), real TCP both ways over IPv4 and IPv6, large send off and on again while it
 * flows, and a table of what happened. Everything it claims is checked; exit 1 if anything does not
 * hold.
 */
#include "cli/cli.h"
#include "cli/netns.h"
#include "cli/traffic.h"

#include <getopt.h>
#include <time.h>

#define LEFT4  "10.77.0.1"
#define RIGHT4 "10.77.0.2"
#define LEFT6  "fd77::1"
#define RIGHT6 "fd77::2"

enum { DEMO_MTU = 1500, DEMO_FRAME = DEMO_MTU + 14, DEMO_PORT = 5201 };

struct demo {
    const char *inf, *capture, *withhold;
    enum longshore_build build;
    unsigned long seconds;
    int left, right;
    struct longshore *ls;
    struct longshore_adapter *a;
    unsigned failures, flows;
};

static const char demo_help[] =
    "usage: longshore demo DRIVER.inf [OPTION...]\n\n"
    "Makes two private network namespaces (no root needed where user namespaces are allowed), "
    "loads\n"
    "the driver, carries TCP both ways over IPv4 and IPv6, switches large send off and on while "
    "it\n"
    "flows, and checks what arrives.\n\n"
    "  --driver sys|linked  the .sys (default), or the linked build (.so)\n"
    "  --seconds N          for each of the five flows (default 2)\n"
    "  --withhold LIST      features the card does not offer\n"
    "  --capture FILE       what crosses the wire, as pcapng\n\n"
    "Exit status: 0 all holds, 1 something does not, 2 could not run.\n";

/* ---- Checks --------------------------------------------------------------------------- */

/* ---- Set-up --------------------------------------------------------------------------- */

static int make_namespaces(struct demo *d, struct why *why)
{
    int r = netns_private(why);

    if (r < 0)
        return r;
    d->left = netns_new(why);
    d->right = d->left < 0 ? d->left : netns_new(why);
    return d->right < 0 ? d->right : 0;
}

static int address_namespaces(const struct demo *d)
{
    static const char *const setup =
        "ip addr add %s/24 dev %s && ip -6 addr add %s/64 dev %s nodad && ip link set %s up";
    int r = netns_shell(d->left, setup, LEFT4, "left", LEFT6, "left", "left");

    return r ? r : netns_shell(d->right, setup, RIGHT4, "right", RIGHT6, "right", "right");
}

static int demo_start(struct demo *d, struct longshore_error *error)
{
    struct longshore_config machine = {.finding = cli_print_finding};
    struct longshore_adapter_config adapter = {
        .inf = d->inf,
        .build = d->build,
        .tap = "left",
        .tap_napi = true,
        .wire = "tap:right,napi",
        .tap_netns = d->left,
        .wire_netns = d->right,
        .withhold = d->withhold,
        .capture = d->capture,
        .mtu = DEMO_MTU,
    };
    int r = longshore_new(&machine, &d->ls, error);

    if (r == 0)
        r = longshore_adapter_new(d->ls, &adapter, &d->a, error);
    if (r == 0 && address_namespaces(d) != 0) {
        snprintf(error->text, sizeof error->text, "ip(8) could not set the demo's addresses");
        r = -EIO;
    }
    return r;
}

static void print_offloads(const struct demo *d)
{
    struct longshore_offload rows[LONGSHORE_OFFLOADS];
    unsigned n = longshore_adapter_offloads(d->a, rows);

    printf("\n%-26s %-30s %s\n", "offload", "hardware", "current");
    for (unsigned i = 0; i < n; i++)
        printf("%-26s %-30s %s\n", rows[i].keyword, rows[i].hardware, rows[i].current);
}

/* ---- Flows ---------------------------------------------------------------------------- */

struct snapshot {
    uint64_t large, segments, sent;
};

static struct snapshot snapshot_take(const struct demo *d)
{
    return (struct snapshot){
        .large = longshore_adapter_counter(d->a, "nic", "tx_large"),
        .segments = longshore_adapter_counter(d->a, "nic", "tx_segments"),
        .sent = longshore_adapter_counter(d->a, "wire", "tx_bytes"),
    };
}

static void flow_row(const char *name, const struct traffic_end *sent,
                     const struct traffic_end *got, const struct snapshot *d)
{
    char bytes[16], large[16], each[16] = "-", digest[40];

    if (d->large)
        snprintf(each, sizeof each, "%.1f", (double)d->segments / (double)d->large);
    snprintf(digest, sizeof digest, "%016llx %s", (unsigned long long)got->digest,
             sent->digest == got->digest ? "equal" : "UNEQUAL");
    printf("%-14s %9sB  %-24s %8.2f %9s %9s\n", name,
           cli_short((double)got->bytes, bytes, sizeof bytes), digest,
           got->seconds > 0 ? (double)got->bytes * 8e-9 / got->seconds : 0,
           cli_short((double)d->large, large, sizeof large), each);
}

static void flow_finish(struct demo *d, struct traffic *t, const char *name,
                        const struct snapshot *before)
{
    struct traffic_end sent, got;
    bool equal = traffic_finish(t, &sent, &got);
    struct snapshot now = snapshot_take(d);
    struct snapshot delta = {now.large - before->large, now.segments - before->segments,
                             now.sent - before->sent};

    flow_row(name, &sent, &got, &delta);
    if (!equal)
        printf("  sent %llu bytes (%s), got %llu bytes (%s)\n", (unsigned long long)sent.bytes,
               strerror(sent.error), (unsigned long long)got.bytes, strerror(got.error));
    d->failures += !equal;
    d->flows++;
}

static int flow(struct demo *d, const char *name, bool outbound, const char *address)
{
    struct traffic t = {.from = outbound ? d->left : d->right,
                        .to = outbound ? d->right : d->left,
                        .address = address,
                        .port = (uint16_t)(DEMO_PORT + d->flows),
                        .seconds = (double)d->seconds};
    struct snapshot before = snapshot_take(d);
    struct why why = {0};
    int r = traffic_start(&t, &why);

    if (r < 0)
        return cli_error("%s", why.text);
    flow_finish(d, &t, name, &before);
    return 0;
}

static void sleep_s(double s)
{
    struct timespec ts = {(time_t)s, (long)((s - (double)(time_t)s) * 1e9)};

    nanosleep(&ts, NULL);
}

/* One stretch of the live change: what the wire carried and how much of it as large sends. */
static struct snapshot stretch(struct demo *d, const char *name, double seconds)
{
    struct snapshot before = snapshot_take(d), now;
    char large[16];

    sleep_s(seconds);
    now = snapshot_take(d);
    now = (struct snapshot){now.large - before.large, now.segments - before.segments,
                            now.sent - before.sent};
    printf("  %-12s %12s  %-24s %8.2f %9s\n", name, "", "", (double)now.sent * 8e-9 / seconds,
           cli_short((double)now.large, large, sizeof large));
    return now;
}

static int set_large(struct demo *d, const char *value)
{
    struct longshore_error error = {0};

    /* Version 1 off for good: it would take over when version 2 goes. */
    if (longshore_adapter_set(d->a, "LsoV1IPv4", "off", &error) == 0 &&
        longshore_adapter_set(d->a, "LsoV2IPv4", value, &error) == 0)
        return 0;
    cli_error("%s", error.text);
    return -1;
}

/* LSO off and on again through OID_TCP_OFFLOAD_PARAMETERS under one running connection. */
static int live_change(struct demo *d)
{
    double part = (double)d->seconds * 0.6;
    struct traffic t = {.from = d->left,
                        .to = d->right,
                        .address = RIGHT4,
                        .port = (uint16_t)(DEMO_PORT + d->flows),
                        .seconds = 3 * part + 0.4};
    struct snapshot before = snapshot_take(d), on, off, again;
    struct why why = {0};

    if (traffic_start(&t, &why) < 0)
        return cli_error("%s", why.text);
    sleep_s(0.3);
    on = stretch(d, "LSO on", part);
    d->failures += set_large(d, "off") != 0;
    sleep_s(0.05); /* what was queued before drains */
    off = stretch(d, "LSO off", part - 0.1);
    d->failures += set_large(d, "on") != 0;
    sleep_s(0.05);
    again = stretch(d, "LSO on", part - 0.1);
    flow_finish(d, &t, "IPv4 ->, live", &before);
    puts("");
    d->failures +=
        cli_verdict(on.large > 0 && again.large > 0, "large sends while on", "%llu, then %llu",
                    (unsigned long long)on.large, (unsigned long long)again.large);
    d->failures += cli_verdict(off.large == 0 && off.sent > 0, "large sends while off", "%llu",
                               (unsigned long long)off.large);
    return 0;
}

static int demo_flows(struct demo *d)
{
    int r;

    printf("\n%-14s %10s  %-24s %8s %9s %9s\n", "flow", "bytes", "digest at both ends", "Gbit/s",
           "large", "segs each");
    r = flow(d, "IPv4 ->", true, RIGHT4);
    if (r == 0)
        r = flow(d, "IPv4 <-", false, LEFT4);
    if (r == 0)
        r = flow(d, "IPv6 ->", true, RIGHT6);
    if (r == 0)
        r = flow(d, "IPv6 <-", false, LEFT6);
    return r;
}

/* ---- What must hold ------------------------------------------------------------------- */

static void judge(struct demo *d)
{
    uint64_t large = longshore_adapter_counter(d->a, "nic", "tx_large");
    uint64_t segments = longshore_adapter_counter(d->a, "nic", "tx_segments");
    uint64_t largest = longshore_adapter_counter(d->a, "wire", "tx_largest");
    int64_t far = netns_snmp(d->right, "Tcp", "InCsumErrors");
    int64_t near = netns_snmp(d->left, "Tcp", "InCsumErrors");

    d->failures += cli_verdict(far == 0, "bad TCP checksums, far side", "%lld", (long long)far);
    d->failures += cli_verdict(near == 0, "bad TCP checksums, near side", "%lld", (long long)near);
    d->failures += cli_verdict(largest > 0 && largest <= DEMO_FRAME, "largest frame on the wire",
                               "%llu bytes (MTU %u)", (unsigned long long)largest, DEMO_MTU);
    if (!d->withhold)
        d->failures += cli_verdict(large > 0 && segments > large, "segments per large send", "%.1f",
                                   large ? (double)segments / (double)large : 0);
}

static int demo_run(struct demo *d)
{
    struct longshore_error error = {0};
    uint64_t left, findings;
    int r = demo_start(d, &error);

    if (r < 0) {
        longshore_free(d->ls);
        return cli_error("%s", error.text);
    }
    printf("%s (%s build): TAP 'left' <-> TCPIP <-> NDIS <-> driver <-> virtio card <-> wire "
           "'right'\n",
           longshore_adapter_name(d->a), d->build == LONGSHORE_SYS ? ".sys" : "linked");
    print_offloads(d);
    r = demo_flows(d);
    if (r == 0 && !d->withhold)
        r = live_change(d);
    if (r == 0)
        judge(d);
    left = longshore_adapter_free(d->a);
    findings = longshore_findings(d->ls);
    d->failures +=
        cli_verdict(left == 0, "left behind by the driver", "%llu", (unsigned long long)left);
    d->failures += cli_verdict(findings == 0, "findings", "%llu", (unsigned long long)findings);
    longshore_free(d->ls);
    if (r != 0)
        return r;
    return d->failures ? EXIT_FINDINGS : EXIT_HOLDS;
}

/* -1: go on; else the exit status. */
static int demo_parse(struct demo *d, int argc, char **argv)
{
    static const struct option longs[] = {
        {"driver", required_argument, NULL, 'd'},   {"seconds", required_argument, NULL, 's'},
        {"withhold", required_argument, NULL, 'w'}, {"capture", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},           {0},
    };
    int opt;

    optind = 1;
    while ((opt = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        switch (opt) {
        case 'd':
            if (!cli_build(optarg, &d->build))
                return EXIT_CANNOT;
            break;
        case 's':
            if (!cli_number("--seconds", optarg, 1, 3600, &d->seconds))
                return EXIT_CANNOT;
            break;
        case 'w':
            d->withhold = optarg;
            break;
        case 'c':
            d->capture = optarg;
            break;
        case 'h':
            fputs(demo_help, stdout);
            return EXIT_HOLDS;
        default:
            return EXIT_CANNOT;
        }
    }
    if (optind + 1 != argc)
        return cli_error("demo: want one DRIVER.inf; 'longshore demo --help' tells more");
    d->inf = argv[optind];
    return -1;
}

int cmd_demo(int argc, char **argv)
{
    struct demo d = {.seconds = 2, .left = -1, .right = -1};
    struct why why = {0};
    int r = demo_parse(&d, argc, argv);

    if (r >= 0)
        return r;
    if (make_namespaces(&d, &why) < 0)
        return cli_error("%s", why.text);
    return demo_run(&d);
}
