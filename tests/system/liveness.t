#!/bin/sh
# A rank that falls silent, and one that dies: the job ends soon, says which it was, leaves nothing behind, and can be
# started again.
. "$(dirname "$0")/lib.sh"

make_data
make_config
# One end for all: where every run of this test stops by itself.
common="--set schedule.epochs=500 --set checkpoint.every_steps=10 --set checkpoint.keep=0 --set runtime.liveness_seconds=3"

# --- Silent ---

run=$work/silent
# shellcheck disable=SC2086
start_daild 2 $common --set run.dir="$run"
wait_for 60 at_step "$run" 12
wait_for 60 test -e "$run/checkpoints/step-000000010/COMMIT"
began=$(date +%s)
kill -STOP "$(pid_of "$run" 2)"
end_daild
exits "a worker that is stopped" $? 5
took=$(($(date +%s) - began))
check "the job ends within 20 seconds of that (it took $took)" test $took -le $((20 * slow))
check "and not before liveness_seconds are over" test $took -ge 2
says "it says which worker and what it did last" '^daild: a worker is lost: nothing heard for [0-9]+ s, last in step [0-9]+.*rank 2@'
check "once" one_line_of_error
is "the fault is in the log, with its rank" "$(records "$run" fault '$r->{rank}')" 2
is "and the exit code" "$(records "$run" stop '$r->{exit_code}')" 5
# shellcheck disable=SC2086
run_daild 2 $common --set run.dir="$run" --set debug.stop_after_step=30
exits "started again" $? 75
check "it went on from a checkpoint" test "$(records "$run" start '$r->{step}' | tail -n 1)" -ge 10

# --- Dead ---

# shellcheck disable=SC2086
run_daild 2 $common --set run.dir="$work/whole" --set debug.stop_after_step=60
run=$work/killed
# shellcheck disable=SC2086
start_daild 2 $common --set run.dir="$run"
wait_for 60 at_step "$run" 12
kill -KILL "$(pid_of "$run" 1)"
end_daild
code=$?
check "a worker that is killed ends the job (exit code $code)" test $code -ne 0 -a $code -ne 124
check "the log is whole up to there" perl -MJSON::PP -ne 'decode_json($_)' "$run/status.jsonl"
last=$(newest_checkpoint "$run")
# shellcheck disable=SC2086
run_daild 2 $common --set run.dir="$run" --set debug.stop_after_step=60
exits "started again" $? 75
is "it goes on from the last checkpoint" "$(records "$run" start '$r->{resumed_from}' | tail -n 1)" "$last"
check "to the same bits as without the loss" \
    same_model "$run/checkpoints/step-000000060" "$work/whole/checkpoints/step-000000060"
is "the worker that was killed is in the log" "$(records "$run" fault '$r->{rank}')" 1
is "with the exit code" "$(records "$run" stop '$r->{exit_code}' | head -n 1)" 5

# --- The coordinator ---

gone() { ! kill -0 "$1" 2>/dev/null; }

run=$work/coordinator-silent
# shellcheck disable=SC2086
start_daild 2 $common --set run.dir="$run"
wait_for 60 at_step "$run" 12
began=$(date +%s)
coordinator=$(pid_of "$run" 0)
kill -STOP "$coordinator"
end_daild
exits "a coordinator that is stopped" $? 5
took=$(($(date +%s) - began))
check "the job ends within 20 seconds of that (it took $took)" test $took -le $((20 * slow))
says "a worker says what it heard last" '^daild: the coordinator \(rank 0@.*\) is lost.*: nothing heard for [0-9]+ s, last after step [0-9]+ \(rank 1@'
check "once" one_line_of_error
check "the coordinator is gone" wait_for 10 gone "$coordinator"

run=$work/coordinator-killed
# shellcheck disable=SC2086
start_daild 2 $common --set run.dir="$run"
wait_for 60 at_step "$run" 12
worker=$(pid_of "$run" 1)
kill -KILL "$(pid_of "$run" 0)"
end_daild
code=$?
check "a coordinator that is killed ends the job (exit code $code)" test $code -ne 0 -a $code -ne 124
check "no worker is left" wait_for 10 gone "$worker"

run=$work/launcher-killed
# shellcheck disable=SC2086
start_daild 2 $common --set run.dir="$run"
wait_for 60 at_step "$run" 12
coordinator=$(pid_of "$run" 0)
worker=$(pid_of "$run" 1)
kill -KILL "$job"
end_daild
check "with mpirun killed, a worker ends itself" wait_for 10 gone "$worker"
check "and so does the coordinator" wait_for 30 gone "$coordinator"

# --- Stopped for a while only ---

run=$work/paused
# shellcheck disable=SC2086
start_daild 2 $common --set run.dir="$run" --set runtime.liveness_seconds=10
wait_for 60 at_step "$run" 12
for rank in 0 1 2; do
    paused=$(pid_of "$run" $rank)
    kill -STOP "$paused"
    sleep 3
    kill -CONT "$paused"
    sleep 1
done
before=$(last_step "$run")
check "ranks that are stopped for less than liveness_seconds go on" wait_for 60 at_step "$run" $((before + 1))
kill -TERM "$(pid_of "$run" 0)"
end_daild
exits "until they are asked to stop" $? 75

# --- Asked twice ---

run=$work/twice
# shellcheck disable=SC2086
start_daild 2 $common --set run.dir="$run" --set model.width=1 --set batch.lane=64
wait_for 60 at_step "$run" 1
worker=$(pid_of "$run" 1)
kill -INT "$worker"
sleep 0.1
kill -INT "$worker"
end_daild
code=$?
check "a second SIGINT aborts (exit code $code)" test $code -ne 0 -a $code -ne 75 -a $code -ne 124
is "without a checkpoint" "$(newest_checkpoint "$run")" ""
finish
