/* SPDX-License-Identifier: MIT */
/*
 * vionet: an NDIS 6.0 miniport for virtio network cards (virtio 1.2, modern PCI), with task
 * offload.
 *
 * Reading order: driver.c (entry), adapter.c (life of an adapter), pci.c and virtq.c (the device),
 * tx.c and rx.c (the data path), translate.c and headers.c (what a send asks and a frame is
 * reported as), offload.c (what is offered and switched on), oid.c (requests), ctrl.c (commands to
 * the device).
 *
 * Life. MiniportInitializeEx builds an adapter into zeroed memory and MiniportHaltEx takes it
 * apart; a failed initialize calls the same teardown, which accepts a half-built one. The device
 * runs (DRIVER_OK) from initialize to halt; Paused means that the gates below are closed.
 *
 * Gates. tx.open and rx.open are read and changed under the lock of their side. A closed tx gate
 * completes sends with NDIS_STATUS_PAUSED (or what gate_status says); a closed rx gate recycles
 * frames unseen. Pause closes both and completes when tx.outstanding and rx.lent are zero.
 *
 * Ownership. A send NBL belongs to us until it is on the list handed to
 * NdisMSendNetBufferListsComplete; tx.waiting links NBLs by Next, and an NBL's MiniportReserved
 * holds its count of unfinished NET_BUFFERs and the payload that its large sends have put on the
 * wire. A receive NBL belongs to its struct vionet_rx for ever; while lent it must not be touched.
 *
 * Locking. tx.lock: the transmit ring, waiting NBLs, free requests. rx.lock: the receive ring and
 * its counters. offload.lock: configuration and activation. None is held across a call that can
 * come back into this driver, and none is taken inside another. Commands to the device are made at
 * PASSIVE_LEVEL, one at a time (OID requests, initialize, restart and reset are serialized by
 * NDIS).
 *
 * Nothing that the device writes (ring indices, ids, lengths, headers) is trusted: what does not
 * fit stops that ring and asks for a reset.
 */
#pragma once

#define NDIS60_MINIPORT 1
#include <ndis.h>

#include "virtio/longshore.h"
#include "virtio/net.h"
#include "virtio/pci.h"
#include "virtio/ring.h"

#define VIONET_TAG 0x74654e56 /* "VNet" */

enum {
    VIONET_MAJOR_VERSION = 1,
    VIONET_MINOR_VERSION = 0,
    VIONET_QUEUE_MAX = 256, /* entries used of each queue */
    VIONET_SG_MAX = 48,     /* elements of one frame that are posted as they are; more are copied */
    VIONET_HEAD_BYTES =
        256, /* private copy of a frame's headers, with the virtio header before it */
    VIONET_RX_BYTES = 2048, /* one receive buffer */
    VIONET_RX_CHAIN = 8,    /* buffers that one frame may fill */
    VIONET_RX_BATCH = 64,
    VIONET_RX_CONTEXT = 64, /* room in each NBL for the drivers above that pass it on */
    VIONET_MULTICAST_MAX = 32,
    VIONET_ETH_HEADER = 14,
    VIONET_VLAN_TAG = 4,
    VIONET_VLAN_MAX = 4094,
    VIONET_MIN_FRAME = 60,
    VIONET_MAX_MTU = 9000,
    VIONET_MAX_OFFLOAD =
        65415, /* user data of one large send: 65535 less the longest IPv4 and TCP headers */
    VIONET_TX_BOUNCES = 2,
    VIONET_BOUNCE_BYTES = 0x10200, /* the longest large send, the headers of its parts included */
    VIONET_TX_PARTS = 4,    /* of a send of VIONET_MAX_OFFLOAD segments of one byte, at worst */
    VIONET_HANG_CHECKS = 3, /* rounds of check-for-hang without progress that mean a hang */
    VIONET_LINK_SPEED_GBIT = 10,
};

enum vionet_queue { VIONET_RXQ, VIONET_TXQ, VIONET_CTRLQ, VIONET_QUEUES };

/* ---- Device (pci.c) ------------------------------------------------------------------- */

struct vionet_region { /* one virtio structure, mapped */
    PUCHAR base;
    ULONG bytes;
};

struct vionet_device {
    struct vionet_region common, notify, isr, config;
    struct vionet_region vendor; /* absent on a plain virtio card */
    ULONG notify_multiplier;
    PVOID bar_va[PCI_TYPE0_ADDRESSES];
    ULONG bar_bytes[PCI_TYPE0_ADDRESSES];
    ULONG64 features;      /* negotiated */
    ULONG vendor_features; /* likewise: 1 << enum longshore_feature */
};

/* ---- Ring (virtq.c) ------------------------------------------------------------------- */

struct vionet_piece { /* one element of a chain */
    ULONG64 address;
    ULONG bytes;
};

struct vionet_virtq {
    struct vionet_adapter *adapter;
    PUCHAR memory;
    NDIS_PHYSICAL_ADDRESS address;
    ULONG memory_bytes;
    struct virtio_desc *desc;
    struct virtio_avail *avail;
    struct virtio_used *used;
    PVOID *cookies; /* by head; NULL: the head is not in flight */
    USHORT *chain;  /* descriptors that the head's chain has */
    USHORT *next;   /* links of chains and of the free list: the device can write those in desc */
    USHORT size, index; /* entries; number of the queue */
    USHORT free_head, free_count;
    USHORT avail_next, used_next,
        kicked; /* next to fill, next to look at, avail_next at the last kick */
    BOOLEAN event_idx, broken;
    PUCHAR doorbell;
};

/* ---- Transmit (tx.c) ------------------------------------------------------------------ */

/* Where a request stands between being taken and being posted. */
enum vionet_tx_phase {
    VIONET_TX_MAPPING,  /* in the call that maps it */
    VIONET_TX_DEFERRED, /* that call is over, its callback is yet to come */
    VIONET_TX_COPY,     /* too many elements, or in parts: waits for a bounce buffer */
    VIONET_TX_READY,
    VIONET_TX_FAILED,
};

struct vionet_tx_bounce {
    struct vionet_tx_bounce *next;
    PUCHAR va;
    ULONG64 address;
};

/* What a device would do wrong in one piece goes to it in parts, each a chain of its own. A large
 * send that crosses the Identification wrap of a device that counts in 16 bits: the first part up
 * to 0x7fff, the next from 0 on. One with CWR to a device that would repeat it in every segment:
 * the first segment, then the rest. */
struct vionet_tx_cut {
    ULONG parts;       /* 1: not split. Of more, head holds the template until they are made */
    ULONG in_flight;   /* chains posted and not used yet */
    ULONG mss, first;  /* bytes per segment; segments before the first wrap */
    ULONG lone;        /* 1: the first segment is a part of its own */
    ULONG id_mask;     /* of IPv4's Identification; 0: it is IPv6 */
    ULONG ip, tcp;     /* where these headers are in head */
    ULONG head, bytes; /* bytes of head, payload bytes behind it */
    BOOLEAN snap;
};

struct vionet_tx_request { /* one NET_BUFFER on its way */
    struct vionet_tx_request *next;
    struct vionet_adapter *adapter;
    NET_BUFFER_LIST *nbl;
    NET_BUFFER *nb;
    SCATTER_GATHER_LIST *sg;
    PVOID sg_memory; /* what NDIS builds sg in */
    PUCHAR head;     /* virtio_net_hdr, then the private copy of the frame's first bytes */
    ULONG64 head_address;
    struct virtio_desc *table; /* the chain; the device reads it when descriptors are indirect */
    ULONG64 table_address;
    struct vionet_tx_bounce *bounce;
    ULONG head_bytes, skip; /* bytes used of head; bytes of the frame that head replaces */
    ULONG table_count;
    ULONG frames, wire_bytes; /* what leaves the card for this one */
    ULONG large_bytes;        /* TCP payload, if this is a large send */
    ULONG cast;               /* index into the statistics */
    NDIS_STATUS status;
    struct vionet_tx_cut cut;
    volatile LONG phase; /* enum vionet_tx_phase */
};

struct vionet_tx {
    NDIS_SPIN_LOCK lock;
    struct vionet_virtq queue;
    struct vionet_tx_request *requests, *free;
    struct vionet_tx_request *line, **line_tail; /* taken, not yet posted; in order */
    PUCHAR shared;                               /* heads of all requests, then their tables */
    NDIS_PHYSICAL_ADDRESS shared_address;
    ULONG shared_bytes, request_count, free_count, element_limit;
    PUCHAR bounce_memory;
    NDIS_PHYSICAL_ADDRESS bounce_address;
    struct vionet_tx_bounce bounces[VIONET_TX_BOUNCES], *bounce_free;
    PUCHAR sg_memory;
    NET_BUFFER_LIST *waiting, **waiting_tail;
    NET_BUFFER *waiting_nb;    /* next NET_BUFFER of the first waiting NBL */
    volatile LONG outstanding; /* NBLs that are ours */
    BOOLEAN open;
    BOOLEAN draining; /* one thread takes, posts and kicks at a time */
    NDIS_STATUS gate_status;
    ULONG used_seen, stuck_checks; /* check for hang */
};

/* ---- Receive (rx.c) ------------------------------------------------------------------- */

enum vionet_rx_place { VIONET_RX_HOME, VIONET_RX_POSTED, VIONET_RX_OUT /* held or lent */ };

struct vionet_rx_buffer {
    PUCHAR va;
    ULONG64 address;
    MDL *mdl; /* of the bytes behind the virtio header */
    NET_BUFFER_LIST *nbl;
    struct vionet_rx_buffer *next; /* further buffers of the same frame */
    MDL *whole;                    /* of all bytes: for buffers after the first */
    ULONG used;                    /* bytes of the frame in it */
    enum vionet_rx_place place;
};

struct vionet_rx {
    NDIS_SPIN_LOCK lock;
    struct vionet_virtq queue;
    struct vionet_rx_buffer *buffers;
    PUCHAR shared;
    NDIS_PHYSICAL_ADDRESS shared_address;
    ULONG shared_bytes, buffer_bytes, buffer_count;
    NDIS_HANDLE nbl_pool;
    LONG lent; /* NBLs indicated and not yet returned */
    BOOLEAN open;
    BOOLEAN live;    /* the ring is with a running device */
    BOOLEAN reaping; /* one thread indicates at a time: order */
};

/* ---- Offload (offload.c) -------------------------------------------------------------- */

enum vionet_keyword { /* in the order of the standardized keywords; values as in the registry */
                      VIONET_IP4,
                      VIONET_TCP4,
                      VIONET_UDP4,
                      VIONET_TCP6,
                      VIONET_UDP6,
                      VIONET_LSO2_4,
                      VIONET_LSO2_6,
                      VIONET_LSO1,
                      VIONET_KEYWORDS
};

/* What the data path asks: one word, so that reading it needs no lock. */
enum vionet_on {
    VIONET_TX_IP4 = 1 << 0,
    VIONET_TX_TCP4 = 1 << 1,
    VIONET_TX_UDP4 = 1 << 2,
    VIONET_TX_TCP6 = 1 << 3,
    VIONET_TX_UDP6 = 1 << 4,
    VIONET_ON_LSO2_4 = 1 << 5,
    VIONET_ON_LSO2_6 = 1 << 6,
    VIONET_ON_LSO1 = 1 << 7,
    VIONET_RX_TCP4 = 1 << 8,
    VIONET_RX_UDP4 = 1 << 9,
    VIONET_RX_TCP6 = 1 << 10,
    VIONET_RX_UDP6 = 1 << 11,
    VIONET_RX_IP4 = 1 << 12,
};

struct vionet_offload {
    NDIS_SPIN_LOCK lock;
    UCHAR able[VIONET_KEYWORDS];  /* what the device can: bits as in the keyword (1 transmit, 2
                                     receive) */
    UCHAR value[VIONET_KEYWORDS]; /* what is switched on, of that */
    BOOLEAN encapsulated4, encapsulated6;
    volatile LONG on; /* enum vionet_on */
};

/* What OID_GEN_STATISTICS answers. */
#define VIONET_STATISTICS                                                                          \
    (NDIS_STATISTICS_FLAGS_VALID_DIRECTED_FRAMES_RCV |                                             \
     NDIS_STATISTICS_FLAGS_VALID_MULTICAST_FRAMES_RCV |                                            \
     NDIS_STATISTICS_FLAGS_VALID_BROADCAST_FRAMES_RCV | NDIS_STATISTICS_FLAGS_VALID_BYTES_RCV |    \
     NDIS_STATISTICS_FLAGS_VALID_RCV_DISCARDS | NDIS_STATISTICS_FLAGS_VALID_RCV_ERROR |            \
     NDIS_STATISTICS_FLAGS_VALID_DIRECTED_FRAMES_XMIT |                                            \
     NDIS_STATISTICS_FLAGS_VALID_MULTICAST_FRAMES_XMIT |                                           \
     NDIS_STATISTICS_FLAGS_VALID_BROADCAST_FRAMES_XMIT | NDIS_STATISTICS_FLAGS_VALID_BYTES_XMIT |  \
     NDIS_STATISTICS_FLAGS_VALID_XMIT_ERROR | NDIS_STATISTICS_FLAGS_VALID_XMIT_DISCARDS |          \
     NDIS_STATISTICS_FLAGS_VALID_DIRECTED_BYTES_RCV |                                              \
     NDIS_STATISTICS_FLAGS_VALID_MULTICAST_BYTES_RCV |                                             \
     NDIS_STATISTICS_FLAGS_VALID_BROADCAST_BYTES_RCV |                                             \
     NDIS_STATISTICS_FLAGS_VALID_DIRECTED_BYTES_XMIT |                                             \
     NDIS_STATISTICS_FLAGS_VALID_MULTICAST_BYTES_XMIT |                                            \
     NDIS_STATISTICS_FLAGS_VALID_BROADCAST_BYTES_XMIT)

struct vionet_statistics { /* frames and bytes: unicast, multicast, broadcast */
    struct {
        ULONG64 frames[3], bytes[3], errors, discards;
    } tx; /* under tx.lock */
    struct {
        ULONG64 frames[3], bytes[3], errors, filtered;
    } rx; /* under rx.lock */
};

/* What *PriorityVLANTag allows of a tag. */
enum vionet_tagging { VIONET_TAG_PRIORITY = 1, VIONET_TAG_VLAN = 2 };

/* ---- Adapter -------------------------------------------------------------------------------- */

struct vionet_adapter {
    NDIS_HANDLE handle;
    struct vionet_device device;
    NDIS_HANDLE interrupt, dma;
    NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS interrupt_chars;
    ULONG messages;            /* 0: line interrupt */
    volatile LONG line_causes; /* enum virtio_pci_isr, from service routine to DPC */
    struct vionet_tx tx;
    struct vionet_rx rx;
    struct vionet_virtq ctrl;
    PUCHAR ctrl_memory;
    NDIS_PHYSICAL_ADDRESS ctrl_address;
    struct vionet_offload offload;
    struct vionet_statistics statistics;
    UCHAR permanent_mac[6], mac[6];
    ULONG mtu, packet_filter, lookahead;
    ULONG rx_buffers, tx_buffers; /* *ReceiveBuffers, *TransmitBuffers: at most so many are used */
    UCHAR tagging;                /* enum vionet_tagging */
    LONG vlan_id;                 /* vionet_vlan() */
    UCHAR multicast[VIONET_MULTICAST_MAX][6];
    ULONG multicast_count;
    BOOLEAN link_up;
    LONG removed;          /* vionet_removed() */
    BOOLEAN running;       /* between restart and pause: whether a reset opens the gates again */
    volatile LONG pausing; /* a pause is pending */
    ULONG sg_bytes;        /* what NdisMAllocateNetBufferSGList wants for a list */
    NDIS_DEVICE_POWER_STATE power;
};

static inline BOOLEAN vionet_has(const struct vionet_adapter *a, ULONG feature)
{
    return (a->device.features & VIRTIO_FEATURE(feature)) != 0;
}

/* The card was pulled out: said by NDIS on one thread, asked on all. */
static inline BOOLEAN vionet_removed(const struct vionet_adapter *a)
{
    return __atomic_load_n(&a->removed, __ATOMIC_ACQUIRE) != 0;
}

/* The VLAN that the adapter belongs to; 0: none. */
static inline ULONG vionet_vlan(const struct vionet_adapter *a)
{
    return (ULONG)__atomic_load_n(&a->vlan_id, __ATOMIC_ACQUIRE);
}

/* enum vionet_on, as it is now. */
static inline ULONG vionet_on(const struct vionet_adapter *a)
{
    return (ULONG)__atomic_load_n(&a->offload.on, __ATOMIC_ACQUIRE);
}

/* enum longshore_feature */
static inline BOOLEAN vionet_has_vendor(const struct vionet_adapter *a, ULONG feature)
{
    return (a->device.vendor_features & 1u << feature) != 0;
}

/* driver.c */
extern NDIS_HANDLE vionet_driver;

/* adapter.c */
MINIPORT_INITIALIZE VionetInitializeEx;
MINIPORT_HALT VionetHaltEx;
MINIPORT_PAUSE VionetPause;
MINIPORT_RESTART VionetRestart;
MINIPORT_SHUTDOWN VionetShutdownEx;
MINIPORT_DEVICE_PNP_EVENT_NOTIFY VionetDevicePnPEventNotify;
MINIPORT_CHECK_FOR_HANG VionetCheckForHangEx;
MINIPORT_RESET VionetResetEx;
void vionet_pause_progress(
    struct vionet_adapter *a); /* completes a pending pause when nothing is outstanding */
NDIS_STATUS vionet_device_start(struct vionet_adapter *a);
void vionet_device_stop(struct vionet_adapter *a, NDIS_STATUS status);

/* interrupt.c */
NDIS_STATUS vionet_interrupt_register(struct vionet_adapter *a);
void vionet_link_refresh(struct vionet_adapter *a, BOOLEAN indicate);
USHORT vionet_vector(const struct vionet_adapter *a, ULONG queue);

/* attributes.c */
NDIS_STATUS vionet_set_attributes(struct vionet_adapter *a);
extern const NDIS_OID vionet_oids[];
extern const ULONG vionet_oids_bytes;
void vionet_read_configuration(struct vionet_adapter *a);
ULONG vionet_mac_options(const struct vionet_adapter *a);

/* pci.c */
NDIS_STATUS vionet_pci_map(struct vionet_adapter *a, const NDIS_RESOURCE_LIST *resources);
void vionet_pci_unmap(struct vionet_adapter *a);
NDIS_STATUS vionet_pci_negotiate(struct vionet_adapter *a);
BOOLEAN vionet_pci_reset(struct vionet_adapter *a);
void vionet_pci_status_add(struct vionet_adapter *a, UCHAR bits);
UCHAR vionet_pci_status(struct vionet_adapter *a);
UCHAR vionet_config_read8(struct vionet_adapter *a, ULONG offset);
USHORT vionet_config_read16(struct vionet_adapter *a, ULONG offset);
void vionet_read_mac(struct vionet_adapter *a, UCHAR mac[6]);
NDIS_STATUS vionet_pci_queue(struct vionet_adapter *a, struct vionet_virtq *q, USHORT vector);
USHORT vionet_pci_queue_size(struct vionet_adapter *a, USHORT index);
BOOLEAN vionet_pci_config_vector(struct vionet_adapter *a, USHORT vector);

/* virtq.c */
NDIS_STATUS vionet_virtq_init(struct vionet_adapter *a, struct vionet_virtq *q, USHORT index,
                              USHORT size_limit);
void vionet_virtq_clear(struct vionet_virtq *q); /* as it is at power on; nothing in flight */
void vionet_virtq_fini(struct vionet_virtq *q);
/* Posts `out` device-readable pieces, then `in` device-writable ones, as one chain; FALSE when
 * there is no room. */
BOOLEAN vionet_virtq_add(struct vionet_virtq *q, const struct vionet_piece *pieces, ULONG out,
                         ULONG in, PVOID cookie);
/* The same as one indirect descriptor over a table that the caller filled. */
BOOLEAN vionet_virtq_add_indirect(struct vionet_virtq *q, ULONG64 table, ULONG count, PVOID cookie);
void vionet_virtq_kick(struct vionet_virtq *q);
/* Next used chain's cookie; NULL when there is none, or the ring is broken. */
PVOID vionet_virtq_get(struct vionet_virtq *q, ULONG *bytes);
/* A chain still in flight, after the device was reset; NULL when none is left. */
PVOID vionet_virtq_take_back(struct vionet_virtq *q);
void vionet_virtq_interrupt_off(struct vionet_virtq *q);
/* Asks for an interrupt at the next used chain; FALSE when one is there already. */
BOOLEAN vionet_virtq_interrupt_on(struct vionet_virtq *q);
/* Asks for one only when about three quarters of what is in flight are used. */
BOOLEAN vionet_virtq_interrupt_late(struct vionet_virtq *q);
BOOLEAN vionet_virtq_used_waiting(const struct vionet_virtq *q);

/* tx.c */
MINIPORT_SEND_NET_BUFFER_LISTS VionetSendNetBufferLists;
MINIPORT_CANCEL_SEND VionetCancelSend;
MINIPORT_PROCESS_SG_LIST VionetProcessSGList;
void vionet_tx_reap(struct vionet_adapter *a); /* DISPATCH_LEVEL: completes what the device has
                                                  sent, sends what waits */
void vionet_tx_open(struct vionet_adapter *a);
void vionet_tx_close(struct vionet_adapter *a,
                     NDIS_STATUS status); /* later sends get status; waiting ones too */
void vionet_tx_abort(struct vionet_adapter *a,
                     NDIS_STATUS status); /* device is reset: everything comes back */

/* tx_memory.c */
NDIS_STATUS vionet_tx_init(struct vionet_adapter *a);
void vionet_tx_fini(struct vionet_adapter *a); /* accepts a half-built one */

/* rx.c */
MINIPORT_RETURN_NET_BUFFER_LISTS VionetReturnNetBufferLists;
NDIS_STATUS vionet_rx_init(struct vionet_adapter *a);
void vionet_rx_fini(struct vionet_adapter *a);
void vionet_rx_fill(struct vionet_adapter *a); /* all buffers at home to a fresh ring */
void vionet_rx_stop(
    struct vionet_adapter *a); /* device is reset: posted buffers are at home, lent ones stay out */
BOOLEAN vionet_rx_reap(struct vionet_adapter *a); /* DISPATCH_LEVEL; TRUE: more is waiting */
void vionet_rx_open(struct vionet_adapter *a, BOOLEAN open);

/* offload.c */
void vionet_offload_init(struct vionet_adapter *a);
void vionet_offload_describe(const struct vionet_adapter *a, BOOLEAN hardware, NDIS_OFFLOAD *out);
NDIS_STATUS vionet_offload_parameters(struct vionet_adapter *a, NDIS_OID_REQUEST *r);
NDIS_STATUS vionet_offload_encapsulation(struct vionet_adapter *a, NDIS_OID_REQUEST *r);
void vionet_offload_update(struct vionet_adapter *a);

/* headers.c */
struct vionet_headers {  /* where a frame's headers lie */
    ULONG ip, transport; /* offsets; transport 0: no known one in sight */
    ULONG end;           /* where the datagram ends by its own length field */
    UCHAR version;       /* 4 or 6; 0: no IP, or its header is cut short */
    UCHAR protocol;
    BOOLEAN fragment, tagged, snap;
};
void vionet_headers_parse(const UCHAR *p, ULONG bytes, struct vionet_headers *h);
/* Copies bytes of the frame from offset on; FALSE when its MDLs hold less or cannot be mapped. */
BOOLEAN vionet_frame_copy(const NET_BUFFER *nb, ULONG offset, PUCHAR to, ULONG bytes);
ULONG vionet_sum(const UCHAR *p, ULONG bytes,
                 ULONG sum); /* one's complement; bytes even but for the last part */
USHORT vionet_fold(ULONG sum);

/* translate.c */
/* Translates the out-of-band info of a send into the virtio header and the private copy of the
 * frame's headers. Other than success: the frame must not be sent, and that is the NBL's status. */
NDIS_STATUS vionet_offload_send(struct vionet_adapter *a, struct vionet_tx_request *t);
/* Makes a part's header out of the template in t->head: virtio's, then the frame's. to may be the
 * template itself, for the last one made. Returns the part's payload; *at: where that begins. */
ULONG vionet_offload_part(const struct vionet_tx_request *t, ULONG part, PUCHAR to, ULONG *at);
/* Writes what a completed large send says: version 1 the payload really sent, version 2 nothing. */
void vionet_offload_completed(NET_BUFFER_LIST *nbl, ULONG payload_sent);
/* The slot value for a received frame whose headers lie at head. */
PVOID vionet_offload_received(const struct vionet_adapter *a, const struct virtio_net_hdr *h,
                              const UCHAR *head, ULONG head_bytes, ULONG frame_bytes);
/* Statistics index of a destination address. */
ULONG vionet_cast(const UCHAR *destination);

/* oid.c */
MINIPORT_OID_REQUEST VionetOidRequest;
MINIPORT_CANCEL_OID_REQUEST VionetCancelOidRequest;
BOOLEAN vionet_filter_wants(const struct vionet_adapter *a, const UCHAR *destination);
ULONG vionet_filters(
    const struct vionet_adapter *a); /* NDIS_PACKET_TYPE_* that the card can serve */

/* ctrl.c */
NDIS_STATUS vionet_ctrl_init(struct vionet_adapter *a);
void vionet_ctrl_fini(struct vionet_adapter *a);
/* Tells the device the packet filter, multicast list and address in force. Devices without those
 * commands deliver everything, and rx.c filters. */
NDIS_STATUS vionet_ctrl_filter(struct vionet_adapter *a);
NDIS_STATUS vionet_ctrl_mac(struct vionet_adapter *a);
