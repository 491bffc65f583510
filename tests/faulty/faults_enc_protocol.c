/* SPDX-License-Identifier: MIT */
/* What the overlying protocol can get wrong about activation. */
#include "fault.h"

static enum tcpip_request ask_unactivated(struct tcpip *t, const struct tcpip_offers *offers,
                                          struct tcpip_slot *s, const struct frame *f)
{
    struct tcpip_offers all = tcpip_offers_of(&t->current);

    return tcpip_ask(t, t->encapsulated ? offers : &all, s, f);
}
FAULT("ENC-18", asks_after_refusal, "offload is asked for although the set failed",
      .maybe = "KEY-24", .ask = ask_unactivated);
