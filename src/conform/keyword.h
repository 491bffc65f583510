/* SPDX-License-Identifier: MIT */
/*
 * The offload features that standardized keywords switch (the field map at the top of the
 * requirements), and adapters started over and over with other keywords. What a check of a keyword
 * compares with is, where its row allows it, the same adapter with another value, so that a feature
 * that does not obey its keyword shows in that keyword's own row.
 */
#pragma once

#include "conform/rig.h"
#include "conform/watch.h"

enum feature {
    FEATURE_IP4,
    FEATURE_TCP4,
    FEATURE_UDP4,
    FEATURE_TCP6,
    FEATURE_UDP6,
    FEATURE_LSO1,
    FEATURE_LSO2_4,
    FEATURE_LSO2_6,
    FEATURES
};

const char *feature_keyword(enum feature f);
const char *feature_default(enum feature f); /* "3" or "1": everything */
/* "*TCPUDPChecksumOffloadIPv4" or "...IPv6"; NULL for large sends. */
const char *feature_group(enum feature f);
/* What a view lists of it, as the keyword's value says it: 1 transmit, 2 receive; large send: 1. */
unsigned feature_listed(const NDIS_OFFLOAD *view, enum feature f);
/* A checksum feature has two bits, a large send one. */
unsigned feature_values(enum feature f);

/* A rig that was prepared but not started; bindings are the check's business. */
void keyword_prepare(struct rig *r);
/* NULL deletes it. */
void keyword_set(struct rig *r, const char *name, const char *value);
/* Starts the adapter with the keywords as they stand, and halts it: what it registered. */
struct ndis_offload_state keyword_start(struct rig *r);
/* The default that the .inf gives it in Ndi\params; false when it does not show it. */
bool keyword_inf_default(struct rig *r, const char *name, char *out, size_t size);
/* Its key under Ndi\params, or NULL. */
struct reg_key *keyword_params(struct rig *r, const char *name);
