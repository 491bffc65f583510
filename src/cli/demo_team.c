/* SPDX-License-Identifier: MIT */
/*
 * longshore demo-team: a TCP connection over a team of two cards, the first with full offload, the
 * second with none. The first one's link is pulled and restored while it flows. A timeline says
 * what happened, and everything it claims is checked; exit 1 if anything does not hold.
 */
#include "cli/cli.h"
#include "cli/netns.h"
#include "cli/traffic.h"

#include <getopt.h>
#include <pthread.h>
#include <time.h>

#define LEFT4  "10.78.0.1"
#define RIGHT4 "10.78.0.2"

enum { TEAM_MTU = 1500, TEAM_FRAME = TEAM_MTU + 14, TEAM_PORT = 5301, SAMPLE_MS = 2 };

struct demo {
    const char *team_inf, *member_inf;
    enum longshore_build build;
    unsigned long seconds;
    int left, right;
    struct longshore *ls;
    struct longshore_adapter *team, *member[2];
    double began;
    pthread_mutex_t lock; /* lines of the timeline */
    unsigned lost, regained;
    unsigned failures;
};

static const char demo_help[] =
    "usage: longshore demo-team TEAM.inf MINIPORT.inf [OPTION...]\n\n"
    "Makes a team of two virtio cards, the second without any offload, on one bridge in a private\n"
    "network namespace; carries one TCP connection, pulls the first card's link and restores it,\n"
    "and prints what happened when.\n\n"
    "  --driver sys|linked  the .sys (default), or the linked build (.so)\n"
    "  --seconds N          for each of the three parts (default 2)\n\n"
    "Exit status: 0 all holds, 1 something does not, 2 could not run.\n";

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void sleep_ms(unsigned ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

    nanosleep(&t, NULL);
}

/* ---- Timeline ------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void event(struct demo *d, const char *who,
                                                        const char *fmt, ...)
{
    va_list ap;

    pthread_mutex_lock(&d->lock);
    printf("%8.3f s  %-7s ", now_s() - d->began, who);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    pthread_mutex_unlock(&d->lock);
}

static void told(void *arg, const struct longshore_indication *i)
{
    struct demo *d = arg;

    if (strcmp(i->adapter, "team") == 0 && strcmp(i->what, "current") == 0) {
        d->lost += strstr(i->text, "-> -") != NULL;
        d->regained += strstr(i->text, " - -> ") != NULL;
    }
    if (d->began > 0)
        event(d, i->adapter, "indicates %s: %s", i->what, i->text);
}

/* ---- Set-up --------------------------------------------------------------------------------- */

static int add_member(struct demo *d, unsigned i, struct longshore_error *error)
{
    static const char *const names[] = {"card 1", "card 2"};
    static const char *const wires[] = {"tap:right1,napi", "tap:right2,napi"};
    struct longshore_adapter_config member = {
        .inf = d->member_inf,
        .build = d->build,
        .name = names[i],
        .member_of = d->team,
        .wire = wires[i],
        .tap_netns = -1,
        .wire_netns = d->right,
        .withhold = i ? "csum,guest_csum" : NULL,
        .mtu = TEAM_MTU,
    };
    int r = longshore_adapter_new(d->ls, &member, &d->member[i], error);

    if (r == 0 && netns_shell(d->right, "ip link set right%u master bridge up", i + 1) != 0) {
        snprintf(error->text, sizeof error->text, "ip(8) could not put a wire on the bridge");
        r = -EIO;
    }
    return r;
}

static int demo_start(struct demo *d, struct longshore_error *error)
{
    struct longshore_config machine = {.finding = cli_print_finding, .indication = told, .arg = d};
    struct longshore_adapter_config team = {
        .inf = d->team_inf,
        .build = d->build,
        .name = "team",
        .tap = "left",
        .tap_napi = true,
        .tap_netns = d->left,
        .wire_netns = -1,
    };
    int r = longshore_new(&machine, &d->ls, error);

    if (r == 0)
        r = longshore_adapter_new(d->ls, &team, &d->team, error);
    if (r == 0 && netns_shell(d->right,
                              "ip link add bridge type bridge && ip addr add %s/24 dev "
                              "bridge && ip link set bridge up",
                              RIGHT4) != 0) {
        snprintf(error->text, sizeof error->text, "ip(8) could not make a bridge");
        r = -EIO;
    }
    for (unsigned i = 0; r == 0 && i < 2; i++)
        r = add_member(d, i, error);
    if (r == 0 &&
        netns_shell(d->left, "ip addr add %s/24 dev left && ip link set left up", LEFT4) != 0) {
        snprintf(error->text, sizeof error->text, "ip(8) could not set the demo's address");
        r = -EIO;
    }
    return r;
}

/* ---- One stretch ---------------------------------------------------------------------------- */

struct stretch {
    uint64_t sent[2], large[2], asked; /* wire bytes, large sends of each card; of the protocol */
    double longest;                    /* time without a byte on any wire */
};

static struct stretch sample(const struct demo *d)
{
    struct stretch s = {.asked = longshore_adapter_counter(d->team, "tcpip", "tx_large")};

    for (unsigned i = 0; i < 2; i++) {
        s.sent[i] = longshore_adapter_counter(d->member[i], "wire", "tx_bytes");
        s.large[i] = longshore_adapter_counter(d->member[i], "nic", "tx_large");
    }
    return s;
}

static struct stretch watch(struct demo *d, double seconds)
{
    struct stretch before = sample(d), last = before, now = before;
    double start = now_s(), moved = start, t = start;

    while (t < start + seconds) {
        sleep_ms(SAMPLE_MS);
        now = sample(d);
        t = now_s();
        now.longest = MAX_OF(last.longest, t - moved);
        if (now.sent[0] + now.sent[1] != last.sent[0] + last.sent[1])
            moved = t;
        last = now;
    }
    for (unsigned i = 0; i < 2; i++) {
        now.sent[i] -= before.sent[i];
        now.large[i] -= before.large[i];
    }
    now.asked -= before.asked;
    event(d, "wires",
          "card 1 %.2f Gbit/s, %llu large sends; card 2 %.2f Gbit/s, %llu; longest stall %.0f ms",
          (double)now.sent[0] * 8e-9 / seconds, (unsigned long long)now.large[0],
          (double)now.sent[1] * 8e-9 / seconds, (unsigned long long)now.large[1],
          now.longest * 1e3);
    return now;
}

/* ---- The run -------------------------------------------------------------------------------- */

static void judge(struct demo *d, const struct stretch s[3])
{
    double longest = MAX_OF(MAX_OF(s[0].longest, s[1].longest), s[2].longest);
    uint64_t largest = MAX_OF(longshore_adapter_counter(d->member[0], "wire", "tx_largest"),
                              longshore_adapter_counter(d->member[1], "wire", "tx_largest"));
    int64_t far = netns_snmp(d->right, "Tcp", "InCsumErrors");
    int64_t near = netns_snmp(d->left, "Tcp", "InCsumErrors");

    d->failures +=
        cli_verdict(s[0].large[0] > 0 && s[0].sent[1] == 0, "before: large sends, card 1 alone",
                    "%llu", (unsigned long long)s[0].large[0]);
    d->failures +=
        cli_verdict(s[1].sent[1] > 0 && s[1].large[1] == 0, "link pulled: card 2, no large sends",
                    "%llu bytes", (unsigned long long)s[1].sent[1]);
    d->failures +=
        cli_verdict(s[2].large[0] > 0 && s[2].sent[0] > 0, "restored: large sends on card 1",
                    "%llu", (unsigned long long)s[2].large[0]);
    d->failures += cli_verdict(d->lost == 1 && d->regained == 1, "the team told the stack",
                               "%u time less, %u more", d->lost, d->regained);
    d->failures += cli_verdict(longest < 1, "longest stall", "%.0f ms", longest * 1e3);
    d->failures += cli_verdict(largest > 0 && largest <= TEAM_FRAME, "largest frame on a wire",
                               "%llu bytes (MTU %u)", (unsigned long long)largest, TEAM_MTU);
    d->failures += cli_verdict(far == 0 && near == 0, "bad TCP checksums, both sides", "%lld",
                               (long long)(far + near));
}

static void set_link(struct demo *d, bool up)
{
    event(d, "demo", "link of card 1 %s", up ? "restored" : "pulled");
    longshore_adapter_link(d->member[0], up);
}

static int demo_traffic(struct demo *d)
{
    double part = (double)d->seconds;
    struct traffic t = {.from = d->left,
                        .to = d->right,
                        .address = RIGHT4,
                        .port = TEAM_PORT,
                        .seconds = 3 * part + 0.4};
    struct traffic_end sent, got;
    struct stretch s[3];
    struct why why = {0};
    bool equal;

    d->began = now_s();
    d->lost = d->regained = 0;
    if (traffic_start(&t, &why) < 0)
        return cli_error("%s", why.text);
    event(d, "demo", "a TCP connection begins");
    sleep_ms(200);
    s[0] = watch(d, part);
    set_link(d, false);
    s[1] = watch(d, part);
    set_link(d, true);
    s[2] = watch(d, part);
    equal = traffic_finish(&t, &sent, &got);
    event(d, "demo", "the connection has ended");
    puts("");
    d->failures += cli_verdict(equal, "bytes sent and received, digest", "%llu, %llu, %016llx",
                               (unsigned long long)sent.bytes, (unsigned long long)got.bytes,
                               (unsigned long long)got.digest);
    judge(d, s);
    return 0;
}

static uint64_t demo_stop(struct demo *d)
{
    uint64_t left = 0;

    d->began = 0;
    for (unsigned i = 0; i < 2; i++)
        left += longshore_adapter_free(d->member[i]);
    return left + longshore_adapter_free(d->team);
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
    printf("%s (%s build): TAP 'left' <-> TCPIP <-> team <-> card 1, card 2 (no offload) <-> wires "
           "'right1', 'right2' <-> bridge\n\n",
           longshore_adapter_name(d->team), d->build == LONGSHORE_SYS ? ".sys" : "linked");
    r = demo_traffic(d);
    left = demo_stop(d);
    findings = longshore_findings(d->ls);
    d->failures +=
        cli_verdict(left == 0, "left behind by the drivers", "%llu", (unsigned long long)left);
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
        {"driver", required_argument, NULL, 'd'},
        {"seconds", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {0},
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
        case 'h':
            fputs(demo_help, stdout);
            return EXIT_HOLDS;
        default:
            return EXIT_CANNOT;
        }
    }
    if (optind + 2 != argc)
        return cli_error(
            "demo-team: want TEAM.inf and MINIPORT.inf; 'longshore demo-team --help' tells more");
    d->team_inf = argv[optind];
    d->member_inf = argv[optind + 1];
    return -1;
}

int cmd_demo_team(int argc, char **argv)
{
    struct demo d = {.seconds = 2, .left = -1, .right = -1, .lock = PTHREAD_MUTEX_INITIALIZER};
    struct why why = {0};
    int r = demo_parse(&d, argc, argv);

    if (r >= 0)
        return r;
    if (netns_private(&why) < 0 || (d.left = netns_new(&why)) < 0 ||
        (d.right = netns_new(&why)) < 0)
        return cli_error("%s", why.text);
    return demo_run(&d);
}
