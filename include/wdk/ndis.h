/* SPDX-License-Identifier: MIT */
/* The one header that an NDIS 6 driver includes: miniport, protocol and intermediate driver. */
#pragma once

#include "ndis/types.h"
#include "ndis/nbl.h"
#include "ndis/status.h"
#include "ndis/oid.h"
#include "ndis/offload.h"
#include "ndis/config.h"
#include "ndis/dma.h"
#include "ndis/miniport.h"
#include "ndis/protocol.h"
