/* Sends, pauses, opens a second socket and sends on both. */
#include "tracee.h"

static void one(int fd, unsigned seq)
{
    struct noop m = noop(seq);
    m.header.nlmsg_flags = NLM_F_REQUEST;
    need(send(fd, &m, sizeof m, 0) == sizeof m, "send");
}

int main(void)
{
    char byte;
    int fd = netlink(NETLINK_ROUTE);
    one(fd, 1);
    printf("paused\n");
    fflush(stdout);
    need(read(0, &byte, 1) == 1, "stdin");
    int other = netlink(NETLINK_ROUTE);
    one(fd, 2);
    one(other, 3);
    printf("done\n");
    return 0;
}
