/* SPDX-License-Identifier: MIT */
/*
 * A file as a port: plays a capture (read by libpcap, both formats) as fast as it is asked for,
 * records what is sent. A record that holds only the start of its frame is dropped and counted: no
 * wire carries half a frame.
 */
#include <pcap/pcap.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "port/ops.h"

struct pcap_port {
    struct port port;
    pcap_t *in; /* NULL: none, or played */
    bool ended;
    int damaged;              /* negative errno once the file turned out to be */
    struct port_capture *out; /* NULL: what is sent goes nowhere */
};

static struct pcap_port *to_pcap(struct port *p)
{
    return CONTAINER_OF(p, struct pcap_port, port);
}

static void pcap_port_free(struct port *p)
{
    struct pcap_port *k = to_pcap(p);

    if (k->in)
        pcap_close(k->in);
    port_capture_free(k->out);
    port_fini(p);
    free(k);
}

static void pcap_port_played(struct pcap_port *k)
{
    uint64_t drop;

    k->ended = true;
    (void)!read(k->port.fd, &drop, sizeof drop);
}

static int pcap_port_rx(struct port *p, struct port_buffer *bufs, unsigned n)
{
    struct pcap_port *k = to_pcap(p);
    unsigned done = 0;

    if (k->damaged)
        return k->damaged;
    while (done < n && !k->ended) {
        struct port_buffer *buf = &bufs[done];
        struct pcap_pkthdr *head;
        const u_char *bytes;
        int got = pcap_next_ex(k->in, &head, &bytes);

        if (got == PCAP_ERROR_BREAK) {
            pcap_port_played(k);
        } else if (got != 1) {
            k->damaged = -EIO;
            return done > 0 ? (int)done : k->damaged;
        } else if (head->caplen != head->len ||
                   !port_spans_put(buf->spans, buf->span_count, bytes, head->caplen)) {
            port_count(p, PORT_RX_TRUNCATED, 1);
        } else {
            memset(&buf->offload, 0, sizeof buf->offload);
            port_received(p, buf, head->caplen);
            done++;
        }
    }
    return (int)done;
}

static unsigned pcap_port_tx(struct port *p, const struct frame *frames, unsigned n)
{
    struct pcap_port *k = to_pcap(p);
    unsigned sent = 0;

    for (unsigned i = 0; i < n; i++) {
        const struct frame *f = &frames[i];

        if (!port_tx_fits(p, f) || !port_tx_finished(p, f))
            continue;
        if (k->out && !port_capture_write(k->out, f, PORT_OUTBOUND)) {
            port_count(p, PORT_TX_NO_ROOM, 1);
            continue;
        }
        port_sent(p, f);
        sent++;
    }
    return sent;
}

static bool pcap_port_ended(const struct port *p)
{
    return CONTAINER_OF(p, const struct pcap_port, port)->ended;
}

static const struct port_ops pcap_ops = {
    .free = pcap_port_free,
    .rx = pcap_port_rx,
    .tx = pcap_port_tx,
    .ended = pcap_port_ended,
};

static int pcap_port_open_in(struct pcap_port *k, const char *path, struct why *why)
{
    cleanup_fclose FILE *file = fopen(path, "rbe");
    char text[PCAP_ERRBUF_SIZE] = "";

    if (!file)
        return why_set(why, -errno, "pcap %s: %s", path, strerror(errno));
    k->in = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, text);
    if (!k->in)
        return why_set(why, -EBADMSG, "pcap %s: not a capture file: %s", path, text);
    steal(&file); /* libpcap's now */
    if (pcap_datalink(k->in) != DLT_EN10MB)
        return why_set(why, -EPROTONOSUPPORT, "pcap %s: holds %s, not Ethernet", path,
                       pcap_datalink_val_to_description_or_dlt(pcap_datalink(k->in)));
    return 0;
}

/* Opening OUT empties it: it had better not be IN. */
static bool same_file(const char *a, const char *b)
{
    struct stat sa, sb;

    return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
           sa.st_ino == sb.st_ino;
}

static int pcap_port_open_files(struct pcap_port *k, const char *in, const char *out,
                                struct why *why)
{
    int err = 0;

    if (strcmp(in, "-") != 0)
        err = pcap_port_open_in(k, in, why);
    else
        k->ended = true;
    if (err == 0 && out && strcmp(out, "-") != 0) {
        if (same_file(in, out))
            return why_set(why, -EINVAL, "pcap %s: would play and record the same file", in);
        err = port_capture_open(out, &k->out, why);
    }
    return err;
}

int port_open_pcap(const char *rest, struct port **out, struct why *why)
{
    cleanup_free char *in = strdup(rest);
    struct pcap_port *k = calloc(1, sizeof *k);
    char *record;
    int err;

    if (!in || !k || port_init(&k->port, &pcap_ops, rest) < 0) {
        free(k);
        return why_set(why, -ENOMEM, "pcap %s: out of memory", rest);
    }
    record = strchr(in, ',');
    if (record)
        *record++ = '\0';
    if (in[0] == '\0' || (record && record[0] == '\0'))
        err = why_set(why, -EINVAL, "port 'pcap:%s': a file name is missing ('-' for none)", rest);
    else
        err = pcap_port_open_files(k, in, record, why);
    if (err == 0) {
        k->port.fd = eventfd(!k->ended, EFD_NONBLOCK | EFD_CLOEXEC);
        if (k->port.fd < 0)
            err = why_set(why, -errno, "pcap %s: %s", rest, strerror(errno));
    }
    if (err) {
        pcap_port_free(&k->port);
        return err;
    }
    *out = &k->port;
    return 0;
}
