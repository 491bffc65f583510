/* SPDX-License-Identifier: MIT */
/* What the overlying protocol makes of receive checksum results. */
#include "conform/stack.h"
#include "conform/verdict.h"

enum { SOON = 2 };

/* What becomes of a frame: its slot, and whether Linux got it, and got it as verified. */
struct passed {
    unsigned slot;
    bool came, verified;
};

/* Behind it goes one of another length that nobody judges: what comes first tells. */
static struct passed pass(struct rig *r, const struct packet *k)
{
    static const uint8_t fence[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,
                                      0,    0,    0,    0,    2,    0x88, 0xb6};
    unsigned indicated = stack_indicated(r), next = stack_frames(r);
    const struct stack_frame *f;
    struct passed p = {0};

    rig_wire_write(r, k->bytes, k->len);
    rig_wire_write(r, fence, sizeof fence);
    f = stack_frame_at(r, next, SOON);
    if (f && f->len == k->len) {
        p.came = true;
        p.verified = f->offload.flags & FRAME_CSUM_VALID;
        f = stack_frame_at(r, next + 1, SOON);
    }
    if (!f)
        cannot(r, "nothing reaches Linux any more");
    p.slot = (unsigned)stack_slot(r, indicated);
    return p;
}

/* Trusted when marked as succeeded, gone or left to Linux when failed, left to Linux when neither.
 */
static void expect_use(struct rig *r, const struct packet *k)
{
    struct passed p = pass(r, k);
    unsigned ok = k->proto == 6 ? SLOT_TCP_OK : SLOT_UDP_OK;
    unsigned bad = k->proto == 6 ? SLOT_TCP_BAD : SLOT_UDP_BAD;

    about_bytes(r, k->bytes, k->len, 0, 0);
    if (p.slot & bad)
        expect(r, !p.came || !p.verified, "a frame marked as failed", "dropped or checked again",
               "handed up as verified");
    else
        expect(r, p.came, "a frame not marked as failed", "handed up", "dropped");
    if (p.slot & ok && !(p.slot & bad))
        expect(r, p.verified, "a frame marked as succeeded", "handed up as verified",
               "to be checked again");
    if (!(p.slot & (ok | bad)))
        expect(r, !p.came || !p.verified, "a frame not judged", "to be checked by the stack",
               "handed up as verified");
}

static void use_of(struct rig *r, enum verdict_kind kind, const char *when)
{
    static struct packet k;

    verdict_build(r, &k, kind, 333);
    about(r, "%s, right, %s", verdict_kind_name(kind), when);
    expect_use(r, &k);
    k.bytes[k.len - 1] ^= 1;
    about(r, "%s, wrong, %s", verdict_kind_name(kind), when);
    expect_use(r, &k);
    if (k.proto != 17 || k.version != 4)
        return;
    verdict_build(r, &k, kind, 333);
    naive_put(packet_checksum_field(&k), 2, 0);
    about(r, "%s, checksum field 0, %s", verdict_kind_name(kind), when);
    expect_use(r, &k);
}

CHECK("RXC-22", use_of_results)
{
    rig_open(r, &(struct rig_config){.no_bind = true});
    verdict_need(r);
    stack_bind(r);
    for (enum verdict_kind kind = 0; kind < VERDICT_KINDS; kind++)
        use_of(r, kind, "validation on");
    stack_unbind(r);
    stack_disable_offload(r, 1); /* no encapsulation set, so no result */
    stack_bind(r);
    for (enum verdict_kind kind = 0; kind < VERDICT_KINDS; kind++)
        use_of(r, kind, "validation never set on");
}
