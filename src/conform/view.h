/* SPDX-License-Identifier: MIT */
/*
 * What an NDIS_OFFLOAD says, as a table of numbers: for rows about reports, which compare views
 * member by member and name the member that is wrong. Parts and members stand in the structure's
 * order; the first member of each part is Encapsulation.
 */
#pragma once

#include "conform/rig.h"

enum view_part_index {
    VIEW_TX4,
    VIEW_RX4,
    VIEW_TX6,
    VIEW_RX6,
    VIEW_LSO1,
    VIEW_IPSEC,
    VIEW_LSO2_4,
    VIEW_LSO2_6,
    VIEW_PARTS
};
enum { VIEW_MEMBERS = 20 };

enum view_kind {
    VIEW_NUMBER,
    VIEW_FEATURE,  /* two bits: something the adapter does */
    VIEW_QUALIFIER /* two bits: with options or extension headers too */
};

struct view_part {
    const char *name;
    unsigned count;
    struct view_member {
        const char *name;
        uint32_t value;
        enum view_kind kind;
    } member[VIEW_MEMBERS];
};

struct view {
    struct view_part part[VIEW_PARTS];
};

void view_of(const NDIS_OFFLOAD *o, struct view *out);
void view_of_flat(const NDIS_WMI_OFFLOAD *o, struct view *out);
/* "LsoV2.IPv4.MaxOffLoadSize"; valid until the fourth call after it. */
const char *view_name(const struct view_part *p, unsigned member);
/* A feature is on; a large send, which has none, is listed by its Encapsulation. */
bool view_lists(const struct view_part *p);
static inline uint32_t view_encapsulation(const struct view_part *p)
{
    return p->member[0].value;
}

/* Of what the adapter registered: NULL when it registered no task offload (or one half of it). */
const NDIS_OFFLOAD *view_hardware(void);
const NDIS_OFFLOAD *view_default(void);

/* OID_TCP_OFFLOAD_PARAMETERS that switches everything that `hardware` lists. */
NDIS_OFFLOAD_PARAMETERS view_parameters(const NDIS_OFFLOAD *hardware, bool on);
/* Sets it, and waits for the indication: its record, NULL when the set failed or nothing was
 * indicated. */
const struct rig_status *view_try(struct rig *r, const NDIS_OFFLOAD_PARAMETERS *p,
                                  NDIS_STATUS *status);
/* The same where that is for other rows to judge: the check ends in SKIP instead. Never NULL. */
const struct rig_status *view_switch(struct rig *r, const NDIS_OFFLOAD_PARAMETERS *p);

/* Indicates it in the driver's name, for rows that say what NDIS does with an indication. */
void view_indicate(struct rig *r, NDIS_STATUS code, const NDIS_OFFLOAD *o);
