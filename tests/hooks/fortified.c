/* Calls whose lengths the compiler does not know, of buffers whose lengths it does: with _FORTIFY_SOURCE
   they become the checking ones. Says what each must leave. */
#include "tracee.h"

static char buf[256];

int main(int argc, char **argv)
{
    (void)argv;
    int fd = netlink(NETLINK_ROUTE);
    EXPECT("socket", fd, fd, .args = {AF_NETLINK, SOCK_RAW, NETLINK_ROUTE});
    size_t len = 100 + argc;
    ssize_t n;
    struct sockaddr_nl from;
    socklen_t from_len = sizeof from;
#define ROUND(name_, call_, ...) \
    do { \
        struct noop m = noop(1); \
        n = send(fd, &m, sizeof m, 0); \
        EXPECT("send", fd, n, .buf_len = sizeof m, .payload = &m, .total = n); \
        n = call_; \
        EXPECT(name_, fd, n, .buf_len = len, .payload = buf, .total = n, __VA_ARGS__); \
    } while (0)
    ROUND("__recv_chk", recv(fd, buf, len, 0), .flags = 0);
    ROUND("__recvfrom_chk", recvfrom(fd, buf, len, MSG_WAITALL, (void *)&from, &from_len),
          .flags = MSG_WAITALL, .name = &from, .name_len = from_len);
    ROUND("__read_chk", read(fd, buf, len), .flags = 0);
    n = recv(fd, buf, len, MSG_DONTWAIT);
    EXPECT("__recv_chk", fd, n, errno, .flags = MSG_DONTWAIT, .buf_len = len);
    return 0;
}
