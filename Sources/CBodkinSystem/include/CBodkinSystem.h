// C only where Swift cannot reach: netlink, interface ioctls, timers that a suspension cancels, ICMP errors, what a program inherits, and freed memory.
// Every function returns a non-negative value, or a negative errno.
#ifndef CBODKIN_SYSTEM_H
#define CBODKIN_SYSTEM_H

/// Gives memory that was freed back to the system, where the C library keeps it otherwise.
void bodkin_give_back_memory(void);

#ifdef __linux__
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>

// MARK: Events, of the calling thread's network namespace

/// A netlink socket, non-blocking, which has something to read after every change of interfaces, addresses and routes.
int bodkin_network_events(void);
/// A timer, non-blocking, whose read fails with ECANCELED when the system's clock has been set: among others at the end of a suspension.
int bodkin_clock_events(void);
/// A descriptor that can be read from when eight bytes have been written to it: half the price of a pipe. Programs started here do not inherit it.
int bodkin_bell(void);
/// The name of an interface's driver, such as `bridge` or `veth`; an error where the kernel does not tell. `driver` holds `size` bytes.
int bodkin_interface_driver(const char *name, char *driver, size_t size);

/// An address of an interface.
struct bodkin_address {
    char name[16];
    /// IFF_UP and the others of net/if.h.
    unsigned flags;
    /// 4 or 6.
    uint8_t family;
    /// The length of the prefix on the link.
    uint8_t length;
    /// In network order; 4 of them for IPv4.
    uint8_t bytes[16];
};
/// The addresses of all interfaces, without netlink: those of IPv4 by ioctl, those of IPv6 from /proc. Returns how many of at most `limit` were written.
int bodkin_interface_addresses(struct bodkin_address *list, int limit);

// MARK: Programs

/// Adds an action that closes every descriptor above standard error in the program.
int bodkin_close_inherited(posix_spawn_file_actions_t *actions);

// MARK: Hops, in the calling thread's network namespace

/// Nothing yet.
#define BODKIN_HOP_SILENT 0
/// A router whose turn it was when the TTL was used up.
#define BODKIN_HOP_EXCEEDED 1
/// An ICMP error that says the port is closed: it has arrived.
#define BODKIN_HOP_CLOSED 2
/// Another one that says it is not delivered.
#define BODKIN_HOP_REFUSED 3
/// A datagram of the destination's.
#define BODKIN_HOP_ANSWERED 4

/// Sends a datagram to an IPv4 address of 4 bytes, with a TTL, from a new socket, non-blocking, which keeps ICMP errors (IP_RECVERR; no rights are needed).
int bodkin_hop_probe(const uint8_t *address, uint16_t port, int ttl, const void *bytes, size_t count);
/// What has come back to such a socket, once; of an ICMP error the sender's 4 bytes are written to `address`.
int bodkin_hop_answer(int fd, uint8_t *address);
/// Closes it.
void bodkin_hop_close(int fd);
#endif
#endif
