/* SPDX-License-Identifier: MIT */
/*
 * Writes frames to a pcapng file (IETF draft-ietf-opsawg-pcapng: section header, interface
 * description, enhanced packets).
 *
 * Blocks are built whole in one buffer under a mutex, so that both directions and several ports can
 * share a file. A thread of the capture's own writes the buffer out twice a second; a buffer that
 * is full goes to a regular file at once. A pipe is left to the thread, which waits for its reader
 * and has SIGPIPE blocked: what has no room in the meantime is lost. A file that fails is cut back
 * to its last whole block, and all that follows is lost.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "port/ops.h"

enum {
    CAPTURE_BUFFER = 1 << 20,
    CAPTURE_FLUSH_MS = 500,
    CAPTURE_LAST_TURNS =
        4, /* how many more of those a pipe's reader has once the capture is freed */
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 6,
    BYTE_ORDER_MAGIC = 0x1a2b3c4d,
    LINK_ETHERNET = 1,
    OPTION_END = 0,
    OPTION_USER_APPLICATION = 4, /* section */
    OPTION_TIME_RESOLUTION = 9,  /* interface */
    OPTION_PACKET_FLAGS = 2,     /* packet */
};

struct port_capture {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t flusher;
    bool stop;
    bool regular; /* else a pipe or the like */
    bool blocked; /* it took less than was offered: poll before the next try */
    bool failed;
    int fd;
    char *path;
    uint64_t lost;
    size_t used; /* bytes waiting; the first may be the middle of a block only on a pipe */
    uint8_t buffer[CAPTURE_BUFFER];
};

struct section_block {
    uint32_t type, total, magic;
    uint16_t major, minor;
    int64_t section_length; /* -1: not told */
    uint16_t option, option_len;
    char application[12];
    uint32_t end_of_options, total_again;
} __attribute__((packed));

struct interface_block {
    uint32_t type, total;
    uint16_t link_type, reserved;
    uint32_t snap_length;
    uint16_t option, option_len;
    uint8_t resolution, padding[3];
    uint32_t end_of_options, total_again;
} __attribute__((packed));

struct packet_block_head {
    uint32_t type, total, interface, time_high, time_low, captured, original;
};

struct packet_block_tail {
    uint16_t option, option_len;
    uint32_t flags, end_of_options, total_again;
};

/* Number of frames in the first `bytes` of the buffer; *whole is where the last whole block in them
 * ends. */
static uint64_t capture_walk(const struct port_capture *c, size_t bytes, size_t *whole)
{
    uint64_t packets = 0;

    *whole = 0;
    while (*whole < bytes) {
        uint32_t head[2];

        memcpy(head, c->buffer + *whole, sizeof head);
        if (*whole + head[1] > bytes)
            break;
        packets += head[0] == BLOCK_PACKET;
        *whole += head[1];
    }
    return packets;
}

/* The file takes no more. `written` bytes of the buffer are in it, the last block perhaps in part.
 */
static void capture_fail(struct port_capture *c, size_t written, int err)
{
    uint64_t in_file, in_buffer;
    size_t whole, all;
    struct stat st;

    c->failed = true;
    if (c->regular && fstat(c->fd, &st) == 0) {
        in_file = capture_walk(c, written, &whole);
        in_buffer = capture_walk(c, c->used, &all);
        c->lost += in_buffer - in_file;
        if (written > whole && ftruncate(c->fd, st.st_size - (off_t)(written - whole)) < 0)
            log_warn("capture %s: ends in half a block: %s", c->path, strerror(errno));
    }
    c->used = 0;
    log_error("capture %s: %s; recording stops", c->path, strerror(err));
}

/* Under the lock. Offers the buffer to the file. */
static void capture_flush(struct port_capture *c)
{
    size_t written = 0;

    c->blocked = false;
    while (written < c->used && !c->blocked) {
        ssize_t put = write(c->fd, c->buffer + written, c->used - written);

        if (put < 0 && errno == EINTR)
            continue;
        c->blocked = put < 0 && errno == EAGAIN;
        if (put < 0 && !c->blocked) {
            capture_fail(c, written, errno);
            return;
        }
        written += put < 0 ? 0 : (size_t)put;
    }
    memmove(c->buffer, c->buffer + written, c->used - written);
    c->used -= written;
}

/* Under the lock, which it gives up meanwhile. */
static void capture_sleep(struct port_capture *c)
{
    struct pollfd room = {.fd = c->fd, .events = POLLOUT};
    struct timespec until;

    if (c->blocked) {
        pthread_mutex_unlock(&c->lock);
        poll(&room, 1, CAPTURE_FLUSH_MS);
        pthread_mutex_lock(&c->lock);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += CAPTURE_FLUSH_MS * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&c->wake, &c->lock, &until);
}

static void *capture_flusher(void *arg)
{
    struct port_capture *c = arg;

    pthread_mutex_lock(&c->lock);
    while (!c->stop) {
        capture_sleep(c);
        capture_flush(c);
    }
    capture_flush(c);
    for (unsigned turn = 0; c->blocked && turn < CAPTURE_LAST_TURNS; turn++) {
        size_t before = c->used;

        capture_sleep(c);
        capture_flush(c);
        if (c->used < before)
            turn = 0; /* a reader that reads may read all */
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

/* Room for a block, or NULL. */
static uint8_t *capture_reserve(struct port_capture *c, size_t len)
{
    if (c->regular && !c->failed && c->used + len > sizeof c->buffer)
        capture_flush(c);
    else if (!c->regular && !c->blocked && c->used > sizeof c->buffer / 4)
        pthread_cond_signal(&c->wake);
    if (c->failed || c->used + len > sizeof c->buffer)
        return NULL;
    c->used += len;
    return c->buffer + c->used - len;
}

static bool capture_packet(struct port_capture *c, const struct frame *f,
                           enum port_direction direction)
{
    size_t padded = ALIGN_UP((size_t)f->len, 4);
    uint32_t total =
        (uint32_t)(sizeof(struct packet_block_head) + padded + sizeof(struct packet_block_tail));
    uint8_t *at = capture_reserve(c, total);
    struct packet_block_head head = {
        .type = BLOCK_PACKET, .total = total, .captured = f->len, .original = f->len};
    struct packet_block_tail tail = {
        .option = OPTION_PACKET_FLAGS, .option_len = 4, .flags = direction, .total_again = total};
    struct timespec now;
    uint64_t ns;

    if (!at) {
        c->lost++;
        return false;
    }
    clock_gettime(CLOCK_REALTIME, &now); /* under the lock: times never run backwards in the file */
    ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    head.time_high = (uint32_t)(ns >> 32);
    head.time_low = (uint32_t)ns;
    memcpy(at, &head, sizeof head);
    at += sizeof head;
    frame_pull(f, 0, at, f->len);
    memset(at + f->len, 0, padded - f->len);
    memcpy(at + padded, &tail, sizeof tail);
    return true;
}

bool port_capture_write(struct port_capture *c, const struct frame *f,
                        enum port_direction direction)
{
    bool kept;

    pthread_mutex_lock(&c->lock);
    kept = capture_packet(c, f, direction);
    pthread_mutex_unlock(&c->lock);
    return kept;
}

static void capture_begin(struct port_capture *c)
{
    struct section_block section = {.type = BLOCK_SECTION,
                                    .total = sizeof section,
                                    .magic = BYTE_ORDER_MAGIC,
                                    .major = 1,
                                    .section_length = -1,
                                    .option = OPTION_USER_APPLICATION,
                                    .option_len = 9,
                                    .application = "longshore",
                                    .end_of_options = OPTION_END,
                                    .total_again = sizeof section};
    struct interface_block interface = {.type = BLOCK_INTERFACE,
                                        .total = sizeof interface,
                                        .link_type = LINK_ETHERNET,
                                        .option = OPTION_TIME_RESOLUTION,
                                        .option_len = 1,
                                        .resolution = 9, /* 10^-9 s */
                                        .end_of_options = OPTION_END,
                                        .total_again = sizeof interface};

    memcpy(capture_reserve(c, sizeof section), &section, sizeof section);
    memcpy(capture_reserve(c, sizeof interface), &interface, sizeof interface);
    capture_flush(c);
}

/* The flusher is no place for the signals of whoever opens a capture. */
static int capture_start_flusher(struct port_capture *c)
{
    pthread_condattr_t attr;
    sigset_t all, old;
    int err;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&c->wake, &attr);
    pthread_condattr_destroy(&attr);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    err = pthread_create(&c->flusher, NULL, capture_flusher, c);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return -err;
}

int port_capture_open(const char *path, struct port_capture **out, struct why *why)
{
    /* O_NONBLOCK: a pipe without a reader is an error, not a wait. */
    cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0666);
    struct port_capture *c;
    struct stat st;
    int err;

    *out = NULL;
    if (fd < 0)
        return why_set(why, -errno, "capture %s: %s", path,
                       errno == ENXIO ? "nobody reads this pipe" : strerror(errno));
    c = calloc(1, sizeof *c);
    if (c)
        c->path = strdup(path);
    if (!c || !c->path) {
        free(c);
        return why_set(why, -ENOMEM, "capture %s: out of memory", path);
    }
    c->fd = fd;
    c->regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    pthread_mutex_init(&c->lock, NULL);
    capture_begin(c);
    err = c->failed ? -ENOSPC : capture_start_flusher(c);
    if (err) {
        free(c->path);
        free(c);
        return why_set(why, err, "capture %s: %s", path, strerror(-err));
    }
    fd = -1;
    *out = c;
    return 0;
}

void port_capture_free(struct port_capture *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->flusher, NULL);
    close(c->fd);
    free(c->path);
    free(c);
}

uint64_t port_capture_lost(struct port_capture *c)
{
    uint64_t lost;

    pthread_mutex_lock(&c->lock);
    lost = c->lost;
    pthread_mutex_unlock(&c->lock);
    return lost;
}
