/* Messages of unusual shape: many iovecs, none, a megabyte. Says what each must leave. */
#include "tracee.h"

static char big[1 << 20];

int main(void)
{
    int fd = netlink(NETLINK_ROUTE);
    EXPECT("socket", fd, fd, .args = {AF_NETLINK, SOCK_RAW, NETLINK_ROUTE});

    /* One byte an iovec, and an empty one after each. */
    struct {
        struct noop m;
        char rest[84];
    } m = {.m = noop(1)};
    m.m.header.nlmsg_len = sizeof m;
    for (unsigned i = 0; i < sizeof m.rest; i++)
        m.rest[i] = i;
    struct iovec out[200];
    for (unsigned i = 0; i < 200; i++)
        out[i] = (struct iovec){(char *)&m + i / 2, i % 2 == 0};
    struct msghdr message = {NULL, 0, out, 200, NULL, 0, 0};
    ssize_t n = sendmsg(fd, &message, 0);
    need(n == sizeof m, "sendmsg");
    EXPECT("sendmsg", fd, n, .iov_count = 200, .iov = out, .buf_len = sizeof m, .payload = &m,
           .total = n);

    /* The acknowledgement, one byte an iovec, into more iovecs than it fills. */
    char buf[200];
    struct iovec in[200];
    for (unsigned i = 0; i < 200; i++)
        in[i] = (struct iovec){buf + i, 1};
    n = readv(fd, in, 200);
    need(n > 30, "readv");
    EXPECT("readv", fd, n, .iov_count = 200, .iov = in, .buf_len = 200, .payload = buf, .total = n);

    /* A megabyte of 65,536 messages none of which asks for an answer; less where the rights to so
       large a buffer are missing. */
    int len = sizeof big * 2;
    int ret = setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &len, sizeof len);
    EXPECT("setsockopt", fd, ret, ret ? errno : 0, .args = {SOL_SOCKET, SO_SNDBUFFORCE, sizeof len},
           .buf_len = sizeof len, .payload = &len, .total = ret ? 0 : sizeof len);
    unsigned long size = ret ? 1 << 17 : sizeof big;
    for (unsigned i = 0; i < size / sizeof(struct noop); i++) {
        struct noop one = noop(i);
        one.header.nlmsg_flags = NLM_F_REQUEST;
        memcpy(big + i * sizeof one, &one, sizeof one);
    }
    n = send(fd, big, size, 0);
    need(n == (ssize_t)size, "send");
    EXPECT("send", fd, n, .buf_len = size, .payload = big, .total = n);

    /* The same in pieces that end nowhere near a frame's end. */
    struct iovec pieces[150];
    unsigned long piece = size / 150;
    for (unsigned i = 0; i < 150; i++)
        pieces[i] = (struct iovec){big + i * piece, i == 149 ? size - 149 * piece : piece};
    n = writev(fd, pieces, 150);
    need(n == (ssize_t)size, "writev");
    EXPECT("writev", fd, n, .iov_count = 150, .iov = pieces, .buf_len = size, .payload = big,
           .total = n);

    /* Nothing at all, which netlink refuses. */
    n = send(fd, NULL, 0, 0);
    EXPECT("send", fd, n, errno);
    message = (struct msghdr){NULL, 0, NULL, 0, NULL, 0, 0};
    n = sendmsg(fd, &message, 0);
    EXPECT("sendmsg", fd, n, errno);
    n = recv(fd, buf, 0, MSG_DONTWAIT);
    EXPECT("recv", fd, n, errno, .flags = MSG_DONTWAIT);
    return 0;
}
