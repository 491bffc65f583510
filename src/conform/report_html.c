/* SPDX-License-Identifier: MIT */
/* The report to look at: a matrix of verdicts, each row unfolding to its evidence. */
#include "conform/report.h"
#include "conform/report_page.h"

static const char *kind_class(uint32_t kind)
{
    static const char *const classes[] = {"finding", "warning", "note", "skip", "error", "end"};

    return kind < ARRAY_LEN(classes) ? classes[kind] : "note";
}

/* Verdict as a word in a class name. */
static const char *verdict_class(enum verdict v)
{
    static const char *const classes[VERDICT_COUNT] = {"pass", "warn",    "FAIL", "ERROR",
                                                       "skip", "notseen", "none", "leftout"};

    return classes[v];
}

/* ---- Evidence ------------------------------------------------------------------------------- */

static void dump(FILE *to, const struct evidence *e)
{
    unsigned mark_end = e->mark_at + e->mark_len;

    if (!e->bytes_len)
        return;
    fprintf(to, "<pre>");
    for (unsigned i = 0; i < e->bytes_len; i++) {
        if (i % 16 == 0)
            fprintf(to, "%s%04x ", i ? "\n" : "", e->bytes_from + i);
        fputc(' ', to);
        if (e->mark_len && i == e->mark_at)
            fputs("<mark>", to);
        fprintf(to, "%02x", e->bytes[i]);
        if (e->mark_len && (i + 1 == mark_end || i + 1 == e->bytes_len) && i >= e->mark_at &&
            i < mark_end)
            fputs("</mark>", to);
    }
    if (e->bytes_from + e->bytes_len < e->bytes_total)
        fprintf(to, "\n... %u bytes in all", e->bytes_total);
    fputs("</pre>\n", to);
}

static void box(FILE *to, unsigned x, unsigned y, unsigned width, bool wrong, bool data)
{
    fprintf(to, "<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"24\" rx=\"4\"%s/>", x, y, width,
            wrong  ? " class=\"wrong\""
            : data ? " class=\"data\""
                   : "");
}

__attribute__((format(printf, 5, 6))) static void label(FILE *to, unsigned x, unsigned y,
                                                        bool wrong, const char *fmt, ...)
{
    va_list ap;

    fprintf(to, "<text x=\"%u\" y=\"%u\"%s>", x, y + 16, wrong ? " class=\"wrongt\"" : "");
    va_start(ap, fmt);
    vfprintf(to, fmt, ap);
    va_end(ap);
    fputs("</text>", to);
}

static const char *flag_letters(uint8_t flags)
{
    static const char letters[] = "FSRPAUEC";
    static char out[9];
    unsigned n = 0;

    for (unsigned i = 0; i < 8; i++) {
        if (flags & (1u << i))
            out[n++] = letters[i];
    }
    out[n] = '\0';
    return n ? out : "-";
}

enum { LINE = 30, DATA_X = 476, DATA_WIDTH = 330 };

static void draw_segment(FILE *to, const struct evidence *e, unsigned i, unsigned y,
                         uint32_t largest)
{
    const struct evidence_segment *s = &e->segments[i];
    unsigned width =
        largest ? 60 + (unsigned)((uint64_t)s->payload * (DATA_WIDTH - 60) / largest) : 60;

    label(to, 0, y, false, "%u", i + 1);
    box(to, 28, y, 72, s->wrong & SEGMENT_WRONG_HEADER, false);
    label(to, 36, y, s->wrong & SEGMENT_WRONG_HEADER, "headers");
    box(to, 104, y, 96, s->wrong & SEGMENT_WRONG_ID, false);
    label(to, 112, y, s->wrong & SEGMENT_WRONG_ID, "id 0x%04x", s->ip_id);
    box(to, 204, y, 122, s->wrong & SEGMENT_WRONG_SEQ, false);
    label(to, 212, y, s->wrong & SEGMENT_WRONG_SEQ, "seq %u", s->seq);
    box(to, 330, y, 66, s->wrong & SEGMENT_WRONG_FLAGS, false);
    label(to, 338, y, s->wrong & SEGMENT_WRONG_FLAGS, "%s", flag_letters(s->flags));
    box(to, 400, y, 72, s->wrong & SEGMENT_WRONG_CHECKSUM, false);
    label(to, 408, y, s->wrong & SEGMENT_WRONG_CHECKSUM, "checksum");
    box(to, DATA_X, y, width, s->wrong & SEGMENT_WRONG_PAYLOAD, true);
    label(to, DATA_X + 8, y, s->wrong & SEGMENT_WRONG_PAYLOAD, "%u", s->payload);
}

static bool drawn(const struct evidence *e, unsigned i)
{
    return e->segment_count <= 12 || i < 6 || i + 3 >= e->segment_count || e->segments[i].wrong;
}

static void picture(FILE *to, const struct evidence *e)
{
    unsigned lines = 0, y = 0;
    uint32_t largest = 0;
    bool gap = false;

    if (!e->segment_count)
        return;
    for (unsigned i = 0; i < e->segment_count; i++) {
        largest = MAX_OF(largest, e->segments[i].payload);
        lines += drawn(e, i) || (i > 0 && drawn(e, i - 1));
    }
    fprintf(to, "<svg viewBox=\"0 0 820 %u\" width=\"820\" role=\"img\" aria-label=\"segments\">",
            lines * LINE);
    for (unsigned i = 0; i < e->segment_count; i++) {
        if (drawn(e, i)) {
            draw_segment(to, e, i, y, largest);
            y += LINE;
            gap = false;
        } else if (!gap) {
            label(to, 28, y, false, "...");
            y += LINE;
            gap = true;
        }
    }
    fputs("</svg>\n", to);
}

static void pair(FILE *to, const char *name, const char *value, const char *value_class)
{
    if (!*value)
        return;
    fprintf(to, "<b>%s</b><span%s%s%s><code>", name, *value_class ? " class=\"" : "", value_class,
            *value_class ? "\"" : "");
    report_escape(to, value);
    fputs("</code></span>", to);
}

static void show_evidence(FILE *to, const struct suite_evidence *v, const struct requirement *row)
{
    const struct evidence *e = &v->e;

    fprintf(to, "<div class=\"evidence %s\">", kind_class(e->kind));
    if (*e->text) {
        fputs("<p>", to);
        report_escape(to, e->text);
        fputs("</p>", to);
    }
    fputs("<div class=\"pair\">", to);
    pair(to, "in", e->about, "");
    pair(to, "field", e->field, "");
    pair(to, "expected", e->expected, "");
    pair(to, "got", e->got, "got");
    if (v->seen_in && v->seen_in != row)
        pair(to, "seen in", v->seen_in->id, "");
    fputs("</div>\n", to);
    picture(to, e);
    dump(to, e);
    fputs("</div>\n", to);
}

/* ---- Rows ----------------------------------------------------------------------------------- */

static void show_row(FILE *to, const struct suite_row *row)
{
    enum { SHOWN = 12 };
    unsigned shown = 0, more = 0;
    bool bad = row->verdict == VERDICT_FAIL || row->verdict == VERDICT_ERROR;
    const char *class = verdict_class(row->verdict);

    fprintf(to,
            "<details id=\"%s\" data-v=\"%s\"%s><summary><span class=\"badge v-%s\">%s</span>"
            "<span class=\"id\">%s</span><span>",
            row->q->id, class, bad ? " open" : "", class, verdict_name(row->verdict), row->q->id);
    report_sentence(to, row->q->text);
    fprintf(to, "</span></summary><div class=\"body\"><p class=\"source\">tier %u, %s; source: ",
            row->q->tier, row->q->who);
    report_escape(to, row->q->source);
    if (row->comparisons)
        fprintf(to, "; %u comparisons in %.0f ms", row->comparisons, row->seconds * 1e3);
    fputs("</p>\n", to);
    if (row->reason) {
        fputs("<p>", to);
        report_escape(to, row->reason);
        fputs("</p>\n", to);
    }
    for (const struct suite_evidence *v = row->evidence; v; v = v->next) {
        if (v->e.kind == EVIDENCE_SKIP || shown >= SHOWN) {
            more += shown >= SHOWN;
            continue;
        }
        shown++;
        show_evidence(to, v, row->q);
    }
    if (more)
        fprintf(to, "<p class=\"dim\">and %u more</p>\n", more);
    fputs("</div></details>\n", to);
}

static void show_groups(FILE *to, const struct suite_result *s)
{
    for (unsigned g = 0; g < catalogue_group_count(); g++) {
        const struct requirement_group *group = catalogue_group_at(g);

        fprintf(to, "<section><h2>%s <small>", group->name);
        report_escape(to, group->title);
        fputs("</small></h2>\n", to);
        for (unsigned i = group->first; i < group->first + group->count; i++)
            show_row(to, &s->rows[i]);
        fputs("</section>\n", to);
    }
    if (!s->other)
        return;
    fputs("<h2>Kernel rules</h2>\n", to);
    for (const struct suite_evidence *v = s->other; v; v = v->next) {
        fputs("<p class=\"id\">", to);
        report_escape(to, v->e.id);
        fputs("</p>\n", to);
        show_evidence(to, v, NULL);
    }
}

/* ---- The head ------------------------------------------------------------------------------- */

static void show_matrix(FILE *to, const struct suite_result *s)
{
    fputs("<div class=\"matrix\">\n", to);
    for (unsigned g = 0; g < catalogue_group_count(); g++) {
        const struct requirement_group *group = catalogue_group_at(g);
        unsigned held = 0, ran = 0;

        fprintf(to, "<div class=\"group\"><span class=\"id\">%s</span><span class=\"cells\">",
                group->name);
        for (unsigned i = group->first; i < group->first + group->count; i++) {
            const struct suite_row *row = &s->rows[i];

            held += row->verdict == VERDICT_PASS || row->verdict == VERDICT_WARN;
            ran += row->verdict <= VERDICT_ERROR;
            fprintf(to, "<a href=\"#%s\" class=\"v-%s\" title=\"%s: %s\">%s</a>", row->q->id,
                    verdict_class(row->verdict), row->q->id, verdict_name(row->verdict),
                    row->verdict == VERDICT_FAIL || row->verdict == VERDICT_ERROR ? "&#215;" : "");
        }
        fputs("</span><span class=\"dim\">", to);
        if (ran)
            fprintf(to, "%u of %u hold", held, ran);
        fputs("</span></div>\n", to);
    }
    fputs("<div class=\"legend\">", to);
    for (unsigned v = 0; v < VERDICT_COUNT; v++) {
        if (s->verdicts[v])
            fprintf(to, "<span><i class=\"v-%s\"></i>%s %u</span>", verdict_class(v),
                    verdict_name(v), s->verdicts[v]);
    }
    fputs("</div></div>\n", to);
}

static void show_imports(FILE *to, const struct suite_result *s)
{
    unsigned missing = 0;

    for (unsigned i = 0; i < s->import_count; i++)
        missing += s->imports[i].missing;
    if (!s->import_count)
        return;
    fprintf(to, "<p class=\"dim\">%u imports", s->import_count);
    for (unsigned i = 0, told = 0; i < s->import_count; i++) {
        if (!s->imports[i].missing)
            continue;
        fputs(told++ ? ", " : "; nobody provides ", to);
        report_escape(to, s->imports[i].name);
    }
    fprintf(to, "%s</p>\n", missing ? "" : ", all provided");
}

void report_html(FILE *to, const struct suite_result *s)
{
    unsigned held = s->verdicts[VERDICT_PASS] + s->verdicts[VERDICT_WARN];
    unsigned ran = held + s->verdicts[VERDICT_FAIL] + s->verdicts[VERDICT_ERROR];
    bool good = held == ran && !s->other_findings;

    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
          "<link rel=\"icon\" href=\"data:,\"><title>Longshore: ",
          to);
    report_escape(to, s->adapter);
    fprintf(to, "</title><style>\n%s</style></head><body><main>\n", page_style);
    fprintf(to,
            "<div class=\"head\"><div><div class=\"score %s\">%u of %u</div><div "
            "class=\"dim\">requirements hold</div></div><div><h1>",
            good ? "good" : "bad", held, ran);
    report_escape(to, s->adapter);
    fputs("</h1><code>", to);
    report_escape(to, s->config->image);
    fprintf(to, "</code></div><div class=\"dim\">%u checks in %.1f s<br>seed %llu%s</div></div>\n",
            s->checks_run, s->seconds, (unsigned long long)s->config->seed,
            s->config->strict ? "<br>strict" : "");
    show_imports(to, s);
    show_matrix(to, s);
    fputs("<div class=\"tools\"><input id=\"find\" type=\"search\" placeholder=\"Find in ids and "
          "sentences\"><button data-want=\"run\">Checked</button><button data-want=\"bad\">Not "
          "holding</button><button data-want=\"all\">All</button></div>\n",
          to);
    show_groups(to, s);
    fprintf(to, "</main><script>\n%s</script></body></html>\n", page_script);
}
