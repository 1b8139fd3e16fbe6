#!/bin/sh
# Runs fuzz targets and tells of each how many inputs it tried, what they reached, and what was found.
#
#   tests/fuzz/run.sh BUILD [TARGET...]    all targets where none is named
#
# SECONDS_EACH: how long each runs (60); JOBS: how many at once (1); SEED: of the choice of inputs (0: another each
# time). BUILD/corpus/<target> keeps what was of use and is gone on with; BUILD/findings/<target>/ keeps the inputs
# that broke something, each tried again by "BUILD/tests/fuzz/<target>_fuzz FILE"; one that is mended joins the corpus.
# Ends with 1 if anything is broken.
set -eu
build=$1
shift
seconds=${SECONDS_EACH:-60} jobs=${JOBS:-1} seed=${SEED:-0}
export LLVM_PROFILE_FILE=/dev/null OMP_NUM_THREADS=1
[ $# -gt 0 ] || set -- $(ls tests/fuzz/*_fuzz.c | sed 's|.*/||; s|_fuzz\.c$||')

if [ -n "${FUZZ_FOLDER:-}" ]; then
    # One target, called by the lines below.
    target=$1
    program=$build/tests/fuzz/${target}_fuzz
    findings=$build/findings/$target
    mkdir -p "$build/corpus/$target" "$findings" "$build/log"
    dictionary=$build/seeds/$target.dict
    [ -e "$dictionary" ] && dictionary=-dict=$dictionary || dictionary=
    export TMPDIR="$FUZZ_FOLDER"
    # Hostile files and the faults of libraries are no matter for root, where the program can be reached by others.
    nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
    if [ "$(id -u)" = 0 ] && $nobody test -x "$program"; then
        chown -R 65534:65534 "$build/corpus/$target" "$findings" "$FUZZ_FOLDER"
    else
        nobody=
    fi
    export ASAN_OPTIONS=allocator_may_return_null=1:quarantine_size_mb=32 UBSAN_OPTIONS=print_stacktrace=1
    rm -f "$findings/log"
    for input in "$findings"/*; do
        [ -e "$input" ] && $nobody "$program" "$input" >/dev/null 2>&1 && mv "$input" "$build/corpus/$target"
    done
    status=0
    $nobody "$program" $dictionary -max_total_time="$seconds" -seed="$seed" -max_len=262144 -timeout=60 -report_slow_units=60 -rss_limit_mb=4096 \
        -malloc_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$findings/" \
        "$build/corpus/$target" "$build/seeds/$target" >"$build/log/$target" 2>&1 || status=$?
    [ $status = 0 ] || cp "$build/log/$target" "$findings/log"

    # Which lines of the files that the target names were reached: by its corpus, once more.
    sources=$(sed -n 's|.*Covers: \([^*]*\).*|\1|p' "tests/fuzz/${target}_fuzz.c")
    profile=$FUZZ_FOLDER/$target.profile
    LLVM_PROFILE_FILE=$profile.raw $nobody "$program" -runs=0 -max_len=262144 -rss_limit_mb=4096 "$build/corpus/$target" \
        "$build/seeds/$target" >/dev/null 2>&1 || true
    lines=-
    if llvm-profdata merge -o "$profile" "$profile.raw" 2>/dev/null; then
        lines=$(llvm-cov report "$program" -instr-profile "$profile" $sources 2>/dev/null | awk '$1 == "TOTAL" { print $10 }')
    fi
    reached=$(grep -o 'cov: [0-9]* ft: [0-9]*' "$build/log/$target" | tail -n 1)
    tried=$(sed -n 's/^stat::number_of_executed_units: //p' "$build/log/$target")
    found=$(ls "$findings" | wc -l)
    printf '%-12s %8s %12s   %-24s %8s %8s\n' "$target" "$seconds" "${tried:--}" "${reached:--}" "${lines:--}" "$found"
    exit 0
fi

FUZZ_FOLDER=$(mktemp -d "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")/dail-fuzz.XXXXXX")
export FUZZ_FOLDER
trap 'rm -rf "$FUZZ_FOLDER"' EXIT
trap 'exit 1' INT TERM HUP
tests/fuzz/seeds.sh "$build" "$build/seeds"
printf '%-12s %8s %12s   %-24s %8s %8s\n' target seconds executions reached lines findings
printf '%s\n' "$@" | xargs -P "$jobs" -n 1 "$0" "$build"
found=$(for target in "$@"; do find "$build/findings/$target" -type f; done)
[ -z "$found" ] && exit 0
printf 'fuzz: found:\n%s\n' "$found" >&2
exit 1
