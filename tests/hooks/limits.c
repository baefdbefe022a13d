/* limits LEN: lives under a limit of LEN on file sizes, with SIGXFSZ as it is by default: fatal. */
#include "tracee.h"

#include <sys/resource.h>

int main(int argc, char **argv)
{
    (void)argc;
    struct rlimit limit = {atol(argv[1]), atol(argv[1])};
    need(setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit");
    int fd = netlink(NETLINK_ROUTE);
    for (int i = 0; i < 200; i++) {
        struct noop m = noop(i);
        m.header.nlmsg_flags = NLM_F_REQUEST;
        need(send(fd, &m, sizeof m, 0) == sizeof m, "send");
    }
    sigset_t pending;
    sigpending(&pending);
    write(1, "alive\n", sigismember(&pending, SIGXFSZ) ? 0 : 6);
    return 0;
}
