#ifdef __linux__
#define _GNU_SOURCE
#include "CBodkinSystem.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
// After <time.h>, whose types it uses.
#include <linux/errqueue.h>

int bodkin_hop_probe(const uint8_t *address, uint16_t port, int ttl, const void *bytes, size_t count) {
    struct sockaddr_in remote = {.sin_family = AF_INET, .sin_port = htons(port)};
    memcpy(&remote.sin_addr, address, sizeof remote.sin_addr);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    int yes = 1;
    if (setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl) < 0 || setsockopt(fd, IPPROTO_IP, IP_RECVERR, &yes, sizeof yes) < 0 ||
        connect(fd, (const struct sockaddr *)&remote, sizeof remote) < 0 || send(fd, bytes, count, 0) < 0) {
        int result = -errno;
        close(fd);
        return result;
    }
    return fd;
}

// Of ICMP (RFC 792): time exceeded, of which 0 is in transit; destination unreachable, of which 3 is the port.
enum { EXCEEDED = 11, IN_TRANSIT = 0, UNREACHABLE = 3, PORT = 3 };

int bodkin_hop_answer(int fd, uint8_t *address) {
    char byte;
    if (recv(fd, &byte, 1, 0) >= 0) return BODKIN_HOP_ANSWERED;
    // Room for the error and who sent it, aligned as headers have to be.
    union {
        struct cmsghdr header;
        char bytes[256];
    } control;
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (recvmsg(fd, &message, MSG_ERRQUEUE) < 0) return BODKIN_HOP_SILENT;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != IPPROTO_IP || header->cmsg_type != IP_RECVERR) continue;
        struct {
            struct sock_extended_err error;
            struct sockaddr_in offender;
        } answer;
        if (header->cmsg_len < CMSG_LEN(sizeof answer)) continue;
        memcpy(&answer, CMSG_DATA(header), sizeof answer);
        if (answer.error.ee_origin != SO_EE_ORIGIN_ICMP || answer.offender.sin_family != AF_INET) continue;
        memcpy(address, &answer.offender.sin_addr, sizeof answer.offender.sin_addr);
        if (answer.error.ee_type == EXCEEDED && answer.error.ee_code == IN_TRANSIT) return BODKIN_HOP_EXCEEDED;
        if (answer.error.ee_type == UNREACHABLE) return answer.error.ee_code == PORT ? BODKIN_HOP_CLOSED : BODKIN_HOP_REFUSED;
    }
    return BODKIN_HOP_SILENT;
}

void bodkin_hop_close(int fd) { close(fd); }
#endif
