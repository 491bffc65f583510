/* SPDX-License-Identifier: MIT */
/* How keywords are stored and read: text and numbers, absent, senseless, not shown, edited. */
#include "conform/keyword.h"

static void set_all(struct rig *r, const char *value)
{
    for (enum feature f = 0; f < FEATURES; f++)
        keyword_set(r, feature_keyword(f), value ? value : feature_default(f));
}

/* What is listed is the same in both; what a feature makes of its keyword is its own row. */
static void expect_same(struct rig *r, const NDIS_OFFLOAD *got, const NDIS_OFFLOAD *want)
{
    char field[80];

    for (enum feature f = 0; f < FEATURES; f++) {
        snprintf(field, sizeof field, "what %s governs", feature_keyword(f));
        expect_equal(r, field, feature_listed(got, f), feature_listed(want, f));
    }
}

static bool any_feature(const struct ndis_offload_state *s)
{
    for (enum feature f = 0; f < FEATURES; f++) {
        if (feature_listed(&s->hardware, f))
            return true;
    }
    return false;
}

/* ---- Text and numbers ----------------------------------------------------------------------- */

/* Menus of the .inf: what the installer stored. */
static void expect_text(struct rig *r)
{
    struct reg_key *params = reg_key_sub(r->key, "Ndi\\params", false), *k;

    for (unsigned i = 0; params && (k = reg_key_child(params, i)); i++) {
        const char *name = reg_key_name(k);
        char type[16] = "", value[32] = "";
        enum reg_type stored;

        reg_get(k, "Type", NULL, type, sizeof type - 1);
        if (strcasecmp(type, "enum") != 0 ||
            reg_get(r->key, name, &stored, value, sizeof value - 1) < 0)
            continue;
        about(r, "%s as the .inf leaves it", name);
        expect_equal(r, "type of the value (1: REG_SZ)", stored, REG_T_SZ);
        expect(r, value[0] && strspn(value, "0123456789") == strlen(value), "value",
               "a decimal number", "\"%s\"", value);
    }
}

CHECK("KEY-19", text_and_dword)
{
    static const char *const values[] = {"0", NULL};
    struct ndis_offload_state text, number;

    keyword_prepare(r);
    expect_text(r);
    for (unsigned i = 0; i < ARRAY_LEN(values); i++) {
        set_all(r, values[i]);
        text = keyword_start(r);
        need(r, any_feature(&text), "task offload");
        for (enum feature f = 0; f < FEATURES; f++)
            reg_set_dword(r->key, feature_keyword(f),
                          (uint32_t)atoi(values[i] ? values[i] : feature_default(f)));
        number = keyword_start(r);
        about(r, "every offload keyword %s, as a DWORD and as text", values[i] ? "0" : "on");
        expect_same(r, &number.current, &text.current);
    }
}

/* ---- Absent, senseless ---------------------------------------------------------------------- */

static NDIS_STATUS ask_ndis(struct rig *r, const WCHAR *name, size_t units)
{
    NDIS_STRING s = {(USHORT)(units * 2), (USHORT)(units * 2), (WCHAR *)(uintptr_t)name};
    NDIS_CONFIGURATION_OBJECT o;
    PNDIS_CONFIGURATION_PARAMETER p;
    NDIS_STATUS status;
    NDIS_HANDLE config;

    memset(&o, 0, sizeof o);
    o.Header.Type = NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT;
    o.Header.Revision = NDIS_CONFIGURATION_OBJECT_REVISION_1;
    o.Header.Size = NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1;
    o.NdisHandle = r->main.binding;
    if (NdisOpenConfigurationEx(&o, &config) != NDIS_STATUS_SUCCESS)
        cannot(r, "the adapter's configuration cannot be opened");
    NdisReadConfiguration(&status, &p, config, &s, NdisParameterInteger);
    NdisCloseConfiguration(config);
    return status;
}

CHECK("KEY-20", absent)
{
    static const WCHAR name[] = L"*LsoV2IPv4";
    struct reg_key *params;
    struct ndis_offload_state full, bare;
    struct reg_key *k;
    ULONG options;

    keyword_prepare(r);
    set_all(r, NULL);
    full = keyword_start(r);
    options = watch_attributes()->general.MacOptions;
    for (enum feature f = 0; f < FEATURES; f++)
        keyword_set(r, feature_keyword(f), NULL);
    params = reg_key_sub(r->key, "Ndi\\params", false);
    for (unsigned i = 0; params && (k = reg_key_child(params, i)); i++)
        keyword_set(r, reg_key_name(k), NULL);
    about(r, "no keyword at all");
    rig_start(r);
    bare = rig_offload(r);
    expect_same(r, &bare.current, &full.current);
    expect_equal(r, "MacOptions", watch_attributes()->general.MacOptions, options);
    rig_bind(r);
    about(r, "NdisReadConfiguration of a keyword that is not there");
    expect_code(r, "status", ask_ndis(r, name, ARRAY_LEN(name) - 1), NDIS_STATUS_FAILURE);
}

/* An .inf's limits do not bind whoever edits the registry. */
CHECK("KEY-21", senseless_values)
{
    static const char *const values[] = {"", "x", "4", "255", "99999999999999999999", "-1"};
    static const char *const edits[] = {"*ReceiveBuffers", "*TransmitBuffers", "*JumboPacket",
                                        "VlanId", "NetworkAddress"};
    struct ndis_offload_state full, s;

    keyword_prepare(r);
    set_all(r, NULL);
    full = keyword_start(r);
    for (unsigned i = 0; i < ARRAY_LEN(values); i++) {
        about(r, "every offload keyword \"%s\"", values[i]);
        set_all(r, values[i]);
        s = keyword_start(r);
        expect_same(r, &s.current, &full.current);
    }
    for (enum feature f = FEATURE_IP4; f <= FEATURE_UDP6; f++)
        keyword_set(r, feature_keyword(f), NULL);
    for (enum feature f = FEATURE_LSO1; f < FEATURES; f++)
        keyword_set(r, feature_keyword(f), feature_default(f));
    for (unsigned i = 0; i < ARRAY_LEN(values); i++) {
        about(r, "the grouped checksum keywords \"%s\"", values[i]);
        keyword_set(r, feature_group(FEATURE_TCP4), values[i]);
        keyword_set(r, feature_group(FEATURE_TCP6), values[i]);
        s = keyword_start(r);
        expect_same(r, &s.current, &full.current);
    }
    set_all(r, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(values) * ARRAY_LEN(edits); i++) {
        about(r, "%s \"%s\"", edits[i % ARRAY_LEN(edits)], values[i / ARRAY_LEN(edits)]);
        keyword_set(r, edits[i % ARRAY_LEN(edits)], values[i / ARRAY_LEN(edits)]);
        s = keyword_start(r); /* a failure ends the check with a finding */
        expect(r, true, "MiniportInitializeEx", "", "%s", "");
        keyword_set(r, edits[i % ARRAY_LEN(edits)], NULL);
    }
}

/* ---- Not shown, edited ---------------------------------------------------------------------- */

static void forget(struct reg_key *k)
{
    struct reg_key *menu = k ? reg_key_sub(k, "enum", false) : NULL;
    const char *name;

    while (menu && (name = reg_value_name(menu, 0)))
        reg_delete(menu, name);
    if (menu)
        reg_key_delete(menu);
    while (k && (name = reg_value_name(k, 0)))
        reg_delete(k, name);
    if (k)
        reg_key_delete(k);
}

CHECK("KEY-22", keywords_without_a_page)
{
    struct ndis_offload_state shown, hidden;

    keyword_prepare(r);
    set_all(r, "0");
    shown = keyword_start(r);
    need(r, any_feature(&shown), "task offload");
    for (enum feature f = 0; f < FEATURES; f++)
        forget(keyword_params(r, feature_keyword(f)));
    hidden = keyword_start(r);
    about(r, "offload keywords in the registry, none on the property page");
    expect_same(r, &hidden.current, &shown.current);
    for (enum feature f = 0; f < FEATURES; f++) {
        if (feature_listed(&hidden.hardware, f))
            expect(r, watch_read_keyword(feature_keyword(f)), feature_keyword(f),
                   "read at initialization", "never asked for");
    }
}

CHECK("KEY-23", edited_behind_the_back)
{
    NDIS_OFFLOAD_PARAMETERS o = rig_parameters();
    struct ndis_offload_state before, now;

    rig_open(r, NULL);
    before = rig_offload(r);
    need(r, any_feature(&before), "task offload");
    set_all(r, "0");
    about(r, "keywords edited to 0 while the adapter runs");
    now = rig_offload(r);
    expect_same(r, &now.current, &before.current);
    rig_set(r, OID_TCP_OFFLOAD_PARAMETERS, &o, NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1);
    now = rig_offload(r);
    about(r, "then a set of OID_TCP_OFFLOAD_PARAMETERS that changes nothing");
    expect_same(r, &now.current, &before.current);
    rig_activate(r, NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON);
    now = rig_offload(r);
    about(r, "then OID_OFFLOAD_ENCAPSULATION");
    expect_same(r, &now.current, &before.current);
    ndis_adapter_pause(r->adapter);
    ndis_adapter_restart(r->adapter);
    now = rig_offload(r);
    about(r, "then a pause and a restart");
    expect_same(r, &now.current, &before.current);
}
