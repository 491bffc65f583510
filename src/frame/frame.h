/* SPDX-License-Identifier: MIT */
/*
 * Ethernet frames outside NDIS: parse, checksum, segment, copy. Pure functions over bytes; no
 * state, no allocation, no libc beyond memory copies. Multi-byte fields on the wire are big endian;
 * every argument is in host order.
 *
 * A frame is a list of spans and an offload request. The request says what the layer that owns the
 * hardware still has to do (or, on receive, what it has already found out), in terms that no single
 * interface owns: port/ translates it from and to Linux's virtio_net_hdr, nic/ from and to the
 * virtio one, tcpip/ from and to NDIS out-of-band info.
 *
 * Nothing here trusts a length: offsets come from frame_parse(), which has compared each with the
 * bytes at hand.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frame_span {
    uint8_t *data;
    uint32_t len;
};

enum { FRAME_ETH_LEN = 14, FRAME_MIN_LEN = 60, FRAME_MAX_HEADERS = 256 };

/* ---- Offload request ------------------------------------------------------------------------ */

enum frame_gso {
    FRAME_GSO_NONE,
    FRAME_GSO_TCP4, /* cut into TCP/IPv4 segments */
    FRAME_GSO_TCP6, /* cut into TCP/IPv6 segments */
};

enum frame_offload_flag {
    FRAME_CSUM_NEEDED = 1 << 0, /* fold the sum of [csum_start, end) into csum_start + csum_offset,
                                   whose field holds the pseudo-header sum */
    FRAME_CSUM_VALID = 1 << 1,  /* receive: the transport checksum was verified and is right */
    FRAME_CSUM_BAD = 1 << 2,    /* receive: verified and wrong */
    FRAME_IPCSUM_NEEDED = 1 << 3, /* compute the IPv4 header checksum */
    FRAME_IPCSUM_VALID = 1 << 4,  /* receive: verified and right */
    FRAME_IPCSUM_BAD = 1 << 5,    /* receive: verified and wrong */
    FRAME_GSO_ECN = 1 << 6,       /* the large send carries CWR: first segment only */
};

struct frame_offload {
    uint16_t flags; /* enum frame_offload_flag */
    uint8_t gso;    /* enum frame_gso */
    uint8_t reserved;
    uint16_t mss; /* TCP payload bytes per segment; used when gso != NONE */
    uint16_t csum_start, csum_offset;
    uint16_t header_len; /* hint: bytes up to the payload; never trusted */
};

struct frame {
    const struct frame_span *spans;
    uint32_t span_count;
    uint32_t len; /* sum of the spans */
    struct frame_offload offload;
};

/* ---- Parse (parse.c) ------------------------------------------------------------------------ */

enum frame_layer_flag {
    FRAME_HAS_VLAN = 1 << 0,       /* one or more 802.1Q/802.1ad tags in the bytes */
    FRAME_HAS_SNAP = 1 << 1,       /* 802.3 length + LLC/SNAP */
    FRAME_IS_FRAGMENT = 1 << 2,    /* MF set or offset non-zero: no transport layer is reported */
    FRAME_HAS_IP_OPTIONS = 1 << 3, /* IPv4 options, or IPv6 extension headers */
    FRAME_HAS_TCP_OPTIONS = 1 << 4,
    FRAME_HAS_ROUTE = 1 << 5,  /* IPv6 routing header with segments left: the destination address is
                                  not the final one */
    FRAME_HEAD_SHORT = 1 << 6, /* the parse ended because head (or FRAME_MAX_HEADERS) did, not
                                  because the frame did */
};

/*
 * Offsets count from the frame's first byte. A layer that is absent or malformed has offset 0 and
 * ends the parse.
 *
 * An IP header whose length contradicts the frame is still reported (l3_offset, ip_version,
 * ip_len), with ip_end 0 and no transport layer. In FRAME_LARGE_TEMPLATE mode IP, UDP and 802.3
 * lengths are not looked at: ip_end is the frame's end. IPv6: hop-by-hop, routing, destination
 * options and an atomic fragment header are walked; any other header is the transport.
 */
struct frame_layers {
    uint16_t flags;
    uint16_t ether_type;     /* after tags and SNAP; 0 for 802.3 without SNAP */
    uint16_t vlan_tci;       /* outermost tag */
    uint16_t l2_len;         /* bytes before the network header */
    uint16_t l3_offset;      /* network header, or 0 */
    uint16_t l4_offset;      /* transport header, or 0 */
    uint16_t payload_offset; /* first byte after the TCP or UDP header, or 0 */
    uint8_t ip_version;      /* 4, 6 or 0 */
    uint8_t l4_proto; /* 6 TCP, 17 UDP, others as found (headers unread); 0 when l4_offset is 0 */
    uint32_t ip_len;  /* whole IP datagram by its own header (total length; IPv6: 40 + payload
                         length). 0 in a large send template means: to the end of the frame */
    uint32_t ip_end; /* l3_offset + ip_len when that is inside the frame, else 0; the frame's end in
                        a large send template */
};

/* FRAME_LARGE_TEMPLATE: accept IP length 0 or shorter than the frame, as large-send templates have
 * it. */
enum frame_parse_mode { FRAME_STRICT, FRAME_LARGE_TEMPLATE };

/*
 * Reads the headers of a frame of frame_len bytes, of which the first head_len are at head (at most
 * FRAME_MAX_HEADERS are looked at). Never fails: what cannot be read is absent in *out. Work is
 * bounded by FRAME_MAX_HEADERS.
 */
void frame_parse(const uint8_t *head, size_t head_len, size_t frame_len, enum frame_parse_mode mode,
                 struct frame_layers *out);

/* Copies up to len bytes from offset out of the spans; returns how many there were. */
size_t frame_pull(const struct frame *f, size_t offset, void *dst, size_t len);

/* ---- Checksum (checksum.c, checksum_x86.c) -------------------------------------------------- */

/* One's complement sums are kept as 64-bit accumulators of 16-bit big-endian words; fold at the
 * end. Chaining pieces of odd length is the caller's business: use frame_sum_at() with the running
 * byte position. */
uint64_t frame_sum(const void *data, size_t len, uint64_t seed);
/* Like frame_sum for a piece that starts at an odd or even byte position of the summed stream. */
uint64_t frame_sum_at(const void *data, size_t len, size_t position, uint64_t seed);
/* Copies and sums in one pass. dst and src do not overlap. */
uint64_t frame_sum_copy(void *dst, const void *src, size_t len, uint64_t seed);
/* Sum of [offset, offset+len) of a frame's spans. len is inside the frame. */
uint64_t frame_sum_spans(const struct frame *f, size_t offset, size_t len, uint64_t seed);

static inline uint16_t frame_fold(uint64_t sum)
{
    sum = (sum & 0xffffffffu) + (sum >> 32);
    sum = (sum & 0xffffffffu) + (sum >> 32);
    sum = (sum & 0xffffu) + (sum >> 16);
    sum = (sum & 0xffffu) + (sum >> 16);
    sum = (sum & 0xffffu) + (sum >> 16);
    return (uint16_t)sum;
}

/* Pseudo-header sum (RFC 793, 8200) for the IP header at l3; transport_len 0 gives the large-send
 * seed. For IPv6 the final destination is the header's destination address (a routing header with
 * segments left is the caller's to refuse). */
uint64_t frame_pseudo_sum(const uint8_t *l3, uint8_t ip_version, uint8_t proto,
                          uint32_t transport_len);

/* Implementations chosen at run time: "scalar", "sse2", "avx2", "avx512" as far as this CPU has
 * them. NULL name: the best. Returns the name in force, or NULL for a name that this CPU lacks
 * (nothing changes). */
const char *frame_sum_tier(const char *name);

enum frame_verdict {
    FRAME_UNJUDGED, /* nothing to judge: fragment, other protocol, truncated, UDP checksum 0 */
    FRAME_GOOD,
    FRAME_WRONG,
};

/* Receive checks over a whole frame, given its layers (FRAME_STRICT). Not judged: datagrams longer
 * than their frame, fragments, routing headers with segments left, UDP without checksum (IPv6 too:
 * forbidden there, but that is the stack's to say). Mobile IPv6's home address option is not looked
 * at: such a datagram counts as wrong. */
enum frame_verdict frame_check_ip(const struct frame *f, const struct frame_layers *l);
enum frame_verdict frame_check_transport(const struct frame *f, const struct frame_layers *l);

/* Finishes FRAME_CSUM_NEEDED / FRAME_IPCSUM_NEEDED of a non-GSO frame whose first `head_len` bytes
 * are writable at `head` (a private copy of the start of the frame); both checksum fields lie
 * inside them. Returns false, changing nothing, when csum_start/csum_offset do not fit the frame,
 * or IPCSUM is asked for what is not IPv4. The summed range ends with the datagram when layers put
 * the transport header at csum_start (padding does not count), else with the frame. A UDP sum of 0
 * becomes 0xffff when layers say UDP. Flags stay as they are. */
bool frame_finish_checksums(const struct frame *f, const struct frame_layers *l, uint8_t *head,
                            size_t head_len);

/* ---- Segment (segment.c) -------------------------------------------------------------------- */

enum frame_segment_error {
    FRAME_SEGMENT_OK = 0,
    FRAME_SEGMENT_NOT_TCP, /* template is not TCP over the IP version asked for, or its headers are
                              malformed */
    FRAME_SEGMENT_MSS_ZERO,
    FRAME_SEGMENT_FRAGMENT, /* template is an IP fragment */
    FRAME_SEGMENT_FLAGS,    /* SYN, RST or URG set */
    FRAME_SEGMENT_HEADERS,  /* headers longer than FRAME_MAX_HEADERS, or an MSS so large that a
                               segment's IP (or 802.3) length  cannot be written down */
};

/* How IPv4 Identification counts: the LSO page's 15 bits (0x7fff wraps to 0, top bit cleared), or
 * 16 bits. */
enum frame_id_mode { FRAME_ID_15BIT, FRAME_ID_16BIT };

/* One large send being cut. Without payload it is one segment: the header alone. Filled by _begin;
 * the caller looks only at segment_count, header_len and next. The frame's spans must outlive it.
 */
struct frame_segmenter {
    struct frame frame;
    struct frame_layers layers;
    uint32_t header_len, payload_len, mss, segment_count, next;
    enum frame_id_mode id_mode;
    uint32_t span, span_offset;              /* where the next payload byte is */
    uint64_t pseudo_sum, header_sum, ip_sum; /* of the parts that are equal in each segment */
    uint8_t header[FRAME_MAX_HEADERS];
};

enum frame_segment_error frame_segment_begin(struct frame_segmenter *s, const struct frame *f,
                                             enum frame_id_mode id_mode);

/*
 * Next segment: writes its header bytes (header_len of them, all checksums done) to `header`, and
 * points out[0..] at [header, payload pieces] without copying payload. Returns the number of spans
 * used, 0 when done, or -1 if more than out_max pieces would be needed (nothing consumed; use
 * frame_segment_next_copy).
 */
int frame_segment_next(struct frame_segmenter *s, uint8_t *header, struct frame_span *out,
                       uint32_t out_max, uint32_t *len);

/* Same, but writes the whole segment to dst (header_len + mss bytes suffice), copying and summing
 * payload in one pass. Returns its length, 0 when done. */
uint32_t frame_segment_next_copy(struct frame_segmenter *s, uint8_t *dst);

/* ---- Build (build.c): frames for tests and probes ------------------------------------------- */

struct frame_recipe {
    uint8_t dst_mac[6], src_mac[6];
    uint16_t vlan_tci; /* used when vlan */
    bool vlan, snap;
    uint8_t ip_version; /* 4 or 6 */
    uint8_t l4_proto;   /* 6 or 17 */
    uint8_t src_ip[16], dst_ip[16];
    uint16_t src_port, dst_port, ip_id;
    uint8_t tos, ttl, tcp_flags;
    uint32_t seq, ack;
    uint16_t window;
    const uint8_t *ip_options; /* IPv4 options (multiple of 4), or IPv6 extension headers ready made
                                  (multiple of 8; first header's type in ip_options_proto, last
                                  one's next header filled in by build) */
    uint8_t ip_options_len, ip_options_proto;
    const uint8_t *tcp_options; /* multiple of 4 */
    uint8_t tcp_options_len;
    const uint8_t *payload;
    uint32_t payload_len;
    bool large_send; /* a TCP template as NDIS hands it down for LSO version 2: IP (and 802.3)
                        length 0, IPv4 checksum 0, TCP checksum field: pseudo-header sum without
                        length. Payload of any length */
};

/* Writes the frame with right lengths and checksums, DF set, no padding to 60 bytes; returns its
 * length, or 0 if it does not fit in size or the recipe contradicts itself. */
size_t frame_build(const struct frame_recipe *r, uint8_t *dst, size_t size);
