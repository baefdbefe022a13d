/* A library whose constructor runs before the shim's and whose destructor runs after it: both send. */
#include "tracee.h"

#include <ifaddrs.h>

static void one(unsigned seq)
{
    int fd = netlink(NETLINK_ROUTE);
    struct noop m = noop(seq);
    m.header.nlmsg_flags = NLM_F_REQUEST;
    need(send(fd, &m, sizeof m, 0) == sizeof m && write(fd, &m, sizeof m) == sizeof m, "send");
    need(fcntl(fd, F_GETFD) == 0 && close(dup(fd)) == 0 && close(fd) == 0, "close");
    struct ifaddrs *list;
    need(getifaddrs(&list) == 0, "getifaddrs");
    freeifaddrs(list);
}

__attribute__((constructor)) static void first(void)
{
    one(100);
}

__attribute__((destructor)) static void last(void)
{
    one(200);
}
