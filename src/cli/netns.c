/* SPDX-License-Identifier: MIT */
/* Private network namespaces. Addresses and links are set with ip(8). */
#include "cli/netns.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>

static int write_file(const char *path, const char *text)
{
    cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);
    size_t len = strlen(text);

    if (fd < 0)
        return -errno;
    return write(fd, text, len) == (ssize_t)len ? 0 : -errno;
}

/* Root inside is the user outside; nobody else is mapped. */
static int map_user(uid_t uid, gid_t gid)
{
    char map[64];
    int r = write_file("/proc/self/setgroups", "deny");

    if (r < 0)
        return r;
    snprintf(map, sizeof map, "0 %u 1", (unsigned)uid);
    r = write_file("/proc/self/uid_map", map);
    if (r < 0)
        return r;
    snprintf(map, sizeof map, "0 %u 1", (unsigned)gid);
    return write_file("/proc/self/gid_map", map);
}

int netns_private(struct why *why)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    int r;

    if (unshare(CLONE_NEWNET | (uid ? CLONE_NEWUSER : 0)) < 0)
        return why_set(why, -errno,
                       "cannot make a private network namespace: %s (be root, or allow "
                       "unprivileged user namespaces)",
                       strerror(errno));
    if (uid != 0) {
        r = map_user(uid, gid);
        if (r < 0)
            return why_set(why, r, "cannot map user %u into its namespace: %s", (unsigned)uid,
                           strerror(-r));
    }
    r = netns_shell(-1, "ip link set lo up");
    return r == 0 ? 0 : why_set(why, -EIO, "ip(8) does not work (package iproute2)");
}

int netns_new(struct why *why)
{
    cleanup_close int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    int fd = -1, err;

    if (home >= 0 && unshare(CLONE_NEWNET) == 0)
        fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    err = errno;
    if (home < 0 || setns(home, CLONE_NEWNET) < 0 || fd < 0) {
        if (fd >= 0)
            close(fd);
        return why_set(why, -err, "cannot make a network namespace: %s", strerror(err));
    }
    netns_shell(fd, "ip link set lo up");
    return fd;
}

int netns_shell(int netns, const char *fmt, ...)
{
    char command[1024];
    int status;
    va_list ap;
    pid_t pid;

    va_start(ap, fmt);
    vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        if (netns >= 0 && setns(netns, CLONE_NEWNET) < 0)
            _exit(126);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    if (waitpid(pid, &status, 0) < 0)
        return -errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

/* The file has pairs of lines: "Tcp: NAME NAME..." and "Tcp: VALUE VALUE...". */
static int64_t snmp_field(FILE *f, const char *protocol, const char *field)
{
    char names[4096], values[4096], *n, *v, *np, *vp;
    size_t len = strlen(protocol);

    while (fgets(names, sizeof names, f) && fgets(values, sizeof values, f)) {
        if (strncmp(names, protocol, len) != 0 || names[len] != ':')
            continue;
        n = strtok_r(names, " \n", &np);
        v = strtok_r(values, " \n", &vp);
        while (n && v) {
            if (strcmp(n, field) == 0)
                return strtoll(v, NULL, 10);
            n = strtok_r(NULL, " \n", &np);
            v = strtok_r(NULL, " \n", &vp);
        }
    }
    return -ENOENT;
}

int64_t netns_snmp(int netns, const char *protocol, const char *field)
{
    cleanup_close int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    cleanup_fclose FILE *f = NULL;

    if (home < 0 || (netns >= 0 && setns(netns, CLONE_NEWNET) < 0))
        return -errno;
    f = fopen("/proc/thread-self/net/snmp", "re");
    if (netns >= 0)
        invariant(setns(home, CLONE_NEWNET) == 0);
    return f ? snmp_field(f, protocol, field) : -errno;
}
