/* Marks the beginning of main, for stepper; then sends three messages. */
#include "tracee.h"

int main(void)
{
    __asm__ volatile("int3");
    int fd = netlink(NETLINK_ROUTE);
    for (unsigned i = 1; i <= 3; i++) {
        struct noop m = noop(1 << 20 | i);
        need(send(fd, &m, sizeof m, 0) == sizeof m, "send");
    }
    return 0;
}
