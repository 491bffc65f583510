/* SPDX-License-Identifier: MIT */
/* Which members are in use, and telling the layers above what that means: configuration, abilities,
 * link. */
#include "team.h"

BOOLEAN team_usable(const struct team_member *m)
{
    return m->state == TEAM_JOINED && m->running && m->connected && m->powered && !m->broken;
}

/* ---- The set in use; under the lock --------------------------------------------------------- */

static ULONG choose(const struct team *t)
{
    ULONG use = 0;

    for (ULONG i = 0; i < TEAM_MEMBERS_MAX; i++) {
        if (!team_usable(&t->member[i]))
            continue;
        use |= 1u << i;
        if (t->policy == TEAM_ACTIVE_STANDBY)
            break;
    }
    return use;
}

static BOOLEAN resetting(const struct team *t)
{
    for (ULONG i = 0; i < TEAM_MEMBERS_MAX; i++) {
        if ((t->use & 1u << i) && t->member[i].resetting)
            return TRUE;
    }
    return FALSE;
}

void team_changed(struct team *t)
{
    if (choose(t) != t->use || resetting(t))
        t->hold = TRUE;
}

/* A member that cannot send any more cannot be overtaken either: only usable ones are waited for.
 */
static BOOLEAN drained(const struct team *t)
{
    for (ULONG i = 0; i < TEAM_MEMBERS_MAX; i++) {
        if ((t->use & 1u << i) && team_usable(&t->member[i]) && t->member[i].sends > 0)
            return FALSE;
    }
    return TRUE;
}

static void use(struct team *t, ULONG members)
{
    t->use = members;
    if (!t->known_at)
        t->known_at = members;
    t->count = 0;
    for (ULONG i = 0; i < TEAM_MEMBERS_MAX; i++) {
        if (members & 1u << i)
            t->order[t->count++] = i;
    }
}

/* TRUE: the right set is in use. Else completions will call again. */
static BOOLEAN switch_over(struct team *t)
{
    ULONG right = choose(t);

    t->switching = right != t->use;
    if (!t->switching)
        return TRUE;
    t->hold = TRUE;
    if (!drained(t))
        return FALSE;
    t->switching = FALSE;
    team_tx_overtake(t);
    use(t, right);
    return TRUE;
}

/* ---- What there is to tell; under the lock -------------------------------------------------- */

static void report_offload(const struct team *t, struct team_report *r)
{
    const NDIS_OFFLOAD_ENCAPSULATION *e = &t->settings.encapsulation;

    team_offload_copy(&r->hardware, &t->member[t->order[0]].hardware);
    team_offload_copy(&r->current, &t->member[t->order[0]].current);
    r->encapsulated4 = e->IPv4.Enabled == NDIS_OFFLOAD_SET_ON;
    r->encapsulated6 = e->IPv6.Enabled == NDIS_OFFLOAD_SET_ON;
    for (ULONG i = 0; i < t->count; i++) {
        const struct team_member *m = &t->member[t->order[i]];

        team_offload_intersect(&r->hardware, &m->hardware);
        team_offload_intersect(&r->current, &m->current);
        r->encapsulated4 = r->encapsulated4 && m->encapsulated;
        r->encapsulated6 = r->encapsulated6 && m->encapsulated;
    }
    team_offload_intersect(&r->current, &r->hardware);
    team_offload_restrict(&r->current, &t->settings.parameters);
}

/* With nobody in use the link is down, and what was offered stands until somebody is again. */
static void report_make(const struct team *t, struct team_report *r)
{
    *r = t->report;
    r->connected = t->count > 0;
    r->xmit_speed = r->rcv_speed = 0;
    for (ULONG i = 0; i < t->count; i++) {
        r->xmit_speed += t->member[t->order[i]].xmit_speed;
        r->rcv_speed += t->member[t->order[i]].rcv_speed;
    }
    if (t->count && !t->quiet)
        report_offload(t, r);
}

void team_first_report(struct team *t, struct team_report *r)
{
    team_offload_none(&t->report.hardware);
    team_offload_none(&t->report.current);
    t->known_at = 0;
    use(t, choose(t));
    report_make(t, r);
    r->encapsulated4 = r->encapsulated6 = FALSE;
    t->report = *r;
}

/* Verdicts are the layers' above once they have set encapsulation, and as far as offered. */
static ULONG verdicts(const struct team_report *r)
{
    const ULONG ip4 = TEAM_RX_IP4 | TEAM_RX_TCP4 | TEAM_RX_UDP4, ip6 = TEAM_RX_TCP6 | TEAM_RX_UDP6;
    struct team_ability a;

    team_offload_ability(&r->current, &a);
    return a.on & ((r->encapsulated4 ? ip4 : 0) | (r->encapsulated6 ? ip6 : 0));
}

/* ---- Telling; no lock ----------------------------------------------------------------------- */

static void indicate(NDIS_HANDLE adapter, NDIS_STATUS code, PVOID buffer, ULONG bytes)
{
    NDIS_STATUS_INDICATION s;

    NdisZeroMemory(&s, sizeof s);
    s.Header.Type = NDIS_OBJECT_TYPE_STATUS_INDICATION;
    s.Header.Revision = NDIS_STATUS_INDICATION_REVISION_1;
    s.Header.Size = NDIS_SIZEOF_STATUS_INDICATION_REVISION_1;
    s.SourceHandle = adapter;
    s.StatusCode = code;
    s.StatusBuffer = buffer;
    s.StatusBufferSize = bytes;
    NdisMIndicateStatusEx(adapter, &s);
}

static void indicate_encapsulation(NDIS_HANDLE adapter, const NDIS_OFFLOAD_ENCAPSULATION *wish,
                                   const struct team_report *r)
{
    NDIS_OFFLOAD_ENCAPSULATION e = *wish;

    e.Header.Type = NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION;
    e.Header.Revision = NDIS_OFFLOAD_ENCAPSULATION_REVISION_1;
    e.Header.Size = NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1;
    e.IPv4.Enabled = r->encapsulated4 ? NDIS_OFFLOAD_SET_ON : NDIS_OFFLOAD_SET_OFF;
    e.IPv6.Enabled = r->encapsulated6 ? NDIS_OFFLOAD_SET_ON : NDIS_OFFLOAD_SET_OFF;
    indicate(adapter, NDIS_STATUS_OFFLOAD_ENCASPULATION_CHANGE, &e,
             NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1);
}

static void indicate_link(NDIS_HANDLE adapter, const struct team_report *r)
{
    NDIS_LINK_STATE l;

    NdisZeroMemory(&l, sizeof l);
    l.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    l.Header.Revision = NDIS_LINK_STATE_REVISION_1;
    l.Header.Size = NDIS_SIZEOF_LINK_STATE_REVISION_1;
    l.MediaConnectState = r->connected ? MediaConnectStateConnected : MediaConnectStateDisconnected;
    l.MediaDuplexState = r->connected ? MediaDuplexStateFull : MediaDuplexStateUnknown;
    l.XmitLinkSpeed = r->connected ? r->xmit_speed : NDIS_LINK_SPEED_UNKNOWN;
    l.RcvLinkSpeed = r->connected ? r->rcv_speed : NDIS_LINK_SPEED_UNKNOWN;
    indicate(adapter, NDIS_STATUS_LINK_STATE, &l, NDIS_SIZEOF_LINK_STATE_REVISION_1);
}

static BOOLEAN same(const NDIS_OFFLOAD *a, const NDIS_OFFLOAD *b)
{
    return NdisEqualMemory(a, b, NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
}

struct telling {
    NDIS_HANDLE adapter;
    NDIS_OFFLOAD_ENCAPSULATION wish;
    BOOLEAN hardware, current, encapsulation, link; /* what is to be told */
    struct team_report report;
};

/* Hardware first: so the current view is never beyond it (CFG-7, CFG-14). */
static void tell_all(struct telling *n)
{
    if (n->hardware)
        indicate(n->adapter, NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES, &n->report.hardware,
                 NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
    if (n->current)
        indicate(n->adapter, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &n->report.current,
                 NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
    if (n->encapsulation)
        indicate_encapsulation(n->adapter, &n->wish, &n->report);
    if (n->link)
        indicate_link(n->adapter, &n->report);
}

/* Under the lock: what to tell, and that it is told. An encapsulation that the layers above have
 * just set is no news to them. */
static void telling_make(struct team *t, struct telling *n, const struct team_report *r)
{
    const struct team_report *old = &t->report;

    n->report = *r;
    n->adapter = t->adapter;
    n->wish = t->settings.encapsulation;
    n->hardware = !same(&r->hardware, &old->hardware);
    n->current = t->tell || !same(&r->current, &old->current);
    n->encapsulation = !t->encapsulation_known && (r->encapsulated4 != old->encapsulated4 ||
                                                   r->encapsulated6 != old->encapsulated6);
    n->link = r->connected != old->connected || r->xmit_speed != old->xmit_speed ||
              r->rcv_speed != old->rcv_speed;
    if (!t->quiet)
        t->tell = t->encapsulation_known = FALSE;
    t->report = *r;
}

/* Under the lock: from here on no receiver shows more than these; FALSE: some still may. The layers
 * above reckon with those themselves after a set of their own. */
static BOOLEAN receivers_agree(struct team *t, ULONG rx_on)
{
    t->rx_awaited = FALSE;
    if (t->tell || t->encapsulation_known) {
        t->rx_on &= rx_on;
        return TRUE;
    }
    if (t->rx_on & ~rx_on) {
        t->rx_awaited = t->rx_inside[t->rx_turn ^ 1] != 0;
        if (t->rx_awaited)
            return FALSE;
        t->rx_on &= rx_on;
        t->rx_turn ^= 1;
    }
    t->rx_awaited = t->rx_inside[t->rx_turn ^ 1] != 0;
    return !t->rx_awaited;
}

/* ---- Bringing up to date -------------------------------------------------------------------- */

static void step(struct team *t)
{
    BOOLEAN settled = switch_over(t);
    struct team_report right;
    struct telling n;

    if (t->adapter) {
        report_make(t, &right);
        if (!receivers_agree(t, verdicts(&right)))
            return;
        telling_make(t, &n, &right);
        NdisReleaseSpinLock(&t->lock);
        tell_all(&n);
        NdisAcquireSpinLock(&t->lock);
        t->rx_on = verdicts(&right);
    }
    if (settled)
        team_announce(t);
    if (settled && choose(t) == t->use && !resetting(t))
        t->hold = FALSE;
    else if (settled && choose(t) != t->use)
        t->again = TRUE;
}

void team_update(struct team *t)
{
    NdisAcquireSpinLock(&t->lock);
    if (t->updating) {
        t->again = TRUE;
        NdisReleaseSpinLock(&t->lock);
        return;
    }
    t->updating = TRUE;
    do {
        t->again = FALSE;
        step(t);
    } while (t->again);
    t->updating = FALSE;
    NdisReleaseSpinLock(&t->lock);
    team_tx_drain(t);
}

/* ---- Holding members ------------------------------------------------------------------------ */

ULONG team_take_members(struct team *t)
{
    ULONG members = 0;

    NdisAcquireSpinLock(&t->lock);
    for (ULONG i = 0; i < TEAM_MEMBERS_MAX; i++) {
        if (t->member[i].state != TEAM_JOINED)
            continue;
        members |= 1u << i;
        t->member[i].requests++;
    }
    NdisReleaseSpinLock(&t->lock);
    return members;
}

void team_release(struct team *t, ULONG members)
{
    NdisAcquireSpinLock(&t->lock);
    for (ULONG i = 0; i < TEAM_MEMBERS_MAX; i++) {
        if (members & 1u << i)
            t->member[i].requests--;
    }
    NdisReleaseSpinLock(&t->lock);
}
