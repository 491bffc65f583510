/* SPDX-License-Identifier: MIT */
/* What the overlying protocol can get wrong about values in the registry, and about results. */
#include "slot.h"

/* ---- What it asks for ----------------------------------------------------------------------- */

static bool registry_has(const char *key, const char *name, uint32_t want)
{
    struct reg_key *k = registry_system() ? registry_open(registry_system(), key, false) : NULL;
    uint32_t v;

    return k && reg_get(k, name, NULL, &v, sizeof v) == sizeof v && v == want;
}

static const char tcpip_key[] =
    "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters";

static enum tcpip_request asks_all(struct tcpip *t, const struct tcpip_offers *offers,
                                   struct tcpip_slot *s, const struct frame *f)
{
    struct tcpip_offers all = tcpip_offers_of(&t->current);

    return tcpip_ask(t, registry_has(tcpip_key, "DisableTaskOffload", 1) ? &all : offers, s, f);
}
FAULT("KEY-24", key_disable_ignored, "the protocol does not obey DisableTaskOffload",
      .ask = asks_all);

static enum tcpip_request asks_nothing(struct tcpip *t, const struct tcpip_offers *offers,
                                       struct tcpip_slot *s, const struct frame *f)
{
    static const struct tcpip_offers none;

    return tcpip_ask(t, registry_has(tcpip_key, "DisableTaskOffload", 0) ? &none : offers, s, f);
}
FAULT("KEY-24", key_disable_by_0, "DisableTaskOffload = 0 stops offload, too", .ask = asks_nothing);

static enum tcpip_request stops_with_ipsec(struct tcpip *t, const struct tcpip_offers *offers,
                                           struct tcpip_slot *s, const struct frame *f)
{
    static const struct tcpip_offers none;
    static const char key[] = "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Ipsec";

    return tcpip_ask(t, registry_has(key, "EnabledOffload", 0) ? &none : offers, s, f);
}
FAULT("KEY-25", key_ipsec_stops_all, "EnabledOffload = 0 of the Ipsec service stops all offload",
      .ask = stops_with_ipsec);

static enum tcpip_request version_1(struct tcpip *t, const struct tcpip_offers *offers,
                                    struct tcpip_slot *s, const struct frame *f)
{
    struct tcpip_offers changed = *offers;

    changed.lso4_is_v1 = changed.lso4;
    return tcpip_ask(t, &changed, s, f);
}
FAULT("KEY-9", key_protocol_uses_v1, "the protocol uses version 1 although both are on",
      .ask = version_1, .maybe = "LSO1,LSO2,CAP");

/* ---- What it makes of results --------------------------------------------------------------- */

static VOID NTAPI TrustsNothing(NDIS_HANDLE ProtocolBindingContext, PNET_BUFFER_LIST NetBufferLists,
                                NDIS_PORT_NUMBER PortNumber, ULONG NumberOfNetBufferLists,
                                ULONG ReceiveFlags)
{
    for (NET_BUFFER_LIST *nbl = NetBufferLists; nbl; nbl = nbl->Next)
        slot_put(nbl, slot_get(nbl) & ~(unsigned)(SLOT_TCP_OK | SLOT_UDP_OK));
    protocol.ReceiveNetBufferListsHandler(ProtocolBindingContext, NetBufferLists, PortNumber,
                                          NumberOfNetBufferLists, ReceiveFlags);
}

static void trusts_nothing(NDIS_PROTOCOL_DRIVER_CHARACTERISTICS *c)
{
    c->ReceiveNetBufferListsHandler = TrustsNothing;
}
FAULT("RXC-22", rxc_trusts_nothing, "the protocol checks again what was marked as succeeded",
      .protocol_handlers = trusts_nothing);

static VOID NTAPI TrustsFailed(NDIS_HANDLE ProtocolBindingContext, PNET_BUFFER_LIST NetBufferLists,
                               NDIS_PORT_NUMBER PortNumber, ULONG NumberOfNetBufferLists,
                               ULONG ReceiveFlags)
{
    for (NET_BUFFER_LIST *nbl = NetBufferLists; nbl; nbl = nbl->Next) {
        unsigned slot = slot_get(nbl);

        if (slot & (SLOT_TCP_BAD | SLOT_UDP_BAD))
            slot_put(nbl, slot & SLOT_TCP_BAD ? SLOT_TCP_OK : SLOT_UDP_OK);
    }
    protocol.ReceiveNetBufferListsHandler(ProtocolBindingContext, NetBufferLists, PortNumber,
                                          NumberOfNetBufferLists, ReceiveFlags);
}

static void trusts_failed(NDIS_PROTOCOL_DRIVER_CHARACTERISTICS *c)
{
    c->ReceiveNetBufferListsHandler = TrustsFailed;
}
FAULT("RXC-22", rxc_trusts_failed, "the protocol takes a frame that was marked as failed",
      .protocol_handlers = trusts_failed);

static VOID NTAPI TrustsUnjudged(NDIS_HANDLE ProtocolBindingContext,
                                 PNET_BUFFER_LIST NetBufferLists, NDIS_PORT_NUMBER PortNumber,
                                 ULONG NumberOfNetBufferLists, ULONG ReceiveFlags)
{
    for (NET_BUFFER_LIST *nbl = NetBufferLists; nbl; nbl = nbl->Next) {
        if (!(slot_get(nbl) & SLOT_TRANSPORT))
            slot_put(nbl, SLOT_TCP_OK | SLOT_UDP_OK);
    }
    protocol.ReceiveNetBufferListsHandler(ProtocolBindingContext, NetBufferLists, PortNumber,
                                          NumberOfNetBufferLists, ReceiveFlags);
}

static void trusts_unjudged(NDIS_PROTOCOL_DRIVER_CHARACTERISTICS *c)
{
    c->ReceiveNetBufferListsHandler = TrustsUnjudged;
}
FAULT("RXC-22", rxc_trusts_unjudged, "the protocol takes for verified what nobody judged",
      .protocol_handlers = trusts_unjudged);
