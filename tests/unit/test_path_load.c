/* SPDX-License-Identifier: MIT */
/*
 * Loads: pause, reset, halt and removal in the middle of sends and receives, with every send
 * accounted for; several senders; a processor that stands still meanwhile. Each step by itself is
 * the suite's (group GEN).
 */
#include "test_rig.h"

#include "conform/gen.h"
#include "conform/watch.h"
#include "ndis/private.h"

enum { ROW = 2, BURST = 32, FRAME = 42 + 100 };

/* One thread that sends bursts while the binding runs, reads the wire, and keeps the books. */
static struct load {
    struct rig *rig;
    pthread_t thread;
    pthread_mutex_t sending; /* held around a look at `running` and the send that follows */
    _Atomic(bool) stop, out; /* out: a burst is not back */
    _Atomic(unsigned) good;  /* sends that succeeded */
    unsigned odd, lost;      /* with a status that does not fit; never completed */
    unsigned on_wire, disorder;
    uint32_t last;          /* number of the last frame on the wire */
    uint8_t arrival[FRAME]; /* built once: packets are made in static memory */
} load = {.sending = PTHREAD_MUTEX_INITIALIZER};

/* What a send may end with around a pause, reset or removal (FAIL-SEND). */
static bool fits(NDIS_STATUS s)
{
    return s == NDIS_STATUS_SUCCESS || s == NDIS_STATUS_PAUSED ||
           s == NDIS_STATUS_RESET_IN_PROGRESS || s == NDIS_STATUS_REQUEST_ABORTED ||
           s == NDIS_STATUS_SEND_ABORTED || s == NDIS_STATUS_FAILURE;
}

/* on_pause: `running` is false by now; no send begins after this, and all are back (GEN-45). */
static void stop_sending(struct rig *r)
{
    (void)r;
    pthread_mutex_lock(&load.sending);
    pthread_mutex_unlock(&load.sending);
    while (atomic_load(&load.out))
        usleep(50);
}

static void read_wire(struct rig *r)
{
    uint8_t frame[2048];
    uint32_t len;

    while ((len = rig_wire_read(r, frame, sizeof frame, 0)) != 0) {
        uint32_t n = gen_number(frame, len, ROW);

        load.disorder += load.on_wire && n <= load.last;
        load.on_wire++;
        load.last = n;
    }
}

static void settle(struct rig *r)
{
    pthread_mutex_lock(&r->mutex);
    for (unsigned i = 0; i < r->main.completed_count; i++) {
        NDIS_STATUS s = r->main.completed[i].status;

        load.good += s == NDIS_STATUS_SUCCESS;
        load.odd += !fits(s);
        rig_free_nbl(r, r->main.completed[i].nbl);
    }
    r->main.completed_count = 0;
    pthread_mutex_unlock(&r->mutex);
}

/* Once the binding runs; false: it does not any more. */
static bool send_burst(struct rig *r, NET_BUFFER_LIST *chain)
{
    bool sent = false;

    while (!sent && !atomic_load(&load.stop)) {
        pthread_mutex_lock(&load.sending);
        sent = atomic_load(&r->main.running);
        atomic_store(&load.out, sent);
        if (sent)
            rig_send_only(r, chain);
        pthread_mutex_unlock(&load.sending);
        if (!sent)
            usleep(200);
    }
    return sent;
}

static void *load_main(void *arg)
{
    struct rig *r = arg;

    for (uint32_t n = 0; !atomic_load(&load.stop); n += BURST) {
        NET_BUFFER_LIST *chain = gen_chain(r, ROW, n, BURST, 200), *next;

        if (!send_burst(r, chain)) {
            for (; chain; chain = next) {
                next = chain->Next;
                rig_free_nbl(r, chain);
            }
        } else if (!rig_wait(r, &r->main.completed_count, BURST, 10)) {
            load.lost += BURST - r->main.completed_count;
            return NULL;
        }
        settle(r);
        atomic_store(&load.out, false);
        read_wire(r);
    }
    return NULL;
}

static void open_loaded(struct rig *r)
{
    rig_open(r, &(struct rig_config){.on_pause = stop_sending});
    memcpy(load.arrival, gen_packet_in(r, ROW, 0, 100)->bytes, FRAME);
    load.rig = r;
    pthread_create(&load.thread, NULL, load_main, r);
    while (!load.good)
        usleep(100);
}

/* No send is lost, and what reached the wire did so in order (GEN-11, GEN-15). */
static void load_end(struct rig *r)
{
    atomic_store(&load.stop, true);
    pthread_join(load.thread, NULL);
    read_wire(r);
    about(r, "the load, %u sends succeeded", load.good);
    expect_equal(r, "sends that never came back", load.lost, 0);
    expect_equal(r, "sends with a status that does not fit", load.odd, 0);
    expect_equal(r, "frames out of order", load.disorder, 0);
    expect_between(r, "frames on the wire", load.on_wire, load.good, UINT32_MAX);
}

static void arrivals(struct rig *r, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        rig_wire_write(r, load.arrival, FRAME);
}

/* Both ways, once what was on its way before is in. */
static void expect_traffic(struct rig *r)
{
    static uint32_t fence = 0xf0000000;
    bool in = false;

    rig_forget(r);
    gen_arrive(r, ROW, ++fence, 100);
    for (unsigned at = 0; !in && rig_wait(r, &r->main.received_count, at + 1, 5); at++) {
        const struct rig_received *d = &r->main.received[at % RIG_RECORDS];

        in = gen_number(d->data, d->len, ROW) == fence;
    }
    expect(r, in, "a frame that arrives", "indicated", "not indicated");
    gen_traffic(r, ROW);
    rig_forget(r);
}

/* ---- Under load ----------------------------------------------------------------------------- */

/* GEN-2, 4, 11, 15 */
RIG_TEST("GEN-2", pause_and_restart_under_load)
{
    open_loaded(r);
    for (unsigned i = 0; i < 20; i++) {
        arrivals(r, 40);
        about(r, "pause %u", i + 1);
        expect_code(r, "pause", ndis_adapter_pause(r->adapter), NDIS_STATUS_SUCCESS);
        expect_equal(r, "sends inside", (uint64_t)atomic_load(&r->adapter->tx_inside), 0);
        expect_equal(r, "receives outside", (uint64_t)atomic_load(&r->adapter->rx_outside), 0);
        expect_code(r, "restart", ndis_adapter_restart(r->adapter), NDIS_STATUS_SUCCESS);
        usleep(1000);
    }
    load_end(r);
    expect_traffic(r);
}

/* GEN-8, 9, 11, 22: halt comes from Paused, after everything is back, and nothing comes after it
 * (CFG-19). */
RIG_TEST("GEN-8", halt_under_load_comes_after_everything_is_back)
{
    struct ndis_adapter_info info;
    int halted;

    open_loaded(r);
    arrivals(r, 100);
    expect_code(r, "halt", ndis_adapter_halt(r->adapter), NDIS_STATUS_SUCCESS);
    load_end(r);
    about(r, "after halt");
    halted = watch_find_state(0, NDIS_ADAPTER_HALTED);
    if (!expect(r, halted >= 0, "state", "halted", "never"))
        return;
    expect_equal(r, "state before", watch_at((unsigned)halted)->from, NDIS_ADAPTER_PAUSED);
    expect_equal(r, "events from there", watch_count(), (unsigned)halted + 1);
    ndis_adapter_info(r->adapter, &info);
    expect_equal(r, "sends completed", info.tx_completed, info.tx_nbls);
    expect_equal(r, "receives returned", info.rx_returned, info.rx_nbls);
}

/* GEN-32, 33 */
RIG_TEST("GEN-32", reset_under_load)
{
    unsigned from;

    open_loaded(r);
    from = r->main.status_count;
    for (unsigned i = 0; i < 10; i++) {
        arrivals(r, 20);
        expect_code(r, "reset", ndis_adapter_reset(r->adapter), NDIS_STATUS_SUCCESS);
        usleep(1000);
    }
    load_end(r);
    expect_equal(r, "RESET_START", rig_indications(r, NDIS_STATUS_RESET_START, from), 10);
    expect_equal(r, "RESET_END", rig_indications(r, NDIS_STATUS_RESET_END, from), 10);
    expect_traffic(r);
}

static void *ask_until_refused(void *arg)
{
    struct rig *r = arg;
    NDIS_STATUS status = NDIS_STATUS_SUCCESS;

    while (status == NDIS_STATUS_SUCCESS) {
        uint8_t statistics[512];
        ULONG bytes = sizeof statistics;

        status = ndis_adapter_request(r->adapter, NdisRequestQueryInformation, OID_GEN_STATISTICS,
                                      statistics, &bytes);
    }
    return (void *)(uintptr_t)(uint32_t)status;
}

RIG_TEST("GEN-35", surprise_removal_under_load)
{
    pthread_t asker;
    void *last;

    open_loaded(r);
    pthread_create(&asker, NULL, ask_until_refused, r);
    arrivals(r, 60);
    expect_code(r, "removal", ndis_adapter_surprise_remove(r->adapter), NDIS_STATUS_SUCCESS);
    pthread_join(asker, &last);
    load_end(r);
    about(r, "after removal");
    expect_code(r, "a query", (NDIS_STATUS)(uintptr_t)last, NDIS_STATUS_NOT_ACCEPTED);
    expect_equal(r, "state", ndis_adapter_state(r->adapter), NDIS_ADAPTER_HALTED);
    expect_equal(r, "DMA mappings", nt_dma_mapped(r->device), 0);
}

/* ---- Several senders ------------------------------------------------------------------------ */

enum { SENDERS = 3, CHAINS = 20, CHAIN = 8, SENT = SENDERS * CHAINS * CHAIN };

struct sender {
    struct rig *rig;
    NET_BUFFER_LIST *chains[CHAINS];
    pthread_t thread;
};

static void *sender_main(void *arg)
{
    struct sender *s = arg;

    for (unsigned i = 0; i < CHAINS; i++)
        rig_send_only(s->rig, s->chains[i]);
    return NULL;
}

/* GEN-15, 16: each in its own order. */
RIG_TEST("GEN-15", senders_on_several_processors)
{
    struct sender senders[SENDERS];
    uint32_t next[SENDERS] = {0};
    uint8_t frame[2048];

    rig_open(r, &(struct rig_config){.queue_size = 16});
    for (uint32_t s = 0; s < SENDERS; s++) {
        senders[s].rig = r;
        for (uint32_t i = 0; i < CHAINS; i++)
            senders[s].chains[i] = gen_chain(r, ROW, s << 16 | (i * CHAIN), CHAIN, 300);
    }
    for (unsigned s = 0; s < SENDERS; s++)
        pthread_create(&senders[s].thread, NULL, sender_main, &senders[s]);
    for (unsigned s = 0; s < SENDERS; s++)
        pthread_join(senders[s].thread, NULL);
    expect(r, rig_wait(r, &r->main.completed_count, SENT, 5), "sends", "completed", "%u of %u",
           r->main.completed_count, (unsigned)SENT);
    for (unsigned i = 0; i < SENT; i++) {
        uint32_t len = rig_wire_read(r, frame, sizeof frame, 1), n = gen_number(frame, len, ROW);

        if (!expect(r, n >> 16 < SENDERS, "frame", "of one of them", "0x%x", n) ||
            !expect_equal(r, "number of the frame", n & 0xffff, next[n >> 16]++))
            break;
    }
}

/* ---- While the processor stands still ------------------------------------------------------- */

enum { KEPT = 30 };

/* More sends than the ring takes are with the driver, and `lent` receives with the protocol. */
static void open_standing(struct rig *r, unsigned lent)
{
    rig_open(r, &(struct rig_config){.queue_size = 8});
    r->main.hold_receives = true;
    for (unsigned i = 0; i < lent; i++)
        gen_arrive(r, ROW, i, 100);
    if (!rig_wait(r, &r->main.held_count, lent, 5))
        cannot(r, "%u of %u frames are lent", r->main.held_count, lent);
    rig_stall(r);
    rig_send_only(r, gen_chain(r, ROW, 0, KEPT, 100));
}

static void expect_ended(struct rig *r)
{
    expect(r, rig_wait(r, &r->main.completed_count, KEPT, 5), "sends", "completed", "%u of %u",
           r->main.completed_count, (unsigned)KEPT);
    for (unsigned i = 0; i < r->main.completed_count; i++)
        expect(r, fits(r->main.completed[i].status), "NBL status", "one that fits", "%s",
               status_name(r->main.completed[i].status));
}

RIG_TEST("GEN-32", reset_gives_back_what_the_card_had)
{
    open_standing(r, 1);
    expect_code(r, "reset", ndis_adapter_reset(r->adapter), NDIS_STATUS_SUCCESS);
    rig_unstall(r);
    expect_ended(r);
    expect_equal(r, "bytes of the lent frame", r->main.received[0].len, FRAME);
    rig_return_held(r);
    r->main.hold_receives = false;
    read_wire(r);
    for (unsigned i = 0; i < 20; i++)
        expect_traffic(r);
}

static void *return_later(void *arg)
{
    usleep(30000);
    rig_return_held(arg);
    return NULL;
}

RIG_TEST("GEN-35", removal_with_sends_and_receives_out)
{
    pthread_t returner;

    open_standing(r, 3);
    pthread_create(&returner, NULL, return_later, r);
    expect_code(r, "removal", ndis_adapter_surprise_remove(r->adapter), NDIS_STATUS_SUCCESS);
    pthread_join(returner, NULL);
    rig_unstall(r);
    expect_ended(r);
}

/* GEN-2, 3: a pause cannot fail, not even when nothing comes back. */
RIG_TEST("GEN-3", pause_ends_though_the_card_gives_nothing_back)
{
    struct gen_task pause;

    open_standing(r, 0);
    ndis_set_racing(true); /* NDIS has not everything back before */
    r->main.hold_receives = false;
    gen_begin(r, &pause, ndis_adapter_pause);
    if (!gen_end(r, &pause)) {
        rig_unstall(r);
        return;
    }
    expect_code(r, "pause", pause.status, NDIS_STATUS_SUCCESS);
    expect_equal(r, "sends back when it ended", r->main.completed_count, KEPT);
    rig_unstall(r);
    expect_ended(r);
    rig_forget(r);
    read_wire(r);
    expect_code(r, "restart", ndis_adapter_restart(r->adapter), NDIS_STATUS_SUCCESS);
    ndis_set_racing(false);
    expect_traffic(r);
}

int main(void)
{
    const struct rig_test *const tests[] = {
        &pause_and_restart_under_load,
        &halt_under_load_comes_after_everything_is_back,
        &reset_under_load,
        &surprise_removal_under_load,
        &senders_on_several_processors,
        &reset_gives_back_what_the_card_had,
        &removal_with_sends_and_receives_out,
        &pause_ends_though_the_card_gives_nothing_back,
    };

    return rig_tests(tests, COUNT(tests), RIG_OUR_CARD);
}
