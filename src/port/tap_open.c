/* SPDX-License-Identifier: MIT */
/*
 * Opening a TAP (linux/if_tun.h). A persistent one remembers header size, byte order and offloads
 * of whoever had it last: all are set anew, except for a further queue of an interface that is in
 * use.
 */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "port/tap.h"

enum {
    TAP_MAX_QUEUES = 256,
    /* Bytes that may wait for the poll of a NAPI TAP, which otherwise knows no limit; beyond, a
       write says EAGAIN. */
    TAP_NAPI_SNDBUF = 16 << 20,
};

static int tap_parse(const char *rest, struct tap_options *o, struct why *why)
{
    cleanup_free char *copy = strdup(rest);
    char *next = copy, *word;

    if (!copy)
        return -ENOMEM;
    word = strsep(&next, ",");
    if (strlen(word) >= IFNAMSIZ)
        return why_set(why, -ENAMETOOLONG, "tap '%s': an interface name has at most %d characters",
                       word, IFNAMSIZ - 1);
    if (word[0] == '\0')
        return why_set(why, -EINVAL, "port 'tap:%s': the name is missing", rest);
    *o = (struct tap_options){.queues = 1};
    strcpy(o->name, word);
    while ((word = strsep(&next, ",")) != NULL) {
        char *end = word;

        if (strcmp(word, "napi") == 0)
            o->napi = true;
        else if (strcmp(word, "offload") == 0)
            o->offload = true;
        else if (strncmp(word, "queues=", 7) == 0 && word[7] >= '1' && word[7] <= '9' &&
                 strtoul(word + 7, &end, 10) <= TAP_MAX_QUEUES && *end == '\0')
            o->queues = (unsigned)strtoul(word + 7, NULL, 10);
        else
            return why_set(why, -EINVAL, "tap %s: option '%s' is not napi, offload or queues=1..%d",
                           o->name, word, TAP_MAX_QUEUES);
    }
    return 0;
}

static int tap_open_device(const char *name, struct why *why)
{
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), err = errno;

    if (fd >= 0)
        return fd;
    switch (err) {
    case ENOENT:
    case ENXIO:
    case ENODEV:
        return why_set(why, -err,
                       "tap %s: /dev/net/tun is missing or dead: this kernel has no TUN driver, or "
                       "the container does not pass the device on",
                       name);
    case EACCES:
    case EPERM:
        return why_set(why, -err, "tap %s: no permission to open /dev/net/tun", name);
    default:
        return why_set(why, -err, "tap %s: /dev/net/tun: %s", name, strerror(err));
    }
}

static int tap_attach_failed(const char *name, int err, struct why *why)
{
    switch (err) {
    case EPERM:
        return why_set(why, -err, "tap %s: needs CAP_NET_ADMIN in this network namespace", name);
    case EBUSY:
        return why_set(why, -err, "tap %s: in use by another process", name);
    case EINVAL:
        if (if_nametoindex(name) == 0)
            return why_set(why, -err, "tap %s: not an interface name the kernel takes", name);
        return why_set(why, -err,
                       "tap %s: this interface exists and is not a TAP, or has the other queue "
                       "mode (single, multi_queue)",
                       name);
    case E2BIG:
        return why_set(why, -err, "tap %s: too many queues", name);
    default:
        return why_set(why, -err, "tap %s: %s", name, strerror(err));
    }
}

/* Joins fd to the interface, making it if need be; its name then stands in o. */
static int tap_attach(int fd, struct tap_options *o, struct why *why)
{
    struct ifreq ifr = {0};
    int flags = IFF_TAP | IFF_NO_PI;

    flags |= o->offload ? IFF_VNET_HDR : 0;
    flags |= o->napi ? IFF_NAPI : 0;
    flags |= o->queues > 1 ? IFF_MULTI_QUEUE : 0;
    ifr.ifr_flags = (short)flags;
    memcpy(ifr.ifr_name, o->name, IFNAMSIZ);
    if (ioctl(fd, TUNSETIFF, &ifr) < 0)
        return tap_attach_failed(o->name, errno, why);
    memcpy(o->name, ifr.ifr_name, IFNAMSIZ);
    return 0;
}

static int tap_configure(int fd, const struct tap_options *o, struct why *why)
{
    int hdr_len = sizeof(struct virtio_net_hdr), little = 1, sndbuf = TAP_NAPI_SNDBUF;

    if (o->offload &&
        (ioctl(fd, TUNSETVNETHDRSZ, &hdr_len) < 0 || ioctl(fd, TUNSETVNETLE, &little) < 0))
        return why_set(why, -errno, "tap %s: virtio_net_hdr: %s", o->name, strerror(errno));
    if (ioctl(fd, TUNSETOFFLOAD, 0UL) < 0)
        return why_set(why, -errno, "tap %s: offloads: %s", o->name, strerror(errno));
    if (o->napi && ioctl(fd, TUNSETSNDBUF, &sndbuf) < 0)
        return why_set(why, -errno, "tap %s: send buffer: %s", o->name, strerror(errno));
    return 0;
}

static int tap_bring_up(struct tap *t, struct why *why)
{
    struct ifreq ifr = {0};
    int err = tap_ioctl(t, SIOCGIFFLAGS, &ifr);

    if (err == 0 && !(ifr.ifr_flags & IFF_UP)) {
        ifr.ifr_flags |= IFF_UP;
        err = tap_ioctl(t, SIOCSIFFLAGS, &ifr);
    }
    if (err == -EPERM)
        return why_set(why, err,
                       "tap %s: is down, and bringing it up needs CAP_NET_ADMIN in this "
                       "network namespace",
                       t->port.name);
    return err ? why_set(why, err, "tap %s: bring up: %s", t->port.name, strerror(-err)) : 0;
}

static int tap_new(const struct tap_options *options, bool first, struct port **out,
                   struct why *why)
{
    struct tap_options o = *options;
    cleanup_close int fd = tap_open_device(o.name, why);
    struct tap *t;
    int err;

    if (fd < 0)
        return fd;
    err = tap_attach(fd, &o, why);
    if (err == 0 && first)
        err = tap_configure(fd, &o, why);
    if (err)
        return err;
    t = calloc(1, sizeof *t);
    if (!t)
        return -ENOMEM;
    t->options = o;
    t->queues_open = first ? 1 : o.queues;
    t->control = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    err = t->control < 0 ? -errno : port_init(&t->port, &tap_ops, o.name);
    if (err == 0) {
        t->port.fd = fd;
        fd = -1;
        err = tap_bring_up(t, why);
    }
    if (err) {
        tap_free(&t->port);
        return why_set(why, err, "tap %s: %s", o.name, strerror(-err));
    }
    *out = &t->port;
    return 0;
}

int tap_add_queue(struct port *p, struct port **out, struct why *why)
{
    struct tap *t = to_tap(p);
    int err;

    if (t->queues_open >= t->options.queues)
        return why_set(why, -ENOSPC, "tap %s: all %u queues are open", p->name, t->options.queues);
    err = tap_new(&t->options, false, out, why);
    if (err == 0)
        t->queues_open++;
    return err;
}

int port_open_tap(const char *rest, struct port **out, struct why *why)
{
    struct tap_options o;
    int err = tap_parse(rest, &o, why);

    if (err == 0)
        err = tap_new(&o, true, out, why);
    if (err == 0 && o.napi) {
        int threaded = port_napi_threaded((*out)->name);

        if (threaded < 0)
            log_info("tap %s: NAPI stays in softirq, threaded not set: %s", (*out)->name,
                     strerror(-threaded));
    }
    return err;
}
