/* Makes every hooked call once, and says what each must leave in the stream. */
#include "tracee.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/sendfile.h>

ssize_t __send(int, const void *, size_t, int);
#if defined __GLIBC__ && defined __aarch64__
/* There for old programs alone. */
__asm__(".symver __send, __send@GLIBC_2.17");
#endif
ssize_t __read(int, void *, size_t);
ssize_t __write(int, const void *, size_t);
ssize_t __recv_chk(int, void *, size_t, size_t, int);
ssize_t __recvfrom_chk(int, void *, size_t, size_t, int, struct sockaddr *, socklen_t *);
ssize_t __read_chk(int, void *, size_t, size_t);
ssize_t preadv64v2(int, const struct iovec *, int, off64_t, int);
ssize_t pwritev64v2(int, const struct iovec *, int, off64_t, int);

static int fd;
static unsigned seq;
static char buf[256];

static void life(void)
{
    fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    need(fd >= 0, "socket");
    EXPECT("socket", fd, fd, .args = {AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE});

    struct sockaddr_nl name = kernel();
    name.nl_groups = 1;
    need(bind(fd, (void *)&name, sizeof name) == 0, "bind");
    EXPECT("bind", fd, 0, .name = &name, .name_len = sizeof name);

    socklen_t len = sizeof name;
    need(getsockname(fd, (void *)&name, &len) == 0, "getsockname");
    EXPECT("getsockname", fd, 0, .name = &name, .name_len = len);

    int value = 1;
    need(setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &value, sizeof value) == 0, "setsockopt");
    EXPECT("setsockopt", fd, 0, .args = {SOL_NETLINK, NETLINK_EXT_ACK, sizeof value},
           .buf_len = sizeof value, .payload = &value, .total = sizeof value);

    len = sizeof value;
    need(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, &len) == 0, "getsockopt");
    EXPECT("getsockopt", fd, 0, .args = {SOL_SOCKET, SO_RCVBUF, len}, .buf_len = len,
           .payload = &value, .total = len);

    name = kernel();
    need(connect(fd, (void *)&name, sizeof name) == 0, "connect");
    EXPECT("connect", fd, 0, .name = &name, .name_len = sizeof name);

    EXPECT("socket", -1, -1, EPROTONOSUPPORT, .args = {AF_NETLINK, SOCK_RAW, 31});
    need(socket(AF_NETLINK, SOCK_RAW, 31) == -1 && errno == EPROTONOSUPPORT, "socket 31");
}

#define SENT(function_, ret_, flags_) \
    EXPECT(function_, fd, ret_, .flags = flags_, .buf_len = sizeof m, .payload = &m, .total = ret_)
#define GOT(function_, ret_, flags_) \
    EXPECT(function_, fd, ret_, .flags = flags_, .buf_len = sizeof buf, .payload = buf, .total = ret_)

static void one_buffer(void)
{
    struct noop m = noop(++seq);
    struct sockaddr_nl name = kernel();
    ssize_t n = send(fd, &m, sizeof m, MSG_NOSIGNAL);
    SENT("send", n, MSG_NOSIGNAL);
    n = recv(fd, buf, sizeof buf, MSG_DONTWAIT);
    GOT("recv", n, MSG_DONTWAIT);

#ifdef __GLIBC__
    m = noop(++seq);
    n = __send(fd, &m, sizeof m, 0);
    SENT("__send", n, 0);
    n = __recv_chk(fd, buf, sizeof buf, sizeof buf, 0);
    GOT("__recv_chk", n, 0);
#endif

    m = noop(++seq);
    n = sendto(fd, &m, sizeof m, 0, (void *)&name, sizeof name);
    EXPECT("sendto", fd, n, .buf_len = sizeof m, .name = &name, .name_len = sizeof name,
           .payload = &m, .total = n);
    socklen_t len = sizeof name;
    n = recvfrom(fd, buf, sizeof buf, 0, (void *)&name, &len);
    EXPECT("recvfrom", fd, n, .buf_len = sizeof buf, .name = &name, .name_len = len, .payload = buf,
           .total = n);

    m = noop(++seq);
    n = sendto(fd, &m, sizeof m, 0, NULL, 0);
    SENT("sendto", n, 0);
#ifdef __GLIBC__
    n = __recvfrom_chk(fd, buf, sizeof buf, sizeof buf, 0, NULL, NULL);
    GOT("__recvfrom_chk", n, 0);
#else
    n = recvfrom(fd, buf, sizeof buf, 0, NULL, NULL);
    GOT("recvfrom", n, 0);
#endif

    m = noop(++seq);
    n = write(fd, &m, sizeof m);
    SENT("write", n, 0);
    n = read(fd, buf, sizeof buf);
    GOT("read", n, 0);

#ifdef __GLIBC__
    m = noop(++seq);
    n = __write(fd, &m, sizeof m);
    SENT("__write", n, 0);
    n = __read(fd, buf, sizeof buf);
    GOT("__read", n, 0);

    m = noop(++seq);
    n = write(fd, &m, sizeof m);
    SENT("write", n, 0);
    n = __read_chk(fd, buf, sizeof buf, sizeof buf);
    GOT("__read_chk", n, 0);
#endif
}

static void vectors(void)
{
    struct noop m = noop(++seq);
    struct iovec out[] = {{&m, 4}, {NULL, 0}, {(char *)&m + 4, sizeof m - 4}};
    struct iovec in[] = {{buf, 20}, {buf + 20, 0}, {buf + 20, 80}};
#define SENT_V(function_, ret_, flags_) \
    EXPECT(function_, fd, ret_, .flags = flags_, .iov_count = 3, .iov = out, .buf_len = sizeof m, \
           .payload = &m, .total = ret_)
#define GOT_V(function_, ret_, flags_) \
    EXPECT(function_, fd, ret_, .flags = flags_, .iov_count = 3, .iov = in, .buf_len = 100, \
           .payload = buf, .total = ret_)
    ssize_t n = writev(fd, out, 3);
    SENT_V("writev", n, 0);
    n = readv(fd, in, 3);
    GOT_V("readv", n, 0);

#ifdef __GLIBC__
    m = noop(++seq);
    n = pwritev2(fd, out, 3, -1, 0);
    SENT_V("pwritev2", n, 0);
    n = preadv2(fd, in, 3, -1, RWF_HIPRI);
    GOT_V("preadv2", n, RWF_HIPRI);

    m = noop(++seq);
    n = pwritev64v2(fd, out, 3, -1, 0);
    SENT_V("pwritev2", n, 0);
    n = preadv64v2(fd, in, 3, -1, 0);
    GOT_V("preadv2", n, 0);
#endif
}

static void messages(void)
{
    struct noop m = noop(++seq);
    struct sockaddr_nl to = kernel(), from;
    struct iovec out[] = {{&m, 4}, {(char *)&m + 4, sizeof m - 4}};
    union {
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control = {0};
    struct msghdr message = header(&to, sizeof to, out, 2, &control, sizeof control);
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_len = CMSG_LEN(sizeof(struct ucred));
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_CREDENTIALS;
    struct ucred me = {getpid(), getuid(), getgid()};
    memcpy(CMSG_DATA(c), &me, sizeof me);
    ssize_t n = sendmsg(fd, &message, 0);
    EXPECT("sendmsg", fd, n, .iov_count = 2, .iov = out, .buf_len = sizeof m, .name = &to,
           .name_len = sizeof to, .control = &control, .control_len = sizeof control, .payload = &m,
           .total = n);

    int on = 1;
    need(setsockopt(fd, SOL_NETLINK, NETLINK_PKTINFO, &on, sizeof on) == 0, "pktinfo");
    EXPECT("setsockopt", fd, 0, .args = {SOL_NETLINK, NETLINK_PKTINFO, sizeof on},
           .buf_len = sizeof on, .payload = &on, .total = sizeof on);

    /* As ip does: how long is it? */
    struct iovec nothing = {NULL, 0};
    struct msghdr ask = {&from, sizeof from, &nothing, 1, NULL, 0, 0};
    n = recvmsg(fd, &ask, MSG_PEEK | MSG_TRUNC);
    need(n == ACK_LEN, "peek");
    EXPECT("recvmsg", fd, n, .flags = MSG_PEEK | MSG_TRUNC, .msg_flags = ask.msg_flags,
           .iov_count = 1, .iov = &nothing, .name = &from, .name_len = ask.msg_namelen);

    struct iovec in[] = {{buf, 10}, {buf + 10, 100}};
    message = header(&from, sizeof from, in, 2, &control, sizeof control);
    n = recvmsg(fd, &message, 0);
    EXPECT("recvmsg", fd, n, .msg_flags = message.msg_flags, .iov_count = 2, .iov = in,
           .buf_len = 110, .name = &from, .name_len = message.msg_namelen, .control = &control,
           .control_len = message.msg_controllen, .payload = buf, .total = n);
    need(message.msg_controllen > 0, "no control data");

    /* More than there is room for. */
    m = noop(++seq);
    n = send(fd, &m, sizeof m, 0);
    SENT("send", n, 0);
    n = recv(fd, buf, 8, MSG_TRUNC | MSG_PEEK);
    need(n == ACK_LEN, "trunc");
    EXPECT("recv", fd, n, .flags = MSG_TRUNC | MSG_PEEK, .buf_len = 8, .payload = buf, .total = 8);
    n = recv(fd, buf, sizeof buf, 0);
    GOT("recv", n, 0);
}

static void many_messages(void)
{
    struct noop m[4] = {noop(++seq), noop(++seq), noop(++seq), noop(++seq)};
    struct iovec out[4], in[4];
    struct mmsghdr sent[4] = {0}, got[4] = {0};
    struct sockaddr_nl from[4];
    for (int i = 0; i < 4; i++) {
        out[i] = (struct iovec){&m[i], sizeof m[i]};
        sent[i].msg_hdr = (struct msghdr){NULL, 0, &out[i], 1, NULL, 0, 0};
        in[i] = (struct iovec){buf + 64 * i, 64};
        got[i].msg_hdr = (struct msghdr){&from[i], sizeof from[i], &in[i], 1, NULL, 0, 0};
    }
    /* The third cannot be sent: two go out. */
    out[2].iov_base = (void *)8;
    int n = sendmmsg(fd, sent, 4, 0);
    need(n == 2, "sendmmsg");
    for (int i = 0; i < n; i++)
        EXPECT("sendmmsg", fd, n, .index = i, .count = 4, .iov_count = 1, .iov = &out[i],
               .buf_len = sizeof m[i], .payload = &m[i], .total = sizeof m[i]);
    n = sendmmsg(fd, sent + 2, 2, 0);
    need(n == -1 && errno == EFAULT, "sendmmsg EFAULT");
    EXPECT("sendmmsg", fd, -1, EFAULT, .count = 2);

    n = recvmmsg(fd, got, 4, MSG_DONTWAIT, NULL);
    need(n == 2, "recvmmsg");
    for (int i = 0; i < n; i++)
        EXPECT("recvmmsg", fd, n, .flags = MSG_DONTWAIT, .index = i, .count = 4,
               .msg_flags = got[i].msg_hdr.msg_flags, .iov_count = 1, .iov = &in[i], .buf_len = 64,
               .name = &from[i], .name_len = got[i].msg_hdr.msg_namelen, .payload = buf + 64 * i,
               .total = got[i].msg_len);
    n = recvmmsg(fd, got, 4, MSG_DONTWAIT, NULL);
    need(n == -1 && errno == EAGAIN, "recvmmsg EAGAIN");
    EXPECT("recvmmsg", fd, -1, EAGAIN, .flags = MSG_DONTWAIT, .count = 4);
}

static void unseen(void)
{
    struct noop m = noop(++seq);
    FILE *file = tmpfile();
    need(file && fwrite(&m, sizeof m, 1, file) == 1 && fflush(file) == 0, "tmpfile");
    for (int i = 0; i < 2; i++) {
        off_t offset = 0;
        ssize_t n = i ? sendfile64(fd, fileno(file), &offset, sizeof m)
                      : sendfile(fd, fileno(file), &offset, sizeof m);
        need(n == sizeof m, "sendfile");
        EXPECT("sendfile", fd, n, .buf_len = sizeof m, .args = {fileno(file)}, .total = n,
               .payload_is_unseen = 1);
        n = recv(fd, buf, sizeof buf, 0);
        GOT("recv", n, 0);
    }
    fclose(file);

    int ends[2];
    need(pipe(ends) == 0 && write(ends[1], &m, sizeof m) == sizeof m, "pipe");
    ssize_t n = splice(ends[0], NULL, fd, NULL, sizeof m, SPLICE_F_MOVE);
    need(n == sizeof m, "splice");
    EXPECT("splice", fd, n, .flags = SPLICE_F_MOVE, .buf_len = sizeof m, .args = {ends[0]},
           .total = n, .payload_is_unseen = 1);
    n = recv(fd, buf, sizeof buf, 0);
    GOT("recv", n, 0);
}

static void internal(void)
{
    struct ifaddrs *list;
    need(getifaddrs(&list) == 0, "getifaddrs");
    EXPECT("getifaddrs", -1, 0);
    freeifaddrs(list);
    if_freenameindex(if_nameindex());
    EXPECT("if_nameindex", -1, 0);
    struct addrinfo hints = {.ai_flags = AI_ADDRCONFIG | AI_NUMERICHOST}, *addresses;
    int ret = getaddrinfo("127.0.0.1", NULL, &hints, &addresses);
    EXPECT("getaddrinfo", -1, ret);
    hints.ai_flags = AI_NUMERICHOST;
    getaddrinfo("127.0.0.1", NULL, &hints, &addresses);
}

static void ends(void)
{
    /* Duplicates are known from the first byte, even if nothing but write is ever called. */
    struct noop m = noop(++seq);
    int copies[] = {dup(fd), dup2(fd, 100), dup3(fd, 101, O_CLOEXEC), fcntl(fd, F_DUPFD, 50)};
    int first = fd;
    for (int i = 0; i < 4; i++) {
        fd = copies[i];
        ssize_t n = write(fd, &m, sizeof m);
        SENT("write", n, 0);
        n = read(fd, buf, sizeof buf);
        GOT("read", n, 0);
    }
    fd = first;
    FILE *file = fdopen(101, "r+");
    int memory[3];
    memory_of(101, memory);
    fclose(file);
    EXPECT("close", 101, 0, .args = {memory[0], memory[1], memory[2]});
    /* One message that nobody reads. */
    need(send(fd, &m, sizeof m, 0) == sizeof m, "send");
    SENT("send", sizeof m, 0);
    memory_of(fd, memory);
    need(memory[0] > 0, "unread");
    close(fd);
    EXPECT("close", fd, 0, .args = {memory[0], memory[1], memory[2]});
    /* Another protocol under the same number. */
    int again = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_GENERIC);
    need(again == fd, "number");
    EXPECT("socket", again, again, .args = {AF_NETLINK, SOCK_DGRAM, NETLINK_GENERIC});
    ssize_t n = write(fd, &m, sizeof m);
    EXPECT("write", fd, n, n < 0 ? errno : 0, .buf_len = sizeof m, .payload = &m,
           .total = n < 0 ? 0 : n);
}

int main(void)
{
    life();
    one_buffer();
    vectors();
    messages();
    many_messages();
    unseen();
    internal();
    ends();
    return 0;
}
