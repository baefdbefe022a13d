/* inherited: makes a netlink socket and runs itself with it; the second only ever writes to it. */
#include "tracee.h"

int main(int argc, char **argv)
{
    if (argc == 1) {
        int fd = netlink(NETLINK_ROUTE);
        char number[16];
        sprintf(number, "%d", fd);
        execl(argv[0], argv[0], number, NULL);
        need(0, "exec");
    }
    int fd = atoi(argv[1]);
    for (int i = 1; i <= 10; i++) {
        struct noop m = noop(i);
        m.header.nlmsg_flags = NLM_F_REQUEST;
        need(write(fd, &m, sizeof m) == sizeof m, "write");
    }
    printf("10\n");
    return 0;
}
