/* daemon FILE: sends, becomes a daemon as they do, with everything closed, and goes on, from a socket of
   its own and in another folder. What it finds goes to FILE: bytes that are not its own, where it has
   opened things, and how often it sent. */
#include "tracee.h"

#include <sys/stat.h>

static int sent;

static void one(int fd)
{
    struct noop m = noop(++sent);
    m.header.nlmsg_flags = NLM_F_REQUEST;
    need(send(fd, &m, sizeof m, 0) == sizeof m, "send");
}

int main(int argc, char **argv)
{
    (void)argc;
    char line[128], bytes[4096];
    one(netlink(NETLINK_ROUTE));
    if (fork() > 0)
        _exit(0);
    setsid();
    if (fork() > 0)
        _exit(0);
    need(chdir("/") == 0, "chdir");
    umask(0);
    for (int i = sysconf(_SC_OPEN_MAX) - 1; i >= 0; i--)
        close(i);
    int null = open("/dev/null", O_RDWR), pair[2];
    need(null == 0 && dup(null) == 1 && dup(null) == 2, "standard descriptors");
    need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0, "socketpair");
    int fd = netlink(NETLINK_ROUTE), numbers = fd;
    for (int i = 0; i < 100; i++)
        one(fd);
    /* Under all numbers there are, ends of its own. */
    for (int i = 6; i < 1024; i++)
        dup2(pair[1], i);
    for (int i = 0; i < 100; i++)
        one(fd);
    ssize_t foreign = read(pair[0], bytes, sizeof bytes);
    int file = open(argv[1], O_WRONLY | O_CREAT, 0600);
    if (file < 0) {
        close(6);
        file = open(argv[1], O_WRONLY | O_CREAT, 0600);
    }
    write(file, line, sprintf(line, "%zd foreign bytes, socket %d, %d sent\n", foreign < 0 ? 0 : foreign,
                              numbers, sent));
    return 0;
}
