/* SPDX-License-Identifier: MIT */
/* Frames in, receive checksum results out. */
#include "conform/verdict.h"
#include "conform/rig_int.h"

enum { MARK = 60, PATIENCE = 3 };

unsigned verdict_version(enum verdict_kind kind)
{
    return kind == VERDICT_TCP4 || kind == VERDICT_UDP4 ? 4 : 6;
}

unsigned verdict_proto(enum verdict_kind kind)
{
    return kind == VERDICT_TCP4 || kind == VERDICT_TCP6 ? 6 : 17;
}

const char *verdict_kind_name(enum verdict_kind kind)
{
    static const char *const names[] = {"TCP over IPv4", "UDP over IPv4", "TCP over IPv6",
                                        "UDP over IPv6"};

    return names[kind];
}

unsigned verdict_ok(enum verdict_kind kind)
{
    return verdict_proto(kind) == 6 ? SLOT_TCP_OK : SLOT_UDP_OK;
}

unsigned verdict_bad(enum verdict_kind kind)
{
    return verdict_proto(kind) == 6 ? SLOT_TCP_BAD : SLOT_UDP_BAD;
}

bool verdict_listed(const struct rig *r, enum verdict_kind kind)
{
    NDIS_OFFLOAD now = rig_offload(r).current;
    const NDIS_TCP_IP_CHECKSUM_OFFLOAD *c = &now.Checksum;
    const ULONG listed[] = {c->IPv4Receive.TcpChecksum, c->IPv4Receive.UdpChecksum,
                            c->IPv6Receive.TcpChecksum, c->IPv6Receive.UdpChecksum};

    return listed[kind] == NDIS_OFFLOAD_SUPPORTED;
}

bool verdict_ip_listed(const struct rig *r)
{
    return rig_offload(r).current.Checksum.IPv4Receive.IpChecksum == NDIS_OFFLOAD_SUPPORTED;
}

ULONG verdict_encapsulation(const struct rig *r, enum verdict_kind kind)
{
    NDIS_OFFLOAD now = rig_offload(r).current;

    return verdict_version(kind) == 4 ? now.Checksum.IPv4Receive.Encapsulation
                                      : now.Checksum.IPv6Receive.Encapsulation;
}

void verdict_need(struct rig *r)
{
    bool any = false;

    for (enum verdict_kind kind = 0; kind < VERDICT_KINDS; kind++)
        any |= verdict_listed(r, kind);
    need(r, any, "receive checksum offload");
    need(r, rig_has_wire(r), "a network card below the driver");
}

struct frame_recipe verdict_recipe(const struct rig *r, enum verdict_kind kind, uint32_t payload)
{
    return packet_recipe_in(r, verdict_version(kind), verdict_proto(kind), payload);
}

void verdict_build(const struct rig *r, struct packet *k, enum verdict_kind kind, uint32_t payload)
{
    struct frame_recipe recipe = verdict_recipe(r, kind, payload);

    packet_build(k, &recipe);
}

/* ---- Frames --------------------------------------------------------------------------------- */

/* Broadcast of a local experimental EtherType (IEEE 802), with a number. */
static void send_mark(struct rig *r, uint8_t mark[MARK])
{
    static uint32_t number;

    memset(mark, 0, MARK);
    memset(mark, 0xff, 6);
    memcpy(mark + 6, r->peer, 6);
    memcpy(mark + 12, "\x88\xb5mark", 6);
    number++;
    memcpy(mark + 18, &number, sizeof number);
    rig_wire_write(r, mark, MARK);
}

const struct rig_received *verdict_arrive(struct rig *r, const void *frame, uint32_t len)
{
    const struct rig_received *found = NULL;
    unsigned at = r->main.received_count;
    uint8_t mark[MARK];

    rig_wire_write(r, frame, len);
    send_mark(r, mark);
    for (; rig_wait(r, &r->main.received_count, at + 1, PATIENCE); at++) {
        const struct rig_received *got = &r->main.received[at % RIG_RECORDS];

        if (got->len >= 22 && memcmp(got->data + 12, mark + 12, 10) == 0)
            return found;
        found = got;
    }
    expect(r, false, "frames that arrive", "indicated", "nothing any more for %d s", PATIENCE);
    suite_child_end(r);
}

unsigned verdict_slot(struct rig *r, const void *frame, uint32_t len)
{
    const struct rig_received *got = verdict_arrive(r, frame, len);

    about_bytes(r, frame, len, 0, 0);
    return got ? (unsigned)got->oob[TcpIpChecksumNetBufferListInfo]
               : (unsigned)VERDICT_NOT_INDICATED;
}

unsigned verdict_plain(struct rig *r, enum verdict_kind kind)
{
    static struct packet k;

    verdict_build(r, &k, kind, 333);
    return verdict_slot(r, k.bytes, k.len);
}

/* "TcpChecksumSucceeded IpChecksumSucceeded" */
static void spell(char *out, size_t room, unsigned slot)
{
    static const char *const names[] = {"TcpChecksumFailed",
                                        "UdpChecksumFailed",
                                        "IpChecksumFailed",
                                        "TcpChecksumSucceeded",
                                        "UdpChecksumSucceeded",
                                        "IpChecksumSucceeded",
                                        "Loopback",
                                        "TcpChecksumValueInvalid",
                                        "IpChecksumValueInvalid"};
    size_t at = 0;

    snprintf(out, room, "none");
    for (unsigned i = 0; i < ARRAY_LEN(names) && at < room; i++) {
        if (slot >> i & 1)
            at += (size_t)snprintf(out + at, room - at, "%s%s", at ? " " : "", names[i]);
    }
}

bool expect_slot(struct rig *r, unsigned slot, unsigned bits, unsigned want)
{
    char wanted[200], got[200], among[200], field[80];

    if (slot == (unsigned)VERDICT_NOT_INDICATED)
        return true;
    spell(wanted, sizeof wanted, want & bits);
    spell(got, sizeof got, slot & bits);
    spell(among, sizeof among, bits);
    snprintf(field, sizeof field, "of %.70s", among);
    return expect(r, (slot & bits) == (want & bits), field, wanted, "%s (slot 0x%x)", got, slot);
}
