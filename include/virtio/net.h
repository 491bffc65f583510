/* SPDX-License-Identifier: MIT */
/* The virtio network device: features, configuration, frame header, control commands (virtio 1.2
 * §5.1). Constants and wire structs only. */
#pragma once

#include "ring.h"

enum { VIRTIO_NET_DEVICE_TYPE = 1 };

/* §5.1.2: queues of a device with one pair. The control queue is number 2 then. */
enum { VIRTIO_NET_RXQ = 0, VIRTIO_NET_TXQ = 1, VIRTIO_NET_CTRLQ = 2 };

/* §5.1.3: feature bits by number. What each requires (§5.1.3.1): HOST_TSO4, HOST_TSO6, HOST_UFO
 * require CSUM; HOST_ECN requires a HOST_TSO; GUEST_TSO4, GUEST_TSO6, GUEST_UFO require GUEST_CSUM;
 * GUEST_ECN a GUEST_TSO; CTRL_RX, CTRL_VLAN, CTRL_MAC_ADDR, GUEST_ANNOUNCE, MQ require CTRL_VQ. */
enum virtio_net_feature {
    VIRTIO_NET_F_CSUM = 0,
    VIRTIO_NET_F_GUEST_CSUM = 1,
    VIRTIO_NET_F_CTRL_GUEST_OFFLOADS = 2,
    VIRTIO_NET_F_MTU = 3,
    VIRTIO_NET_F_MAC = 5,
    VIRTIO_NET_F_GUEST_TSO4 = 7,
    VIRTIO_NET_F_GUEST_TSO6 = 8,
    VIRTIO_NET_F_GUEST_ECN = 9,
    VIRTIO_NET_F_GUEST_UFO = 10,
    VIRTIO_NET_F_HOST_TSO4 = 11,
    VIRTIO_NET_F_HOST_TSO6 = 12,
    VIRTIO_NET_F_HOST_ECN = 13,
    VIRTIO_NET_F_HOST_UFO = 14,
    VIRTIO_NET_F_MRG_RXBUF = 15,
    VIRTIO_NET_F_STATUS = 16,
    VIRTIO_NET_F_CTRL_VQ = 17,
    VIRTIO_NET_F_CTRL_RX = 18,
    VIRTIO_NET_F_CTRL_VLAN = 19,
    VIRTIO_NET_F_CTRL_RX_EXTRA = 20,
    VIRTIO_NET_F_GUEST_ANNOUNCE = 21,
    VIRTIO_NET_F_MQ = 22,
    VIRTIO_NET_F_CTRL_MAC_ADDR = 23,
    VIRTIO_NET_F_GUEST_HDRLEN = 59,
    VIRTIO_NET_F_RSS = 60,
    VIRTIO_NET_F_RSC_EXT = 61,
    VIRTIO_NET_F_STANDBY = 62,
    VIRTIO_NET_F_SPEED_DUPLEX = 63,
};

/* §5.1.4: device configuration. status exists with F_STATUS, max_virtqueue_pairs with F_MQ, mtu
 * with F_MTU, speed and duplex with F_SPEED_DUPLEX. */
struct virtio_net_config {
    uint8_t mac[6];
    le16 status;
    le16 max_virtqueue_pairs;
    le16 mtu;
    le32 speed;     /* Mbit/s; 0xffffffff unknown */
    uint8_t duplex; /* 0 half, 1 full, 0xff unknown */
    uint8_t padding[3];
};

enum virtio_net_status { VIRTIO_NET_S_LINK_UP = 1, VIRTIO_NET_S_ANNOUNCE = 2 };

/* §5.1.6: before each frame, both ways; always 12 bytes on a VERSION_1 device. */
enum virtio_net_hdr_flag {
    VIRTIO_NET_HDR_F_NEEDS_CSUM = 1,
    VIRTIO_NET_HDR_F_DATA_VALID = 2,
    VIRTIO_NET_HDR_F_RSC_INFO = 4,
};

enum virtio_net_hdr_gso {
    VIRTIO_NET_HDR_GSO_NONE = 0,
    VIRTIO_NET_HDR_GSO_TCPV4 = 1,
    VIRTIO_NET_HDR_GSO_UDP = 3,
    VIRTIO_NET_HDR_GSO_TCPV6 = 4,
    VIRTIO_NET_HDR_GSO_UDP_L4 = 5,
    VIRTIO_NET_HDR_GSO_ECN = 0x80, /* a bit beside the others */
};

struct virtio_net_hdr {
    uint8_t flags;
    uint8_t gso_type;
    le16 hdr_len;
    le16 gso_size;
    le16 csum_start;
    le16 csum_offset;
    le16 num_buffers; /* receive: chains that this frame fills; transmit: 0 */
};

/* §5.1.6.5: control queue. Device-readable: this header, then the command's data. Device-writable:
 * one acknowledgement byte. */
struct virtio_net_ctrl_hdr {
    uint8_t class_;
    uint8_t command;
};

enum virtio_net_ctrl_ack { VIRTIO_NET_OK = 0, VIRTIO_NET_ERR = 1 };

/* Data: one byte, 0 off, 1 on. Commands 2 to 5 need F_CTRL_RX_EXTRA. */
enum virtio_net_ctrl_rx {
    VIRTIO_NET_CTRL_RX = 0, /* class */
    VIRTIO_NET_CTRL_RX_PROMISC = 0,
    VIRTIO_NET_CTRL_RX_ALLMULTI = 1,
    VIRTIO_NET_CTRL_RX_ALLUNI = 2,
    VIRTIO_NET_CTRL_RX_NOMULTI = 3,
    VIRTIO_NET_CTRL_RX_NOUNI = 4,
    VIRTIO_NET_CTRL_RX_NOBCAST = 5,
};

/* TABLE_SET: two tables (unicast, multicast), each a le32 count and that many addresses.
 * ADDR_SET: six bytes. */
enum virtio_net_ctrl_mac_command {
    VIRTIO_NET_CTRL_MAC = 1, /* class */
    VIRTIO_NET_CTRL_MAC_TABLE_SET = 0,
    VIRTIO_NET_CTRL_MAC_ADDR_SET = 1,
};

/* Data: le16 VLAN id. */
enum virtio_net_ctrl_vlan {
    VIRTIO_NET_CTRL_VLAN = 2, /* class */
    VIRTIO_NET_CTRL_VLAN_ADD = 0,
    VIRTIO_NET_CTRL_VLAN_DEL = 1,
};
