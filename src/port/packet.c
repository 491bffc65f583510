/* SPDX-License-Identifier: MIT */
/*
 * AF_PACKET raw socket on an existing interface: packet(7). Frames that the machine itself sends
 * there are not shown to us.
 *
 * The kernel keeps two things about a received frame beside it, in PACKET_AUXDATA: a VLAN tag that
 * was taken out, and that a sender on this machine (the far end of a veth) left the checksum to
 * hardware. Both are put right here, so that what port_rx delivers is what a wire would have
 * carried. Super-frames (that sender's segmentation, this interface's GRO) arrive as they are:
 * longer than the buffer, they are counted as truncated.
 */
#define _GNU_SOURCE 1 /* recvmmsg, sendmmsg, ppoll */
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "port/ops.h"

enum {
    PACKET_BUFFER = 8 << 20,
    PACKET_TX_WAITS = 8, /* per port_tx, each PACKET_WAIT_NS: how long we let a full device drain
                            before we drop */
    PACKET_WAIT_NS = 50000,
    VLAN_AT = 12,
};

struct packet_rx_control {
    _Alignas(struct cmsghdr)
        uint8_t bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata)) + CMSG_SPACE(sizeof(uint32_t))];
};

struct packet {
    struct port port;
    bool gone;
    uint32_t lost_seen; /* the socket's own running count */
    struct mmsghdr rx_msgs[PORT_BATCH], tx_msgs[PORT_BATCH];
    struct iovec rx_iov[PORT_IOV], tx_iov[PORT_IOV];
    struct packet_rx_control rx_control[PORT_BATCH];
    const struct frame *tx_frames[PORT_BATCH];
    uint8_t gather[PORT_MAX_FRAME];
};

static struct packet *to_packet(struct port *p)
{
    return CONTAINER_OF(p, struct packet, port);
}

static void packet_free(struct port *p)
{
    port_fini(p);
    free(to_packet(p));
}

/* Receive. */

static void packet_read_control(struct packet *k, struct msghdr *msg, struct tpacket_auxdata *aux)
{
    memset(aux, 0, sizeof *aux);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        uint32_t lost;

        if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA) {
            memcpy(aux, CMSG_DATA(c), sizeof *aux);
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            memcpy(&lost, CMSG_DATA(c), sizeof lost);
            port_count(&k->port, PORT_RX_LOST, (uint32_t)(lost - k->lost_seen));
            k->lost_seen = lost;
        }
    }
}

static bool packet_restore_vlan(struct port_buffer *buf, const struct tpacket_auxdata *aux)
{
    uint16_t tpid = aux->tp_status & TP_STATUS_VLAN_TPID_VALID ? aux->tp_vlan_tpid : ETHERTYPE_VLAN;
    uint8_t tag[4] = {(uint8_t)(tpid >> 8), (uint8_t)tpid, (uint8_t)(aux->tp_vlan_tci >> 8),
                      (uint8_t)aux->tp_vlan_tci};

    if (!port_spans_insert4(buf->spans, buf->span_count, buf->len, VLAN_AT, tag))
        return false;
    buf->len += 4;
    return true;
}

/* The checksum field holds the pseudo-header sum, as for hardware that never saw the frame. */
static bool packet_finish_checksum(struct port_buffer *buf)
{
    struct frame f = {.spans = buf->spans, .span_count = buf->span_count, .len = buf->len};
    uint8_t head[FRAME_MAX_HEADERS];
    size_t head_len = frame_pull(&f, 0, head, MIN_OF(sizeof head, (size_t)buf->len));
    struct frame_layers l;

    frame_parse(head, head_len, buf->len, FRAME_STRICT, &l);
    if (l.l4_offset == 0 || (l.l4_proto != IPPROTO_TCP && l.l4_proto != IPPROTO_UDP))
        return false;
    f.offload.flags = FRAME_CSUM_NEEDED;
    f.offload.csum_start = l.l4_offset;
    f.offload.csum_offset = l.l4_proto == IPPROTO_TCP ? 16 : 6;
    return frame_finish_checksums(&f, &l, head, head_len) &&
           port_spans_put(buf->spans, buf->span_count, head, head_len);
}

/* Makes a message a plain frame; counts when it cannot be one. */
static bool packet_accept(struct packet *k, struct mmsghdr *m, struct port_buffer *buf)
{
    struct tpacket_auxdata aux;

    packet_read_control(k, &m->msg_hdr, &aux);
    buf->len = m->msg_len;
    memset(&buf->offload, 0, sizeof buf->offload);
    if ((m->msg_hdr.msg_flags & MSG_TRUNC) ||
        ((aux.tp_status & TP_STATUS_VLAN_VALID) && !packet_restore_vlan(buf, &aux))) {
        port_count(&k->port, PORT_RX_TRUNCATED, 1);
        return false;
    }
    if ((aux.tp_status & TP_STATUS_CSUMNOTREADY) && !packet_finish_checksum(buf)) {
        port_count(&k->port, PORT_RX_BAD_HEADER, 1);
        return false;
    }
    return true;
}

/* After a dropped frame the ones behind it move up: rare, so it may cost a copy. */
static bool packet_move_up(struct packet *k, struct port_buffer *to, const struct port_buffer *from)
{
    if (to == from)
        return true;
    if (!port_spans_move(to->spans, to->span_count, from->spans, from->len)) {
        port_count(&k->port, PORT_RX_TRUNCATED, 1);
        return false;
    }
    return true;
}

static int packet_receive(struct packet *k, struct port_buffer *bufs, unsigned n, unsigned *asked)
{
    unsigned m = 0, used = 0;
    int got;

    for (; m < n && m < PORT_BATCH && used < PORT_IOV; m++) {
        struct msghdr *h = &k->rx_msgs[m].msg_hdr;
        size_t bytes;
        unsigned pieces = port_spans_iov(bufs[m].spans, bufs[m].span_count, &k->rx_iov[used],
                                         PORT_IOV - used, &bytes);

        if (m > 0 && bytes != port_spans_capacity(bufs[m].spans, bufs[m].span_count))
            break;
        *h = (struct msghdr){.msg_iov = &k->rx_iov[used],
                             .msg_iovlen = pieces,
                             .msg_control = k->rx_control[m].bytes,
                             .msg_controllen = sizeof k->rx_control[m].bytes};
        used += pieces;
    }
    *asked = m;
    do
        got = recvmmsg(k->port.fd, k->rx_msgs, m, MSG_DONTWAIT, NULL);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

/* The socket reports a downed interface once, and a deleted one the same way; of the latter it also
 * forgets the index. */
static int packet_rx_error(struct packet *k, int err)
{
    struct sockaddr_ll at = {0};
    socklen_t len = sizeof at;

    if (err == -EAGAIN)
        return 0;
    if (err != -ENETDOWN)
        return err;
    if (getsockname(k->port.fd, (struct sockaddr *)&at, &len) < 0 || at.sll_ifindex <= 0)
        k->gone = true;
    return k->gone ? -ENODEV : 0;
}

static int packet_rx(struct port *p, struct port_buffer *bufs, unsigned n)
{
    struct packet *k = to_packet(p);
    unsigned done = 0;

    if (k->gone)
        return -ENODEV;
    while (done < n) {
        unsigned asked, base = done;
        int got = packet_receive(k, bufs + base, n - base, &asked);

        if (got < 0) {
            int err = packet_rx_error(k, got);

            return done > 0 ? (int)done : err;
        }
        for (unsigned i = 0; i < (unsigned)got; i++) {
            struct port_buffer *from = &bufs[base + i], *to = &bufs[done];

            if (!packet_accept(k, &k->rx_msgs[i], from) || !packet_move_up(k, to, from))
                continue;
            to->offload = from->offload;
            port_received(p, to, from->len);
            done++;
        }
        if ((unsigned)got < asked)
            break;
    }
    return (int)done;
}

/* Send. */

static enum port_counter packet_tx_cause(int err)
{
    switch (err) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
        return PORT_TX_NO_ROOM;
    case ENETDOWN:
    case ENXIO:
    case ENODEV:
        return PORT_TX_DOWN;
    default: /* EMSGSIZE: over the MTU */
        return PORT_TX_REFUSED;
    }
}

/* True: try the same frame again. A full device is given some time, once per port_tx for all
 * frames; a socket that still holds the news of an outage tells it in place of the first send after
 * it. */
static bool packet_tx_again(struct packet *k, int err, unsigned *waits)
{
    static const struct timespec wait = {.tv_nsec = PACKET_WAIT_NS};
    struct pollfd room = {.fd = k->port.fd, .events = POLLOUT};

    if (err == EINTR)
        return true;
    if (*waits == 0)
        return false;
    if (err == EAGAIN)
        ppoll(&room, 1, &wait, NULL);
    else if (err == ENOBUFS)
        nanosleep(&wait, NULL);
    else if (err != ENETDOWN)
        return false;
    (*waits)--;
    return true;
}

static unsigned packet_flush(struct packet *k, unsigned count, unsigned *waits)
{
    unsigned done = 0, sent = 0;

    while (done < count) {
        int put = sendmmsg(k->port.fd, k->tx_msgs + done, count - done, MSG_DONTWAIT);
        int err = errno;

        if (put >= 0) {
            for (int i = 0; i < put; i++)
                port_sent(&k->port, k->tx_frames[done++]);
            sent += (unsigned)put;
        } else if (!packet_tx_again(k, err, waits)) {
            port_count(&k->port, packet_tx_cause(err), 1);
            done++;
        }
    }
    return sent;
}

/* Adds a frame to the batch being built; false when it is full already. */
static bool packet_queue(struct packet *k, const struct frame *f, unsigned *msgs, unsigned *used)
{
    struct iovec *iov = &k->tx_iov[*used];
    size_t bytes;
    unsigned pieces;

    if (*msgs == PORT_BATCH)
        return false;
    pieces = port_spans_iov(f->spans, f->span_count, iov, PORT_IOV - *used, &bytes);
    if (bytes != f->len) {
        if (*msgs > 0)
            return false;
        frame_pull(f, 0, k->gather, f->len);
        iov[0] = (struct iovec){.iov_base = k->gather, .iov_len = f->len};
        pieces = PORT_IOV; /* nothing may join: there is one gather buffer */
    }
    k->tx_msgs[*msgs].msg_hdr =
        (struct msghdr){.msg_iov = iov, .msg_iovlen = bytes == f->len ? pieces : 1};
    k->tx_frames[(*msgs)++] = f;
    *used += pieces;
    return true;
}

static unsigned packet_tx(struct port *p, const struct frame *frames, unsigned n)
{
    struct packet *k = to_packet(p);
    unsigned msgs = 0, used = 0, waits = PACKET_TX_WAITS, sent = 0;

    for (unsigned i = 0; i < n; i++) {
        if (!port_tx_fits(p, &frames[i]) || !port_tx_finished(p, &frames[i]))
            continue;
        if (packet_queue(k, &frames[i], &msgs, &used))
            continue;
        sent += packet_flush(k, msgs, &waits);
        msgs = used = 0;
        packet_queue(k, &frames[i], &msgs, &used);
    }
    return sent + packet_flush(k, msgs, &waits);
}

static const struct port_ops packet_ops = {
    .free = packet_free,
    .rx = packet_rx,
    .tx = packet_tx,
};

/* Opening. */

static int packet_find(int fd, const char *name, int *index, struct why *why)
{
    struct ifreq ifr = {0};

    if (strlen(name) >= IFNAMSIZ)
        return why_set(why, -ENAMETOOLONG,
                       "packet '%s': an interface name has at most %d characters", name,
                       IFNAMSIZ - 1);
    strcpy(ifr.ifr_name, name);
    if (ioctl(fd, SIOCGIFINDEX, &ifr) < 0)
        return why_set(why, -errno, "packet %s: no such interface in this network namespace", name);
    *index = ifr.ifr_ifindex;
    if (ioctl(fd, SIOCGIFHWADDR, &ifr) < 0)
        return why_set(why, -errno, "packet %s: %s", name, strerror(errno));
    if (ifr.ifr_hwaddr.sa_family != ARPHRD_ETHER && ifr.ifr_hwaddr.sa_family != ARPHRD_LOOPBACK)
        return why_set(why, -EPROTONOSUPPORT, "packet %s: not an Ethernet interface", name);
    return 0;
}

/* All before bind, so that not one frame slips in without its control data. */
static int packet_configure(int fd, int index)
{
    struct packet_mreq promiscuous = {.mr_ifindex = index, .mr_type = PACKET_MR_PROMISC};
    int on = 1, size = PACKET_BUFFER;

    if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous) < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    return 0;
}

int port_open_packet(const char *rest, struct port **out, struct why *why)
{
    cleanup_close int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    struct packet *k;
    int err;

    if (fd < 0)
        return why_set(why, -errno, "packet %s: %s", rest,
                       errno == EPERM ? "needs CAP_NET_RAW in this network namespace"
                                      : strerror(errno));
    err = packet_find(fd, rest, &at.sll_ifindex, why);
    if (err)
        return err;
    err = packet_configure(fd, at.sll_ifindex);
    if (err == 0 && bind(fd, (struct sockaddr *)&at, sizeof at) < 0)
        err = -errno;
    if (err)
        return why_set(why, err, "packet %s: %s", rest, strerror(-err));
    k = calloc(1, sizeof *k);
    if (!k)
        return -ENOMEM;
    err = port_init(&k->port, &packet_ops, rest);
    if (err) {
        free(k);
        return err;
    }
    k->port.fd = fd;
    fd = -1;
    *out = &k->port;
    return 0;
}
