/* SPDX-License-Identifier: MIT */
/*
 * TCP streams between two network namespaces, made and checked by processes of their own: plain
 * sockets on the Linux kernel's TCP at both ends. Each end digests (XXH3, from libxxhash: faster
 * than memory, so that it does not bend the measurement) every byte it sends or gets.
 */
#pragma once

#include "base/base.h"

struct traffic {
    int from, to;        /* network namespaces: sender, receiver */
    const char *address; /* receiver's address, IPv4 or IPv6 */
    uint16_t port;
    double seconds;
    pid_t sender, receiver; /* running */
    int sender_fd, receiver_fd;
};

struct traffic_end {
    uint64_t bytes, digest;
    double seconds;
    int error; /* errno, 0 */
};

/* Starts both ends; traffic_finish waits for them. Streams run in the background meanwhile. */
int traffic_start(struct traffic *t, struct why *why);
/* false when an end failed or the ends disagree; results are filled as far as known. */
bool traffic_finish(struct traffic *t, struct traffic_end *sent, struct traffic_end *got);
