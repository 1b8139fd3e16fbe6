#include "daemon/supervisor/supervisor.h"

#include "daemon/rank/signals.h"
#include "daemon/supervisor/launch.h"
#include "daemon/supervisor/mpirun.h"
#include "daemon/supervisor/remote.h"
#include "daemon/supervisor/run_watch.h"
#include "proto/clock.h"
#include "proto/file.h"
#include "proto/text.h"

#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define POLL_NANOSECONDS 50000000L
#define PROBE_SECONDS 10.0
/* Waits before a restart: 1, 2, 4, ... seconds, at most this. */
#define BACKOFF_SECONDS_MAX 60.0
/* After the run's own end mpirun has liveness_seconds and this long to end too; after a loss, which it may
 * not even notice, less. */
#define END_SECONDS 15.0
#define END_SECONDS_LOST 10.0
/* A coordinator without a heartbeat for so many times liveness_seconds, and at least so long, has gone
 * without a word. Everything else that watches a run is faster. */
#define SILENCE_FACTOR 10
#define SILENCE_SECONDS_MIN 60.0
#define TERM_SECONDS 5.0
#define SWEEP_SECONDS 5.0
#define INTERRUPTED 130

struct supervisor {
    const struct supervisor_options *options;
    struct host_list *hosts;
    const struct launcher *launcher; /* NULL: mpirun is one that is not known */
    struct remote_agent agent;
    sigset_t signals;
    char tag[32]; /* marks every process of the attempt under way */
    int lanes;
    bool resume_newest; /* a checkpoint of this supervision's is to be gone on from */
    bool stop_asked;
    int interrupts;
    bool ever_started;
    FILE *held; /* lines for the log, until it is known that the run's folder is not another's; NULL: known */
    char *held_text;
    size_t held_size;
};

struct attempt {
    pid_t mpirun;
    int workers;
    bool too_few; /* hosts are left, but not for as many workers as are worth while */
    int code;
    int signal; /* that mpirun's exit code speaks of; 0: of none */
    bool vanished; /* mpirun ended, and nothing says how the run did */
    bool hung; /* mpirun had to be ended */
    bool launcher_died; /* of a signal that asks for nothing: what the ranks did then was not on request */
    struct run_watch watch;
};

/* Adds to <run_dir>/supervisor.log, which a run that has not begun has no place for. */
static void append(const struct supervisor *supervisor, const char *text)
{
    char path[PATH_SIZE];
    int descriptor;
    if (file_join(supervisor->options->run_dir, "supervisor.log", path, NULL) == STATUS_OK &&
        file_append(path, &descriptor, NULL) == STATUS_OK) {
        dprintf(descriptor, "%s", text);
        close(descriptor);
    }
}

/* From here on lines for the log are kept. */
static void hold_log(struct supervisor *supervisor)
{
    if (!supervisor->held) {
        supervisor->held = open_memstream(&supervisor->held_text, &supervisor->held_size);
    }
}

/* Ends that: what was kept goes to the log, or nowhere. */
static void release_log(struct supervisor *supervisor, bool ours)
{
    if (!supervisor->held) {
        return;
    }
    fclose(supervisor->held);
    if (ours && supervisor->held_text) {
        append(supervisor, supervisor->held_text);
    }
    free(supervisor->held_text);
    supervisor->held = NULL;
    supervisor->held_text = NULL;
}

/* One line on stderr and in the log. */
static void say(const struct supervisor *supervisor, const char *format, ...)
{
    char stamp[32];
    time_t now = time(NULL);
    struct tm parts;
    va_list arguments;
    va_start(arguments, format);
    char *text = text_format_list(format, arguments);
    va_end(arguments);
    const char *line = text ? text : "a line for which there is no memory";
    fprintf(stderr, "dail run: %s\n", line);
    localtime_r(&now, &parts);
    strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &parts);
    char *whole = text_format("%s %s\n", stamp, line);
    if (whole && supervisor->held) {
        fputs(whole, supervisor->held);
    } else if (whole) {
        append(supervisor, whole);
    }
    free(whole);
    free(text);
}

/* --- Signals: blocked, and taken one by one --- */

static void hear(struct supervisor *supervisor, int number, pid_t mpirun)
{
    if (number == SIGINT && ++supervisor->interrupts >= 2) {
        return;
    }
    if (!supervisor->stop_asked) {
        say(supervisor, "asked to stop by signal %d: the run is told to make a checkpoint and end", number);
    }
    supervisor->stop_asked = true;
    if (mpirun > 0) {
        kill(mpirun, SIGUSR1);
    }
}

/* Waits for a signal or a moment. */
static void wait_a_moment(struct supervisor *supervisor, pid_t mpirun)
{
    int number = sigtimedwait(&supervisor->signals, NULL, &(struct timespec){.tv_nsec = POLL_NANOSECONDS});
    if (number > 0) {
        hear(supervisor, number, mpirun);
    }
}

static void wait_before_restart(struct supervisor *supervisor, double seconds)
{
    for (double end = clock_monotonic() + seconds; clock_monotonic() < end && !supervisor->stop_asked;) {
        wait_a_moment(supervisor, 0);
    }
}

/* --- Hosts --- */

static void look_at_hosts(struct supervisor *supervisor)
{
    struct host_list *hosts = supervisor->hosts;
    if (hosts->count == 1 && hosts->host[0].local) {
        return;
    }
    remote_probe(&supervisor->agent, hosts, PROBE_SECONDS);
    for (size_t i = 0; i < hosts->count; i++) {
        struct host_entry *host = &hosts->host[i];
        if (host->left_out == host->answers) {
            host->left_out = !host->answers;
            say(supervisor, "%s %s", host->name,
                host->left_out ? "does not answer and is left out" : "answers again");
        }
    }
}

static bool all_answer(const struct host_list *hosts)
{
    for (size_t i = 0; i < hosts->count; i++) {
        if (!hosts->host[i].answers) {
            return false;
        }
    }
    return true;
}

/* A number that was asked for is kept while every host is there, even where daild will refuse it: it says
 * why.
 */
static int choose_workers(const struct supervisor *supervisor)
{
    int wanted = supervisor->options->workers;
    int slots = host_list_slots(supervisor->hosts);
    if (wanted > 0 && all_answer(supervisor->hosts)) {
        return wanted;
    }
    return host_list_fit(wanted > 0 && wanted < slots ? wanted : slots, supervisor->lanes);
}

/* --- One attempt --- */

static void add_run(struct mpirun_line *line, const struct supervisor *supervisor)
{
    const struct supervisor_options *options = supervisor->options;
    mpirun_line_add(line, "%s", options->daild);
    mpirun_line_add(line, "%s", options->config);
    for (size_t i = 0; i < options->override_count; i++) {
        mpirun_line_add(line, "--set");
        mpirun_line_add(line, "%s", options->overrides[i]);
    }
    if (options->lanes_open) {
        mpirun_line_add(line, "--set");
        mpirun_line_add(line, "data.lanes=%d", supervisor->lanes);
    }
    if (supervisor->resume_newest && !options->resume_auto) {
        mpirun_line_add(line, "--set");
        mpirun_line_add(line, "checkpoint.resume=auto");
    }
}

static pid_t start_mpirun(const struct supervisor *supervisor, int workers)
{
    const struct mpirun_start start = {.launcher = supervisor->launcher,
                                       .hosts = supervisor->hosts,
                                       .given = supervisor->options->mpirun,
                                       .given_count = supervisor->options->mpirun_count,
                                       .agent = supervisor->agent.told,
                                       .tag = supervisor->tag,
                                       .ranks = workers + 1};
    struct mpirun_line line;
    mpirun_line_begin(&start, &line);
    add_run(&line, supervisor);
    pid_t mpirun = line.failed ? -1 : launch_process((const char *const *)line.word, LAUNCH_SHOWN);
    mpirun_line_free(&line);
    return mpirun;
}

static void new_tag(struct supervisor *supervisor)
{
    uint64_t random = (uint64_t)time(NULL) << 20 ^ (uint64_t)getpid();
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random) {
        random ^= (uint64_t)clock_monotonic();
    }
    snprintf(supervisor->tag, sizeof supervisor->tag, "%016llx", (unsigned long long)random);
}

/* Every process of the attempt carries its tag, Open MPI's daemons on their command line and the ranks in their
 * environment (MPICH's end with mpirun): kills what is left of them on the hosts that answer. The bracket keeps the search from
 * finding itself. */
static void sweep(struct supervisor *supervisor)
{
    char command[512];
    launch_sweep(SWEEP_SECONDS);
    snprintf(command, sizeof command,
             "for f in $(grep -lsa 'dail_ru[n].%s' /proc/[0-9]*/environ /proc/[0-9]*/cmdline); do "
             "p=${f#/proc/}; p=${p%%%%/*}; test $p = $$ || kill -9 $p 2>/dev/null; done; true",
             supervisor->tag);
    remote_run(&supervisor->agent, supervisor->hosts, command, PROBE_SECONDS);
}

/* Does waiting for mpirun still make sense? *stopped: when the run's end was seen. */
static bool is_stuck(const struct supervisor *supervisor, const struct attempt *attempt, double *stopped)
{
    double liveness = supervisor->options->liveness_seconds;
    double now = clock_monotonic();
    double silence = SILENCE_FACTOR * liveness;
    silence = silence > SILENCE_SECONDS_MIN ? silence : SILENCE_SECONDS_MIN;
    if (!attempt->watch.stopped) {
        return now - attempt->watch.sign > silence;
    }
    if (*stopped == 0) {
        *stopped = now;
    }
    bool lost = attempt->watch.exit_code == STATUS_LOST;
    return now - *stopped > (lost ? END_SECONDS_LOST : liveness + END_SECONDS);
}

/* mpirun has ended, and the run's log does not say how the run did. */
static void judge_silent_end(const struct supervisor *supervisor, struct attempt *attempt)
{
    const struct launcher *launcher = supervisor->launcher;
    bool began = attempt->watch.started;
    attempt->signal = launcher_signal(launcher, attempt->code, began);
    attempt->vanished = attempt->code == STATUS_OK;
    if (attempt->vanished && !began) {
        attempt->code = STATUS_USAGE;
    } else if (attempt->vanished || (attempt->signal > 0 && attempt->signal == attempt->code)) {
        attempt->code = STATUS_LOST; /* a signal's number is no exit code of daild's */
    }
}

static void watch_over(struct supervisor *supervisor, struct attempt *attempt)
{
    double stopped = 0;
    while (!launch_ended(attempt->mpirun, &attempt->code)) {
        run_watch_look(&attempt->watch);
        if (attempt->watch.started) {
            release_log(supervisor, true);
        }
        attempt->hung = is_stuck(supervisor, attempt, &stopped);
        if (attempt->hung || supervisor->interrupts >= 2) {
            launch_end(attempt->mpirun, TERM_SECONDS);
            attempt->code = supervisor->interrupts >= 2 ? INTERRUPTED : STATUS_LOST;
            break;
        }
        wait_a_moment(supervisor, attempt->mpirun);
    }
    int signal_number = attempt->code - 128;
    attempt->launcher_died = !attempt->hung && (signal_number == SIGKILL || signal_number == SIGSEGV ||
                                                signal_number == SIGABRT || signal_number == SIGBUS);
    run_watch_look(&attempt->watch);
    /* Where another run has the folder, the log is of that. */
    if (attempt->watch.stopped && attempt->code != INTERRUPTED && attempt->code != STATUS_USAGE) {
        attempt->code = attempt->watch.exit_code; /* mpirun's own may be that of a rank it killed */
    } else if (!attempt->hung && attempt->code != INTERRUPTED) {
        judge_silent_end(supervisor, attempt);
    }
}

static enum status run_once(struct supervisor *supervisor, struct attempt *attempt, struct error *error)
{
    const struct host_list *hosts = supervisor->hosts;
    *attempt = (struct attempt){.workers = choose_workers(supervisor)};
    if (attempt->workers == 0) {
        attempt->code = STATUS_LOST;
        snprintf(attempt->watch.fault, sizeof attempt->watch.fault, "no host answers");
        return STATUS_OK;
    }
    attempt->too_few = attempt->workers < supervisor->options->at_least;
    if (attempt->too_few) {
        attempt->code = STATUS_LOST;
        snprintf(attempt->watch.fault, sizeof attempt->watch.fault,
                 "the hosts that answer have room for %d workers, and --at-least asks for %d",
                 attempt->workers, supervisor->options->at_least);
        return STATUS_OK;
    }
    if (supervisor->lanes == 0) {
        supervisor->lanes =
            attempt->workers; /* fixed for the run's life, whatever is lost before it begins */
    }
    host_list_place(supervisor->hosts, attempt->workers);
    char places[1024] = "";
    size_t used = 0;
    for (size_t i = 0; i < hosts->count && used < sizeof places - 300; i++) {
        if (hosts->host[i].workers > 0) {
            used += (size_t)snprintf(places + used, sizeof places - used, "%s%d on %s", used ? ", " : "",
                                     hosts->host[i].workers, hosts->host[i].name);
        }
    }
    new_tag(supervisor);
    run_watch_open(&attempt->watch, supervisor->options->run_dir);
    say(supervisor, "starting %d workers: %s", attempt->workers, places);
    attempt->mpirun = start_mpirun(supervisor, attempt->workers);
    if (attempt->mpirun < 0) {
        run_watch_close(&attempt->watch);
        return error_set(error, STATUS_INTERNAL, "mpirun", NULL, "no process can be started");
    }
    watch_over(supervisor, attempt);
    if (attempt->code != STATUS_OK) {
        sweep(supervisor);
    }
    supervisor->ever_started = supervisor->ever_started || attempt->watch.started;
    run_watch_close(&attempt->watch);
    return STATUS_OK;
}

/* --- From one attempt to the next --- */

static bool worth_another(const struct supervisor *supervisor, const struct attempt *attempt)
{
    switch (attempt->code) {
    case STATUS_OK:
    case STATUS_USAGE:
    case STATUS_DATA:
    case STATUS_NUMERIC:
    case STATUS_STORAGE:
    case INTERRUPTED:
        return false;
    case STATUS_LOST:
        return !attempt->too_few;
    case STATUS_STOPPED:
        return attempt->launcher_died;
    default:
        /* mpirun that cannot even start the ranks, though every host is there, never will. */
        return supervisor->ever_started || !all_answer(supervisor->hosts);
    }
}

static const char *meaning(int code)
{
    switch (code) {
    case STATUS_OK:
        return "done";
    case STATUS_USAGE:
        return "configuration or usage";
    case STATUS_DATA:
        return "data";
    case STATUS_NUMERIC:
        return "numeric";
    case STATUS_LOST:
        return "a rank or a host was lost";
    case STATUS_STORAGE:
        return "storage";
    case STATUS_STOPPED:
        return "stopped with a checkpoint in place";
    case INTERRUPTED:
        return "interrupted";
    default:
        return "mpirun or a rank failed";
    }
}

static void describe_end(const struct supervisor *supervisor, const struct attempt *attempt, char *text,
                         size_t size)
{
    const struct launcher *launcher = supervisor->launcher;
    char why[420];
    snprintf(why, sizeof why, "%s", meaning(attempt->code));
    if (attempt->vanished) {
        snprintf(why, sizeof why, "%s",
                 attempt->watch.started ? "mpirun ended with 0 in the middle of it"
                                        : "mpirun ended with 0, but no run had begun");
    } else if (attempt->signal > 0) {
        snprintf(why, sizeof why, "mpirun or a rank died of signal %d, %s", attempt->signal,
                 strsignal(attempt->signal));
    } else if (launcher && attempt->code == launcher->killed) {
        snprintf(why, sizeof why, "a rank was killed, or could not be started");
    } else if (attempt->code == STATUS_STOPPED && attempt->launcher_died) {
        snprintf(why, sizeof why, "mpirun was killed, and its ranks saved what they had");
    } else if (attempt->code == STATUS_STOPPED && attempt->watch.reason[0] != '\0') {
        snprintf(why, sizeof why, "%s, with a checkpoint in place: start it again to go on",
                 attempt->watch.reason);
    }
    snprintf(text, size, "the run ended with %d (%s)%s%s%s", attempt->code, why,
             attempt->watch.fault[0] != '\0' ? ": " : "", attempt->watch.fault,
             attempt->hung ? "; mpirun hung and was killed" : "");
}

static enum status supervise(struct supervisor *supervisor, int *code, struct error *error)
{
    int failures = 0;
    for (;;) {
        struct attempt attempt;
        char end[1600];
        hold_log(supervisor);
        look_at_hosts(supervisor);
        enum status status = run_once(supervisor, &attempt, error);
        if (status != STATUS_OK) {
            return status;
        }
        *code = attempt.code;
        /* A run that was refused, as where the folder is another's, has changed nothing. */
        const bool refused = attempt.code == STATUS_USAGE && !attempt.watch.started;
        if (!refused) {
            release_log(supervisor, true);
        }
        describe_end(supervisor, &attempt, end, sizeof end);
        bool progressed = run_watch_progressed(&attempt.watch);
        supervisor->resume_newest = supervisor->resume_newest || progressed;
        failures = progressed ? 0 : failures + 1;
        if (supervisor->stop_asked || !worth_another(supervisor, &attempt)) {
            say(supervisor, "%s", end);
            return STATUS_OK;
        }
        if (failures > supervisor->options->restarts || (progressed && supervisor->options->restarts == 0)) {
            say(supervisor, "%s; giving up after %d restarts without a new checkpoint", end,
                supervisor->options->restarts);
            return STATUS_OK;
        }
        double pause = 1;
        for (int i = 1; i < failures && pause < BACKOFF_SECONDS_MAX; i++) {
            pause *= 2;
        }
        pause = pause < BACKOFF_SECONDS_MAX ? pause : BACKOFF_SECONDS_MAX;
        say(supervisor, "%s; starting again in %.0f s", end, pause);
        wait_before_restart(supervisor, pause);
        if (supervisor->stop_asked) {
            *code = STATUS_STOPPED;
            say(supervisor, "stopped between two starts: submit again to go on");
            return STATUS_OK;
        }
    }
}

enum status supervisor_run(const struct supervisor_options *options, struct host_list *hosts, int *code,
                           struct error *error)
{
    struct supervisor supervisor = {.options = options, .hosts = hosts, .lanes = options->lanes};
    sigset_t before;
    enum status status = mpirun_find(options->daild, hosts, &supervisor.launcher, error);
    if (status != STATUS_OK) {
        return status;
    }
    hold_log(&supervisor);
    if (!supervisor.launcher) {
        say(&supervisor, "\"mpirun --version\" names no MPI that is known: mpirun gets no options but yours");
    }
    remote_agent_find(supervisor.launcher, options->mpirun, options->mpirun_count, &supervisor.agent);
    sigemptyset(&supervisor.signals);
    sigaddset(&supervisor.signals, SIGTERM);
    sigaddset(&supervisor.signals, SIGUSR1);
    sigaddset(&supervisor.signals, SIGINT);
    if (!signals_are_ignored(SIGHUP)) { /* Linux keeps a blocked signal, ignored or not */
        sigaddset(&supervisor.signals, SIGHUP);
    }
    signal(SIGINT, SIG_DFL); /* which a shell ignores in what it starts in the background */
    sigprocmask(SIG_BLOCK, &supervisor.signals, &before);
    launch_adopt_orphans();
    status = supervise(&supervisor, code, error);
    release_log(&supervisor, false);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return status;
}
