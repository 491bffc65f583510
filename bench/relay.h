/* SPDX-License-Identifier: MIT */
/*
 * The yardstick: a relay from a TAP to a wire without rings, driver or NDIS, which does the same
 * work on the bytes (cut, checksum, verify) with the same frame/ and port/ code. What the NDIS path
 * loses against it is what NDIS, driver and card cost.
 */
#pragma once

#include "port/port.h"

struct relay;

/* Starts a thread of its own; both ports outlive it. */
int relay_start(struct port *tap, struct port *wire, struct relay **out, struct why *why);
void relay_stop(struct relay *r);
