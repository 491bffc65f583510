/* SPDX-License-Identifier: MIT */
/* Offload configuration in tests of the whole path: requests, the indication that follows, and what
 * received frames are reported as. */
#pragma once

#include "test_path_watch.h"

#define FIELD(f) offsetof(NDIS_OFFLOAD_PARAMETERS, f)

enum {
    PARAMETERS = NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1,
    ENCAPSULATION = NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1
};

static inline NDIS_OFFLOAD current(struct path *p)
{
    NDIS_OFFLOAD o;

    memset(&o, 0, sizeof o);
    assert_int_equal(path_query(p, OID_TCP_OFFLOAD_CURRENT_CONFIG, &o, 112, NULL),
                     NDIS_STATUS_SUCCESS);
    return o;
}

static inline bool same(const NDIS_OFFLOAD *a, const NDIS_OFFLOAD *b)
{
    return memcmp(a, b, 112) == 0;
}

/* One indication of the configuration since `before`, well formed, and equal to what a query gives
 * (ENC-14, PAR-15, CFG-6, 8, 9, 10, 11). */
static inline void assert_indicated(struct path *p, unsigned before)
{
    const struct path_status *s = &p->status[before];
    NDIS_OFFLOAD now = current(p);

    assert_int_equal(p->status_count, before + 1);
    assert_int_equal(s->code, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG);
    assert_int_equal(s->indication.Header.Type, 0x98);
    assert_int_equal(s->indication.Header.Revision, 1);
    assert_int_equal(s->indication.PortNumber, 0);
    assert_int_equal(s->indication.Flags, 0);
    assert_null(s->indication.DestinationHandle);
    assert_null(s->indication.RequestId);
    assert_true(s->bytes >= 112);
    assert_memory_equal(s->buffer, &now, 112);
}

static inline NDIS_OFFLOAD_PARAMETERS parameters(void)
{
    NDIS_OFFLOAD_PARAMETERS o;

    memset(&o, 0, sizeof o);
    o.Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_DEFAULT, 1, PARAMETERS};
    return o;
}

static inline NDIS_OFFLOAD_ENCAPSULATION encapsulation(ULONG four, ULONG six)
{
    NDIS_OFFLOAD_ENCAPSULATION e;

    memset(&e, 0, sizeof e);
    e.Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION, 1, ENCAPSULATION};
    e.IPv4.Enabled = four;
    e.IPv6.Enabled = six;
    e.IPv4.EncapsulationType = e.IPv6.EncapsulationType = NDIS_ENCAPSULATION_IEEE_802_3;
    e.IPv4.HeaderSize = e.IPv6.HeaderSize = 14;
    return e;
}

static inline bool is_value_error(NDIS_STATUS s)
{
    return s == NDIS_STATUS_INVALID_DATA || s == NDIS_STATUS_INVALID_PARAMETER ||
           s == NDIS_STATUS_NOT_SUPPORTED;
}

/* A UDP frame of that family arrives; whether it comes with a good verdict. */
static inline bool verdict(struct path *p, uint8_t version, uint8_t proto)
{
    uint8_t bytes[100] = {1}, frame[300];
    struct frame_recipe r = {.ip_version = version,
                             .l4_proto = proto,
                             .src_ip = {0xfd, 0, 0, 1},
                             .dst_ip = {0xfd, 0, 0, 2},
                             .src_port = 1,
                             .dst_port = 2,
                             .ttl = 64,
                             .tcp_flags = 0x10,
                             .payload = bytes,
                             .payload_len = sizeof bytes};
    unsigned at = p->received_count;
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO i;

    memcpy(r.dst_mac, card_mac, 6);
    memcpy(r.src_mac, peer_mac, 6);
    path_wire_write(p, frame, (uint32_t)frame_build(&r, frame, sizeof frame));
    assert_true(path_wait(p, &p->received_count, at + 1, 2));
    i.Value = (PVOID)p->received[at % PATH_RECORDS].oob[TcpIpChecksumNetBufferListInfo];
    assert_false(i.Receive.TcpChecksumFailed || i.Receive.UdpChecksumFailed ||
                 i.Receive.IpChecksumFailed);
    return proto == 6 ? i.Receive.TcpChecksumSucceeded : i.Receive.UdpChecksumSucceeded;
}
