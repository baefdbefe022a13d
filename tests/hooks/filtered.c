/* filtered HOW WHAT: puts up a filter that lets through the few system calls which WHAT needs, and kills
   for any other; then does WHAT, which sends messages numbered from 1 on: late with a socket made only then. HOW: prctl, syscall, tsync (where
   there is another thread already) or strict. Prints how many messages were sent. */
#include "tracee.h"

#include <ifaddrs.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>

/* What newer machines make in the place of calls that they have not. */
#ifndef SYS_dup2
#define SYS_dup2 SYS_dup3
#endif
#ifndef SYS_fork
#define SYS_fork SYS_clone
#endif

static int fd;
static unsigned sent;

static struct noop next(void)
{
    struct noop m = noop(++sent);
    m.header.nlmsg_flags = NLM_F_REQUEST;
    return m;
}

static void one(int fd)
{
    struct noop m = next();
    need(send(fd, &m, sizeof m, 0) == sizeof m, "send");
}

static void *in_thread(void *unused)
{
    one(fd);
    return unused;
}

static struct sock_filter code[100];
static unsigned short len;

static void add(unsigned short op, unsigned value, unsigned char yes, unsigned char no)
{
    code[len++] = (struct sock_filter){op, yes, no, value};
}

static void allow(int number)
{
    add(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
    add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
}

static void confine(const char *how, const char *what)
{
    if (!strcmp(how, "strict")) {
        need(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0, "prctl");
        return;
    }
    add(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    const int always[] = {SYS_read, SYS_write, SYS_exit, SYS_exit_group, SYS_sendto, SYS_sendmsg,
                          SYS_recvfrom, SYS_recvmsg};
    const int thread[] = {SYS_clone, SYS_clone3, SYS_mmap, SYS_munmap, SYS_mprotect, SYS_madvise,
                          SYS_rseq, SYS_set_robust_list, SYS_futex, SYS_rt_sigprocmask,
                          SYS_rt_sigaction, SYS_set_tid_address, SYS_getrandom, SYS_brk};
    const int fork[] = {SYS_clone, SYS_wait4, SYS_set_robust_list, SYS_rt_sigprocmask};
    const int dup[] = {SYS_dup, SYS_dup2, SYS_close, SYS_fcntl};
    const int socket[] = {SYS_socket, SYS_close};
    const int inside[] = {SYS_socket, SYS_bind, SYS_getsockname, SYS_close, SYS_brk, SYS_mmap,
                          SYS_munmap, SYS_getpid, SYS_getrandom};
#ifndef __GLIBC__
    const int of_musl[] = {SYS_membarrier, SYS_tkill, SYS_gettid, SYS_fork};
    if (!strcmp(what, "thread") || !strcmp(what, "fork"))
        for (unsigned i = 0; i < sizeof of_musl / sizeof *of_musl; i++)
            allow(of_musl[i]);
#endif
#define ALLOW(list) \
    for (unsigned i = 0; i < sizeof list / sizeof *list; i++) \
        allow(list[i])
    ALLOW(always);
    if (!strcmp(what, "thread"))
        ALLOW(thread);
    if (!strcmp(what, "fork"))
        ALLOW(fork);
    if (!strcmp(what, "dup"))
        ALLOW(dup);
    if (!strcmp(what, "socket") || !strcmp(what, "late"))
        ALLOW(socket);
    if (!strcmp(what, "inside"))
        ALLOW(inside);
    add(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
    struct sock_fprog program = {len, code};
    need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no new privileges");
    if (!strcmp(how, "prctl"))
        need(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "prctl");
    else
        need(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                     strcmp(how, "tsync") ? 0 : SECCOMP_FILTER_FLAG_TSYNC, &program) == 0, "seccomp");
}

static void *wait_and_send(void *ends)
{
    char byte;
    read(*(int *)ends, &byte, 1);
    one(fd);
    return NULL;
}

static void by_every_call(void)
{
    char buf[256];
    struct noop m = next();
    struct iovec out = {&m, sizeof m}, in = {buf, sizeof buf};
    struct sockaddr_nl to = kernel(), from;
    struct msghdr send_it = {&to, sizeof to, &out, 1, NULL, 0, 0};
    struct msghdr get_it = {&from, sizeof from, &in, 1, NULL, 0, 0};
    m.header.nlmsg_flags |= NLM_F_ACK;
    need(sendmsg(fd, &send_it, 0) == sizeof m && recvmsg(fd, &get_it, 0) == ACK_LEN, "sendmsg");
    m = next();
    m.header.nlmsg_flags |= NLM_F_ACK;
    socklen_t len = sizeof from;
    need(sendto(fd, &m, sizeof m, 0, (void *)&to, sizeof to) == sizeof m, "sendto");
    need(recvfrom(fd, buf, sizeof buf, 0, (void *)&from, &len) == ACK_LEN, "recvfrom");
    /* An address that nobody asks for lies where nothing is. */
    m = next();
    m.header.nlmsg_flags |= NLM_F_ACK;
    struct msghdr wild = header((void *)8, 0, &in, 1, (void *)8, 0);
    need(send(fd, &m, sizeof m, 0) == sizeof m && recvmsg(fd, &wild, 0) == ACK_LEN, "wild");
    for (int i = 0; i < 50; i++)
        one(fd);
}

int main(int argc, char **argv)
{
    (void)argc;
    const char *how = argv[1], *what = argv[2];
    char line[32];
    int pipes[2], status, done = 0;
    pthread_t thread;
    int is_late = !strcmp(what, "late");
    if (!is_late) {
        fd = netlink(NETLINK_ROUTE);
        one(fd);
    }
    need(pipe(pipes) == 0, "pipe");
    if (!strcmp(how, "tsync"))
        need(pthread_create(&thread, NULL, wait_and_send, pipes) == 0, "thread");
    usleep(1000);
    confine(how, what);
    if (is_late) {
        fd = netlink(NETLINK_ROUTE);
        one(fd);
    }
    struct noop m = next();
    need(write(fd, &m, sizeof m) == sizeof m, "write");
    if (!strcmp(what, "calls"))
        by_every_call();
    if (!strcmp(how, "tsync")) {
        write(pipes[1], "x", 1);
        need(pthread_join(thread, NULL) == 0, "join");
    }
    if (!strcmp(what, "thread")) {
        need(pthread_create(&thread, NULL, in_thread, NULL) == 0, "thread");
        need(pthread_join(thread, NULL) == 0, "join");
    }
    if (!strcmp(what, "fork")) {
        pid_t pid = fork();
        if (pid == 0) {
            one(fd);
            one(fd);
            _exit(0);
        }
        sent += 2;
        need(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "child");
    }
    if (!strcmp(what, "dup")) {
        int copy = dup(fd), other = dup2(fd, 100), third = fcntl(fd, F_DUPFD_CLOEXEC, 50);
        m = next();
        need(write(copy, &m, sizeof m) == sizeof m, "write");
        m = next();
        need(write(other, &m, sizeof m) == sizeof m, "write");
        m = next();
        need(write(third, &m, sizeof m) == sizeof m, "write");
        close(copy);
    }
    if (!strcmp(what, "socket")) {
        int new = netlink(NETLINK_GENERIC);
        one(new);
        close(new);
        one(fd);
    }
    if (!strcmp(what, "inside")) {
        struct ifaddrs *list;
        need(getifaddrs(&list) == 0, "getifaddrs");
        freeifaddrs(list);
        one(fd);
    }
    write(1, line, sprintf(line, "%u\n", sent));
    if (!strcmp(what, "exit"))
        exit(0);
    syscall(SYS_exit, 0);
}
