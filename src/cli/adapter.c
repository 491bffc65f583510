/* SPDX-License-Identifier: MIT */
/* longshore adapter: the state of running adapters and of the members of teams, and what an
 * administrator, or fate, does to them. */
#include "cli/control.h"

#include <getopt.h>

enum { ADAPTERS_MAX = 64 };

static const char adapter_help[] =
    "usage: longshore adapter [NAME [ACTION]] [--member MEMBER] [--control PATH] [--json]\n"
    "       longshore adapter TEAM add DRIVER.inf,wire=KIND:NAME[,withhold=A+B][,name=MEMBER]\n\n"
    "Without ACTION prints state and link of the adapters that run, and of their members. ACTION "
    "is\n"
    "done to the adapter, or with --member to that member of the team:\n\n"
    "  link-up, link-down  plug the cable in, pull it out\n"
    "  pause, restart      NDIS pauses the miniport until it is restarted\n"
    "  reset               NDIS resets the miniport\n"
    "  remove              the member leaves the team, orderly: unbound, paused, halted\n"
    "  surprise-remove     the member's card is pulled out as it works\n"
    "  add                 a card more; arguments as of 'longshore run --member'\n\n"
    "  longshore adapter team0 link-down --member 'member 1'\n";

static const char *text_of(const cJSON *o, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));

    return text ? text : "?";
}

static void print_human(const cJSON *answer)
{
    const char *member = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "member"));
    const cJSON *m;

    printf("%-32s %-12s link %s\n", member ? member : text_of(answer, "adapter"),
           text_of(answer, "state"), text_of(answer, "link"));
    cJSON_ArrayForEach(m, cJSON_GetObjectItemCaseSensitive(answer, "members"))
    {
        printf("  %-30s %-12s link %s\n", text_of(m, "name"), text_of(m, "state"),
               text_of(m, "link"));
    }
}

static int show(const char *path, const char *name, const char *member, bool json)
{
    static struct control_peer peers[ADAPTERS_MAX];
    unsigned count = control_reach(path, name, peers, ADAPTERS_MAX);
    cJSON *list = cJSON_CreateArray(), *answer;
    int status = EXIT_HOLDS;

    if (count == 0) { /* says what there is */
        cJSON_Delete(list);
        return control_reach_one(path, name, &peers[0]);
    }
    for (unsigned i = 0; i < count; i++) {
        answer = control_ask(&peers[i], control_request_new("adapter", member));
        control_part(&peers[i]);
        if (!answer) {
            status = EXIT_CANNOT;
            continue;
        }
        cJSON_DeleteItemFromObjectCaseSensitive(answer, "ok");
        cJSON_AddItemToArray(list, answer);
        if (!json)
            print_human(answer);
    }
    if (json)
        control_print(list);
    cJSON_Delete(list);
    return status;
}

/* The running program may stand in another directory. */
static bool add_card(cJSON *request, const char *card)
{
    size_t bytes = strcspn(card, ",");
    cleanup_free char *inf = strndup(card, bytes), *whole = inf ? realpath(inf, NULL) : NULL;
    cleanup_free char *text = NULL;

    if (whole && asprintf(&text, "%s%s", whole, card + bytes) >= 0)
        return cJSON_AddStringToObject(request, "card", text);
    cli_error("%s: %s", inf ? inf : card, strerror(errno));
    return false;
}

static int act(const char *path, const char *name, cJSON *request)
{
    cJSON *answer = control_ask_one(path, name, request);

    cJSON_Delete(answer);
    return answer ? EXIT_HOLDS : EXIT_CANNOT;
}

static int act_by_name(const char *path, const char *member, char **words, int count)
{
    bool add = strcmp(words[1], "add") == 0, known = false;
    cJSON *request;

    for (int a = CONTROL_SHOW + 1; a < CONTROL_ACTIONS; a++)
        known = known || strcmp(words[1], control_actions[a]) == 0;
    if (!known || count != 2 + add)
        return cli_error("adapter: want NAME ACTION, or TEAM add CARD; 'longshore adapter --help' "
                         "tells more");
    request = control_request_new("adapter", member);
    cJSON_AddStringToObject(request, "action", words[1]);
    if (add && !add_card(request, words[2])) {
        cJSON_Delete(request);
        return EXIT_CANNOT;
    }
    return act(path, words[0], request);
}

int cmd_adapter(int argc, char **argv)
{
    static const struct option longs[] = {{"control", required_argument, NULL, 'c'},
                                          {"member", required_argument, NULL, 'm'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    const char *path = NULL, *member = NULL;
    bool json = false;
    int opt, status;

    optind = 1;
    while ((opt = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        if (opt == 'h') {
            fputs(adapter_help, stdout);
            return EXIT_HOLDS;
        }
        if (opt == 'c')
            path = optarg;
        else if (opt == 'm')
            member = optarg;
        else if (opt == 'j')
            json = true;
        else
            return EXIT_CANNOT;
    }
    if (optind + 1 >= argc)
        return show(path, optind < argc ? argv[optind] : NULL, member, json);
    status = act_by_name(path, member, argv + optind, argc - optind);
    if (status == EXIT_HOLDS && json)
        puts("{\"ok\":true}");
    return status;
}
