/* Prints what of a process the shim might change: descriptors, the next free number, threads. The
   shim's own are high, and closed on exec: those are left out. */
#include "tracee.h"

#include <dirent.h>

static int entries(const char *path, int list)
{
    int count = 0, numbers[64];
    DIR *dir = opendir(path);
    for (struct dirent *entry; (entry = readdir(dir));) {
        int number = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || (list && number == dirfd(dir)))
            continue;
        if (list && number >= 100 && fcntl(number, F_GETFD) == FD_CLOEXEC)
            continue;
        numbers[count++] = number;
    }
    closedir(dir);
    for (int i = 0; list && i < count; i++)
        printf("fd %d\n", numbers[i]);
    return count;
}

int main(void)
{
    char byte;
    for (int round = 0; round < 2; round++) {
        entries("/proc/self/fd", 1);
        int fd = netlink(NETLINK_ROUTE);
        struct noop m = noop(1);
        need(send(fd, &m, sizeof m, 0) == sizeof m && recv(fd, &byte, 1, 0) == 1, "netlink");
        printf("socket %d\n", fd);
        int next = open("/dev/null", O_RDONLY);
        printf("next %d\n", next);
        printf("threads %d\n", entries("/proc/self/task", 0));
    }
    fflush(stdout);
    return 0;
}
