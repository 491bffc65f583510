/* SPDX-License-Identifier: MIT */
/*
 * Settings that every binding has for itself and the miniport once: packet filter (the union),
 * look-ahead (the largest), multicast list (the union). A set by one binding reaches the miniport
 * with the combined value.
 */
#include "ndis/private.h"

bool ndis_filter_is_combined(const NDIS_OID_REQUEST *r)
{
    NDIS_OID oid = r->DATA.SET_INFORMATION.Oid;

    return oid == OID_GEN_CURRENT_PACKET_FILTER || oid == OID_GEN_CURRENT_LOOKAHEAD ||
           oid == OID_802_3_MULTICAST_LIST;
}

/* The bindings' values together; a->lock held. */
static ULONG united_filter(struct ndis_adapter *a)
{
    ULONG filter = a->admin_filter;
    struct list *pos;

    list_for_each(pos, &a->bindings) filter |=
        atomic_load(&list_entry(pos, struct ndis_binding, adapter_link)->packet_filter);
    return filter;
}

static ULONG largest_lookahead(struct ndis_adapter *a, ULONG at_least)
{
    struct list *pos;

    list_for_each(pos, &a->bindings) at_least =
        MAX_OF(at_least, list_entry(pos, struct ndis_binding, adapter_link)->lookahead);
    return at_least;
}

static ULONG list_add(UCHAR (*list)[6], ULONG count, ULONG room, UCHAR (*from)[6], ULONG from_count)
{
    for (ULONG i = 0; i < from_count && count < room; i++) {
        ULONG at = 0;

        while (at < count && memcmp(list[at], from[i], 6) != 0)
            at++;
        if (at == count)
            memcpy(list[count++], from[i], 6);
    }
    return count;
}

static ULONG united_list(struct ndis_adapter *a, UCHAR (*list)[6], ULONG count, ULONG room)
{
    struct list *pos;

    list_for_each(pos, &a->bindings)
    {
        struct ndis_binding *b = list_entry(pos, struct ndis_binding, adapter_link);

        count = list_add(list, count, room, b->multicast, b->multicast_count);
    }
    return count;
}

static NDIS_STATUS bad_length(NDIS_OID_REQUEST *r, ULONG needed)
{
    r->DATA.SET_INFORMATION.BytesRead = 0;
    r->DATA.SET_INFORMATION.BytesNeeded = needed;
    return NDIS_STATUS_INVALID_LENGTH;
}

/* What the miniport may indicate by (GEN-30): more as soon as it is asked for, since the miniport
 * may act before its completion is noted here; nothing, once that is what was agreed. */
static void note_filter(struct ndis_adapter *a, uint32_t filter)
{
    if (!filter && atomic_load(&a->packet_filter))
        atomic_store(&a->filter_cleared_ns, nt_now_ns());
    atomic_store(&a->packet_filter, filter);
}

static NDIS_STATUS take_value(struct ndis_adapter *a, struct ndis_binding *from,
                              NDIS_OID_REQUEST *r, struct ndis_combined *out)
{
    bool lookahead = r->DATA.SET_INFORMATION.Oid == OID_GEN_CURRENT_LOOKAHEAD;
    ULONG value;

    if (r->DATA.SET_INFORMATION.InformationBufferLength < sizeof(value) ||
        !r->DATA.SET_INFORMATION.InformationBuffer)
        return bad_length(r, sizeof(value));
    memcpy(&value, r->DATA.SET_INFORMATION.InformationBuffer, sizeof(value));
    pthread_spin_lock(&a->lock);
    if (lookahead) {
        out->old_value = from ? from->lookahead : 0;
        if (from)
            from->lookahead = value;
        out->value = largest_lookahead(a, value);
    } else {
        out->old_value = from ? atomic_exchange(&from->packet_filter, value) : a->admin_filter;
        if (!from)
            a->admin_filter = value;
        out->value = united_filter(a);
    }
    if (!lookahead && out->value)
        note_filter(a, out->value);
    pthread_spin_unlock(&a->lock);
    out->bytes = sizeof(out->value);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS take_list(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *r,
                             struct ndis_combined *out)
{
    ULONG bytes = r->DATA.SET_INFORMATION.InformationBufferLength, count = bytes / 6;
    ULONG room = MIN_OF((ULONG)ARRAY_LEN(out->list), a->general.MaxMulticastListSize);
    UCHAR given[32][6];
    ULONG all;

    if (bytes % 6 || (bytes && !r->DATA.SET_INFORMATION.InformationBuffer))
        return bad_length(r, (bytes + 5) / 6 * 6);
    if (count > ARRAY_LEN(given) || count > room)
        return NDIS_STATUS_MULTICAST_FULL;
    if (bytes)
        memcpy(given, r->DATA.SET_INFORMATION.InformationBuffer, bytes);
    pthread_spin_lock(&a->lock);
    if (from) {
        out->old_count = from->multicast_count;
        memcpy(out->old_list, from->multicast, sizeof(out->old_list));
        memcpy(from->multicast, given, bytes);
        from->multicast_count = count;
    }
    all = united_list(a, out->list, list_add(out->list, 0, ARRAY_LEN(out->list), given, count),
                      ARRAY_LEN(out->list));
    if (all > room && from) {
        memcpy(from->multicast, out->old_list, sizeof(out->old_list));
        from->multicast_count = out->old_count;
    }
    pthread_spin_unlock(&a->lock);
    out->bytes = all * 6;
    return all > room ? NDIS_STATUS_MULTICAST_FULL : NDIS_STATUS_SUCCESS;
}

NDIS_STATUS ndis_filter_take(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *r,
                             struct ndis_combined *out)
{
    return r->DATA.SET_INFORMATION.Oid == OID_802_3_MULTICAST_LIST ? take_list(a, from, r, out)
                                                                   : take_value(a, from, r, out);
}

static void put_back(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID oid,
                     const struct ndis_combined *c)
{
    switch (oid) {
    case OID_GEN_CURRENT_PACKET_FILTER:
        if (from)
            atomic_store(&from->packet_filter, c->old_value);
        else
            a->admin_filter = c->old_value;
        break;
    case OID_GEN_CURRENT_LOOKAHEAD:
        if (from)
            from->lookahead = c->old_value;
        break;
    default:
        if (from) {
            memcpy(from->multicast, c->old_list, sizeof(c->old_list));
            from->multicast_count = c->old_count;
        }
    }
}

void ndis_filter_done(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID oid,
                      const struct ndis_combined *c, bool accepted)
{
    pthread_spin_lock(&a->lock);
    if (!accepted) {
        put_back(a, from, oid, c);
        if (oid == OID_GEN_CURRENT_PACKET_FILTER)
            note_filter(a, a->filter_set);
    } else if (oid == OID_GEN_CURRENT_PACKET_FILTER) {
        a->filter_set = c->value;
        note_filter(a, c->value);
    } else if (oid == OID_GEN_CURRENT_LOOKAHEAD) {
        a->lookahead_set = c->value;
    } else {
        a->multicast_set = c->bytes / 6;
    }
    pthread_spin_unlock(&a->lock);
}

static NDIS_STATUS set_filter(struct ndis_adapter *a, ULONG filter)
{
    NDIS_STATUS status;

    if (filter)
        note_filter(a, filter);
    status = ndis_oid_internal(a, NdisRequestSetInformation, OID_GEN_CURRENT_PACKET_FILTER, &filter,
                               sizeof(filter));
    if (status == NDIS_STATUS_SUCCESS)
        a->filter_set = filter;
    note_filter(a, a->filter_set);
    return status;
}

static NDIS_STATUS set_list(struct ndis_adapter *a, UCHAR (*list)[6], ULONG count)
{
    NDIS_STATUS status =
        ndis_oid_internal(a, NdisRequestSetInformation, OID_802_3_MULTICAST_LIST, list, count * 6);

    if (status == NDIS_STATUS_SUCCESS)
        a->multicast_set = count;
    return status;
}

NDIS_STATUS ndis_oid_refresh_filter(struct ndis_adapter *a)
{
    NDIS_STATUS status = NDIS_STATUS_SUCCESS;
    UCHAR list[64][6];
    ULONG filter, count;

    pthread_spin_lock(&a->lock);
    filter = united_filter(a);
    count = united_list(a, list, 0, ARRAY_LEN(list));
    pthread_spin_unlock(&a->lock);
    if (filter != a->filter_set)
        status = set_filter(a, filter);
    if (count || a->multicast_set)
        set_list(a, list, count);
    return status;
}

/* ENC-22: what NDIS tracks, again, after a reset that lost it. */
void ndis_oid_restore(struct ndis_adapter *a)
{
    NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS c;
    ULONG filter, count, bytes = ndis_connection_parameters(a, &c);
    NDIS_OFFLOAD_ENCAPSULATION e;
    UCHAR list[64][6];
    bool active;

    pthread_spin_lock(&a->lock);
    e = a->encapsulation;
    active = a->encapsulation_set;
    filter = united_filter(a);
    count = united_list(a, list, 0, ARRAY_LEN(list));
    pthread_spin_unlock(&a->lock);
    if (count)
        set_list(a, list, count);
    set_filter(a, filter);
    if (active)
        ndis_oid_internal(a, NdisRequestSetInformation, OID_OFFLOAD_ENCAPSULATION, &e, sizeof(e));
    if (bytes)
        ndis_oid_internal(a, NdisRequestSetInformation, OID_TCP_CONNECTION_OFFLOAD_PARAMETERS, &c,
                          bytes);
}
