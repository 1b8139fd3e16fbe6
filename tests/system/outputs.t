#!/bin/sh
# What outputs are written to stays what it is: devices, pipes and links; what is lost on the way ends with 6; ~ is the
# home folder. Devices and links of its own stand in for /dev/null: nothing outside of its folder is touched.
. "$(dirname "$0")/lib.sh"

make_data
make_config
run=$work/run
run_daild 1 --set schedule.epochs=0.5
exits "a short run" $? 0

# --- Devices, pipes and links ---

mkdir "$work/dev"
if mknod -m 666 "$work/dev/null" c 1 3 2>/dev/null; then device=yes; else device=; fi
# keeps_device ENDING COMMAND...: its last argument, a device, is one afterwards
keeps_device() {
    ending=$1
    shift
    node=$work/dev/null$ending
    [ -n "$device" ] || { skip "no devices can be made here"; return; }
    rm -f "$work"/dev/*
    mknod -m 666 "$node" c 1 3
    timeout $((60 * slow)) "$build/dail" "$@" "$node" >"$work/out" 2>&1
    code=$?
    { echo "exit code $code"; said_by; ls -l "$work/dev"; } >"$work/said"
    [ -c "$node" ] && [ "$(ls "$work/dev")" = "null$ending" ] && [ $code = "$expected" ]
    verdict "dail $1 $ending: a device stays a device, and the command ends with $expected"
}
expected=0
keeps_device "" export "$run" --onnx
keeps_device "" export "$run" --safetensors
keeps_device "" report "$run" --fast -o
keeps_device "" overlap "$run" --min-cosine -1 -o
keeps_device .png overlap "$run" --min-cosine -1 --sheet
keeps_device .csv eval "$run" "$work/data/tiny-cross.h5" --roc
expected=2
keeps_device "" export "$run" --hdf5
[ -z "$device" ] || says "HDF5 to a device is refused by name" 'HDF5 is written to plain files alone.*dev/null'
keeps_device "" embed "$run" "$work/data/tiny-cross.h5" -o

check "a model" "$build/dail" export "$run" --safetensors "$work/model.safetensors"
mkfifo "$work/pipe"
"$build/dail" export "$run" --safetensors "$work/pipe" >/dev/null 2>&1 &
timeout $((60 * slow)) cat "$work/pipe" >"$work/through"
wait $!
exits "into a pipe" $? 0
check "a pipe stays a pipe" test -p "$work/pipe"
check "and what comes out of it is the model" cmp "$work/through" "$work/model.safetensors"
mkdir "$work/elsewhere"
ln -s ../elsewhere/model.h5 "$work/dev/link"
check "to where a link leads" "$build/dail" export "$run" --hdf5 "$work/dev/link"
check "a link stays a link" test -L "$work/dev/link"
check "and the file is where it leads" "$build/dail" info "$work/elsewhere/model.h5"

# --- Output that is lost ---

for command in "eval $run $work/data/tiny-cross.h5" "eval --json $run $work/data/tiny-cross.h5" "tail --once $run" \
    "tail --once --json $run" "info $run" "manual dail.1" "--help" "--version" "eval --help"; do
    # shellcheck disable=SC2086
    "$build/dail" $command >/dev/full 2>"$work/out"
    exits "dail ${command%% /*} to a full disk" $? 6
    says "and says so" '^dail: .*(no space left|not all of the output).*standard output'
done
for option in "--print-config $work/config.yaml" --help --version; do
    # shellcheck disable=SC2086
    "$build/daild" $option >/dev/full 2>"$work/out"
    exits "daild ${option%% *} to a full disk" $? 6
done

# --- The home folder, and folders that cannot be made ---

mkdir "$work/home"
export HOME="$work/home"
run_daild 1 --set schedule.epochs=0.2 --set 'run.dir=~/runs/a'
exits "a run in the home folder" $? 0
check "it is there" test -e "$work/home/runs/a/status.jsonl"
check "and no folder is called ~" test ! -e "~"
run_daild 1 --set 'run.dir=~'
exits "null is no name" $? 2
says "and is told as what stands there" "run.dir: expected a path.*found '~'"

echo >"$work/plain"
exit_code "a folder below a file" 6 "$build/dail" synth -o "$work/plain/below" --datasets 1 --identities 2 --images 2
says "is told with the reason of the call that failed" 'Not a directory.*plain'

mkdir "$work/scratch" "$work/real"
chmod 1777 "$work/scratch"
ln -s ../real "$work/scratch/me"
run_daild 1 --set schedule.epochs=0.2 --set run.dir="$work/scratch/me/a"
exits "one's own link in a folder of mode 1777 is followed" $? 0
if [ "$(id -u)" = 0 ]; then
    chown -h nobody "$work/scratch/me"
    run_daild 1 --set schedule.epochs=0.2 --set run.dir="$work/scratch/me/b"
    exits "another's is not" $? 6
    says "and is named" "another's symbolic link.*scratch/me"
else
    skip "root alone gives links away"
fi
finish
