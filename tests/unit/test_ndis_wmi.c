/* SPDX-License-Identifier: MIT */
/* The administrator's GUIDs: src/ndis/wmi.c. */
#include "test_ndis_rig.h"

static void up(void)
{
    mp.offload = true;
    rig_offload(&mp.now);
    rig_offload(&mp.hardware);
    mp.hardware.Checksum.IPv4Transmit.IpOptionsSupported = NDIS_OFFLOAD_SUPPORTED;
    mp.hardware.Checksum.IPv6Receive.UdpChecksum = NDIS_OFFLOAD_SUPPORTED;
    mp.hardware.LsoV2.IPv6.TcpOptionsSupported = NDIS_OFFLOAD_SUPPORTED;
    mp.hardware.IPsecV1.IPv4ESP.Receive = NDIS_OFFLOAD_SUPPORTED;
    rig_up(NULL);
    assert_int_equal(ndis_adapter_initialize(rig.adapter), NDIS_STATUS_SUCCESS);
    rig.status_count = 0;
}

static const GUID *guid(const char *name)
{
    const struct ndis_wmi_guid *g;

    for (unsigned i = 0; (g = ndis_wmi_at(i)) != NULL; i++)
        if (strcmp(g->name, name) == 0 || (g->page_name && strcmp(g->page_name, name) == 0))
            return g->guid;
    fail_msg("no GUID %s", name);
    return NULL;
}

/* What wmi.c takes: header and parameters. */
struct set {
    NDIS_WMI_SET_HEADER header;
    NDIS_OFFLOAD_PARAMETERS parameters;
};
enum { SET_BYTES = sizeof(NDIS_WMI_SET_HEADER) + NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1 };

static struct set lso_off(void)
{
    return (struct set){
        .header.Header = {NDIS_WMI_OBJECT_TYPE_SET, NDIS_WMI_SET_HEADER_REVISION_1,
                          NDIS_SIZEOF_WMI_SET_HEADER_REVISION_1},
        .parameters = {.Header = {NDIS_OBJECT_TYPE_DEFAULT, NDIS_OFFLOAD_PARAMETERS_REVISION_1,
                                  NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1},
                       .LsoV2IPv4 = NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED},
    };
}

static void indicate(NDIS_STATUS code, NDIS_OFFLOAD *o)
{
    NDIS_STATUS_INDICATION s = {
        .Header = {NDIS_OBJECT_TYPE_STATUS_INDICATION, 1, NDIS_SIZEOF_STATUS_INDICATION_REVISION_1},
        .SourceHandle = mp.handle,
        .StatusCode = code,
        .StatusBuffer = o,
        .StatusBufferSize = o->Header.Size,
    };

    NdisMIndicateStatusEx(mp.handle, &s);
}

/* Does what a miniport does with the set: LSO goes off, which is indicated. */
static NDIS_STATUS lso_handler(NDIS_OID_REQUEST *r)
{
    NDIS_OFFLOAD o = mp.now;

    assert_int_equal(r->RequestType, NdisRequestSetInformation);
    assert_int_equal(r->DATA.SET_INFORMATION.Oid, OID_TCP_OFFLOAD_PARAMETERS);
    assert_int_equal(r->DATA.SET_INFORMATION.InformationBufferLength,
                     NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1);
    memset(&o.LsoV2.IPv4, 0, sizeof(o.LsoV2.IPv4));
    indicate(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &o);
    rig_fill_result(r);
    return NDIS_STATUS_SUCCESS;
}

/* CFG-21, D-14: values and names, each GUID once, header and page name for the five. */
static void test_the_documented_guids_are_mapped(void **state)
{
    static const struct {
        const char *name, *page;
        enum ndis_wmi_kind kind;
        uint32_t first;
    } want[] = {
        {"GUID_NDIS_TCP_OFFLOAD_CURRENT_CONFIG", "GUID_NDIS_TCP_OFFLOAD_CAPABILITIES",
         NDIS_WMI_QUERY, 0x68542fed},
        {"GUID_NDIS_TCP_OFFLOAD_HARDWARE_CAPABILITIES", "GUID_NDIS_TCP_OFFLOAD_HW_CAPABILITIES",
         NDIS_WMI_QUERY, 0xcd5f1102},
        {"GUID_NDIS_TCP_OFFLOAD_PARAMETERS", "GUID_NDIS_TCP_OFFLOAD_ADMIN_SETTINGS", NDIS_WMI_SET,
         0x8ead9a22},
        {"GUID_NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG",
         "GUID_NDIS_STATUS_OFFLOAD_CAPABILITIES_CHANGE", NDIS_WMI_EVENT, 0x45049fc6},
        {"GUID_NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES",
         "GUID_NDIS_STATUS_OFFLOAD_HW_CAPABILITIES", NDIS_WMI_EVENT, 0xb6b8158b},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        const GUID *g = guid(want[i].name);

        assert_ptr_equal(g, guid(want[i].page));
        assert_int_equal(g->Data1, want[i].first);
        assert_int_equal(ndis_wmi_find(g)->kind, want[i].kind);
    }
    assert_null(ndis_wmi_find(&(GUID){0}));
}

/* CFG-23: every member of the flattened structure equals the bit-field that it mirrors. */
static void test_queries_answer_flattened(void **state)
{
    NDIS_WMI_OFFLOAD now, hardware;
    ULONG bytes = sizeof(now);

    (void)state;
    up();
    assert_int_equal(
        ndis_wmi_query(rig.adapter, guid("GUID_NDIS_TCP_OFFLOAD_CURRENT_CONFIG"), &now, &bytes),
        NDIS_STATUS_SUCCESS);
    assert_int_equal(bytes, NDIS_SIZEOF_NDIS_WMI_OFFLOAD_REVISION_1);
    assert_int_equal(now.Header.Size, bytes);
    assert_int_equal(now.Header.Revision, NDIS_WMI_OFFLOAD_REVISION_1);
    assert_int_equal(now.Checksum.IPv4Transmit.Encapsulation, NDIS_ENCAPSULATION_IEEE_802_3);
    assert_int_equal(now.Checksum.IPv4Transmit.TcpChecksum, 1);
    assert_int_equal(now.Checksum.IPv4Transmit.IpOptionsSupported, 0);
    assert_int_equal(now.LsoV2.IPv4.MaxOffLoadSize, 64000);
    bytes = sizeof(hardware);
    assert_int_equal(ndis_wmi_query(rig.adapter,
                                    guid("GUID_NDIS_TCP_OFFLOAD_HARDWARE_CAPABILITIES"), &hardware,
                                    &bytes),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(hardware.Checksum.IPv4Transmit.IpOptionsSupported, 1);
    assert_int_equal(hardware.Checksum.IPv6Receive.UdpChecksum, 1);
    assert_int_equal(hardware.LsoV2.IPv6.TcpOptionsSupported, 1);
    assert_int_equal(hardware.IPsecV1.IPv4ESP.Receive, 1);
    assert_int_equal(mp.oids, 0);
    rig_down();
}

/* CFG-23: six members set, one in each kind of part, come out at their places and nowhere else. */
static void test_flattening_mixes_up_no_members(void **state)
{
    NDIS_OFFLOAD o;
    NDIS_WMI_OFFLOAD w;
    unsigned ones = 0;

    (void)state;
    memset(&o, 0, sizeof(o));
    o.Header.Revision = NDIS_OFFLOAD_REVISION_1;
    o.Checksum.IPv4Receive.IpChecksum = 1;
    o.Checksum.IPv6Transmit.IpExtensionHeadersSupported = 1;
    o.LsoV1.IPv4.IpOptions = 1;
    o.LsoV2.IPv6.IpExtensionHeadersSupported = 1;
    o.IPsecV1.IPv4AH.Sha_1 = 1;
    o.Flags = 1;
    ndis_wmi_flatten(&o, &w);
    for (size_t at = sizeof(w.Header); at < w.Header.Size; at += sizeof(ULONG))
        ones += *(const ULONG *)((const char *)&w + at);
    assert_int_equal(ones, 6);
    assert_int_equal(w.Checksum.IPv4Receive.IpChecksum, 1);
    assert_int_equal(w.Checksum.IPv6Transmit.IpExtensionHeadersSupported, 1);
    assert_int_equal(w.LsoV1.IPv4.IpOptions, 1);
    assert_int_equal(w.LsoV2.IPv6.IpExtensionHeadersSupported, 1);
    assert_int_equal(w.IPsecV1.IPv4AH.Sha_1, 1);
    assert_int_equal(w.Flags, 1);
}

static void test_a_short_buffer_names_the_size(void **state)
{
    NDIS_WMI_OFFLOAD w;
    ULONG bytes = NDIS_SIZEOF_NDIS_WMI_OFFLOAD_REVISION_1 - 1;

    (void)state;
    up();
    assert_int_equal(
        ndis_wmi_query(rig.adapter, guid("GUID_NDIS_TCP_OFFLOAD_CURRENT_CONFIG"), &w, &bytes),
        NDIS_STATUS_BUFFER_TOO_SHORT);
    assert_int_equal(bytes, NDIS_SIZEOF_NDIS_WMI_OFFLOAD_REVISION_1);
    assert_int_equal(
        ndis_wmi_query(rig.adapter, guid("GUID_NDIS_TCP_OFFLOAD_PARAMETERS"), &w, &bytes),
        NDIS_STATUS_NOT_SUPPORTED);
    rig_down();
}

/* CFG-22, PAR-17, PAR-27: the set reaches the miniport as the OID, the keyword is stored. */
static void test_a_set_is_the_parameters_oid(void **state)
{
    struct set s = lso_off();
    char text[8];

    (void)state;
    up();
    mp.in_oid = lso_handler;
    assert_int_equal(
        ndis_wmi_set(rig.adapter, guid("GUID_NDIS_TCP_OFFLOAD_ADMIN_SETTINGS"), &s, SET_BYTES),
        NDIS_STATUS_SUCCESS);
    assert_int_equal(mp.oids, 1);
    assert_int_equal(reg_get(rig.key, "*LsoV2IPv4", NULL, text, sizeof(text)), 2);
    assert_string_equal(text, "0");
    rig_down();
}

static void test_bad_sets_do_not_reach_the_miniport(void **state)
{
    const GUID *g = guid("GUID_NDIS_TCP_OFFLOAD_PARAMETERS");
    struct set s = lso_off();

    (void)state;
    up();
    assert_int_equal(ndis_wmi_set(rig.adapter, g, &s, sizeof(s.header) - 1),
                     NDIS_STATUS_INVALID_LENGTH);
    s.header.Header.Size = SET_BYTES + 1;
    assert_int_equal(ndis_wmi_set(rig.adapter, g, &s, SET_BYTES), NDIS_STATUS_INVALID_LENGTH);
    s = lso_off();
    s.header.Header.Type = NDIS_WMI_OBJECT_TYPE_METHOD;
    assert_int_equal(ndis_wmi_set(rig.adapter, g, &s, SET_BYTES), NDIS_STATUS_INVALID_PARAMETER);
    s = lso_off();
    s.header.PortNumber = 7;
    assert_int_equal(ndis_wmi_set(rig.adapter, g, &s, SET_BYTES), NDIS_STATUS_INVALID_PARAMETER);
    s = lso_off();
    assert_int_equal(
        ndis_wmi_set(rig.adapter, guid("GUID_NDIS_TCP_OFFLOAD_CURRENT_CONFIG"), &s, SET_BYTES),
        NDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(mp.oids, 0);
    rig_down();
}

static struct {
    unsigned count;
    NDIS_WMI_EVENT_HEADER header;
    WCHAR first_of_name;
    const char *guid_name;
    NDIS_WMI_OFFLOAD data;
    ULONG bytes;
} seen;

static void on_event(void *arg, struct ndis_adapter *a, const struct ndis_wmi_guid *g,
                     const struct ndis_wmi_event *e)
{
    (void)arg;
    assert_ptr_equal(a, rig.adapter);
    seen.count++;
    seen.header = *e->header;
    memcpy(&seen.first_of_name, (const char *)e->header + e->header->DeviceNameOffset,
           sizeof(WCHAR));
    seen.guid_name = g->name;
    seen.bytes = e->bytes;
    memcpy(&seen.data, e->data, MIN_OF(sizeof(seen.data), (size_t)e->bytes));
}

/* CFG-21: the two event GUIDs fire with the two indications, and only with them. */
static void test_events_fire_with_the_indications(void **state)
{
    NDIS_OFFLOAD o;

    (void)state;
    memset(&seen, 0, sizeof(seen));
    up();
    ndis_wmi_set_sink(on_event, NULL);
    o = mp.now;
    memset(&o.LsoV2.IPv4, 0, sizeof(o.LsoV2.IPv4));
    indicate(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &o);
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.guid_name, "GUID_NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG");
    assert_int_equal(seen.header.Header.Type, NDIS_WMI_OBJECT_TYPE_EVENT);
    assert_int_equal(seen.header.IfIndex, rig.adapter->index);
    assert_int_equal(seen.header.DeviceNameLength, 2 * strlen(rig.adapter->ndis_name));
    assert_int_equal(seen.first_of_name, '\\');
    assert_int_equal(seen.bytes, NDIS_SIZEOF_NDIS_WMI_OFFLOAD_REVISION_1);
    assert_int_equal(seen.data.LsoV2.IPv4.MaxOffLoadSize, 0);
    assert_int_equal(seen.data.Checksum.IPv4Transmit.TcpChecksum, 1);
    indicate(NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES, &mp.hardware);
    assert_int_equal(seen.count, 2);
    assert_string_equal(seen.guid_name, "GUID_NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES");
    assert_int_equal(seen.data.Checksum.IPv6Receive.UdpChecksum, 1);
    o.Header.Type = 0x80; /* a bad one is a finding, and no event */
    indicate(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &o);
    assert_int_equal(seen.count, 2);
    assert_int_equal(
        ndis_wmi_fired(rig.adapter, guid("GUID_NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG")), 1);
    ndis_wmi_set_sink(NULL, NULL);
    rig_down();
}

/* PAR-29: hardware, current, set, new current: four consistent structures. */
static void test_the_administrators_path(void **state)
{
    NDIS_WMI_OFFLOAD hardware, before, after;
    struct set s = lso_off();
    ULONG bytes = sizeof(hardware);

    (void)state;
    up();
    mp.in_oid = lso_handler;
    ndis_wmi_query(rig.adapter, guid("GUID_NDIS_TCP_OFFLOAD_HARDWARE_CAPABILITIES"), &hardware,
                   &bytes);
    ndis_wmi_query(rig.adapter, guid("GUID_NDIS_TCP_OFFLOAD_CURRENT_CONFIG"), &before, &bytes);
    assert_int_equal(before.LsoV2.IPv4.MaxOffLoadSize, hardware.LsoV2.IPv4.MaxOffLoadSize);
    assert_int_equal(
        ndis_wmi_set(rig.adapter, guid("GUID_NDIS_TCP_OFFLOAD_PARAMETERS"), &s, SET_BYTES),
        NDIS_STATUS_SUCCESS);
    ndis_wmi_query(rig.adapter, guid("GUID_NDIS_TCP_OFFLOAD_CURRENT_CONFIG"), &after, &bytes);
    memset(&before.LsoV2.IPv4, 0, sizeof(before.LsoV2.IPv4));
    assert_memory_equal(&before, &after, NDIS_SIZEOF_NDIS_WMI_OFFLOAD_REVISION_1);
    rig_down();
}

static _Atomic(unsigned) told;

static void on_keywords(void *arg)
{
    (void)arg;
    assert_int_equal(nt_thread_self()->irql, 0);
    atomic_fetch_add(&told, 1);
}

static bool told_soon(unsigned n)
{
    for (unsigned i = 0; i < 2000 && atomic_load(&told) < n; i++)
        usleep(1000);
    return atomic_load(&told) == n;
}

/* PAR-17: whoever keeps the registry in a file hears of it, also of values put back (PAR-7). */
static void test_changed_keywords_are_reported(void **state)
{
    const GUID *g = guid("GUID_NDIS_TCP_OFFLOAD_PARAMETERS");
    struct set s = lso_off();

    (void)state;
    atomic_store(&told, 0);
    ndis_set_keywords_changed(on_keywords, NULL);
    up();
    ndis_wmi_set(rig.adapter, g, &s, SET_BYTES);
    assert_true(told_soon(1));
    mp.oid = NDIS_STATUS_INVALID_DATA;
    ndis_wmi_set(rig.adapter, g, &s, SET_BYTES);
    assert_true(told_soon(2));
    s.parameters.LsoV2IPv4 = 0;
    ndis_wmi_set(rig.adapter, g, &s, SET_BYTES);
    assert_int_equal(atomic_load(&told), 2);
    rig_down();
    ndis_set_keywords_changed(NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_the_documented_guids_are_mapped),
        RIG_TEST(test_queries_answer_flattened),
        RIG_TEST(test_flattening_mixes_up_no_members),
        RIG_TEST(test_a_short_buffer_names_the_size),
        RIG_TEST(test_a_set_is_the_parameters_oid),
        RIG_TEST(test_bad_sets_do_not_reach_the_miniport),
        RIG_TEST(test_events_fire_with_the_indications),
        RIG_TEST(test_the_administrators_path),
        RIG_TEST(test_changed_keywords_are_reported),
    };

    return RIG_MAIN(tests);
}
