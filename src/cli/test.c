/* SPDX-License-Identifier: MIT */
/* longshore test: the conformance suite on a driver. */
#include "cli/cli.h"
#include "conform/report.h"

#include <fcntl.h>
#include <getopt.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

static void usage(FILE *to)
{
    fprintf(to,
            "usage: longshore test DRIVER.inf [OPTION...]\n"
            "       longshore test --list[=markdown]\n\n"
            "Checks a miniport requirement by requirement, each on a fresh adapter in a process of "
            "its own.\n\n"
            "  --driver sys|linked  the .sys that the .inf names (default), or the .so beside it\n"
            "  --member CARD.inf    an intermediate driver: a card of ours, with that driver, that "
            "it stands on.\n"
            "                       Given once: two of them; given up to four times: one each\n"
            "  --withhold LIST      features the card does not offer (each member's card)\n"
            "  --only ID,GROUP,...  these requirements (\"LSO1,ENC-14\")\n"
            "  --tier N             requirements up to tier N\n"
            "  --seed N             order of checks and random input; printed, default the time\n"
            "  --strict             NDIS as today's reference has it; warnings are findings\n"
            "  --lenient            a configuration that is not indicated (ENC-14, PAR-15) is a "
            "warning\n"
            "  --jobs N             checks at once (default: one per processor)\n"
            "  --slow FACTOR        time limits are multiplied by it\n"
            "  --limit SECONDS      a check that takes longer is killed (default: 30)\n"
            "  --capture DIR        a pcapng of each check's wire\n"
            "  --json FILE, --junit FILE, --html FILE, --markdown FILE\n"
            "                       the report for programs, for build servers, to look at, to "
            "keep; \"-\" "
            "is stdout\n"
            "  --list               the catalogue; --list=markdown: docs/conformance.md\n\n"
            "exit status: 0 all hold, 1 findings, 2 could not run\n");
}

enum {
    OPT_DRIVER = 256,
    OPT_MEMBER,
    OPT_WITHHOLD,
    OPT_ONLY,
    OPT_TIER,
    OPT_SEED,
    OPT_STRICT,
    OPT_LENIENT,
    OPT_JOBS,
    OPT_SLOW,
    OPT_LIMIT,
    OPT_CAPTURE,
    OPT_LIST,
    OPT_JSON,
    OPT_JUNIT,
    OPT_HTML,
    OPT_MARKDOWN,
};

static const struct option options[] = {
    {"driver", required_argument, NULL, OPT_DRIVER},
    {"member", required_argument, NULL, OPT_MEMBER},
    {"withhold", required_argument, NULL, OPT_WITHHOLD},
    {"only", required_argument, NULL, OPT_ONLY},
    {"tier", required_argument, NULL, OPT_TIER},
    {"seed", required_argument, NULL, OPT_SEED},
    {"strict", no_argument, NULL, OPT_STRICT},
    {"lenient", no_argument, NULL, OPT_LENIENT},
    {"jobs", required_argument, NULL, OPT_JOBS},
    {"slow", required_argument, NULL, OPT_SLOW},
    {"limit", required_argument, NULL, OPT_LIMIT},
    {"capture", required_argument, NULL, OPT_CAPTURE},
    {"json", required_argument, NULL, OPT_JSON},
    {"junit", required_argument, NULL, OPT_JUNIT},
    {"html", required_argument, NULL, OPT_HTML},
    {"markdown", required_argument, NULL, OPT_MARKDOWN},
    {"list", optional_argument, NULL, OPT_LIST},
    {"help", no_argument, NULL, 'h'},
    {0},
};

struct wanted {
    struct suite_config suite;
    enum longshore_build build;
    const char *json, *junit, *html, *markdown_report;
    bool list, markdown, help;
};

/* Every name in the list is an id or a group. */
static bool check_names(const char *list)
{
    char name[32];

    if (!*list) {
        cli_error("--only: want ids or groups; longshore test --list names them");
        return false;
    }
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, ",");
        bool known = false;

        snprintf(name, sizeof name, "%.*s", (int)MIN_OF(n, sizeof name - 1), p);
        for (unsigned i = 0; i < catalogue_group_count(); i++)
            known |= strcasecmp(catalogue_group_at(i)->name, name) == 0;
        if (!known && !catalogue_find(name)) {
            cli_error("--only %s: no such requirement or group; longshore test --list names them",
                      name);
            return false;
        }
        p += n + (p[n] == ',');
    }
    return true;
}

static bool take_member(struct suite_config *s, const char *inf)
{
    if (s->member_count == SUITE_MEMBERS) {
        cli_error("--member: at most %d", SUITE_MEMBERS);
        return false;
    }
    s->member[s->member_count++].inf = inf;
    return true;
}

static bool take_option(struct wanted *w, int o)
{
    unsigned long n = 0;

    switch (o) {
    case OPT_DRIVER:
        return cli_build(optarg, &w->build);
    case OPT_MEMBER:
        return take_member(&w->suite, optarg);
    case OPT_WITHHOLD:
        w->suite.withhold = optarg;
        return true;
    case OPT_ONLY:
        w->suite.only = optarg;
        return check_names(optarg);
    case OPT_TIER:
        if (!cli_number("--tier", optarg, 1, 3, &n))
            return false;
        w->suite.tier = (unsigned)n;
        return true;
    case OPT_SEED:
        if (!cli_number("--seed", optarg, 0, ULONG_MAX, &n))
            return false;
        w->suite.seed = n;
        return true;
    case OPT_JOBS:
        if (!cli_number("--jobs", optarg, 1, 64, &n))
            return false;
        w->suite.jobs = (unsigned)n;
        return true;
    case OPT_SLOW:
        if (!cli_number("--slow", optarg, 1, 100, &n))
            return false;
        w->suite.time_factor = (double)n;
        return true;
    case OPT_LIMIT:
        if (!cli_number("--limit", optarg, 1, 3600, &n))
            return false;
        w->suite.limit = (double)n;
        return true;
    case OPT_STRICT:
        w->suite.strict = true;
        return true;
    case OPT_LENIENT:
        w->suite.lenient = true;
        return true;
    case OPT_CAPTURE:
        w->suite.capture = optarg;
        return true;
    case OPT_JSON:
        w->json = optarg;
        return true;
    case OPT_JUNIT:
        w->junit = optarg;
        return true;
    case OPT_HTML:
        w->html = optarg;
        return true;
    case OPT_MARKDOWN:
        w->markdown_report = optarg;
        return true;
    case OPT_LIST:
        w->list = true;
        w->markdown = optarg && strcmp(optarg, "markdown") == 0;
        if (optarg && !w->markdown)
            cli_error("--list=%s: want --list or --list=markdown", optarg);
        return !optarg || w->markdown;
    case 'h':
        w->help = true;
        return true;
    default:
        return false;
    }
}

/* EXIT_CANNOT when what was printed did not get through. */
static int flush_stdout(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_HOLDS;
    return cli_error("cannot write to stdout: %s", strerror(errno));
}

static int list(const struct wanted *w)
{
    if (w->markdown)
        report_catalogue(stdout);
    else
        report_list(stdout);
    return flush_stdout();
}

/* Before a run that would be for nothing. What is there stays as it is. */
static bool can_write(const char *path)
{
    struct stat st;
    bool there = lstat(path, &st) == 0;
    int fd;

    if (strcmp(path, "-") == 0 || (there && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
        return true;
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) {
        cli_error("%s: %s", path, strerror(errno));
        return false;
    }
    close(fd);
    if (!there)
        unlink(path);
    return true;
}

static bool can_report(const struct wanted *w)
{
    const char *paths[] = {w->json, w->junit, w->html, w->markdown_report};

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        if (paths[i] && !can_write(paths[i]))
            return false;
    }
    return true;
}

static bool make_capture_directory(const char *path)
{
    char probe[4200];
    int fd;

    if (mkdir(path, 0777) < 0 && errno != EEXIST) {
        cli_error("%s: %s", path, strerror(errno));
        return false;
    }
    snprintf(probe, sizeof probe, "%s/.longshore-XXXXXX", path);
    fd = mkstemp(probe);
    if (fd < 0) {
        cli_error("%s: cannot write captures there: %s", path, strerror(errno));
        return false;
    }
    close(fd);
    unlink(probe);
    return true;
}

/* A report on stdout is alone there. */
static bool on_stdout(const struct wanted *w)
{
    return (w->json && strcmp(w->json, "-") == 0) || (w->junit && strcmp(w->junit, "-") == 0) ||
           (w->html && strcmp(w->html, "-") == 0) ||
           (w->markdown_report && strcmp(w->markdown_report, "-") == 0);
}

static int write_reports(const struct wanted *w, const struct suite_result *s, struct why *why)
{
    int err = w->json ? report_to(w->json, report_json, s, why) : 0;

    if (err == 0 && w->junit)
        err = report_to(w->junit, report_junit, s, why);
    if (err == 0 && w->html)
        err = report_to(w->html, report_html, s, why);
    if (err == 0 && w->markdown_report)
        err = report_to(w->markdown_report, report_markdown, s, why);
    return err;
}

static int run(struct wanted *w)
{
    struct suite_result *result;
    struct why why = {0};
    int status;
    unsigned findings;

    if (suite_find_image(&w->suite, w->build == LONGSHORE_LINKED, &why) < 0)
        return cli_error("%s", why.text);
    if (!can_report(w) || (w->suite.capture && !make_capture_directory(w->suite.capture)))
        return EXIT_CANNOT;
    if (suite_run(&w->suite, &result, &why) < 0)
        return cli_error("%s", why.text);
    if (!on_stdout(w))
        report_text(stdout, result);
    status = flush_stdout();
    if (write_reports(w, result, &why) < 0)
        status = cli_error("%s", why.text);
    findings = suite_findings(result) + result->verdicts[VERDICT_ERROR];
    suite_free(result);
    return status != EXIT_HOLDS ? status : findings ? EXIT_FINDINGS : EXIT_HOLDS;
}

int cmd_test(int argc, char **argv)
{
    struct wanted w = {.suite = {.seed = (uint64_t)time(NULL), .time_factor = 1}};
    int o;

    w.suite.progress = isatty(STDERR_FILENO);
    while ((o = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (!take_option(&w, o))
            return EXIT_CANNOT;
    }
    if (w.help) {
        usage(stdout);
        return EXIT_HOLDS;
    }
    if (w.list)
        return list(&w);
    if (optind + 1 != argc) {
        usage(stderr);
        return EXIT_CANNOT;
    }
    if (w.suite.strict && w.suite.lenient)
        return cli_error("--strict and --lenient contradict each other");
    w.suite.inf = argv[optind];
    if (w.suite.member_count == 1)
        take_member(&w.suite, w.suite.member[0].inf);
    return run(&w);
}
