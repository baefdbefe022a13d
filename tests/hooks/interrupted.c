/* What calls that wait do when a signal comes: without SA_RESTART they end, with it they go on until
   there is something; a time limit ends them, too. Prints the same with and without the shim. */
#include "tracee.h"

#include <sys/time.h>

static int fd;
static volatile sig_atomic_t handled, answer_at;

static void on_alarm(int signal)
{
    (void)signal;
    int error = errno;
    /* The answer that the call waits for. */
    if (++handled == answer_at) {
        struct noop m = noop(1);
        send(fd, &m, sizeof m, 0);
    }
    errno = error;
}

static char buf[64];

static ssize_t receive(int way)
{
    struct iovec in = {buf, sizeof buf};
    struct msghdr message = {NULL, 0, &in, 1, NULL, 0, 0};
    struct mmsghdr messages = {message, 0};
    switch (way) {
    case 0: return recv(fd, buf, sizeof buf, 0);
    case 1: return recvfrom(fd, buf, sizeof buf, 0, NULL, NULL);
    case 2: return recvmsg(fd, &message, 0);
    case 3: return recvmmsg(fd, &messages, 1, 0, NULL);
    case 4: return read(fd, buf, sizeof buf);
    case 5: return readv(fd, &in, 1);
#ifdef __GLIBC__
    case 6: return preadv2(fd, &in, 1, -1, 0);
#endif
    case 7: return syscall(SYS_recvfrom, fd, buf, sizeof buf, 0, NULL, NULL);
    default: return syscall(SYS_recvmsg, fd, &message, 0);
    }
}

static void show(int way, const char *how)
{
    handled = 0;
    errno = 77;
    ssize_t ret = receive(way);
    int error = errno;
    printf("%d %s = %zd errno %d, %s\n", way, how, ret, error, handled ? "interrupted" : "in peace");
}

int main(void)
{
    fd = netlink(NETLINK_ROUTE);
    struct itimerval tick = {{0, 3000}, {0, 3000}}, none = {{0}};
    struct timeval limit = {0, 150000}, unlimited = {0};
    for (int way = 0; way < 9; way++) {
        for (int restart = 0; restart < 2; restart++) {
            struct sigaction action = {.sa_handler = on_alarm, .sa_flags = restart ? SA_RESTART : 0};
            sigaction(SIGALRM, &action, NULL);
            answer_at = restart ? 3 : 0;
            setitimer(ITIMER_REAL, &tick, NULL);
            show(way, restart ? "restarted" : "ended");
            setitimer(ITIMER_REAL, &none, NULL);
        }
        need(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0, "limit");
        show(way, "limited");
        setitimer(ITIMER_REAL, &tick, NULL);
        answer_at = 0;
        show(way, "limited and interrupted");
        setitimer(ITIMER_REAL, &none, NULL);
        need(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &unlimited, sizeof limit) == 0, "no limit");
    }
    return 0;
}
