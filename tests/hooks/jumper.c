/* jumper FILE SECONDS LEN AFTER: for so many hundredths of a second sends messages of LEN bytes, out of
   which a timer's handler jumps, whatever they are doing; then AFTER small ones in peace. Each is
   numbered; FILE has a byte for each, which is 1 if its send has returned. Prints how many there were, how
   many jumps, and the next free descriptor. */
#include "tracee.h"

#include <setjmp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/time.h>

enum { MOST = 1 << 24 };

static sigjmp_buf away;
static char big[1 << 20];

static void on_alarm(int signal)
{
    (void)signal;
    siglongjmp(away, 1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    (void)argc;
    int file = open(argv[1], O_RDWR | O_CREAT, 0600), fd = netlink(NETLINK_ROUTE);
    unsigned len = atoi(argv[3]), after = atoi(argv[4]), room = 4 << 20;
    need(file >= 0 && ftruncate(file, MOST) == 0, "file");
    volatile char *returned = mmap(NULL, MOST, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    need(returned != MAP_FAILED, "mmap");
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
    struct noop one = noop(0);
    one.header.nlmsg_flags = NLM_F_REQUEST;
    one.header.nlmsg_len = len;
    memcpy(big, &one, sizeof one);

    static volatile unsigned seq, jumps;
    static volatile double end;
    end = now() + atof(argv[2]) / 100;
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval tick = {{0, 70}, {0, 70}}, none = {{0}};
    sigaction(SIGALRM, &action, NULL);
    if (sigsetjmp(away, 1) != 0)
        jumps++;
    setitimer(ITIMER_REAL, &tick, NULL);
    while (now() < end) {
        unsigned mine = ++seq;
        memcpy(big + offsetof(struct nlmsghdr, nlmsg_seq), &mine, sizeof mine);
        if (send(fd, big, len, 0) != (ssize_t)len)
            break;
        returned[mine] = 1;
    }
    setitimer(ITIMER_REAL, &none, NULL);
    signal(SIGALRM, SIG_IGN);
    for (unsigned i = 0; i < after; i++) {
        struct noop m = noop(++seq);
        m.header.nlmsg_flags = NLM_F_REQUEST;
        need(send(fd, &m, sizeof m, 0) == sizeof m, "send");
        returned[seq] = 1;
    }
    int dir = open("/proc/self/fd", O_RDONLY);
    printf("%u %u %d\n", seq, jumps, dir);
    return 0;
}
