#include "daemon/rank/signals.h"

#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t stop;
static volatile sig_atomic_t interrupts;
static volatile sig_atomic_t kill_code;

static void on_stop(int number)
{
    stop = 1;
    if (number == SIGINT && ++interrupts >= 2) {
        _exit(SIGNALS_INTERRUPTED);
    }
}

static void on_alarm(int number)
{
    (void)number;
    _exit(kill_code);
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

bool signals_are_ignored(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

void signals_install(void)
{
    handle(SIGTERM, on_stop);
    if (!signals_are_ignored(SIGHUP)) {
        handle(SIGHUP, on_stop);
    }
    handle(SIGUSR1, on_stop);
    handle(SIGINT, on_stop);
}

const volatile sig_atomic_t *signals_stop(void)
{
    return &stop;
}

void signals_kill_after(unsigned seconds, int code)
{
    kill_code = code;
    handle(SIGALRM, on_alarm);
    alarm(seconds);
}
