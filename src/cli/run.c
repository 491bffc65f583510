/* SPDX-License-Identifier: MIT */
/* longshore run: a miniport between a TAP and a wire of the user's, or a team of several, until
 * Ctrl-C. */
#include "cli/control.h"

#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>

enum { MEMBERS_MAX = 8 };

struct run_options {
    struct longshore_adapter_config adapter;
    struct card_spec member[MEMBERS_MAX];
    unsigned members;
    const char *keywords[3]; /* of the team */
    struct longshore_config machine;
    const char *control;   /* path of the socket; NULL: one by the adapter's name */
    unsigned long seconds; /* 0: until a signal */
    bool quiet;
};

static const char run_help[] =
    "usage: longshore run DRIVER.inf --tap NAME --wire KIND:NAME [OPTION...]\n"
    "       longshore run TEAM.inf --tap NAME --member MEMBER... [OPTION...]\n\n"
    "Loads the driver that DRIVER.inf names (its binary stands beside it), plugs a virtio network\n"
    "card, and moves frames: TAP <-> protocol <-> NDIS <-> driver <-> card <-> wire.\n\n"
    "  --tap NAME           TAP of the Linux side; made when absent\n"
    "  --wire KIND:NAME     tap:NAME[,napi], packet:INTERFACE, or pcap:IN,OUT (- for none)\n"
    "  --member DRIVER.inf,wire=KIND:NAME[,withhold=FEATURE+FEATURE...][,name=NAME]\n"
    "                       instead of a wire: a card of the team that TEAM.inf's driver makes;\n"
    "                       up to 8, the first is preferred; 'longshore adapter' adds and removes\n"
    "                       them later\n"
    "  --policy standby|hash  of the team: one member at a time (default), or a flow hash\n"
    "  --driver sys|linked  the .sys (default), or the linked build (.so)\n"
    "  --withhold LIST      features the card does not offer (see below)\n"
    "  --capture FILE       what crosses the wire, as pcapng\n"
    "  --registry FILE      .reg file: read at start, written when offloads are set\n"
    "  --control PATH       Unix socket for adapter, offloads, set and wmi (default: by the name)\n"
    "  --name NAME          what the adapter is called\n"
    "  --mtu N              68 to 9000 (default 1500)\n"
    "  --loops N            processors, 1 to 16 (default 1)\n"
    "  --napi               let the kernel merge what arrives on the TAP (IFF_NAPI)\n"
    "  --seconds N          stop by itself\n"
    "  --quiet              no counters\n\n"
    "Counters come once a second. Ctrl-C stops: unbind, pause, halt, unload, and a report of\n"
    "findings. Exit status 0 without findings, 1 with, 2 when it could not start.\n";

enum {
    OPT_TAP = 256,
    OPT_WIRE,
    OPT_MEMBER,
    OPT_POLICY,
    OPT_DRIVER,
    OPT_WITHHOLD,
    OPT_CAPTURE,
    OPT_REGISTRY,
    OPT_CONTROL,
    OPT_NAME,
    OPT_MTU,
    OPT_LOOPS,
    OPT_NAPI,
    OPT_SECONDS,
    OPT_QUIET,
    OPT_HELP
};

static const struct option run_long[] = {
    {"tap", required_argument, NULL, OPT_TAP},
    {"wire", required_argument, NULL, OPT_WIRE},
    {"member", required_argument, NULL, OPT_MEMBER},
    {"policy", required_argument, NULL, OPT_POLICY},
    {"driver", required_argument, NULL, OPT_DRIVER},
    {"withhold", required_argument, NULL, OPT_WITHHOLD},
    {"capture", required_argument, NULL, OPT_CAPTURE},
    {"registry", required_argument, NULL, OPT_REGISTRY},
    {"control", required_argument, NULL, OPT_CONTROL},
    {"name", required_argument, NULL, OPT_NAME},
    {"mtu", required_argument, NULL, OPT_MTU},
    {"loops", required_argument, NULL, OPT_LOOPS},
    {"napi", no_argument, NULL, OPT_NAPI},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

static bool run_member(struct run_options *o, const char *arg)
{
    struct longshore_error error = {0};

    if (o->members == MEMBERS_MAX)
        cli_error("--member: at most %d of them", MEMBERS_MAX);
    else if (card_parse(arg, &o->member[o->members], &error) < 0)
        cli_error("--member %s", error.text);
    else
        return o->members++, true;
    return false;
}

static bool run_policy(struct run_options *o, const char *arg)
{
    bool hash = strcmp(arg, "hash") == 0;

    o->keywords[0] = "TeamPolicy";
    o->keywords[1] = hash ? "1" : "0";
    o->adapter.keywords = o->keywords;
    if (hash || strcmp(arg, "standby") == 0)
        return true;
    cli_error("--policy %s: want standby or hash", arg);
    return false;
}

/* -1: go on; else the exit status. */
static int run_option(struct run_options *o, int opt)
{
    unsigned long n;

    switch (opt) {
    case OPT_TAP:
        o->adapter.tap = optarg;
        return -1;
    case OPT_WIRE:
        o->adapter.wire = optarg;
        return -1;
    case OPT_MEMBER:
        return run_member(o, optarg) ? -1 : EXIT_CANNOT;
    case OPT_POLICY:
        return run_policy(o, optarg) ? -1 : EXIT_CANNOT;
    case OPT_DRIVER:
        return cli_build(optarg, &o->adapter.build) ? -1 : EXIT_CANNOT;
    case OPT_WITHHOLD:
        o->adapter.withhold = optarg;
        return -1;
    case OPT_CAPTURE:
        o->adapter.capture = optarg;
        return -1;
    case OPT_REGISTRY:
        o->machine.registry = optarg;
        return -1;
    case OPT_CONTROL:
        o->control = optarg;
        return -1;
    case OPT_NAME:
        o->adapter.name = optarg;
        return -1;
    case OPT_MTU:
        if (!cli_number("--mtu", optarg, 68, 9000, &n))
            return EXIT_CANNOT;
        o->adapter.mtu = (uint16_t)n;
        return -1;
    case OPT_LOOPS:
        if (!cli_number("--loops", optarg, 1, 16, &n))
            return EXIT_CANNOT;
        o->machine.processors = (unsigned)n;
        return -1;
    case OPT_NAPI:
        o->adapter.tap_napi = true;
        return -1;
    case OPT_SECONDS:
        return cli_number("--seconds", optarg, 1, 1000000, &o->seconds) ? -1 : EXIT_CANNOT;
    case OPT_QUIET:
        o->quiet = true;
        return -1;
    case OPT_HELP:
        printf("%s\nfeatures: %s\n", run_help, longshore_nic_features());
        return EXIT_HOLDS;
    default:
        return EXIT_CANNOT;
    }
}

static int run_parse(struct run_options *o, int argc, char **argv)
{
    int opt, r;

    optind = 1;
    while ((opt = getopt_long(argc, argv, "h", run_long, NULL)) != -1) {
        r = run_option(o, opt == 'h' ? OPT_HELP : opt);
        if (r >= 0)
            return r;
    }
    if (optind + 1 != argc)
        return cli_error("run: want one DRIVER.inf; 'longshore run --help' tells more");
    o->adapter.inf = argv[optind];
    if (!o->adapter.tap || !o->adapter.wire == !o->members)
        return cli_error("run: --tap, and --wire or --member, are needed; 'longshore run --help' "
                         "tells more");
    return -1;
}

/* One second, as the difference of two moments. */
static void sample_print(const struct running_counts *now, const struct running_counts *before,
                         unsigned long row)
{
    if (row % 20 == 0)
        printf("%10s %10s %10s %10s %10s %8s\n", "tx Mbit/s", "tx frames", "large", "rx Mbit/s",
               "rx frames", "dropped");
    printf("%10.1f %10llu %10llu %10.1f %10llu %8llu\n",
           (double)(now->tx_bytes - before->tx_bytes) * 8e-6,
           (unsigned long long)(now->tx_frames - before->tx_frames),
           (unsigned long long)(now->large - before->large),
           (double)(now->rx_bytes - before->rx_bytes) * 8e-6,
           (unsigned long long)(now->rx_frames - before->rx_frames),
           (unsigned long long)(now->dropped - before->dropped));
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Serves administrators until the time has come; true when a signal came first. */
static bool wait_until(int64_t due_ms, struct control *control, int signals)
{
    struct pollfd p[] = {
        {.fd = signals, .events = POLLIN},
        {.fd = control ? control_fd(control) : -1, .events = POLLIN},
    };
    int64_t left;

    while ((left = due_ms - now_ms()) > 0) {
        if (poll(p, ARRAY_LEN(p), (int)left) <= 0)
            continue;
        if (p[0].revents)
            return true;
        control_serve(control);
    }
    return false;
}

/* Until a signal, or the time is over. */
static void run_loop(const struct run_options *o, const struct running *r, struct control *control,
                     int signals)
{
    struct running_counts now, before = running_count(r);
    int64_t start = now_ms();

    for (unsigned long row = 0; o->seconds == 0 || row < o->seconds; row++) {
        if (wait_until(start + 1000 * ((int64_t)row + 1), control, signals))
            return;
        if (o->quiet)
            continue;
        now = running_count(r);
        sample_print(&now, &before, row);
        before = now;
    }
}

/* Without a socket of the user's choice the run is still worth having. */
static int run_control(const struct run_options *o, struct running *r, struct control **out)
{
    struct why why = {0};

    if (control_listen(o->control, r, out, &why) == 0)
        return 0;
    cli_error("%s%s", why.text,
              o->control ? "" : "; adapter, offloads, set and wmi will not reach this");
    return o->control ? EXIT_CANNOT : 0;
}

static void print_nonzero(void *arg, const char *room, const char *name, uint64_t value)
{
    (void)arg;
    if (value)
        printf("  %-6s %-24s %llu\n", room, name, (unsigned long long)value);
}

static void print_counters(const struct running *r)
{
    const struct longshore_adapter *member;

    puts("counters:");
    longshore_adapter_counters(r->adapter, print_nonzero, NULL);
    for (unsigned i = 0; (member = longshore_adapter_member(r->adapter, i)); i++) {
        printf("counters of %s:\n", longshore_adapter_name(member));
        longshore_adapter_counters(member, print_nonzero, NULL);
    }
}

static int run_start(const struct run_options *o, struct running *to, struct longshore_error *error)
{
    int r = longshore_adapter_new(to->ls, &o->adapter, &to->adapter, error);

    for (unsigned i = 0; r == 0 && i < o->members; i++)
        r = running_add(to, &o->member[i], error);
    return r;
}

int cmd_run(int argc, char **argv)
{
    struct run_options o = {.adapter = {.tap_netns = -1, .wire_netns = -1},
                            .machine = {.finding = cli_print_finding}};
    struct longshore_error error = {0};
    struct running running = {0};
    struct control *control = NULL;
    cleanup_close int signals = -1;
    uint64_t findings;
    sigset_t set;
    int r = run_parse(&o, argc, argv);

    if (r >= 0)
        return r;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL); /* before threads exist, so that all inherit it */
    signals = signalfd(-1, &set, SFD_CLOEXEC);
    running.build = o.adapter.build;
    running.mtu = o.adapter.mtu;
    r = longshore_new(&o.machine, &running.ls, &error);
    if (r == 0)
        r = run_start(&o, &running, &error);
    if (r < 0) {
        longshore_free(running.ls);
        return cli_error("%s", error.text);
    }
    if (run_control(&o, &running, &control) != 0) {
        longshore_free(running.ls);
        return EXIT_CANNOT;
    }
    printf("%s is running: %s <-> %s", longshore_adapter_name(running.adapter), o.adapter.tap,
           o.adapter.wire ? o.adapter.wire : "");
    for (unsigned i = 0; i < o.members; i++)
        printf("%s%s", i ? ", " : "", o.member[i].wire);
    puts("; Ctrl-C stops");
    if (control)
        printf("control: %s\n", control_path(control));
    run_loop(&o, &running, control, signals);
    control_close(control);
    if (!o.quiet)
        print_counters(&running);
    running_stop(&running);
    findings = longshore_findings(running.ls);
    printf("stopped; %llu findings\n", (unsigned long long)findings);
    longshore_free(running.ls);
    return findings ? EXIT_FINDINGS : EXIT_HOLDS;
}
