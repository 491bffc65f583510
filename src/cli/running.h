/* SPDX-License-Identifier: MIT */
/* What `longshore run` runs: an adapter between a TAP and a wire; or a team between a TAP and cards
 * that come and go while it runs. */
#pragma once

#include "cli/cli.h"

/* Says why; -EINVAL. */
__attribute__((format(printf, 2, 3))) int cli_bad(struct longshore_error *error, const char *fmt,
                                                  ...);

struct running_counts {
    uint64_t tx_bytes, rx_bytes, tx_frames, rx_frames, large, dropped;
};

struct running {
    struct longshore *ls;
    struct longshore_adapter *adapter;
    enum longshore_build build; /* of cards that are added, as the MTU is */
    uint16_t mtu;
    struct running_counts gone; /* by members that were removed */
};

/* A card of a team, as text: DRIVER.inf,wire=KIND:NAME[,withhold=A+B][,name=NAME]. Parts without a
 * name belong to the wire ("wire=tap:r,napi"). */
struct card_spec {
    char inf[512], wire[512], withhold[512], name[64]; /* the last two may be "" */
};
/* 0, or -EINVAL with a text. */
int card_parse(const char *text, struct card_spec *out, struct longshore_error *error);

/* Plugs it and makes it a member. Without a name it gets the first "member N" that is free. */
int running_add(struct running *r, const struct card_spec *card, struct longshore_error *error);
/* Takes a member out of the team; -EINVAL with a text for what is none. surprise: its card is
 * pulled out first. */
int running_remove(struct running *r, struct longshore_adapter *a, bool surprise,
                   struct longshore_error *error);
/* Wires together; large sends and drops of the protocol's. */
struct running_counts running_count(const struct running *r);
/* The member of that name, in any case; NULL. */
struct longshore_adapter *running_member(const struct running *r, const char *name);
/* Takes everything down, members first. */
void running_stop(struct running *r);
