/* SPDX-License-Identifier: MIT */
/*
 * What the port tests share: a network namespace of their own (a user namespace too when not root),
 * frames to send, and a receiver that waits. Nothing here touches an interface outside that
 * namespace.
 */
#pragma once

#define _GNU_SOURCE 1
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "port/port.h"

static bool env_isolated;

static inline void env_write(const char *path, const char *text)
{
    cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd >= 0)
        (void)!write(fd, text, strlen(text));
}

/* Setup of one test: a fresh namespace, so that no test meets what another left behind. Tests start
 * with env_need(). */
static inline int env_setup(void **state)
{
    char map[64];
    unsigned uid = geteuid(), gid = getegid();

    (void)state;
    if (unshare(CLONE_NEWNET) == 0) {
        env_isolated = true;
    } else if (unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) {
        env_write("/proc/self/setgroups", "deny");
        snprintf(map, sizeof map, "0 %u 1", uid);
        env_write("/proc/self/uid_map", map);
        snprintf(map, sizeof map, "0 %u 1", gid);
        env_write("/proc/self/gid_map", map);
        env_isolated = true;
    }
    return 0;
}

#define env_need()                                                                                 \
    do {                                                                                           \
        if (!env_isolated) {                                                                       \
            print_message("skipped: neither root nor user namespaces: no network to test in\n");   \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

#define env_need_tap()                                                                             \
    do {                                                                                           \
        env_need();                                                                                \
        if (access("/dev/net/tun", R_OK | W_OK) != 0) {                                            \
            print_message("skipped: /dev/net/tun: %s\n", strerror(errno));                         \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

__attribute__((format(printf, 1, 2))) static inline void env_run(const char *fmt, ...)
{
    char command[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    if (system(command) != 0)
        fail_msg("failed: %s", command);
}

static inline struct port *env_open(const char *spec)
{
    struct why why = {0};
    struct port *p = NULL;

    if (port_open(spec, &p, &why) != 0)
        fail_msg("%s: %s", spec, why.text);
    return p;
}

/* A frame in one piece that points at bytes. */
struct env_frame {
    uint8_t bytes[PORT_MAX_FRAME + 64];
    struct frame_span span;
    struct frame frame;
};

/* Broadcast frame of an experimental ether type (IEEE 802 local use), filled from seed. */
static inline void env_raw(struct env_frame *f, uint32_t len, uint8_t seed)
{
    static const uint8_t head[14] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,
                                     0,    0,    0,    0,    9,    0x88, 0xb5};

    memcpy(f->bytes, head, sizeof head);
    for (uint32_t i = sizeof head; i < len; i++)
        f->bytes[i] = (uint8_t)(seed + i * 7);
    f->span = (struct frame_span){f->bytes, len};
    f->frame = (struct frame){.spans = &f->span, .span_count = 1, .len = len};
}

static inline void env_built(struct env_frame *f, const struct frame_recipe *r)
{
    size_t len = frame_build(r, f->bytes, sizeof f->bytes);

    assert_true(len > 0);
    f->span = (struct frame_span){f->bytes, (uint32_t)len};
    f->frame = (struct frame){.spans = &f->span, .span_count = 1, .len = (uint32_t)len};
}

/* Receives one frame, waiting for it up to a second. False: none came. */
struct env_received {
    uint8_t bytes[PORT_MAX_FRAME];
    struct frame_span span;
    struct port_buffer buf;
};

static inline bool env_wait(struct port *p, int timeout_ms)
{
    struct pollfd pfd = {.fd = port_fd(p), .events = POLLIN};

    return poll(&pfd, 1, timeout_ms) > 0;
}

static inline bool env_receive_within(struct port *p, struct env_received *r, int timeout_ms)
{
    r->span = (struct frame_span){r->bytes, sizeof r->bytes};
    r->buf = (struct port_buffer){.spans = &r->span, .span_count = 1};
    for (;;) {
        int got = port_rx(p, &r->buf, 1);

        if (got != 0) {
            assert_int_equal(got, 1);
            return true;
        }
        if (!env_wait(p, timeout_ms))
            return false;
    }
}

static inline bool env_receive(struct port *p, struct env_received *r)
{
    return env_receive_within(p, r, 5000); /* a loaded machine is slow */
}

static inline struct frame env_as_frame(const struct env_received *r)
{
    return (struct frame){
        .spans = &r->span, .span_count = 1, .len = r->buf.len, .offload = r->buf.offload};
}

/* Is the transport checksum in the bytes right? */
static inline enum frame_verdict env_checksum(const struct env_received *r)
{
    struct frame f = env_as_frame(r);
    struct frame_layers l;

    frame_parse(r->bytes, r->buf.len, r->buf.len, FRAME_STRICT, &l);
    return frame_check_transport(&f, &l);
}

/* Receives until a raw frame of env_raw's ether type comes: a real stack talks on its own. */
static inline bool env_receive_raw(struct port *p, struct env_received *r)
{
    while (env_receive(p, r)) {
        if (r->buf.len > 14 && r->bytes[12] == 0x88 && r->bytes[13] == 0xb5)
            return true;
    }
    return false;
}

static inline char *env_path(const char *name)
{
    static char path[4][128];
    static unsigned turn;
    char *at = path[turn++ % 4];

    snprintf(at, sizeof path[0], "/tmp/longshore-test-%d-%s", (int)getpid(), name);
    return at;
}
