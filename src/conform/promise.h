/* SPDX-License-Identifier: MIT */
/*
 * Whether what is listed works: a packet that asks for an offload goes out, and the wire shows
 * whether the work was done; a packet comes in, and its verdict is looked at. What a shape of
 * packet needs (options, tags, SNAP) stands in the recipe; the fields that are judged are only
 * those that the offload makes.
 *
 * All of them say what they are about and add findings of the running check; they return whether
 * the promise was kept.
 */
#pragma once

#include "conform/large.h"

/* ASK_... that the current view lists for transmit, of what fits the protocol (6 or 17); 0 when the
 * transport checksum is not listed. */
unsigned promise_transmit(const struct rig *r, unsigned version, unsigned proto);
uint32_t promise_transmit_frames(const struct rig *r, unsigned version); /* Encapsulation */
/* The same for receive. */
unsigned promise_receive(const struct rig *r, unsigned version, unsigned proto);
uint32_t promise_receive_frames(const struct rig *r, unsigned version);
uint32_t promise_large_frames(const struct rig *r, enum large_kind kind);

/* what: ASK_...; those checksums are left to the adapter. tag: slot value, or NULL. */
bool promise_send(struct rig *r, const struct frame_recipe *recipe, unsigned what, void *tag);
/* A large send of the recipe (large_recipe's), cut at mss. */
bool promise_cut(struct rig *r, enum large_kind kind, const struct frame_recipe *recipe,
                 uint32_t mss, void *tag);
/* One that is right gets every Succeeded of `what`, one with a wrong transport checksum does not
 * get that one. Recipe: packet_recipe_in's. */
bool promise_arrival(struct rig *r, const struct frame_recipe *recipe, unsigned what);

/* Whether a plain one works; quietly. For rows about what is added to it. */
bool promise_plain_send(struct rig *r, unsigned version, unsigned proto);
bool promise_plain_cut(struct rig *r, enum large_kind kind);
bool promise_plain_arrival(struct rig *r, unsigned version, unsigned proto);

/* Everything that lists one of `frames` (NDIS_ENCAPSULATION_...): each transport checksum, each
 * kind of large send; each verdict. dress, when there is one, changes the recipe to fit; what does
 * not even work without it, or without the tag, is left out. */
typedef void (*promise_dress)(struct frame_recipe *recipe);
struct promises {
    unsigned tried, kept;
};
void promise_all_out(struct rig *r, uint32_t frames, promise_dress dress, void *tag,
                     struct promises *n);
void promise_all_in(struct rig *r, uint32_t frames, promise_dress dress, struct promises *n);

/* The tag that is to be on the wire for a slot value: without the half that the adapter does not
 * do; 0: none. */
uint16_t promise_tag(void *tag);

/* One destination options header of 128 bytes (RFC 8200 §4.6). */
extern const uint8_t promise_extension_128[128];
