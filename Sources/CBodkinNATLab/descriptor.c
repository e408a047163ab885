#ifdef __linux__
#define _GNU_SOURCE
#include "CBodkinNATLab.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int bodkin_epoll_add(int epoll, int fd, uint64_t tag) {
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = tag}};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int bodkin_epoll_remove(int epoll, int fd) { return epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL) < 0 ? -errno : 0; }

uint64_t bodkin_epoll_tag(const struct epoll_event *event) { return event->data.u64; }

int bodkin_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0; }

void bodkin_thread_name(const char *name) { pthread_setname_np(pthread_self(), name); }

static int64_t clock_now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static struct timespec as_timespec(int64_t moment) {
    return (struct timespec){.tv_sec = (time_t)(moment / 1000000000), .tv_nsec = (long)(moment % 1000000000)};
}

int64_t bodkin_monotonic_now(void) { return clock_now(CLOCK_MONOTONIC); }

int64_t bodkin_time_of_day(void) { return clock_now(CLOCK_REALTIME); }

void bodkin_wait_until(int64_t moment) {
    struct timespec time = as_timespec(moment);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR) {}
}

int bodkin_timer_create(void) {
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

void bodkin_timer_set(int timer, int64_t moment) {
    struct itimerspec setting = {.it_value = as_timespec(moment)};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &setting, NULL);
}

static volatile sig_atomic_t signal_target = -1;

static void redirect_signal(int number) {
    int before = errno;
    uint8_t byte = (uint8_t)number;
    if (write(signal_target, &byte, 1) < 0) errno = before;
}

static int handle_signals(void (*handler)(int)) {
    const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART | SA_RESETHAND};
    for (size_t index = 0; index < sizeof numbers / sizeof *numbers; index++) {
        struct sigaction before;
        if (sigaction(numbers[index], NULL, &before) < 0) return -errno;
        if (numbers[index] == SIGHUP && before.sa_handler == SIG_IGN) continue;  // nohup
        if (sigaction(numbers[index], &action, NULL) < 0) return -errno;
    }
    return 0;
}

int bodkin_signals_redirect(int fd) {
    signal_target = fd;
    return handle_signals(redirect_signal);
}

void bodkin_signals_restore(void) { handle_signals(SIG_DFL); }

typedef int (*bind_or_connect)(int, const struct sockaddr *, socklen_t);

static int abstract_socket(const char *name, bind_or_connect attach) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    if (length + 1 > sizeof address.sun_path) return -ENAMETOOLONG;
    memcpy(address.sun_path + 1, name, length);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
    if (attach(fd, (const struct sockaddr *)&address, size) < 0) {
        int result = -errno;
        close(fd);
        return result;
    }
    return fd;
}

int bodkin_abstract_listen(const char *name) {
    int fd = abstract_socket(name, bind);
    if (fd >= 0 && listen(fd, 8) < 0) {
        int result = -errno;
        close(fd);
        return result;
    }
    return fd;
}

int bodkin_abstract_connect(const char *name) { return abstract_socket(name, connect); }

void bodkin_standard_streams(void) {
    for (int fd = 0; fd < 3; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) return;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
}

void bodkin_terminal_reclaim(void) {
    // From a background group this raises SIGTTOU, which would stop the process.
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &set, &before);
    if (isatty(0)) tcsetpgrp(0, getpgrp());
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int64_t bodkin_peer_user(int fd) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ? -errno : (int64_t)peer.uid;
}

int64_t bodkin_peer_process(int fd) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ? -errno : (int64_t)peer.pid;
}
#endif
