/* SPDX-License-Identifier: MIT */
/*
 * The offload settings of an adapter, each known by three names: a field of
 * NDIS_OFFLOAD_PARAMETERS, a standardized keyword, and members of NDIS_OFFLOAD (requirements,
 * "Field map"). Directions are bits; a keyword holds them as they are, a field holds them plus 1;
 * large send knows only transmit.
 *
 * Configurations are compared by what they mean: two-bit members are on when 1, else off (D-3), and
 * of revision 1.
 */
#pragma once

#include "conform/packet.h"

enum setting {
    SETTING_IP4,
    SETTING_TCP4,
    SETTING_UDP4,
    SETTING_TCP6,
    SETTING_UDP6,
    SETTING_LSO1,
    SETTING_LSO2_4,
    SETTING_LSO2_6,
    SETTINGS
};
enum { SETTING_TX = 1, SETTING_RX = 2 };

struct setting_info {
    const char *name, *keyword;
    size_t field; /* of NDIS_OFFLOAD_PARAMETERS */
    uint8_t version, proto;
    bool large;
    uint8_t verdict; /* bits of the receive checksum slot: failed and succeeded */
};
extern const struct setting_info setting_info[SETTINGS];

/* ---- Configurations ------------------------------------------------------------------------- */

/* What NDIS was last told is on. */
NDIS_OFFLOAD config_now(const struct rig *r);
NDIS_OFFLOAD config_hardware(const struct rig *r);
/* Directions in which it is listed. */
unsigned setting_of(const NDIS_OFFLOAD *o, enum setting s);
/* o with that setting at these directions; what comes on is as the hardware lists it. A part whose
 * last feature goes has no encapsulation. */
void setting_apply(NDIS_OFFLOAD *o, const NDIS_OFFLOAD *hardware, enum setting s,
                   unsigned directions);
/* The name of the first member in which they differ; NULL: none. */
const char *config_difference(const NDIS_OFFLOAD *a, const NDIS_OFFLOAD *b);
bool expect_config(struct rig *r, const char *what, const NDIS_OFFLOAD *got,
                   const NDIS_OFFLOAD *want);

/* ---- Requests ------------------------------------------------------------------------------- */

/* By OID_TCP_OFFLOAD_PARAMETERS; cannot() when it fails. */
void setting_set(struct rig *r, enum setting s, unsigned directions);
/* The keyword's first character in the adapter's key; '\0': there is none. */
char setting_stored(const struct rig *r, enum setting s);
/* Keywords for rig_config that hold `value` for each. */
const char *const *setting_keywords(const char *value);
/* The set; results stand in *q when it is not NULL. */
NDIS_STATUS set_encapsulation(struct rig *r, const NDIS_OFFLOAD_ENCAPSULATION *e, ULONG bytes,
                              NDIS_OID_REQUEST *q);
NDIS_STATUS set_parameters(struct rig *r, const NDIS_OFFLOAD_PARAMETERS *p, ULONG bytes,
                           NDIS_OID_REQUEST *q);
/* No configuration was indicated since record `from`; waits a little. */
void expect_no_indication(struct rig *r, unsigned from);

/* ---- What works ----------------------------------------------------------------------------- */

/* A right frame of that kind arrives: its receive checksum slot. */
unsigned arrived_slot(struct rig *r, unsigned version, unsigned proto);
/* The kind's own bits of it, and whether these say "succeeded". */
bool setting_judges(struct rig *r, enum setting s);
/* A packet that asks for this checksum is sent. */
enum sent { SENT_RIGHT, SENT_WRONG, SENT_NOT };
enum sent setting_sends(struct rig *r, enum setting s, const struct ask *how);
bool expect_sent_right(struct rig *r, enum setting s, const struct ask *how);
/* A large send of 3001 bytes, to be cut at 1000: 4 frames where it works. */
struct cuts {
    unsigned frames;
    bool fit, summed; /* each carries at most 1000 bytes; with right checksums */
    NDIS_STATUS status;
    unsigned completions; /* of the NBL */
};
struct cuts setting_cuts(struct rig *r, enum setting s);
/* Every setting that o lists works in its directions (transmit: right frames leave; receive: right
 * frames are judged right), and none judges that it does not list. The adapter is activated. */
void expect_working(struct rig *r, const NDIS_OFFLOAD *o);
