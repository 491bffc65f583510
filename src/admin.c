/* SPDX-License-Identifier: MIT */
/*
 * What an administrator sees and sets on a machine: offloads by keyword and by structure, the WMI
 * GUIDs, and the registry file that keeps what was set (PAR-17, PAR-18).
 */
#include "machine.h"

#include "nt/processor.h"

#include <ctype.h>
#include <strings.h>

/* ---- The registry file -------------------------------------------------------------- */

static void keywords_changed(void *arg)
{
    struct why why = {0};

    if (machine_registry_store(arg, &why) < 0)
        log_warn("%s", why.text);
}

int machine_registry_begin(struct longshore *ls, struct why *why)
{
    int r;

    ls->registry = registry_new();
    if (!ls->registry)
        return why_set(why, -ENOMEM, "no memory for the registry");
    if (ls->config.registry) {
        r = registry_load(ls->registry, ls->config.registry, why);
        if (r < 0)
            return r;
        ndis_set_keywords_changed(keywords_changed, ls);
    }
    ls->stored = ls->started = registry_changes(ls->registry);
    registry_set_system(ls->registry);
    return 0;
}

int machine_registry_store(struct longshore *ls, struct why *why)
{
    uint64_t now;
    int r = 0;

    if (!ls->config.registry)
        return 0;
    pthread_mutex_lock(&ls->store_lock);
    now = registry_changes(ls->registry);
    if (now != ls->stored && ndis_keywords_hold()) {
        now = registry_changes(ls->registry);
        r = registry_save(ls->registry, ls->config.registry, why);
        ndis_keywords_release();
        if (r == 0)
            ls->stored = now;
    }
    pthread_mutex_unlock(&ls->store_lock);
    return r;
}

void machine_registry_started(struct longshore *ls)
{
    ls->started = registry_changes(ls->registry);
}

void machine_registry_end(struct longshore *ls)
{
    ndis_set_keywords_changed(NULL, NULL);
    if (ls->registry && registry_changes(ls->registry) != ls->started)
        keywords_changed(ls);
    registry_set_system(NULL);
    registry_free(ls->registry);
}

/* ---- Offloads by keyword (requirements, "State model", field map) ------------------- */

enum offload_row {
    ROW_IP4,
    ROW_TCP4,
    ROW_UDP4,
    ROW_TCP6,
    ROW_UDP6,
    ROW_LSO1,
    ROW_LSO2_4,
    ROW_LSO2_6
};

#define PARAMETER(member) offsetof(NDIS_OFFLOAD_PARAMETERS, member)
enum kind { SWITCH, CHECKSUM, IPSEC };
/* The first LONGSHORE_OFFLOADS are rows of the listing too. A grouped keyword has several
 * parameters, those of the keywords that it stands for (KEY-10, KEY-11). */
static const struct keyword {
    const char *name;
    size_t parameters[3]; /* 0: none */
    enum kind kind;
} keywords[] = {
    [ROW_IP4] = {"IPChecksumOffloadIPv4", {PARAMETER(IPv4Checksum)}, CHECKSUM},
    [ROW_TCP4] = {"TCPChecksumOffloadIPv4", {PARAMETER(TCPIPv4Checksum)}, CHECKSUM},
    [ROW_UDP4] = {"UDPChecksumOffloadIPv4", {PARAMETER(UDPIPv4Checksum)}, CHECKSUM},
    [ROW_TCP6] = {"TCPChecksumOffloadIPv6", {PARAMETER(TCPIPv6Checksum)}, CHECKSUM},
    [ROW_UDP6] = {"UDPChecksumOffloadIPv6", {PARAMETER(UDPIPv6Checksum)}, CHECKSUM},
    [ROW_LSO1] = {"LsoV1IPv4", {PARAMETER(LsoV1)}, SWITCH},
    [ROW_LSO2_4] = {"LsoV2IPv4", {PARAMETER(LsoV2IPv4)}, SWITCH},
    [ROW_LSO2_6] = {"LsoV2IPv6", {PARAMETER(LsoV2IPv6)}, SWITCH},
    {"TCPConnectionOffloadIPv4", {PARAMETER(TcpConnectionIPv4)}, SWITCH},
    {"TCPConnectionOffloadIPv6", {PARAMETER(TcpConnectionIPv6)}, SWITCH},
    {"TCPUDPChecksumOffloadIPv4",
     {PARAMETER(IPv4Checksum), PARAMETER(TCPIPv4Checksum), PARAMETER(UDPIPv4Checksum)},
     CHECKSUM},
    {"TCPUDPChecksumOffloadIPv6",
     {PARAMETER(TCPIPv6Checksum), PARAMETER(UDPIPv6Checksum)},
     CHECKSUM},
    {"IPsecOffloadV1IPv4", {PARAMETER(IPsecV1)}, IPSEC},
};

/* Appends to the text in error, cut to its size. */
__attribute__((format(printf, 2, 3))) static void say(struct longshore_error *error,
                                                      const char *fmt, ...)
{
    size_t n = strlen(error->text);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(error->text + n, sizeof error->text - n, fmt, ap);
    va_end(ap);
}

static const struct keyword *keyword_find(const char *name, struct longshore_error *error)
{
    const char *bare = name + (name[0] == '*');

    for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
        if (strcasecmp(keywords[i].name, bare) == 0)
            return &keywords[i];
    say(error, "%.60s: no such offload; there are", name);
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
        say(error, "%s %s", i ? "," : "", keywords[i].name);
    return NULL;
}

/* A word's place is the keyword's number in the registry; parameters hold one more. */
static const struct {
    const char *words[4];
    const char *takes;
} kinds[] = {
    [SWITCH] = {{"off", "on"}, "off, on, or 0 and 1"},
    [CHECKSUM] = {{"off", "tx", "rx", "on"}, "off, on, tx, rx, or 0 to 3 (off, tx, rx, both)"},
    [IPSEC] = {{"off", "ah", "esp", "on"}, "off, on, ah, esp, or 0 to 3 (off, ah, esp, both)"},
};

static UCHAR parameter_value(const struct keyword *k, const char *value)
{
    const char *const *words = kinds[k->kind].words;

    for (UCHAR i = 0; i < ARRAY_LEN(kinds[0].words) && words[i]; i++)
        if (strcasecmp(value, words[i]) == 0 || (value[0] == '0' + i && value[1] == '\0'))
            return (UCHAR)(i + 1);
    return NDIS_OFFLOAD_PARAMETERS_NO_CHANGE;
}

static NDIS_OFFLOAD_PARAMETERS no_change(void)
{
    return (NDIS_OFFLOAD_PARAMETERS){
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, NDIS_OFFLOAD_PARAMETERS_REVISION_1,
                   NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1},
    };
}

static int parameter_set(const struct keyword *k, const char *value, NDIS_OFFLOAD_PARAMETERS *p,
                         struct longshore_error *error)
{
    UCHAR v = parameter_value(k, value);

    if (v == NDIS_OFFLOAD_PARAMETERS_NO_CHANGE) {
        say(error, "%s: %.60s: possible values are %s", k->name, value, kinds[k->kind].takes);
        return -EINVAL;
    }
    for (size_t i = 0; i < ARRAY_LEN(k->parameters) && k->parameters[i]; i++) {
        UCHAR *field = (UCHAR *)p + k->parameters[i];

        if (*field) {
            say(error, "%s: given twice", k->name);
            return -EINVAL;
        }
        *field = v;
    }
    return 0;
}

static int parameters_of(const struct longshore_setting *settings, unsigned count,
                         NDIS_OFFLOAD_PARAMETERS *p, struct longshore_error *error)
{
    int r = 0;

    if (count == 0) {
        say(error, "nothing to set");
        return -EINVAL;
    }
    for (unsigned i = 0; i < count && r == 0; i++) {
        const struct keyword *k = keyword_find(settings[i].keyword, error);

        r = k ? parameter_set(k, settings[i].value, p, error) : -EINVAL;
    }
    return r;
}

/* NDIS would say no more than "invalid data". */
static int ipsec_possible(const struct longshore_adapter *a, const NDIS_OFFLOAD_PARAMETERS *p,
                          struct longshore_error *error)
{
    struct ndis_offload_state s;

    ndis_adapter_offload(a->ndis, &s);
    if (p->IPsecV1 <= NDIS_OFFLOAD_PARAMETERS_IPSECV1_DISABLED ||
        s.hardware.IPsecV1.Supported.Encapsulation)
        return 0;
    say(error, "%s: has no IPsec offload to switch on; nothing is changed", a->name);
    return -ENOTSUP;
}

static const char *status_name(NDIS_STATUS status)
{
    switch (status) {
    case NDIS_STATUS_NOT_SUPPORTED:
        return " (not supported)";
    case NDIS_STATUS_INVALID_DATA:
        return " (invalid data)";
    case NDIS_STATUS_INVALID_PARAMETER:
        return " (invalid parameter)";
    case NDIS_STATUS_INVALID_STATE:
        return " (wrong state)";
    default:
        return "";
    }
}

static int refused(const struct longshore_adapter *a, NDIS_STATUS status,
                   struct longshore_error *error)
{
    say(error, "%s: refused with 0x%08x%s; nothing is changed", a->name, (unsigned)status,
        status_name(status));
    return -EIO;
}

/* The configuration is as wished; a registry file that cannot be written is said. */
static int set_done(struct longshore_adapter *a, struct longshore_error *error)
{
    struct why why = {0};

    if (machine_registry_store(a->machine, &why) < 0)
        say(error, "set, but not stored: %.400s", why.text);
    return 0;
}

int longshore_adapter_set_all(struct longshore_adapter *a, const struct longshore_setting *settings,
                              unsigned count, struct longshore_error *error)
{
    NDIS_OFFLOAD_PARAMETERS p = no_change();
    ULONG bytes = NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1;
    NDIS_STATUS status;
    int r;

    error->text[0] = '\0';
    r = parameters_of(settings, count, &p, error);
    if (r == 0)
        r = ipsec_possible(a, &p, error);
    if (r < 0)
        return r;
    status = ndis_adapter_request(a->ndis, NdisRequestSetInformation, OID_TCP_OFFLOAD_PARAMETERS,
                                  &p, &bytes);
    return status == NDIS_STATUS_SUCCESS ? set_done(a, error) : refused(a, status, error);
}

int longshore_adapter_set(struct longshore_adapter *a, const char *keyword, const char *value,
                          struct longshore_error *error)
{
    struct longshore_setting one = {keyword, value};

    return longshore_adapter_set_all(a, &one, 1, error);
}

static void describe_checksum(char *out, size_t size, bool tx, bool rx)
{
    snprintf(out, size, "%s", tx && rx ? "tx rx" : tx ? "tx" : rx ? "rx" : "-");
}

static void describe_large(char *out, size_t size, ULONG encapsulation, ULONG max, ULONG min)
{
    if (encapsulation)
        snprintf(out, size, "on, %u bytes, %u segments up", (unsigned)max, (unsigned)min);
    else
        snprintf(out, size, "-");
}

static void describe(const NDIS_OFFLOAD *o, enum offload_row row, char *out, size_t size)
{
    const NDIS_TCP_IP_CHECKSUM_OFFLOAD *c = &o->Checksum;

#define IS_ON(member) ((member) == NDIS_OFFLOAD_SUPPORTED)
    switch (row) {
    case ROW_IP4:
        describe_checksum(out, size, IS_ON(c->IPv4Transmit.IpChecksum),
                          IS_ON(c->IPv4Receive.IpChecksum));
        break;
    case ROW_TCP4:
        describe_checksum(out, size, IS_ON(c->IPv4Transmit.TcpChecksum),
                          IS_ON(c->IPv4Receive.TcpChecksum));
        break;
    case ROW_UDP4:
        describe_checksum(out, size, IS_ON(c->IPv4Transmit.UdpChecksum),
                          IS_ON(c->IPv4Receive.UdpChecksum));
        break;
    case ROW_TCP6:
        describe_checksum(out, size, IS_ON(c->IPv6Transmit.TcpChecksum),
                          IS_ON(c->IPv6Receive.TcpChecksum));
        break;
    case ROW_UDP6:
        describe_checksum(out, size, IS_ON(c->IPv6Transmit.UdpChecksum),
                          IS_ON(c->IPv6Receive.UdpChecksum));
        break;
    case ROW_LSO1:
        describe_large(out, size, o->LsoV1.IPv4.Encapsulation, o->LsoV1.IPv4.MaxOffLoadSize,
                       o->LsoV1.IPv4.MinSegmentCount);
        break;
    case ROW_LSO2_4:
        describe_large(out, size, o->LsoV2.IPv4.Encapsulation, o->LsoV2.IPv4.MaxOffLoadSize,
                       o->LsoV2.IPv4.MinSegmentCount);
        break;
    case ROW_LSO2_6:
        describe_large(out, size, o->LsoV2.IPv6.Encapsulation, o->LsoV2.IPv6.MaxOffLoadSize,
                       o->LsoV2.IPv6.MinSegmentCount);
        break;
    }
#undef IS_ON
}

unsigned longshore_adapter_offloads(const struct longshore_adapter *a,
                                    struct longshore_offload *rows)
{
    struct ndis_offload_state s;

    ndis_adapter_offload(a->ndis, &s);
    for (unsigned i = 0; i < LONGSHORE_OFFLOADS; i++) {
        rows[i].keyword = keywords[i].name;
        describe(&s.hardware, (enum offload_row)i, rows[i].hardware, sizeof rows[i].hardware);
        describe(&s.current, (enum offload_row)i, rows[i].current, sizeof rows[i].current);
    }
    return LONGSHORE_OFFLOADS;
}
