#include "daemon/tail/tail_screen.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void take_terminal(struct tail_screen *screen)
{
    if (!screen->drawing) {
        return;
    }
    /* In the background the terminal's settings are another's, and changing them stops the process. */
    screen->keys = isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp() &&
                   tcgetattr(STDIN_FILENO, &screen->keys_before) == 0;
    if (screen->keys) {
        struct termios keys = screen->keys_before;
        keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        screen->keys = tcsetattr(STDIN_FILENO, TCSANOW, &keys) == 0;
    }
    fputs("\033[?1049h\033[?25l", stdout); /* the other screen, no cursor */
    fflush(stdout);
}

static void give_terminal(struct tail_screen *screen)
{
    if (!screen->drawing) {
        return;
    }
    fputs("\033[?25h\033[?1049l", stdout);
    fflush(stdout);
    if (screen->keys) {
        tcsetattr(STDIN_FILENO, TCSANOW, &screen->keys_before);
    }
}

void tail_screen_open(struct tail_screen *screen, bool draw)
{
    static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH};
    sigset_t mask;
    *screen = (struct tail_screen){.drawing = draw};
    sigemptyset(&mask);
    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++) {
        sigaddset(&mask, caught[i]);
    }
    screen->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (screen->signals >= 0) {
        sigprocmask(SIG_BLOCK, &mask, &screen->mask_before);
    }
    take_terminal(screen);
}

static bool take_signal(struct tail_screen *screen)
{
    struct signalfd_siginfo signal;
    if (read(screen->signals, &signal, sizeof signal) != (ssize_t)sizeof signal ||
        signal.ssi_signo == SIGWINCH) {
        return true;
    }
    if (signal.ssi_signo != SIGTSTP) {
        return false;
    }
    give_terminal(screen);
    raise(SIGSTOP);
    take_terminal(screen);
    return true;
}

static bool take_key(struct tail_screen *screen)
{
    char key;
    if (read(STDIN_FILENO, &key, 1) != 1) {
        screen->keys = false; /* the terminal is gone */
        return true;
    }
    return key != 'q' && key != 'Q';
}

bool tail_screen_wait(struct tail_screen *screen, double seconds)
{
    struct pollfd files[2] = {{.fd = screen->signals, .events = POLLIN},
                              {.fd = screen->keys ? STDIN_FILENO : -1, .events = POLLIN}};
    int ready = poll(files, 2, (int)(seconds * 1000));
    bool go_on = true;
    if (ready > 0 && files[0].revents != 0) {
        go_on = take_signal(screen);
    }
    if (ready > 0 && go_on && files[1].revents != 0) {
        go_on = take_key(screen);
    }
    return go_on;
}

/* The terminal takes a whole frame in one write; every line clears what was right of it, and the last all below:
 * nothing is ever blank in between. */
void tail_screen_draw(const char *text)
{
    char *frame = NULL;
    size_t size;
    FILE *out = open_memstream(&frame, &size);
    if (!out) {
        return;
    }
    fputs("\033[H", out);
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\n') {
            fputs("\033[K", out);
        }
        fputc(*at, out);
    }
    fputs("\033[J", out);
    fclose(out);
    fwrite(frame, 1, size, stdout);
    fflush(stdout);
    free(frame);
}

void tail_screen_close(struct tail_screen *screen)
{
    give_terminal(screen);
    screen->drawing = screen->keys = false;
    if (screen->signals >= 0) {
        sigprocmask(SIG_SETMASK, &screen->mask_before, NULL);
        close(screen->signals);
        screen->signals = -1;
    }
}
