/* SPDX-License-Identifier: MIT */
/* The asking half of the control protocol. What comes back is not trusted to be well-formed. */
#include "cli/control.h"

#include <dirent.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

/* A request may wait for the driver; a server that is stuck is not waited for beyond this. */
enum { ANSWER_SECONDS = 30, ANSWER_MAX = 1 << 20, PEERS_MAX = 64 };

/* A line from the peer, without its newline; NULL with errno. free() it. */
static char *receive_line(int fd)
{
    size_t size = 0, room = 16384;
    char *text = malloc(room + 1), *grown;
    ssize_t n;

    while (text) {
        n = recv(fd, text + size, room - size, 0);
        if (n <= 0) {
            errno = n == 0 ? ECONNRESET : errno;
            break;
        }
        size += (size_t)n;
        if (memchr(text, '\n', size)) {
            text[size - 1] = '\0';
            return text;
        }
        if (size == room) {
            room *= 2;
            grown = room <= ANSWER_MAX ? realloc(text, room + 1) : NULL;
            if (!grown) {
                errno = EMSGSIZE;
                break;
            }
            text = grown;
        }
    }
    free(text);
    return NULL;
}

/* The answer, or NULL with errno. */
static cJSON *exchange(int fd, cJSON *request)
{
    char *text = cJSON_PrintUnformatted(request);
    cleanup_free char *line = NULL, *answer = NULL;
    cJSON *json;
    int n = text ? asprintf(&line, "%s\n", text) : -1;

    cJSON_free(text);
    cJSON_Delete(request);
    if (n < 0) {
        errno = ENOMEM;
        return NULL;
    }
    if (send(fd, line, (size_t)n, MSG_NOSIGNAL) != n)
        return NULL;
    answer = receive_line(fd);
    if (!answer)
        return NULL;
    json = cJSON_Parse(answer);
    if (!cJSON_IsObject(json)) {
        cJSON_Delete(json);
        errno = EPROTO;
        return NULL;
    }
    return json;
}

cJSON *control_request_new(const char *op, const char *member)
{
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "op", op);
    if (member)
        cJSON_AddStringToObject(json, "member", member);
    return json;
}

cJSON *control_ask(struct control_peer *peer, cJSON *request)
{
    cJSON *answer = exchange(peer->fd, request);
    const char *text;

    if (!answer) {
        cli_error("%s: %s", peer->path, errno == EAGAIN ? "no answer" : strerror(errno));
        return NULL;
    }
    if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "ok"))) {
        text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "error"));
        cli_error("%s", text ? text : "refused");
        cJSON_Delete(answer);
        return NULL;
    }
    text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "warning"));
    if (text)
        cli_error("%s: %s", peer->name, text);
    return answer;
}

/* 0, or negative errno: nobody there, or not one of us. */
static int peer_connect(const char *path, struct control_peer *peer)
{
    static const struct timeval patience = {.tv_sec = ANSWER_SECONDS};
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const char *name;
    cJSON *hello;

    if (strlen(path) >= sizeof to.sun_path)
        return -ENAMETOOLONG;
    memcpy(to.sun_path, path, strlen(path));
    snprintf(peer->path, sizeof peer->path, "%s", path);
    peer->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (peer->fd < 0)
        return -errno;
    setsockopt(peer->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(peer->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    hello = connect(peer->fd, (const struct sockaddr *)&to, sizeof to) < 0
                ? NULL
                : exchange(peer->fd, control_request_new("hello", NULL));
    if (!hello) {
        control_part(peer);
        return -errno;
    }
    name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(hello, "adapter"));
    snprintf(peer->name, sizeof peer->name, "%s", name ? name : "");
    cJSON_Delete(hello);
    return 0;
}

void control_part(struct control_peer *peer)
{
    int saved = errno;

    if (peer->fd >= 0)
        close(peer->fd);
    peer->fd = -1;
    errno = saved;
}

static bool is_socket_name(const struct dirent *e)
{
    size_t n = strlen(e->d_name);

    return n > 5 && strcmp(e->d_name + n - 5, ".sock") == 0;
}

static int socket_filter(const struct dirent *e)
{
    return is_socket_name(e);
}

static unsigned reach_dir(const char *dir, const char *name, struct control_peer *peers,
                          unsigned most)
{
    struct dirent **entries;
    char path[CONTROL_PATH_MAX];
    unsigned found = 0;
    int count = control_dir_safe(dir) ? scandir(dir, &entries, socket_filter, alphasort) : -1;

    for (int i = 0; i < count; i++) {
        int n = snprintf(path, sizeof path, "%s/%s", dir, entries[i]->d_name);

        if (n > 0 && (size_t)n < sizeof path && found < most &&
            peer_connect(path, &peers[found]) == 0) {
            if (!name || strcasecmp(name, peers[found].name) == 0)
                found++;
            else
                control_part(&peers[found]);
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return found;
}

unsigned control_reach(const char *path, const char *name, struct control_peer *peers,
                       unsigned most)
{
    char dir[CONTROL_PATH_MAX];
    unsigned found = 0;
    int r;

    if (path) {
        r = peer_connect(path, &peers[0]);
        if (r < 0)
            cli_error("%s: %s", path, strerror(-r));
        else if (!name || strcasecmp(name, peers[0].name) == 0)
            return 1;
        else
            control_part(&peers[0]);
        return 0;
    }
    for (unsigned d = 0; d < CONTROL_DIRS; d++)
        if (control_dir(d, dir, sizeof dir))
            found += reach_dir(dir, name, peers + found, most - found);
    return found;
}

/* Says who could have been meant. */
static void say_choice(const char *what, const struct control_peer *peers, unsigned count)
{
    char text[2048];
    size_t n = 0;

    for (unsigned i = 0; i < count && n < sizeof text; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s %s (%s)", i ? "," : "", peers[i].name,
                              peers[i].path);
    if (count)
        cli_error("%s; running:%s", what, text);
    else
        cli_error("%s; none is running, or none that this user may administer", what);
}

int control_reach_one(const char *path, const char *name, struct control_peer *peer)
{
    struct control_peer peers[PEERS_MAX];
    unsigned count = control_reach(path, name, peers, PEERS_MAX);
    char what[256];

    if (count == 1) {
        *peer = peers[0];
        return 0;
    }
    if (path && count == 0)
        return EXIT_CANNOT; /* said already */
    if (count == 0) {
        count = name ? control_reach(NULL, NULL, peers, PEERS_MAX) : 0;
        snprintf(what, sizeof what, "%s", name ? name : "no adapter");
        if (name)
            snprintf(what, sizeof what, "%.64s: no such adapter", name);
    } else {
        snprintf(what, sizeof what, "%.64s: more than one adapter; choose with --%s",
                 name ? name : "which", name ? "control PATH" : "adapter NAME");
    }
    say_choice(what, peers, count);
    for (unsigned i = 0; i < count; i++)
        control_part(&peers[i]);
    return EXIT_CANNOT;
}

cJSON *control_ask_one(const char *path, const char *name, cJSON *request)
{
    struct control_peer peer;
    cJSON *answer;

    if (control_reach_one(path, name, &peer) != 0) {
        cJSON_Delete(request);
        return NULL;
    }
    answer = control_ask(&peer, request);
    control_part(&peer);
    return answer;
}

void control_print(const cJSON *json)
{
    char *text = cJSON_Print(json);

    puts(text ? text : "null");
    cJSON_free(text);
}

bool control_value_add(cJSON *values, const char *assignment)
{
    const char *equals = strchr(assignment, '=');
    cleanup_free char *keyword = equals ? strndup(assignment, (size_t)(equals - assignment)) : NULL;

    if (keyword && *keyword && cJSON_AddStringToObject(values, keyword, equals + 1))
        return true;
    cli_error("%s: want NAME=VALUE", assignment);
    return false;
}
