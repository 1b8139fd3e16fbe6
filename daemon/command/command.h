/* The commands of `dail`: one function each, listed in dail.c's table with their one-line help.
 *
 * argv[0] is the command's name. What a command returns is the program's exit code; the error is printed (one
 * line, by main) if error->status is not STATUS_OK. So a command may end with a code of its own meaning, such
 * as `dail tail --once`, by returning it and leaving the error alone.
 */
#ifndef DAIL_DAEMON_COMMAND_COMMAND_H
#define DAIL_DAEMON_COMMAND_COMMAND_H

#include "proto/error.h"

struct command {
    const char *name;
    enum status (*run)(int argc, char **argv, struct error *error);
    const char *help; /* one line, without its full stop */
};

enum status command_synth(int argc, char **argv, struct error *error);
enum status command_pack(int argc, char **argv, struct error *error);
enum status command_unpack(int argc, char **argv, struct error *error);
enum status command_verify(int argc, char **argv, struct error *error);
enum status command_info(int argc, char **argv, struct error *error);
enum status command_run(int argc, char **argv, struct error *error);
enum status command_tail(int argc, char **argv, struct error *error);
enum status command_report(int argc, char **argv, struct error *error);
enum status command_bench(int argc, char **argv, struct error *error);
enum status command_eval(int argc, char **argv, struct error *error);
enum status command_embed(int argc, char **argv, struct error *error);
enum status command_export(int argc, char **argv, struct error *error);
enum status command_overlap(int argc, char **argv, struct error *error);

#endif
