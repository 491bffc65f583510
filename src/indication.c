/* SPDX-License-Identifier: MIT */
/* What drivers indicate, in words, for whoever watches a machine. Offload is told as what changed
 * since the adapter last told it. */
#include "machine.h"

static const char *name_of(NDIS_STATUS code)
{
    switch (code) {
    case NDIS_STATUS_LINK_STATE:
        return "link";
    case NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG:
        return "current";
    case NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES:
        return "hardware";
    case NDIS_STATUS_OFFLOAD_ENCASPULATION_CHANGE:
        return "encapsulation";
    default:
        return NULL;
    }
}

/* "on, 65415 bytes, 2 segments up" is "on", unless the limits are what changed. */
static size_t append(char *text, size_t size, size_t used, const char *keyword, const char *from,
                     const char *to)
{
    int from_short = (int)strcspn(from, ","), to_short = (int)strcspn(to, ",");

    if (strcmp(from, to) == 0 || used >= size)
        return used;
    if (from_short == to_short && strncmp(from, to, (size_t)to_short) == 0) {
        from_short = (int)strlen(from);
        to_short = (int)strlen(to);
    }
    return used + (size_t)snprintf(text + used, size - used, "%s%s %.*s -> %.*s", used ? ", " : "",
                                   keyword, from_short, from, to_short, to);
}

/* What is different in one view; and that is what it was told as. */
static void describe_change(struct longshore_adapter *a, bool hardware, char *text, size_t size)
{
    struct longshore_offload now[LONGSHORE_OFFLOADS];
    unsigned rows = longshore_adapter_offloads(a, now);
    size_t used = 0;

    for (unsigned i = 0; i < rows; i++) {
        char *was = hardware ? a->told[i].hardware : a->told[i].current;
        const char *is = hardware ? now[i].hardware : now[i].current;

        used = append(text, size, used, now[i].keyword, was[0] ? was : "-", is);
        memcpy(was, is, sizeof a->told[i].current);
    }
    if (!used)
        snprintf(text, size, "no change");
}

static void describe_link(const NDIS_STATUS_INDICATION *s, char *text, size_t size)
{
    const NDIS_LINK_STATE *l = s->StatusBuffer;

    snprintf(text, size, "%s", l->MediaConnectState == MediaConnectStateConnected ? "up" : "down");
}

static void describe_encapsulation(const NDIS_STATUS_INDICATION *s, char *text, size_t size)
{
    const NDIS_OFFLOAD_ENCAPSULATION *e = s->StatusBuffer;

    snprintf(text, size, "IPv4 %s, IPv6 %s", e->IPv4.Enabled == NDIS_OFFLOAD_SET_ON ? "on" : "off",
             e->IPv6.Enabled == NDIS_OFFLOAD_SET_ON ? "on" : "off");
}

static struct longshore_adapter *find(struct longshore *ls, const struct ndis_adapter *ndis)
{
    struct list *pos;

    list_for_each(pos, &ls->adapters)
    {
        struct longshore_adapter *a = list_entry(pos, struct longshore_adapter, link);

        if (a->ndis == ndis)
            return a;
    }
    return NULL;
}

/* NDIS has judged the indication, and recorded what it says. */
static void indicated(void *arg, struct ndis_adapter *ndis, const NDIS_STATUS_INDICATION *s)
{
    struct longshore *ls = arg;
    struct longshore_indication i = {.what = name_of(s->StatusCode)};
    struct longshore_adapter *a;
    char text[512] = "";

    if (!i.what)
        return;
    pthread_mutex_lock(&ls->adapters_lock);
    a = find(ls, ndis);
    if (a && s->StatusCode == NDIS_STATUS_LINK_STATE)
        describe_link(s, text, sizeof text);
    else if (a && s->StatusCode == NDIS_STATUS_OFFLOAD_ENCASPULATION_CHANGE)
        describe_encapsulation(s, text, sizeof text);
    else if (a)
        describe_change(a, s->StatusCode == NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES, text,
                        sizeof text);
    if (a) {
        i.adapter = a->name;
        i.text = text;
        ls->config.indication(ls->config.arg, &i);
    }
    pthread_mutex_unlock(&ls->adapters_lock);
}

/* What an adapter begins with is told by its attributes. */
static void attributes_set(void *arg, struct ndis_adapter *ndis, const void *block,
                           NDIS_STATUS status)
{
    const NDIS_OBJECT_HEADER *header = block;
    struct longshore *ls = arg;
    struct longshore_adapter *a;

    if (status != NDIS_STATUS_SUCCESS ||
        header->Type != NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES)
        return;
    pthread_mutex_lock(&ls->adapters_lock);
    a = find(ls, ndis);
    if (a)
        longshore_adapter_offloads(a, a->told);
    pthread_mutex_unlock(&ls->adapters_lock);
}

static struct ndis_observer observer;

void machine_indications_begin(struct longshore *ls)
{
    if (!ls->config.indication)
        return;
    observer = (struct ndis_observer){.status = indicated, .attributes = attributes_set, .arg = ls};
    ndis_set_observer(&observer);
}

void machine_indications_end(struct longshore *ls)
{
    if (ls->config.indication)
        ndis_set_observer(NULL);
}
