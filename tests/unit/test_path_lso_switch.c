/* SPDX-License-Identifier: MIT */
/* Large sends (LSO2, LSO1 rows marked "both") that are switched off, or that the card lacks:
 * through the whole path, both builds. */
#include "test_path_large.h"

static const unsigned versions[] = {4, 6};

static void refused_now(unsigned version)
{
    struct frame_recipe r = large_recipe(version, 5000);
    struct packet *k = large_packet(&r);

    expect_refused(k, large_ask(k, 1000));
}

static void works_now(unsigned version)
{
    struct frame_recipe r = large_recipe(version, 5000);

    expect_large(large_packet(&r), 1000, &(struct ask){0});
}

/* LSO1-36, LSO2-19, PAR-22. */
static void test_LSO2_19_each_family_is_switched_on_its_own(void **state)
{
    static const size_t fields[] = {offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv4),
                                    offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv6)};

    UNUSED_STATE;
    path_begin((struct path_config){0});
    for (unsigned v = 0; v < 2; v++) {
        assert_int_equal(path_parameter(&path, fields[v], NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED),
                         NDIS_STATUS_SUCCESS);
        refused_now(versions[v]);
        works_now(versions[!v]);
        assert_int_equal(path_parameter(&path, fields[v], NDIS_OFFLOAD_PARAMETERS_LSOV2_ENABLED),
                         NDIS_STATUS_SUCCESS);
        works_now(versions[v]);
        works_now(versions[!v]);
    }
    path_end();
}

/* PAR-24: the checksums of segments are part of the large send. */
static void test_LSO1_18_checksums_switched_off_alone(void **state)
{
    UNUSED_STATE;
    path_begin((struct path_config){0});
    assert_int_equal(path_parameter(&path, offsetof(NDIS_OFFLOAD_PARAMETERS, TCPIPv4Checksum),
                                    NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(path_parameter(&path, offsetof(NDIS_OFFLOAD_PARAMETERS, IPv4Checksum),
                                    NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED),
                     NDIS_STATUS_SUCCESS);
    works_now(4);
    works_now(6);
    path_end();
}

static void test_LSO2_3_a_family_that_the_card_lacks(void **state)
{
    static const char *const lacks[] = {"host_tso4", "host_tso6"};

    UNUSED_STATE;
    for (unsigned v = 0; v < 2; v++) {
        path_begin((struct path_config){.withhold = lacks[v]});
        refused_now(versions[v]);
        works_now(versions[!v]);
        path_end();
    }
    path_begin((struct path_config){.withhold = "csum"});
    refused_now(4);
    refused_now(6);
    path_end();
}

static void test_LSO1_36_switched_off_by_keyword(void **state)
{
    static const char *const off4[] = {"*LsoV2IPv4", "0", NULL};

    UNUSED_STATE;
    path_begin((struct path_config){.keywords = off4});
    assert_int_equal(path.bind_offload.LsoV2.IPv4.MaxOffLoadSize, 0);
    refused_now(4);
    works_now(6);
    path_end();
}

/* A card without HOST_ECN repeats CWR: such sends are failed, or cut properly; others work. */
static void test_LSO1_10_cwr_on_a_card_without_ecn(void **state)
{
    UNUSED_STATE;
    path_begin((struct path_config){.withhold = "host_ecn"});
    for (unsigned v = 0; v < 2; v++) {
        struct frame_recipe r = large_recipe(versions[v], 5000);

        works_now(versions[v]);
        r.tcp_flags = ACK | CWR;
        expect_right_or_refused(large_packet(&r), 1000);
    }
    path_end();
}

static void test_LSO1_3_large_frames(void **state)
{
    UNUSED_STATE;
    path_begin((struct path_config){.mtu = 9000});
    for (unsigned v = 0; v < 2; v++) {
        struct frame_recipe r = large_recipe(versions[v], 60001);

        expect_large(large_packet(&r), versions[v] == 4 ? 8960 : 8940, &(struct ask){0});
        expect_refused(large_packet(&r), large_ask(large_packet(&r), 8961));
    }
    path_end();
}

int main(void)
{
    const struct CMUnitTest off[] = {
        cmocka_unit_test(test_LSO2_19_each_family_is_switched_on_its_own),
        cmocka_unit_test(test_LSO1_18_checksums_switched_off_alone),
        cmocka_unit_test(test_LSO2_3_a_family_that_the_card_lacks),
        cmocka_unit_test(test_LSO1_36_switched_off_by_keyword),
        cmocka_unit_test(test_LSO1_10_cwr_on_a_card_without_ecn),
        cmocka_unit_test(test_LSO1_3_large_frames),
    };

    return path_run("LSO switched", off, COUNT(off), false);
}
