/* SPDX-License-Identifier: MIT */
/* longshore wmi: the administrator's documented GUIDs on a running adapter. */
#include "cli/control.h"

#include <getopt.h>

static const char wmi_help[] =
    "usage: longshore wmi [GUID|NAME [MEMBER=NUMBER...]] [--adapter NAME] [--member NAME]\n"
    "                     [--control PATH] [--json]\n\n"
    "Without arguments lists the GUIDs. A query prints the members of the flattened structure\n"
    "(NDIS_WMI_OFFLOAD); a set fills the members of NDIS_OFFLOAD_PARAMETERS, those not named\n"
    "staying 0 (no change); an event says how often it fired. NAME is the header's or the\n"
    "documentation page's.\n\n"
    "  longshore wmi GUID_NDIS_TCP_OFFLOAD_CURRENT_CONFIG\n"
    "  longshore wmi GUID_NDIS_TCP_OFFLOAD_PARAMETERS LsoV2IPv4=1 TCPIPv4Checksum=4\n";

struct wmi_options {
    const char *path, *adapter, *member;
    bool json;
};

static int list_guids(bool json)
{
    struct longshore_wmi w;
    cJSON *list = cJSON_CreateArray(), *o;

    for (unsigned i = 0; longshore_wmi_at(i, &w); i++) {
        o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "guid", w.guid);
        cJSON_AddStringToObject(o, "name", w.name);
        if (w.page_name)
            cJSON_AddStringToObject(o, "page_name", w.page_name);
        cJSON_AddStringToObject(o, "kind", w.kind);
        cJSON_AddItemToArray(list, o);
        if (!json)
            printf("%s  %-5s  %s\n%s%s%s", w.guid, w.kind, w.name, w.page_name ? "      also " : "",
                   w.page_name ? w.page_name : "", w.page_name ? "\n" : "");
    }
    if (json)
        control_print(list);
    cJSON_Delete(list);
    return EXIT_HOLDS;
}

static void print_human(const cJSON *answer)
{
    const cJSON *part, *member;

    cJSON_ArrayForEach(part, cJSON_GetObjectItemCaseSensitive(answer, "data"))
    {
        cJSON_ArrayForEach(member, part)
        {
            if (cJSON_IsNumber(member))
                printf("%s.%s = %.0f\n", part->string, member->string, member->valuedouble);
        }
    }
}

static int wmi_ask(const struct wmi_options *o, cJSON *request)
{
    cJSON *answer = control_ask_one(o->path, o->adapter, request);

    if (!answer)
        return EXIT_CANNOT;
    if (o->json)
        control_print(answer);
    else
        print_human(answer);
    cJSON_Delete(answer);
    return EXIT_HOLDS;
}

int cmd_wmi(int argc, char **argv)
{
    static const struct option longs[] = {
        {"adapter", required_argument, NULL, 'a'}, {"member", required_argument, NULL, 'm'},
        {"control", required_argument, NULL, 'c'}, {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},          {0}};
    struct wmi_options o = {0};
    cJSON *request, *values;
    int opt;

    optind = 1;
    while ((opt = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        if (opt == 'h') {
            fputs(wmi_help, stdout);
            return EXIT_HOLDS;
        }
        if (opt == 'a')
            o.adapter = optarg;
        else if (opt == 'm')
            o.member = optarg;
        else if (opt == 'c')
            o.path = optarg;
        else if (opt == 'j')
            o.json = true;
        else
            return EXIT_CANNOT;
    }
    if (optind == argc)
        return list_guids(o.json);
    request = control_request_new("wmi", o.member);
    cJSON_AddStringToObject(request, "guid", argv[optind]);
    values = optind + 1 < argc ? cJSON_AddObjectToObject(request, "values") : NULL;
    for (int i = optind + 1; i < argc; i++) {
        if (!control_value_add(values, argv[i])) {
            cJSON_Delete(request);
            return EXIT_CANNOT;
        }
    }
    return wmi_ask(&o, request);
}
