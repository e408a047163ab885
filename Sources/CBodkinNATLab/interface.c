#ifdef __linux__
#define _GNU_SOURCE
#include "CBodkinNATLab.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/ipv6.h>
#include <linux/types.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <net/route.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct ifreq request_for(const char *name) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    return request;
}

static struct sockaddr as_sockaddr(const uint8_t *address) {
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr result;
    memcpy(&in.sin_addr, address, 4);
    memcpy(&result, &in, sizeof result);
    return result;
}

static struct sockaddr netmask(int prefix) {
    uint32_t mask = prefix == 0 ? 0 : htonl(~0u << (32 - prefix));
    return as_sockaddr((const uint8_t *)&mask);
}

/// One ioctl on a throw-away socket of the family.
static int control(int family, unsigned long what, void *argument) {
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int result = ioctl(fd, what, argument) < 0 ? -errno : 0;
    close(fd);
    return result;
}

int bodkin_tun_open(const char *name) {
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return -errno;
    struct ifreq request = request_for(name);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (ioctl(fd, TUNSETIFF, &request) < 0) {
        int result = -errno;
        close(fd);
        return result;
    }
    return fd;
}

int bodkin_interface_up(const char *name, int mtu) {
    struct ifreq request = request_for(name);
    int result = 0;
    if (mtu != 0) {
        request.ifr_mtu = mtu;
        if ((result = control(AF_INET, SIOCSIFMTU, &request)) < 0) return result;
    }
    if ((result = control(AF_INET, SIOCGIFFLAGS, &request)) < 0) return result;
    request.ifr_flags |= IFF_UP;
    return control(AF_INET, SIOCSIFFLAGS, &request);
}

static int index_of(const char *name) {
    unsigned index = if_nametoindex(name);
    return index == 0 ? -errno : (int)index;
}

int bodkin_address_add(const char *name, const uint8_t *address, int length, int prefix) {
    if (length == 16) {
        int index = index_of(name);
        if (index < 0) return index;
        struct in6_ifreq request = {.ifr6_prefixlen = (uint32_t)prefix, .ifr6_ifindex = index};
        memcpy(&request.ifr6_addr, address, 16);
        return control(AF_INET6, SIOCSIFADDR, &request);
    }
    struct ifreq request = request_for(name);
    request.ifr_addr = as_sockaddr(address);
    int result = control(AF_INET, SIOCSIFADDR, &request);
    if (result < 0) return result;
    request.ifr_addr = netmask(prefix);
    return control(AF_INET, SIOCSIFNETMASK, &request);
}

int bodkin_route_add(const char *name, const uint8_t *destination, int length, int prefix, const uint8_t *gateway, int gateway_length, int metric) {
    if (length == 16) {
        int index = index_of(name);
        if (index < 0) return index;
        // A metric of 0 would mean the default of 1024.
        struct in6_rtmsg route = {
            .rtmsg_dst_len = (uint16_t)prefix, .rtmsg_ifindex = index, .rtmsg_metric = (uint32_t)metric + 1, .rtmsg_flags = RTF_UP};
        memcpy(&route.rtmsg_dst, destination, 16);
        if (gateway_length == 16) {
            memcpy(&route.rtmsg_gateway, gateway, 16);
            route.rtmsg_flags |= RTF_GATEWAY;
        }
        return control(AF_INET6, SIOCADDRT, &route);
    }
    // The kernel takes one off rt_metric, "for binary compatibility".
    struct rtentry route = {.rt_flags = RTF_UP, .rt_dev = (char *)name, .rt_metric = (short)(metric + 1)};
    route.rt_dst = as_sockaddr(destination);
    route.rt_genmask = netmask(prefix);
    if (gateway_length == 4) {
        route.rt_gateway = as_sockaddr(gateway);
        route.rt_flags |= RTF_GATEWAY;
    }
    return control(AF_INET, SIOCADDRT, &route);
}

int bodkin_conntrack_flush(void) {
    struct {
        struct nlmsghdr header;
        struct nfgenmsg family;
    } request = {
        .header = {
            .nlmsg_len = sizeof request,
            .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE,
            .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
        },
        .family = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0},
    };
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (fd < 0) return -errno;
    char answer[512];
    int result = 0;
    if (send(fd, &request, sizeof request, 0) < 0) result = -errno;
    ssize_t count = result == 0 ? recv(fd, answer, sizeof answer, 0) : 0;
    if (count >= (ssize_t)(sizeof(struct nlmsghdr) + sizeof(int))) {
        struct nlmsghdr header;
        memcpy(&header, answer, sizeof header);
        if (header.nlmsg_type == NLMSG_ERROR) memcpy(&result, answer + sizeof header, sizeof result);
    }
    close(fd);
    return result;
}
#endif
