/* Counts allocations: this program's malloc is everybody's. Prints how many the hooked calls made. */
#include "tracee.h"

static unsigned long count;
static char heap[1 << 20];
static size_t used;

void *malloc(size_t len)
{
    count++;
    size_t start = (used + 15) & ~15UL;
    if (start + len > sizeof heap)
        return NULL;
    used = start + len;
    return heap + start;
}

void free(void *place)
{
    (void)place;
}

void *calloc(size_t n, size_t len)
{
    return malloc(n * len);
}

void *realloc(void *old, size_t len)
{
    void *place = malloc(len);
    if (old && place)
        memmove(place, old, len);
    return place;
}

int main(void)
{
    char buf[64];
    unsigned long before = count;
    int fd = netlink(NETLINK_ROUTE);
    for (int i = 0; i < 100; i++) {
        struct noop m = noop(i);
        struct iovec iov = {&m, sizeof m};
        struct msghdr message = {NULL, 0, &iov, 1, NULL, 0, 0};
        need(send(fd, &m, sizeof m, 0) == sizeof m && recv(fd, buf, 64, 0) > 0, "send");
        need(sendmsg(fd, &message, 0) == sizeof m && read(fd, buf, 64) > 0, "sendmsg");
        need(close(dup(fd)) == 0, "dup");
    }
    close(fd);
    unsigned long during = count - before;
    char line[64];
    write(1, line, sprintf(line, "%lu allocations\n", during));
    return 0;
}
