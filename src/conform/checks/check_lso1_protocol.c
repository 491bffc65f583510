/* SPDX-License-Identifier: MIT */
/* Rows of LSO1 that bind the overlying protocol alone. */
#include "conform/large_stack.h"

static void tcp_that_leaves(struct rig *r, const struct large_asked *a)
{
    expect_equal(r, "protocol of a large send", a->from->proto, 6);
    expect(r, !(a->f.bytes[0] & 1) && memcmp(a->f.bytes, r->mac, 6) != 0, "destination MAC address",
           "another host's", "%02x:%02x:%02x:%02x:%02x:%02x", a->f.bytes[0], a->f.bytes[1],
           a->f.bytes[2], a->f.bytes[3], a->f.bytes[4], a->f.bytes[5]);
}

CHECK("LSO1-28", tcp_that_leaves_the_host_only)
{
    rig_open(r, NULL);
    need(r, large_any(r), "large send offload");
    need(r, large_protocol(r, tcp_that_leaves) > 0, "large send to the overlying protocol");
}

static void one_net_buffer(struct rig *r, const struct large_asked *a)
{
    expect_equal(r, "NET_BUFFERs in the protocol's NBL", a->nbl->net_buffers, 1);
}

CHECK("LSO1-33", a_single_net_buffer)
{
    rig_open(r, NULL);
    need(r, large_any(r), "large send offload");
    need(r, large_protocol(r, one_net_buffer) > 0, "large send to the overlying protocol");
}
