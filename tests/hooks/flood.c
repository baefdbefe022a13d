/* flood COUNT [PAUSE_AT]: sends COUNT numbered messages that ask for no answer; at PAUSE_AT says so
   and waits for a byte on stdin. Prints how many were sent, and the longest a send took. */
#include "tracee.h"

int main(int argc, char **argv)
{
    unsigned count = atoi(argv[1]), pause_at = argc > 2 ? atoi(argv[2]) : 0;
    int fd = netlink(NETLINK_ROUTE);
    unsigned sent = 0;
    long longest = 0;
    char byte;
    for (unsigned i = 1; i <= count; i++) {
        struct noop m = noop(i);
        m.header.nlmsg_flags = NLM_F_REQUEST;
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        sent += send(fd, &m, sizeof m, 0) == sizeof m;
        clock_gettime(CLOCK_MONOTONIC, &b);
        long ns = (b.tv_sec - a.tv_sec) * 1000000000L + b.tv_nsec - a.tv_nsec;
        if (ns > longest)
            longest = ns;
        if (i == pause_at) {
            printf("paused\n");
            fflush(stdout);
            need(read(0, &byte, 1) == 1, "stdin");
        }
    }
    printf("%u %ld\n", sent, longest / 1000000);
    return 0;
}
