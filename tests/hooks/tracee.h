/* What the tracees share: small netlink messages, and a way to say what the shim must record. */
#ifndef TRACEE_H
#define TRACEE_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef __GLIBC__
/* What musl has not. */
static inline int close_range(unsigned first, unsigned last, int flags)
{
    return syscall(SYS_close_range, first, last, flags);
}

static inline void closefrom(int first)
{
    close_range(first, ~0U, 0);
}
#endif

/* A message without a meaning, which the kernel acknowledges. */
struct noop {
    struct nlmsghdr header;
};

/* Length of the acknowledgement: a header, an error code and the header that it is about. */
enum { ACK_LEN = 36 };

static inline struct noop noop(unsigned seq)
{
    struct noop message = {{sizeof message, NLMSG_NOOP, NLM_F_REQUEST | NLM_F_ACK, seq, 0}};
    return message;
}

/* A message header; where there is control data, its fields' order is each libc's own affair. */
static inline struct msghdr header(void *name, socklen_t name_len, struct iovec *iov, unsigned count,
                                   void *control, size_t control_len)
{
    struct msghdr message = {0};
    message.msg_name = name;
    message.msg_namelen = name_len;
    message.msg_iov = iov;
    message.msg_iovlen = count;
    message.msg_control = control;
    message.msg_controllen = control_len;
    return message;
}

static inline struct sockaddr_nl kernel(void)
{
    struct sockaddr_nl name = {.nl_family = AF_NETLINK};
    return name;
}

static inline void need(int condition, const char *what)
{
    if (!condition) {
        perror(what);
        exit(3);
    }
}

static inline int netlink(int protocol)
{
    int fd = socket(AF_NETLINK, SOCK_RAW, protocol);
    need(fd >= 0, "socket");
    return fd;
}

/* A system call that no library can see, as libc's own are for a moment. */
static inline long unseen_syscall(long number, long a, long b, long c, long d, long e)
{
#ifdef __aarch64__
    register long x8 __asm__("x8") = number, ret __asm__("x0") = a, x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c, x3 __asm__("x3") = d, x4 __asm__("x4") = e;
    __asm__ volatile("svc 0"
                     : "+r"(ret)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
                     : "memory");
#else
    long ret;
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e;
    __asm__ volatile("syscall"
                     : "=a"(ret)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
#endif
    return ret;
}

/* What the record of a socket's close must say of it. */
static inline void memory_of(int fd, int args[3])
{
    unsigned info[9], len = sizeof info;
    need(unseen_syscall(SYS_getsockopt, fd, SOL_SOCKET, 55, (long)info, (long)&len) == 0,
         "SO_MEMINFO");
    args[0] = info[0];
    args[1] = info[1];
    args[2] = info[8];
}

/* A record that the shim must make, printed as tests/tests/hooks/text.rs prints those it made. */
struct expected {
    const char *function;
    int fd;
    long ret;
    int error;
    int flags, msg_flags;
    unsigned index, count;
    unsigned iov_count;
    const struct iovec *iov;
    unsigned long buf_len;
    const void *name;
    unsigned name_len;
    const void *control;
    unsigned long control_len;
    int args[3];
    const void *payload;
    unsigned long total;
    int payload_is_unseen;
};

static inline void hex(const void *bytes, unsigned long len)
{
    for (unsigned long i = 0; bytes && i < len; i++)
        printf("%02x", ((const unsigned char *)bytes)[i]);
}

static inline void print_expected(const struct expected *e)
{
    printf("%s fd=%d ret=%ld errno=%d flags=%#x msg_flags=%#x message=%u/%u iov=%u[", e->function,
           e->fd, e->ret, e->error, e->flags, e->msg_flags, e->index, e->count, e->iov_count);
    for (unsigned i = 0; e->iov && i < e->iov_count && i < 32; i++)
        printf("%s%zu", i ? "," : "", e->iov[i].iov_len);
    printf("] buf=%lu name=%u:", e->buf_len, e->name_len);
    hex(e->name, e->name_len);
    printf(" control=%lu:", e->control_len);
    hex(e->control, e->control_len);
    printf(" args=%d,%d,%d total=%lu payload=", e->args[0], e->args[1], e->args[2], e->total);
    hex(e->payload_is_unseen ? NULL : e->payload, e->total);
    printf("\n");
}

#define EXPECT(...) print_expected(&(const struct expected){__VA_ARGS__})

#endif
