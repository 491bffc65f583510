/* SPDX-License-Identifier: MIT */
/* Life of the card: made, plugged, unplugged, freed; link; what one can ask about it. */
#include "nic/device.h"

static void plugged(struct pci_function *fn, struct pci_bus *bus)
{
    struct nic *nic = CONTAINER_OF(fn, struct nic, fn);

    /* Resetting takes each queue's lock in turn: whoever served one has finished, and none starts
     * while no queue runs. */
    pthread_mutex_lock(&nic->lock);
    nic_reset(nic);
    nic->bus = bus;
    pthread_mutex_unlock(&nic->lock);
}

static const struct pci_function_ops nic_ops = {
    .config_read = nic_space_read,
    .config_write = nic_space_write,
    .bar_read = nic_bar_read,
    .bar_write = nic_bar_write,
    .plugged = plugged,
};

static int check_config(struct nic_config *c, struct why *why)
{
    if (c->mtu == 0)
        c->mtu = NIC_DEFAULT_MTU;
    if (c->queue_size == 0)
        c->queue_size = NIC_DEFAULT_QUEUE_SIZE;
    if (c->msix_vectors == 0)
        c->msix_vectors = NIC_DEFAULT_VECTORS;
    if (c->mtu < 68) /* virtio 1.2 §5.1.4.1 */
        return why_set(why, -EINVAL, "card: MTU %u is below 68", c->mtu);
    if (c->queue_size > NIC_MAX_QUEUE_SIZE || c->queue_size & (c->queue_size - 1))
        return why_set(why, -EINVAL, "card: queue size %u is not a power of two up to %d",
                       c->queue_size, NIC_MAX_QUEUE_SIZE);
    if (c->msix_vectors > NIC_MAX_VECTORS)
        return why_set(why, -EINVAL, "card: %u interrupt vectors, at most %d", c->msix_vectors,
                       NIC_MAX_VECTORS);
    if (c->mac[0] & 1)
        return why_set(why, -EINVAL, "card: its address is a group address");
    if (c->features_withheld & VIRTIO_FEATURE(VIRTIO_F_VERSION_1))
        return why_set(why, -EINVAL, "card: version_1 cannot be withheld, there is no legacy card");
    return 0;
}

static void init_locks(struct nic *nic)
{
    pthread_mutex_init(&nic->lock, NULL);
    pthread_mutex_init(&nic->irq_lock, NULL);
    pthread_mutex_init(&nic->filter.lock, NULL);
    for (unsigned i = 0; i < NIC_QUEUES; i++)
        pthread_mutex_init(&nic->queues[i].lock, NULL);
}

int nic_new(const struct nic_config *config, struct port *wire, struct nic **out, struct why *why)
{
    struct nic_config checked = *config;
    struct nic *nic;
    int err = check_config(&checked, why);

    if (err)
        return err;
    nic = calloc(1, sizeof *nic);
    if (!nic)
        return why_set(why, -ENOMEM, "card: no memory");
    init_locks(nic);
    nic->config = checked;
    nic->wire = wire;
    nic->link = !checked.link_down;
    nic->offered = nic_features_all() & ~checked.features_withheld;
    nic->offered &= ~nic_features_orphans(nic->offered);
    nic->fn.ops = &nic_ops;
    /* The longest frame there can be, whether segment or frame in too many pieces. */
    nic->tx.copy_bytes = nic_frame_limit(nic) + 8;
    nic->tx.copy = malloc(nic->tx.copy_bytes);
    if (!nic->tx.copy)
        goto fail;
    nic_space_init(nic);
    nic_reset(nic);
    *out = nic;
    return 0;
fail:
    nic_free(nic);
    return why_set(why, -ENOMEM, "card: no memory");
}

void nic_free(struct nic *nic)
{
    if (!nic)
        return;
    for (unsigned i = 0; i < NIC_QUEUES; i++)
        pthread_mutex_destroy(&nic->queues[i].lock);
    pthread_mutex_destroy(&nic->filter.lock);
    pthread_mutex_destroy(&nic->irq_lock);
    pthread_mutex_destroy(&nic->lock);
    free(nic->tx.copy);
    free(nic);
}

struct pci_function *nic_pci(struct nic *nic)
{
    return &nic->fn;
}

void nic_set_link(struct nic *nic, bool up)
{
    pthread_mutex_lock(&nic->lock);
    if (nic->link != up) {
        __atomic_store_n(&nic->link, up, __ATOMIC_RELAXED);
        if (nic_has(nic, VIRTIO_NET_F_STATUS))
            nic_config_changed(nic);
    }
    pthread_mutex_unlock(&nic->lock);
}

bool nic_link(const struct nic *nic)
{
    return __atomic_load_n(&nic->link, __ATOMIC_RELAXED);
}

uint64_t nic_offered(const struct nic *nic)
{
    return nic->offered;
}

uint64_t nic_withheld_with(const struct nic *nic)
{
    return nic_features_all() & ~nic->config.features_withheld & ~nic->offered;
}

uint64_t nic_negotiated(const struct nic *nic)
{
    return __atomic_load_n(&nic->negotiated, __ATOMIC_RELAXED);
}

uint8_t nic_status(const struct nic *nic)
{
    return __atomic_load_n(&nic->status, __ATOMIC_RELAXED);
}

uint64_t nic_counter(const struct nic *nic, enum nic_counter c)
{
    return counter_read(&nic->counters[c]);
}

const char *nic_counter_name(enum nic_counter c)
{
    static const char *const names[NIC_COUNTERS] = {
        [NIC_TX_FRAMES] = "tx_frames",
        [NIC_TX_BYTES] = "tx_bytes",
        [NIC_TX_CHAINS] = "tx_chains",
        [NIC_TX_CSUM] = "tx_csum",
        [NIC_TX_IPCSUM] = "tx_ipcsum",
        [NIC_TX_LARGE] = "tx_large",
        [NIC_TX_SEGMENTS] = "tx_segments",
        [NIC_TX_BAD_HEADER] = "tx_bad_header",
        [NIC_TX_SHORT_HEADER] = "tx_short_header",
        [NIC_TX_RUNT] = "tx_runt",
        [NIC_TX_OVERSIZE] = "tx_oversize",
        [NIC_TX_GSO_NOT_TCP] = "tx_gso_not_tcp",
        [NIC_TX_GSO_MSS_ZERO] = "tx_gso_mss_zero",
        [NIC_TX_GSO_FRAGMENT] = "tx_gso_fragment",
        [NIC_TX_GSO_FLAGS] = "tx_gso_flags",
        [NIC_TX_GSO_HEADERS] = "tx_gso_headers",
        [NIC_TX_LINK_DOWN] = "tx_link_down",
        [NIC_TX_WIRE] = "tx_wire",
        [NIC_RX_FRAMES] = "rx_frames",
        [NIC_RX_BYTES] = "rx_bytes",
        [NIC_RX_BUFFERS] = "rx_buffers",
        [NIC_RX_CSUM_GOOD] = "rx_csum_good",
        [NIC_RX_CSUM_WRONG] = "rx_csum_wrong",
        [NIC_RX_NO_BUFFER] = "rx_no_buffer",
        [NIC_RX_NOT_READY] = "rx_not_ready",
        [NIC_RX_LINK_DOWN] = "rx_link_down",
        [NIC_RX_RUNT] = "rx_runt",
        [NIC_RX_OVERSIZE] = "rx_oversize",
        [NIC_RX_UNFINISHED] = "rx_unfinished",
        [NIC_RX_FILTER_UNICAST] = "rx_filter_unicast",
        [NIC_RX_FILTER_MULTICAST] = "rx_filter_multicast",
        [NIC_RX_FILTER_VLAN] = "rx_filter_vlan",
        [NIC_CTRL_COMMANDS] = "ctrl_commands",
        [NIC_CTRL_REFUSED] = "ctrl_refused",
        [NIC_DOORBELLS] = "doorbells",
        [NIC_DOORBELL_BAD] = "doorbell_bad",
        [NIC_INTERRUPTS] = "interrupts",
        [NIC_CONFIG_CHANGES] = "config_changes",
        [NIC_RESETS] = "resets",
        [NIC_REG_BAD_READ] = "reg_bad_read",
        [NIC_REG_BAD_WRITE] = "reg_bad_write",
        [NIC_REG_BAD_VALUE] = "reg_bad_value",
        [NIC_STATUS_BAD] = "status_bad",
        [NIC_FEATURES_NOT_OFFERED] = "features_not_offered",
        [NIC_FEATURES_DEPENDENCY] = "features_dependency",
        [NIC_FEATURES_NO_VERSION_1] = "features_no_version_1",
        [NIC_FEATURES_NO_PLATFORM] = "features_no_platform",
        [NIC_RING_MISALIGNED] = "ring_misaligned",
        [NIC_RING_UNMAPPED] = "ring_unmapped",
        [NIC_RING_OVERRUN] = "ring_overrun",
        [NIC_RING_HEAD_RANGE] = "ring_head_range",
        [NIC_RING_HEAD_BUSY] = "ring_head_busy",
        [NIC_RING_NEXT_RANGE] = "ring_next_range",
        [NIC_RING_CHAIN_LONG] = "ring_chain_long",
        [NIC_RING_EMPTY_BUFFER] = "ring_empty_buffer",
        [NIC_RING_BUFFER_UNMAPPED] = "ring_buffer_unmapped",
        [NIC_RING_INDIRECT_OFF] = "ring_indirect_off",
        [NIC_RING_INDIRECT_NEST] = "ring_indirect_nest",
        [NIC_RING_INDIRECT_NEXT] = "ring_indirect_next",
        [NIC_RING_INDIRECT_SIZE] = "ring_indirect_size",
        [NIC_RING_ORDER] = "ring_order",
        [NIC_RING_DIRECTION] = "ring_direction",
        [NIC_RING_RX_SMALL] = "ring_rx_small",
        [NIC_RING_CTRL_SHAPE] = "ring_ctrl_shape",
    };
    _Static_assert(NIC_COUNTERS - NIC_RING_MISALIGNED == VIRTQ_FAULTS - VIRTQ_MISALIGNED,
                   "ring counters follow the ring faults");

    return (unsigned)c < NIC_COUNTERS ? names[c] : NULL;
}
