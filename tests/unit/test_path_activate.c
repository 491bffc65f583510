/* SPDX-License-Identifier: MIT */
/* Activation, and requests at random: OID_OFFLOAD_ENCAPSULATION as vionet and the runtime meet it
 * together (group ENC, SEC-8). */
#include "test_path_config.h"

/* ---- Activation ----------------------------------------------------------------------------- */

static void test_ENC_2_8_10_14_a_good_set_is_accepted_and_indicated(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.no_activate = true});
    NDIS_OFFLOAD_ENCAPSULATION e = encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON);
    NDIS_OID_REQUEST r =
        path_oid_make(NdisRequestSetInformation, OID_OFFLOAD_ENCAPSULATION, &e, ENCAPSULATION);

    assert_int_equal(path_oid_wait(p, &r), NDIS_STATUS_SUCCESS);
    assert_int_equal(r.DATA.SET_INFORMATION.BytesRead, 28);
    assert_int_equal(r.SupportedRevision, 1);
    assert_indicated(p, 0);
    watch_close(p);
}

/* ENC-3, 4, 6, 9, 12, 13 */
static void test_ENC_3_4_6_9_13_a_bad_set_changes_nothing(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.no_activate = true});
    NDIS_OFFLOAD_ENCAPSULATION good = encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON),
                               bad[8];
    static const bool parameter[8] = {false, false, false, false, false, true, true, true};

    for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
        bad[i] = good;
    bad[0].Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    bad[1].Header.Revision = 0;
    bad[2].Header.Size = 40;
    bad[3].IPv4.Enabled = 3;
    bad[4].IPv6.Enabled = 0xffffffff;
    bad[5].IPv4.EncapsulationType = NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED; /* of 14 bytes */
    bad[6].IPv6.EncapsulationType = NDIS_ENCAPSULATION_NULL;
    bad[7].IPv4.HeaderSize = 0x10000;
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        NDIS_STATUS status = path_set(p, OID_OFFLOAD_ENCAPSULATION, &bad[i], ENCAPSULATION);

        if (parameter[i])
            assert_int_equal(status, NDIS_STATUS_INVALID_PARAMETER);
        else
            assert_true(is_value_error(status));
    }
    for (ULONG bytes = 0; bytes < 28; bytes++) {
        NDIS_OID_REQUEST r =
            path_oid_make(NdisRequestSetInformation, OID_OFFLOAD_ENCAPSULATION, &good, bytes);
        NDIS_STATUS status = path_oid_wait(p, &r);

        assert_true(status == NDIS_STATUS_INVALID_LENGTH || status == NDIS_STATUS_BUFFER_TOO_SHORT);
        assert_int_equal(r.DATA.SET_INFORMATION.BytesNeeded, 28);
    }
    assert_int_equal(p->status_count, 0);
    assert_false(verdict(p, 4, 17) || verdict(p, 6, 17));
    assert_int_equal(path_query(p, OID_OFFLOAD_ENCAPSULATION, &good, 28, NULL),
                     NDIS_STATUS_INVALID_STATE); /* ENC-21 */
    watch_close(p);
}

/* ENC-5, 6, 7, 15, 16, RXC-9 */
static void test_ENC_5_7_15_16_families_are_independent_and_remembered(void **state)
{
    static const struct {
        ULONG four, six;
        bool on4, on6;
    } steps[] = {
        {NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_NO_CHANGE, true, false},
        {NDIS_OFFLOAD_SET_NO_CHANGE, NDIS_OFFLOAD_SET_ON, true, true},
        {NDIS_OFFLOAD_SET_OFF, NDIS_OFFLOAD_SET_NO_CHANGE, false, true},
        {NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_OFF, true, false},
        {NDIS_OFFLOAD_SET_NO_CHANGE, NDIS_OFFLOAD_SET_NO_CHANGE, true, false},
        {NDIS_OFFLOAD_SET_OFF, NDIS_OFFLOAD_SET_OFF, false, false},
        {NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON, true, true},
    };
    struct path *p = watch_open(state, (struct path_config){.no_activate = true});
    NDIS_OFFLOAD before = current(p), after;

    assert_int_equal(
        path_parameter(p, FIELD(TCPIPv6Checksum), NDIS_OFFLOAD_PARAMETERS_TX_ENABLED_RX_DISABLED),
        NDIS_STATUS_SUCCESS);
    before = current(p);
    for (unsigned i = 0; i < ARRAY_LEN(steps); i++) {
        NDIS_OFFLOAD_ENCAPSULATION e = encapsulation(steps[i].four, steps[i].six);
        unsigned statuses = p->status_count;

        if (steps[i].four == NDIS_OFFLOAD_SET_OFF) { /* leftovers are not looked at */
            e.IPv4.EncapsulationType = 0x7777;
            e.IPv4.HeaderSize = 99;
        }
        assert_int_equal(path_set(p, OID_OFFLOAD_ENCAPSULATION, &e, ENCAPSULATION),
                         NDIS_STATUS_SUCCESS);
        assert_indicated(p, statuses);
        assert_int_equal(verdict(p, 4, 17), steps[i].on4);
        assert_int_equal(verdict(p, 4, 6), steps[i].on4);
        assert_int_equal(verdict(p, 6, 17), steps[i].on6);
        assert_false(verdict(p, 6, 6));
        after = current(p);
        assert_true(same(&before, &after));
    }
    watch_close(p);
}

static void test_ENC_20_the_query_is_answered_from_the_last_good_set(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.no_activate = true});
    NDIS_OFFLOAD_ENCAPSULATION e = encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_OFF),
                               bad = encapsulation(7, 7), got;
    ULONG bytes;

    assert_int_equal(path_set(p, OID_OFFLOAD_ENCAPSULATION, &e, ENCAPSULATION),
                     NDIS_STATUS_SUCCESS);
    assert_true(is_value_error(path_set(p, OID_OFFLOAD_ENCAPSULATION, &bad, ENCAPSULATION)));
    watch.count = 0;
    assert_int_equal(path_query(p, OID_OFFLOAD_ENCAPSULATION, &got, sizeof got, &bytes),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(bytes, 28);
    assert_memory_equal(&got, &e, 28);
    assert_false(watch.event[watch_find(0, WATCH_OID, OID_OFFLOAD_ENCAPSULATION)].reached);
    watch_close(p);
}

/* SEC-8: contents at random; whatever is accepted is indicated and within the hardware, what is not
 * changes nothing. */
static void test_SEC_8_random_requests_are_taken_whole_or_not_at_all(void **state)
{
    struct path *p = watch_open(state, (struct path_config){0});
    uint64_t seed = 0x5eed5eed5eed5eedull;
    struct ndis_offload_state s;

    for (unsigned i = 0; i < 3000; i++) {
        uint8_t bytes[64];
        NDIS_OFFLOAD before = current(p), after;
        bool e;
        ULONG len;
        NDIS_STATUS status;

        for (unsigned b = 0; b < sizeof bytes; b++) {
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            bytes[b] = (uint8_t)((seed >> 33) % (i & 1 ? 6 : 256));
        }
        e = (seed >> 40) & 1;
        len = (ULONG)(seed >> 42) % sizeof bytes;
        if (i % 4) {
            NDIS_OBJECT_HEADER h = {e ? NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION
                                      : NDIS_OBJECT_TYPE_DEFAULT,
                                    1, e ? ENCAPSULATION : PARAMETERS};

            memcpy(bytes, &h, sizeof h);
        }
        p->status_count = 0;
        status =
            path_set(p, e ? OID_OFFLOAD_ENCAPSULATION : OID_TCP_OFFLOAD_PARAMETERS, bytes, len);
        after = current(p);
        assert_int_equal(p->status_count, status == NDIS_STATUS_SUCCESS);
        if (status != NDIS_STATUS_SUCCESS || e)
            assert_true(same(&before, &after));
    }
    ndis_adapter_offload(p->adapter, &s);
    assert_true(same(&s.hardware, &watch.hardware));
    watch_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PATH_BOTH(test_ENC_2_8_10_14_a_good_set_is_accepted_and_indicated),
        PATH_BOTH(test_ENC_3_4_6_9_13_a_bad_set_changes_nothing),
        PATH_BOTH(test_ENC_5_7_15_16_families_are_independent_and_remembered),
        PATH_BOTH(test_ENC_20_the_query_is_answered_from_the_last_good_set),
        PATH_BOTH(test_SEC_8_random_requests_are_taken_whole_or_not_at_all),
    };

    return path_run(tests);
}
