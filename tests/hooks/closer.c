/* closer WAY: closes every descriptor in one of several ways, as daemons do, opens descriptors of
   its own under the freed numbers, and goes on with netlink. Nothing of the shim's may arrive in
   them. Prints how many foreign bytes did. */
#include "tracee.h"

#include <dirent.h>

static void one(int fd, unsigned seq)
{
    struct noop m = noop(seq);
    m.header.nlmsg_flags = NLM_F_REQUEST;
    need(send(fd, &m, sizeof m, 0) == sizeof m, "send");
}

int main(int argc, char **argv)
{
    (void)argc;
    const char *way = argv[1];
    int fd = netlink(NETLINK_ROUTE);
    one(fd, 1);
    int pair[2];
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");

    if (!strcmp(way, "loop"))
        for (int i = 3; i < 1024; i++)
            close(i);
    else if (!strcmp(way, "closefrom"))
        closefrom(3);
    else if (!strcmp(way, "close_range"))
        need(close_range(3, ~0U, 0) == 0, "close_range");
    else if (!strcmp(way, "unshare"))
        need(close_range(3, ~0U, 2) == 0, "close_range");
    else if (!strcmp(way, "raw"))
        syscall(SYS_close_range, 3, ~0U, 0);
    else if (!strcmp(way, "walk")) {
        DIR *dir = opendir("/proc/self/fd");
        for (struct dirent *entry; (entry = readdir(dir));)
            if (atoi(entry->d_name) > 2 && atoi(entry->d_name) != dirfd(dir))
                close(atoi(entry->d_name));
        closedir(dir);
    }
    if (!strcmp(way, "dup2")) {
        /* Ends of our own under every number that may be somebody's. */
        for (int i = 100; i < 1024; i++)
            need(dup2(pair[1], i) == i, "dup2");
    } else {
        if (!strcmp(way, "fork") && fork() > 0)
            return 0;
        if (!strcmp(way, "fork"))
            closefrom(3);
        need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
        for (int i = 5; i < 1024; i++)
            need(dup2(pair[1], i) == i, "dup2");
        for (int i = 10; i < 1024; i++)
            close(i);
        fd = netlink(NETLINK_ROUTE);
    }
    /* Without a free number below the limit, and then with some. */
    one(fd, 2);
    for (int i = 200; i < 1024; i++)
        close(i);
    int other = netlink(NETLINK_ROUTE);
    one(other, 3);
    one(other, 4);

    char buf[4096];
    ssize_t n = recv(pair[0], buf, sizeof buf, MSG_DONTWAIT);
    printf("%zd foreign bytes\n", n < 0 ? 0 : n);
    return 0;
}
