/* SPDX-License-Identifier: MIT */
/* Requests: one at a time, each answered once and in full, in time, in every state that allows
 * them.
 */
#include "conform/gen.h"
#include "conform/watch.h"

enum { ASKERS = 4, ASKED = 20 };

/* As an administrator would, beside any binding. */
static NDIS_STATUS ask(struct ndis_adapter *a, NDIS_OID oid, void *buffer, ULONG bytes)
{
    return ndis_adapter_request(a, NdisRequestQueryInformation, oid, buffer, &bytes);
}

static NDIS_STATUS ask_statistics(struct ndis_adapter *a)
{
    NDIS_STATISTICS_INFO s;

    return ask(a, OID_GEN_STATISTICS, &s, sizeof s);
}

static void *ask_often(void *arg)
{
    struct rig *r = arg;
    uintptr_t failed = 0;

    for (unsigned i = 0; i < ASKED; i++)
        failed += ask_statistics(r->adapter) != NDIS_STATUS_SUCCESS;
    return (void *)failed;
}

static void dawdle(struct rig *r)
{
    (void)r;
    usleep(200);
}

CHECK("GEN-25", one_request_at_a_time)
{
    pthread_t thread[ASKERS];
    unsigned before;

    rig_prepare(r, NULL);
    trace_begin(r);
    rig_start(r);
    need(r, watch_lists_oid(OID_GEN_STATISTICS), "OID_GEN_STATISTICS");
    trace_before(TRACE_OID, dawdle);
    before = *trace_began(TRACE_OID);
    for (unsigned i = 0; i < ASKERS; i++)
        pthread_create(&thread[i], NULL, ask_often, r);
    for (unsigned i = 0; i < ASKERS; i++)
        pthread_join(thread[i], NULL);
    about(r, "20 queries from each of 4 threads");
    expect_equal(r, "requests that reached the driver", *trace_began(TRACE_OID) - before,
                 ASKERS * ASKED);
    expect_equal(r, "most requests with the driver at one time", trace_most_inside(TRACE_OID), 1);
}

/* The runtime watches that each is completed once; a completion too many is its finding. */
CHECK("GEN-26", each_request_completes_once)
{
    const struct watch_attributes *a = watch_attributes();
    uint8_t buffer[4096];
    unsigned events, asked = 0;

    rig_open(r, NULL);
    need(r, a->oid_count > 0, "a list of OIDs");
    events = watch_count();
    for (unsigned i = 0; i < a->oid_count; i++, asked++)
        rig_query(r, a->oids[i], buffer, sizeof buffer, NULL);
    rig_set_filter(r, NDIS_PACKET_TYPE_DIRECTED);
    asked++;
    about(r, "a query of each OID that the driver lists, and a set of the packet filter");
    for (unsigned i = events; i < watch_count(); i++) {
        const struct watch_event *e = watch_at(i);

        asked -= e->kind == WATCH_OID;
        if (e->kind == WATCH_OID && e->status == NDIS_STATUS_PENDING)
            expect(r, false, "status", "one that is final", "NDIS_STATUS_PENDING of OID 0x%08x",
                   e->code);
    }
    expect_equal(r, "requests that did not end, or more than once", asked, 0);
}

static bool is_too_short(NDIS_STATUS s)
{
    return s == NDIS_STATUS_BUFFER_TOO_SHORT || s == NDIS_STATUS_INVALID_LENGTH;
}

/* No bytes, one too few, and enough. */
static void query_all_lengths(struct rig *r, NDIS_OID oid)
{
    uint8_t buffer[4096];
    ULONG needed, written;
    NDIS_STATUS status = rig_query(r, oid, NULL, 0, &needed);

    if (!is_too_short(status)) /* only to be set; or an empty list */
        return;
    about(r, "query of OID 0x%08x", oid);
    if (!expect_between(r, "BytesNeeded without a buffer", needed, 1, sizeof buffer))
        return;
    memset(buffer, 0xee, sizeof buffer);
    status = needed == 8 ? NDIS_STATUS_INVALID_LENGTH /* counters come in four bytes, too */
                         : rig_query(r, oid, buffer, needed - 1, &written);
    expect(r, is_too_short(status) || status == NDIS_STATUS_SUCCESS, "a byte too few",
           "NDIS_STATUS_BUFFER_TOO_SHORT or NDIS_STATUS_INVALID_LENGTH", "%s", status_name(status));
    if (needed != 8 && is_too_short(status))
        expect_between(r, "BytesNeeded", written, needed, sizeof buffer);
    memset(buffer, 0xee, sizeof buffer);
    status = rig_query(r, oid, buffer, sizeof buffer, &written);
    if (status == NDIS_STATUS_SUCCESS &&
        expect_between(r, "BytesWritten", written, MIN_OF(needed, 4u), sizeof buffer - 1))
        expect_equal(r, "the byte behind those, 0xee before", buffer[written], 0xee);
}

static void set_too_short(struct rig *r, NDIS_OID oid)
{
    uint8_t buffer[3] = {0};
    NDIS_OID_REQUEST q = rig_request(NdisRequestSetInformation, oid, buffer, sizeof buffer);
    NDIS_STATUS status;

    if (!watch_lists_oid(oid))
        return;
    status = rig_issue(r, &q);
    about(r, "set of OID 0x%08x with 3 bytes", oid);
    expect(r, status != NDIS_STATUS_SUCCESS, "status", "a failure", "NDIS_STATUS_SUCCESS");
    if (is_too_short(status))
        expect_between(r, "BytesNeeded", q.DATA.SET_INFORMATION.BytesNeeded, 4, 4096);
}

CHECK("GEN-27", requests_say_what_they_wrote_or_need)
{
    static const NDIS_OID unknown[] = {0xff010203, 0x12345678, 0xfc01ffff};
    static const NDIS_OID sets[] = {OID_GEN_CURRENT_PACKET_FILTER, OID_GEN_CURRENT_LOOKAHEAD,
                                    OID_802_3_MULTICAST_LIST, OID_OFFLOAD_ENCAPSULATION,
                                    OID_TCP_OFFLOAD_PARAMETERS};
    const struct watch_attributes *a = watch_attributes();
    uint8_t buffer[64] = {0};

    rig_open(r, NULL);
    for (unsigned i = 0; i < a->oid_count; i++)
        query_all_lengths(r, a->oids[i]);
    for (unsigned i = 0; i < ARRAY_LEN(sets); i++)
        set_too_short(r, sets[i]);
    for (unsigned i = 0; i < ARRAY_LEN(unknown); i++) {
        about(r, "OID 0x%08x, which there is not", unknown[i]);
        expect_status(r, "query", rig_query(r, unknown[i], buffer, sizeof buffer, NULL),
                      FAIL_QUERY);
        expect_status(r, "set", rig_set(r, unknown[i], buffer, sizeof buffer), FAIL_QUERY);
    }
}

/* ---- Cancelling ----------------------------------------------------------------------------- */

static struct asked {
    NDIS_OID_REQUEST q;
    NDIS_HANDLE binding;
    ULONG buffer[64];
    NDIS_STATUS status;
} asked[2];

/* A request of the binding, told apart by its id; on a thread of its own, as the driver may take
 * its time. */
static void *request_with_id(void *arg)
{
    uintptr_t n = (uintptr_t)arg;

    asked[n].status = NdisOidRequest(asked[n].binding, &asked[n].q);
    return NULL;
}

static void request_begin(struct rig *r, uintptr_t n, pthread_t *thread)
{
    asked[n].q = rig_request(NdisRequestQueryInformation, OID_GEN_VENDOR_ID, asked[n].buffer,
                             sizeof asked[n].buffer);
    asked[n].q.RequestId = (PVOID)(0x1000 + n);
    asked[n].binding = r->main.binding;
    pthread_create(thread, NULL, request_with_id, (void *)n);
}

/* How it ended: by return value, or at the completion handler. */
static void expect_cancelled(struct rig *r, uintptr_t n, NDIS_STATUS usual, unsigned completions)
{
    NDIS_STATUS status = asked[n].status;

    if (status == NDIS_STATUS_PENDING) {
        if (!expect(r, rig_wait(r, trace_ended(TRACE_OID_COMPLETE), completions + 1, GEN_SECONDS),
                    "completion", "comes", "it does not"))
            return;
        status = r->main.done_status;
    }
    expect(r, status == usual || status == NDIS_STATUS_REQUEST_ABORTED, "status",
           "NDIS_STATUS_REQUEST_ABORTED or the normal one", "%s", status_name(status));
}

CHECK("GEN-28", cancelled_requests_complete_once)
{
    pthread_t thread[2];
    unsigned completions;
    NDIS_STATUS usual;
    ULONG id[16];

    rig_prepare(r, NULL);
    trace_begin(r);
    rig_start(r);
    usual = rig_query(r, OID_GEN_VENDOR_ID, id, sizeof id, NULL);
    about(r, "a request that the driver may leave pending");
    completions = *trace_ended(TRACE_OID_COMPLETE);
    request_begin(r, 0, &thread[0]);
    pthread_join(thread[0], NULL);
    NdisCancelOidRequest(r->main.binding, (PVOID)0x1000);
    expect_cancelled(r, 0, usual, completions);

    about(r, "a request that is with the driver");
    trace_hold(TRACE_OID);
    completions = *trace_began(TRACE_OID);
    request_begin(r, 0, &thread[0]);
    rig_wait(r, trace_began(TRACE_OID), completions + 1, GEN_SECONDS);
    about(r, "a request that waits for its turn");
    completions = *trace_ended(TRACE_OID_COMPLETE);
    request_begin(r, 1, &thread[1]);
    pthread_join(thread[1], NULL); /* it is queued */
    NdisCancelOidRequest(r->main.binding, (PVOID)0x1001);
    expect_cancelled(r, 1, usual, completions);
    about(r, "a request that is with the driver");
    NdisCancelOidRequest(r->main.binding, (PVOID)0x1000);
    completions = *trace_ended(TRACE_OID_COMPLETE);
    trace_release(r);
    pthread_join(thread[0], NULL);
    expect_cancelled(r, 0, usual, completions);
}

/* ---- In every state ------------------------------------------------------------------------- */

static NDIS_STATUS restarting_status;

static void ask_while_restarting(struct rig *r)
{
    restarting_status = ask_statistics(r->adapter);
}

CHECK("GEN-29", requests_in_every_state)
{
    struct gen_task pause;

    rig_prepare(r, NULL);
    trace_begin(r);
    rig_start(r);
    need(r, watch_lists_oid(OID_GEN_STATISTICS), "OID_GEN_STATISTICS");
    about(r, "Running");
    expect_code(r, "query", ask_statistics(r->adapter), NDIS_STATUS_SUCCESS);
    ndis_set_racing(true);
    if (rig_has_wire(r)) {
        r->main.hold_receives = true;
        gen_arrive(r, 29, 0, 100);
        rig_wait(r, &r->main.received_count, 1, GEN_SECONDS);
        gen_begin(r, &pause, ndis_adapter_pause);
        gen_pausing(r, 1);
        about(r, "Pausing");
        expect_code(r, "query", ask_statistics(r->adapter), NDIS_STATUS_SUCCESS);
        rig_return_held(r);
        gen_end(r, &pause);
    } else {
        ndis_adapter_pause(r->adapter);
    }
    about(r, "Paused");
    expect_code(r, "query", ask_statistics(r->adapter), NDIS_STATUS_SUCCESS);
    trace_before(TRACE_RESTART, ask_while_restarting);
    ndis_adapter_restart(r->adapter);
    about(r, "Restarting");
    expect_code(r, "query", restarting_status, NDIS_STATUS_SUCCESS);
}

/* ---- Time ----------------------------------------------------------------------------------- */

static double seconds_of(uint64_t from)
{
    return (double)(nt_now_ns() - from) * 1e-9;
}

static void expect_within(struct rig *r, const char *what, uint64_t from, double limit)
{
    double took = seconds_of(from);

    expect(r, took <= limit * gen_factor(r), what, "within the verifier's limit",
           "%.1f s, limit %.1f s", took, limit * gen_factor(r));
}

CHECK("GEN-31", everything_ends_in_time)
{
    const struct watch_attributes *a = watch_attributes();
    uint8_t buffer[4096];
    uint64_t from;

    rig_open(r, NULL);
    for (unsigned i = 0; i < a->oid_count; i++) {
        from = nt_now_ns();
        rig_query(r, a->oids[i], buffer, sizeof buffer, NULL);
        about(r, "query of OID 0x%08x", a->oids[i]);
        expect_within(r, "time", from, 12);
        advise(r, seconds_of(from) < gen_factor(r), "time", "less than a second", "%.1f s",
               seconds_of(from));
    }
    about(r, "a send");
    from = nt_now_ns();
    rig_send(r, gen_chain(r, 31, 0, 5, 100), 5);
    expect_within(r, "time", from, 30);
    about(r, "a pause");
    from = nt_now_ns();
    ndis_adapter_pause(r->adapter);
    expect_within(r, "time", from, 10);
}
