/* cancelled COUNT [at-once]: a thread is cancelled while it waits in each of the calls that wait; then
   COUNT threads are cancelled in the midst of sending, at the next call or at once. Prints what came of
   it, and how many messages were sent for certain. */
#include "tracee.h"

#include <pthread.h>

static int fd;
static volatile int cleaned;
static int at_once;
static _Atomic unsigned sent;

static void clean(void *unused)
{
    (void)unused;
    cleaned = 1;
}

static void *receive(void *way)
{
    char buf[64];
    struct iovec in = {buf, sizeof buf};
    struct msghdr message = {NULL, 0, &in, 1, NULL, 0, 0};
    struct mmsghdr messages = {message, 0};
    pthread_cleanup_push(clean, NULL);
    switch ((long)way) {
    case 0: recv(fd, buf, sizeof buf, 0); break;
    case 1: recvfrom(fd, buf, sizeof buf, 0, NULL, NULL); break;
    case 2: recvmsg(fd, &message, 0); break;
#ifdef __GLIBC__
    case 3: recvmmsg(fd, &messages, 1, 0, NULL); break;
#endif
    case 4: read(fd, buf, sizeof buf); break;
    case 5: readv(fd, &in, 1); break;
#ifdef __GLIBC__
    case 6: preadv2(fd, &in, 1, -1, 0); break;
#endif
    default: pause();
    }
    pthread_cleanup_pop(0);
    return NULL;
}

static void one(unsigned seq)
{
    struct noop m = noop(seq);
    m.header.nlmsg_flags = NLM_F_REQUEST;
    need(send(fd, &m, sizeof m, 0) == sizeof m, "send");
}

static void *send_for_ever(void *who)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    if (at_once)
        pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    unsigned base = (unsigned)(long)who << 16;
    for (unsigned i = 1;; i++) {
        /* send() is a place where a thread may be cancelled, before anything is sent. */
        pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
        one(base | i);
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
        sent++;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    at_once = argc > 2;
    pthread_t thread;
    void *result;
    fd = netlink(NETLINK_ROUTE);
    for (long way = 0; way < 8; way++) {
        cleaned = 0;
        need(pthread_create(&thread, NULL, receive, (void *)way) == 0, "thread");
        usleep(10000);
        pthread_cancel(thread);
        pthread_join(thread, &result);
        printf("%ld cancelled %d cleaned %d\n", way, result == PTHREAD_CANCELED, cleaned);
    }
    for (long i = 1; i <= atoi(argv[1]); i++) {
        need(pthread_create(&thread, NULL, send_for_ever, (void *)i) == 0, "thread");
        usleep(rand() % 1000);
        pthread_cancel(thread);
        pthread_join(thread, &result);
        need(result == PTHREAD_CANCELED, "cancelled");
    }
    one(1);
    printf("sent %u\n", sent + 1);
    return 0;
}
