/* SPDX-License-Identifier: MIT */
/* Control queue: receive modes, address and VLAN filters (virtio 1.2 §5.1.6.5). */
#include "nic/device.h"

struct command {
    uint8_t class_, code;
    const uint8_t *data;
    size_t len;
};

static uint32_t le32_at(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Each command returns whether it was carried out. They run holding filter.lock. */

static bool receive_mode(struct nic *nic, const struct command *c)
{
    if (!nic_has(nic, VIRTIO_NET_F_CTRL_RX) || c->len != 1 || c->data[0] > 1)
        return false;
    if (c->code == VIRTIO_NET_CTRL_RX_PROMISC)
        nic->filter.promiscuous = c->data[0];
    else if (c->code == VIRTIO_NET_CTRL_RX_ALLMULTI)
        nic->filter.all_multicast = c->data[0];
    else
        return false;
    return true;
}

/* One of the two tables at *at: its length, with its addresses all of one kind. NULL: malformed. */
static const uint8_t *mac_table(const struct command *c, size_t *at, bool multicast,
                                uint32_t *count)
{
    const uint8_t *macs;

    if (c->len - *at < 4)
        return NULL;
    *count = le32_at(c->data + *at);
    *at += 4;
    if (*count > (c->len - *at) / 6)
        return NULL;
    macs = c->data + *at;
    *at += 6 * (size_t)*count;
    for (uint32_t i = 0; i < *count; i++)
        if ((macs[6 * (size_t)i] & 1) != multicast)
            return NULL;
    return macs;
}

/* A table too long opens the filter: frames too many are allowed (§5.1.6.5.2), lost ones not. */
static unsigned take_table(uint8_t (*table)[6], const uint8_t *macs, uint32_t count, bool *any)
{
    *any = count > NIC_MAC_TABLE;
    if (*any)
        return 0;
    memcpy(table, macs, 6 * (size_t)count);
    return count;
}

static bool mac_table_set(struct nic *nic, const struct command *c)
{
    struct nic_filter *f = &nic->filter;
    uint32_t unicasts, multicasts;
    size_t at = 0;
    const uint8_t *unicast = mac_table(c, &at, false, &unicasts);
    const uint8_t *multicast = unicast ? mac_table(c, &at, true, &multicasts) : NULL;

    if (!nic_has(nic, VIRTIO_NET_F_CTRL_RX) || !multicast || at != c->len)
        return false;
    f->unicast_count = take_table(f->unicast, unicast, unicasts, &f->any_unicast);
    f->multicast_count = take_table(f->multicast, multicast, multicasts, &f->any_multicast);
    return true;
}

static bool mac_addr_set(struct nic *nic, const struct command *c)
{
    static const uint8_t none[6];

    if (!nic_has(nic, VIRTIO_NET_F_CTRL_MAC_ADDR) || c->len != 6 || c->data[0] & 1 ||
        memcmp(c->data, none, 6) == 0)
        return false;
    memcpy(nic->filter.mac, c->data, 6);
    __atomic_store_n(&nic->generation_stale, true, __ATOMIC_RELEASE);
    return true;
}

static bool vlan_filter(struct nic *nic, const struct command *c)
{
    unsigned vid, bit;

    if (!nic_has(nic, VIRTIO_NET_F_CTRL_VLAN) || c->len != 2)
        return false;
    vid = (unsigned)c->data[0] | (unsigned)c->data[1] << 8;
    if (vid >= 4096)
        return false;
    bit = 1u << (vid % 8);
    if (c->code == VIRTIO_NET_CTRL_VLAN_ADD)
        nic->filter.vlans[vid / 8] |= (uint8_t)bit;
    else if (c->code == VIRTIO_NET_CTRL_VLAN_DEL)
        nic->filter.vlans[vid / 8] &= (uint8_t)~bit;
    else
        return false;
    return true;
}

static bool execute(struct nic *nic, const struct command *c)
{
    switch (c->class_) {
    case VIRTIO_NET_CTRL_RX:
        return receive_mode(nic, c);
    case VIRTIO_NET_CTRL_MAC:
        if (c->code == VIRTIO_NET_CTRL_MAC_TABLE_SET)
            return mac_table_set(nic, c);
        return c->code == VIRTIO_NET_CTRL_MAC_ADDR_SET && mac_addr_set(nic, c);
    case VIRTIO_NET_CTRL_VLAN:
        return vlan_filter(nic, c);
    default:
        return false;
    }
}

/* The whole command is copied first: the driver could change it while it is being judged. */
static bool run_command(struct nic *nic, const struct virtq_chain *chain)
{
    struct nic_ctrl *ctrl = &nic->ctrl;
    struct frame f = {.spans = ctrl->chain, .span_count = chain->read_spans};
    struct command c;
    bool ok;

    if (chain->read_bytes > sizeof ctrl->command)
        return false;
    f.len = (uint32_t)chain->read_bytes;
    frame_pull(&f, 0, ctrl->command, f.len);
    c = (struct command){
        .class_ = ctrl->command[0],
        .code = ctrl->command[1],
        .data = ctrl->command + sizeof(struct virtio_net_ctrl_hdr),
        .len = f.len - sizeof(struct virtio_net_ctrl_hdr),
    };
    pthread_mutex_lock(&nic->filter.lock);
    ok = execute(nic, &c);
    pthread_mutex_unlock(&nic->filter.lock);
    return ok;
}

static bool serve(struct nic *nic, struct virtq *vq, uint16_t head)
{
    struct nic_ctrl *ctrl = &nic->ctrl;
    struct virtq_chain chain;
    bool ok;

    if (!virtq_map(vq, head, ctrl->chain, ARRAY_LEN(ctrl->chain), &chain))
        return false;
    if (chain.read_bytes < sizeof(struct virtio_net_ctrl_hdr) || chain.write_bytes < 1) {
        virtq_break(vq, VIRTQ_CTRL_SHAPE);
        return false;
    }
    ok = run_command(nic, &chain);
    nic_tally(nic, ok ? NIC_CTRL_COMMANDS : NIC_CTRL_REFUSED, 1);
    ctrl->chain[chain.read_spans].data[0] = ok ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
    virtq_give(vq, head, 1);
    virtq_show(vq);
    return true;
}

bool nic_ctrl_drain(struct nic *nic)
{
    struct nic_queue *q = &nic->queues[VIRTIO_NET_CTRLQ];
    unsigned budget = q->vq.size;
    bool more;
    uint16_t head;

    virtq_doorbell_off(&q->vq);
    while (budget && virtq_take(&q->vq, &head) && serve(nic, &q->vq, head))
        budget--;
    more = virtq_doorbell_on(&q->vq);
    if (virtq_wants_interrupt(&q->vq))
        nic_interrupt(nic, q);
    return more;
}
