/* Threads that are cancelled in a hooked call, run on the smallest stack there is, or leave a hooked
   call by siglongjmp; then one that only sends. Prints what came of it. */
#include "tracee.h"

#include <limits.h>
#include <pthread.h>
#include <setjmp.h>

static int fd, cleaned;
static sigjmp_buf away;

static void one(unsigned seq)
{
    struct noop m = noop(seq);
    m.header.nlmsg_flags = NLM_F_REQUEST;
    need(send(fd, &m, sizeof m, 0) == sizeof m, "send");
}

static void clean(void *unused)
{
    (void)unused;
    cleaned = 1;
}

static void *receive(void *unused)
{
    char buf[64];
    pthread_cleanup_push(clean, NULL);
    recv(fd, buf, sizeof buf, 0);
    pthread_cleanup_pop(0);
    return unused;
}

static void *sender(void *seq)
{
    for (int i = 0; i < 1000; i++)
        one((unsigned)(long)seq + i);
    return NULL;
}

static void on_alarm(int signal)
{
    (void)signal;
    siglongjmp(away, 1);
}

int main(void)
{
    pthread_t thread, many[4];
    void *result;
    fd = netlink(NETLINK_ROUTE);
    one(1);
    need(pthread_create(&thread, NULL, receive, NULL) == 0, "thread");
    usleep(50000);
    pthread_cancel(thread);
    pthread_join(thread, &result);
    printf("cancelled %d cleaned %d\n", result == PTHREAD_CANCELED, cleaned);

    signal(SIGALRM, on_alarm);
    if (sigsetjmp(away, 1) == 0) {
        char buf[64];
        alarm(1);
        recv(fd, buf, sizeof buf, 0);
    } else {
        printf("jumped\n");
    }

    pthread_attr_t small;
    pthread_attr_init(&small);
    size_t least = PTHREAD_STACK_MIN < 16384 ? 16384 : PTHREAD_STACK_MIN;
    need(pthread_attr_setstacksize(&small, least) == 0, "stack");
    for (long i = 0; i < 4; i++)
        need(pthread_create(&many[i], &small, sender, (void *)(1000 * (i + 1))) == 0, "thread");
    for (int i = 0; i < 4; i++)
        pthread_join(many[i], NULL);
    printf("sent 4000\n");
    return 0;
}
