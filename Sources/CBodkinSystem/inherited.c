#ifdef __linux__
#define _GNU_SOURCE
#include "CBodkinSystem.h"
#include <unistd.h>

int bodkin_close_inherited(posix_spawn_file_actions_t *actions) {
#ifdef __GLIBC__
    return -posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
#else
    // musl has no such action, and passes over a descriptor that is not open.
    int failure = 0;
    for (int fd = STDERR_FILENO + 1; fd < 4096 && failure == 0; fd++) failure = posix_spawn_file_actions_addclose(actions, fd);
    return -failure;
#endif
}
#endif
