// A thread that is cancelled in a hooked call unwinds through the hook: what stands above it on the
// stack is destroyed, as C++ has it.
#include <cstdio>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/netlink.h>

static int fd;

struct Mark {
    const char *name;
    ~Mark() { std::printf("%s destroyed\n", name); }
};

static void *receive(void *way)
{
    char buf[64];
    iovec in = {buf, sizeof buf};
    msghdr message = {};
    message.msg_iov = &in;
    message.msg_iovlen = 1;
    Mark outer = {"outer"};
    try {
        Mark inner = {"inner"};
        switch (reinterpret_cast<long>(way)) {
        case 0: recv(fd, buf, sizeof buf, 0); break;
        case 1: recvmsg(fd, &message, 0); break;
        case 2: if (read(fd, buf, sizeof buf)) break;
        default: if (readv(fd, &in, 1)) break;
        }
    } catch (...) {
        std::puts("caught");
        throw;
    }
    return nullptr;
}

int main()
{
    fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    for (long way = 0; way < 4; way++) {
        pthread_t thread;
        void *result;
        pthread_create(&thread, nullptr, receive, reinterpret_cast<void *>(way));
        usleep(20000);
        pthread_cancel(thread);
        pthread_join(thread, &result);
        std::printf("%ld: cancelled %d\n", way, result == PTHREAD_CANCELED);
    }
}
