/* Prints what calls return and leave in errno: the same with and without the shim. */
#include "tracee.h"

#include <sys/resource.h>

#define SHOW(call) \
    do { \
        errno = 77; \
        long ret = (long)(call); \
        int error = errno; \
        printf("%s = %ld errno %d\n", #call, ret, error); \
    } while (0)

int main(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_ROUTE), pipes[2], value = 1;
    void *volatile bad = (void *)8;
    volatile int many = 2000, few = -1;
    char buf[256];
    struct noop m = noop(1);
    struct iovec iov = {&m, sizeof m}, bad_iov = {bad, 64};
    struct sockaddr_nl name = kernel();
    socklen_t len = sizeof name, short_len = 2;
    struct msghdr ok = {&name, sizeof name, &iov, 1, NULL, 0, 0};
    struct msghdr no_iov = {NULL, 0, bad, 1, NULL, 0, 0};
    struct msghdr no_base = {NULL, 0, &bad_iov, 1, NULL, 0, 0};
    struct msghdr no_name = {bad, sizeof name, &iov, 1, NULL, 0, 0};
    struct msghdr no_control = header(NULL, 0, &iov, 1, bad, 64);
    struct mmsghdr two[2] = {{ok, 0}, {no_base, 0}};
    need(pipe(pipes) == 0, "pipe");

    SHOW(send(fd, &m, sizeof m, 0));
    SHOW(recv(fd, buf, sizeof buf, 0));
    SHOW(recv(fd, buf, sizeof buf, MSG_DONTWAIT));
    SHOW(send(fd, bad, 16, 0));
    SHOW(sendto(fd, &m, sizeof m, 0, bad, sizeof name));
    SHOW(sendto(fd, &m, sizeof m, 0, (void *)&name, 1000));
#ifdef __GLIBC__
    /* musl looks at a message before the kernel does. */
    SHOW(sendmsg(fd, bad, 0));
    SHOW(sendmsg(fd, NULL, 0));
    SHOW(sendmmsg(fd, bad, 2, 0));
    SHOW(recvmsg(fd, bad, MSG_DONTWAIT));
    SHOW(recvmmsg(fd, bad, 2, MSG_DONTWAIT, NULL));
    SHOW(sendmsg(fd, &no_control, 0));
#endif
    SHOW(sendmsg(fd, &no_iov, 0));
    SHOW(sendmsg(fd, &no_base, 0));
    SHOW(sendmsg(fd, &no_name, 0));
    SHOW(sendmsg(fd, &ok, 0));
    SHOW(recv(fd, bad, 256, MSG_DONTWAIT));
    SHOW(sendmsg(fd, &ok, MSG_OOB));
    SHOW(sendmsg(fd, &ok, 0));
    SHOW(recvmsg(fd, &no_iov, MSG_DONTWAIT));
    SHOW(recvmsg(fd, &no_base, MSG_DONTWAIT));
    SHOW(sendmmsg(fd, two, 2, 0));
    SHOW(recvfrom(fd, buf, sizeof buf, MSG_DONTWAIT, (void *)&name, bad));
    SHOW(recvfrom(fd, buf, sizeof buf, MSG_DONTWAIT, (void *)&name, &short_len));
    SHOW(recvfrom(fd, buf, sizeof buf, MSG_DONTWAIT, NULL, bad));
    SHOW(write(fd, bad, 16));
    SHOW(write(fd, &m, 0));
    SHOW(writev(fd, bad, 2));
    SHOW(writev(fd, &iov, many));
    SHOW(writev(fd, &iov, few));
    SHOW(read(fd, bad, 16));
    SHOW(readv(fd, &bad_iov, 1));
#ifdef __GLIBC__
    SHOW(pwritev2(fd, &iov, 1, 0, 0));
#endif
    SHOW(splice(pipes[0], NULL, fd, NULL, 0, 0));
    SHOW(bind(fd, bad, sizeof name));
    SHOW(bind(fd, (void *)&name, 2));
    SHOW(connect(fd, bad, sizeof name));
    SHOW(getsockname(fd, bad, &len));
    SHOW(getsockname(fd, (void *)&name, bad));
    SHOW(getsockopt(fd, SOL_NETLINK, 99, &value, &len));
    SHOW(getsockopt(fd, SOL_SOCKET, SO_TYPE, bad, &len));
    SHOW(setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, bad, 4));
    SHOW(setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &value, 0));
    SHOW(socket(AF_NETLINK, SOCK_STREAM, 0));
    SHOW(socket(AF_NETLINK, SOCK_RAW, 99));
    SHOW(send(-1, &m, sizeof m, 0));
    SHOW(send(999, &m, sizeof m, 0));
    SHOW(send(pipes[1], &m, sizeof m, 0));
    SHOW(recv(5000, buf, sizeof buf, 0));
    SHOW(close(-1));
    SHOW(close(999));
    SHOW(dup2(fd, fd));
    SHOW(dup2(999, fd));
    SHOW(fcntl(fd, F_DUPFD, 1 << 30));
    SHOW(fcntl(fd, F_GETFD));
    SHOW(fcntl(fd, F_SETFL, O_NONBLOCK));
    SHOW(fcntl(fd, F_GETFL));
    SHOW(recv(fd, buf, sizeof buf, 0));
    SHOW(close_range(800, 700, 0));
    SHOW(close_range(700, ~0U, 4));
    SHOW(close(fd));
    SHOW(close(fd));
    SHOW(send(fd, &m, sizeof m, 0));

    /* Pointers that the kernel never looks at. */
    fd = netlink(NETLINK_ROUTE);
    struct msghdr unused = header(bad, 0, NULL, 0, bad, 0);
    SHOW(sendmsg(fd, &unused, 0));
    SHOW(send(fd, &m, sizeof m, 0));
    iov = (struct iovec){buf, sizeof buf};
    unused = header(bad, 0, &iov, 1, bad, 0);
    SHOW(recvmsg(fd, &unused, 0));
    printf("name length %u, control length %zu\n", unused.msg_namelen, (size_t)unused.msg_controllen);
    int option = NETLINK_ROUTE;
    SHOW(setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &option, 1 << 30));
    return 0;
}
