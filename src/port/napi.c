/* SPDX-License-Identifier: MIT */
/*
 * Threaded NAPI for an interface of ours: /sys/class/net/NAME/threaded. A /sys mounted in another
 * network namespace shows that namespace's interfaces, among which may be a real one of the same
 * name; so we open a sysfs of our own namespace, mounted nowhere, and fall back to /sys only when
 * the interface there is provably ours.
 */
#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include "port/ops.h"

/* Root directory of a sysfs that shows this network namespace; needs CAP_SYS_ADMIN. */
static int own_sysfs(void)
{
    cleanup_close int fs = fsopen("sysfs", FSOPEN_CLOEXEC);
    int root;

    if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    root = fsmount(fs, FSMOUNT_CLOEXEC, 0);
    return root < 0 ? -errno : root;
}

static int read_attribute(int sysfs, const char *ifname, const char *attribute, char text[32])
{
    char path[64 + IFNAMSIZ];
    cleanup_close int fd = -1;
    ssize_t got;

    snprintf(path, sizeof path, "class/net/%s/%s", ifname, attribute);
    fd = openat(sysfs, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    got = read(fd, text, 31);
    if (got < 0)
        return -errno;
    text[got] = '\0';
    return 0;
}

/* Index and hardware address (random for a TAP) agree: the same interface, not a namesake
 * elsewhere. */
static bool shows_ours(int sysfs, const char *ifname)
{
    cleanup_close int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq ifr = {0};
    char text[32], want[32];
    uint8_t mac[6];

    snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", ifname);
    if (s < 0 || ioctl(s, SIOCGIFHWADDR, &ifr) < 0)
        return false;
    memcpy(mac, ifr.ifr_hwaddr.sa_data, sizeof mac);
    snprintf(want, sizeof want, "%02x:%02x:%02x:%02x:%02x:%02x\n", mac[0], mac[1], mac[2], mac[3],
             mac[4], mac[5]);
    if (read_attribute(sysfs, ifname, "address", text) < 0 || strcmp(text, want) != 0)
        return false;
    return read_attribute(sysfs, ifname, "ifindex", text) == 0 &&
           strtoul(text, NULL, 10) == if_nametoindex(ifname);
}

int port_napi_threaded(const char *ifname)
{
    cleanup_close int sysfs = own_sysfs();
    cleanup_close int fd = -1;
    char path[64 + IFNAMSIZ];

    if (sysfs < 0) {
        sysfs = open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (sysfs < 0)
            return -errno;
        if (!shows_ours(sysfs, ifname))
            return -ENODEV;
    }
    snprintf(path, sizeof path, "class/net/%s/threaded", ifname);
    fd = openat(sysfs, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return write(fd, "1", 1) == 1 ? 0 : -errno;
}
