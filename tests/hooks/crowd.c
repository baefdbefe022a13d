/* crowd FILE: four threads and four children send for ever, each counting in FILE what it has sent.
   Every sender's messages are numbered with who it is in the highest byte. The children are killed
   one after the other; all of them die with their parent. */
#include "tracee.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>

enum { THREADS = 4, SENDERS = 8 };

static volatile unsigned *counts;

static void *send_for_ever(void *which)
{
    unsigned who = (unsigned)(long)which;
    int fd = netlink(NETLINK_ROUTE);
    for (unsigned i = 1; i < 1 << 24; i++) {
        struct noop m = noop(who << 24 | i);
        m.header.nlmsg_flags = NLM_F_REQUEST;
        need(send(fd, &m, sizeof m, 0) == sizeof m, "send");
        counts[who] = i;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    (void)argc;
    int file = open(argv[1], O_RDWR | O_CREAT, 0600);
    need(file >= 0 && ftruncate(file, SENDERS * sizeof *counts) == 0, "file");
    counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    need(counts != MAP_FAILED, "mmap");
    pid_t parent = getpid(), children[SENDERS];
    for (long i = THREADS; i < SENDERS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            /* The parent may have died before it was asked to tell. */
            if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
                _exit(0);
            send_for_ever((void *)i);
        }
    }
    pthread_t thread;
    for (long i = 0; i < THREADS; i++)
        pthread_create(&thread, NULL, send_for_ever, (void *)i);
    for (long i = THREADS; i < SENDERS; i++) {
        usleep(10000);
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
    for (;;)
        pause();
}
