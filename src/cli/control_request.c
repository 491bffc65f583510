/* SPDX-License-Identifier: MIT */
/* One line of the control protocol into a request. The line may hold anything. */
#include "cli/control.h"

__attribute__((format(printf, 2, 3))) static int bad(struct longshore_error *error, const char *fmt,
                                                     ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(error->text, sizeof error->text, fmt, ap);
    va_end(ap);
    return -EINVAL;
}

static const struct {
    const char *name;
    bool guid, values; /* what the op may bring */
} ops[] = {
    [CONTROL_HELLO] = {"hello", false, false},
    [CONTROL_OFFLOADS] = {"offloads", false, false},
    [CONTROL_SET] = {"set", false, true},
    [CONTROL_WMI] = {"wmi", true, true},
};

static int parse_op(const cJSON *json, struct control_request *out, struct longshore_error *error)
{
    const cJSON *op = cJSON_GetObjectItemCaseSensitive(json, "op");

    for (size_t i = 0; cJSON_IsString(op) && i < ARRAY_LEN(ops); i++) {
        if (strcmp(op->valuestring, ops[i].name) == 0) {
            out->op = (enum control_op)i;
            return 0;
        }
    }
    return bad(error, "no such op; there are hello, offloads, set, wmi");
}

static int parse_values(const cJSON *values, struct control_request *out,
                        struct longshore_error *error)
{
    const cJSON *v;

    if (!cJSON_IsObject(values))
        return bad(error, "values: want an object");
    cJSON_ArrayForEach(v, values)
    {
        if (!cJSON_IsString(v))
            return bad(error, "values: want strings");
        if (out->count == CONTROL_SETTINGS_MAX)
            return bad(error, "values: at most %d", CONTROL_SETTINGS_MAX);
        out->settings[out->count++] = (struct longshore_setting){v->string, v->valuestring};
    }
    return 0;
}

static int parse_members(struct control_request *out, struct longshore_error *error)
{
    const cJSON *m;
    int r = 0;

    cJSON_ArrayForEach(m, out->json)
    {
        if (strcmp(m->string, "op") == 0)
            continue;
        if (strcmp(m->string, "guid") == 0 && ops[out->op].guid && cJSON_IsString(m))
            out->guid = m->valuestring;
        else if (strcmp(m->string, "values") == 0 && ops[out->op].values)
            r = parse_values(m, out, error);
        else
            r = bad(error, "%s does not take %.40s", ops[out->op].name, m->string);
        if (r < 0)
            return r;
    }
    if (out->op == CONTROL_WMI && !out->guid)
        return bad(error, "wmi wants a guid");
    if (out->op == CONTROL_SET && out->count == 0)
        return bad(error, "set wants values");
    return 0;
}

int control_request_parse(const char *line, size_t bytes, struct control_request *out,
                          struct longshore_error *error)
{
    const char *end = line;
    int r = -EINVAL;

    memset(out, 0, sizeof *out);
    if (bytes > CONTROL_LINE_MAX || memchr(line, '\0', bytes))
        return bad(error, "not a line of text of at most %d bytes", CONTROL_LINE_MAX);
    out->json = cJSON_ParseWithLengthOpts(line, bytes, &end, 0);
    while (out->json && end < line + bytes && strchr(" \t\r", *end))
        end++;
    if (!cJSON_IsObject(out->json) || end != line + bytes)
        bad(error, "not one JSON object");
    else if ((r = parse_op(out->json, out, error)) == 0)
        r = parse_members(out, error);
    if (r < 0)
        control_request_fini(out);
    return r;
}

void control_request_fini(struct control_request *r)
{
    cJSON_Delete(r->json);
    memset(r, 0, sizeof *r);
}
