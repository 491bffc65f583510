/* SPDX-License-Identifier: MIT */
/* src/tcpip above the adapter, over a TAP that the check holds. */
#include "conform/stack.h"

#include "conform/rig_int.h"
#include "nt/finding.h"
#include "port/ops.h"
#include "tcpip/tcpip.h"

enum { REQUESTS = 256, SENDS_WAIT_SECONDS = 5, FRAMES = 64 };
static const char name[] = "TCPIP";

/* Written on whatever thread calls, under r->mutex; read after a wait on r->changed. */
static struct {
    struct rig *rig;
    struct tcpip *tcpip;
    struct port tap;
    _Atomic(uint32_t) flags;
    /* Down: the frame that waits in the TAP, and what became of it. */
    struct frame waiting;
    bool has_waiting;
    struct stack_sent *sent;
    _Atomic(unsigned) completed;
    /* Up. */
    struct stack_frame frame[FRAMES];
    uintptr_t slot[FRAMES]; /* of NBLs that were indicated */
    _Atomic(unsigned) received, indicated;
    struct stack_request request[REQUESTS];
    _Atomic(unsigned) requests;
} stack;

static void changed(void)
{
    pthread_cond_broadcast(&stack.rig->changed);
    pthread_mutex_unlock(&stack.rig->mutex);
}

/* ---- The TAP -------------------------------------------------------------------------------- */

static int tap_rx(struct port *p, struct port_buffer *bufs, unsigned n)
{
    (void)p;
    if (!stack.has_waiting || n == 0)
        return 0;
    stack.has_waiting = false;
    if (!port_spans_put(bufs->spans, bufs->span_count, stack.waiting.spans->data,
                        stack.waiting.len))
        return 0;
    bufs->len = stack.waiting.len;
    bufs->offload = stack.waiting.offload;
    return 1;
}

static unsigned tap_tx(struct port *p, const struct frame *frames, unsigned n)
{
    (void)p;
    pthread_mutex_lock(&stack.rig->mutex);
    for (unsigned i = 0; i < n; i++) {
        struct stack_frame *f = &stack.frame[stack.received % FRAMES];

        *f = (struct stack_frame){malloc(frames[i].len), frames[i].len, frames[i].offload};
        invariant(f->bytes);
        frame_pull(&frames[i], 0, f->bytes, frames[i].len);
        stack.received++;
    }
    changed();
    return n;
}

static int tap_flags(struct port *p, uint32_t flags)
{
    (void)p;
    pthread_mutex_lock(&stack.rig->mutex);
    stack.flags = flags;
    changed();
    return 0;
}

static int tap_carrier(struct port *p, bool on)
{
    (void)p, (void)on;
    return 0;
}

static int tap_mac(struct port *p, const uint8_t mac[6])
{
    (void)p, (void)mac;
    return 0;
}

static int tap_mtu(struct port *p, uint32_t mtu)
{
    (void)p, (void)mtu;
    return 0;
}

static const struct port_ops tap_ops = {
    .rx = tap_rx,
    .tx = tap_tx,
    .set_stack_offload = tap_flags,
    .set_carrier = tap_carrier,
    .set_mac = tap_mac,
    .set_mtu = tap_mtu,
};

static void want_frames(void *arg, bool wanted)
{
    (void)arg, (void)wanted;
}

/* ---- What NDIS sees ------------------------------------------------------------------------- */

static void on_send(void *arg, struct ndis_adapter *a, NET_BUFFER_LIST *first)
{
    (void)arg, (void)a;
    pthread_mutex_lock(&stack.rig->mutex);
    for (NET_BUFFER_LIST *nbl = first; nbl && stack.sent; nbl = nbl->Next) {
        struct stack_nbl *n = &stack.sent->nbl[stack.sent->count++ % STACK_NBLS];

        n->checksum = (uintptr_t)nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo];
        n->lso = (uintptr_t)nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo];
        n->tag = (uintptr_t)nbl->NetBufferListInfo[Ieee8021QNetBufferListInfo];
        n->len = nbl->FirstNetBuffer->DataLength;
        n->first_mdl = MmGetMdlByteCount(nbl->FirstNetBuffer->CurrentMdl) -
                       nbl->FirstNetBuffer->CurrentMdlOffset;
        n->bytes = malloc((size_t)n->len + 1);
        invariant(n->bytes);
        protocol_copy_data(nbl->FirstNetBuffer, n->bytes);
        for (NET_BUFFER *nb = nbl->FirstNetBuffer; nb; nb = nb->Next)
            n->net_buffers++;
        n->nbl = nbl;
    }
    pthread_mutex_unlock(&stack.rig->mutex);
}

/* Whether it is still what the protocol handed down. */
static void look_again(const NET_BUFFER_LIST *nbl)
{
    static uint8_t bytes[RIG_FRAME];

    for (unsigned i = 0; stack.sent && i < MIN_OF(stack.sent->count, (unsigned)STACK_NBLS); i++) {
        struct stack_nbl *n = &stack.sent->nbl[i];
        const NET_BUFFER *nb = nbl->FirstNetBuffer;

        if (n->nbl != nbl)
            continue;
        n->nbl = NULL;
        n->touched = !nb || nb->DataLength != n->len || n->len > sizeof bytes;
        if (n->touched)
            return;
        protocol_copy_data(nb, bytes);
        n->touched = memcmp(bytes, n->bytes, n->len) != 0;
        return;
    }
}

static void on_send_complete(void *arg, struct ndis_adapter *a, NET_BUFFER_LIST *first)
{
    (void)arg, (void)a;
    pthread_mutex_lock(&stack.rig->mutex);
    for (; first; first = first->Next) {
        look_again(first);
        stack.completed++;
    }
    changed();
}

static void on_receive(void *arg, struct ndis_adapter *a, NET_BUFFER_LIST *first, ULONG flags)
{
    (void)arg, (void)a, (void)flags;
    pthread_mutex_lock(&stack.rig->mutex);
    for (; first; first = first->Next)
        stack.slot[stack.indicated++ % FRAMES] =
            (uintptr_t)first->NetBufferListInfo[TcpIpChecksumNetBufferListInfo];
    changed();
}

static void on_oid(void *arg, struct ndis_adapter *a, const NDIS_OID_REQUEST *q, NDIS_STATUS status,
                   bool reached)
{
    struct stack_request *k;

    (void)arg, (void)a, (void)reached;
    pthread_mutex_lock(&stack.rig->mutex);
    k = &stack.request[stack.requests % REQUESTS];
    *k = (struct stack_request){q->DATA.SET_INFORMATION.Oid,
                                q->RequestType,
                                status,
                                q->DATA.SET_INFORMATION.InformationBufferLength,
                                {0}};
    if (k->type == NdisRequestSetInformation && k->bytes)
        memcpy(k->buffer, q->DATA.SET_INFORMATION.InformationBuffer,
               MIN_OF(k->bytes, (ULONG)sizeof k->buffer));
    stack.requests++;
    changed();
}

static const struct ndis_observer observer = {
    .send = on_send, .send_complete = on_send_complete, .receive = on_receive, .oid = on_oid};

/* ---- Life ----------------------------------------------------------------------------------- */

void stack_disable_offload(struct rig *r, uint32_t value)
{
    reg_set_dword(registry_open(r->registry, STACK_PARAMETERS, true), "DisableTaskOffload", value);
}

void stack_bind(struct rig *r)
{
    struct tcpip_config config = {.name = name, .tap = &stack.tap, .want_frames = want_frames};
    struct why why = {0};

    invariant(!stack.tcpip);
    stack.rig = r;
    stack.tap = (struct port){.ops = &tap_ops, .fd = -1};
    stack.requests = 0;
    watch_also(&observer);
    if (tcpip_new(&config, &stack.tcpip, &why) < 0 ||
        ndis_adapter_connect(r->adapter, name, &why) < 0)
        cannot(r, "the overlying protocol could not be bound: %s", why.text);
}

void stack_unbind(struct rig *r)
{
    if (!stack.tcpip)
        return;
    ndis_adapter_disconnect(r->adapter, name);
    tcpip_free(stack.tcpip);
    stack.tcpip = NULL;
    watch_also(NULL);
}

bool stack_running(const struct rig *r)
{
    (void)r;
    return stack.tcpip && tcpip_is_running(stack.tcpip);
}

uint32_t stack_flags(const struct rig *r)
{
    (void)r;
    return stack.flags;
}

uint32_t stack_flags_become(struct rig *r, uint32_t want, double seconds)
{
    double until = rig_now() + seconds * r->suite->time_factor;
    struct timespec step;

    pthread_mutex_lock(&r->mutex);
    while (stack.flags != want && rig_now() < until) {
        clock_gettime(CLOCK_REALTIME, &step);
        step.tv_sec += (step.tv_nsec += 5000000) >= 1000000000;
        step.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&r->changed, &r->mutex, &step);
    }
    pthread_mutex_unlock(&r->mutex);
    return stack.flags;
}

/* ---- Traffic -------------------------------------------------------------------------------- */

static void poll_tap(void *arg)
{
    tcpip_poll(arg);
}

struct stack_sent *stack_send_begin(struct rig *r, const struct packet *k, enum stack_wish wish,
                                    uint16_t mss)
{
    static struct packet copy;
    struct frame_span span = {copy.bytes, k->len};
    struct stack_sent *sent = calloc(1, sizeof *sent);

    invariant(sent);
    sent->before = stack.completed;
    copy = *k;
    stack.waiting = (struct frame){.spans = &span, .span_count = 1, .len = k->len};
    if (wish != STACK_FINISHED) {
        naive_put(packet_checksum_field(&copy), 2,
                  naive_pseudo(copy.bytes + k->l3, k->version, k->proto, k->len - k->l4));
        stack.waiting.offload.flags = FRAME_CSUM_NEEDED;
        stack.waiting.offload.csum_start = (uint16_t)k->l4;
        stack.waiting.offload.csum_offset = k->proto == 6 ? 16 : 6;
    }
    if (wish == STACK_LARGE) {
        stack.waiting.offload.gso = k->version == 4 ? FRAME_GSO_TCP4 : FRAME_GSO_TCP6;
        stack.waiting.offload.mss = mss;
    }
    stack.sent = sent;
    stack.has_waiting = true;
    (void)r;
    nt_loop_call(0, poll_tap, stack.tcpip);
    return sent;
}

void stack_send_end(struct rig *r, struct stack_sent *sent)
{
    if (!rig_wait(r, &stack.completed, sent->before + sent->count, SENDS_WAIT_SECONDS)) {
        finding_report("GEN-11", "sends of the overlying protocol did not come back within %g s",
                       SENDS_WAIT_SECONDS * r->suite->time_factor);
        cannot(r, "sends of the overlying protocol did not come back");
    }
    stack.sent = NULL;
    sent->count = MIN_OF(sent->count, (unsigned)STACK_NBLS);
}

struct stack_sent *stack_send(struct rig *r, const struct packet *k, enum stack_wish wish,
                              uint16_t mss)
{
    struct stack_sent *sent = stack_send_begin(r, k, wish, mss);

    stack_send_end(r, sent);
    return sent;
}

unsigned stack_frames(const struct rig *r)
{
    (void)r;
    return stack.received;
}

const struct stack_frame *stack_frame_at(struct rig *r, unsigned index, double seconds)
{
    return rig_wait(r, &stack.received, index + 1, seconds) ? &stack.frame[index % FRAMES] : NULL;
}

const struct stack_frame *stack_arrive(struct rig *r, const void *frame, uint32_t len,
                                       double seconds)
{
    unsigned next = stack.received;

    rig_wire_write(r, frame, len);
    return stack_frame_at(r, next, seconds);
}

unsigned stack_indicated(const struct rig *r)
{
    (void)r;
    return stack.indicated;
}

uintptr_t stack_slot(const struct rig *r, unsigned index)
{
    (void)r;
    return stack.slot[index % FRAMES];
}

/* ---- Requests ------------------------------------------------------------------------------- */

unsigned stack_requests(const struct rig *r)
{
    (void)r;
    return stack.requests;
}

const struct stack_request *stack_request(const struct rig *r, unsigned at, NDIS_OID oid)
{
    (void)r;
    for (; at < stack.requests && at < REQUESTS; at++) {
        if (stack.request[at].oid == oid)
            return &stack.request[at];
    }
    return NULL;
}

const NDIS_OFFLOAD_ENCAPSULATION *stack_activation(const struct rig *r)
{
    static NDIS_OFFLOAD_ENCAPSULATION e;
    const struct stack_request *q = stack_request(r, 0, OID_OFFLOAD_ENCAPSULATION);

    if (!q || q->type != NdisRequestSetInformation)
        return NULL;
    memcpy(&e, q->buffer, sizeof e);
    return &e;
}
