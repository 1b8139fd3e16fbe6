#!/bin/sh
# Every command of README.md and of the documents beside it, run in their order as a reader would, in a folder that holds
# what a clone does. A block that cannot run here has a comment <!-- not run: why --> on the line before it.
. "$(dirname "$0")/lib.sh"

top=$PWD
scratch=$work/clone
mkdir -p "$scratch/build"
for name in Makefile README.md proto shard worker daemon etc slurm tests; do
    ln -s "$top/$name" "$scratch/$name"
done
# What is built is this build's; what the commands make stays in the scratch folder.
for path in "$(cd "$build" && pwd)"/*; do
    case ${path##*/} in
    data | runs) ;;
    *) ln -s "$path" "$scratch/build/" ;;
    esac
done

# Of each document in turn the fenced blocks, to $work/blocks/<document>-<line>.<language>; of a marked one its reason, to
# <document>-<line>.why
mkdir "$work/blocks"
blocks_of() {
    awk -v prefix="$work/blocks/$1" -v loose="$work/blocks/loose" '
        /^<!-- not run: .* -->$/ { why = substr($0, 15, length($0) - 18); next }
        !inside && /^```/ {
            inside = 1
            part = sprintf("%s-%04d", prefix, NR)
            file = part "." (length($0) > 3 ? substr($0, 4) : "output")
            if (why != "") print why >(part ".why")
            next
        }
        /^```$/ { inside = 0; close(file); why = ""; next }
        inside { print >file; next }
        /./ && why != "" { print FILENAME ":" NR ": a mark without a block" >loose; why = "" }
        END { if (inside || why != "") print FILENAME ": a block or mark without an end" >loose }' "$2"
}
blocks_of 1-README "$top/README.md"
blocks_of 2-guide "$top/etc/doc/guide.md"
blocks_of 3-ablation "$top/etc/ablation/README.md"
check "every block ends, every mark belongs to one" sh -c '! cat "$0/loose" 2>/dev/null' "$work/blocks"

# A shorter demo, and no word on how well so short a training went.
export DAIL_DEMO_EPOCHS=0.6 DAIL_DEMO_LEAST=0

run_block() (
    unset MAKEFLAGS MFLAGS MAKELEVEL DAIL_BUILD # make check's own, with the name of its build
    cd "$scratch" && timeout $((300 * slow)) sh -eu "$1"
)

# name_of BLOCK: document, line, and its first command
name_of() {
    basename "$1" | sed 's/^[0-9]-\(.*\)-0*\([0-9]*\)\..*/\1, line \2: /' | tr -d '\n'
    grep -v '^#' "$1" | head -n 1 | sed 's/ *#.*//'
}

ran=0
for block in "$work"/blocks/*.sh; do
    name=$(name_of "$block")
    if [ -e "${block%.sh}.why" ]; then
        skip "$name: $(cat "${block%.sh}.why")"
        continue
    fi
    check "$name" run_block "$block"
    ran=$((ran + 1))
done
check "most blocks run" [ "$ran" -ge 8 ]

# What the commands are said to leave.
for file in build/runs/demo/status.jsonl data/site0.yaml resolved.yaml runs/first/status.jsonl first.html plots roc.svg \
    overlap.tsv overlap.png site0.h5 first.onnx first.safetensors; do
    check "leaves $file" [ -s "$scratch/$file" ]
done

# --- Python ---

for block in "$work"/blocks/*.python; do
    name=$(name_of "$block")
    interpreter=$python
    if [ -e "${block%.python}.why" ]; then
        skip "$name: $(cat "${block%.python}.why")"
        continue
    elif grep -q onnxruntime "$block"; then
        if ! make_venv onnx onnx onnxruntime; then
            skip "$name: onnxruntime cannot be had"
            continue
        fi
        interpreter=$top/$venv
        name=$(name_of "$block")
    elif ! $python -c 'import h5py' 2>/dev/null; then
        skip "$name: no h5py"
        continue
    fi
    check "$name" sh -c 'cd "$0" && "$1" "$2"' "$scratch" "$interpreter" "$block"
done

# --- Links ---

# Every relative link leads to a file, and its #anchor to a heading of it.
cat >"$work/links.pl" <<'PERL'
use strict; use warnings;
sub anchors {
    my ($file) = @_;
    open my $f, "<:utf8", $file or return ();
    my ($fenced, %anchor) = (0);
    while (<$f>) {
        $fenced = !$fenced if /^```/;
        next unless !$fenced && /^#+ +(.*?) *$/;
        my $name = lc $1;
        $name =~ s/[^\w\- ]//g;
        $name =~ s/ /-/g;
        $anchor{$name} = 1;
    }
    return %anchor;
}
my $bad = 0;
for my $file (@ARGV) {
    my ($folder) = $file =~ m{^(.*)/};
    open my $f, "<:utf8", $file or die "$file: $!";
    my $text = join "", <$f>;
    $text =~ s/^```.*?^```$//msg;
    while ($text =~ /\]\(([^)\s]+)\)/g) {
        my ($path, $anchor) = split /#/, $1, 2;
        next if $path =~ /^[a-z]+:/;
        my $target = $path eq "" ? $file : "$folder/$path";
        if (!-e $target) { print "$file: no $path\n"; $bad = 1; next }
        my %known = $target =~ /\.md$/ ? anchors($target) : ();
        if (defined $anchor && !$known{$anchor}) { print "$file: no heading #$anchor in $target\n"; $bad = 1 }
    }
}
exit $bad;
PERL
check "every link of the documents leads somewhere" sh -c '
    find "$1" -name build -prune -o -name .git -prune -o -name "*.md" -print | xargs perl "$0"' "$work/links.pl" "$top"

# Files that a document names in `code` are there, by their path from the top; a path with a <name> stands for many.
named_files() {
    for document in README.md etc/doc/*.md; do
        grep -o '`[a-z]*/[A-Za-z0-9_./<>-]*`' "$document" | tr -d '`' | grep -E '^(proto|shard|worker|daemon|tests|etc|slurm)/' |
            grep -v '<' | while read -r path; do
            [ -e "$path" ] || echo "$document: no $path"
        done
    done | grep . && return 1
    return 0
}
check "every file that a document names is there" named_files

# --- Configurations and advice ---

for config in etc/comb.yaml etc/dail.yaml etc/demo.yaml etc/faces.yaml; do
    check "$config is a configuration" "$build/daild" --print-config "$config"
done

# Each row of "What to choose" begins its last column with the key's default.
"$build/daild" --print-config 2>/dev/null | awk '
    /^ *#/ { next }
    match($0, /^ *[a-z_]+:/) {
        depth = match($0, /[a-z]/) - 1
        key = $1; sub(/:$/, "", key)
        level = depth / 2; name[level] = key
        full = name[0]
        for (i = 1; i <= level; i++) full = full "." name[i]
        if (NF > 1) print full, $2
    }' >"$work/defaults"
advice_has_defaults() {
    sed -n '/^## What to choose/,/^## /p' etc/ablation/README.md | awk -F ' *[|] *' -v defaults="$work/defaults" '
        BEGIN { while ((getline line <defaults) > 0) { split(line, part, " "); initial[part[1]] = part[2] } }
        $2 ~ /^`[a-z_.]+`$/ {
            key = $2; gsub(/`/, "", key)
            said = $4; gsub(/`/, "", said); sub(/[ ,;:].*/, "", said)
            rows++
            if (!(key in initial)) { print "no key " key; bad = 1 }
            else if (initial[key] != said) { print key " is " initial[key] " by default, not " said; bad = 1 }
        }
        END { exit bad || rows < 6 }'
}
check "the advice names the defaults as they are" advice_has_defaults
finish
