/* SPDX-License-Identifier: MIT */
/* A TAP port, shared by its data path (tap.c) and its opening (tap_open.c). */
#pragma once

#include <linux/virtio_net.h>
#include <net/if.h>

#include "port/ops.h"

enum { TAP_GATHER = 2048 }; /* see tap_write */

struct tap_options {
    char name[IFNAMSIZ];
    bool napi, offload;
    unsigned queues;
};

struct tap {
    struct port port;
    struct tap_options options;
    unsigned queues_open;
    int control; /* any socket: it pins the namespace that interface ioctls act in */
    struct iovec rx_iov[PORT_IOV + 2], tx_iov[PORT_IOV + 2];
    uint8_t gather[sizeof(struct virtio_net_hdr) + PORT_MAX_FRAME]; /* a frame in one piece */
};

static inline struct tap *to_tap(struct port *p)
{
    return CONTAINER_OF(p, struct tap, port);
}

/* tap.c */
void tap_free(struct port *p);
/* Interface ioctl under the name the interface has now. */
int tap_ioctl(struct tap *t, unsigned long request, struct ifreq *ifr);
extern const struct port_ops tap_ops;

/* tap_open.c */
int tap_add_queue(struct port *p, struct port **out, struct why *why);
