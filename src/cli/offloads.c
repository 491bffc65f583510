/* SPDX-License-Identifier: MIT */
/* longshore offloads: hardware capability beside current configuration, a section for each
 * offload. */
#include "cli/control.h"

#include <getopt.h>

enum { ADAPTERS_MAX = 64 };

static const char offloads_help[] =
    "usage: longshore offloads [ADAPTER] [--member NAME] [--control PATH] [--json]\n\n"
    "Prints what the hardware of every running adapter, or of the one named, can offload, and\n"
    "what is switched on. --member asks that member of a team, --control PATH the one whose\n"
    "socket that is.\n";

static const struct {
    const char *part, *title;
} sections[] = {
    {"Checksum.IPv4Transmit", "CHECKSUM, IPv4 TRANSMIT"},
    {"Checksum.IPv4Receive", "CHECKSUM, IPv4 RECEIVE"},
    {"Checksum.IPv6Transmit", "CHECKSUM, IPv6 TRANSMIT"},
    {"Checksum.IPv6Receive", "CHECKSUM, IPv6 RECEIVE"},
    {"LsoV1.IPv4", "LARGE SEND VERSION 1, IPv4"},
    {"LsoV2.IPv4", "LARGE SEND VERSION 2, IPv4"},
    {"LsoV2.IPv6", "LARGE SEND VERSION 2, IPv6"},
    {"IPsecV1.Supported", "IPSEC VERSION 1"},
};

static const struct {
    const char *member, *label;
    enum { FEATURE, NUMBER, ENCAPSULATION } form;
} labels[] = {
    {"Encapsulation", "Encapsulation types", ENCAPSULATION},
    {"IpChecksum", "IP header checksum", FEATURE},
    {"TcpChecksum", "TCP checksum", FEATURE},
    {"UdpChecksum", "UDP checksum", FEATURE},
    {"MaxOffLoadSize", "MaxOffLoadSize", NUMBER},
    {"MinSegmentCount", "MinSegmentCount", NUMBER},
    {"IpOptionsSupported", "IP options supported", FEATURE},
    {"IpOptions", "IP options supported", FEATURE},
    {"IpExtensionHeadersSupported", "IP extension headers supported", FEATURE},
    {"TcpOptionsSupported", "TCP options supported", FEATURE},
    {"TcpOptions", "TCP options supported", FEATURE},
    {"AhEspCombined", "AH and ESP combined", FEATURE},
    {"TransportTunnelCombined", "Transport and tunnel combined", FEATURE},
    {"IPv4Options", "IP options supported", FEATURE},
};

static uint32_t number_of(const cJSON *member, const char *view)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(member, view);

    return cJSON_IsNumber(n) && n->valuedouble >= 0 && n->valuedouble <= UINT32_MAX
               ? (uint32_t)n->valuedouble
               : 0;
}

static const char *encapsulation_text(uint32_t v, char *buf, size_t size)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } types[] = {
        {LONGSHORE_ENCAPSULATION_NULL, "null"},
        {LONGSHORE_ENCAPSULATION_802_3, "802.3"},
        {LONGSHORE_ENCAPSULATION_802_3_TAG, "802.3pq"},
        {LONGSHORE_ENCAPSULATION_802_3_TAG_OOB, "802.3pq-OOB"},
        {LONGSHORE_ENCAPSULATION_LLC_SNAP, "LLC/SNAP"},
    };
    size_t n = 0;

    snprintf(buf, size, "none");
    for (size_t i = 0; i < ARRAY_LEN(types) && n < size; i++)
        if (v & types[i].bit)
            n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? " " : "", types[i].name);
    return buf;
}

static const char *value_text(size_t label, uint32_t v, char *buf, size_t size)
{
    if (labels[label].form == ENCAPSULATION)
        return encapsulation_text(v, buf, size);
    if (labels[label].form == NUMBER)
        snprintf(buf, size, "%u", v);
    else
        snprintf(buf, size, "%s", v == 1 ? "yes" : "no");
    return buf;
}

static bool all_zero(const cJSON *part)
{
    const cJSON *m;

    cJSON_ArrayForEach(m, part)
    {
        if (number_of(m, "hardware") || number_of(m, "current"))
            return false;
    }
    return true;
}

static void print_section(const char *title, const cJSON *part)
{
    char hardware[64], current[64];

    if (all_zero(part)) {
        printf("\n  %-34s not supported\n", title);
        return;
    }
    printf("\n  %-34s %-40s %s\n", title, "Hardware", "Current");
    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        const cJSON *m = cJSON_GetObjectItemCaseSensitive(part, labels[i].member);

        if (m)
            printf("    %-32s %-40s %s\n", labels[i].label,
                   value_text(i, number_of(m, "hardware"), hardware, sizeof hardware),
                   value_text(i, number_of(m, "current"), current, sizeof current));
    }
}

static void print_human(const struct control_peer *peer, const cJSON *answer, bool first)
{
    const cJSON *parts = cJSON_GetObjectItemCaseSensitive(answer, "offloads");
    const char *member = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "member"));

    printf("%sMINIPORT  %s%s%s\n", first ? "" : "\n", peer->name, member ? ", " : "",
           member ? member : "");
    if (!parts || !parts->child) {
        puts("\n  no task offload");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(sections); i++)
        print_section(sections[i].title, cJSON_GetObjectItemCaseSensitive(parts, sections[i].part));
}

/* Asks each, prints or collects. */
static int offloads_of(struct control_peer *peers, unsigned count, const char *member, cJSON *list)
{
    int status = EXIT_HOLDS;

    for (unsigned i = 0; i < count; i++) {
        cJSON *answer = control_ask(&peers[i], control_request_new("offloads", member));

        if (!answer) {
            status = EXIT_CANNOT;
        } else if (list) {
            cJSON_DeleteItemFromObjectCaseSensitive(answer, "ok");
            cJSON_AddStringToObject(answer, "control", peers[i].path);
            cJSON_AddItemToArray(list, answer);
        } else {
            print_human(&peers[i], answer, i == 0);
            cJSON_Delete(answer);
        }
        control_part(&peers[i]);
    }
    return status;
}

int cmd_offloads(int argc, char **argv)
{
    static const struct option longs[] = {{"member", required_argument, NULL, 'm'},
                                          {"control", required_argument, NULL, 'c'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    static struct control_peer peers[ADAPTERS_MAX];
    const char *path = NULL, *member = NULL, *name;
    bool json = false;
    unsigned count;
    cJSON *list;
    int opt, status;

    optind = 1;
    while ((opt = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        if (opt == 'h') {
            fputs(offloads_help, stdout);
            return EXIT_HOLDS;
        }
        if (opt == 'm')
            member = optarg;
        else if (opt == 'c')
            path = optarg;
        else if (opt == 'j')
            json = true;
        else
            return EXIT_CANNOT;
    }
    if (argc > optind + 1)
        return cli_error("offloads: want one ADAPTER or none");
    name = optind < argc ? argv[optind] : NULL;
    count = control_reach(path, name, peers, ADAPTERS_MAX);
    if (count == 0) /* says what there is */
        return control_reach_one(path, name, &peers[0]);
    list = json ? cJSON_CreateArray() : NULL;
    status = offloads_of(peers, count, member, list);
    if (list)
        control_print(list);
    cJSON_Delete(list);
    return status;
}
