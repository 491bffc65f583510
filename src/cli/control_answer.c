/* SPDX-License-Identifier: MIT */
/* Requests of the control protocol done on the adapter, and what is answered. */
#include "cli/control.h"

/* The object of that name in `in`, made when it is not there. */
static cJSON *object_in(cJSON *in, const char *name)
{
    cJSON *o = cJSON_GetObjectItemCaseSensitive(in, name);

    return o ? o : cJSON_AddObjectToObject(in, name);
}

static void answer_offloads(struct longshore_adapter *a, cJSON *to)
{
    struct longshore_member members[LONGSHORE_MEMBERS];
    struct longshore_offload rows[LONGSHORE_OFFLOADS];
    unsigned count = longshore_adapter_members(a, members);
    cJSON *parts = cJSON_AddObjectToObject(to, "offloads"), *words, *o;

    for (unsigned i = 0; i < count; i++) {
        o = object_in(object_in(parts, members[i].part), members[i].member);
        cJSON_AddNumberToObject(o, "hardware", members[i].hardware);
        cJSON_AddNumberToObject(o, "current", members[i].current);
    }
    words = cJSON_AddObjectToObject(to, "keywords");
    count = longshore_adapter_offloads(a, rows);
    for (unsigned i = 0; i < count; i++) {
        o = cJSON_AddObjectToObject(words, rows[i].keyword);
        cJSON_AddStringToObject(o, "hardware", rows[i].hardware);
        cJSON_AddStringToObject(o, "current", rows[i].current);
    }
}

static void add_member(void *arg, const char *part, const char *member, uint32_t value)
{
    cJSON_AddNumberToObject(object_in(arg, part), member, value);
}

static int answer_wmi(struct longshore_adapter *a, const struct control_request *r, cJSON *to,
                      struct longshore_error *error)
{
    struct longshore_wmi wmi;

    if (longshore_wmi_find(r->guid, &wmi)) {
        cJSON_AddStringToObject(to, "guid", wmi.guid);
        cJSON_AddStringToObject(to, "name", wmi.name);
    }
    if (r->count)
        return longshore_adapter_wmi_set(a, r->guid, r->settings, r->count, error);
    return longshore_adapter_wmi_query(a, r->guid, add_member, cJSON_AddObjectToObject(to, "data"),
                                       error);
}

/* ---- What is done to an adapter ------------------------------------------------------------- */

static void add_status(cJSON *to, const struct longshore_adapter *a)
{
    struct longshore_adapter_status status;

    longshore_adapter_status(a, &status);
    cJSON_AddStringToObject(to, "state", status.state);
    cJSON_AddStringToObject(to, "link", status.link_up ? "up" : "down");
}

static void answer_show(const struct longshore_adapter *a, cJSON *to)
{
    const struct longshore_adapter *m;
    cJSON *members, *o;

    add_status(to, a);
    members = cJSON_AddArrayToObject(to, "members");
    for (unsigned i = 0; (m = longshore_adapter_member(a, i)); i++) {
        o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "name", longshore_adapter_name(m));
        add_status(o, m);
        cJSON_AddItemToArray(members, o);
    }
}

static int act(struct running *running, struct longshore_adapter *a,
               const struct control_request *r, struct longshore_error *error)
{
    switch (r->action) {
    case CONTROL_LINK_UP:
        return longshore_adapter_link(a, true);
    case CONTROL_LINK_DOWN:
        return longshore_adapter_link(a, false);
    case CONTROL_PAUSE:
        return longshore_adapter_pause(a);
    case CONTROL_RESTART:
        return longshore_adapter_restart(a);
    case CONTROL_RESET:
        return longshore_adapter_reset(a);
    case CONTROL_ADD:
        return running_add(running, &r->card, error);
    default:
        return running_remove(running, a, r->action == CONTROL_SURPRISE_REMOVE, error);
    }
}

static int answer_adapter(struct running *running, struct longshore_adapter *a,
                          const struct control_request *r, cJSON *to, struct longshore_error *error)
{
    struct longshore_adapter_status before;
    int result;

    if (r->action == CONTROL_SHOW) {
        answer_show(a, to);
        return 0;
    }
    longshore_adapter_status(a, &before);
    result = act(running, a, r, error);
    if (result >= 0 || error->text[0])
        return result;
    if (before.team && result == -EOPNOTSUPP)
        snprintf(error->text, sizeof error->text, "%s: a team has no link; its members have",
                 longshore_adapter_name(a));
    else
        snprintf(error->text, sizeof error->text, "%s: %s did not succeed (it was %s)",
                 r->member ? r->member : longshore_adapter_name(a), control_actions[r->action],
                 before.state);
    return result;
}

/* ---- Each request --------------------------------------------------------------------------- */

static int answer(struct running *running, const struct control_request *r, cJSON *to,
                  struct longshore_error *error)
{
    struct longshore_adapter *a = running->adapter;

    cJSON_AddStringToObject(to, "adapter", longshore_adapter_name(a));
    if (r->member) {
        a = running_member(running, r->member);
        if (!a)
            return cli_bad(error, "%.64s: no such member of %s", r->member,
                           longshore_adapter_name(running->adapter));
        cJSON_AddStringToObject(to, "member", longshore_adapter_name(a));
    }
    switch (r->op) {
    case CONTROL_HELLO:
        cJSON_AddStringToObject(to, "version", LONGSHORE_VERSION);
        return 0;
    case CONTROL_OFFLOADS:
        answer_offloads(a, to);
        return 0;
    case CONTROL_SET:
        return longshore_adapter_set_all(a, r->settings, r->count, error);
    case CONTROL_WMI:
        return answer_wmi(a, r, to, error);
    case CONTROL_ADAPTER:
        return answer_adapter(running, a, r, to, error);
    }
    return 0;
}

static cJSON *refusal(const char *text)
{
    cJSON *json = cJSON_CreateObject();

    cJSON_AddBoolToObject(json, "ok", false);
    cJSON_AddStringToObject(json, "error", text);
    return json;
}

char *control_answer(struct running *running, const struct control_request *r,
                     const struct longshore_error *error)
{
    struct longshore_error why = {0};
    cJSON *json = r ? cJSON_CreateObject() : refusal(error->text);
    char *text, *line;

    if (r) {
        cJSON_AddBoolToObject(json, "ok", true);
        if (answer(running, r, json, &why) < 0) {
            cJSON_Delete(json);
            json = refusal(why.text);
        } else if (why.text[0]) {
            cJSON_AddStringToObject(json, "warning", why.text);
        }
    }
    text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    if (!text || asprintf(&line, "%s\n", text) < 0)
        line = NULL;
    cJSON_free(text);
    return line;
}
