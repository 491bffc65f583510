/* SPDX-License-Identifier: MIT */
/*
 * longshore bench path: one TCP stream through (a) the kernel's veth, (b) a bare relay, (c) the
 * NDIS path with large send, (d) the same without, and, if asked for, (e) the NDIS path with large
 * send through a team of one card. All stand beside each other in the same two
 * namespaces, and every round measures each in turn: only ratios within a run mean anything on a
 * noisy machine.
 */
#include "bench/bench.h"
#include "bench/relay.h"
#include "cli/cli.h"
#include "cli/netns.h"
#include "cli/traffic.h"

#include <fcntl.h>
#include <getopt.h>
#include <sched.h>

enum path_kind { PATH_VETH, PATH_RELAY, PATH_LSO_ON, PATH_LSO_OFF, PATH_TEAM, PATH_KINDS };
enum { MAX_ROUNDS = 31 };

#define EXPECT_ON_OVER_OFF   2.5
#define EXPECT_ON_OVER_RELAY 0.8
#define EXPECT_TEAM_OVER_ON  0.9

static const char *const path_names[PATH_KINDS] = {
    [PATH_VETH] = "kernel veth, all offloads",
    [PATH_RELAY] = "bare relay TAP to TAP, same segmentation",
    [PATH_LSO_ON] = "NDIS path, large send on",
    [PATH_LSO_OFF] = "NDIS path, large send off",
    [PATH_TEAM] = "NDIS path through a team, large send on",
};

struct path_bench {
    const char *inf, *team_inf; /* the latter or NULL: then PATH_TEAM is left out */
    unsigned kinds;
    enum longshore_build build;
    unsigned long seconds, rounds;
    bool json, check;
    int left, right;
    struct longshore *ls;
    struct longshore_adapter *a, *team;
    struct port *tap, *wire;
    struct relay *relay;
    double gbit[PATH_KINDS][MAX_ROUNDS];
    uint16_t port;
};

static int open_in(int netns, const char *spec, struct port **out, struct why *why)
{
    cleanup_close int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    int r;

    if (home < 0 || setns(netns, CLONE_NEWNET) < 0)
        return why_set(why, -errno, "%s: cannot enter its namespace", spec);
    r = port_open(spec, out, why);
    invariant(setns(home, CLONE_NEWNET) == 0);
    return r;
}

static int address(const struct path_bench *b, const char *dev, unsigned net)
{
    static const char *const setup = "ip addr add 10.%u.0.%u/24 dev %s%u && ip link set %s%u up";
    int r = netns_shell(b->left, setup, net, 1u, dev, 0u, dev, 0u);

    return r ? r : netns_shell(b->right, setup, net, 2u, dev, 1u, dev, 1u);
}

static int setup_reference(struct path_bench *b, struct why *why)
{
    uint32_t all = PORT_CSUM | PORT_TSO4 | PORT_TSO6 | PORT_TSO_ECN;
    int r = netns_shell(b->left, "ip link add veth0 type veth peer name veth1 netns /proc/%d/fd/%d",
                        (int)getpid(), b->right);

    if (r != 0 || address(b, "veth", 80) != 0)
        return why_set(why, -EIO, "cannot make the veth pair");
    r = open_in(b->left, "tap:bare0,offload", &b->tap, why);
    if (r == 0)
        r = open_in(b->right, "tap:bare1,napi", &b->wire, why);
    if (r == 0)
        r = port_set_stack_offload(b->tap, all);
    if (r == 0)
        r = relay_start(b->tap, b->wire, &b->relay, why);
    if (r == 0 && address(b, "bare", 81) != 0)
        r = why_set(why, -EIO, "cannot set the relay's addresses");
    return r;
}

static int setup_team(struct path_bench *b, struct longshore_error *error)
{
    struct longshore_adapter_config team = {
        .inf = b->team_inf,
        .build = b->build,
        .tap = "team0",
        .tap_netns = b->left,
        .wire_netns = -1,
    };
    struct longshore_adapter_config member = {
        .inf = b->inf,
        .build = b->build,
        .name = "member",
        .wire = "tap:team1,napi",
        .tap_netns = -1,
        .wire_netns = b->right,
    };
    int r = longshore_adapter_new(b->ls, &team, &b->team, error);

    member.member_of = b->team;
    if (r == 0)
        r = longshore_adapter_new(b->ls, &member, &(struct longshore_adapter *){NULL}, error);
    if (r == 0 && address(b, "team", 83) != 0) {
        snprintf(error->text, sizeof error->text, "cannot set the team's addresses");
        r = -EIO;
    }
    return r;
}

static int setup(struct path_bench *b, struct longshore_error *error)
{
    struct longshore_config machine = {0};
    struct longshore_adapter_config adapter = {
        .inf = b->inf,
        .build = b->build,
        .tap = "ndis0",
        .tap_napi = false,
        .wire = "tap:ndis1,napi",
        .tap_netns = b->left,
        .wire_netns = b->right,
    };
    struct why why = {0};
    int r = setup_reference(b, &why);

    if (r < 0) {
        snprintf(error->text, sizeof error->text, "%s", why.text);
        return r;
    }
    r = longshore_new(&machine, &b->ls, error);
    if (r == 0)
        r = longshore_adapter_new(b->ls, &adapter, &b->a, error);
    if (r == 0 && address(b, "ndis", 82) != 0) {
        snprintf(error->text, sizeof error->text, "cannot set the adapter's addresses");
        r = -EIO;
    }
    return r == 0 && b->team_inf ? setup_team(b, error) : r;
}

static int measure(struct path_bench *b, enum path_kind kind, unsigned round)
{
    static const char *const addresses[PATH_KINDS] = {"10.80.0.2", "10.81.0.2", "10.82.0.2",
                                                      "10.82.0.2", "10.83.0.2"};
    struct longshore_adapter *a = kind == PATH_TEAM ? b->team : b->a;
    struct traffic t = {.from = b->left,
                        .to = b->right,
                        .address = addresses[kind],
                        .port = b->port++,
                        .seconds = (double)b->seconds};
    struct traffic_end sent, got;
    struct longshore_error error = {0};
    struct why why = {0};

    if (kind >= PATH_LSO_ON &&
        (longshore_adapter_set(a, "LsoV1IPv4", "off", &error) < 0 || /* it would take over */
         longshore_adapter_set(a, "LsoV2IPv4", kind == PATH_LSO_OFF ? "off" : "on", &error) < 0))
        return cli_error("%s", error.text);
    if (traffic_start(&t, &why) < 0)
        return cli_error("%s", why.text);
    if (!traffic_finish(&t, &sent, &got))
        return cli_error("%s: the stream broke, or its digests differ", path_names[kind]);
    b->gbit[kind][round] = (double)got.bytes * 8e-9 / got.seconds;
    return 0;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(const double *v, unsigned n)
{
    double sorted[MAX_ROUNDS];

    memcpy(sorted, v, n * sizeof *v);
    qsort(sorted, n, sizeof *sorted, ascending);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* Median over the rounds of the ratio within a round. */
static double ratio(const struct path_bench *b, enum path_kind x, enum path_kind y)
{
    double r[MAX_ROUNDS];

    for (unsigned i = 0; i < b->rounds; i++)
        r[i] = b->gbit[x][i] / b->gbit[y][i];
    return median(r, (unsigned)b->rounds);
}

static int report(const struct path_bench *b)
{
    double off = ratio(b, PATH_LSO_ON, PATH_LSO_OFF), bare = ratio(b, PATH_LSO_ON, PATH_RELAY);
    double team = b->team ? ratio(b, PATH_TEAM, PATH_LSO_ON) : 1;
    unsigned n = (unsigned)b->rounds;

    if (b->json) {
        printf("{\"rounds\":%u,\"seconds\":%lu,\"gbit\":{\"veth\":%.2f,\"relay\":%.2f,"
               "\"lso_on\":%.2f,\"lso_off\":%.2f},\"ratio\":{\"lso_on_over_off\":%.3f,"
               "\"lso_on_over_relay\":%.3f",
               n, b->seconds, median(b->gbit[PATH_VETH], n), median(b->gbit[PATH_RELAY], n),
               median(b->gbit[PATH_LSO_ON], n), median(b->gbit[PATH_LSO_OFF], n), off, bare);
        if (b->team)
            printf(",\"team_over_lso_on\":%.3f", team);
        puts("}}");
    } else {
        printf("%-44s %8s %12s\n", "path (IPv4, one stream)", "Gbit/s", "of the relay");
        for (unsigned k = 0; k < b->kinds; k++)
            printf("%-44s %8.2f %12.2f\n", path_names[k], median(b->gbit[k], n),
                   ratio(b, (enum path_kind)k, PATH_RELAY));
        printf("\nlarge send on over off: %.2f (expected %.1f)   NDIS path over relay: %.2f "
               "(expected %.1f)\n",
               off, EXPECT_ON_OVER_OFF, bare, EXPECT_ON_OVER_RELAY);
        if (b->team)
            printf("team over NDIS path: %.2f (expected %.1f)\n", team, EXPECT_TEAM_OVER_ON);
        printf("medians of %u rounds of %lu s\n", n, b->seconds);
    }
    return b->check &&
           (off < EXPECT_ON_OVER_OFF || bare < EXPECT_ON_OVER_RELAY || team < EXPECT_TEAM_OVER_ON);
}

static int run_rounds(struct path_bench *b)
{
    for (unsigned i = 0; i < b->rounds; i++) {
        for (unsigned k = 0; k < b->kinds; k++) {
            /* Each kind comes first in some round: what runs after what must not matter. */
            int r = measure(b, (enum path_kind)((k + i) % b->kinds), i);

            if (r != 0)
                return r;
        }
    }
    return report(b) ? EXIT_FINDINGS : EXIT_HOLDS;
}

static const char path_help[] =
    "usage: longshore bench path DRIVER.inf [OPTION...]\n\n"
    "  --driver sys|linked  the .sys (default), or the linked build\n"
    "  --team TEAM.inf      also through a team of one card, by the driver of TEAM.inf\n"
    "  --seconds N          a measurement (default 2)\n"
    "  --rounds N           of all paths, 1 to 31 (default 5)\n"
    "  --check              exit 1 when a ratio is below what is expected\n"
    "  --json               for machines\n";

static int path_parse(struct path_bench *b, int argc, char **argv)
{
    static const struct option longs[] = {
        {"driver", required_argument, NULL, 'd'},  {"team", required_argument, NULL, 't'},
        {"seconds", required_argument, NULL, 's'}, {"rounds", required_argument, NULL, 'r'},
        {"json", no_argument, NULL, 'j'},          {"check", no_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},          {0},
    };
    int opt;

    optind = 1;
    while ((opt = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        switch (opt) {
        case 'd':
            if (!cli_build(optarg, &b->build))
                return EXIT_CANNOT;
            break;
        case 't':
            b->team_inf = optarg;
            b->kinds = PATH_KINDS;
            break;
        case 's':
            if (!cli_number("--seconds", optarg, 1, 600, &b->seconds))
                return EXIT_CANNOT;
            break;
        case 'r':
            if (!cli_number("--rounds", optarg, 1, MAX_ROUNDS, &b->rounds))
                return EXIT_CANNOT;
            break;
        case 'j':
            b->json = true;
            break;
        case 'k':
            b->check = true;
            break;
        case 'h':
            fputs(path_help, stdout);
            return EXIT_HOLDS;
        default:
            return EXIT_CANNOT;
        }
    }
    if (optind + 1 != argc)
        return cli_error("bench path: want one DRIVER.inf");
    b->inf = argv[optind];
    return -1;
}

int bench_path(int argc, char **argv)
{
    struct path_bench b = {
        .seconds = 2, .rounds = 5, .left = -1, .right = -1, .port = 5301, .kinds = PATH_TEAM};
    struct longshore_error error = {0};
    struct why why = {0};
    int r = path_parse(&b, argc, argv);

    if (r >= 0)
        return r;
    if (netns_private(&why) < 0 || (b.left = netns_new(&why)) < 0 ||
        (b.right = netns_new(&why)) < 0)
        return cli_error("%s", why.text);
    r = setup(&b, &error);
    r = r < 0 ? cli_error("%s", error.text) : run_rounds(&b);
    relay_stop(b.relay);
    longshore_free(b.ls);
    port_free(b.tap);
    port_free(b.wire);
    return r;
}
