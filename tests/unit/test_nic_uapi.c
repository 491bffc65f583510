/* SPDX-License-Identifier: MIT */
/*
 * include/virtio against the kernel's published interface headers: every constant and layout that
 * both have. Ours are enumerators and theirs are macros, so ours are kept under another name before
 * theirs take the name over; struct tags that both use are renamed while theirs are read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <virtio/net.h>
#include <virtio/pci.h>
#include <virtio/ring.h>

#define SAME_NAMES(X)                                                                              \
    X(VIRTIO_F_VERSION_1)                                                                          \
    X(VIRTIO_F_ACCESS_PLATFORM)                                                                    \
    X(VIRTIO_F_RING_PACKED)                                                                        \
    X(VIRTIO_F_IN_ORDER)                                                                           \
    X(VIRTIO_F_ORDER_PLATFORM)                                                                     \
    X(VIRTIO_F_SR_IOV)                                                                             \
    X(VIRTIO_F_RING_RESET)                                                                         \
    X(VIRTIO_PCI_CAP_COMMON_CFG)                                                                   \
    X(VIRTIO_PCI_CAP_NOTIFY_CFG)                                                                   \
    X(VIRTIO_PCI_CAP_ISR_CFG)                                                                      \
    X(VIRTIO_PCI_CAP_DEVICE_CFG)                                                                   \
    X(VIRTIO_PCI_CAP_PCI_CFG)                                                                      \
    X(VIRTIO_PCI_CAP_SHARED_MEMORY_CFG)                                                            \
    X(VIRTIO_PCI_ISR_CONFIG)                                                                       \
    X(VIRTIO_MSI_NO_VECTOR)                                                                        \
    X(VIRTIO_NET_F_CSUM)                                                                           \
    X(VIRTIO_NET_F_GUEST_CSUM)                                                                     \
    X(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS)                                                            \
    X(VIRTIO_NET_F_MTU)                                                                            \
    X(VIRTIO_NET_F_MAC)                                                                            \
    X(VIRTIO_NET_F_GUEST_TSO4)                                                                     \
    X(VIRTIO_NET_F_GUEST_TSO6)                                                                     \
    X(VIRTIO_NET_F_GUEST_ECN)                                                                      \
    X(VIRTIO_NET_F_GUEST_UFO)                                                                      \
    X(VIRTIO_NET_F_HOST_TSO4)                                                                      \
    X(VIRTIO_NET_F_HOST_TSO6)                                                                      \
    X(VIRTIO_NET_F_HOST_ECN)                                                                       \
    X(VIRTIO_NET_F_HOST_UFO)                                                                       \
    X(VIRTIO_NET_F_MRG_RXBUF)                                                                      \
    X(VIRTIO_NET_F_STATUS)                                                                         \
    X(VIRTIO_NET_F_CTRL_VQ)                                                                        \
    X(VIRTIO_NET_F_CTRL_RX)                                                                        \
    X(VIRTIO_NET_F_CTRL_VLAN)                                                                      \
    X(VIRTIO_NET_F_CTRL_RX_EXTRA)                                                                  \
    X(VIRTIO_NET_F_GUEST_ANNOUNCE)                                                                 \
    X(VIRTIO_NET_F_MQ)                                                                             \
    X(VIRTIO_NET_F_CTRL_MAC_ADDR)                                                                  \
    X(VIRTIO_NET_F_RSS)                                                                            \
    X(VIRTIO_NET_F_RSC_EXT)                                                                        \
    X(VIRTIO_NET_F_STANDBY)                                                                        \
    X(VIRTIO_NET_F_SPEED_DUPLEX)                                                                   \
    X(VIRTIO_NET_S_LINK_UP)                                                                        \
    X(VIRTIO_NET_S_ANNOUNCE)                                                                       \
    X(VIRTIO_NET_HDR_F_NEEDS_CSUM)                                                                 \
    X(VIRTIO_NET_HDR_F_DATA_VALID)                                                                 \
    X(VIRTIO_NET_HDR_F_RSC_INFO)                                                                   \
    X(VIRTIO_NET_HDR_GSO_NONE)                                                                     \
    X(VIRTIO_NET_HDR_GSO_TCPV4)                                                                    \
    X(VIRTIO_NET_HDR_GSO_UDP)                                                                      \
    X(VIRTIO_NET_HDR_GSO_TCPV6)                                                                    \
    X(VIRTIO_NET_HDR_GSO_ECN)                                                                      \
    X(VIRTIO_NET_OK)                                                                               \
    X(VIRTIO_NET_ERR)                                                                              \
    X(VIRTIO_NET_CTRL_RX)                                                                          \
    X(VIRTIO_NET_CTRL_RX_PROMISC)                                                                  \
    X(VIRTIO_NET_CTRL_RX_ALLMULTI)                                                                 \
    X(VIRTIO_NET_CTRL_RX_ALLUNI)                                                                   \
    X(VIRTIO_NET_CTRL_RX_NOMULTI)                                                                  \
    X(VIRTIO_NET_CTRL_RX_NOUNI)                                                                    \
    X(VIRTIO_NET_CTRL_RX_NOBCAST)                                                                  \
    X(VIRTIO_NET_CTRL_MAC)                                                                         \
    X(VIRTIO_NET_CTRL_MAC_TABLE_SET)                                                               \
    X(VIRTIO_NET_CTRL_MAC_ADDR_SET)                                                                \
    X(VIRTIO_NET_CTRL_VLAN)                                                                        \
    X(VIRTIO_NET_CTRL_VLAN_ADD)                                                                    \
    X(VIRTIO_NET_CTRL_VLAN_DEL)

#define KEEP(name) OURS_##name = name,
enum { SAME_NAMES(KEEP) OURS_END };

#define virtio_pci_cap        kernel_pci_cap
#define virtio_pci_notify_cap kernel_pci_notify_cap
#define virtio_pci_cfg_cap    kernel_pci_cfg_cap
#define virtio_pci_common_cfg kernel_pci_common_cfg
#define virtio_net_config     kernel_net_config
#define virtio_net_hdr        kernel_net_hdr
#define virtio_net_ctrl_hdr   kernel_net_ctrl_hdr
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#undef virtio_pci_cap
#undef virtio_pci_notify_cap
#undef virtio_pci_cfg_cap
#undef virtio_pci_common_cfg
#undef virtio_net_config
#undef virtio_net_hdr
#undef virtio_net_ctrl_hdr

#define SAME_VALUE(name) _Static_assert(OURS_##name == (name), #name);
/* Some kernels' headers are older than a name: then it is a missing macro, and the build says
 * which. */
SAME_NAMES(SAME_VALUE)

#define SAME(ours, theirs) _Static_assert((ours) == (theirs), #theirs)
#define SAME_FIELD(our_type, our_field, their_type, their_field)                                   \
    SAME(offsetof(struct our_type, our_field), offsetof(struct their_type, their_field));          \
    SAME(sizeof(((struct our_type *)0)->our_field), sizeof(((struct their_type *)0)->their_field))

SAME(VIRTIO_F_INDIRECT_DESC, VIRTIO_RING_F_INDIRECT_DESC);
SAME(VIRTIO_F_EVENT_IDX, VIRTIO_RING_F_EVENT_IDX);
SAME(VIRTIO_STATUS_ACKNOWLEDGE, VIRTIO_CONFIG_S_ACKNOWLEDGE);
SAME(VIRTIO_STATUS_DRIVER, VIRTIO_CONFIG_S_DRIVER);
SAME(VIRTIO_STATUS_DRIVER_OK, VIRTIO_CONFIG_S_DRIVER_OK);
SAME(VIRTIO_STATUS_FEATURES_OK, VIRTIO_CONFIG_S_FEATURES_OK);
SAME(VIRTIO_STATUS_NEEDS_RESET, VIRTIO_CONFIG_S_NEEDS_RESET);
SAME(VIRTIO_STATUS_FAILED, VIRTIO_CONFIG_S_FAILED);
SAME(VIRTIO_NET_DEVICE_TYPE, VIRTIO_ID_NET);

SAME(VIRTIO_DESC_F_NEXT, VRING_DESC_F_NEXT);
SAME(VIRTIO_DESC_F_WRITE, VRING_DESC_F_WRITE);
SAME(VIRTIO_DESC_F_INDIRECT, VRING_DESC_F_INDIRECT);
SAME(VIRTIO_AVAIL_F_NO_INTERRUPT, VRING_AVAIL_F_NO_INTERRUPT);
SAME(VIRTIO_USED_F_NO_NOTIFY, VRING_USED_F_NO_NOTIFY);
SAME(VIRTIO_DESC_ALIGN, VRING_DESC_ALIGN_SIZE);
SAME(VIRTIO_AVAIL_ALIGN, VRING_AVAIL_ALIGN_SIZE);
SAME(VIRTIO_USED_ALIGN, VRING_USED_ALIGN_SIZE);
SAME(sizeof(struct virtio_desc), sizeof(struct vring_desc));
SAME_FIELD(virtio_desc, addr, vring_desc, addr);
SAME_FIELD(virtio_desc, len, vring_desc, len);
SAME_FIELD(virtio_desc, flags, vring_desc, flags);
SAME_FIELD(virtio_desc, next, vring_desc, next);
SAME_FIELD(virtio_avail, flags, vring_avail, flags);
SAME_FIELD(virtio_avail, idx, vring_avail, idx);
SAME(offsetof(struct virtio_avail, ring), offsetof(struct vring_avail, ring));
SAME(sizeof(struct virtio_used_elem), sizeof(struct vring_used_elem));
SAME_FIELD(virtio_used_elem, id, vring_used_elem, id);
SAME_FIELD(virtio_used_elem, len, vring_used_elem, len);
SAME_FIELD(virtio_used, flags, vring_used, flags);
SAME_FIELD(virtio_used, idx, vring_used, idx);
SAME(offsetof(struct virtio_used, ring), offsetof(struct vring_used, ring));

SAME(sizeof(struct virtio_pci_cap), sizeof(struct kernel_pci_cap));
SAME_FIELD(virtio_pci_cap, cap_vndr, kernel_pci_cap, cap_vndr);
SAME_FIELD(virtio_pci_cap, cap_next, kernel_pci_cap, cap_next);
SAME_FIELD(virtio_pci_cap, cap_len, kernel_pci_cap, cap_len);
SAME_FIELD(virtio_pci_cap, cfg_type, kernel_pci_cap, cfg_type);
SAME_FIELD(virtio_pci_cap, bar, kernel_pci_cap, bar);
SAME_FIELD(virtio_pci_cap, id, kernel_pci_cap, id);
SAME_FIELD(virtio_pci_cap, offset, kernel_pci_cap, offset);
SAME_FIELD(virtio_pci_cap, length, kernel_pci_cap, length);
SAME(sizeof(struct virtio_pci_notify_cap), sizeof(struct kernel_pci_notify_cap));
SAME_FIELD(virtio_pci_notify_cap, notify_off_multiplier, kernel_pci_notify_cap,
           notify_off_multiplier);
SAME(sizeof(struct virtio_pci_cfg_cap), sizeof(struct kernel_pci_cfg_cap));
SAME_FIELD(virtio_pci_cfg_cap, pci_cfg_data, kernel_pci_cfg_cap, pci_cfg_data);

#define SAME_COMMON(ours, theirs)                                                                  \
    SAME_FIELD(virtio_pci_common_cfg, ours, kernel_pci_common_cfg, theirs)
SAME_COMMON(device_feature_select, device_feature_select);
SAME_COMMON(device_feature, device_feature);
SAME_COMMON(driver_feature_select, guest_feature_select);
SAME_COMMON(driver_feature, guest_feature);
SAME_COMMON(config_msix_vector, msix_config);
SAME_COMMON(num_queues, num_queues);
SAME_COMMON(device_status, device_status);
SAME_COMMON(config_generation, config_generation);
SAME_COMMON(queue_select, queue_select);
SAME_COMMON(queue_size, queue_size);
SAME_COMMON(queue_msix_vector, queue_msix_vector);
SAME_COMMON(queue_enable, queue_enable);
SAME_COMMON(queue_notify_off, queue_notify_off);
SAME_COMMON(queue_desc_lo, queue_desc_lo);
SAME_COMMON(queue_desc_hi, queue_desc_hi);
SAME_COMMON(queue_driver_lo, queue_avail_lo);
SAME_COMMON(queue_driver_hi, queue_avail_hi);
SAME_COMMON(queue_device_lo, queue_used_lo);
SAME_COMMON(queue_device_hi, queue_used_hi);

SAME_FIELD(virtio_net_config, mac, kernel_net_config, mac);
SAME_FIELD(virtio_net_config, status, kernel_net_config, status);
SAME_FIELD(virtio_net_config, max_virtqueue_pairs, kernel_net_config, max_virtqueue_pairs);
SAME_FIELD(virtio_net_config, mtu, kernel_net_config, mtu);
SAME_FIELD(virtio_net_config, speed, kernel_net_config, speed);
SAME_FIELD(virtio_net_config, duplex, kernel_net_config, duplex);

SAME(sizeof(struct virtio_net_hdr), sizeof(struct virtio_net_hdr_v1));
SAME_FIELD(virtio_net_hdr, flags, virtio_net_hdr_v1, flags);
SAME_FIELD(virtio_net_hdr, gso_type, virtio_net_hdr_v1, gso_type);
SAME_FIELD(virtio_net_hdr, hdr_len, virtio_net_hdr_v1, hdr_len);
SAME_FIELD(virtio_net_hdr, gso_size, virtio_net_hdr_v1, gso_size);
SAME_FIELD(virtio_net_hdr, csum_start, virtio_net_hdr_v1, csum_start);
SAME_FIELD(virtio_net_hdr, csum_offset, virtio_net_hdr_v1, csum_offset);
SAME_FIELD(virtio_net_hdr, num_buffers, virtio_net_hdr_v1, num_buffers);
SAME(sizeof(struct virtio_net_ctrl_hdr), sizeof(struct kernel_net_ctrl_hdr));
SAME_FIELD(virtio_net_ctrl_hdr, class_, kernel_net_ctrl_hdr, class);
SAME_FIELD(virtio_net_ctrl_hdr, command, kernel_net_ctrl_hdr, cmd);

/* The assertions above are the test; left for run time are the sizes of the ring's parts. */
static void test_ring_parts_have_the_kernels_sizes(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= VIRTIO_RING_MAX_SIZE; n *= 2) {
        struct vring v;

        vring_init(&v, n, (void *)(uintptr_t)4096, 4);
        assert_int_equal((uintptr_t)v.avail - (uintptr_t)v.desc, VIRTIO_DESC_BYTES(n));
        assert_int_equal((uintptr_t)&vring_used_event(&v) + 2 - (uintptr_t)v.avail,
                         VIRTIO_AVAIL_BYTES(n));
        assert_int_equal((uintptr_t)&vring_avail_event(&v) + 2 - (uintptr_t)v.used,
                         VIRTIO_USED_BYTES(n));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring_parts_have_the_kernels_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
