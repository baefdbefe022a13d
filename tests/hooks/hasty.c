/* A library whose constructor runs before the shim's and puts in a handler that makes hooked calls,
   whose every end it marks; main marks its beginning. For a program that is run by stepper. */
#include "tracee.h"

static int fd;
static volatile unsigned runs;

static void check(int is_so, const char *what)
{
    if (!is_so) {
        write(2, what, strlen(what));
        _exit(4);
    }
}

static void on_signal(int signal)
{
    (void)signal;
    int error = errno;
    char buf[64];
    struct noop m = noop(++runs);
    struct iovec out = {&m, sizeof m}, in = {buf, sizeof buf};
    struct msghdr send_it = {NULL, 0, &out, 1, NULL, 0, 0}, get_it = {NULL, 0, &in, 1, NULL, 0, 0};
    struct sockaddr_nl name;
    socklen_t len = sizeof name;
    int value = 1;
    check(send(fd, &m, sizeof m, 0) == sizeof m, "send");
    check(recv(fd, buf, sizeof buf, 0) == ACK_LEN, "recv");
    check(sendto(fd, &m, sizeof m, 0, NULL, 0) == sizeof m, "sendto");
    check(recvfrom(fd, buf, sizeof buf, 0, NULL, NULL) == ACK_LEN, "recvfrom");
    check(sendmsg(fd, &send_it, 0) == sizeof m, "sendmsg");
    check(recvmsg(fd, &get_it, 0) == ACK_LEN, "recvmsg");
    check(write(fd, &m, sizeof m) == sizeof m, "write");
    check(read(fd, buf, sizeof buf) == ACK_LEN, "read");
    check(writev(fd, &out, 1) == sizeof m, "writev");
    check(readv(fd, &in, 1) == ACK_LEN, "readv");
    check(getsockname(fd, (void *)&name, &len) == 0, "getsockname");
    check(setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &value, sizeof value) == 0, "setsockopt");
    int copy = dup(fd);
    check(copy > fd && fcntl(copy, F_GETFD) == 0 && close(copy) == 0, "dup");
    check(syscall(SYS_write, fd, &m, sizeof m) == sizeof m, "SYS_write");
    check(syscall(SYS_read, fd, buf, sizeof buf) == ACK_LEN, "SYS_read");
    errno = error;
    __asm__ volatile("int3");
}

__attribute__((constructor)) static void first(void)
{
    fd = netlink(NETLINK_ROUTE);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGUSR1, &action, NULL);
    __asm__ volatile("int3");
}

