/* stranger SOCKET: listens as nobody, whom a program of somebody else's must tell nothing. Prints how
   many bytes it was told before the connection ended. */
#include "tracee.h"

#include <sys/stat.h>
#include <sys/un.h>

int main(int argc, char **argv)
{
    (void)argc;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strncpy(name.sun_path, argv[1], sizeof name.sun_path - 1);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    umask(0);
    need(setgid(65534) == 0 && setuid(65534) == 0, "setuid");
    need(bind(listener, (void *)&name, sizeof name) == 0 && listen(listener, 1) == 0, "listen");
    printf("listening\n");
    fflush(stdout);
    char buf[4096];
    int fd = accept(listener, NULL, NULL);
    long sum = 0;
    for (ssize_t n; (n = read(fd, buf, sizeof buf)) > 0;)
        sum += n;
    printf("%ld\n", sum);
    return 0;
}
