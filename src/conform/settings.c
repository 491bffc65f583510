/* SPDX-License-Identifier: MIT */
/* Offload settings: what is configured, changing it, and whether it works. */
#include "conform/settings.h"

#include "conform/large.h"

enum { TCP_BITS = 0x09, UDP_BITS = 0x12, IP_BITS = 0x24, SUCCEEDED = 0x38, QUIET_MS = 30 };

const struct setting_info setting_info[SETTINGS] = {
#define FIELD(f) offsetof(NDIS_OFFLOAD_PARAMETERS, f)
    {"IPv4 checksum", "*IPChecksumOffloadIPv4", FIELD(IPv4Checksum), 4, 6, false, IP_BITS},
    {"TCP/IPv4 checksum", "*TCPChecksumOffloadIPv4", FIELD(TCPIPv4Checksum), 4, 6, false, TCP_BITS},
    {"UDP/IPv4 checksum", "*UDPChecksumOffloadIPv4", FIELD(UDPIPv4Checksum), 4, 17, false,
     UDP_BITS},
    {"TCP/IPv6 checksum", "*TCPChecksumOffloadIPv6", FIELD(TCPIPv6Checksum), 6, 6, false, TCP_BITS},
    {"UDP/IPv6 checksum", "*UDPChecksumOffloadIPv6", FIELD(UDPIPv6Checksum), 6, 17, false,
     UDP_BITS},
    {"LSOv1", "*LsoV1IPv4", FIELD(LsoV1), 4, 6, true, 0},
    {"LSOv2 IPv4", "*LsoV2IPv4", FIELD(LsoV2IPv4), 4, 6, true, 0},
    {"LSOv2 IPv6", "*LsoV2IPv6", FIELD(LsoV2IPv6), 6, 6, true, 0},
#undef FIELD
};

/* ---- Configurations ------------------------------------------------------------------------- */

/* Each member of revision 1 but IPsec's, with the setting that governs it and its direction. */
#define MEMBERS(X)                                                                                 \
    X(Checksum.IPv4Transmit, IpChecksum, SETTING_IP4, SETTING_TX)                                  \
    X(Checksum.IPv4Transmit, IpOptionsSupported, SETTING_IP4, SETTING_TX)                          \
    X(Checksum.IPv4Transmit, TcpChecksum, SETTING_TCP4, SETTING_TX)                                \
    X(Checksum.IPv4Transmit, TcpOptionsSupported, SETTING_TCP4, SETTING_TX)                        \
    X(Checksum.IPv4Transmit, UdpChecksum, SETTING_UDP4, SETTING_TX)                                \
    X(Checksum.IPv4Receive, IpChecksum, SETTING_IP4, SETTING_RX)                                   \
    X(Checksum.IPv4Receive, IpOptionsSupported, SETTING_IP4, SETTING_RX)                           \
    X(Checksum.IPv4Receive, TcpChecksum, SETTING_TCP4, SETTING_RX)                                 \
    X(Checksum.IPv4Receive, TcpOptionsSupported, SETTING_TCP4, SETTING_RX)                         \
    X(Checksum.IPv4Receive, UdpChecksum, SETTING_UDP4, SETTING_RX)                                 \
    X(Checksum.IPv6Transmit, TcpChecksum, SETTING_TCP6, SETTING_TX)                                \
    X(Checksum.IPv6Transmit, TcpOptionsSupported, SETTING_TCP6, SETTING_TX)                        \
    X(Checksum.IPv6Transmit, IpExtensionHeadersSupported, SETTING_TCP6, SETTING_TX)                \
    X(Checksum.IPv6Transmit, UdpChecksum, SETTING_UDP6, SETTING_TX)                                \
    X(Checksum.IPv6Receive, TcpChecksum, SETTING_TCP6, SETTING_RX)                                 \
    X(Checksum.IPv6Receive, TcpOptionsSupported, SETTING_TCP6, SETTING_RX)                         \
    X(Checksum.IPv6Receive, IpExtensionHeadersSupported, SETTING_TCP6, SETTING_RX)                 \
    X(Checksum.IPv6Receive, UdpChecksum, SETTING_UDP6, SETTING_RX)                                 \
    X(LsoV1.IPv4, TcpOptions, SETTING_LSO1, SETTING_TX)                                            \
    X(LsoV1.IPv4, IpOptions, SETTING_LSO1, SETTING_TX)                                             \
    X(LsoV2.IPv6, IpExtensionHeadersSupported, SETTING_LSO2_6, SETTING_TX)                         \
    X(LsoV2.IPv6, TcpOptionsSupported, SETTING_LSO2_6, SETTING_TX)

/* As the driver has it, but with 0 for every off. */
static NDIS_OFFLOAD plain(const NDIS_OFFLOAD *from)
{
    NDIS_OFFLOAD o = *from;

#define PLAIN(part, member, setting, direction)                                                    \
    o.part.member = o.part.member == NDIS_OFFLOAD_SUPPORTED;
    MEMBERS(PLAIN)
#undef PLAIN
    return o;
}

NDIS_OFFLOAD config_now(const struct rig *r)
{
    struct ndis_offload_state s = rig_offload(r);

    return plain(&s.current);
}

NDIS_OFFLOAD config_hardware(const struct rig *r)
{
    struct ndis_offload_state s = rig_offload(r);

    return plain(&s.hardware);
}

unsigned setting_of(const NDIS_OFFLOAD *o, enum setting s)
{
    const NDIS_TCP_IP_CHECKSUM_OFFLOAD *c = &o->Checksum;
    unsigned tx, rx = 0;

    switch (s) {
    case SETTING_IP4:
        tx = c->IPv4Transmit.IpChecksum, rx = c->IPv4Receive.IpChecksum;
        break;
    case SETTING_TCP4:
        tx = c->IPv4Transmit.TcpChecksum, rx = c->IPv4Receive.TcpChecksum;
        break;
    case SETTING_UDP4:
        tx = c->IPv4Transmit.UdpChecksum, rx = c->IPv4Receive.UdpChecksum;
        break;
    case SETTING_TCP6:
        tx = c->IPv6Transmit.TcpChecksum, rx = c->IPv6Receive.TcpChecksum;
        break;
    case SETTING_UDP6:
        tx = c->IPv6Transmit.UdpChecksum, rx = c->IPv6Receive.UdpChecksum;
        break;
    case SETTING_LSO1:
        return o->LsoV1.IPv4.Encapsulation ? SETTING_TX : 0;
    case SETTING_LSO2_4:
        return o->LsoV2.IPv4.Encapsulation ? SETTING_TX : 0;
    default:
        return o->LsoV2.IPv6.Encapsulation ? SETTING_TX : 0;
    }
    return (tx == NDIS_OFFLOAD_SUPPORTED ? SETTING_TX : 0) |
           (rx == NDIS_OFFLOAD_SUPPORTED ? SETTING_RX : 0);
}

void setting_apply(NDIS_OFFLOAD *o, const NDIS_OFFLOAD *hardware, enum setting s,
                   unsigned directions)
{
    static const NDIS_OFFLOAD none;
    const NDIS_OFFLOAD *from = directions & SETTING_TX ? hardware : &none;
    unsigned tx4 = 0, rx4 = 0, tx6 = 0, rx6 = 0;

    if (s == SETTING_LSO1)
        o->LsoV1 = from->LsoV1;
    if (s == SETTING_LSO2_4)
        o->LsoV2.IPv4 = from->LsoV2.IPv4;
    if (s == SETTING_LSO2_6)
        o->LsoV2.IPv6 = from->LsoV2.IPv6;
    if (setting_info[s].large)
        return;
#define APPLY(part, member, setting, direction)                                                    \
    if (s == (setting))                                                                            \
        o->part.member = directions & (direction) ? hardware->part.member : 0;
    MEMBERS(APPLY)
#undef APPLY
    for (enum setting i = SETTING_IP4; i <= SETTING_UDP6; i++) {
        unsigned on = setting_of(o, i);

        *(i < SETTING_TCP6 ? &tx4 : &tx6) |= on & SETTING_TX;
        *(i < SETTING_TCP6 ? &rx4 : &rx6) |= on & SETTING_RX;
    }
#define ENCAPSULATION(part, any)                                                                   \
    o->Checksum.part.Encapsulation = (any) ? hardware->Checksum.part.Encapsulation : 0;
    ENCAPSULATION(IPv4Transmit, tx4)
    ENCAPSULATION(IPv4Receive, rx4)
    ENCAPSULATION(IPv6Transmit, tx6)
    ENCAPSULATION(IPv6Receive, rx6)
#undef ENCAPSULATION
}

const char *config_difference(const NDIS_OFFLOAD *a, const NDIS_OFFLOAD *b)
{
    NDIS_OFFLOAD x = plain(a), y = plain(b);

#define SAME(path)                                                                                 \
    if (x.path != y.path)                                                                          \
        return #path;
#define MEMBER(part, member, setting, direction) SAME(part.member)
    SAME(Checksum.IPv4Transmit.Encapsulation)
    SAME(Checksum.IPv4Receive.Encapsulation)
    SAME(Checksum.IPv6Transmit.Encapsulation)
    SAME(Checksum.IPv6Receive.Encapsulation)
    MEMBERS(MEMBER)
    SAME(LsoV1.IPv4.Encapsulation)
    SAME(LsoV1.IPv4.MaxOffLoadSize)
    SAME(LsoV1.IPv4.MinSegmentCount)
    SAME(LsoV2.IPv4.Encapsulation)
    SAME(LsoV2.IPv4.MaxOffLoadSize)
    SAME(LsoV2.IPv4.MinSegmentCount)
    SAME(LsoV2.IPv6.Encapsulation)
    SAME(LsoV2.IPv6.MaxOffLoadSize)
    SAME(LsoV2.IPv6.MinSegmentCount)
#undef MEMBER
#undef SAME
    return memcmp(&x.IPsecV1, &y.IPsecV1, sizeof x.IPsecV1) == 0 ? NULL : "IPsecV1";
}

bool expect_config(struct rig *r, const char *what, const NDIS_OFFLOAD *got,
                   const NDIS_OFFLOAD *want)
{
    const char *member = config_difference(got, want);

    return expect(r, !member, what, "as it should be", "%s differs", member);
}

/* ---- Requests ------------------------------------------------------------------------------- */

void setting_set(struct rig *r, enum setting s, unsigned directions)
{
    NDIS_STATUS status = rig_parameter(r, setting_info[s].field, (UCHAR)(directions + 1));

    if (status != NDIS_STATUS_SUCCESS)
        cannot(r, "%s cannot be set to %u: %s", setting_info[s].name, directions + 1,
               status_name(status));
}

char setting_stored(const struct rig *r, enum setting s)
{
    char text[8] = "";

    return reg_get(r->key, setting_info[s].keyword, NULL, text, sizeof text) > 0 ? text[0] : '\0';
}

const char *const *setting_keywords(const char *value)
{
    static const char *words[2 * SETTINGS + 1];

    for (unsigned s = 0; s < SETTINGS; s++) {
        words[2 * s] = setting_info[s].keyword;
        words[2 * s + 1] = value;
    }
    return words;
}

static NDIS_STATUS set_block(struct rig *r, NDIS_OID oid, const void *block, ULONG bytes,
                             NDIS_OID_REQUEST *q)
{
    NDIS_OID_REQUEST own;
    NDIS_OID_REQUEST *use = q ? q : &own;

    *use = rig_request(NdisRequestSetInformation, oid, (void *)(uintptr_t)block, bytes);
    return rig_issue(r, use);
}

NDIS_STATUS set_encapsulation(struct rig *r, const NDIS_OFFLOAD_ENCAPSULATION *e, ULONG bytes,
                              NDIS_OID_REQUEST *q)
{
    return set_block(r, OID_OFFLOAD_ENCAPSULATION, e, bytes, q);
}

NDIS_STATUS set_parameters(struct rig *r, const NDIS_OFFLOAD_PARAMETERS *p, ULONG bytes,
                           NDIS_OID_REQUEST *q)
{
    return set_block(r, OID_TCP_OFFLOAD_PARAMETERS, p, bytes, q);
}

void expect_no_indication(struct rig *r, unsigned from)
{
    rig_indicated(r, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, from, QUIET_MS * 1e-3);
    expect_equal(r, "indications of a configuration",
                 rig_indications(r, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, from), 0);
}

/* ---- What works ----------------------------------------------------------------------------- */

unsigned arrived_slot(struct rig *r, unsigned version, unsigned proto)
{
    static struct packet k;
    struct frame_recipe recipe = packet_recipe_in(r, version, proto, 333);
    const struct rig_received *d;

    packet_build(&k, &recipe);
    d = rig_arrive(r, k.bytes, k.len);
    if (!d)
        cannot(r, "a frame that arrived was not indicated");
    return d->oob[TcpIpChecksumNetBufferListInfo] & 0x3f;
}

bool setting_judges(struct rig *r, enum setting s)
{
    const struct setting_info *i = &setting_info[s];

    return (arrived_slot(r, i->version, i->proto) & i->verdict) == (i->verdict & SUCCEEDED);
}

/* The frame that left has the checksum that was asked for, right. */
static enum sent judge_sent(const struct outcome *o, enum setting s, const struct rig_seen *seen,
                            unsigned count)
{
    struct fields f;

    if (!o->back || (count == 0 && o->status != NDIS_STATUS_SUCCESS))
        return SENT_NOT;
    if (count != 1 || !fields_read(seen, &f))
        return SENT_WRONG;
    return (s == SETTING_IP4 ? f.ip_good : f.transport_good) ? SENT_RIGHT : SENT_WRONG;
}

enum sent setting_sends(struct rig *r, enum setting s, const struct ask *how)
{
    static struct packet k;
    const struct setting_info *i = &setting_info[s];
    struct frame_recipe recipe = packet_recipe(r, i->version, i->proto, 333);
    unsigned what = s == SETTING_IP4 ? ASK_IP : i->proto == 6 ? ASK_TCP : ASK_UDP, count;
    struct ask a = how ? *how : (struct ask){0};
    struct rig_seen seen[4];
    struct outcome o;

    packet_build(&k, &recipe);
    packet_unfinish(&k);
    packet_finish(&k, what == ASK_IP ? ASK_TCP | ASK_UDP : ASK_IP);
    a.checksum = ask_checksum(&k, what);
    o = packet_send(r, &k, &a);
    count = rig_wire_drain(r, seen, ARRAY_LEN(seen));
    return judge_sent(&o, s, seen, count);
}

bool expect_sent_right(struct rig *r, enum setting s, const struct ask *how)
{
    static const char *const words[] = {"right", "wrong", "no frame"};
    enum sent sent = setting_sends(r, s, how);

    return expect(r, sent == SENT_RIGHT, "checksum on the wire", "right", "%s", words[sent]);
}

struct cuts setting_cuts(struct rig *r, enum setting s)
{
    static struct packet k;
    enum large_kind kind = s == SETTING_LSO1     ? LARGE_V1
                           : s == SETTING_LSO2_4 ? LARGE_V2_IP4
                                                 : LARGE_V2_IP6;
    struct frame_recipe recipe = large_recipe(r, kind, 3001);
    struct cuts c = {.fit = true, .summed = true};
    unsigned before = r->main.completed_count;
    struct rig_seen seen[16];
    struct ask a = {0};

    large_build(&k, kind, &recipe);
    a.lso = large_ask(&k, kind, 1000);
    c.status = packet_send(r, &k, &a).status;
    c.frames = rig_wire_drain(r, seen, ARRAY_LEN(seen));
    c.completions = r->main.completed_count - before - 1; /* the drain's mark is one */
    for (unsigned i = 0; i < c.frames; i++) {
        struct fields f;
        bool read = fields_read(&seen[i], &f);

        c.fit &= read && f.end - f.payload <= 1000;
        c.summed &= read && f.transport_good && (f.version == 6 || f.ip_good);
    }
    return c;
}

void expect_working(struct rig *r, const NDIS_OFFLOAD *o)
{
    for (enum setting s = 0; s < SETTINGS; s++) {
        unsigned on = setting_of(o, s);

        about(r, "%s", setting_info[s].name);
        if (setting_info[s].large) {
            if (on)
                expect_equal(r, "frames of a large send of 3001 bytes, MSS 1000",
                             setting_cuts(r, s).frames, 4);
            continue;
        }
        if (on & SETTING_TX)
            expect_sent_right(r, s, NULL);
        expect_equal(r, "received frames are judged", setting_judges(r, s), (on & SETTING_RX) != 0);
    }
}
