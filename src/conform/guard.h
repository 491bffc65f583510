/* SPDX-License-Identifier: MIT */
/* Memory that ends where nothing may be touched: whoever reads a byte too many of a frame or of a
 * request's buffer dies of it, and the check's process with him. */
#pragma once

#include "conform/packet.h"

/* A copy that ends at the border; valid until the next call. len at most RIG_FRAME. */
uint8_t *guard_copy(struct rig *r, const void *bytes, uint32_t len);
/* packet_send of a frame in one MDL of such memory. how->splits and how->front are not looked at.
 */
struct outcome guard_send(struct rig *r, const void *frame, uint32_t len, const struct ask *how);
