/* chain COUNT [FD]: sends a message and becomes itself again, COUNT times in all, always with the same
   socket, on which the later ones only ever write. */
#include "tracee.h"

int main(int argc, char **argv)
{
    int left = atoi(argv[1]), fd = argc > 2 ? atoi(argv[2]) : netlink(NETLINK_ROUTE);
    struct noop m = noop(left);
    m.header.nlmsg_flags = NLM_F_REQUEST;
    need(write(fd, &m, sizeof m) == sizeof m, "write");
    char count[16], number[16];
    sprintf(count, "%d", left - 1);
    sprintf(number, "%d", fd);
    if (left > 1)
        execl(argv[0], argv[0], count, number, NULL);
    printf("%d\n", left);
    return 0;
}
