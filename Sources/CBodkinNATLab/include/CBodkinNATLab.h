// C only where Swift cannot reach: namespaces, TUN, interface ioctls, and a child that only makes system calls between fork and exec.
// Every function returns a non-negative value, or a negative errno.
#ifndef CBODKIN_NATLAB_H
#define CBODKIN_NATLAB_H

#ifdef __linux__
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/types.h>

// MARK: Namespaces

/// Moves the calling thread into a new network namespace and returns a descriptor of it.
int bodkin_netns_create(void);
/// Moves the calling thread into the network namespace `fd`.
int bodkin_netns_enter(int fd);
/// Moves the process into a new user namespace in which it is root. The process must have one thread.
int bodkin_userns_create(void);
/// Moves the process into the user namespace of process `pid`. The process must have one thread.
int bodkin_userns_join(pid_t pid);

// MARK: Interfaces, in the calling thread's network namespace

/// Opens a new TUN device without packet information, non-blocking.
int bodkin_tun_open(const char *name);
/// Sets the MTU (unless 0) and brings the interface up.
int bodkin_interface_up(const char *name, int mtu);
/// Adds an address of 4 or 16 bytes.
int bodkin_address_add(const char *name, const uint8_t *address, int length, int prefix);
/// Adds a route to a destination; a zero-length `gateway` makes it on-link. Of two routes to one destination the one of lower `metric` is used.
int bodkin_route_add(const char *name, const uint8_t *destination, int length, int prefix, const uint8_t *gateway, int gateway_length, int metric);
/// Forgets every connection the namespace's conntrack knows.
int bodkin_conntrack_flush(void);

// MARK: Processes

/// What to start, and where.
struct bodkin_spawn {
    char *const *argv;
    char *const *envp;
    const char *directory;
    int netns;
    int input, output, error;
    /// The read end of a pipe whose write end only the lab holds: when the lab is gone, however it went, everything started here dies.
    int lifeline;
    /// Keeps the caller's terminal and process group, for a shell.
    bool interactive;
};

/// Starts a program in a PID namespace of its own, inside the network namespace. Returns the process to wait for; it ends with the program's
/// exit status (128 + n for signal n), and takes all the program's descendants with it. SIGTERM, SIGINT and SIGHUP
/// are passed on; two seconds after SIGTERM everything is ended.
pid_t bodkin_spawn(const struct bodkin_spawn *what);

/// Makes standard output flush at every line, and opens /dev/null in the place of closed standard descriptors.
void bodkin_standard_streams(void);
/// Gives the terminal back to the caller's process group after a shell had it.
void bodkin_terminal_reclaim(void);
/// From now on the first SIGINT, SIGTERM or (unless it is ignored) SIGHUP writes its number, as a byte, to `fd`; a second one ends the process.
int bodkin_signals_redirect(int fd);
/// Gives them their usual effect again.
void bodkin_signals_restore(void);

// MARK: Clocks, in nanoseconds (what C module owns struct timespec differs from build to build, so Swift does not see it)

/// The monotonic clock.
int64_t bodkin_monotonic_now(void);
/// The time of day since 1970.
int64_t bodkin_time_of_day(void);
/// Blocks until the monotonic clock shows `moment`.
void bodkin_wait_until(int64_t moment);
/// A timer descriptor of the monotonic clock, non-blocking.
int bodkin_timer_create(void);
/// Makes the timer readable at `moment`; 0 disarms it.
void bodkin_timer_set(int timer, int64_t moment);

// MARK: Macros and unions that Swift does not import

/// A pipe that programs started later do not inherit: ends[0] reads, ends[1] writes.
int bodkin_pipe(int ends[2]);
/// Names the calling thread, for ps and debuggers.
void bodkin_thread_name(const char *name);
int bodkin_epoll_add(int epoll, int fd, uint64_t tag);
int bodkin_epoll_remove(int epoll, int fd);
uint64_t bodkin_epoll_tag(const struct epoll_event *event);
/// An abstract Unix stream socket, listening or connected.
int bodkin_abstract_listen(const char *name);
int bodkin_abstract_connect(const char *name);
/// The user at the other end of a Unix socket, by this process' user namespace.
int64_t bodkin_peer_user(int fd);
/// The process at the other end of a Unix socket, the one that listened or connected, by this process' PID namespace.
int64_t bodkin_peer_process(int fd);
#endif
#endif
