#!/bin/sh
# dail pack loses nothing: killed, refused space or given an I/O error at every call that changes a file in turn, it leaves
# the old dataset or the new one whole, and the next packing ends right and leaves nothing but the dataset.
# DAIL_PACKING=all goes through every call with every fault; by itself it takes a part of them.
# What is synced here need not reach a disk.
[ ! -w /dev/shm ] || [ -n "$TMPDIR" ] || export TMPDIR=/dev/shm
. "$(dirname "$0")/lib.sh"
dail=$build/dail
out=$work/out.d
every=${DAIL_PACKING:-part}
# Of the calls every third; with sanitizers, where a packing takes several times as long, every ninth.
coarse=${DAIL_SANITIZED:+9}
coarse=${coarse:-3}

use_faults

"$dail" synth -o "$work/made" --name s --datasets 2 --identities 4 --images 12 --overlap 0 --size 32 --pairs 0 --seed "$seed" \
    >"$work/said" 2>&1 || { cat "$work/said"; exit 1; }
"$dail" unpack "$work/made/s0.yaml" -o "$work/old" >/dev/null 2>&1
"$dail" unpack "$work/made/s1.yaml" -o "$work/new" >/dev/null 2>&1

# pack FOLDER [OPTION...]: as the dataset "few" in $out
pack() { "$dail" pack "$@" -o "$out" -n few --size 32 --shard-mb 64K --threads 1; }

# faulty VARIABLE=VALUE... -- FOLDER [OPTION...]: a packing with the library preloaded
faulty() (
    while [ "$1" != -- ]; do
        # shellcheck disable=SC2163
        export "$1"
        shift
    done
    shift
    export LD_PRELOAD="$fault" OMPI_COMM_WORLD_RANK=0 DAIL_FAULT_RANK=0 DAIL_FAULT_PATH="$out" DAIL_FAULT_ONCE="$work/fired"
    exec "$dail" pack "$@" -o "$out" -n few --size 32 --shard-mb 64K --threads 1
)

fingerprint() { "$dail" info "$1" | sed -n 's/^fingerprint *//p'; }

# whole FINGERPRINT...: the dataset that is there is sound, and one of these
whole() {
    "$dail" verify "$out/few.yaml" || return 1
    found=$(fingerprint "$out/few.yaml")
    for wanted; do [ "$found" != "$wanted" ] || return 0; done
    echo "the dataset is $found, which is none of $*"
    return 1
}

# alone: nothing is there but what the manifest lists
alone() {
    { sed -n 's/^- file: *//p; s/^class_names: *//p' "$out/few.yaml" | tr -d "\"'"; echo few.yaml; } | sort >"$work/listed"
    ls -A "$out" | sort | diff "$work/listed" -
}

pack "$work/new" >"$work/said" 2>&1 || { cat "$work/said"; exit 1; }
new=$(fingerprint "$out/few.yaml")
is "the new dataset has several shards" "$(ls "$out" | grep -c '^few-0000[01].h5$')" 2
rm -r "$out"
pack "$work/old" >"$work/said" 2>&1
old=$(fingerprint "$out/few.yaml")
cp -r "$out" "$work/before"

# --- What a replacement does, call by call ---
faulty DAIL_FAULT_LOG="$work/calls" -- "$work/new" --force >"$work/said" 2>&1
check "a dataset is replaced" whole "$new"
check "by the new one alone" alone
is "whose files have names of their own" "$(ls "$out" | grep -c '^few-g2[-.]')" 3
sed 's/ .*//' "$work/calls.0" | sort | uniq -c | awk '{ print $2, $1 }' >"$work/kinds"
echo "# calls of a replacement: $(paste -s -d ' ' "$work/kinds")"
is "it writes, syncs and renames" "$(grep -Ec '^(write|fsync|rename) ([5-9]|[1-9][0-9])$' "$work/kinds")" 3

# call_of KIND PATTERN: the number of the first call of a kind on such a path, of those that were logged
call_of() { grep "^$1 " "$work/calls.0" | grep -n "$2" | head -n 1 | cut -d : -f 1; }

# A disk that is full by one manifest: nothing is lost, and the same command goes on with all that is finished.
full_by_a_manifest() {
    rm -f "$work/fired"
    faulty DAIL_FAULT_AT="write:$(call_of write 'few.yaml.tmp$')" DAIL_FAULT_ERRNO=28 -- "$work/new" "$@" >"$work/out" 2>&1
    exits "a disk that is full by one manifest${1:+, replacing}" $? 6
}
rm -r "$out"
cp -r "$work/before" "$out"
full_by_a_manifest --force
check "leaves the old dataset" whole "$old"
is "and nothing beside it" "$(ls "$out" | grep -c g2)" 0
exit_code "then the same command" 0 pack "$work/new" --force
says "goes on with all that is finished" 'going on after 2 of 2 shards'
check "and replaces the old dataset" whole "$new"
# What fails after the manifest's rename.
rm -rf "$out" "$work/fired"
cp -r "$work/before" "$out"
faulty DAIL_FAULT_AT="fsync:$(grep -c '^fsync ' "$work/calls.0")" DAIL_FAULT_ERRNO=5 -- "$work/new" --force >"$work/out" 2>&1
exits "a disk that fails after the manifest's rename" $? 6
says "leaves the new dataset, which is said" 'the new dataset is in place and whole'
check "and the files of the old one" test -e "$out/few-00000.h5"
check "which is whole" whole "$new"
exit_code "then the same command" 0 pack "$work/new" --force
check "removes them" alone
rm -r "$out"
full_by_a_manifest
is "leaves no file but the hidden ones" "$(ls "$out")" ""
exit_code "then the same command" 0 pack "$work/new"
says "goes on with all that is finished" 'going on after 2 of 2 shards'
check "to the new dataset" whole "$new"
check "alone" alone

# broken FAULT KIND N OPTION...: a packing in which that call goes wrong, and the next one
broken() {
    how=$1 kind=$2 call=$3
    shift 3
    rm -rf "$out" "$work/fired"
    [ $# = 0 ] || cp -r "$work/before" "$out"
    # shellcheck disable=SC2086
    faulty DAIL_FAULT_AT="$kind:$call" ${how:+DAIL_FAULT_ERRNO=$how} -- "$work/new" "$@" >"$work/said" 2>&1
    code=$?
    [ -e "$work/fired" ] || { echo "no call went wrong"; return 1; }
    [ -n "$how" ] || [ $code = 137 ] || { echo "it ended with $code where it was killed"; return 1; }
    [ $code != 0 ] || whole "$new" || return 1
    case $code in 0 | 3 | 6 | 137) ;; *) echo "it ended with $code"; return 1 ;; esac
    if [ $# = 0 ]; then
        [ ! -e "$out/few.yaml" ] || whole "$new" || return 1
    else
        whole "$old" "$new" || return 1
    fi
    # Where the manifest is there, only --force packs again.
    [ $# != 0 ] || [ ! -e "$out/few.yaml" ] || set -- --force
    pack "$work/new" "$@" >>"$work/said" 2>&1 || { echo "the next one ended with $?"; return 1; }
    whole "$new" && alone
}

# through FAULT KIND FIRST STEP OPTION...: every STEPth call of a kind from the FIRST on goes wrong
through() {
    how=$1 kind=$2 at=$3 step=$4
    shift 4
    calls=$(sed -n "s/^$kind //p" "$work/kinds")
    tried=0 bad=
    # What is whole hangs on the renames: all of them.
    [ "$every" = all ] || [ "$kind" = rename ] || step=$((step * coarse))
    while [ "$at" -le "$calls" ]; do
        if broken "$how" "$kind" "$at" "$@" >"$work/wrong" 2>&1; then
            tried=$((tried + 1))
        else
            bad="$bad $at"
            sed 's/^/#   /' "$work/wrong" "$work/said"
        fi
        at=$((at + step))
    done
    name=$(case $how in '') echo killed ;; 5) echo EIO ;; 28) echo ENOSPC ;; 116) echo ESTALE ;; esac)
    [ -z "$bad" ] && [ "$tried" -gt 0 ]
    echo "wrong at$bad" >"$work/said"
    [ -z "$bad" ] && [ "$tried" -gt 0 ]
    verdict "$name at $tried of $calls calls of $kind${1:+, replacing}: the old or the new dataset, and then the new one"
}

if [ "$every" = all ]; then
    for kind in mkdir open write fsync rename remove; do
        for how in '' 5 28; do
            through "$how" "$kind" 1 1 --force
        done
    done
    through 5 read 1 1 --force
    through 116 read 1 1 --force
else
    through '' rename 1 1 --force
    through 5 rename 1 1 --force
    through '' fsync 1 2 --force
    through 5 fsync 1 1 --force
    through 28 write 1 2 --force
    through 5 write 2 4 --force
    through '' write 1 4 --force
    through '' remove 1 1 --force
    through 5 remove 1 1 --force
    through 5 open 1 2 --force
    through 5 read 1 2 --force
fi

# --- The same where nothing is replaced ---
rm -rf "$out" "$work/calls.0"
faulty DAIL_FAULT_LOG="$work/calls" -- "$work/new" >"$work/said" 2>&1
sed 's/ .*//' "$work/calls.0" | sort | uniq -c | awk '{ print $2, $1 }' >"$work/kinds"
if [ "$every" = all ]; then
    for kind in mkdir open write fsync rename remove; do
        for how in '' 5 28; do
            through "$how" "$kind" 1 1
        done
    done
else
    through '' rename 1 1
    through 28 rename 2 3
    through 5 fsync 2 3
    through 28 write 3 4
fi

# --- A verification set is one file: the old one or the new one ---
for side in old new; do
    printf 'fold\ta\tb\tsame\n' >"$work/$side.tsv"
    (cd "$work/$side" && for person in *; do
        echo "$person" "$(ls "$person" | head -n 2 | paste -s -d ' ')"
    done) | awk -v OFS='\t' '{ print NR % 2, $1 "/" $2, $1 "/" $3, 1 }' >>"$work/$side.tsv"
done
pack_set() { "$dail" pack --pairs "$work/$1.tsv" --images "$work/$1" -o "$out/set.h5" --size 32 --threads 1 --force; }
sum() { cksum <"$out/set.h5"; }
rm -rf "$out" "$work/calls.0"
pack_set new >"$work/said" 2>&1
new=$(sum)
pack_set old >"$work/said" 2>&1
old=$(sum)
is "two sets differ" "$([ "$old" = "$new" ] || echo yes)" yes
cp -r "$out" "$work/set"

# broken_set FAULT KIND N: a packing of the set in which that call goes wrong, and the next one
broken_set() {
    rm -rf "$out" "$work/fired"
    cp -r "$work/set" "$out"
    faulty_set "$2:$3" ${1:+DAIL_FAULT_ERRNO=$1}
    code=$?
    [ -e "$work/fired" ] || { echo "no call went wrong"; return 1; }
    [ $code != 0 ] || { echo "it ended well"; return 1; }
    case $(sum) in "$old" | "$new") ;; *) echo "neither the old nor the new set is there"; return 1 ;; esac
    pack_set new && [ "$(sum)" = "$new" ] && [ "$(ls -A "$out")" = set.h5 ]
}
faulty_set() (
    at=$1
    shift
    [ -z "$1" ] || export "$1"
    export LD_PRELOAD="$fault" OMPI_COMM_WORLD_RANK=0 DAIL_FAULT_RANK=0 DAIL_FAULT_PATH="$out" DAIL_FAULT_ONCE="$work/fired"
    DAIL_FAULT_AT=$at pack_set new
)
(
    export DAIL_FAULT_LOG="$work/calls"
    faulty_set none
) >"$work/said" 2>&1
bad=
tried=0
for kind in write fsync rename; do
    calls=$(grep -c "^$kind " "$work/calls.0")
    for call in $(seq 1 "$([ "$every" = all ] && echo 1 || echo $coarse)" "$calls"); do
        for how in '' 5; do
            if broken_set "$how" $kind "$call" >"$work/wrong" 2>&1; then
                tried=$((tried + 1))
            else
                bad="$bad $kind:$call:$how"
                sed 's/^/#   /' "$work/wrong"
            fi
        done
    done
done
echo "wrong at$bad" >"$work/said"
[ -z "$bad" ] && [ $tried -ge 6 ]
verdict "killed or given EIO at $tried calls, a set is the old or the new one"
finish
