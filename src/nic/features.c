/* SPDX-License-Identifier: MIT */
/* The features this card can do, by name, and what each of them requires (virtio 1.2 §5.1.3.1;
 * virtio/longshore.h). */
#include "nic/nic.h"

#include <virtio/longshore.h>
#include <virtio/net.h>
#include <virtio/ring.h>

#define F(bit) VIRTIO_FEATURE(bit)

/* `any`: at least one of these must be there too; 0 requires nothing. */
static const struct feature {
    unsigned bit;
    const char *name;
    uint64_t any;
} features[] = {
    {VIRTIO_NET_F_CSUM, "csum", 0},
    {VIRTIO_NET_F_GUEST_CSUM, "guest_csum", 0},
    {VIRTIO_NET_F_MTU, "mtu", 0},
    {VIRTIO_NET_F_MAC, "mac", 0},
    {VIRTIO_NET_F_HOST_TSO4, "host_tso4", F(VIRTIO_NET_F_CSUM)},
    {VIRTIO_NET_F_HOST_TSO6, "host_tso6", F(VIRTIO_NET_F_CSUM)},
    {VIRTIO_NET_F_HOST_ECN, "host_ecn", F(VIRTIO_NET_F_HOST_TSO4) | F(VIRTIO_NET_F_HOST_TSO6)},
    {VIRTIO_NET_F_MRG_RXBUF, "mrg_rxbuf", 0},
    {VIRTIO_NET_F_STATUS, "status", 0},
    {VIRTIO_NET_F_CTRL_VQ, "ctrl_vq", 0},
    {VIRTIO_NET_F_CTRL_RX, "ctrl_rx", F(VIRTIO_NET_F_CTRL_VQ)},
    {VIRTIO_NET_F_CTRL_VLAN, "ctrl_vlan", F(VIRTIO_NET_F_CTRL_VQ)},
    {VIRTIO_NET_F_CTRL_MAC_ADDR, "ctrl_mac_addr", F(VIRTIO_NET_F_CTRL_VQ)},
    {VIRTIO_F_INDIRECT_DESC, "indirect_desc", 0},
    {VIRTIO_F_EVENT_IDX, "event_idx", 0},
    {VIRTIO_F_VERSION_1, "version_1", 0},
    {VIRTIO_F_ACCESS_PLATFORM, "access_platform", 0},
    {VIRTIO_F_RING_RESET, "ring_reset", 0},
    {NIC_VENDOR_BIT + LONGSHORE_F_IPCSUM, "ls_ipcsum", F(VIRTIO_NET_F_CSUM)},
    {NIC_VENDOR_BIT + LONGSHORE_F_ID15, "ls_id15", F(VIRTIO_NET_F_HOST_TSO4)},
    {NIC_VENDOR_BIT + LONGSHORE_F_SNAP, "ls_snap",
     F(VIRTIO_NET_F_CSUM) | F(VIRTIO_NET_F_GUEST_CSUM)},
    {NIC_VENDOR_BIT + LONGSHORE_F_VERDICTS, "ls_verdicts", F(VIRTIO_NET_F_GUEST_CSUM)},
};

uint64_t nic_features_all(void)
{
    uint64_t all = 0;

    for (size_t i = 0; i < ARRAY_LEN(features); i++)
        all |= F(features[i].bit);
    return all;
}

/* One more round than features suffices: each round but the last finds at least one. */
uint64_t nic_features_orphans(uint64_t offered)
{
    uint64_t orphans = 0;

    for (size_t round = 0; round < ARRAY_LEN(features); round++)
        for (size_t i = 0; i < ARRAY_LEN(features); i++)
            if (offered & F(features[i].bit) && features[i].any &&
                !(features[i].any & offered & ~orphans))
                orphans |= F(features[i].bit);
    return orphans;
}

const char *nic_feature_name(unsigned bit)
{
    for (size_t i = 0; i < ARRAY_LEN(features); i++)
        if (features[i].bit == bit)
            return features[i].name;
    return NULL;
}

static uint64_t feature_by_name(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(features); i++)
        if (strlen(features[i].name) == len && memcmp(features[i].name, name, len) == 0)
            return F(features[i].bit);
    return 0;
}

int nic_features_parse(const char *list, uint64_t *mask, struct why *why)
{
    uint64_t found = 0;

    for (const char *at = list; *at;) {
        size_t len = strcspn(at, ",");
        uint64_t bit = feature_by_name(at, len);

        if (!bit)
            return why_set(why, -EINVAL, "no such feature of the card: \"%.*s\"", (int)len, at);
        found |= bit;
        at += len;
        if (*at == ',')
            at++;
    }
    *mask = found;
    return 0;
}
