/* closed FILE: opens files under the numbers that its parent has closed, sends three messages, and says in
   FILE which numbers it got, and how long each file is. */
#include "tracee.h"

#include <sys/mman.h>
#include <sys/stat.h>

int main(int argc, char **argv)
{
    (void)argc;
    int files[3], fd;
    char line[64];
    struct stat found;
    for (int i = 0; i < 3; i++) {
        files[i] = memfd_create("closed", 0);
    }
    fd = netlink(NETLINK_ROUTE);
    for (unsigned i = 1; i <= 3; i++) {
        struct noop m = noop(i);
        m.header.nlmsg_flags = NLM_F_REQUEST;
        need(send(fd, &m, sizeof m, 0) == sizeof m, "send");
    }
    int result = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0600);
    for (int i = 0; i < 3; i++) {
        fstat(files[i], &found);
        write(result, line, sprintf(line, "%d: %ld\n", files[i], (long)found.st_size));
    }
    write(result, line, sprintf(line, "%d %d\n", fd, result));
    return 0;
}
