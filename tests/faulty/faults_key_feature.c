/* SPDX-License-Identifier: MIT */
/* What a driver can make of the keywords of one offload feature, and of the grouped ones. */
#include "fault.h"

#include <strings.h>

/* Rows of other groups that start an adapter with keywords, too. */
#define ELSEWHERE "INIT,CAP,PAR,CFG,ENC"

static bool is(const char *name)
{
    return strcasecmp(name, fault->arg) == 0;
}

/* It stays on. */
static bool ignored(const char *name, bool there, ULONG *value)
{
    (void)value;
    return there && !is(name);
}

/* Transmit and receive the wrong way round. */
static bool swapped(const char *name, bool there, ULONG *value)
{
    if (is(name) && (*value == 1 || *value == 2))
        *value = 3 - *value;
    return there;
}

/* "A>B": what is off for A is off for B. */
static bool drags(const char *name, bool there, ULONG *value)
{
    size_t n = strcspn(fault->arg, ">");
    char master[64];
    long v;

    if (strcasecmp(name, fault->arg + n + 1) != 0)
        return there;
    snprintf(master, sizeof master, "%.*s", (int)n, fault->arg);
    v = fault_keyword(master);
    if (v >= 0)
        *value = there ? *value & (ULONG)v : (ULONG)v;
    return there || v >= 0;
}

#define IGNORED(id, what, keyword_name, more)                                                      \
    FAULT(id, what##_ignored, "the driver does not obey " keyword_name, .keyword = ignored,        \
          .arg = keyword_name, .maybe = ELSEWHERE more)
#define SWAPPED(id, what, keyword_name)                                                            \
    FAULT(id, what##_swapped, "1 of " keyword_name " is taken for receive, 2 for transmit",        \
          .keyword = swapped, .arg = keyword_name, .maybe = ELSEWHERE)
#define DRAGS(id, what, from, to)                                                                  \
    FAULT(id, what, from " switches what " to " governs as well", .keyword = drags,                \
          .arg = from ">" to, .maybe = ELSEWHERE ",KEY-12")

IGNORED("KEY-1", key_ip4, "*IPChecksumOffloadIPv4", "");
IGNORED("KEY-2", key_tcp4, "*TCPChecksumOffloadIPv4", ",KEY-12");
IGNORED("KEY-3", key_tcp6, "*TCPChecksumOffloadIPv6", ",KEY-12");
IGNORED("KEY-4", key_udp4, "*UDPChecksumOffloadIPv4", "");
IGNORED("KEY-5", key_udp6, "*UDPChecksumOffloadIPv6", "");
IGNORED("KEY-6", key_lso1, "*LsoV1IPv4", "");
IGNORED("KEY-7", key_lso2_4, "*LsoV2IPv4", "");
IGNORED("KEY-8", key_lso2_6, "*LsoV2IPv6", "");
IGNORED("KEY-10", key_group4, "*TCPUDPChecksumOffloadIPv4", "");
IGNORED("KEY-11", key_group6, "*TCPUDPChecksumOffloadIPv6", "");
SWAPPED("KEY-1", key_ip4, "*IPChecksumOffloadIPv4");
SWAPPED("KEY-2", key_tcp4, "*TCPChecksumOffloadIPv4");
SWAPPED("KEY-3", key_tcp6, "*TCPChecksumOffloadIPv6");
SWAPPED("KEY-4", key_udp4, "*UDPChecksumOffloadIPv4");
SWAPPED("KEY-5", key_udp6, "*UDPChecksumOffloadIPv6");
SWAPPED("KEY-10", key_group4, "*TCPUDPChecksumOffloadIPv4");
SWAPPED("KEY-11", key_group6, "*TCPUDPChecksumOffloadIPv6");
DRAGS("KEY-2", key_tcp4_drags_udp4, "*TCPChecksumOffloadIPv4", "*UDPChecksumOffloadIPv4");
DRAGS("KEY-3", key_tcp6_drags_lso, "*TCPChecksumOffloadIPv6", "*LsoV2IPv6");
DRAGS("KEY-7", key_lso2_4_drags_6, "*LsoV2IPv4", "*LsoV2IPv6");
DRAGS("KEY-9", key_lso2_4_drags_lso1, "*LsoV2IPv4", "*LsoV1IPv4");

static void default_off(struct reg_key *key)
{
    struct reg_key *params;
    char path[120];

    snprintf(path, sizeof path, "Ndi\\params\\%s", fault->arg);
    params = reg_key_sub(key, path, false);
    if (params)
        reg_set_sz(params, "Default", "0");
}
FAULT("KEY-8", key_lso2_6_default, "the .inf has *LsoV2IPv6 off by default",
      .installed = default_off, .arg = "*LsoV2IPv6");

/* Whatever the granular keyword says, when the group is there. */
static bool group_wins(const char *name, bool there, ULONG *value)
{
    const char *four = "*TCPUDPChecksumOffloadIPv4", *six = "*TCPUDPChecksumOffloadIPv6";
    size_t n = strlen(name);

    (void)value;
    if (strcasecmp(name, four) == 0 || strcasecmp(name, six) == 0 || !strstr(name, "Checksum"))
        return there;
    return there && fault_keyword(name[n - 1] == '4' ? four : six) < 0;
}
FAULT("KEY-12", key_group_wins, "a grouped keyword wins over a granular one",
      .keyword = group_wins);
