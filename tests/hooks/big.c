/* big LEN: sends itself messages of LEN bytes, each in another way, and takes them, each in another way.
   Byte n of message i is (n * 7 + n / 256 + i) mod 256. Prints how many bytes each call moved; where the
   rights to so large a buffer are missing, "refused". */
#include "tracee.h"

static char *out, *in;

static void fill(size_t len, unsigned message)
{
    for (size_t n = sizeof(struct nlmsghdr); n < len; n++)
        out[n] = n * 7 + n / 256 + message;
    struct nlmsghdr header = {len, NLMSG_MIN_TYPE, 0, message, 0};
    memcpy(out, &header, sizeof header);
}

int main(int argc, char **argv)
{
    (void)argc;
    size_t len = atol(argv[1]);
    int fd = netlink(NETLINK_USERSOCK), room = 3 * len;
    struct sockaddr_nl me = kernel();
    socklen_t name_len = sizeof me;
    out = malloc(len), in = malloc(len);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0) {
        printf("refused\n");
        return 0;
    }
    need(bind(fd, (void *)&me, sizeof me) == 0, "bind");
    need(getsockname(fd, (void *)&me, &name_len) == 0, "getsockname");
    enum { PIECES = 97 };
    struct iovec sent[PIECES], got[PIECES];
    size_t piece = len / PIECES;
    for (int i = 0; i < PIECES; i++) {
        size_t this = i == PIECES - 1 ? len - i * piece : piece;
        sent[i] = (struct iovec){out + i * piece, this};
        got[i] = (struct iovec){in + i * piece, this};
    }
    struct msghdr by_parts = header(&me, sizeof me, sent, PIECES, NULL, 0);
    struct msghdr into_parts = header(NULL, 0, got, PIECES, NULL, 0);
    struct mmsghdr one = {header(&me, sizeof me, sent, PIECES, NULL, 0)};
    struct mmsghdr other = {into_parts};

    fill(len, 0);
    printf("sendto %zd\n", sendto(fd, out, len, 0, (void *)&me, sizeof me));
    printf("recv %zd\n", recv(fd, in, len, 0));
    need(memcmp(in, out, len) == 0, "bytes");
    fill(len, 1);
    printf("sendmsg %zd\n", sendmsg(fd, &by_parts, 0));
    printf("recvmsg %zd\n", recvmsg(fd, &into_parts, 0));
    fill(len, 2);
    printf("sendmmsg %d\n", sendmmsg(fd, &one, 1, 0));
    printf("recvmmsg %d\n", recvmmsg(fd, &other, 1, 0, NULL));
    /* With a peer, the plain calls do. */
    need(connect(fd, (void *)&me, sizeof me) == 0, "connect");
    fill(len, 3);
    printf("write %zd\n", write(fd, out, len));
    printf("readv %zd\n", readv(fd, got, PIECES));
    fill(len, 4);
    printf("writev %zd\n", writev(fd, sent, PIECES));
    printf("read %zd\n", read(fd, in, len));
    need(memcmp(in, out, len) == 0, "bytes");
    return 0;
}
