/* SPDX-License-Identifier: MIT */
/* What can be asked of an adapter that runs, and done to it: state, link, removal, counters. */
#include "machine.h"

#include "port/port.h"
#include "tcpip/tcpip.h"

const char *longshore_adapter_name(const struct longshore_adapter *a)
{
    return a->name;
}

const uint8_t *longshore_adapter_mac(const struct longshore_adapter *a)
{
    return a->mac;
}

struct longshore_adapter *longshore_adapter_member(const struct longshore_adapter *team,
                                                   unsigned index)
{
    struct longshore *ls = team->machine;
    struct longshore_adapter *found = NULL;
    struct list *pos;

    pthread_mutex_lock(&ls->adapters_lock);
    list_for_each(pos, &ls->adapters)
    {
        struct longshore_adapter *a = list_entry(pos, struct longshore_adapter, link);

        if (a->team == team && index-- == 0) {
            found = a;
            break;
        }
    }
    pthread_mutex_unlock(&ls->adapters_lock);
    return found;
}

void longshore_adapter_status(const struct longshore_adapter *a,
                              struct longshore_adapter_status *out)
{
    struct ndis_adapter_info info;

    ndis_adapter_info(a->ndis, &info);
    out->state = ndis_adapter_state_name(ndis_adapter_state(a->ndis));
    out->link_up = info.link_up;
    out->team = !a->nic;
}

/* ---- Operations ----------------------------------------------------------------------- */

static int status_errno(NDIS_STATUS status)
{
    return status == NDIS_STATUS_SUCCESS ? 0 : -EIO;
}

int longshore_adapter_pause(struct longshore_adapter *a)
{
    return status_errno(ndis_adapter_pause(a->ndis));
}

int longshore_adapter_restart(struct longshore_adapter *a)
{
    return status_errno(ndis_adapter_restart(a->ndis));
}

int longshore_adapter_reset(struct longshore_adapter *a)
{
    return status_errno(ndis_adapter_reset(a->ndis));
}

int longshore_adapter_surprise_remove(struct longshore_adapter *a)
{
    return a->nic ? status_errno(ndis_adapter_surprise_remove(a->ndis)) : -EOPNOTSUPP;
}

/* A cable has two ends: a wire that knows carrier loses it too. */
int longshore_adapter_link(struct longshore_adapter *a, bool up)
{
    int r;

    if (!a->nic)
        return -EOPNOTSUPP;
    nic_set_link(a->nic, up);
    r = port_set_carrier(a->wire, up);
    return r == -EOPNOTSUPP ? 0 : r;
}

/* ---- Counters ------------------------------------------------------------------------- */

static void port_counters(const char *room, const struct port *p, longshore_counter_fn fn,
                          void *arg)
{
    for (int c = 0; p && c < PORT_COUNTERS; c++)
        fn(arg, room, port_counter_name((enum port_counter)c),
           port_counter(p, (enum port_counter)c));
}

void longshore_adapter_counters(const struct longshore_adapter *a, longshore_counter_fn fn,
                                void *arg)
{
    struct ndis_adapter_info info;

    port_counters("tap", a->tap, fn, arg);
    for (int c = 0; a->tcpip && c < TCPIP_COUNTERS; c++)
        fn(arg, "tcpip", tcpip_counter_name((enum tcpip_counter)c),
           tcpip_counter(a->tcpip, (enum tcpip_counter)c));
    ndis_adapter_info(a->ndis, &info);
    fn(arg, "ndis", "tx_nbls", info.tx_nbls);
    fn(arg, "ndis", "tx_completed", info.tx_completed);
    fn(arg, "ndis", "rx_nbls", info.rx_nbls);
    fn(arg, "ndis", "rx_returned", info.rx_returned);
    for (int c = 0; a->nic && c < NIC_COUNTERS; c++)
        fn(arg, "nic", nic_counter_name((enum nic_counter)c),
           nic_counter(a->nic, (enum nic_counter)c));
    port_counters("wire", a->wire, fn, arg);
}

struct counter_query {
    const char *room, *name;
    uint64_t value;
};

static void counter_match(void *arg, const char *room, const char *name, uint64_t value)
{
    struct counter_query *q = arg;

    if (strcmp(room, q->room) == 0 && strcmp(name, q->name) == 0)
        q->value = value;
}

uint64_t longshore_adapter_counter(const struct longshore_adapter *a, const char *room,
                                   const char *name)
{
    struct counter_query q = {room, name, 0};

    longshore_adapter_counters(a, counter_match, &q);
    return q.value;
}

const char *longshore_nic_features(void)
{
    static char names[512];
    size_t n = 0;

    for (unsigned bit = 0; bit < 64; bit++) {
        const char *name = nic_features_all() & (1ull << bit) ? nic_feature_name(bit) : NULL;

        if (name && n < sizeof names)
            n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", n ? "," : "", name);
    }
    return names;
}
