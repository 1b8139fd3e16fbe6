#!/bin/sh
# A session that closes: dail run under nohup goes on, without it stops with a checkpoint, also where the terminal is gone
# that it wrote to; a rank that is hung up on checkpoints.
. "$(dirname "$0")/lib.sh"

make_data
make_config
common="--set checkpoint.every_steps=100 --set runtime.liveness_seconds=20"
saved() { test -f "$run/checkpoints/step-$(printf %09d "$(last_step "$run")")/COMMIT"; }

# start_under RUN COMMAND...: dail run by that command, in the background: $job is its process
start_under() {
    run=$work/$1
    shift
    # shellcheck disable=SC2086
    "$@" "$build/dail" run -n 2 $common --set schedule.epochs=$epochs --set run.dir="$run" "$work/config.yaml" >"$work/out" 2>&1 &
    job=$!
    wait_for 60 at_step "$run" 3
}

end_run() {
    wait "$job"
    code=$?
    job=
    return $code
}

# Only this one is to reach its last step: the others train for longer than a busy machine takes to hang them up.
epochs=20
start_under nohup nohup
kill -HUP "$job"
end_run
exits "under nohup a run that is hung up on goes on" $? 0
is "to its last step" "$(last_step "$run")" 260

epochs=2000
# Where the tests themselves run under nohup, the signal is ignored here and in all that is started.
cat >"$work/unignored" <<'END'
#!/usr/bin/perl
$SIG{HUP} = 'DEFAULT';
exec @ARGV;
END
chmod +x "$work/unignored"
start_under plain "$work/unignored"
kill -HUP "$job"
end_run
exits "without nohup it stops" $? 75
check "with a checkpoint of the last step" saved

start_under rank "$work/unignored"
kill -HUP "$(pid_of "$run" 2)"
wait_for 60 grep -q 'ended with 75' "$run/supervisor.log" || kill -TERM "$job"
end_run
exits "a rank that is hung up on stops the run" $? 75
check "with a checkpoint of the last step" saved
says "which says why" '^dail run: the run ended with 75 \(stopped on request: a signal to rank 2@.*, with a checkpoint in place: start it again'
is "and starts it no more" "$(records "$run" start 1 | wc -l)" 1

# A terminal of its own, whose other end is closed in the middle.
run=$work/terminal
cat >"$work/terminal.py" <<'END'
import os, pty, sys, time
process, master = pty.fork()
if process == 0:
    os.execv(sys.argv[1], sys.argv[1:])
said = b""
while b"\nstep 3/" not in said.replace(b"\r", b""):
    said += os.read(master, 65536)
os.close(master)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
END
# shellcheck disable=SC2086
timeout $((120 * slow)) "$work/unignored" $python "$work/terminal.py" "$build/dail" run -n 2 $common --set schedule.epochs=$epochs \
    --set run.dir="$run" \
    "$work/config.yaml" >"$work/out" 2>&1
exits "a terminal that is closed stops the run" $? 75
check "with a checkpoint of the last step" saved
finish
