/* Forbids itself to read the processor's counter, as a program does that is to run the same each time. */
#include "tracee.h"

#include <sys/prctl.h>

static void one(int fd, unsigned seq)
{
    struct noop m = noop(seq);
    m.header.nlmsg_flags = NLM_F_REQUEST;
    need(send(fd, &m, sizeof m, 0) == sizeof m, "send");
}

int main(void)
{
    int fd = netlink(NETLINK_ROUTE);
    one(fd, 1);
    int ret = prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0);
    one(fd, 2);
    one(netlink(NETLINK_ROUTE), 3);
    ret |= syscall(SYS_prctl, PR_SET_TSC, PR_TSC_ENABLE);
    one(fd, 4);
    printf("%d\n", ret);
    return 0;
}
