/* SPDX-License-Identifier: MIT */
/* Which received frames are for this card: by address and by VLAN (virtio 1.2 §5.1.6.5.1 to .3). */
#include "nic/device.h"

enum { TYPE_CTAG = 0x8100, TYPE_STAG = 0x88a8, TAGS_MAX = 2 };

static uint16_t be16_at(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t nic_tag_bytes(const uint8_t *head, size_t len)
{
    uint32_t bytes = 0;

    while (bytes < 4 * TAGS_MAX && len >= bytes + FRAME_ETH_LEN) {
        uint16_t type = be16_at(head + 12 + bytes);

        if (type != TYPE_CTAG && type != TYPE_STAG)
            break;
        bytes += 4;
    }
    return bytes;
}

void nic_filter_reset(struct nic *nic)
{
    struct nic_filter *f = &nic->filter;

    pthread_mutex_lock(&f->lock);
    memcpy(f->mac, nic->config.mac, sizeof f->mac);
    f->promiscuous = f->all_multicast = false;
    f->any_unicast = f->any_multicast = false;
    f->vlan_on = f->rx_modes = false;
    f->unicast_count = f->multicast_count = 0;
    memset(f->vlans, 0, sizeof f->vlans);
    pthread_mutex_unlock(&f->lock);
}

static bool in_table(const uint8_t (*table)[6], unsigned count, const uint8_t *mac)
{
    for (unsigned i = 0; i < count; i++)
        if (memcmp(table[i], mac, 6) == 0)
            return true;
    return false;
}

static bool takes_vlan(const struct nic_filter *f, const uint8_t *head, size_t len)
{
    uint16_t vid;

    if (!f->vlan_on || len < FRAME_ETH_LEN + 4 || be16_at(head + 12) != TYPE_CTAG)
        return true;
    vid = be16_at(head + 14) & 0xfff;
    return f->vlans[vid / 8] & (1u << (vid % 8));
}

enum nic_counter nic_filter_refuses(const struct nic_filter *f, const uint8_t *head, size_t len)
{
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    if (f->promiscuous)
        return NIC_COUNTERS;
    if (!takes_vlan(f, head, len))
        return NIC_RX_FILTER_VLAN;
    if (memcmp(head, broadcast, 6) == 0)
        return NIC_COUNTERS;
    if (head[0] & 1) {
        /* A driver without CTRL_RX has no way to ask for a group. */
        if (!f->rx_modes || f->all_multicast || f->any_multicast ||
            in_table(f->multicast, f->multicast_count, head))
            return NIC_COUNTERS;
        return NIC_RX_FILTER_MULTICAST;
    }
    if (memcmp(head, f->mac, 6) == 0 || f->any_unicast ||
        in_table(f->unicast, f->unicast_count, head))
        return NIC_COUNTERS;
    return NIC_RX_FILTER_UNICAST;
}
