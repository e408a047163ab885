#ifdef __linux__
#define _GNU_SOURCE
#include "CBodkinSystem.h"
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/// Reads the flags of an interface; 0 where the kernel does not tell.
static unsigned flags_of(int fd, const char *name) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    return ioctl(fd, SIOCGIFFLAGS, &request) < 0 ? 0 : (unsigned short)request.ifr_flags;
}

/// Reads the length of the prefix of the address in a request; 32 where the kernel does not tell.
static int length_of(int fd, struct ifreq request) {
    if (ioctl(fd, SIOCGIFNETMASK, &request) < 0) return 32;
    struct sockaddr_in mask;
    memcpy(&mask, &request.ifr_addr, sizeof mask);
    return __builtin_popcount(mask.sin_addr.s_addr);
}

int bodkin_interface_addresses(struct bodkin_address *list, int limit) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    struct ifreq requests[128];
    struct ifconf configuration = {.ifc_len = sizeof requests, .ifc_req = requests};
    int count = 0;
    if (ioctl(fd, SIOCGIFCONF, &configuration) == 0) {
        int found = configuration.ifc_len / (int)sizeof(struct ifreq);
        for (int i = 0; i < found && count < limit; i++) {
            struct bodkin_address *entry = &list[count++];
            memset(entry, 0, sizeof *entry);
            struct sockaddr_in address;
            memcpy(&address, &requests[i].ifr_addr, sizeof address);
            memcpy(entry->bytes, &address.sin_addr, 4);
            entry->family = 4;
            entry->length = (uint8_t)length_of(fd, requests[i]);
            entry->flags = flags_of(fd, requests[i].ifr_name);
            // A further address may have a label behind a colon.
            strncpy(entry->name, requests[i].ifr_name, sizeof entry->name - 1);
            char *colon = strchr(entry->name, ':');
            if (colon) *colon = 0;
        }
    }
    FILE *table = fopen("/proc/thread-self/net/if_inet6", "re");
    char digits[33], name[IFNAMSIZ];
    unsigned index, length, scope, state;
    while (table && count < limit && fscanf(table, "%32s %x %x %x %x %15s", digits, &index, &length, &scope, &state, name) == 6) {
        struct bodkin_address *entry = &list[count];
        memset(entry, 0, sizeof *entry);
        int parsed = strlen(digits) == 32;
        for (int i = 0; parsed && i < 16; i++) parsed = sscanf(digits + 2 * i, "%2hhx", &entry->bytes[i]) == 1;
        if (!parsed) continue;
        entry->family = 6;
        entry->length = (uint8_t)(length > 128 ? 128 : length);
        entry->flags = flags_of(fd, name);
        memcpy(entry->name, name, sizeof name);
        count++;
    }
    if (table) fclose(table);
    close(fd);
    return count;
}
#endif
