/* The terminal that `dail tail` draws on: taken on opening, and given back as it was on closing, which comes before
 * every end of the process that can be told of: signals that would end it are events here.
 */
#ifndef DAIL_DAEMON_TAIL_TAIL_SCREEN_H
#define DAIL_DAEMON_TAIL_TAIL_SCREEN_H

#include <signal.h>
#include <stdbool.h>
#include <termios.h>

struct tail_screen {
    bool drawing; /* else only signals are taken */
    bool keys; /* stdin is the terminal, and ours: a key comes without Enter, and is not shown */
    int signals; /* a signalfd; -1: there is none, and signals do what they always do */
    sigset_t mask_before;
    struct termios keys_before;
};

/* Takes the terminal, if `draw`: the other screen, without a cursor; keys where stdin is it. */
void tail_screen_open(struct tail_screen *screen, bool draw);

/* Waits so many seconds, less where the window changes its size. False: q was pressed, or SIGINT, SIGTERM, SIGHUP or
 * SIGQUIT came. Ctrl-Z gives the terminal back for as long as the process is stopped. */
bool tail_screen_wait(struct tail_screen *screen, double seconds);

/* Shows `text` in the place of what was shown before. */
void tail_screen_draw(const char *text);

/* Gives all back. */
void tail_screen_close(struct tail_screen *screen);

#endif
