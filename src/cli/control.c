/* SPDX-License-Identifier: MIT */
/* The server's half of the control protocol: the socket, and its clients, on one thread. */
#include "cli/control.h"

#include <fcntl.h>
#include <libgen.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

enum { LOCK_TRIES = 40, CONTROL_BACKLOG = 64 };

/* A client sends a line and reads the answer before its next line is looked at, so that one that
 * does not read costs one answer. */
struct client {
    int fd;       /* -1: free */
    uint64_t age; /* when it last said something */
    char in[CONTROL_LINE_MAX + 1];
    size_t in_bytes;
    char *out;
    size_t out_bytes, out_sent;
    bool closing; /* once out is sent */
};

struct control {
    struct running *running;
    char path[CONTROL_PATH_MAX];
    int fd, epoll;
    struct stat made; /* the socket's file, to know it again */
    uint64_t clock;
    struct client clients[CONTROL_CLIENTS_MAX];
};

/* ---- The socket's place ------------------------------------------------------------- */

/* Locks the directory that the socket stands in, so that two programs do not both find it stale.
 * Anybody can hold the lock of a directory they can read, /tmp say: nobody is waited for long. */
static int lock_place(const char *path, struct why *why)
{
    char copy[CONTROL_PATH_MAX];
    int fd;

    snprintf(copy, sizeof copy, "%s", path);
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return why_set(why, -errno, "%s: %s", path, strerror(errno));
    for (unsigned i = 0; i < LOCK_TRIES && flock(fd, LOCK_EX | LOCK_NB) < 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
    return fd;
}

/* Removes what a program that was killed left behind; nothing else. */
static int clear_stale(const struct sockaddr_un *to, struct why *why)
{
    cleanup_close int probe = -1;
    struct stat st;

    if (lstat(to->sun_path, &st) < 0)
        return errno == ENOENT ? 0 : why_set(why, -errno, "%s: %s", to->sun_path, strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return why_set(why, -EEXIST, "%s: stands there and is no socket; left alone", to->sun_path);
    probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return -errno;
    if (connect(probe, (const struct sockaddr *)to, sizeof *to) == 0 || errno != ECONNREFUSED)
        return why_set(why, -EADDRINUSE, "%s: in use by a running longshore", to->sun_path);
    return unlink(to->sun_path) < 0 ? -errno : 0;
}

static int bind_at(struct control *c, const char *path, struct why *why)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    cleanup_close int place = -1;
    int r;

    if (strlen(path) >= sizeof to.sun_path)
        return why_set(why, -ENAMETOOLONG, "%s: longer than a socket's path can be", path);
    memcpy(to.sun_path, path, strlen(path));
    place = lock_place(path, why);
    if (place < 0)
        return place;
    r = clear_stale(&to, why);
    if (r < 0)
        return why_set(why, r, "%s: %s", path, strerror(-r));
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* Linux gives the file the mode of the socket: it is never open to others, not for a moment. */
    if (c->fd < 0 || fchmod(c->fd, S_IRUSR | S_IWUSR) < 0 ||
        bind(c->fd, (const struct sockaddr *)&to, sizeof to) < 0 || lstat(path, &c->made) < 0 ||
        listen(c->fd, CONTROL_CLIENTS_MAX) < 0)
        return why_set(why, -errno, "%s: %s", path, strerror(errno));
    snprintf(c->path, sizeof c->path, "%s", path);
    if ((c->made.st_mode & 0777) != (S_IRUSR | S_IWUSR))
        return why_set(why, -EPERM, "%s: its mode is %o, want 600", path, c->made.st_mode & 0777);
    return 0;
}

/* In the first directory that is there or can be made, and belongs to this user. */
static int bind_by_name(struct control *c, struct why *why)
{
    char dir[CONTROL_PATH_MAX], path[CONTROL_PATH_MAX];
    int r = -ENOENT;

    for (unsigned d = 0; d < CONTROL_DIRS; d++) {
        if (!control_dir(d, dir, sizeof dir))
            continue;
        if ((mkdir(dir, S_IRWXU) < 0 && errno != EEXIST) || !control_dir_safe(dir) ||
            access(dir, W_OK | X_OK) < 0)
            continue;
        for (unsigned attempt = 0; attempt < 2; attempt++) {
            why->text[0] = '\0';
            r = control_name(dir, longshore_adapter_name(c->running->adapter), attempt, path,
                             sizeof path);
            if (r == 0)
                r = bind_at(c, path, why);
            if (r != -EADDRINUSE)
                break;
        }
        if (r == 0)
            return 0;
    }
    return why_set(why, r, "no directory for the control socket");
}

static int watch(struct control *c, int fd, void *who, uint32_t events, int op)
{
    struct epoll_event e = {.events = events, .data.ptr = who};

    return epoll_ctl(c->epoll, op, fd, &e) < 0 ? -errno : 0;
}

int control_listen(const char *path, struct running *running, struct control **out, struct why *why)
{
    struct control *c = calloc(1, sizeof *c);
    int r;

    if (!c)
        return why_set(why, -ENOMEM, "no memory for the control socket");
    c->running = running;
    c->fd = -1;
    for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++)
        c->clients[i].fd = -1;
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    r = c->epoll < 0 ? -errno : path ? bind_at(c, path, why) : bind_by_name(c, why);
    if (r == 0)
        r = watch(c, c->fd, NULL, EPOLLIN, EPOLL_CTL_ADD);
    if (r < 0) {
        control_close(c);
        return why_set(why, r, "the control socket: %s", strerror(-r));
    }
    *out = c;
    return 0;
}

const char *control_path(const struct control *c)
{
    return c->path;
}

int control_fd(const struct control *c)
{
    return c->epoll;
}

/* ---- Clients ------------------------------------------------------------------------ */

static void client_drop(struct client *k)
{
    if (k->fd >= 0)
        close(k->fd);
    free(k->out);
    k->out = NULL;
    k->fd = -1;
}

/* A free place, or that of the one silent for longest: idle clients lock nobody out. */
static struct client *client_place(struct control *c)
{
    struct client *oldest = &c->clients[0];

    for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (c->clients[i].fd < 0)
            return &c->clients[i];
        if (c->clients[i].age < oldest->age)
            oldest = &c->clients[i];
    }
    client_drop(oldest);
    return oldest;
}

/* False: nobody waits. */
static bool client_accept(struct control *c)
{
    struct client *k;
    int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0)
        return false;
    k = client_place(c);
    k->fd = fd;
    k->age = ++c->clock;
    k->in_bytes = 0;
    k->closing = false;
    if (watch(c, fd, k, EPOLLIN, EPOLL_CTL_ADD) < 0)
        client_drop(k);
    return true;
}

static void client_answer(struct control *c, struct client *k, size_t line)
{
    struct longshore_error error = {0};
    struct control_request r;
    bool good = control_request_parse(k->in, line, &r, &error) == 0;

    k->out = control_answer(c->running, good ? &r : NULL, &error);
    if (good)
        control_request_fini(&r);
    k->out_bytes = k->out ? strlen(k->out) : 0;
    k->out_sent = 0;
    k->closing = !k->out;
}

/* The next whole line, or one that cannot become whole any more. */
static void client_next(struct control *c, struct client *k)
{
    char *end = memchr(k->in, '\n', k->in_bytes);
    size_t line = end ? (size_t)(end - k->in) : k->in_bytes;

    if (end) {
        client_answer(c, k, line);
        k->in_bytes -= line + 1;
        memmove(k->in, end + 1, k->in_bytes);
    } else if (line > CONTROL_LINE_MAX) {
        client_answer(c, k, line);
        k->closing = true;
    }
}

/* False: the connection is over. */
static bool client_send(struct client *k)
{
    ssize_t n;

    while (k->out_sent < k->out_bytes) {
        n = send(k->fd, k->out + k->out_sent, k->out_bytes - k->out_sent, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        k->out_sent += (size_t)n;
    }
    free(k->out);
    k->out = NULL;
    return !k->closing;
}

static bool client_receive(struct client *k)
{
    ssize_t n = recv(k->fd, k->in + k->in_bytes, sizeof k->in - k->in_bytes, 0);

    if (n > 0)
        k->in_bytes += (size_t)n;
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void client_ready(struct control *c, struct client *k, uint32_t events)
{
    bool live = true;

    if (k->fd < 0) /* dropped in the same round */
        return;
    k->age = ++c->clock;
    if (k->out)
        live = client_send(k);
    else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        live = client_receive(k);
    while (live && !k->out) {
        client_next(c, k);
        if (!k->out && !k->closing)
            break;
        live = k->out && client_send(k);
    }
    if (live)
        live = watch(c, k->fd, k, k->out ? EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD) == 0;
    if (!live)
        client_drop(k);
}

void control_serve(struct control *c)
{
    struct epoll_event events[CONTROL_CLIENTS_MAX + 1];
    int n = epoll_wait(c->epoll, events, (int)ARRAY_LEN(events), 0);
    bool newcomer = false;

    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr)
            client_ready(c, events[i].data.ptr, events[i].events);
        else
            newcomer = true;
    }
    /* Last, as they may take the place of a client that an event above names; and no more than
     * there are places, so that those who came have a turn. */
    for (unsigned i = 0; newcomer && i < CONTROL_CLIENTS_MAX; i++)
        newcomer = client_accept(c);
}

void control_close(struct control *c)
{
    struct why why = {0};
    struct stat st;
    int place;

    if (!c)
        return;
    for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++)
        client_drop(&c->clients[i]);
    place = c->path[0] ? lock_place(c->path, &why) : -1;
    if (place >= 0 && lstat(c->path, &st) == 0 && st.st_ino == c->made.st_ino &&
        st.st_dev == c->made.st_dev)
        unlink(c->path);
    if (place >= 0)
        close(place);
    if (c->fd >= 0)
        close(c->fd);
    if (c->epoll >= 0)
        close(c->epoll);
    free(c);
}
