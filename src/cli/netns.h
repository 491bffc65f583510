/* SPDX-License-Identifier: MIT */
/* Private network namespaces, for the demo, the benchmarks and the tests: nothing outside them is
 * ever touched. */
#pragma once

#include "base/base.h"

/* Moves this process into namespaces of its own: network, and user when it is not root. Before any
 * thread is made. */
int netns_private(struct why *why);

/* A further, empty network namespace with loopback up: its file descriptor, or negative errno. */
int netns_new(struct why *why);

/* Runs a shell command inside the namespace (negative: the current one). Returns its exit status,
 * negative errno if it could not run. */
__attribute__((format(printf, 2, 3))) int netns_shell(int netns, const char *fmt, ...);

/* Value of one field of /proc/net/snmp inside the namespace: ("Tcp", "InCsumErrors"). */
int64_t netns_snmp(int netns, const char *protocol, const char *field);
