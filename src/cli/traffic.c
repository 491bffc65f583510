/* SPDX-License-Identifier: MIT */
/* TCP streams between two namespaces, digested at both ends. */
#include "cli/traffic.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <xxhash.h>

enum { CHUNK = 1 << 20, CHUNKS = 4, GIVE_UP_S = 20 };

static double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static socklen_t make_address(const struct traffic *t, struct sockaddr_storage *ss)
{
    struct sockaddr_in *v4 = (void *)ss;
    struct sockaddr_in6 *v6 = (void *)ss;

    memset(ss, 0, sizeof *ss);
    if (inet_pton(AF_INET, t->address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(t->port);
        return sizeof *v4;
    }
    if (inet_pton(AF_INET6, t->address, &v6->sin6_addr) != 1)
        return 0;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(t->port);
    return sizeof *v6;
}

/* A stuck peer must not hang the demo: every call gives up. cubic: the default here may be a pacing
 * one. */
static void socket_setup(int fd)
{
    struct timeval tv = {.tv_sec = GIVE_UP_S};

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
}

static int connect_retry(const struct traffic *t)
{
    struct sockaddr_storage ss;
    socklen_t len = make_address(t, &ss);
    double until = now_s() + GIVE_UP_S;

    do {
        int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
            return -errno;
        socket_setup(fd);
        if (connect(fd, (void *)&ss, len) == 0)
            return fd;
        close(fd);
        usleep(20000);
    } while (now_s() < until);
    return -ETIMEDOUT;
}

static void fill(uint8_t *buf, size_t bytes)
{
    uint64_t x = 0x9e3779b97f4a7c15u;

    for (size_t i = 0; i + 8 <= bytes; i += 8) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        memcpy(buf + i, &x, 8);
    }
}

static int send_all(int fd, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

        if (sent <= 0)
            return sent < 0 && errno != EAGAIN ? -errno : -ETIMEDOUT;
        p += sent;
        n -= (size_t)sent;
    }
    return 0;
}

/* Chunks rotate and each begins with its number, so that lost, doubled or swapped data changes the
 * digest. */
static int sender(const struct traffic *t, struct traffic_end *end, XXH3_state_t *hash)
{
    cleanup_free uint8_t *data = malloc((size_t)CHUNK * CHUNKS);
    cleanup_close int fd = connect_retry(t);
    double start = now_s(), until = start + t->seconds;
    uint8_t last;
    int r = 0;

    if (!data)
        return -ENOMEM;
    if (fd < 0)
        return fd;
    fill(data, (size_t)CHUNK * CHUNKS);
    for (uint64_t k = 0; r == 0 && now_s() < until; k++) {
        uint8_t *chunk = data + (k % CHUNKS) * CHUNK;

        memcpy(chunk, &k, sizeof k);
        XXH3_64bits_update(hash, chunk, CHUNK);
        r = send_all(fd, chunk, CHUNK);
        end->bytes += CHUNK;
    }
    if (r == 0 && (shutdown(fd, SHUT_WR) < 0 || recv(fd, &last, 1, 0) != 0))
        r = -ECONNRESET; /* the far end closes when it has everything */
    end->seconds = now_s() - start;
    return r;
}

static int receiver(const struct traffic *t, int listener, struct traffic_end *end,
                    XXH3_state_t *hash)
{
    cleanup_free uint8_t *buf = malloc(CHUNK);
    cleanup_close int fd = -1;
    double start;
    ssize_t n;

    (void)t;
    if (!buf)
        return -ENOMEM;
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return -errno;
    socket_setup(fd);
    start = now_s();
    while ((n = recv(fd, buf, CHUNK, 0)) > 0) {
        XXH3_64bits_update(hash, buf, (size_t)n);
        end->bytes += (uint64_t)n;
    }
    end->seconds = now_s() - start;
    return n < 0 ? -errno : 0;
}

static int listen_on(const struct traffic *t)
{
    struct sockaddr_storage ss;
    socklen_t len = make_address(t, &ss);
    int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    if (fd < 0 || len == 0)
        return fd < 0 ? -errno : -EINVAL;
    socket_setup(fd);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (void *)&ss, len) < 0 || listen(fd, 1) < 0) {
        close(fd);
        return -errno;
    }
    return fd;
}

/* One end, in a process of its own: enters its namespace, works, writes its result to the pipe. */
static void end_main(const struct traffic *t, bool sends, int out)
{
    struct traffic_end end = {0};
    XXH3_state_t *hash = XXH3_createState();
    int r = 0, listener = -1;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    XXH3_64bits_reset(hash);
    if (setns(sends ? t->from : t->to, CLONE_NEWNET) < 0)
        r = -errno;
    if (r == 0 && !sends) {
        listener = listen_on(t);
        r = listener < 0 ? listener : receiver(t, listener, &end, hash);
    } else if (r == 0) {
        r = sender(t, &end, hash);
    }
    end.digest = XXH3_64bits_digest(hash);
    end.error = -r;
    _exit(write(out, &end, sizeof end) == (ssize_t)sizeof end ? 0 : 1);
}

static int start_end(const struct traffic *t, bool sends, pid_t *pid, int *fd)
{
    int p[2];

    if (pipe(p) < 0)
        return -errno;
    *pid = fork();
    if (*pid == 0)
        end_main(t, sends, p[1]);
    close(p[1]);
    *fd = p[0];
    return *pid < 0 ? -errno : 0;
}

int traffic_start(struct traffic *t, struct why *why)
{
    int r;

    t->sender = t->receiver = -1;
    t->sender_fd = t->receiver_fd = -1;
    r = start_end(t, false, &t->receiver, &t->receiver_fd);
    if (r == 0)
        r = start_end(t, true, &t->sender, &t->sender_fd);
    return r < 0 ? why_set(why, r, "cannot start traffic: %s", strerror(-r)) : 0;
}

static void collect(pid_t pid, int fd, struct traffic_end *end)
{
    if (fd < 0 || read(fd, end, sizeof *end) != (ssize_t)sizeof *end)
        *end = (struct traffic_end){.error = EPIPE};
    if (fd >= 0)
        close(fd);
    if (pid > 0)
        waitpid(pid, NULL, 0);
}

bool traffic_finish(struct traffic *t, struct traffic_end *sent, struct traffic_end *got)
{
    collect(t->sender, t->sender_fd, sent);
    if (sent->error && t->receiver > 0)
        kill(t->receiver, SIGKILL);
    collect(t->receiver, t->receiver_fd, got);
    return !sent->error && !got->error && sent->bytes == got->bytes &&
           sent->digest == got->digest && sent->bytes > 0;
}
