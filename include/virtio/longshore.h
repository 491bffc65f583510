/* SPDX-License-Identifier: MIT */
/*
 * What Longshore's network card can do beyond virtio 1.2, and how a driver takes it. Constants and
 * wire structs only.
 *
 * The card has a VIRTIO_PCI_CAP_VENDOR_CFG capability (virtio 1.2 §4.1.4.8) of the shape below when
 * it offers any of these features. It says where two feature words lie in a BAR. Between
 * ACKNOWLEDGE | DRIVER and FEATURES_OK the driver writes those that it wants; FEATURES_OK is
 * refused when that is more than is offered, or lacks what it requires. The word is 0 after a
 * reset: a driver that knows nothing of this has a plain virtio card. (§4.1.4.8 would have drivers
 * use the capability for reporting only; the virtio feature bits themselves belong to the
 * standard.)
 *
 * Per frame, the features speak through bits of virtio_net_hdr.flags that virtio leaves reserved:
 * senders clear them and receivers ignore them (§5.1.6), so they cost no byte, the header keeps its
 * 12 bytes and its place in the buffers, and the same word means nothing to who did not negotiate.
 * Bit 3 is left alone, as later versions of virtio use it.
 */
#pragma once

#include "ring.h"

/* "LS". Tells this capability from others; no PCI-SIG assignment is claimed. */
enum { LONGSHORE_VIRTIO_VENDOR = 0x534c, LONGSHORE_VIRTIO_VERSION = 1 };

struct longshore_vendor_cap {
    uint8_t cap_vndr; /* VIRTIO_PCI_CAP_ID */
    uint8_t cap_next;
    uint8_t cap_len;
    uint8_t cfg_type; /* VIRTIO_PCI_CAP_VENDOR_CFG */
    le16 vendor_id;   /* LONGSHORE_VIRTIO_VENDOR */
    uint8_t version;  /* drivers skip versions that they do not know */
    uint8_t bar;
    le32 offset; /* of struct longshore_vendor_cfg; a multiple of 4 */
    le32 length;
};

struct longshore_vendor_cfg {
    le32 device_feature; /* ro */
    le32 driver_feature; /* rw until FEATURES_OK; then ro */
};

/* Feature bits by number, and what each requires. */
enum longshore_feature {
    LONGSHORE_F_IPCSUM = 0,   /* IPv4 header checksum on transmit; requires CSUM */
    LONGSHORE_F_ID15 = 1,     /* segments numbered in 15 bits; requires HOST_TSO4 */
    LONGSHORE_F_SNAP = 2,     /* the card knows LLC/SNAP; requires CSUM or GUEST_CSUM */
    LONGSHORE_F_VERDICTS = 3, /* receive verdicts for each layer; requires GUEST_CSUM */
};

/*
 * virtio_net_hdr.flags on transmit.
 * IPCSUM: compute the checksum of the IPv4 header, whatever stands in its field. A frame without
 * one, or an IPv6 large send, is dropped. Segments have theirs computed anyway.
 * ID15: the segments' IPv4 Identification stays in 0 to 0x7fff: the top bit of the first one is
 * cleared, and 0 follows 0x7fff. Without it 0 follows 0xffff.
 */
enum longshore_tx_flag { LONGSHORE_TX_IPCSUM = 0x10, LONGSHORE_TX_ID15 = 0x20 };

/*
 * virtio_net_hdr.flags on receive, with VERDICTS. For the transport, DATA_VALID says "verified and
 * right", whatever the IPv4 header's verdict; L4_BAD "verified and wrong". Neither of a pair: not
 * verified (fragments, other protocols, UDP without checksum, lengths beyond the frame).
 */
enum longshore_rx_flag {
    LONGSHORE_RX_IP_GOOD = 0x10,
    LONGSHORE_RX_IP_BAD = 0x20,
    LONGSHORE_RX_L4_BAD = 0x40,
};
