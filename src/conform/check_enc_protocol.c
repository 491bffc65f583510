/* SPDX-License-Identifier: MIT */
/* Activation as the overlying protocol goes about it. */
#include "conform/stack.h"

static const unsigned versions[] = {4, 6}, protocols[] = {6, 17};

/* Everything that Linux could want, whatever the protocol told it: a frame without its checksum of
 * each kind, and a large send of each. Each NBL that comes of it is shown. */
static void send_all(struct rig *r, void (*look)(struct rig *r, const struct stack_nbl *n))
{
    static struct packet k;

    for (unsigned i = 0; i < 6; i++) {
        bool large = i >= 4;
        struct frame_recipe recipe =
            packet_recipe(r, versions[i % 2], large ? 6 : protocols[i / 2], large ? 4000 : 301);
        struct stack_sent *sent;

        packet_build(&k, &recipe);
        sent = stack_send(r, &k, large ? STACK_LARGE : STACK_CHECKSUM, 1400);
        for (unsigned n = 0; n < sent->count; n++) {
            about(r, "IPv%u %s%s, NBL %u of %u", k.version, k.proto == 6 ? "TCP" : "UDP",
                  large ? " large send" : "", n + 1, sent->count);
            look(r, &sent->nbl[n]);
        }
    }
}

static void expect_no_request(struct rig *r, const struct stack_nbl *n)
{
    struct rig_seen seen = {n->bytes, n->len};
    struct fields f;

    expect_equal(r, "TcpIpChecksumNetBufferListInfo", n->checksum, 0);
    expect_equal(r, "TcpLargeSendNetBufferListInfo", n->lso, 0);
    expect(r, fields_read(&seen, &f) && f.transport_good, "transport checksum",
           "computed by the protocol", "0x%04x is wrong", f.checksum);
}

CHECK("ENC-18", no_requests_after_a_failed_set)
{
    static const NDIS_STATUS codes[] = {NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_NOT_SUPPORTED,
                                        NDIS_STATUS_FAILURE, NDIS_STATUS_RESOURCES};

    rig_open(r, &(struct rig_config){.no_bind = true});
    need(r, rig_offload(r).present, "task offload");
    for (unsigned i = 0; i < ARRAY_LEN(codes); i++) {
        ndis_set_refusal(OID_OFFLOAD_ENCAPSULATION, codes[i]);
        stack_bind(r);
        send_all(r, expect_no_request);
        stack_unbind(r);
    }
}
