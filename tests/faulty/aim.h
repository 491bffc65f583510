/* SPDX-License-Identifier: MIT */
/* Aiming a fault: at the adapter, and at the packets of one check (conform/gen.h gives each row's
 * packets a port of their own). */
#pragma once

#include "fault.h"

/* Remembers the adapter's handle at initialize; for `handlers`. */
void aim_at_adapter(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c);
NDIS_HANDLE aim_adapter(void);
/* Of the first NET_BUFFER of an NBL: the row that its packet is for, 0 for any other. */
unsigned aim_row(const NET_BUFFER_LIST *nbl);
/* Completes a chain in the driver's place. Uses the handle of the binding it came from. */
void aim_complete(NET_BUFFER_LIST *first, NDIS_STATUS status);
