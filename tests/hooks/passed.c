/* A netlink socket that another process passes on, and of which it uses write and read alone. */
#include "tracee.h"

static union {
    char bytes[CMSG_SPACE(2 * sizeof(int))];
    struct cmsghdr align;
} control;

static void pass(int by, int fd)
{
    char byte = 'x';
    struct iovec iov = {&byte, 1};
    struct msghdr message = header(NULL, 0, &iov, 1, &control, sizeof control);
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    int both[2] = {fd, by};
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof both);
    memcpy(CMSG_DATA(c), both, sizeof both);
    need(sendmsg(by, &message, 0) == 1, "sendmsg");
}

static int passed(int by, int many)
{
    char byte;
    int both[2];
    struct iovec iov = {&byte, 1};
    struct mmsghdr message = {header(NULL, 0, &iov, 1, &control, sizeof control)};
    need(many ? recvmmsg(by, &message, 1, 0, NULL) == 1 : recvmsg(by, &message.msg_hdr, 0) == 1, "recvmsg");
    memcpy(both, CMSG_DATA(CMSG_FIRSTHDR(&message.msg_hdr)), sizeof both);
    return both[0];
}

int main(void)
{
    int pair[2];
    char buf[64];
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 3; i++) {
            int fd = netlink(NETLINK_ROUTE);
            pass(pair[1], fd);
            close(fd);
        }
        _exit(0);
    }
    for (unsigned i = 1; i <= 3; i++) {
        int fd = i == 3 ? syscall(SYS_dup, passed(pair[0], 0)) : passed(pair[0], i == 2);
        struct noop m = noop(i);
        need(write(fd, &m, sizeof m) == sizeof m && read(fd, buf, sizeof buf) == ACK_LEN, "write");
    }
    int status;
    need(waitpid(pid, &status, 0) == pid && status == 0, "child");
    printf("3\n");
    return 0;
}
