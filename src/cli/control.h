/* SPDX-License-Identifier: MIT */
/*
 * How the subcommands adapter, offloads, set and wmi reach what `longshore run` runs: a Unix socket
 * (mode 0600), one for each run, over which requests and answers go as one JSON object a line.
 *
 *   {"op":"hello"}                              {"ok":true,"adapter":NAME,"version":V}
 *   {"op":"offloads"}                           {"ok":true,"adapter":NAME,"offloads":{PART:
 *                                                {MEMBER:{"hardware":N,"current":N}}},
 *                                                "keywords":{KEYWORD:{"hardware":S,"current":S}}}
 *   {"op":"set","values":{KEYWORD:S,...}}       {"ok":true,"adapter":NAME}
 *   {"op":"wmi","guid":G}                       {"ok":true,"adapter":NAME,"guid":..,"name":..,
 *                                                "data":{PART:{MEMBER:N}}}
 *   {"op":"wmi","guid":G,"values":{...}}        {"ok":true,...}
 *   {"op":"adapter"}                            {"ok":true,"adapter":NAME,"state":S,"link":"up",
 *                                                "members":[{"name":NAME,"state":S,"link":L},...]}
 *   {"op":"adapter","action":A}                 {"ok":true,"adapter":NAME}
 *   {"op":"adapter","action":"add","card":C}    the same; C as --member of run takes it
 *   anything else                               {"ok":false,"error":TEXT}
 *
 * With "member":NAME any but hello is about that member of a team; the answer holds it too.
 * "warning" may stand beside "ok":true. A line is at most CONTROL_LINE_MAX bytes; a longer one ends
 * the connection after an answer. Whoever may open the socket is trusted to administer, not to be
 * well-formed: every byte is checked.
 *
 * The server has no thread: its descriptor becomes readable, and control_serve does what can be
 * done without waiting for a client.
 */
#pragma once

#include "cli/running.h"

#include <cjson/cJSON.h>

enum {
    CONTROL_LINE_MAX = 4096,
    CONTROL_SETTINGS_MAX = 32,
    CONTROL_CLIENTS_MAX = 16,
    CONTROL_PATH_MAX = 108, /* sun_path */
    CONTROL_DIRS = 3
};

/* control_request.c: what one line asks for. Strings live as long as json. */
enum control_op { CONTROL_HELLO, CONTROL_OFFLOADS, CONTROL_SET, CONTROL_WMI, CONTROL_ADAPTER };
enum control_action {
    CONTROL_SHOW, /* none */
    CONTROL_LINK_UP,
    CONTROL_LINK_DOWN,
    CONTROL_PAUSE,
    CONTROL_RESTART,
    CONTROL_RESET,
    CONTROL_ADD,
    CONTROL_REMOVE,
    CONTROL_SURPRISE_REMOVE,
    CONTROL_ACTIONS
};
extern const char *const control_actions[CONTROL_ACTIONS]; /* "link-up"...; NULL for none */
struct control_request {
    enum control_op op;
    enum control_action action;
    const char *guid, *member;
    struct card_spec card; /* of CONTROL_ADD */
    struct longshore_setting settings[CONTROL_SETTINGS_MAX];
    unsigned count;
    cJSON *json;
};
/* line: without the newline. 0, or -EINVAL with a text. */
int control_request_parse(const char *line, size_t bytes, struct control_request *out,
                          struct longshore_error *error);
void control_request_fini(struct control_request *r);

/* control_answer.c: does it, and gives the line to send (with newline; free() it), or NULL without
 * memory. error: of control_request_parse when r is NULL. */
char *control_answer(struct running *running, const struct control_request *r,
                     const struct longshore_error *error);

/* control.c: the server. path NULL: one is made from the adapter's name. -EADDRINUSE when path is
 * served by somebody. close removes the socket if it is still ours. */
struct control;
int control_listen(const char *path, struct running *running, struct control **out,
                   struct why *why);
const char *control_path(const struct control *c);
int control_fd(const struct control *c);
void control_serve(struct control *c);
void control_close(struct control *c);

/* control_path.c: the directories to use, best first; false past the last or when there is none at
 * that place. */
bool control_dir(unsigned index, char *out, size_t size);
/* Whether nobody else can put a socket in it. */
bool control_dir_safe(const char *dir);
/* DIR/NAME.sock, NAME made fit for a file name; then, for attempt > 0, with the process id. */
int control_name(const char *dir, const char *adapter, unsigned attempt, char *out, size_t size);

/* control_client.c. A connected adapter. */
struct control_peer {
    char path[CONTROL_PATH_MAX];
    char name[64];
    int fd;
};
/* Reaches every adapter that runs, or those of that name (in any case), or the one at a path. Fills
 * at most `most`; returns how many. */
unsigned control_reach(const char *path, const char *name, struct control_peer *peers,
                       unsigned most);
/* The one adapter wanted; else EXIT_CANNOT after an error message. 0 when found. */
int control_reach_one(const char *path, const char *name, struct control_peer *peer);
void control_part(struct control_peer *peer);
/* Sends request (and deletes it); the answer when it says ok, else NULL after an error message.
 * A warning is printed. */
cJSON *control_ask(struct control_peer *peer, cJSON *request);
/* The same of the one adapter wanted (control_reach_one), who is parted from. */
cJSON *control_ask_one(const char *path, const char *name, cJSON *request);
/* On stdout. */
void control_print(const cJSON *json);
/* A request of that op, about that member if it is not NULL. */
cJSON *control_request_new(const char *op, const char *member);
/* "KEYWORD=VALUE" into an object of values; false after an error message. */
bool control_value_add(cJSON *values, const char *assignment);
