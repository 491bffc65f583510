/* SPDX-License-Identifier: MIT */
/* The overlying protocol's side of large sends, for rows that bind PR, too. */
#pragma once

#include "conform/large.h"
#include "conform/stack.h"

/* An NBL that src/tcpip asked a large send with, and what Linux had handed down. */
struct large_asked {
    const struct stack_nbl *nbl;
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO slot;
    struct fields f;      /* as far as they can be read: a template's length may be 0 */
    enum large_kind kind; /* by the slot and the packet */
    uint32_t max, min;    /* MaxOffLoadSize, MinSegmentCount in force */
    const struct packet *from;
    uint16_t mss;
};

/*
 * Puts src/tcpip above the adapter in the test protocol's place and has Linux send: ordinary large
 * packets of many sizes, the largest there are, with options, with long headers, smaller than one
 * segment, with flags that are never cut, UDP. Each NBL that asks for a large send is looked at;
 * about() is set. Version 1 is tried with version 2 over IPv4 switched off. The adapter is another
 * one afterwards, without a binding. Returns how many NBLs there were.
 */
unsigned large_protocol(struct rig *r, void (*look)(struct rig *r, const struct large_asked *a));
