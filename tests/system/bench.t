#!/bin/sh
# dail bench: what it prints, for people and as JSON. No time decides anything, but for sums that must come out.
. "$(dirname "$0")/lib.sh"

small="--arch iresnet10 --input 32 --width 0.25 --embedding 64 --batch 8 --classes 300 --threads 1"

# bench CODE NAME ARGUMENT...: dail bench ends with this code
bench() {
    code=$1 name=$2
    shift 2
    timeout $((60 * slow)) "$build/dail" bench "$@" >"$work/out" 2>&1
    exits "$name" $? "$code"
}

# json EXPRESSION: its value for the last output's object $r
json() {
    EXPRESSION=$1 perl -MJSON::PP -e 'local $/; $r = decode_json(<>); print eval($ENV{EXPRESSION}), $@' "$work/out" 2>&1
}

# shellcheck disable=SC2086
bench 0 "a small network" $small --steps 2
says "the images a second" '^images/s +[0-9.]+ \([0-9.]+ to [0-9.]+\)'
for phase in "conv forward" "conv backward data" "conv backward weights" "normalisation and activation" linear \
    classifier optimizer other; do
    says "the phase $phase" "^$phase +[0-9.]+ +[0-9.]+%"
done
says "the machine's peak" '^machine +sgemm [0-9.]+ GFLOP/s, copy [0-9.]+ GB/s, on 1 thread'
if grep -q -w avx2 /proc/cpuinfo; then
    machine=${OPENBLAS_CORETYPE-}
    export OPENBLAS_CORETYPE=Prescott
    # shellcheck disable=SC2086
    bench 0 "the same with old kernels in OpenBLAS" $small --steps 1
    says "they are named" '^openblas +Prescott kernels, which do not use all instructions of this processor: [0-9.]+ GFLOP/s'
    [ -n "$machine" ] && OPENBLAS_CORETYPE=$machine || unset OPENBLAS_CORETYPE
fi
says "what of activations moves" '^activations [0-9]+ MB an image read and written, [0-9]+ at least'
says "the memory" '^memory +[0-9]+ MiB at the peak; network [0-9]+'

# shellcheck disable=SC2086
bench 0 "the same as JSON, with layers" $small --steps 3 --layers --json
is "it names what it ran" "$(json 'join " ", map { $r->{$_} } qw(arch input batch classes threads steps)')" \
    "iresnet10 32 8 300 1 3"
is "least, median and most are in order" \
    "$(json 'join " ", map { my $s = $r->{$_}; 0 < $s->{min} && $s->{min} <= $s->{median} && $s->{median} <= $s->{max} }
        qw(images_per_second seconds_per_step)')" "1 1"
is "the phases make up the step" \
    "$(json '$s += $_ for values %{$r->{phases}}; abs($s - $r->{seconds_mean}) < 1e-6 * $r->{seconds_mean} ? "yes" : $s')" yes
is "and none counts what another has" "$(json '$r->{phases}{other} >= 0 ? "yes" : $r->{phases}{other}')" yes
is "the layers' seconds are the phases'" \
    "$(json 'my $bad; for my $p ("conv forward", "conv backward data", "conv backward weights", "normalisation and activation", "linear") {
        my $s = 0; $s += $_->{seconds}{$p} for @{$r->{layers}}; $bad .= "$p " if abs($s - $r->{phases}{$p}) > 1e-6 * $r->{seconds_mean} }
        $bad || "yes"')" yes
is "every layer is there" "$(json 'scalar @{$r->{layers}}')" 14
is "a stride of 2 is done directly" \
    "$(json 'join " ", map { $_->{operations}{direct} == $_->{operations}{actual} } grep { ($_->{stride} // 0) == 2 && $_->{kernel} == 1 } @{$r->{layers}}')" \
    "1 1 1 1"
is "rates and shares are positive" \
    "$(json 'join " ", map { $_ > 0 } $r->{gflops}{convolutions}{direct}, $r->{gflops}{convolutions}{actual},
        $r->{machine}{sgemm_gflops}, $r->{machine}{copy_gb_per_second}, $r->{share_of_peak}{convolutions}, $r->{share_of_peak}{optimizer}')" \
    "1 1 1 1 1 1"
is "more moves than must" "$(json '$r->{activations}{moved_bytes_per_image} > $r->{activations}{least_bytes_per_image}')" 1
is "the peak holds the network" "$(json '$r->{memory}{peak_bytes} > $r->{memory}{network_bytes} && $r->{memory}{network_bytes} > 0')" 1

# shellcheck disable=SC2086
bench 0 "ten datasets, compared with all classes" $small --steps 1 --datasets 10 --scope all --json
is "there are ten" "$(json '"$r->{datasets} $r->{classes}"')" "10 300"

# shellcheck disable=SC2086
bench 0 "a tenth of the classes drawn" $small --steps 1 --sample 0.1
says "so many stand" 'of which [34][0-9] stand in a step'
# shellcheck disable=SC2086
bench 0 "the same as JSON" $small --steps 1 --sample 0.1 --json
is "with the rate" "$(json '$r->{sample}')" 0.1

make_data
make_config
bench 0 "a configuration" "$work/config.yaml" --steps 1 --json
is "its network, classes and threads" \
    "$(json 'join " ", map { $r->{$_} } qw(arch input embedding width batch classes datasets threads)')" \
    "iresnet10 32 32 0.125 8 36 3 1"
is "predicts nothing unasked" "$(json 'exists $r->{prediction} ? "yes" : "no"')" no
bench 0 "a prediction for four workers" "$work/config.yaml" --steps 1 --workers 4 --bandwidth 1.25 --latency 30 --json
is "for 1, 2 and 4" "$(json 'join " ", map { $_->{workers} } @{$r->{prediction}{workers}}')" "1 2 4"
is "at the speed given" "$(json '"$r->{prediction}{bandwidth_gb_per_second} $r->{prediction}{latency_us}"')" "1.25 30"
is "13 steps of 32 images in an epoch of 432" "$(json 'join " ", map { $_->{steps_per_epoch} } @{$r->{prediction}{workers}}')" \
    "13 13 13"
is "an epoch is its steps" \
    "$(json 'join " ", map { abs($_->{seconds_per_epoch} - 13 * $_->{seconds_per_step}) < 1e-6 * $_->{seconds_per_epoch} } @{$r->{prediction}{workers}}')" \
    "1 1 1"
is "one worker exchanges nothing, two do" \
    "$(json 'join " ", map { $_->{seconds_exchange} > 0 ? "some" : "none" } @{$r->{prediction}{workers}}')" "none some some"

bench 0 "a very slow network" "$work/config.yaml" --steps 1 --workers 4 --bandwidth 0.000001
says "more workers are said to be slower" '^2 workers are slower than 1: an epoch takes [0-9]+ s, not [0-9]+ s'
says "four too" '^4 workers are slower than 1:'
bench 0 "six workers of four lanes" "$work/config.yaml" --steps 1 --workers 6
says "do not go" '^ +6 +4 +more workers than lanes'

bench 2 "workers without a configuration" --workers 2
says "are refused, with what to do" 'dail bench CONFIG --workers N'
bench 2 "a configuration and options of the network" "$work/config.yaml" --arch iresnet10
says "are refused" '--set KEY=VALUE'
bench 2 "an unknown network" --arch iresnet51
says "the known ones are named" 'iresnet50'
bench 2 "more datasets than classes" --classes 3 --datasets 4
bench 2 "a configuration that is not there" "$work/none.yaml" --workers 2
bench 0 "help" --help
says "names the options" '--latency us'
finish
