/* SPDX-License-Identifier: MIT */
/*
 * Runs the suite against every faulty twin (usage: below). Twins of group MUX, and of rows that
 * only a team can break, are made of the team's driver, over members of the card's; without --team
 * they are left out. A twin is caught
 * when the suite names its row; it may name the rows that the twin says break with it, and no
 * other. Ends with a line that says how many of how many checks have a twin that makes them fail.
 */
#include "edge.h"

#include "conform/report.h"

#include <getopt.h>
#include <strings.h>

extern const struct fault __start_faults[];
extern const struct fault __stop_faults[];

struct tally {
    unsigned twins, caught, astray, variants, broken;
    bool covered[512]; /* rows whose check a twin made fail */
};

/* Rows that say that others hold: broken with any of them. */
static const char sums[] = "CAP-25";

static bool in_list(const char *list, const struct requirement *q)
{
    for (const char *p = list; p && *p;) {
        size_t n = strcspn(p, ",");

        if ((n == strlen(q->id) && strncasecmp(p, q->id, n) == 0) ||
            (n == strlen(q->group) && strncasecmp(p, q->group, n) == 0))
            return true;
        p += n + (p[n] == ',');
    }
    return false;
}

/* Names of rows that fail, are not this twin's, and should not. */
static bool strays(const struct suite_result *s, const struct fault *f, char *out, size_t room)
{
    size_t at = 0;

    *out = '\0';
    for (unsigned i = 0; i < s->row_count; i++) {
        const struct suite_row *row = &s->rows[i];

        if ((row->verdict == VERDICT_FAIL || row->verdict == VERDICT_ERROR) &&
            strcasecmp(row->q->id, f->id) != 0 && !in_list(sums, row->q) &&
            !in_list(f->also, row->q) && !in_list(f->maybe, row->q) && at < room)
            at += (size_t)snprintf(out + at, room - at, " %s", row->q->id);
    }
    for (const struct suite_evidence *v = s->other; v && at < room; v = v->next) {
        if (!f->maybe || !strstr(f->maybe, v->e.id))
            at += (size_t)snprintf(out + at, room - at, " %s", v->e.id);
    }
    return at > 0;
}

/* Rows that should break with it and do not. */
static bool missing(const struct suite_result *s, const struct fault *f, char *out, size_t room)
{
    size_t at = 0;

    *out = '\0';
    for (unsigned i = 0; i < s->row_count; i++) {
        const struct suite_row *row = &s->rows[i];

        if (in_list(f->also, row->q) && row->verdict != VERDICT_FAIL && at < room)
            at += (size_t)snprintf(out + at, room - at, " %s", row->q->id);
    }
    return at > 0;
}

static const char *html;

static int try_twin(const struct suite_config *config, const struct fault *f, struct tally *t,
                    bool verbose)
{
    const struct requirement *q = catalogue_find(f->id);
    struct suite_config changed = *config;
    struct suite_result *s;
    struct why why = {0};
    char more[400], less[200];
    bool caught;

    if (!q) {
        fprintf(stderr, "twins: %s: no such requirement\n", f->id);
        return -EINVAL;
    }
    fault = f;
    t->twins++;
    changed.strict = config->strict || f->strict;
    if (suite_run(&changed, &s, &why) < 0) {
        printf("%-8s ASTRAY   %-28s the suite could not run: %s\n", f->id, f->name, why.text);
        t->astray++;
        return 0;
    }
    caught = s->rows[catalogue_index(q)].verdict == VERDICT_FAIL;
    t->caught += caught;
    t->covered[catalogue_index(q)] |= caught;
    for (unsigned i = 0; i < s->row_count; i++)
        t->covered[i] |= s->rows[i].verdict == VERDICT_FAIL && in_list(f->also, s->rows[i].q);
    t->astray += strays(s, f, more, sizeof more) + missing(s, f, less, sizeof less) > 0;
    printf("%-8s %-8s %-28s %s%s%s%s%s\n", f->id, caught ? "caught" : "ESCAPED", f->name, f->what,
           *more ? "  ASTRAY:" : "", more, *less ? "  not:" : "", less);
    if (verbose || !caught || *more)
        report_text(stderr, s);
    if (html && report_to(html, report_html, s, &why) < 0)
        fprintf(stderr, "twins: %s\n", why.text);
    suite_free(s);
    return 0;
}

/* Rows that the variant is to bring to hold, and that do not. */
static bool unproven(const struct suite_result *s, const char *holds, char *out, size_t room)
{
    size_t at = 0;

    *out = '\0';
    for (unsigned i = 0; i < s->row_count; i++) {
        const struct suite_row *row = &s->rows[i];

        if (in_list(holds, row->q) && row->verdict != VERDICT_PASS && at < room)
            at += (size_t)snprintf(out + at, room - at, " %s", row->q->id);
    }
    return at > 0;
}

static void try_variant(const struct suite_config *config, const struct fault *f, struct tally *t,
                        bool verbose)
{
    struct fault none = {.id = ""};
    struct suite_result *s;
    struct why why = {0};
    char more[400], less[200];
    bool bad;

    fault = f;
    t->variants++;
    if (suite_run(config, &s, &why) < 0) {
        printf("%-8s BROKEN   %-28s the suite could not run: %s\n", "-", f->name, why.text);
        t->broken++;
        return;
    }
    bad = strays(s, &none, more, sizeof more) + unproven(s, f->holds, less, sizeof less) > 0;
    t->broken += bad;
    printf("%-8s %-8s %-28s %s%s%s%s%s\n", "-", bad ? "BROKEN" : "holds", f->name, f->what,
           *more ? "  ASTRAY:" : "", more, *less ? "  not seen to hold:" : "", less);
    if (verbose || bad)
        report_text(stderr, s);
    suite_free(s);
}

/* The row that stands for it in a list of rows: its own, or the first that it proves. */
static const struct requirement *row_of(const struct fault *f)
{
    char id[16];

    if (f->id)
        return catalogue_find(f->id);
    snprintf(id, sizeof id, "%.*s", (int)MIN_OF(strcspn(f->holds, ","), sizeof id - 1), f->holds);
    return catalogue_find(id);
}

static bool is_team(const struct fault *f)
{
    const struct requirement *q = row_of(f);

    return f->team || (q && strcmp(q->group, "MUX") == 0);
}

/* A row whose twins are the team's. */
static bool wants_team(const struct requirement *q)
{
    for (const struct fault *f = __start_faults; f < __stop_faults; f++) {
        if (row_of(f) == q && f->id && is_team(f))
            return true;
    }
    return strcmp(q->group, "MUX") == 0;
}

/* One of each group, the first. */
static bool sampled(const struct fault *f)
{
    const struct requirement *q = row_of(f), *other;

    if (!f->id)
        return false;
    for (const struct fault *g = __start_faults; g < f; g++) {
        other = row_of(g);
        if (g->id && q && other && other->group == q->group)
            return false;
    }
    return true;
}

static unsigned without_twin(const struct tally *t, bool team)
{
    unsigned n = 0;

    for (unsigned i = 0; i < catalogue_count(); i++) {
        const struct check *c = check_find(catalogue_at(i)->id);

        if (c && c->run && !t->covered[i] && (team || !wants_team(catalogue_at(i)))) {
            printf("%-8s NO TWIN  makes this check fail\n", c->id);
            n++;
        }
    }
    return n;
}

static const char help[] =
    "usage: twins CARD.inf [--team TEAM.inf] [--only GROUP|ID,...] [--sample] [--verbose] [--html "
    "FILE]\n\n"
    "Runs the whole suite on each faulty twin of the drivers, and says whether the check that the "
    "fault\n"
    "is meant for, and no unrelated one, fails. --only: the twins of these; --sample: one of each\n"
    "group; --verbose: with the suite's report; --html: the last run's report as a page.\n\n"
    "Exit status: 0 every twin caught, 1 some are not, 2 could not run.\n";

struct options {
    struct suite_config *card, *team;
    const char *only;
    bool sample, verbose;
};

/* False: the arguments make no sense. */
static bool parse(struct options *o, int argc, char **argv)
{
    static const struct option longs[] = {{"team", required_argument, NULL, 't'},
                                          {"only", required_argument, NULL, 'o'},
                                          {"sample", no_argument, NULL, 's'},
                                          {"verbose", no_argument, NULL, 'v'},
                                          {"html", required_argument, NULL, 'h'},
                                          {"help", no_argument, NULL, '?'},
                                          {0}};
    int opt;

    while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (opt == 't')
            o->team->inf = optarg;
        else if (opt == 'o')
            o->only = optarg;
        else if (opt == 's')
            o->sample = true;
        else if (opt == 'v')
            o->verbose = true;
        else if (opt == 'h')
            html = optarg;
        else
            return false;
    }
    o->card->inf = argv[optind];
    return optind + 1 == argc;
}

int main(int argc, char **argv)
{
    /* More at once than processors: a broken driver makes checks wait. */
    struct suite_config config = {.seed = 1, .time_factor = 1, .jobs = 8};
    struct suite_config team = {.seed = 1, .time_factor = 1, .jobs = 8, .member_count = 2};
    struct options o = {.card = &config, .team = &team};
    struct tally t = {0};
    struct why why = {0};
    unsigned bare = 0, checks = 0;
    bool whole;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!parse(&o, argc, argv)) {
        fputs(help, stderr);
        return 2;
    }
    whole = !o.only && !o.sample;
    team.member[0].inf = team.member[1].inf = config.inf;
    if (suite_find_image(&config, false, &why) < 0 ||
        (team.inf && suite_find_image(&team, false, &why) < 0)) {
        fprintf(stderr, "twins: %s\n", why.text);
        return 2;
    }
    for (const struct fault *f = __start_faults; f < __stop_faults; f++) {
        const struct requirement *q = row_of(f);
        const struct suite_config *c = is_team(f) ? &team : &config;

        if ((o.only && q && !in_list(o.only, q)) || (o.sample && !sampled(f)) || !c->inf)
            continue;
        edge_under_test(c->image);
        if (!f->id)
            try_variant(c, f, &t, o.verbose);
        else if (try_twin(c, f, &t, o.verbose) < 0)
            return 2;
    }
    if (whole)
        bare = without_twin(&t, team.inf != NULL);
    for (unsigned i = 0; check_at(i); i++)
        checks += check_at(i)->run != NULL;
    printf("%u checks, %u twins run, %u caught, %u escaped, %u named rows astray", checks, t.twins,
           t.caught, t.twins - t.caught, t.astray);
    if (t.variants)
        printf(", %u of %u variants hold", t.variants - t.broken, t.variants);
    if (whole)
        printf(", %u checks without a twin", bare);
    putchar('\n');
    return t.twins && t.caught == t.twins && !t.astray && !t.broken && !bare ? 0 : 1;
}
