/* Each way to send sends once, each way to receive receives once: the acknowledgements tell. */
#include "tracee.h"

static int fd;

/* Takes all that is there, and counts it. */
static int waiting(void)
{
    char buf[256];
    int count = 0;
    while (syscall(SYS_recvfrom, fd, buf, sizeof buf, MSG_DONTWAIT, NULL, NULL) > 0)
        count++;
    return count;
}

#define ONCE(call) \
    do { \
        need((call) > 0, #call); \
        printf("%s: %d\n", #call, waiting()); \
    } while (0)

/* Three are there; the call takes one. */
#define ONE_OF_THREE(call) \
    do { \
        for (int i = 0; i < 3; i++) \
            syscall(SYS_write, fd, &m, sizeof m); \
        ONCE(call); \
    } while (0)

int main(void)
{
    char buf[256];
    struct noop m = noop(1);
    struct iovec iov = {&m, sizeof m}, in = {buf, sizeof buf};
    struct msghdr out_message = {NULL, 0, &iov, 1, NULL, 0, 0};
    struct msghdr in_message = {NULL, 0, &in, 1, NULL, 0, 0};
    struct mmsghdr out_messages = {out_message, 0}, in_messages = {in_message, 0};
    fd = netlink(NETLINK_ROUTE);
    ONCE(send(fd, &m, sizeof m, 0));
    ONCE(sendto(fd, &m, sizeof m, 0, NULL, 0));
    ONCE(sendmsg(fd, &out_message, 0));
    ONCE(sendmmsg(fd, &out_messages, 1, 0));
    ONCE(write(fd, &m, sizeof m));
    ONCE(writev(fd, &iov, 1));
#ifdef __GLIBC__
    ONCE(pwritev2(fd, &iov, 1, -1, 0));
#endif
    ONE_OF_THREE(recv(fd, buf, sizeof buf, 0));
    ONE_OF_THREE(recvfrom(fd, buf, sizeof buf, 0, NULL, NULL));
    ONE_OF_THREE(recvmsg(fd, &in_message, 0));
    ONE_OF_THREE(recvmmsg(fd, &in_messages, 1, 0, NULL));
    ONE_OF_THREE(read(fd, buf, sizeof buf));
    ONE_OF_THREE(readv(fd, &in, 1));
#ifdef __GLIBC__
    ONE_OF_THREE(preadv2(fd, &in, 1, -1, 0));
#endif
    return 0;
}
