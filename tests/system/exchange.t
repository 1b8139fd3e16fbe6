#!/bin/sh
# Who sums the gradients, and how they travel: to rounding the same training, half the bytes where they are rounded, and
# whoever goes on from a checkpoint does as whoever went on without.
. "$(dirname "$0")/lib.sh"

make_data
make_config
# trained NAME WORKERS [--set KEY=VALUE...]: twenty steps, a checkpoint every ten; their losses in $work/NAME.losses
trained() {
    name=$1 workers=$2
    shift 2
    # shellcheck disable=SC2086
    run_daild "$workers" $calm --set run.dir="$work/$name" --set checkpoint.every_steps=10 \
        --set debug.stop_after_step=20 "$@"
    exits "$name" $? 75
    records "$work/$name" step '$r->{loss}' >"$work/$name.losses"
}
# gradients NAME: bytes of a step
gradients() { records "$work/$1" step '$r->{bytes_gradients}' | tail -n 1; }

trained mpi 2 --set runtime.exchange=mpi
for workers in 2 3; do
    trained own-$workers $workers --set runtime.exchange=own
    check "own sums on $workers workers: the same losses to rounding" near 1e-4 "$work/own-$workers.losses" "$work/mpi.losses"
done
trained again 3 --set runtime.exchange=own
check "and again: the same bits" cmp "$work/again.losses" "$work/own-3.losses"
trained rounded 2 --set runtime.exchange_precision=bf16
check "rounded to bfloat16: near" near 1e-3 "$work/rounded.losses" "$work/mpi.losses"
check "and not the same" sh -c "! cmp -s '$work/rounded.losses' '$work/own-2.losses'"
# Two of two workers' halves are the whole vector once; but for statistics and the domain head it is half as wide.
is "half the bytes" "$(awk "BEGIN { share = $(gradients rounded) / $(gradients own-2); print (share > 0.5 && share < 0.56) }")" 1

# Stopped after the checkpoint of step 10, which the other one went past.
# shellcheck disable=SC2086
run_daild 2 $calm --set run.dir="$work/parts" --set checkpoint.every_steps=10 --set runtime.exchange_precision=bf16 \
    --set debug.stop_after_step=10
exits "stopped at a checkpoint" $? 75
trained parts 2 --set runtime.exchange_precision=bf16
check "gone on with: the same bits" cmp "$work/parts.losses" "$work/rounded.losses"
check "and the same model" same_model "$(newest_checkpoint "$work/parts")" "$(newest_checkpoint "$work/rounded")"

run_daild 2 --set run.dir="$work/refused" --set runtime.exchange=mpi --set runtime.exchange_precision=bf16
exits "MPI's sums of rounded gradients" $? 2
says "are refused" "runtime.exchange_precision is bf16, which MPI's own sums do not know"
finish
