/* SPDX-License-Identifier: MIT */
/* The command table. */
#include "cli/cli.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"run", cmd_run, "run a miniport between a TAP and a wire"},
    {"demo", cmd_demo, "carry TCP through a miniport between two private namespaces"},
    {"demo-team", cmd_demo_team, "the same through a team, with a link pulled"},
    {"adapter", cmd_adapter, "state, link, pause, reset of running adapters; members of a team"},
    {"offloads", cmd_offloads, "what running adapters can offload, and what is switched on"},
    {"set", cmd_set, "switch offloads of a running adapter"},
    {"wmi", cmd_wmi, "query and set a running adapter through the documented WMI GUIDs"},
    {"test", cmd_test, "check a miniport, requirement by requirement"},
    {"bench", cmd_bench, "measure the kernels (frame) or the whole path (path)"},
};

static void usage(FILE *to)
{
    fprintf(to, "usage: longshore COMMAND [OPTION...]\n\n"
                "Runs Windows NDIS 6 miniport drivers in this process, between the Linux TCP/IP "
                "stack and a wire.\n\ncommands:\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(to, "  %-9s %s\n", commands[i].name, commands[i].help);
    fprintf(to, "\n'longshore COMMAND --help' tells more; longshore(1) tells all.\n"
                "exit status: 0 fine, 1 something does not hold, 2 could not be done\n");
}

int cli_error(const char *fmt, ...)
{
    va_list ap;

    fputs("longshore: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return EXIT_CANNOT;
}

void cli_print_finding(void *arg, const struct longshore_finding *f)
{
    (void)arg;
    printf("finding %s %s: %s\n", f->rule, f->subject, f->text);
}

unsigned cli_verdict(bool holds, const char *what, const char *fmt, ...)
{
    char value[128];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(value, sizeof value, fmt, ap);
    va_end(ap);
    printf("%-36s %-36s %s\n", what, value, holds ? "ok" : "DOES NOT HOLD");
    return !holds;
}

bool cli_number(const char *option, const char *text, unsigned long min, unsigned long max,
                unsigned long *out)
{
    char *end;

    errno = 0;
    *out = strtoul(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0' && *text != '-' && *out >= min && *out <= max)
        return true;
    cli_error("%s %s: want a number from %lu to %lu", option, text, min, max);
    return false;
}

bool cli_build(const char *text, enum longshore_build *out)
{
    *out = strcmp(text, "linked") == 0 ? LONGSHORE_LINKED : LONGSHORE_SYS;
    if (*out == LONGSHORE_LINKED || strcmp(text, "sys") == 0)
        return true;
    cli_error("--driver %s: want sys or linked", text);
    return false;
}

const char *cli_short(double v, char *buf, size_t size)
{
    static const char *const units[] = {"", " k", " M", " G", " T"};
    unsigned u = 0;

    while (v >= 1000 && u + 1 < ARRAY_LEN(units)) {
        v /= 1000;
        u++;
    }
    snprintf(buf, size, "%.*f%s", u == 0 ? 0 : v < 10 ? 2 : v < 100 ? 1 : 0, v, units[u]);
    return buf;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        usage(stdout);
        return EXIT_HOLDS;
    }
    if (strcmp(name, "--version") == 0) {
        puts("longshore " LONGSHORE_VERSION);
        return EXIT_HOLDS;
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    if (*name)
        cli_error("%s: no such command", name);
    usage(stderr);
    return EXIT_CANNOT;
}
