/* SPDX-License-Identifier: MIT */
/* What befalls an adapter: reset, a broken card, removal, loss of link; and the shapes a card comes
 * in. */
#include "test_path_load.h"

#include "nic/device.h"

/* ---- Reset ---------------------------------------------------------------------------- */

static unsigned statuses_of(struct path *p, NDIS_STATUS code)
{
    unsigned n = 0;

    pthread_mutex_lock(&p->mutex);
    for (unsigned i = 0; i < p->status_count; i++)
        n += p->status[i].code == code;
    pthread_mutex_unlock(&p->mutex);
    return n;
}

/* GEN-32, 33; ENC-22: filter and activation are there afterwards. */
static void test_GEN_32_33_reset_under_load(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.on_pause = load_stop_sending});

    p->status_count = 0;
    load_begin(p);
    for (unsigned i = 0; i < 10; i++) {
        load_arrivals(p, 20);
        assert_int_equal(ndis_adapter_reset(p->adapter), NDIS_STATUS_SUCCESS);
        usleep(1000);
    }
    load_end(p);
    assert_int_equal(load.odd, 0);
    assert_int_equal(statuses_of(p, NDIS_STATUS_RESET_START), 10);
    assert_int_equal(statuses_of(p, NDIS_STATUS_RESET_END), 10);
    path_forget(p);
    assert_traffic(p);
    assert_int_not_equal(p->received[0].oob[TcpIpChecksumNetBufferListInfo], 0);
    watch_close(p);
}

static void test_GEN_32_reset_gives_back_what_the_card_had(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.queue_size = 8});

    p->hold_receives = true;
    arrive(p, 1, 100);
    assert_true(path_wait(p, &p->held_count, 1, 2));
    stall_begin();
    NdisSendNetBufferLists(p->binding, numbered_chain(p, 0, 30, 100), 0, 0);
    assert_int_equal(ndis_adapter_reset(p->adapter), NDIS_STATUS_SUCCESS);
    stall_end();
    assert_true(path_wait(p, &p->completed_count, 30, 5));
    for (unsigned i = 0; i < 30; i++)
        assert_true(load_fits(p->completed[i].status));
    assert_int_equal(p->received[0].len, 142);
    path_return_held(p);
    p->hold_receives = false;
    path_forget(p);
    while (path_wire_read(p, (uint8_t[2048]){0}, 2048, 0))
        ;
    for (unsigned i = 0; i < 20; i++)
        assert_traffic(p);
    watch_close(p);
}

/* A ring that contradicts itself: the card stops it and sets NEEDS_RESET (virtio 1.2 2.1.2). */
static void break_ring(struct path *p, uint16_t queue)
{
    struct pci_function *fn = nic_pci(p->nic);
    uint64_t at = 0;
    struct virtio_avail *avail;

    fn->ops->bar_write(fn, 0, offsetof(struct virtio_pci_common_cfg, queue_select), 2, queue);
    at = fn->ops->bar_read(fn, 0, offsetof(struct virtio_pci_common_cfg, queue_driver_lo), 4);
    at |= fn->ops->bar_read(fn, 0, offsetof(struct virtio_pci_common_cfg, queue_driver_hi), 4)
          << 32;
    avail = p->nic->bus->ops->dma(p->nic->bus, at, sizeof *avail, PCI_DMA_READ);
    assert_non_null(avail);
    avail->idx = (uint16_t)(avail->idx + 5000);
    fn->ops->bar_write(fn, 0, 0x3000 + 4u * queue, 2, queue);
}

/* GEN-34 */
static void test_GEN_34_a_broken_card_is_reset_by_check_for_hang(void **state)
{
    struct path *p = watch_open(state, (struct path_config){0});
    double until = path_now() + 5;

    assert_traffic(p);
    break_ring(p, VIRTIO_NET_TXQ);
    assert_true(nic_status(p->nic) & VIRTIO_STATUS_NEEDS_RESET);
    ndis_set_time_factor(0.05); /* a check every 100 ms */
    while (!statuses_of(p, NDIS_STATUS_RESET_END) && path_now() < until)
        usleep(5000);
    ndis_set_time_factor(1);
    assert_int_equal(statuses_of(p, NDIS_STATUS_RESET_START), 1);
    assert_int_equal(statuses_of(p, NDIS_STATUS_RESET_END), 1);
    assert_false(nic_status(p->nic) & VIRTIO_STATUS_NEEDS_RESET);
    assert_traffic(p);
    watch_close(p);
}

static void await_sends(struct path *p)
{
    ndis_set_time_factor(0.05);
    path_wait(p, &p->completed_count, 5, 5);
}

/* GEN-34, GEN-45: the protocol has sends with the card that come back by a reset alone, and cannot
 * pause before they do. */
static void test_GEN_34_a_card_that_hangs_while_a_protocol_pauses(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.on_pause = await_sends});

    break_ring(p, VIRTIO_NET_TXQ);
    NdisSendNetBufferLists(p->binding, numbered_chain(p, 0, 5, 100), 0, 0);
    assert_int_equal(ndis_adapter_pause(p->adapter), NDIS_STATUS_SUCCESS);
    ndis_set_time_factor(1);
    assert_int_equal(p->completed_count, 5);
    assert_int_equal(statuses_of(p, NDIS_STATUS_RESET_START), 1);
    assert_int_equal(statuses_of(p, NDIS_STATUS_RESET_END), 1);
    p->config.on_pause = NULL;
    path_forget(p);
    assert_int_equal(ndis_adapter_restart(p->adapter), NDIS_STATUS_SUCCESS);
    assert_traffic(p);
    watch_close(p);
}

/* ---- Removal -------------------------------------------------------------------------- */

static void *ask_until_refused(void *arg)
{
    struct path *p = arg;
    NDIS_STATUS status = NDIS_STATUS_SUCCESS;

    while (status == NDIS_STATUS_SUCCESS) {
        uint8_t statistics[512];
        ULONG bytes = sizeof statistics;

        status = ndis_adapter_request(p->adapter, NdisRequestQueryInformation, OID_GEN_STATISTICS,
                                      statistics, &bytes);
    }
    return (void *)(uintptr_t)(uint32_t)status;
}

/* GEN-35 */
static void test_GEN_35_surprise_removal_under_load(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.on_pause = load_stop_sending});
    pthread_t asker;
    void *last;

    load_begin(p);
    pthread_create(&asker, NULL, ask_until_refused, p);
    load_arrivals(p, 60);
    assert_int_equal(ndis_adapter_surprise_remove(p->adapter), NDIS_STATUS_SUCCESS);
    pthread_join(asker, &last);
    load_end(p);
    assert_int_equal((uint32_t)(uintptr_t)last, (uint32_t)NDIS_STATUS_NOT_ACCEPTED);
    assert_int_equal(ndis_adapter_state(p->adapter), NDIS_ADAPTER_HALTED);
    assert_int_equal(load.lost, 0);
    assert_int_equal(nt_dma_mapped(p->device), 0);
    watch_close(p);
}

static void test_GEN_35_removal_with_sends_and_receives_out(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.queue_size = 8});
    pthread_t returner;

    p->hold_receives = true;
    for (uint32_t i = 0; i < 3; i++)
        arrive(p, i, 100);
    assert_true(path_wait(p, &p->held_count, 3, 2));
    stall_begin();
    NdisSendNetBufferLists(p->binding, numbered_chain(p, 0, 30, 100), 0, 0);
    pthread_create(&returner, NULL, load_return_later, p);
    assert_int_equal(ndis_adapter_surprise_remove(p->adapter), NDIS_STATUS_SUCCESS);
    pthread_join(returner, NULL);
    stall_end();
    assert_int_equal(p->completed_count, 30);
    for (unsigned i = 0; i < 30; i++)
        assert_int_not_equal(p->completed[i].status, NDIS_STATUS_PENDING);
    watch_close(p);
}

/* ---- Link
 * ---------------------------------------------------------------------------------------- */

static void assert_link(struct path *p, bool up)
{
    NDIS_LINK_STATE l;

    assert_int_equal(path_query(p, OID_GEN_LINK_STATE, &l, sizeof l, NULL), NDIS_STATUS_SUCCESS);
    assert_int_equal(l.MediaConnectState,
                     up ? MediaConnectStateConnected : MediaConnectStateDisconnected);
}

/* GEN-41 */
static void test_GEN_41_link_changes_are_indicated_and_sends_end(void **state)
{
    struct path *p = watch_open(state, (struct path_config){0});

    for (unsigned i = 0; i < 4; i++) {
        unsigned statuses = p->status_count, completed = p->completed_count;
        NDIS_LINK_STATE l;

        nic_set_link(p->nic, i & 1);
        assert_true(path_wait(p, &p->status_count, statuses + 1, 2));
        assert_int_equal(p->status[statuses].code, NDIS_STATUS_LINK_STATE);
        memcpy(&l, p->status[statuses].buffer, sizeof l);
        assert_int_equal(l.MediaConnectState,
                         i & 1 ? MediaConnectStateConnected : MediaConnectStateDisconnected);
        assert_link(p, i & 1);
        path_send(p, numbered_chain(p, 0, 10, 100), 10);
        assert_int_not_equal(p->completed[completed].status, NDIS_STATUS_PENDING);
        while (path_wire_read(p, (uint8_t[2048]){0}, 2048, 0))
            assert_true(i & 1);
    }
    assert_traffic(p);
    watch_close(p);
}

static void test_GEN_41_a_card_without_link_starts_and_gets_one_later(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.link_down = true});
    unsigned statuses = p->status_count;

    assert_int_equal(p->bind.MediaConnectState, MediaConnectStateDisconnected);
    assert_link(p, false);
    nic_set_link(p->nic, true);
    assert_true(path_wait(p, &p->status_count, statuses + 1, 2));
    assert_link(p, true);
    assert_traffic(p);
    watch_close(p);
}

/* ---- Cards
 * ----------------------------------------------------------------------------------------- */

static void exercise(struct path *p)
{
    uint8_t frame[2048];

    for (unsigned round = 0; round < 3; round++) {
        path_send(p, numbered_chain(p, 0, 60, 1400), 60);
        for (uint32_t i = 0; i < 60; i++) {
            assert_int_equal(p->completed[i].status, NDIS_STATUS_SUCCESS);
            assert_int_equal(path_wire_read(p, frame, sizeof frame, 2), 1442);
            assert_int_equal(number_of(frame), i);
        }
        path_forget(p);
        for (uint32_t i = 0; i < 60; i++) {
            arrive(p, i, 1400);
            assert_true(path_wait(p, &p->received_count, i + 1, 2));
            assert_int_equal(number_of(p->received[i].data), i);
        }
        path_forget(p);
    }
}

static void test_CARD_line_interrupt_instead_of_messages(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.line_only = true});

    exercise(p);
    nic_set_link(p->nic, false);
    assert_true(path_wait(p, &p->status_count, 1, 2));
    assert_int_equal(p->status[0].code, NDIS_STATUS_LINK_STATE);
    watch_close(p);
}

static void test_CARD_rings_of_any_size(void **state)
{
    static const uint16_t sizes[] = {4, 8, 16, 1024};
    static const char *const withhold[] = {"ring_reset", "indirect_desc", "event_idx", "mrg_rxbuf",
                                           "indirect_desc,event_idx,mrg_rxbuf,ctrl_vq"};

    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        for (unsigned w = 0; w < ARRAY_LEN(withhold); w++) {
            struct path *p = watch_open(state, (struct path_config){.queue_size = sizes[i],
                                                                    .withhold = withhold[w],
                                                                    .line_only = w & 1});

            exercise(p);
            watch_close(p);
        }
    }
}

/* INIT-21: too small for a frame, or for a command to the card. */
static void test_CARD_ring_of_two_is_refused_or_used(void **state)
{
    static const char *const withhold[] = {"ring_reset", "indirect_desc", "ctrl_vq",
                                           "indirect_desc,ctrl_vq"};

    for (unsigned w = 0; w < ARRAY_LEN(withhold); w++) {
        struct path *p =
            watch_prepare(state, (struct path_config){.queue_size = 2, .withhold = withhold[w]});
        NDIS_STATUS status = ndis_adapter_initialize(p->adapter);

        if (status == NDIS_STATUS_SUCCESS) {
            assert_int_equal(ndis_adapter_halt(p->adapter), NDIS_STATUS_SUCCESS);
            path_start(p);
            exercise(p);
        } else {
            assert_int_equal(status, NDIS_STATUS_FAILURE);
        }
        watch_close(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PATH_BOTH(test_GEN_32_33_reset_under_load),
        PATH_BOTH(test_GEN_32_reset_gives_back_what_the_card_had),
        PATH_BOTH(test_GEN_34_a_broken_card_is_reset_by_check_for_hang),
        PATH_BOTH(test_GEN_34_a_card_that_hangs_while_a_protocol_pauses),
        PATH_BOTH(test_GEN_35_surprise_removal_under_load),
        PATH_BOTH(test_GEN_35_removal_with_sends_and_receives_out),
        PATH_BOTH(test_GEN_41_link_changes_are_indicated_and_sends_end),
        PATH_BOTH(test_GEN_41_a_card_without_link_starts_and_gets_one_later),
        PATH_BOTH(test_CARD_line_interrupt_instead_of_messages),
        PATH_BOTH(test_CARD_rings_of_any_size),
        PATH_BOTH(test_CARD_ring_of_two_is_refused_or_used),
    };

    return path_run(tests);
}
