/* SPDX-License-Identifier: MIT */
/* Which checks run, in which order, each in a child; what the children said becomes rows. */
#include "conform/rig_int.h"

#include <fcntl.h>
#include <poll.h>
#include <strings.h>
#include <sys/wait.h>

enum { JOBS_MAX = 64 };

/* A child and what it has said so far. */
struct job {
    pid_t pid;
    int pipe, words; /* evidence; its stderr */
    struct suite_row *row;
    double began;
    double limit;    /* that it was killed for */
    bool ended, cut; /* EVIDENCE_END came; killed for taking too long */
};

struct run {
    struct suite_result *result;
    struct suite_row **queue;
    unsigned queued, next, done;
    struct job jobs[JOBS_MAX];
    unsigned job_count, running;
    unsigned cut; /* children killed for taking too long */
    double stuck; /* seconds that the driver has made checks wait */
    unsigned not_tried;
};

const char *verdict_name(enum verdict v)
{
    static const char *const verdict_names[VERDICT_COUNT] = {
        "pass", "warn", "FAIL", "ERROR", "skip", "not seen", "none", "left out"};

    return verdict_names[v];
}

/* ---- Rows ----------------------------------------------------------------------------------- */

/* Lenient: rows that drivers in the field depart from and live with. D-27 of the requirements: no
 * indication after an encapsulation set, nor after a set of parameters. */
static bool forgiven(const struct suite_result *s, const struct requirement *q)
{
    static const char *const ids[] = {"ENC-14", "PAR-15"};

    for (size_t i = 0; s->config->lenient && i < ARRAY_LEN(ids); i++) {
        if (strcmp(q->id, ids[i]) == 0)
            return true;
    }
    return false;
}

/* The look sees calls at start only; one that a check saw is a finding that names the import. */
static void count_import_call(struct suite_result *s, const char *text)
{
    for (unsigned i = 0; i < s->import_count; i++) {
        if (s->imports[i].missing && strstr(text, s->imports[i].name))
            s->imports[i].calls++;
    }
}

static void add_evidence(struct suite_result *s, const struct requirement *seen_in,
                         const struct evidence *e)
{
    const struct requirement *q = catalogue_find(e->id);
    struct suite_row *row = q ? &s->rows[catalogue_index(q)] : NULL;
    struct suite_evidence *v = calloc(1, sizeof *v);

    invariant(v);
    v->e = *e;
    v->seen_in = seen_in;
    if (!row) {
        *s->other_tail = v;
        s->other_tail = &v->next;
        s->other_findings += e->kind == EVIDENCE_FINDING;
        if (strcmp(e->id, "NT-IMPORT") == 0)
            count_import_call(s, e->text);
        return;
    }
    if (v->e.kind == EVIDENCE_FINDING && forgiven(s, q))
        v->e.kind = EVIDENCE_WARNING;
    *row->evidence_tail = v;
    row->evidence_tail = &v->next;
    row->findings += v->e.kind == EVIDENCE_FINDING;
    row->warnings += v->e.kind == EVIDENCE_WARNING;
    if (e->kind == EVIDENCE_SKIP)
        row->verdict = VERDICT_SKIP;
    if (e->kind == EVIDENCE_CANNOT)
        row->verdict = VERDICT_ERROR;
    if (e->kind == EVIDENCE_SKIP || e->kind == EVIDENCE_CANNOT)
        row->reason = v->e.text;
}

__attribute__((format(printf, 4, 5))) static void
add_text(struct run *run, struct job *j, enum evidence_kind kind, const char *fmt, ...)
{
    struct evidence e = {.kind = kind};
    va_list ap;

    snprintf(e.id, sizeof e.id, "%s", j->row->q->id);
    va_start(ap, fmt);
    vsnprintf(e.text, sizeof e.text, fmt, ap);
    va_end(ap);
    add_evidence(run->result, j->row->q, &e);
}

static void settle(struct suite_row *row, bool strict)
{
    bool ran = row->verdict == VERDICT_PASS;

    if (row->findings || (strict && row->warnings))
        row->verdict = VERDICT_FAIL;
    else if (ran && row->warnings)
        row->verdict = VERDICT_WARN;
}

/* ---- Children ------------------------------------------------------------------------------- */

static struct rig the_rig;
static int child_pipe = -1;

void evidence_write(struct rig *r, const struct evidence *e)
{
    (void)r;
    if (write(child_pipe, e, sizeof *e) != (ssize_t)sizeof *e)
        _exit(EXIT_FAILURE); /* nobody listens any more */
}

void suite_child_end(struct rig *r)
{
    struct evidence end = {.kind = EVIDENCE_END};

    rig_close(r);
    end.comparisons = r->comparisons;
    evidence_write(r, &end);
    _exit(0);
}

/* FNV-1a. */
static uint64_t mix(uint64_t seed, const char *text)
{
    for (; *text; text++)
        seed = (seed ^ (uint8_t)*text) * 0x100000001b3u;
    return seed ? seed : 1;
}

__attribute__((noreturn)) static void child_main(const struct suite_config *config,
                                                 const struct check *check)
{
    struct rig *r = &the_rig;

    r->suite = config;
    r->check = check;
    r->linked = config->linked;
    r->random = mix(config->seed, check->id);
    pthread_mutex_init(&r->mutex, NULL);
    pthread_cond_init(&r->changed, NULL);
    check->run(r);
    suite_child_end(r);
}

static int begin_job(struct run *run, struct job *j)
{
    int ends[2];
    pid_t pid;

    j->row = run->queue[run->next];

    j->words = suite_words_new();
    if (j->words < 0)
        return j->words;
    if (pipe2(ends, O_CLOEXEC) < 0) {
        close(j->words);
        return -errno;
    }
    pid = suite_fork(j->words);
    if (pid == 0) {
        child_pipe = ends[1];
        child_main(run->result->config, j->row->check);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        close(j->words);
        return pid;
    }
    j->pid = pid;
    j->pipe = ends[0];
    j->began = rig_now();
    j->ended = j->cut = false;
    run->next++;
    run->running++;
    return 0;
}

/* False at the end of the pipe. */
static bool read_evidence(struct run *run, struct job *j)
{
    struct evidence e;
    ssize_t n = read(j->pipe, &e, sizeof e);

    if (n < 0 && errno == EINTR)
        return true;
    if (n != (ssize_t)sizeof e)
        return false;
    e.id[sizeof e.id - 1] = e.text[sizeof e.text - 1] = '\0';
    e.about[sizeof e.about - 1] = e.field[sizeof e.field - 1] = '\0';
    e.expected[sizeof e.expected - 1] = e.got[sizeof e.got - 1] = '\0';
    e.bytes_len = MIN_OF(e.bytes_len, (uint16_t)EVIDENCE_BYTES);
    e.segment_count = MIN_OF(e.segment_count, (uint16_t)EVIDENCE_SEGMENTS);
    if (e.kind == EVIDENCE_END) {
        j->ended = true;
        j->row->comparisons = e.comparisons;
    } else {
        add_evidence(run->result, j->row->q, &e);
    }
    return true;
}

/* ---- Time ----------------------------------------------------------------------------------- */

static double least_limit(const struct suite_config *config)
{
    double limit = suite_limit(config);

    return MIN_OF(limit, MAX_OF(limit / 6, config->time_factor)); /* not below a second */
}

static double limit_now(const struct run *run)
{
    double limit = suite_limit(run->result->config);

    for (unsigned i = 0; i < run->cut && i < 8; i++)
        limit /= 2;
    return MAX_OF(limit, least_limit(run->result->config));
}

/* What is left in the queue when a driver has made checks wait too often. */
static void give_up(struct run *run)
{
    const struct suite_config *c = run->result->config;

    if (run->next == run->queued || run->stuck < SUITE_STUCK_LIMITS * suite_limit(c))
        return;
    for (; run->next < run->queued; run->next++, run->done++) {
        struct suite_row *row = run->queue[run->next];
        struct evidence e = {.kind = EVIDENCE_CANNOT};

        snprintf(e.id, sizeof e.id, "%s", row->q->id);
        snprintf(e.text, sizeof e.text,
                 "not tried: the driver has made other checks wait for %.0f s in sum, and %u of "
                 "them had to be killed",
                 run->stuck, run->cut);
        add_evidence(run->result, row->q, &e);
        run->not_tried++;
    }
}

/* ---- Ends ----------------------------------------------------------------------------------- */

static void end_job(struct run *run, struct job *j)
{
    struct suite_row *row = j->row;
    char words[SUITE_WORDS];
    int how;

    while (waitpid(j->pid, &how, 0) < 0 && errno == EINTR)
        ;
    row->seconds = rig_now() - j->began;
    suite_last_words(j->words, words);
    if (j->cut)
        add_text(run, j, EVIDENCE_FINDING, "did not come to an end within %g s, and was killed%s",
                 j->limit, words);
    else if (WIFSIGNALED(how))
        add_text(run, j, EVIDENCE_FINDING, "the process died of signal %d (%s)%s", WTERMSIG(how),
                 strsignal(WTERMSIG(how)), words);
    else if (WEXITSTATUS(how) != 0)
        add_text(run, j, EVIDENCE_FINDING, "the process ended with exit code %d%s",
                 WEXITSTATUS(how), words);
    else if (!j->ended && row->verdict != VERDICT_ERROR)
        add_text(run, j, EVIDENCE_CANNOT, "the process ended without a word%s", words);
    else if (row->verdict == VERDICT_PASS && row->comparisons == 0 && row->findings == 0)
        add_text(run, j, EVIDENCE_CANNOT, "the check compared nothing");
    if (j->cut || ((row->findings || row->verdict == VERDICT_ERROR) &&
                   row->seconds > least_limit(run->result->config)))
        run->stuck += row->seconds;
    run->cut += j->cut;
    close(j->pipe);
    close(j->words);
    j->pid = 0;
    run->running--;
    run->done++;
}

static void show_progress(const struct run *run, const struct job *j)
{
    if (run->result->config->progress)
        fprintf(stderr, "\r[%3u/%u] %-8s %-60.60s", run->done, run->queued, j->row->q->id,
                run->done == run->queued ? "" : j->row->q->text);
}

/* Waits for something to come from a child, or a deadline. */
static void serve(struct run *run)
{
    double limit = limit_now(run), now;
    struct pollfd fds[JOBS_MAX];

    for (unsigned i = 0; i < run->job_count; i++)
        fds[i] = (struct pollfd){.fd = run->jobs[i].pid ? run->jobs[i].pipe : -1, .events = POLLIN};
    poll(fds, run->job_count, 200);
    now = rig_now();
    for (unsigned i = 0; i < run->job_count; i++) {
        struct job *j = &run->jobs[i];

        if (!j->pid)
            continue;
        if (!j->cut && now - j->began > limit) {
            j->cut = true;
            j->limit = limit;
            kill(j->pid, SIGKILL);
        }
        if (fds[i].revents && !read_evidence(run, j)) {
            end_job(run, j);
            show_progress(run, j);
        }
    }
}

/* ---- The run -------------------------------------------------------------------------------- */

/* "LSO1" and "LSO1-8" both name LSO1-8. */
static bool listed(const char *list, const struct requirement *q)
{
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, ",");

        if ((n == strlen(q->id) && strncasecmp(p, q->id, n) == 0) ||
            (n == strlen(q->group) && strncasecmp(p, q->group, n) == 0))
            return true;
        p += n + (p[n] == ',');
    }
    return false;
}

static void choose(struct run *run)
{
    struct suite_result *s = run->result;
    const struct suite_config *c = s->config;

    for (unsigned i = 0; i < s->row_count; i++) {
        struct suite_row *row = &s->rows[i];

        row->q = catalogue_at(i);
        row->check = check_find(row->q->id);
        row->evidence_tail = &row->evidence;
        if (!row->check)
            row->verdict = VERDICT_NONE;
        else if ((c->only && !listed(c->only, row->q)) || (c->tier && row->q->tier > c->tier))
            row->verdict = VERDICT_LEFT_OUT;
        else if (!row->check->run)
            row->verdict = VERDICT_NOT_SEEN;
        else
            run->queue[run->queued++] = row;
        if (row->verdict == VERDICT_NOT_SEEN)
            row->reason = row->check->why;
    }
}

static void shuffle(struct run *run, uint64_t seed)
{
    for (unsigned i = run->queued; i > 1; i--) {
        struct suite_row *kept = run->queue[i - 1];
        unsigned at;

        seed = seed * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
        at = (unsigned)(seed >> 33) % i;
        run->queue[i - 1] = run->queue[at];
        run->queue[at] = kept;
    }
}

static int run_all(struct run *run, struct why *why)
{
    while (run->done < run->queued) {
        for (unsigned i = 0; i < run->job_count && run->next < run->queued; i++) {
            if (!run->jobs[i].pid && begin_job(run, &run->jobs[i]) < 0 && run->running == 0)
                return why_set(why, -errno, "cannot start a process: %s", strerror(errno));
        }
        serve(run);
        give_up(run);
    }
    if (run->result->config->progress)
        fprintf(stderr, "\r%80s\r", "");
    return 0;
}

static struct suite_result *result_new(const struct suite_config *config)
{
    struct suite_result *s = calloc(1, sizeof *s);

    invariant(s);
    s->config = config;
    s->row_count = catalogue_count();
    s->rows = calloc(s->row_count, sizeof *s->rows);
    invariant(s->rows);
    s->other_tail = &s->other;
    return s;
}

static unsigned jobs_of(const struct suite_config *config)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned jobs = config->jobs ? config->jobs : processors > 0 ? (unsigned)processors : 1;

    return MIN_OF(jobs, (unsigned)JOBS_MAX);
}

/* Everything that is queued; the result is whole then. */
static int run_queue(struct run *run, struct why *why)
{
    struct suite_result *s = run->result;
    double began = rig_now();
    int err = run_all(run, why);

    if (err < 0)
        return err;
    for (unsigned i = 0; i < s->row_count; i++) {
        settle(&s->rows[i], s->config->strict);
        s->verdicts[s->rows[i].verdict]++;
    }
    s->checks_run = run->done - run->not_tried;
    s->seconds = rig_now() - began;
    return 0;
}

static int run_chosen(struct run *run, struct why *why)
{
    int err = suite_look(run->result, why);

    if (err < 0)
        return err;
    choose(run);
    if (run->queued == 0)
        return why_set(why, -ENODATA,
                       "nothing to check: nothing that was asked for has a check");
    shuffle(run, run->result->config->seed);
    return run_queue(run, why);
}

static struct run run_new(const struct suite_config *config)
{
    struct run run = {.result = result_new(config), .job_count = jobs_of(config)};

    run.queue = calloc(run.result->row_count, sizeof *run.queue);
    invariant(run.queue);
    return run;
}

static int run_end(struct run *run, int err, struct suite_result **out)
{
    free(run->queue);
    *out = err < 0 ? NULL : run->result;
    if (err < 0)
        suite_free(run->result);
    return err;
}

int suite_run(const struct suite_config *config, struct suite_result **out, struct why *why)
{
    struct run run = run_new(config);

    return run_end(&run, run_chosen(&run, why), out);
}

int suite_try(const struct suite_config *config, const struct check *check,
              struct suite_result **out, struct why *why)
{
    const struct requirement *q = catalogue_find(check->id);
    struct run run = run_new(config);

    invariant(q);
    for (unsigned i = 0; i < run.result->row_count; i++)
        run.result->rows[i] = (struct suite_row){.q = catalogue_at(i),
                                                 .verdict = VERDICT_LEFT_OUT,
                                                 .evidence_tail = &run.result->rows[i].evidence};
    run.queue[0] = &run.result->rows[catalogue_index(q)];
    run.queue[0]->check = check;
    run.queue[0]->verdict = VERDICT_PASS;
    run.queued = 1;
    return run_end(&run, run_queue(&run, why), out);
}

static void free_evidence(struct suite_evidence *v)
{
    while (v) {
        struct suite_evidence *next = v->next;

        free(v);
        v = next;
    }
}

void suite_free(struct suite_result *s)
{
    if (!s)
        return;
    for (unsigned i = 0; i < s->row_count; i++)
        free_evidence(s->rows[i].evidence);
    free_evidence(s->other);
    free(s->imports);
    free(s->rows);
    free(s);
}

unsigned suite_findings(const struct suite_result *s)
{
    unsigned n = s->other_findings;

    for (unsigned i = 0; i < s->row_count; i++)
        n += s->rows[i].findings + (s->config->strict ? s->rows[i].warnings : 0);
    return n;
}
