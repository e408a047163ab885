#ifdef __linux__
#define _GNU_SOURCE
#include "CBodkinNATLab.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Between clone and exec the child shares a snapshot of a process with many threads: nothing here allocates or takes a lock.

static void run_program(const struct bodkin_spawn *what, const sigset_t *none) {
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    if (what->interactive) {
        // A process group of its own with the terminal: the group of the caller has no number in this PID namespace.
        setpgid(0, 0);
        if (isatty(0)) tcsetpgrp(0, getpid());
    } else {
        setsid();
    }
    sigprocmask(SIG_SETMASK, none, NULL);
    if (what->directory != NULL && chdir(what->directory) < 0) _exit(126);
    execvpe(what->argv[0], what->argv, what->envp);
    static const char message[] = "bodkin lab: the program cannot be started: check its name and the PATH\n";
    if (write(2, message, sizeof message - 1) < 0) _exit(126);
    _exit(errno == ENOENT ? 127 : 126);
}

/// What a program has to end in by itself after SIGTERM, in nanoseconds.
static const int64_t grace = 2000000000;

/// Process 1 of the program's PID namespace: reaps, passes signals on, and ends with the program or with the lab.
static void run_init(const struct bodkin_spawn *what, int lifeline) {
    sigset_t set, none;
    sigemptyset(&none);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTTOU);
    sigprocmask(SIG_SETMASK, &set, NULL);
    int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    pid_t program = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);  // fork() would take locks
    if (program == 0) run_program(what, &none);
    if (program < 0 || signals < 0) _exit(126);
    struct pollfd waits[2] = {{.fd = lifeline, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    int64_t deadline = INT64_MAX;
    for (;;) {
        int64_t left = deadline == INT64_MAX ? -1 : (deadline - bodkin_monotonic_now()) / 1000000;
        if (deadline != INT64_MAX && left <= 0) _exit(128 + SIGKILL);
        if (poll(waits, 2, (int)left) < 0 && errno != EINTR) _exit(126);
        if (waits[0].revents != 0) _exit(128 + SIGKILL);
        struct signalfd_siginfo info;
        while (read(signals, &info, sizeof info) == sizeof info) {
            if (info.ssi_signo == SIGTERM && deadline == INT64_MAX) deadline = bodkin_monotonic_now() + grace;
            if (info.ssi_signo != SIGCHLD && info.ssi_signo != SIGTTOU && !what->interactive) kill(-program, (int)info.ssi_signo);
        }
        int status;
        for (pid_t ended; (ended = waitpid(-1, &status, WNOHANG)) > 0;) {
            if (ended == program) _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
        }
    }
}

static void start_init(const struct bodkin_spawn *what) {
    // What this process has inherited goes at once, before anything that takes time: a listening socket of the caller's would stay open as long.
    // Lifted above 2 first: a descriptor that is about to become 0, 1 or 2 must not be overwritten before it is used.
    int input = fcntl(what->input, F_DUPFD, 10), output = fcntl(what->output, F_DUPFD, 10);
    int error = fcntl(what->error, F_DUPFD, 10), lifeline = fcntl(what->lifeline, F_DUPFD, 10);
    int netns = fcntl(what->netns, F_DUPFD, 10);
    if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(error, 2) < 0 || dup2(lifeline, 3) < 0 || dup2(netns, 4) < 0) _exit(126);
    syscall(SYS_close_range, 5, ~0U, 0);
    fcntl(3, F_SETFD, FD_CLOEXEC);
    if (setns(4, CLONE_NEWNET) < 0) _exit(126);
    close(4);
    // A fresh /proc and /sys, so that the program sees its own processes and interfaces. Where they are masked this is refused: the old ones stay.
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    run_init(what, 3);
}

pid_t bodkin_spawn(const struct bodkin_spawn *what) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, NULL, NULL, NULL, 0);
    if (pid == 0) start_init(what);
    int failure = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid < 0 ? -failure : pid;
}
#endif
