/* SPDX-License-Identifier: MIT */
/* Slot 0 of a received NBL, for faults. */
#pragma once

#include "fault.h"

#include "conform/verdict.h"

static inline unsigned slot_get(const NET_BUFFER_LIST *nbl)
{
    return (unsigned)(uintptr_t)nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo];
}

static inline void slot_put(NET_BUFFER_LIST *nbl, unsigned slot)
{
    nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = (void *)(uintptr_t)slot;
}
