#!/bin/sh
# A loss or gradient that is not finite: the update is skipped on all workers alike and said; one that skipping
# does not cure ends the run with 4.
. "$(dirname "$0")/lib.sh"

make_data
make_config
run=$work/run

# Without clipping and with such a rate the domain head's weights overflow within a few steps.
run_daild 2 --set optimizer.lr=1000 --set optimizer.clip=0 --set optimizer.weight_decay=1 \
    --set schedule.epochs=30 --set schedule.warmup_epochs=0
exits "a run that diverges" $? 4
says "a run that diverges: said with what to do" '^daild: .*not finite for 11 steps in a row.*optimizer.lr'
check "a run that diverges: said once" one_line_of_error
is "each skipped update is a warning in the log" "$(records "$run" warning '$r->{what}' | grep -c 'its update was skipped')" 10
is "the log's last word" "$(records "$run" stop '$r->{exit_code}')" 4

finish
