/* Makes every call that is watched by its number, through syscall(), and says what each must leave. */
#include "tracee.h"

static int fd;
static unsigned seq;
static char buf[256];

#define SENT(function_, ret_, flags_) \
    EXPECT("syscall:" function_, fd, ret_, .flags = flags_, .buf_len = sizeof m, .payload = &m, \
           .total = ret_)
#define GOT(function_, ret_, flags_) \
    EXPECT("syscall:" function_, fd, ret_, .flags = flags_, .buf_len = sizeof buf, .payload = buf, \
           .total = ret_)

static void life(void)
{
    fd = syscall(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    need(fd >= 0, "socket");
    EXPECT("syscall:socket", fd, fd, .args = {AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE});
    struct sockaddr_nl name = kernel();
    need(syscall(SYS_bind, fd, &name, sizeof name) == 0, "bind");
    EXPECT("syscall:bind", fd, 0, .name = &name, .name_len = sizeof name);
    socklen_t len = sizeof name;
    need(syscall(SYS_getsockname, fd, &name, &len) == 0, "getsockname");
    EXPECT("syscall:getsockname", fd, 0, .name = &name, .name_len = len);
    int value = 1;
    need(syscall(SYS_setsockopt, fd, SOL_NETLINK, NETLINK_EXT_ACK, &value, sizeof value) == 0, "option");
    EXPECT("syscall:setsockopt", fd, 0, .args = {SOL_NETLINK, NETLINK_EXT_ACK, sizeof value},
           .buf_len = sizeof value, .payload = &value, .total = sizeof value);
    len = sizeof value;
    need(syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_RCVBUF, &value, &len) == 0, "getsockopt");
    EXPECT("syscall:getsockopt", fd, 0, .args = {SOL_SOCKET, SO_RCVBUF, len}, .buf_len = len,
           .payload = &value, .total = len);
    name = kernel();
    need(syscall(SYS_connect, fd, &name, sizeof name) == 0, "connect");
    EXPECT("syscall:connect", fd, 0, .name = &name, .name_len = sizeof name);
    EXPECT("syscall:socket", -1, -1, EPROTONOSUPPORT, .args = {AF_NETLINK, SOCK_RAW, 31});
    need(syscall(SYS_socket, AF_NETLINK, SOCK_RAW, 31) == -1 && errno == EPROTONOSUPPORT, "socket 31");
}

static void one_buffer(void)
{
    struct sockaddr_nl name = kernel();
    struct noop m = noop(++seq);
    ssize_t n = syscall(SYS_sendto, fd, &m, sizeof m, MSG_NOSIGNAL, &name, sizeof name);
    EXPECT("syscall:sendto", fd, n, .flags = MSG_NOSIGNAL, .buf_len = sizeof m, .name = &name,
           .name_len = sizeof name, .payload = &m, .total = n);
    socklen_t len = sizeof name;
    n = syscall(SYS_recvfrom, fd, buf, sizeof buf, MSG_DONTWAIT, &name, &len);
    EXPECT("syscall:recvfrom", fd, n, .flags = MSG_DONTWAIT, .buf_len = sizeof buf, .name = &name,
           .name_len = len, .payload = buf, .total = n);
    m = noop(++seq);
    n = syscall(SYS_write, fd, &m, sizeof m);
    SENT("write", n, 0);
    n = syscall(SYS_read, fd, buf, sizeof buf);
    GOT("read", n, 0);
    n = syscall(SYS_recvfrom, fd, buf, sizeof buf, MSG_DONTWAIT, NULL, NULL);
    need(n == -1 && errno == EAGAIN, "nothing");
    EXPECT("syscall:recvfrom", fd, -1, EAGAIN, .flags = MSG_DONTWAIT, .buf_len = sizeof buf);
}

static void vectors(void)
{
    struct noop m = noop(++seq);
    struct iovec out[] = {{&m, 4}, {(char *)&m + 4, sizeof m - 4}}, in[] = {{buf, 20}, {buf + 20, 80}};
#define SENT_V(function_, ret_) \
    EXPECT("syscall:" function_, fd, ret_, .iov_count = 2, .iov = out, .buf_len = sizeof m, \
           .payload = &m, .total = ret_)
#define GOT_V(function_, ret_) \
    EXPECT("syscall:" function_, fd, ret_, .iov_count = 2, .iov = in, .buf_len = 100, .payload = buf, \
           .total = ret_)
    ssize_t n = syscall(SYS_writev, fd, out, 2);
    SENT_V("writev", n);
    n = syscall(SYS_readv, fd, in, 2);
    GOT_V("readv", n);
    m = noop(++seq);
    n = syscall(SYS_pwritev2, fd, out, 2, -1L, 0L, 0);
    SENT_V("pwritev2", n);
    n = syscall(SYS_preadv2, fd, in, 2, -1L, 0L, 0);
    GOT_V("preadv2", n);
}

static void messages(void)
{
    struct noop m = noop(++seq);
    struct sockaddr_nl to = kernel(), from;
    struct iovec out = {&m, sizeof m}, in = {buf, sizeof buf};
    struct msghdr message = header(&to, sizeof to, &out, 1, NULL, 0);
    ssize_t n = syscall(SYS_sendmsg, fd, &message, 0);
    EXPECT("syscall:sendmsg", fd, n, .iov_count = 1, .iov = &out, .buf_len = sizeof m, .name = &to,
           .name_len = sizeof to, .payload = &m, .total = n);
    message = header(&from, sizeof from, &in, 1, NULL, 0);
    n = syscall(SYS_recvmsg, fd, &message, 0);
    EXPECT("syscall:recvmsg", fd, n, .msg_flags = message.msg_flags, .iov_count = 1, .iov = &in,
           .buf_len = sizeof buf, .name = &from, .name_len = message.msg_namelen, .payload = buf,
           .total = n);

    struct mmsghdr two[2] = {{header(NULL, 0, &out, 1, NULL, 0)}, {header(NULL, 0, &out, 1, NULL, 0)}};
    n = syscall(SYS_sendmmsg, fd, two, 2, 0);
    need(n == 2, "sendmmsg");
    for (int i = 0; i < 2; i++)
        EXPECT("syscall:sendmmsg", fd, n, .index = i, .count = 2, .iov_count = 1, .iov = &out,
               .buf_len = sizeof m, .payload = &m, .total = n ? sizeof m : 0);
    struct iovec ins[2] = {{buf, 64}, {buf + 64, 64}};
    for (int i = 0; i < 2; i++)
        two[i] = (struct mmsghdr){header(NULL, 0, &ins[i], 1, NULL, 0)};
    n = syscall(SYS_recvmmsg, fd, two, 2, MSG_DONTWAIT, NULL);
    need(n == 2, "recvmmsg");
    for (int i = 0; i < 2; i++)
        EXPECT("syscall:recvmmsg", fd, n, .flags = MSG_DONTWAIT, .index = i, .count = 2,
               .msg_flags = two[i].msg_hdr.msg_flags, .iov_count = 1, .iov = &ins[i], .buf_len = 64,
               .payload = buf + 64 * i, .total = two[i].msg_len);
}

static void unseen(void)
{
    struct noop m = noop(++seq);
    FILE *file = tmpfile();
    need(file && fwrite(&m, sizeof m, 1, file) == 1 && fflush(file) == 0, "tmpfile");
    off_t offset = 0;
    ssize_t n = syscall(SYS_sendfile, fd, fileno(file), &offset, sizeof m);
    EXPECT("syscall:sendfile", fd, n, .buf_len = sizeof m, .args = {fileno(file)}, .total = n,
           .payload_is_unseen = 1);
    n = syscall(SYS_read, fd, buf, sizeof buf);
    GOT("read", n, 0);
    int ends[2];
    need(pipe(ends) == 0 && write(ends[1], &m, sizeof m) == sizeof m, "pipe");
    n = syscall(SYS_splice, ends[0], NULL, fd, NULL, sizeof m, 1);
    EXPECT("syscall:splice", fd, n, .flags = 1, .buf_len = sizeof m, .args = {ends[0]}, .total = n,
           .payload_is_unseen = 1);
    n = syscall(SYS_read, fd, buf, sizeof buf);
    GOT("read", n, 0);
}

static void ends(void)
{
    struct noop m = noop(++seq);
#ifdef SYS_dup2
    int second = syscall(SYS_dup2, fd, 100);
#else
    int second = syscall(SYS_dup3, fd, 100, 0);
#endif
    int copies[] = {syscall(SYS_dup, fd), second, syscall(SYS_dup3, fd, 101, 0),
                    syscall(SYS_fcntl, fd, F_DUPFD, 50)};
    int first = fd;
    for (int i = 0; i < 4; i++) {
        fd = copies[i];
        ssize_t n = syscall(SYS_write, fd, &m, sizeof m);
        SENT("write", n, 0);
        n = syscall(SYS_read, fd, buf, sizeof buf);
        GOT("read", n, 0);
    }
    int memory[3];
    memory_of(100, memory);
    syscall(SYS_close, 100);
    EXPECT("syscall:close", 100, 0, .args = {memory[0], memory[1], memory[2]});
    /* What is closed so leaves no record, and is nothing afterwards. */
    syscall(SYS_close_range, 101, 101, 0);
    int ends[2];
    need(pipe(ends) == 0 && dup2(ends[1], 101) == 101, "pipe");
    syscall(SYS_write, 101, "x", 1);
    memory_of(first, memory);
    syscall(SYS_close, first);
    EXPECT("syscall:close", first, 0, .args = {memory[0], memory[1], memory[2]});
}

int main(void)
{
    life();
    one_buffer();
    vectors();
    messages();
    unseen();
    ends();
    return 0;
}
