/* SPDX-License-Identifier: MIT */
/* Activation as the overlying protocol goes about it. */
#include "conform/settings.h"
#include "conform/stack.h"

static const unsigned versions[] = {4, 6}, protocols[] = {6, 17};

/* Everything that Linux could want, whatever the protocol told it: a frame without its checksum of
 * each kind, and a large send of each. Each NBL that comes of it is shown. */
static void send_all(struct rig *r,
                     void (*look)(struct rig *r, const struct packet *k, const struct stack_nbl *n))
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
            look(r, &k, &sent->nbl[n]);
        }
    }
}

static void expect_no_request(struct rig *r, const struct packet *k, const struct stack_nbl *n)
{
    struct rig_seen seen = {n->bytes, n->len};
    struct fields f;

    (void)k;
    expect_equal(r, "TcpIpChecksumNetBufferListInfo", n->checksum, 0);
    expect_equal(r, "TcpLargeSendNetBufferListInfo", n->lso, 0);
    expect(r, fields_read(&seen, &f) && f.transport_good, "transport checksum",
           "computed by the protocol", "0x%04x is wrong", f.checksum);
}

/* The driver indicates its configuration once more. */
static void indicate_again(struct rig *r)
{
    NDIS_OFFLOAD_PARAMETERS none = rig_parameters();

    protocol_set(&r->other, OID_TCP_OFFLOAD_PARAMETERS, &none,
                 NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1);
}

/* Also after the next configuration. */
CHECK("ENC-18", no_requests_after_a_failed_set)
{
    static const NDIS_STATUS codes[] = {NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_NOT_SUPPORTED,
                                        NDIS_STATUS_FAILURE, NDIS_STATUS_RESOURCES};

    rig_open(r, &(struct rig_config){.no_bind = true});
    need(r, rig_offers(r), "task offload");
    rig_bind_other(r);
    for (unsigned i = 0; i < ARRAY_LEN(codes); i++) {
        ndis_set_refusal(OID_OFFLOAD_ENCAPSULATION, codes[i]);
        stack_bind(r);
        for (unsigned round = 0; round < 2; round++) {
            send_all(r, expect_no_request);
            about(r, "the set failed with %s", status_name(codes[i]));
            expect_equal(r, "work that the stack may leave undone", stack_flags(r), 0);
            indicate_again(r);
        }
        stack_unbind(r);
    }
}

/* What the NBL asks for is on in the configuration, for Ethernet. */
static void expect_listed(struct rig *r, const struct packet *k, const struct stack_nbl *n)
{
    NDIS_OFFLOAD now = config_now(r);
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO c = {.Value = (void *)n->checksum};
    enum setting transport = k->version == 4 ? k->proto == 6 ? SETTING_TCP4 : SETTING_UDP4
                             : k->proto == 6 ? SETTING_TCP6
                                             : SETTING_UDP6;

    if (c.Transmit.IpHeaderChecksum)
        expect_equal(r, "IpHeaderChecksum asked for, transmit is on",
                     setting_of(&now, SETTING_IP4) & SETTING_TX, SETTING_TX);
    if (c.Transmit.TcpChecksum || c.Transmit.UdpChecksum)
        expect_equal(r, "transport checksum asked for, transmit is on",
                     setting_of(&now, transport) & SETTING_TX, SETTING_TX);
    if (n->lso)
        expect(r,
               k->version == 6 ? setting_of(&now, SETTING_LSO2_6)
                               : setting_of(&now, SETTING_LSO2_4) | setting_of(&now, SETTING_LSO1),
               "large send asked for", "one that is on", "off");
}

/* Nothing is on: there is nothing to activate. With the first setting that comes on, there is. */
CHECK("ENC-19", asks_for_what_is_listed)
{
    NDIS_OFFLOAD hardware;
    unsigned any = 0;

    rig_open(r, &(struct rig_config){.no_bind = true, .keywords = setting_keywords("0")});
    need(r, rig_offers(r), "task offload");
    hardware = config_now(r);
    for (enum setting s = 0; s < SETTINGS; s++)
        need(r, !setting_of(&hardware, s), "keywords that switch offload off");
    stack_bind(r);
    about(r, "nothing is on");
    expect(r, !stack_activation(r), "OID_OFFLOAD_ENCAPSULATION", "not set", "set");
    send_all(r, expect_no_request);
    rig_bind_other(r);
    hardware = config_hardware(r);
    for (enum setting s = 0; s < SETTINGS; s++) {
        unsigned directions = setting_of(&hardware, s);
        NDIS_OFFLOAD_PARAMETERS p = rig_parameters();

        ((UCHAR *)&p)[setting_info[s].field] = (UCHAR)(directions + 1);
        any |= directions;
        if (directions)
            protocol_set(&r->other, OID_TCP_OFFLOAD_PARAMETERS, &p,
                         NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1);
        send_all(r, expect_listed);
    }
    need(r, any, "hardware that keywords leave");
    about(r, "all is on");
    if (expect(r, stack_activation(r) != NULL, "OID_OFFLOAD_ENCAPSULATION", "set", "not set"))
        expect_equal(r, "IPv4.EncapsulationType", stack_activation(r)->IPv4.EncapsulationType,
                     NDIS_ENCAPSULATION_IEEE_802_3);
}

CHECK("ENC-24", never_asked_when_disabled)
{
    rig_open(r, &(struct rig_config){.no_bind = true});
    need(r, rig_offers(r), "task offload");
    stack_disable_offload(r, 1);
    stack_bind(r);
    about(r, "DisableTaskOffload = 1");
    expect(r, stack_running(r), "the binding", "runs", "does not run");
    expect(r, !stack_request(r, 0, OID_OFFLOAD_ENCAPSULATION), "OID_OFFLOAD_ENCAPSULATION",
           "not issued", "issued");
    rig_bind_other(r);
    indicate_again(r);
    about(r, "DisableTaskOffload = 1, after a configuration was indicated");
    expect(r, !stack_request(r, 0, OID_OFFLOAD_ENCAPSULATION), "OID_OFFLOAD_ENCAPSULATION",
           "not issued", "issued");
}
