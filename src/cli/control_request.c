/* SPDX-License-Identifier: MIT */
/* One line of the control protocol into a request. The line may hold anything. */
#include "cli/control.h"

/* What an op may bring. */
enum { MEMBER = 1, GUID = 2, VALUES = 4, ACTION = 8, CARD = 16 };

static const struct {
    const char *name;
    unsigned takes;
} ops[] = {
    [CONTROL_HELLO] = {"hello", 0},
    [CONTROL_OFFLOADS] = {"offloads", MEMBER},
    [CONTROL_SET] = {"set", MEMBER | VALUES},
    [CONTROL_WMI] = {"wmi", MEMBER | GUID | VALUES},
    [CONTROL_ADAPTER] = {"adapter", MEMBER | ACTION | CARD},
};

const char *const control_actions[CONTROL_ACTIONS] = {
    [CONTROL_LINK_UP] = "link-up", [CONTROL_LINK_DOWN] = "link-down",
    [CONTROL_PAUSE] = "pause",     [CONTROL_RESTART] = "restart",
    [CONTROL_RESET] = "reset",     [CONTROL_ADD] = "add",
    [CONTROL_REMOVE] = "remove",   [CONTROL_SURPRISE_REMOVE] = "surprise-remove",
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
    return cli_bad(error, "no such op; there are hello, offloads, set, wmi, adapter");
}

static int parse_values(const cJSON *values, struct control_request *out,
                        struct longshore_error *error)
{
    const cJSON *v;

    if (!cJSON_IsObject(values))
        return cli_bad(error, "values: want an object");
    cJSON_ArrayForEach(v, values)
    {
        if (!cJSON_IsString(v))
            return cli_bad(error, "values: want strings");
        if (out->count == CONTROL_SETTINGS_MAX)
            return cli_bad(error, "values: at most %d", CONTROL_SETTINGS_MAX);
        out->settings[out->count++] = (struct longshore_setting){v->string, v->valuestring};
    }
    return 0;
}

static int parse_action(const char *name, struct control_request *out,
                        struct longshore_error *error)
{
    for (int a = CONTROL_SHOW + 1; a < CONTROL_ACTIONS; a++) {
        if (strcmp(name, control_actions[a]) == 0) {
            out->action = (enum control_action)a;
            return 0;
        }
    }
    return cli_bad(error, "%.40s: no such action", name);
}

static int parse_field(const cJSON *m, struct control_request *out, struct longshore_error *error)
{
    unsigned takes = ops[out->op].takes;
    const char *text = cJSON_GetStringValue(m);

    if (strcmp(m->string, "op") == 0)
        return 0;
    if (strcmp(m->string, "values") == 0 && takes & VALUES)
        return parse_values(m, out, error);
    if (text && strcmp(m->string, "guid") == 0 && takes & GUID)
        return out->guid = text, 0;
    if (text && strcmp(m->string, "member") == 0 && takes & MEMBER)
        return out->member = text, 0;
    if (text && strcmp(m->string, "action") == 0 && takes & ACTION)
        return parse_action(text, out, error);
    if (text && strcmp(m->string, "card") == 0 && takes & CARD)
        return card_parse(text, &out->card, error);
    return cli_bad(error, "%s does not take %.40s", ops[out->op].name, m->string);
}

static int parse_fields(struct control_request *out, struct longshore_error *error)
{
    const cJSON *m;
    int r = 0;

    cJSON_ArrayForEach(m, out->json)
    {
        r = parse_field(m, out, error);
        if (r < 0)
            return r;
    }
    if (out->op == CONTROL_WMI && !out->guid)
        return cli_bad(error, "wmi wants a guid");
    if (out->op == CONTROL_SET && out->count == 0)
        return cli_bad(error, "set wants values");
    if ((out->action == CONTROL_ADD) != (out->card.inf[0] != '\0'))
        return cli_bad(error, "add wants a card, and nothing else does");
    if (out->action == CONTROL_ADD && out->member)
        return cli_bad(error, "add is for the team");
    return 0;
}

int control_request_parse(const char *line, size_t bytes, struct control_request *out,
                          struct longshore_error *error)
{
    const char *end = line;
    int r = -EINVAL;

    memset(out, 0, sizeof *out);
    if (bytes > CONTROL_LINE_MAX || memchr(line, '\0', bytes))
        return cli_bad(error, "not a line of text of at most %d bytes", CONTROL_LINE_MAX);
    out->json = cJSON_ParseWithLengthOpts(line, bytes, &end, 0);
    while (out->json && end < line + bytes && strchr(" \t\r", *end))
        end++;
    if (!cJSON_IsObject(out->json) || end != line + bytes)
        cli_bad(error, "not one JSON object");
    else if ((r = parse_op(out->json, out, error)) == 0)
        r = parse_fields(out, error);
    if (r < 0)
        control_request_fini(out);
    return r;
}

void control_request_fini(struct control_request *r)
{
    cJSON_Delete(r->json);
    memset(r, 0, sizeof *r);
}
