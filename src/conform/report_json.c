/* SPDX-License-Identifier: MIT */
/* The report for programs. cJSON, because it is in the tree already (the control socket). */
#include "conform/report.h"

#include <cjson/cJSON.h>

static const char *kind_name(uint32_t kind)
{
    static const char *const kinds[] = {"finding", "warning", "note", "skip", "error", "end"};

    return kind < ARRAY_LEN(kinds) ? kinds[kind] : "?";
}

static void add_text(cJSON *o, const char *name, const char *text)
{
    if (*text)
        cJSON_AddStringToObject(o, name, text);
}

static void add_bytes(cJSON *o, const struct evidence *e)
{
    char hex[EVIDENCE_BYTES * 2 + 1] = "";

    if (!e->bytes_len)
        return;
    for (unsigned i = 0; i < e->bytes_len; i++)
        snprintf(hex + 2 * i, 3, "%02x", e->bytes[i]);
    cJSON_AddStringToObject(o, "bytes", hex);
    cJSON_AddNumberToObject(o, "bytes_from", e->bytes_from);
    cJSON_AddNumberToObject(o, "bytes_total", e->bytes_total);
    if (e->mark_len) {
        cJSON_AddNumberToObject(o, "mark_at", e->mark_at);
        cJSON_AddNumberToObject(o, "mark_len", e->mark_len);
    }
}

static void add_segments(cJSON *o, const struct evidence *e)
{
    cJSON *list;

    if (!e->segment_count)
        return;
    list = cJSON_AddArrayToObject(o, "segments");
    for (unsigned i = 0; i < e->segment_count; i++) {
        const struct evidence_segment *s = &e->segments[i];
        cJSON *one = cJSON_CreateObject();

        cJSON_AddNumberToObject(one, "seq", s->seq);
        cJSON_AddNumberToObject(one, "payload", s->payload);
        cJSON_AddNumberToObject(one, "ip_id", s->ip_id);
        cJSON_AddNumberToObject(one, "flags", s->flags);
        cJSON_AddNumberToObject(one, "wrong", s->wrong);
        cJSON_AddItemToArray(list, one);
    }
}

static cJSON *evidence_json(const struct suite_evidence *v)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "kind", kind_name(v->e.kind));
    cJSON_AddStringToObject(o, "id", v->e.id);
    add_text(o, "about", v->e.about);
    add_text(o, "field", v->e.field);
    add_text(o, "expected", v->e.expected);
    add_text(o, "got", v->e.got);
    add_text(o, "text", v->e.text);
    if (v->seen_in)
        cJSON_AddStringToObject(o, "seen_in", v->seen_in->id);
    add_bytes(o, &v->e);
    add_segments(o, &v->e);
    return o;
}

static cJSON *list_json(const struct suite_evidence *v)
{
    cJSON *list = cJSON_CreateArray();

    for (; v; v = v->next)
        cJSON_AddItemToArray(list, evidence_json(v));
    return list;
}

static cJSON *row_json(const struct suite_row *row)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "id", row->q->id);
    cJSON_AddStringToObject(o, "group", row->q->group);
    cJSON_AddNumberToObject(o, "tier", row->q->tier);
    cJSON_AddStringToObject(o, "who", row->q->who);
    cJSON_AddStringToObject(o, "text", row->q->text);
    cJSON_AddStringToObject(o, "source", row->q->source);
    cJSON_AddStringToObject(o, "verdict", verdict_name(row->verdict));
    if (row->reason)
        cJSON_AddStringToObject(o, "reason", row->reason);
    cJSON_AddNumberToObject(o, "comparisons", row->comparisons);
    cJSON_AddNumberToObject(o, "seconds", row->seconds);
    cJSON_AddItemToObject(o, "evidence", list_json(row->evidence));
    return o;
}

static cJSON *imports_json(const struct suite_result *s)
{
    cJSON *list = cJSON_CreateArray();

    for (unsigned i = 0; i < s->import_count; i++) {
        cJSON *o = cJSON_CreateObject();

        cJSON_AddStringToObject(o, "name", s->imports[i].name);
        cJSON_AddBoolToObject(o, "missing", s->imports[i].missing);
        if (s->imports[i].missing)
            cJSON_AddBoolToObject(o, "called", s->imports[i].calls > 0);
        cJSON_AddItemToArray(list, o);
    }
    return list;
}

void report_json(FILE *to, const struct suite_result *s)
{
    cJSON *o = cJSON_CreateObject(), *rows = cJSON_CreateArray(), *sum = cJSON_CreateObject();
    char seed[24];
    char *text;

    snprintf(seed, sizeof seed, "%llu", (unsigned long long)s->config->seed);
    cJSON_AddStringToObject(o, "driver", s->config->image);
    cJSON_AddStringToObject(o, "adapter", s->adapter);
    cJSON_AddBoolToObject(o, "hardware", s->hardware);
    if (s->config->withhold)
        cJSON_AddStringToObject(o, "withheld", s->config->withhold);
    cJSON_AddStringToObject(o, "seed", seed); /* 64 bits: more than a JSON number holds */
    cJSON_AddBoolToObject(o, "strict", s->config->strict);
    cJSON_AddNumberToObject(o, "seconds", s->seconds);
    cJSON_AddNumberToObject(o, "findings", suite_findings(s));
    for (unsigned v = 0; v < VERDICT_COUNT; v++)
        cJSON_AddNumberToObject(sum, verdict_name(v), s->verdicts[v]);
    cJSON_AddItemToObject(o, "verdicts", sum);
    for (unsigned i = 0; i < s->row_count; i++)
        cJSON_AddItemToArray(rows, row_json(&s->rows[i]));
    cJSON_AddItemToObject(o, "requirements", rows);
    cJSON_AddItemToObject(o, "other", list_json(s->other));
    cJSON_AddItemToObject(o, "imports", imports_json(s));
    text = cJSON_Print(o);
    invariant(text);
    fputs(text, to);
    fputc('\n', to);
    cJSON_free(text);
    cJSON_Delete(o);
}
