/* SPDX-License-Identifier: MIT */
/* longshore set: offloads of a running adapter, by standardized keyword, in one request. */
#include "cli/control.h"

#include <getopt.h>

static const char set_help[] =
    "usage: longshore set ADAPTER KEYWORD=VALUE... [--member NAME] [--control PATH] [--json]\n\n"
    "Sets offloads of a running adapter through OID_TCP_OFFLOAD_PARAMETERS: all that are named\n"
    "in one request, so either all hold afterwards or nothing has changed. KEYWORD is a\n"
    "standardized keyword, with or without '*', in any case; VALUE is on or off, for checksums\n"
    "also tx or rx, for IPsec also ah or esp, or the keyword's number in the registry. A keyword\n"
    "of a group (TCPUDPChecksumOffloadIPv4, ...IPv6) sets each checksum of its family.\n\n"
    "  longshore set nic0 LsoV2IPv4=off TCPChecksumOffloadIPv4=tx\n";

int cmd_set(int argc, char **argv)
{
    static const struct option longs[] = {{"member", required_argument, NULL, 'm'},
                                          {"control", required_argument, NULL, 'c'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    const char *path = NULL, *member = NULL;
    cJSON *request, *values, *answer;
    bool json = false;
    int opt;

    optind = 1;
    while ((opt = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        if (opt == 'h') {
            fputs(set_help, stdout);
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
    if (argc < optind + 2)
        return cli_error("set: want ADAPTER KEYWORD=VALUE...; 'longshore set --help' tells more");
    request = control_request_new("set", member);
    values = cJSON_AddObjectToObject(request, "values");
    for (int i = optind + 1; i < argc; i++) {
        if (!control_value_add(values, argv[i])) {
            cJSON_Delete(request);
            return EXIT_CANNOT;
        }
    }
    answer = control_ask_one(path, argv[optind], request);
    if (!answer)
        return EXIT_CANNOT;
    if (json)
        puts("{\"ok\":true}");
    cJSON_Delete(answer);
    return EXIT_HOLDS;
}
