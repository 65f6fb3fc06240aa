/* trapped.c: runs a command that the kernel kills when it makes a socket.
 *
 * usage: trapped COMMAND [ARGUMENT ...] */
#include "trap.h"

#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    trap_sockets();
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    return 127;
}
