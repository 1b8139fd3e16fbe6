#!/bin/sh
# Stopping and going on: the same bits on the same workers, to rounding on others; and which checkpoint is used.
. "$(dirname "$0")/lib.sh"

make_data
make_config
# Everything that draws random numbers or carries state from step to step; class rows of several owners.
state="--set model.dropout=0.2 --set loss.margin=adaface --set loss.with.center=0.01 --set loss.crossing_dropout=0.1 --set data.augment.shift=2 --set classifier.rows_min=5
       --set data.augment.preset=adaface --set data.augment.blur=0.2 --set data.augment.erase=0.2
       --set schedule.epochs=20 --set runtime.liveness_seconds=30 --set debug.stop_after_step=160"

# --- Interrupted four times, in four ways ---

# shellcheck disable=SC2086
run_daild 2 $state --set run.dir="$work/whole"
exits "debug.stop_after_step stops like a signal" $? 75
is "after that step" "$(newest_checkpoint "$work/whole")" "$work/whole/checkpoints/step-000000160"

starts=0
# has_started RUN N: for the N-th time
has_started() { [ "$(grep -c '"kind":"start"' "$1/status.jsonl")" -ge "$2" ]; }

# interrupted NAME SIGNAL RANK ASKED: goes on with $work/parts, and sends a signal to that rank three steps later; who was
# asked stands in the log (a pattern)
interrupted() {
    from=$(last_step "$work/parts")
    # shellcheck disable=SC2086
    start_daild 2 $state --set run.dir="$work/parts"
    wait_for 30 has_started "$work/parts" $((starts += 1))
    pid=$job
    [ "$3" = mpirun ] || pid=$(pid_of "$work/parts" "$3")
    wait_for 30 at_step "$work/parts" $((from + 3))
    kill -"$2" "$pid"
    end_daild
    exits "$1: stopped" $? 75
    to=$(last_step "$work/parts")
    echo "# stopped after step $to"
    check "$1: on the way" test "$to" -gt "$from" -a "$to" -lt 160
    is "$1: with a checkpoint of that step" "$(newest_checkpoint "$work/parts")" \
        "$work/parts/checkpoints/$(printf 'step-%09d' "$to")"
    check "$1: the log ends with it, and by whom it was asked" eval "tail -n 1 '$work/parts/status.jsonl' |
        grep -Eq '\"kind\":\"stop\",\"reason\":\"stopped on request: a signal to rank $4\",\"exit_code\":75}\$'"
}

interrupted "SIGTERM to a worker" TERM 2 "2@$(hostname)"
interrupted "SIGTERM to the coordinator" TERM 0 "0, the coordinator"
interrupted "SIGUSR1 to mpirun" USR1 mpirun "[012][@,].*"
interrupted "SIGINT to a worker" INT 1 "1@$(hostname)"
# shellcheck disable=SC2086
run_daild 2 $state --set run.dir="$work/parts"
exits "the last part" $? 75
check "model, momenta and class rows are those of the uninterrupted run, to the last bit" \
    same_model "$work/parts/checkpoints/step-000000160" "$work/whole/checkpoints/step-000000160"
is "no step is lost or repeated" "$(records "$work/parts" step '$r->{step}' | tr '\n' ' ')" "$(seq -s ' ' 1 160) "
is "and every loss the same" "$(records "$work/parts" step '$r->{loss}')" "$(records "$work/whole" step '$r->{loss}')"
is "five starts in one log, numbered on" "$(records "$work/parts" start 1 | wc -l)" 5
check "the log's numbers rise by one" perl -MJSON::PP -ne 'die "line $.: $_" if decode_json($_)->{seq} != $. - 1' \
    "$work/parts/status.jsonl"

# --- Stopped inside an evaluation ---

sets=$(ls "$work"/data/tiny*-within.h5 "$work/data/tiny-cross.h5" | paste -s -d ,)
heavy="--set model.width=1 --set eval.every_steps=1 --set validation=[$sets]"
# shellcheck disable=SC2086
start_daild 2 $heavy --set run.dir="$work/evaluating"
wait_for 60 has_started "$work/evaluating" 1
pid=$(pid_of "$work/evaluating" 1)
wait_for 60 at_step "$work/evaluating" 1
kill -TERM "$pid"
end_daild
exits "SIGTERM inside an evaluation" $? 75
is "does not wait for its end" "$(records "$work/evaluating" eval 1 | wc -l) $(last_step "$work/evaluating")" "0 1"
run_daild 2 --set model.width=1 --set run.dir="$work/evaluating" --set validation="[$work/data/tiny-cross.h5]" \
    --set debug.stop_after_step=2
exits "gone on with" $? 75
is "it is made up for first" "$(records "$work/evaluating" eval '$r->{step}')" 1

# --- On another number of workers ---

calm="$calm --set classifier.rows_min=5"
# shellcheck disable=SC2086
{
    run_daild 4 $calm --set run.dir="$work/four" --set debug.stop_after_step=18
    run_daild 4 $calm --set run.dir="$work/moved" --set debug.stop_after_step=8
    run_daild 2 $calm --set run.dir="$work/moved" --set debug.stop_after_step=18
}
exits "four workers' checkpoint on two" $? 75
records "$work/four" step '$r->{loss}' >"$work/expected"
records "$work/moved" step '$r->{loss}' >"$work/found"
check "goes on to rounding" near 1e-4 "$work/found" "$work/expected"
is "each with class rows of its own number of owners" \
    "$(ls "$work/moved/checkpoints/step-000000008" | grep -c of-3) $(ls "$work/moved/checkpoints/step-000000018" | grep -c of-2)" \
    "9 6"
run_daild 3 --set run.dir="$work/moved"
exits "three workers cannot share four lanes" $? 2
# shellcheck disable=SC2086
{
    run_daild 1 $calm --set run.dir="$work/one" --set debug.stop_after_step=18
    run_daild 1 $calm --set run.dir="$work/grown" --set debug.stop_after_step=4
    run_daild 2 $calm --set run.dir="$work/grown" --set debug.stop_after_step=11
    run_daild 4 $calm --set run.dir="$work/grown" --set debug.stop_after_step=18
}
exits "one worker's checkpoint on two, and theirs on four" $? 75
records "$work/one" step '$r->{loss}' >"$work/expected"
records "$work/grown" step '$r->{loss}' >"$work/found"
check "goes on to rounding too" near 1e-4 "$work/found" "$work/expected"

# --- Which checkpoint ---

run=$work/kept
run_daild 2 --set run.dir="$run" --set checkpoint.every_steps=2 --set checkpoint.keep=2 --set debug.stop_after_step=9
is "checkpoint.keep leaves the newest two" "$(ls "$run/checkpoints" | tr '\n' ' ')" "step-000000008 step-000000009 "

run_daild 2 --set run.dir="$work/lasting" --set checkpoint.every_steps=4 --set schedule.epochs=3 \
    --set checkpoint.keep='{last: 1, every_epochs: 1}'
is "every_epochs has a checkpoint at each epoch's end, and lets it stay" \
    "$(ls "$work/lasting/checkpoints" | tr '\n' ' ')" "step-000000013 step-000000026 step-000000039 "

run_daild 2 --set run.dir="$work/elsewhere" --set checkpoint.resume="$run/checkpoints/step-000000008" \
    --set debug.stop_after_step=10
exits "checkpoint.resume names a checkpoint" $? 75
is "which the run goes on from" "$(records "$work/elsewhere" start '$r->{resumed_from}')" \
    "$run/checkpoints/step-000000008"
is "at the step after it" "$(records "$work/elsewhere" step '$r->{step}' | head -n 1)" 9

flip "$run/checkpoints/step-000000009/model.h5" -2000
run_daild 2 --set run.dir="$run" --set debug.stop_after_step=10
exits "a damaged newest checkpoint" $? 75
says "is passed over with a warning that names it" '^warning: .*crc.*step-000000009/model.h5'
is "also in the status log" "$(records "$run" warning '$r->{what}' | grep -c 'crc.*step-000000009/model.h5')" 1
is "for the one before" "$(records "$run" start '$r->{resumed_from}' | tail -n 1)" "$run/checkpoints/step-000000008"
check "and set aside" test -d "$run/checkpoints/step-000000009.old"
check "whose going on is sound" "$build/dail" verify "$run/checkpoints/step-000000010"

# damaged NAME PATTERN COMMAND...: what the command does to a sound checkpoint in $work/copy is found and named
damaged() {
    damage=$1 pattern=$2
    shift 2
    rm -rf "$work/copy"
    cp -r "$run/checkpoints/step-000000010" "$work/copy"
    (cd "$work/copy" && "$@")
    "$build/dail" verify "$work/copy" >"$work/out" 2>&1
    exits "$damage" $? 3
    says "$damage: named" "$pattern"
}
check "a sound checkpoint" "$build/dail" verify "$run/checkpoints/step-000000010"
flip_here() { cd - >/dev/null && flip "$work/copy/$1" "$2"; }
damaged "a flipped byte in model.h5" 'crc.*copy/model.h5' flip_here model.h5 5000
damaged "a flipped byte in class rows" 'crc.*copy/classifier-tiny1.1-of-1.h5' flip_here classifier-tiny1.1-of-1.h5 -1
damaged "a truncated part" 'bytes where COMMIT says.*copy/classifier-tiny0.1-of-1.h5' truncate -s -1 classifier-tiny0.1-of-1.h5
damaged "a part that is longer" 'bytes where COMMIT says.*copy/model.h5' truncate -s +1 model.h5
damaged "a missing part" 'copy/classifier-tiny2.1-of-1.h5' rm classifier-tiny2.1-of-1.h5
damaged "a missing state.yaml" 'copy/state.yaml' rm state.yaml
damaged "a missing COMMIT" 'copy/COMMIT' rm COMMIT
damaged "a COMMIT without a part" 'COMMIT does not list classifier-tiny1' sed -i /tiny1/d COMMIT
damaged "a COMMIT of another size" 'bytes where COMMIT says' sed -i 's/bytes: /bytes: 9/' COMMIT
damaged "a COMMIT cut short" 'copy/COMMIT' truncate -s 60 COMMIT
damaged "another state.yaml" 'state.yaml' sed -i 's/^step: .*/step: 11/' state.yaml
damaged "a link in the place of a part" 'copy/model.h5' ln -sf "$run/checkpoints/step-000000010/model.h5" model.h5
touch "$run/checkpoints/step-000000010/notes.txt"
check "a file beside them does no harm" "$build/dail" verify "$run/checkpoints/step-000000010"

run_daild 2 --set run.dir="$run" --set checkpoint.resume=never --set debug.stop_after_step=3
exits "checkpoint.resume=never" $? 75
is "starts anew" "$(records "$run" start '$r->{step}' | tail -n 1)" 0
is "and sets the others aside" "$(ls "$run/checkpoints" | grep -v old | tr '\n' ' ')" "step-000000003 "

run_daild 2 --set run.dir="$work/none" --set checkpoint.resume="$work/nowhere"
exits "a checkpoint that is not there" $? 3
check "is one line of error" one_line_of_error
finish
