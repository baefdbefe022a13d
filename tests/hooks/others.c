/* Everything that is not netlink, also under numbers that were netlink a moment ago. Nothing of it
   may be recorded: all its bytes are 'x'. */
#include "tracee.h"

static void chat(int a, int b)
{
    char out[8] = "xxxxxxxx", in[8];
    need(write(a, out, 8) == 8 && read(b, in, 8) == 8, "write");
    struct iovec iov = {out, 8};
    need(writev(a, &iov, 1) == 8 && readv(b, &iov, 1) == 8, "writev");
}

static void talk(int a, int b)
{
    char out[8] = "xxxxxxxx", in[8];
    chat(a, b);
    need(send(a, out, 8, 0) == 8 && recv(b, in, 8, 0) == 8, "send");
    struct iovec iov = {out, 8};
    struct msghdr m = {NULL, 0, &iov, 1, NULL, 0, 0};
    need(sendmsg(a, &m, 0) == 8 && recvmsg(b, &m, 0) == 8, "sendmsg");
}

int main(void)
{
    int pair[2], pipes[2];
    for (int round = 0; round < 6; round++) {
        int fd = netlink(NETLINK_ROUTE);
        struct noop m = noop(1);
        m.header.nlmsg_flags = NLM_F_REQUEST;
        need(send(fd, &m, sizeof m, 0) == sizeof m, "send");
        /* The ways in which a number ends, some of them unseen. */
        if (round == 0)
            close(fd);
        else if (round == 1)
            syscall(SYS_close, fd);
        else if (round == 2)
            syscall(SYS_close_range, fd, fd, 0);
        else if (round == 3)
            closefrom(fd);
        else if (round == 4)
            fclose(fdopen(fd, "r+"));
        else
            need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && dup2(pair[0], fd) == fd, "dup2");
        if (round == 5) {
            talk(fd, pair[1]);
            continue;
        }
        need(pipe(pipes) == 0 && pipes[0] == fd, "pipe");
        chat(pipes[1], pipes[0]);
        syscall(SYS_close, pipes[0]);
        syscall(SYS_close, pipes[1]);
        need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && pair[0] == fd, "socketpair");
        talk(pair[0], pair[1]);
        talk(pair[1], pair[0]);
        close(pair[0]);
        close(pair[1]);
    }
    printf("done\n");
    return 0;
}
