/* SPDX-License-Identifier: MIT */
/* Keywords of features that come and go with versions of NDIS, and those without which NDIS starts
 * nothing. */
#include "conform/keyword.h"

static const char *const digits[] = {"0", "1", "2", "3"};

CHECK("KEY-13", ipsec)
{
    static const char *const words[] = {"*IPsecOffloadV1IPv4", "*IPsecOffloadV2",
                                        "*IPsecOffloadV2IPv4"};
    struct ndis_offload_state all, s;

    keyword_prepare(r);
    all = keyword_start(r);
    for (unsigned v = 0; v < 4; v++) {
        for (unsigned i = 0; i < ARRAY_LEN(words); i++)
            keyword_set(r, words[i], digits[v]);
        about(r, "every keyword of IPsec offload = %u", v);
        s = keyword_start(r); /* a failure ends the check with a finding */
        for (enum feature f = 0; f < FEATURES; f++)
            expect_equal(r, feature_keyword(f), feature_listed(&s.current, f),
                         feature_listed(&all.current, f));
        expect_equal(r, "IPsecV1.Supported.Encapsulation",
                     s.current.IPsecV1.Supported.Encapsulation,
                     v ? all.current.IPsecV1.Supported.Encapsulation : 0);
    }
}

CHECK("KEY-14", connection)
{
    static const char *const words[] = {"*TCPConnectionOffloadIPv4", "*TCPConnectionOffloadIPv6"};
    NDIS_TCP_CONNECTION_OFFLOAD able;
    char text[16];

    keyword_prepare(r);
    keyword_start(r);
    able = watch_attributes()->connection_hardware;
    need(r, able.SupportIPv4 || able.SupportIPv6, "connection offload");
    for (unsigned v = 0; v < 4; v++) {
        const NDIS_TCP_CONNECTION_OFFLOAD *now = &watch_attributes()->connection_now;

        keyword_set(r, words[0], digits[v & 1]);
        keyword_set(r, words[1], digits[v >> 1]);
        keyword_start(r);
        about(r, "%s = %u, %s = %u", words[0], v & 1, words[1], v >> 1);
        if (able.SupportIPv4)
            expect_equal(r, "SupportIPv4", now->SupportIPv4 == 1, v & 1);
        if (able.SupportIPv6)
            expect_equal(r, "SupportIPv6", now->SupportIPv6 == 1, v >> 1);
    }
    for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
        about(r, "%s in the .inf", words[i]);
        if (keyword_inf_default(r, words[i], text, sizeof text))
            expect(r, strcmp(text, "1") == 0, "Default", "\"1\"", "\"%s\"", text);
    }
}

CHECK("KEY-29", types_must_be_there)
{
    static const char *const words[] = {"*IfType", "*MediaType", "*PhysicalMediaType"};

    keyword_prepare(r);
    for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
        unsigned at = watch_count();
        char kept[32] = "";
        enum reg_type type;
        int bytes = reg_get(r->key, words[i], &type, kept, sizeof kept);

        if (bytes < 0)
            cannot(r, "the .inf gives the adapter no %s", words[i]);
        reg_delete(r->key, words[i]);
        about(r, "the adapter's key has no %s", words[i]);
        expect(r, ndis_adapter_initialize(r->adapter) != NDIS_STATUS_SUCCESS, "start", "refused",
               "the adapter is %s", ndis_adapter_state_name(ndis_adapter_state(r->adapter)));
        expect(r, watch_find_state(at, NDIS_ADAPTER_INITIALIZING) < 0, "MiniportInitializeEx",
               "not called", "called");
        ndis_adapter_halt(r->adapter);
        reg_set(r->key, words[i], type, kept, (size_t)bytes);
    }
}

CHECK("KEY-31", keywords_of_later_versions)
{
    static const struct {
        const char *name;
        unsigned version; /* as OID_GEN_DRIVER_VERSION has it */
    } words[] = {
        {"*RscIPv4", 0x61e}, {"*RscIPv6", 0x61e}, {"*UsoIPv4", 0x653},
        {"*UsoIPv6", 0x653}, {"*UdpRsc", 0x659},  {"*EncapsulatedPacketTaskOffload", 0x61e},
    };
    USHORT version = 0;

    rig_open(r, NULL);
    if (rig_query(r, OID_GEN_DRIVER_VERSION, &version, sizeof version, NULL) != NDIS_STATUS_SUCCESS)
        cannot(r, "the driver's version of NDIS is not known");
    about(r, "a driver for NDIS %u.%u", version >> 8, version & 0xff);
    for (unsigned i = 0; i < ARRAY_LEN(words); i++)
        expect(r, version >= words[i].version || !watch_read_keyword(words[i].name), words[i].name,
               "not read", "read at initialization");
}
