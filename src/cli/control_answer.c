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

static int answer(struct longshore_adapter *a, const struct control_request *r, cJSON *to,
                  struct longshore_error *error)
{
    cJSON_AddStringToObject(to, "adapter", longshore_adapter_name(a));
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

char *control_answer(struct longshore_adapter *a, const struct control_request *r,
                     const struct longshore_error *error)
{
    struct longshore_error why = {0};
    cJSON *json = r ? cJSON_CreateObject() : refusal(error->text);
    char *text, *line;

    if (r) {
        cJSON_AddBoolToObject(json, "ok", true);
        if (answer(a, r, json, &why) < 0) {
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
