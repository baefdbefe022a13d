/* Sends while a timer's signal handler sends too. Prints how many messages each sent. */
#include "tracee.h"

#include <sys/time.h>

static int fd;
static unsigned main_sent;
static volatile sig_atomic_t handler_sent;

static void one(unsigned seq)
{
    struct noop m = noop(seq);
    m.header.nlmsg_flags = NLM_F_REQUEST;
    need(send(fd, &m, sizeof m, 0) == sizeof m, "send");
}

static void on_alarm(int signal)
{
    (void)signal;
    int error = errno;
    one(1 << 30 | ++handler_sent);
    errno = error;
}

int main(void)
{
    fd = netlink(NETLINK_ROUTE);
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval timer = {{0, 50}, {0, 50}};
    setitimer(ITIMER_REAL, &timer, NULL);
    while (main_sent < 20000 || handler_sent < 200) {
        errno = 77;
        one(++main_sent);
        need(errno == 77, "errno");
    }
    timer = (struct itimerval){0};
    setitimer(ITIMER_REAL, &timer, NULL);
    printf("%u %d\n", main_sent, (int)handler_sent);
    return 0;
}
