#ifdef __linux__
#define _GNU_SOURCE
#include "CBodkinNATLab.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int bodkin_netns_create(void) {
    if (unshare(CLONE_NEWNET) < 0) return -errno;
    int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int bodkin_netns_enter(int fd) { return setns(fd, CLONE_NEWNET) < 0 ? -errno : 0; }

static int write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    int result = write(fd, text, strlen(text)) < 0 ? -errno : 0;
    close(fd);
    return result;
}

int bodkin_userns_create(void) {
    char uids[64], gids[64];
    snprintf(uids, sizeof uids, "0 %u 1\n", (unsigned)geteuid());
    snprintf(gids, sizeof gids, "0 %u 1\n", (unsigned)getegid());
    if (unshare(CLONE_NEWUSER) < 0) return -errno;
    int result = write_file("/proc/self/uid_map", uids);
    if (result == 0) result = write_file("/proc/self/setgroups", "deny");
    if (result == 0) result = write_file("/proc/self/gid_map", gids);
    return result;
}

int bodkin_userns_join(pid_t pid) {
    char path[64];
    struct stat own, other;
    snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    int result = 0;
    if (stat("/proc/self/ns/user", &own) < 0 || fstat(fd, &other) < 0) result = -errno;
    else if (own.st_ino != other.st_ino && setns(fd, CLONE_NEWUSER) < 0) result = -errno;
    close(fd);
    return result;
}
#endif
