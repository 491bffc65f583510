/* SPDX-License-Identifier: MIT */
/* What is set on the team, by keyword or request, and how a member is told: also one that joins
 * later. */
#include "team.h"

enum { KEYWORD_BOTH = 3, KEYWORD_SWITCH = 1 };

static const struct keyword {
    NDIS_STRING name;
    ULONG max;
    size_t field; /* of NDIS_OFFLOAD_PARAMETERS, whose value is the keyword's plus 1 */
} keywords[] = {
    {NDIS_STRING_CONST("*TCPUDPChecksumOffloadIPv4"), KEYWORD_BOTH,
     FIELD_OFFSET(NDIS_OFFLOAD_PARAMETERS, IPv4Checksum)},
    {NDIS_STRING_CONST("*TCPUDPChecksumOffloadIPv4"), KEYWORD_BOTH,
     FIELD_OFFSET(NDIS_OFFLOAD_PARAMETERS, TCPIPv4Checksum)},
    {NDIS_STRING_CONST("*TCPUDPChecksumOffloadIPv4"), KEYWORD_BOTH,
     FIELD_OFFSET(NDIS_OFFLOAD_PARAMETERS, UDPIPv4Checksum)},
    {NDIS_STRING_CONST("*TCPUDPChecksumOffloadIPv6"), KEYWORD_BOTH,
     FIELD_OFFSET(NDIS_OFFLOAD_PARAMETERS, TCPIPv6Checksum)},
    {NDIS_STRING_CONST("*TCPUDPChecksumOffloadIPv6"), KEYWORD_BOTH,
     FIELD_OFFSET(NDIS_OFFLOAD_PARAMETERS, UDPIPv6Checksum)},
    {NDIS_STRING_CONST("*IPChecksumOffloadIPv4"), KEYWORD_BOTH,
     FIELD_OFFSET(NDIS_OFFLOAD_PARAMETERS, IPv4Checksum)},
    {NDIS_STRING_CONST("*TCPChecksumOffloadIPv4"), KEYWORD_BOTH,
     FIELD_OFFSET(NDIS_OFFLOAD_PARAMETERS, TCPIPv4Checksum)},
    {NDIS_STRING_CONST("*UDPChecksumOffloadIPv4"), KEYWORD_BOTH,
     FIELD_OFFSET(NDIS_OFFLOAD_PARAMETERS, UDPIPv4Checksum)},
    {NDIS_STRING_CONST("*TCPChecksumOffloadIPv6"), KEYWORD_BOTH,
     FIELD_OFFSET(NDIS_OFFLOAD_PARAMETERS, TCPIPv6Checksum)},
    {NDIS_STRING_CONST("*UDPChecksumOffloadIPv6"), KEYWORD_BOTH,
     FIELD_OFFSET(NDIS_OFFLOAD_PARAMETERS, UDPIPv6Checksum)},
    {NDIS_STRING_CONST("*LsoV1IPv4"), KEYWORD_SWITCH, FIELD_OFFSET(NDIS_OFFLOAD_PARAMETERS, LsoV1)},
    {NDIS_STRING_CONST("*LsoV2IPv4"), KEYWORD_SWITCH,
     FIELD_OFFSET(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv4)},
    {NDIS_STRING_CONST("*LsoV2IPv6"), KEYWORD_SWITCH,
     FIELD_OFFSET(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv6)},
};

/* ---- Keywords ------------------------------------------------------------------------------- */

/* FALSE: absent, unreadable or beyond max (KEY-20, KEY-21). */
static BOOLEAN read_number(NDIS_HANDLE config, NDIS_STRING name, ULONG max, ULONG *v)
{
    PNDIS_CONFIGURATION_PARAMETER p;
    NDIS_STATUS status;

    NdisReadConfiguration(&status, &p, config, &name, NdisParameterInteger);
    if (status != NDIS_STATUS_SUCCESS || p->ParameterType != NdisParameterInteger ||
        p->ParameterData.IntegerData > max)
        return FALSE;
    *v = p->ParameterData.IntegerData;
    return TRUE;
}

/* A keyword of its own stands behind that of its group in the table, and so wins (KEY-12). */
static void read_keywords(NDIS_HANDLE config, NDIS_OFFLOAD_PARAMETERS *p, enum team_policy *policy)
{
    static const NDIS_STRING name = NDIS_STRING_CONST("TeamPolicy");
    ULONG v;

    for (ULONG i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        if (read_number(config, keywords[i].name, keywords[i].max, &v))
            ((UCHAR *)p)[keywords[i].field] = (UCHAR)(v + 1);
    }
    if (read_number(config, name, TEAM_FLOW_HASH, &v))
        *policy = (enum team_policy)v;
}

/* Everything on, as far as members can. */
static void defaults(NDIS_OFFLOAD_PARAMETERS *p)
{
    NdisZeroMemory(p, sizeof *p);
    p->Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    p->Header.Revision = NDIS_OFFLOAD_PARAMETERS_REVISION_1;
    p->Header.Size = NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1;
    p->IPv4Checksum = NDIS_OFFLOAD_PARAMETERS_TX_RX_ENABLED;
    p->TCPIPv4Checksum = p->UDPIPv4Checksum = NDIS_OFFLOAD_PARAMETERS_TX_RX_ENABLED;
    p->TCPIPv6Checksum = p->UDPIPv6Checksum = NDIS_OFFLOAD_PARAMETERS_TX_RX_ENABLED;
    p->LsoV1 = NDIS_OFFLOAD_PARAMETERS_LSOV1_ENABLED;
    p->LsoV2IPv4 = p->LsoV2IPv6 = NDIS_OFFLOAD_PARAMETERS_LSOV2_ENABLED;
}

/* No layer above has set anything yet: a member that was told so before is told the contrary. */
void team_settings_read(struct team *t, NDIS_HANDLE adapter)
{
    enum team_policy policy = TEAM_ACTIVE_STANDBY;
    NDIS_CONFIGURATION_OBJECT o;
    struct team_settings s;
    NDIS_HANDLE config;

    NdisZeroMemory(&s, sizeof s);
    defaults(&s.parameters);
    s.encapsulation.IPv4.Enabled = s.encapsulation.IPv6.Enabled = NDIS_OFFLOAD_SET_OFF;
    NdisZeroMemory(&o, sizeof o);
    o.Header.Type = NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT;
    o.Header.Revision = NDIS_CONFIGURATION_OBJECT_REVISION_1;
    o.Header.Size = NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1;
    o.NdisHandle = adapter;
    if (NdisOpenConfigurationEx(&o, &config) == NDIS_STATUS_SUCCESS) {
        read_keywords(config, &s.parameters, &policy);
        NdisCloseConfiguration(config);
    }
    NdisAcquireSpinLock(&t->lock);
    t->policy = policy;
    t->settings = s;
    t->generation++;
    NdisReleaseSpinLock(&t->lock);
}

/* ---- For one member ------------------------------------------------------------------------- */

/* A member whose address is not the team's hears the team's frames only so. */
static ULONG filter_for(const struct team_member *m, ULONG filter)
{
    if ((filter & NDIS_PACKET_TYPE_DIRECTED) && !NdisEqualMemory(m->mac, m->team->mac, 6))
        filter |= NDIS_PACKET_TYPE_PROMISCUOUS;
    return filter;
}

/* The member's own keywords stay as they are: these are the team's. */
static ULONG parameters_for(const struct team_member *m, const struct team_settings *s,
                            NDIS_OFFLOAD_PARAMETERS *p)
{
    *p = s->parameters;
    p->Flags = NDIS_OFFLOAD_PARAMETERS_SKIP_REGISTRY_UPDATE;
    return team_offload_clamp(p, &m->hardware) ? NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1 : 0;
}

static ULONG encapsulation_for(const struct team_member *m, const struct team_settings *s,
                               NDIS_OFFLOAD_ENCAPSULATION *e)
{
    *e = s->encapsulation;
    e->Header.Type = NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION;
    e->Header.Revision = NDIS_OFFLOAD_ENCAPSULATION_REVISION_1;
    e->Header.Size = NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1;
    return team_offload_any(&m->hardware) ? NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1 : 0;
}

ULONG team_setting_value(const struct team_member *m, NDIS_OID oid, const struct team_settings *s,
                         union team_value *v)
{
    switch (oid) {
    case OID_GEN_CURRENT_PACKET_FILTER:
        v->number = filter_for(m, s->filter);
        return sizeof v->number;
    case OID_GEN_CURRENT_LOOKAHEAD:
        v->number = s->lookahead;
        return s->lookahead ? sizeof v->number : 0;
    case OID_802_3_MULTICAST_LIST:
        NdisMoveMemory(v->multicast, s->multicast, s->multicast_count * 6);
        return s->multicast_count * 6;
    case OID_TCP_OFFLOAD_PARAMETERS:
        return parameters_for(m, s, &v->parameters);
    case OID_OFFLOAD_ENCAPSULATION:
        return encapsulation_for(m, s, &v->encapsulation);
    default:
        return 0;
    }
}

void team_settings_replay(struct team_member *m, const struct team_settings *s)
{
    static const NDIS_OID settings[] = {OID_TCP_OFFLOAD_PARAMETERS, OID_OFFLOAD_ENCAPSULATION,
                                        OID_802_3_MULTICAST_LIST, OID_GEN_CURRENT_LOOKAHEAD,
                                        OID_GEN_CURRENT_PACKET_FILTER};
    struct team *t = m->team;

    for (ULONG i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        union team_value v;
        NDIS_STATUS status;
        ULONG bytes;

        NdisAcquireSpinLock(&t->lock);
        bytes = team_setting_value(m, settings[i], s, &v);
        NdisReleaseSpinLock(&t->lock);
        if (!bytes)
            continue;
        status = team_member_request(m, NdisRequestSetInformation, settings[i], &v, bytes);
        if (settings[i] != OID_OFFLOAD_ENCAPSULATION)
            continue;
        NdisAcquireSpinLock(&t->lock);
        m->encapsulated = status == NDIS_STATUS_SUCCESS;
        NdisReleaseSpinLock(&t->lock);
    }
}
