/* SPDX-License-Identifier: MIT */
/* What the files of the rig share. */
#pragma once

#include "conform/rig.h"
#include "conform/suite.h"
#include "conform/watch.h"

enum { RIG_TAG = 0x47495252 };
#define RIG_CLASS_KEY REGISTRY_NETWORK_CLASS "\\0000"

/* rig.c: a finding of the runtime goes to the suite. arg: the rig. */
struct finding;
void rig_rule_broken(void *arg, const struct finding *f);
/* The card does not offer these either; NULL: none. */
void rig_withhold(struct rig *r, const char *features, struct nic_config *nic);
/* rig_protocol.c */
void protocol_register(struct rig *r, struct rig_protocol *p, const char *name, bool quiet);
void protocol_deregister(struct rig_protocol *p);
void protocol_forget_received(struct rig_protocol *p);
void protocol_copy_data(const NET_BUFFER *nb, uint8_t *dst); /* DataLength bytes */
/* rig_member.c: the card of that member, whose address it gets; its adapter runs. `earlier`: the
 * cards before it. */
struct card_plan {
    const struct suite_config *suite;
    struct registry *registry;
    struct rig_card *earlier;
    unsigned index;
    struct nic_config nic;
};
int card_plug(struct rig_card *c, const struct card_plan *plan, struct why *why);
/* What an installation's notify object writes for the driver's protocol edge. */
int card_name_device(struct registry *registry, const char *service, const struct ndis_adapter *a);
/* A prepared rig's members have come once and its adapter, which that started, is halted. */
void rig_members_begin(struct rig *r);
void rig_members_end(struct rig *r);
/* Once their adapters and cards are gone. */
void rig_members_unload(struct rig *r);
/* rig_wire.c: the next frame at that far end of a cable, but for announcements (rig_announces). */
uint32_t rig_far_read(struct rig *r, struct port *far, const struct frame_span *to, double seconds);
/* rig_send.c */
void rig_pools_new(struct rig *r);
void rig_pools_free(struct rig *r);
/* claim.c: the record goes to the suite. */
void evidence_write(struct rig *r, const struct evidence *e);
/* look.c */
int suite_look(struct suite_result *s, struct why *why);
/* child.c: a file for a child's output; fork, with the child's output going there and its life
 * ending with its parent's; the end of what it wrote, ": " and one line, nothing if it wrote
 * nothing; seconds that it may take. */
enum { SUITE_WORDS = 300 };
int suite_words_new(void);
pid_t suite_fork(int words);
void suite_last_words(int words, char out[SUITE_WORDS]);
double suite_limit(const struct suite_config *config);
