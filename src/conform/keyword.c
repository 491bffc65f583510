/* SPDX-License-Identifier: MIT */
/* Offload features by keyword, and adapters started with them. */
#include "conform/keyword.h"

static const struct {
    const char *keyword, *group;
} features[FEATURES] = {
    [FEATURE_IP4] = {"*IPChecksumOffloadIPv4", "*TCPUDPChecksumOffloadIPv4"},
    [FEATURE_TCP4] = {"*TCPChecksumOffloadIPv4", "*TCPUDPChecksumOffloadIPv4"},
    [FEATURE_UDP4] = {"*UDPChecksumOffloadIPv4", "*TCPUDPChecksumOffloadIPv4"},
    [FEATURE_TCP6] = {"*TCPChecksumOffloadIPv6", "*TCPUDPChecksumOffloadIPv6"},
    [FEATURE_UDP6] = {"*UDPChecksumOffloadIPv6", "*TCPUDPChecksumOffloadIPv6"},
    [FEATURE_LSO1] = {"*LsoV1IPv4", NULL},
    [FEATURE_LSO2_4] = {"*LsoV2IPv4", NULL},
    [FEATURE_LSO2_6] = {"*LsoV2IPv6", NULL},
};

const char *feature_keyword(enum feature f)
{
    return features[f].keyword;
}

const char *feature_group(enum feature f)
{
    return features[f].group;
}

const char *feature_default(enum feature f)
{
    return features[f].group ? "3" : "1";
}

unsigned feature_values(enum feature f)
{
    return features[f].group ? 4 : 2;
}

static unsigned both(ULONG transmit, ULONG receive)
{
    return (transmit == NDIS_OFFLOAD_SUPPORTED ? 1u : 0) |
           (receive == NDIS_OFFLOAD_SUPPORTED ? 2u : 0);
}

unsigned feature_listed(const NDIS_OFFLOAD *v, enum feature f)
{
    const NDIS_TCP_IP_CHECKSUM_OFFLOAD *c = &v->Checksum;

    switch (f) {
    case FEATURE_IP4:
        return both(c->IPv4Transmit.IpChecksum, c->IPv4Receive.IpChecksum);
    case FEATURE_TCP4:
        return both(c->IPv4Transmit.TcpChecksum, c->IPv4Receive.TcpChecksum);
    case FEATURE_UDP4:
        return both(c->IPv4Transmit.UdpChecksum, c->IPv4Receive.UdpChecksum);
    case FEATURE_TCP6:
        return both(c->IPv6Transmit.TcpChecksum, c->IPv6Receive.TcpChecksum);
    case FEATURE_UDP6:
        return both(c->IPv6Transmit.UdpChecksum, c->IPv6Receive.UdpChecksum);
    case FEATURE_LSO1:
        return v->LsoV1.IPv4.Encapsulation != 0;
    case FEATURE_LSO2_4:
        return v->LsoV2.IPv4.Encapsulation != 0;
    default:
        return v->LsoV2.IPv6.Encapsulation != 0;
    }
}

void keyword_prepare(struct rig *r)
{
    rig_prepare(r, &(struct rig_config){.no_bind = true});
}

void keyword_set(struct rig *r, const char *name, const char *value)
{
    if (value)
        reg_set_sz(r->key, name, value);
    else
        reg_delete(r->key, name);
}

struct ndis_offload_state keyword_start(struct rig *r)
{
    struct ndis_offload_state s;

    rig_start(r);
    s = rig_offload(r);
    rig_halt(r);
    return s;
}

struct reg_key *keyword_params(struct rig *r, const char *name)
{
    char path[160];

    snprintf(path, sizeof path, "Ndi\\params\\%s", name);
    return reg_key_sub(r->key, path, false);
}

bool keyword_inf_default(struct rig *r, const char *name, char *out, size_t size)
{
    struct reg_key *k = keyword_params(r, name);

    memset(out, 0, size);
    return k && reg_get(k, "Default", NULL, out, size - 1) >= 0;
}
