/* SPDX-License-Identifier: MIT */
/* The report for build servers: JUnit's XML as Jenkins and GitLab read it. A group is a suite, a
 * requirement a case; rows without a check, or not asked for, are left out. */
#include "conform/report.h"

static bool is_case(const struct suite_row *row)
{
    return row->verdict != VERDICT_NONE && row->verdict != VERDICT_LEFT_OUT;
}

static void one_line(FILE *to, const struct evidence *e)
{
    if (*e->field) {
        report_escape(to, e->field);
        fputs(": expected ", to);
        report_escape(to, e->expected);
        fputs(", got ", to);
        report_escape(to, e->got);
    } else {
        report_escape(to, e->text);
    }
}

static void evidence_text(FILE *to, const struct suite_row *row, uint32_t kind)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *memory = open_memstream(&text, &bytes);

    invariant(memory);
    fprintf(memory, "%s\nsource: %s\n", row->q->text, row->q->source);
    for (const struct suite_evidence *v = row->evidence; v; v = v->next) {
        if (v->e.kind == kind) {
            fputc('\n', memory);
            report_evidence(memory, v, row->q, 0);
        }
    }
    fclose(memory);
    report_escape(to, text);
    free(text);
}

static void failure(FILE *to, const struct suite_row *row, const char *element, uint32_t kind)
{
    fprintf(to, "      <%s type=\"%s\" message=\"", element, row->q->id);
    for (const struct suite_evidence *v = row->evidence; v; v = v->next) {
        if (v->e.kind != kind)
            continue;
        one_line(to, &v->e);
        break;
    }
    fputs("\">", to);
    evidence_text(to, row, kind);
    fprintf(to, "</%s>\n", element);
}

static void test_case(FILE *to, const struct suite_row *row)
{
    fprintf(to, "    <testcase classname=\"%s\" name=\"%s\" time=\"%.3f\">\n", row->q->group,
            row->q->id, row->seconds);
    if (row->verdict == VERDICT_FAIL)
        failure(to, row, "failure", row->findings ? EVIDENCE_FINDING : EVIDENCE_WARNING);
    else if (row->verdict == VERDICT_ERROR)
        failure(to, row, "error", EVIDENCE_CANNOT);
    else if (row->verdict == VERDICT_SKIP || row->verdict == VERDICT_NOT_SEEN) {
        fputs("      <skipped message=\"", to);
        report_escape(to, row->reason ? row->reason : "");
        fputs("\"/>\n", to);
    }
    if (row->verdict == VERDICT_WARN) {
        fputs("      <system-out>", to);
        evidence_text(to, row, EVIDENCE_WARNING);
        fputs("</system-out>\n", to);
    }
    fputs("    </testcase>\n", to);
}

struct sum {
    unsigned tests, failures, errors, skipped;
    double seconds;
};

static void add(struct sum *n, const struct suite_row *row)
{
    n->tests++;
    n->failures += row->verdict == VERDICT_FAIL;
    n->errors += row->verdict == VERDICT_ERROR;
    n->skipped += row->verdict == VERDICT_SKIP || row->verdict == VERDICT_NOT_SEEN;
    n->seconds += row->seconds;
}

/* Rules of the kernel that no row of the catalogue numbers. */
static void other_suite(FILE *to, const struct suite_result *s)
{
    if (!s->other)
        return;
    fprintf(to, "  <testsuite name=\"NT\" tests=\"1\" failures=\"1\" errors=\"0\" skipped=\"0\" "
                "time=\"0\">\n    <testcase classname=\"NT\" name=\"kernel rules\" time=\"0\">\n");
    for (const struct suite_evidence *v = s->other; v; v = v->next) {
        fprintf(to, "      <failure type=\"");
        report_escape(to, v->e.id);
        fputs("\" message=\"", to);
        one_line(to, &v->e);
        fputs("\"/>\n", to);
    }
    fputs("    </testcase>\n  </testsuite>\n", to);
}

void report_junit(FILE *to, const struct suite_result *s)
{
    struct sum all = {0};

    for (unsigned i = 0; i < s->row_count; i++) {
        if (is_case(&s->rows[i]))
            add(&all, &s->rows[i]);
    }
    fprintf(to,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"longshore\" "
            "tests=\"%u\" failures=\"%u\" errors=\"%u\" time=\"%.3f\">\n",
            all.tests + (s->other != NULL), all.failures + (s->other != NULL), all.errors,
            s->seconds);
    for (unsigned g = 0; g < catalogue_group_count(); g++) {
        const struct requirement_group *group = catalogue_group_at(g);
        struct sum n = {0};

        for (unsigned i = group->first; i < group->first + group->count; i++) {
            if (is_case(&s->rows[i]))
                add(&n, &s->rows[i]);
        }
        if (!n.tests)
            continue;
        fprintf(to,
                "  <testsuite name=\"%s\" tests=\"%u\" failures=\"%u\" errors=\"%u\" "
                "skipped=\"%u\" time=\"%.3f\">\n",
                group->name, n.tests, n.failures, n.errors, n.skipped, n.seconds);
        for (unsigned i = group->first; i < group->first + group->count; i++) {
            if (is_case(&s->rows[i]))
                test_case(to, &s->rows[i]);
        }
        fputs("  </testsuite>\n", to);
    }
    other_suite(to, s);
    fputs("</testsuites>\n", to);
}
