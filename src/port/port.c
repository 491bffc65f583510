/* SPDX-License-Identifier: MIT */
/* Opens a port by its specification; the public calls, handed on to the kind. */
#include "port/ops.h"

static const struct {
    const char *name;
    int (*open)(const char *rest, struct port **out, struct why *why);
    bool takes_rest;
} port_kinds[] = {
    {"tap", port_open_tap, true},
    {"packet", port_open_packet, true},
    {"pcap", port_open_pcap, true},
    {"cable", port_open_cable, false},
};

int port_open(const char *spec, struct port **out, struct why *why)
{
    const char *colon = strchr(spec, ':');
    size_t kind_len = colon ? (size_t)(colon - spec) : strlen(spec);
    const char *rest = colon ? colon + 1 : "";

    *out = NULL;
    for (size_t i = 0; i < ARRAY_LEN(port_kinds); i++) {
        if (strlen(port_kinds[i].name) != kind_len ||
            memcmp(port_kinds[i].name, spec, kind_len) != 0)
            continue;
        if ((rest[0] != '\0') != port_kinds[i].takes_rest)
            break;
        return port_kinds[i].open(rest, out, why);
    }
    return why_set(why, -EINVAL,
                   "port '%s': not of the form tap:NAME[,napi][,offload][,queues=N], "
                   "packet:IFNAME, pcap:IN[,OUT] or cable",
                   spec);
}

int port_init(struct port *p, const struct port_ops *ops, const char *name)
{
    p->ops = ops;
    p->fd = -1;
    p->name = strdup(name);
    return p->name ? 0 : -ENOMEM;
}

void port_fini(struct port *p)
{
    if (p->fd >= 0)
        close(p->fd);
    free(p->name);
}

void port_free(struct port *p)
{
    if (p)
        p->ops->free(p);
}

struct port *port_cable_peer(struct port *p)
{
    return port_cable_far_end(p);
}

const char *port_name(const struct port *p)
{
    return p->name;
}

int port_add_queue(struct port *p, struct port **out, struct why *why)
{
    *out = NULL;
    if (!p->ops->add_queue)
        return why_set(why, -EOPNOTSUPP, "port %s: only a tap has more queues", p->name);
    return p->ops->add_queue(p, out, why);
}

int port_rx(struct port *p, struct port_buffer *bufs, unsigned n)
{
    return p->ops->rx(p, bufs, n);
}

unsigned port_tx(struct port *p, const struct frame *frames, unsigned n)
{
    return p->ops->tx(p, frames, n);
}

int port_fd(const struct port *p)
{
    return p->fd;
}

bool port_ended(const struct port *p)
{
    return p->ops->ended && p->ops->ended(p);
}

int port_set_stack_offload(struct port *p, uint32_t flags)
{
    return p->ops->set_stack_offload ? p->ops->set_stack_offload(p, flags) : -EOPNOTSUPP;
}

int port_set_carrier(struct port *p, bool on)
{
    return p->ops->set_carrier ? p->ops->set_carrier(p, on) : -EOPNOTSUPP;
}

int port_set_mac(struct port *p, const uint8_t mac[6])
{
    return p->ops->set_mac ? p->ops->set_mac(p, mac) : -EOPNOTSUPP;
}

int port_set_mtu(struct port *p, uint32_t mtu)
{
    return p->ops->set_mtu ? p->ops->set_mtu(p, mtu) : -EOPNOTSUPP;
}

void port_set_capture(struct port *p, struct port_capture *c)
{
    __atomic_store_n(&p->capture, c, __ATOMIC_RELEASE);
}

uint64_t port_counter(const struct port *p, enum port_counter c)
{
    return (unsigned)c < PORT_COUNTERS ? counter_read(&p->counters[c]) : 0;
}

const char *port_counter_name(enum port_counter c)
{
    static const char *const names[PORT_COUNTERS] = {
        [PORT_RX_FRAMES] = "rx_frames",       [PORT_RX_BYTES] = "rx_bytes",
        [PORT_TX_FRAMES] = "tx_frames",       [PORT_TX_BYTES] = "tx_bytes",
        [PORT_RX_TRUNCATED] = "rx_truncated", [PORT_RX_BAD_HEADER] = "rx_bad_header",
        [PORT_TX_NO_ROOM] = "tx_no_room",     [PORT_TX_DOWN] = "tx_down",
        [PORT_TX_REFUSED] = "tx_refused",     [PORT_TX_UNFINISHED] = "tx_unfinished",
        [PORT_RX_LOST] = "rx_lost",                [PORT_TX_LARGEST] = "tx_largest",
    };

    return (unsigned)c < PORT_COUNTERS ? names[c] : NULL;
}
