/* SPDX-License-Identifier: MIT */
/* Transmit checksums: what is advertised, sends that ask for it, the frame that should leave. */
#pragma once

#include "conform/packet.h"

/* The current configuration lists that transport checksum for 802.3 frames. */
bool txc_lists(const struct rig *r, unsigned version, unsigned proto);
bool txc_lists_ip(const struct rig *r);
/* ASK_TCP or ASK_UDP. */
unsigned txc_transport(unsigned proto);
/* Sends it and compares the checksum fields asked for in the frame that leaves. how may be NULL. */
void txc_try(struct rig *r, const struct packet *unfinished, unsigned what, const struct ask *how);
/* An unfinished packet of that recipe, in static memory. */
struct packet *txc_packet(const struct frame_recipe *recipe);
