/* SPDX-License-Identifier: MIT */
/* The shapes a card comes in: interrupts, rings of any size with and without what virtio adds to
 * them, few buffers; and a card that breaks, or has no link. */
#include "test_rig.h"

#include "conform/gen.h"

#include "nic/device.h"

#include <virtio/net.h>
#include <virtio/pci.h>
#include <virtio/ring.h>

enum { ROW = 16, MANY = 60, BYTES = 1400 };

static void expect_left(struct rig *r, uint32_t first, unsigned count)
{
    uint8_t frame[2048];

    for (uint32_t i = 0; i < count; i++) {
        uint32_t len = rig_wire_read(r, frame, sizeof frame, 2);

        if (!expect_equal(r, "number of the frame", gen_number(frame, len, ROW), first + i))
            return;
    }
}

static void expect_successes(struct rig *r, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        expect_code(r, "NBL status", r->main.completed[i].status, NDIS_STATUS_SUCCESS);
}

/* More than a small ring holds, both ways, again and again; in order. */
static void exercise(struct rig *r)
{
    for (unsigned round = 0; round < 3; round++) {
        rig_send(r, gen_chain(r, ROW, 0, MANY, BYTES), MANY);
        expect_successes(r, MANY);
        expect_left(r, 0, MANY);
        rig_forget(r);
        for (uint32_t i = 0; i < MANY; i++) {
            const struct packet *k = gen_packet_in(r, ROW, i, BYTES);
            const struct rig_received *d = rig_arrive(r, k->bytes, k->len);

            if (!expect(r, d && gen_number(d->data, d->len, ROW) == i, "frame that arrived",
                        "indicated", "number %u is not", i))
                return;
        }
        rig_forget(r);
    }
}

/* ---- Interrupts and rings ------------------------------------------------------------------- */

RIG_TEST("GEN-41", line_interrupt_instead_of_messages)
{
    rig_open(r, &(struct rig_config){.line_only = true});
    exercise(r);
    nic_set_link(r->nic, false);
    expect(r, rig_indicated(r, NDIS_STATUS_LINK_STATE, 0, 2) != NULL, "NDIS_STATUS_LINK_STATE",
           "indicated", "not indicated");
}

RIG_TEST("GEN-16", rings_of_any_size)
{
    static const uint16_t sizes[] = {4, 8, 16, 1024};
    static const char *const withhold[] = {"ring_reset", "indirect_desc", "event_idx", "mrg_rxbuf",
                                           "indirect_desc,event_idx,mrg_rxbuf,ctrl_vq"};

    rig_open(r, NULL);
    for (unsigned i = 0; i < COUNT(sizes) * COUNT(withhold); i++) {
        const struct rig_config config = {.queue_size = sizes[i / COUNT(withhold)],
                                          .withhold = withhold[i % COUNT(withhold)],
                                          .line_only = i & 1};

        rig_reopen(r, &config);
        about(r, "rings of %u, without %s", config.queue_size, config.withhold);
        exercise(r);
    }
}

/* Too small for a frame, or for a command to the card. */
RIG_TEST("INIT-21", ring_of_two_is_refused_or_used)
{
    static const char *const withhold[] = {"ring_reset", "indirect_desc", "ctrl_vq",
                                           "indirect_desc,ctrl_vq"};

    rig_prepare(r, NULL);
    for (unsigned i = 0; i < COUNT(withhold); i++) {
        NDIS_STATUS status;

        rig_prepare_again(r, &(struct rig_config){.queue_size = 2, .withhold = withhold[i]});
        about(r, "rings of 2, without %s", withhold[i]);
        status = ndis_adapter_initialize(r->adapter);
        if (status == NDIS_STATUS_SUCCESS) {
            expect_code(r, "halt", ndis_adapter_halt(r->adapter), NDIS_STATUS_SUCCESS);
            rig_start(r);
            exercise(r);
        } else {
            expect_code(r, "initialize", status, NDIS_STATUS_FAILURE);
        }
    }
}

/* Far more than the ring holds, in one call, while nothing is reaped. */
RIG_TEST("GEN-16", more_sends_than_the_ring_holds)
{
    static const char *const withhold[] = {"ring_reset", "indirect_desc", "event_idx"};
    enum { SENDS = 300 };

    rig_open(r, NULL);
    for (unsigned i = 0; i < COUNT(withhold); i++) {
        rig_reopen(r, &(struct rig_config){.queue_size = 8, .withhold = withhold[i]});
        about(r, "rings of 8, without %s", withhold[i]);
        rig_stall(r);
        rig_send_only(r, gen_chain(r, ROW, 0, SENDS, 300));
        expect_between(r, "completions in the call", r->main.completed_count, 0, SENDS - 1);
        rig_unstall(r);
        expect(r, rig_wait(r, &r->main.completed_count, SENDS, 5), "sends", "completed",
               "some are not");
        expect_successes(r, SENDS);
        expect_left(r, 0, SENDS);
    }
}

/* A request that is used again asks for nothing that the one before asked for. */
RIG_TEST("GEN-13", requests_are_clean_when_used_again)
{
    static struct packet k;
    struct frame_recipe f;

    rig_open(r, &(struct rig_config){.queue_size = 8});
    f = packet_recipe(r, 4, 17, 300);
    packet_build(&k, &f);
    packet_unfinish(&k);
    for (unsigned i = 0; i < 40; i++) {
        about(r, "send %u, which asks for %s", i, i & 1 ? "checksums" : "nothing");
        expect_checksummed(r, &k, i & 1 ? ASK_IP | ASK_UDP : 0, NULL);
    }
}

/* ---- Few buffers ---------------------------------------------------------------------------- */

/* With few left frames are shown, not lent, and all of them still arrive. */
RIG_TEST("GEN-21", low_on_buffers_frames_are_only_shown)
{
    static const uint16_t sizes[] = {8, 16, 0};
    enum { FRAMES = 400 };

    rig_open(r, NULL);
    for (unsigned s = 0; s < COUNT(sizes); s++) {
        unsigned shown = 0;

        rig_reopen(r, &(struct rig_config){.queue_size = sizes[s]});
        about(r, "rings of %u", sizes[s]);
        r->main.hold_receives = true;
        for (uint32_t i = 0; i < FRAMES; i++) {
            const struct packet *k = gen_packet_in(r, ROW, i, 200);
            const struct rig_received *d = rig_arrive(r, k->bytes, k->len);

            if (!expect(r, d && gen_number(d->data, d->len, ROW) == i, "frame that arrived",
                        "indicated", "number %u is not", i))
                return;
            shown += (d->flags & NDIS_RECEIVE_FLAGS_RESOURCES) != 0;
        }
        expect_between(r, "frames shown", shown, 1, FRAMES);
        expect_equal(r, "frames shown or lent", shown + r->main.held_count, FRAMES);
        rig_return_held(r);
        r->main.hold_receives = false;
        rig_forget(r);
        gen_traffic(r, ROW);
        expect_equal(r, "a frame is shown only, when there are buffers again",
                     r->main.received[0].flags & NDIS_RECEIVE_FLAGS_RESOURCES, 0);
    }
}

/* Returns at either level, into a small ring (GEN-38, 39). */
RIG_TEST("GEN-38", returns_at_dispatch_level)
{
    rig_open(r, &(struct rig_config){.queue_size = 16});
    for (unsigned round = 0; round < 20; round++) {
        KIRQL irql;

        r->main.hold_receives = true;
        for (uint32_t i = 0; i < 8; i++)
            expect(r, rig_arrive(r, gen_packet_in(r, ROW, i, 200)->bytes, 242) != NULL, "frame",
                   "indicated", "number %u is not", i);
        KeRaiseIrql(round & 1 ? DISPATCH_LEVEL : PASSIVE_LEVEL, &irql);
        rig_return_held(r);
        KeLowerIrql(irql);
        rig_forget(r);
    }
    r->main.hold_receives = false;
    gen_traffic(r, ROW);
}

/* ---- Offload on every shape ----------------------------------------------------------------- */

static void expect_offload(struct rig *r)
{
    static const unsigned versions[] = {4, 6}, protocols[] = {6, 17};
    static struct packet k;

    for (unsigned i = 0; i < 4; i++) {
        unsigned version = versions[i / 2], proto = protocols[i % 2];
        struct frame_recipe f = packet_recipe(r, version, proto, 500);
        const struct rig_received *d;

        packet_build(&k, &f);
        packet_unfinish(&k);
        expect_checksummed(r, &k, ASK_IP | (proto == 6 ? ASK_TCP : ASK_UDP), NULL);
        f = packet_recipe_in(r, version, proto, 500);
        packet_build(&k, &f);
        d = rig_arrive(r, k.bytes, k.len);
        expect_equal(r, "verdict", d ? d->oob[TcpIpChecksumNetBufferListInfo] : 0,
                     (proto == 6 ? 8u : 16u) | (version == 4 ? 32u : 0));
    }
    for (enum large_kind kind = LARGE_V1; kind < LARGE_KINDS; kind++) {
        struct frame_recipe f = large_recipe(r, kind, 20000);

        large_build(&k, kind, &f);
        expect_large(r, &k, kind, 1400, NULL);
    }
}

/* Features that change how, not what. */
RIG_TEST("SEC-1", offload_is_the_same_on_every_card)
{
    static const struct rig_config configs[] = {{.withhold = "mrg_rxbuf"},
                                                {.withhold = "event_idx"},
                                                {.withhold = "indirect_desc"},
                                                {.withhold = "indirect_desc,event_idx,mrg_rxbuf"},
                                                {.line_only = true},
                                                {.queue_size = 16},
                                                {.queue_size = 16, .withhold = "indirect_desc"}};
    NDIS_OFFLOAD usual;

    rig_open(r, NULL);
    usual = r->main.bind_offload;
    expect_offload(r);
    for (unsigned i = 0; i < COUNT(configs); i++) {
        rig_reopen(r, &configs[i]);
        about(r, "card %u, without %s", i, configs[i].withhold ? configs[i].withhold : "nothing");
        expect_bytes(r, "the report", &r->main.bind_offload, &usual,
                     NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
        expect_offload(r);
    }
}

/* ---- A card that breaks --------------------------------------------------------------------- */

/* A ring that contradicts itself: the card stops it and sets NEEDS_RESET (virtio 1.2 2.1.2). */
static void break_ring(struct rig *r, uint16_t queue)
{
    struct pci_function *fn = nic_pci(r->nic);
    struct virtio_avail *avail;
    uint64_t at;

    fn->ops->bar_write(fn, 0, offsetof(struct virtio_pci_common_cfg, queue_select), 2, queue);
    at = fn->ops->bar_read(fn, 0, offsetof(struct virtio_pci_common_cfg, queue_driver_lo), 4);
    at |= fn->ops->bar_read(fn, 0, offsetof(struct virtio_pci_common_cfg, queue_driver_hi), 4)
          << 32;
    avail = r->nic->bus->ops->dma(r->nic->bus, at, sizeof *avail, PCI_DMA_READ);
    if (!avail)
        cannot(r, "the ring cannot be reached");
    avail->idx = (uint16_t)(avail->idx + 5000);
    fn->ops->bar_write(fn, 0, 0x3000 + 4u * queue, 2, queue);
    expect(r, nic_status(r->nic) & VIRTIO_STATUS_NEEDS_RESET, "the card", "needs a reset",
           "status 0x%x", nic_status(r->nic));
}

static void expect_one_reset(struct rig *r)
{
    expect_equal(r, "RESET_START", rig_indications(r, NDIS_STATUS_RESET_START, 0), 1);
    expect_equal(r, "RESET_END", rig_indications(r, NDIS_STATUS_RESET_END, 0), 1);
    expect_equal(r, "the card needs a reset", nic_status(r->nic) & VIRTIO_STATUS_NEEDS_RESET, 0);
}

RIG_TEST("GEN-34", a_broken_card_is_reset_by_check_for_hang)
{
    rig_open(r, NULL);
    gen_traffic(r, ROW);
    rig_forget(r);
    break_ring(r, VIRTIO_NET_TXQ);
    gen_hurry(r, 0.05); /* a check every 100 ms */
    expect(r, rig_indicated(r, NDIS_STATUS_RESET_END, 0, 5) != NULL, "reset", "follows",
           "it does not");
    gen_hurry(r, 1);
    expect_one_reset(r);
    gen_traffic(r, ROW);
}

static void await_five(struct rig *r)
{
    gen_hurry(r, 0.05);
    rig_wait(r, &r->main.completed_count, 5, 5);
}

/* GEN-34, GEN-45: the protocol has sends with the card that come back by a reset alone, and cannot
 * pause before they do. */
RIG_TEST("GEN-34", a_card_that_hangs_while_a_protocol_pauses)
{
    rig_open(r, &(struct rig_config){.on_pause = await_five});
    rig_forget(r);
    break_ring(r, VIRTIO_NET_TXQ);
    rig_send_only(r, gen_chain(r, ROW, 0, 5, 100));
    expect_code(r, "pause", ndis_adapter_pause(r->adapter), NDIS_STATUS_SUCCESS);
    gen_hurry(r, 1);
    r->config.on_pause = NULL;
    expect_equal(r, "sends back", r->main.completed_count, 5);
    expect_one_reset(r);
    rig_forget(r);
    expect_code(r, "restart", ndis_adapter_restart(r->adapter), NDIS_STATUS_SUCCESS);
    gen_traffic(r, ROW);
}

/* ---- Link ----------------------------------------------------------------------------------- */

static void expect_link(struct rig *r, NDIS_MEDIA_CONNECT_STATE want)
{
    NDIS_LINK_STATE l;

    memset(&l, 0, sizeof l);
    expect_code(r, "query of OID_GEN_LINK_STATE",
                rig_query(r, OID_GEN_LINK_STATE, &l, sizeof l, NULL), NDIS_STATUS_SUCCESS);
    expect_equal(r, "MediaConnectState", l.MediaConnectState, want);
}

RIG_TEST("GEN-41", a_card_without_link_starts_and_gets_one_later)
{
    rig_open(r, &(struct rig_config){.link_down = true});
    expect_equal(r, "MediaConnectState at bind", r->main.bind.MediaConnectState,
                 MediaConnectStateDisconnected);
    expect_link(r, MediaConnectStateDisconnected);
    nic_set_link(r->nic, true);
    expect(r, rig_indicated(r, NDIS_STATUS_LINK_STATE, 0, 2) != NULL, "NDIS_STATUS_LINK_STATE",
           "indicated", "not indicated");
    expect_link(r, MediaConnectStateConnected);
    gen_traffic(r, ROW);
}

int main(void)
{
    const struct rig_test *const tests[] = {
        &line_interrupt_instead_of_messages,
        &rings_of_any_size,
        &ring_of_two_is_refused_or_used,
        &more_sends_than_the_ring_holds,
        &requests_are_clean_when_used_again,
        &low_on_buffers_frames_are_only_shown,
        &returns_at_dispatch_level,
        &offload_is_the_same_on_every_card,
        &a_broken_card_is_reset_by_check_for_hang,
        &a_card_that_hangs_while_a_protocol_pauses,
        &a_card_without_link_starts_and_gets_one_later,
    };

    return rig_tests(tests, COUNT(tests), RIG_OUR_CARD);
}
