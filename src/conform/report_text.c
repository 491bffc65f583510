/* SPDX-License-Identifier: MIT */
/* The report for a terminal. */
#include "conform/report.h"

static void dump(FILE *to, const struct evidence *e, unsigned indent)
{
    for (unsigned at = 0; at < e->bytes_len; at += 16) {
        unsigned n = MIN_OF(16u, e->bytes_len - at);
        bool any = e->mark_len && e->mark_at < at + n && e->mark_at + e->mark_len > at;

        /* Lines far from the mark say nothing. */
        if (e->mark_len && !any && (at + 32 <= e->mark_at || at > e->mark_at + e->mark_len + 16u))
            continue;
        fprintf(to, "%*s%04x ", (int)indent, "", e->bytes_from + at);
        for (unsigned i = at; i < at + n; i++) {
            bool in = e->mark_len && i >= e->mark_at && i < e->mark_at + e->mark_len;
            bool was = e->mark_len && i > e->mark_at && i <= e->mark_at + e->mark_len;

            fprintf(to, "%c%02x",
                    in && i == e->mark_at ? '['
                    : was && !in          ? ']'
                                          : ' ',
                    e->bytes[i]);
        }
        if (e->mark_len && e->mark_at + e->mark_len == at + n)
            fputc(']', to);
        fputc('\n', to);
    }
}

static void flags_text(uint8_t flags, char out[9])
{
    static const char letters[] = "FSRPAUEC";

    for (unsigned i = 0; i < 8; i++)
        out[i] = flags & (1u << i) ? letters[i] : '.';
    out[8] = '\0';
}

static void segments(FILE *to, const struct evidence *e, unsigned indent)
{
    char flags[9];

    for (unsigned i = 0; i < e->segment_count; i++) {
        const struct evidence_segment *s = &e->segments[i];

        if (e->segment_count > 8 && i >= 3 && i + 2 < e->segment_count && !s->wrong)
            continue;
        flags_text(s->flags, flags);
        fprintf(to, "%*sframe %2u  seq %10u  %5u bytes  id 0x%04x  %s%s\n", (int)indent, "", i + 1,
                s->seq, s->payload, s->ip_id, flags, s->wrong ? "  <-- wrong" : "");
    }
}

void report_evidence(FILE *to, const struct suite_evidence *v, const struct requirement *row,
                     unsigned indent)
{
    const struct evidence *e = &v->e;
    int in = (int)indent;

    if (*e->about)
        fprintf(to, "%*sin        %s\n", in, "", e->about);
    if (*e->field)
        fprintf(to, "%*sfield     %s\n%*sexpected  %s\n%*sgot       %s\n", in, "", e->field, in, "",
                e->expected, in, "", e->got);
    if (*e->text)
        fprintf(to, "%*s%s\n", in, "", e->text);
    if (v->seen_in && v->seen_in != row)
        fprintf(to, "%*sseen while checking %s\n", in, "", v->seen_in->id);
    segments(to, e, indent);
    dump(to, e, indent);
}

static bool worth_saying(const struct suite_evidence *v)
{
    return v->e.kind == EVIDENCE_FINDING || v->e.kind == EVIDENCE_WARNING ||
           v->e.kind == EVIDENCE_CANNOT;
}

/* Each row's first pieces; a rule that every check saw broken is told once. */
static void tell_row(FILE *to, const struct suite_row *row)
{
    enum { TOLD = 3 };
    unsigned told = 0, more = 0;

    if (row->verdict != VERDICT_FAIL && row->verdict != VERDICT_WARN &&
        row->verdict != VERDICT_ERROR)
        return;
    fprintf(to, "%s %s: %s\n     source: %s\n", verdict_name(row->verdict), row->q->id,
            row->q->text, row->q->source);
    for (const struct suite_evidence *v = row->evidence; v; v = v->next) {
        if (!worth_saying(v))
            continue;
        if (told == TOLD) {
            more++;
            continue;
        }
        told++;
        fputc('\n', to);
        report_evidence(to, v, row->q, 5);
    }
    if (more)
        fprintf(to, "     and %u more like that\n", more);
    fputc('\n', to);
}

static void tell_other(FILE *to, const struct suite_result *s)
{
    unsigned told = 0;

    for (const struct suite_evidence *v = s->other; v && told < 20; v = v->next, told++) {
        fprintf(to, "FAIL %s: a rule of the kernel\n", v->e.id);
        report_evidence(to, v, NULL, 5);
        fputc('\n', to);
    }
}

static void tell_groups(FILE *to, const struct suite_result *s)
{
    for (unsigned g = 0; g < catalogue_group_count(); g++) {
        const struct requirement_group *group = catalogue_group_at(g);
        unsigned n[VERDICT_COUNT] = {0}, ran;

        for (unsigned i = group->first; i < group->first + group->count; i++)
            n[s->rows[i].verdict]++;
        ran = group->count - n[VERDICT_NONE] - n[VERDICT_LEFT_OUT] - n[VERDICT_NOT_SEEN];
        if (ran == 0)
            continue;
        fprintf(to, "  %-5s %3u of %3u hold", group->name, n[VERDICT_PASS] + n[VERDICT_WARN], ran);
        if (n[VERDICT_FAIL])
            fprintf(to, ", %u do not", n[VERDICT_FAIL]);
        if (n[VERDICT_ERROR])
            fprintf(to, ", %u could not be checked", n[VERDICT_ERROR]);
        if (n[VERDICT_SKIP])
            fprintf(to, ", %u skipped", n[VERDICT_SKIP]);
        if (n[VERDICT_WARN])
            fprintf(to, ", %u with a warning", n[VERDICT_WARN]);
        fprintf(to, "   %s\n", group->title);
    }
}

static void tell_imports(FILE *to, const struct suite_result *s)
{
    unsigned missing = 0;

    for (unsigned i = 0; i < s->import_count; i++)
        missing += s->imports[i].missing;
    if (!s->import_count)
        return;
    fprintf(to, "imports: %u, of which nobody provides %u\n", s->import_count, missing);
    for (unsigned i = 0; i < s->import_count; i++) {
        if (s->imports[i].missing)
            fprintf(to, "  %s%s\n", s->imports[i].name,
                    s->imports[i].calls ? " (called)" : " (not called)");
    }
}

void report_text(FILE *to, const struct suite_result *s)
{
    for (unsigned i = 0; i < s->row_count; i++)
        tell_row(to, &s->rows[i]);
    tell_other(to, s);
    fprintf(to, "%s (%s)", s->adapter, s->config->image);
    for (unsigned i = 0; i < s->config->member_count; i++)
        fprintf(to, "%s%s", i ? ", " : " over ", s->config->member[i].image);
    fprintf(to, "%s%s%s, seed %llu\n",
            s->hardware ? "" : ", a software miniport: nothing below it is looked at",
            s->config->withhold ? ", card without " : "",
            s->config->withhold ? s->config->withhold : "", (unsigned long long)s->config->seed);
    tell_imports(to, s);
    tell_groups(to, s);
    fprintf(to,
            "%u checks in %.1f s: %u hold, %u do not, %u with warnings, %u skipped, %u errors; "
            "%u findings\n",
            s->checks_run, s->seconds, s->verdicts[VERDICT_PASS] + s->verdicts[VERDICT_WARN],
            s->verdicts[VERDICT_FAIL], s->verdicts[VERDICT_WARN], s->verdicts[VERDICT_SKIP],
            s->verdicts[VERDICT_ERROR], suite_findings(s));
}
