#!/bin/sh
# Completion for bash: commands, options, the values of both, keys of the configuration, files, runs, models.
. "$(dirname "$0")/lib.sh"
command -v bash >/dev/null || skip_all "no bash"
"$build/dail" manual dail.bash >"$work/dail.bash"

# complete WORD...: what is offered for the last of the words, in one line, as bash parts them; run in $work
complete() {
    (cd "$work" && bash -c '
        . "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _$1; printf "%s\n" "${COMPREPLY[@]}"' ./dail.bash "$@") |
        sort -u | tr '\n' ' ' | sed 's/^ *//; s/ $//'
}

# options_of COMMAND...: the long options that --help lists
options_of() { "$@" --help | sed -n 's/^  \(-., \|    \)\(--[a-z0-9-]*\).*/\2/p' | sort -u | tr '\n' ' ' | sed 's/ $//'; }

commands=$("$build/dail" --help | sed -n 's/^  \([a-z]*\) .*/\1/p' | sort | tr '\n' ' ' | sed 's/ $//')
is "every command" "$(complete dail '')" "--help --version $commands"
is "a command that is begun" "$(complete dail exp)" "export"
for command in $commands; do
    is "every option of dail $command" "$(complete dail "$command" -)" "$(options_of "$build/dail" "$command")"
done
is "every option of daild" "$(complete daild -)" "$(options_of "$build/daild")"

# Choices
is "the choices of an option" "$(complete dail pack --encoding '')" "jpeg png"
is "one that is begun" "$(complete dail pack faces --spool al)" "always"
is "behind =, which bash makes a word of its own" "$(complete dail pack --encoding = p)" "png"
is "behind = in one word" "$(complete dail pack --encoding=p)" "--encoding=png"
is "choices that the configuration has" "$(complete dail bench --arch iresnet1)" "iresnet10 iresnet100 iresnet18"
is "the choices of an operand" "$(complete dail manual daild)" "daild.1"
is "nothing for a number" "$(complete dail pack --quality '')" ""

# Keys and their values
is "keys" "$(complete daild --set log.)" "log.every= log.keep= log.rotate_mb= log.slow_seconds= log.tensorboard="
is "keys by the short option" "$(complete dail run -s schedule.k)" "schedule.kind="
is "a key's choices" "$(complete daild --set schedule.kind = '')" "cosine poly step"
is "in one word" "$(complete daild --set schedule.kind=p)" "schedule.kind=poly"
is "true and false" "$(complete dail bench a.yaml --set data.augment.flip = t)" "true"
is "margins by name" "$(complete daild --set loss.margin = c)" "cm cosface curricularface"
is "an architecture" "$(complete daild --set = model.arch = iresnet2)" "iresnet200"
is "auto" "$(complete daild --set runtime.threads = '')" "auto"
is "nothing for a number's key" "$(complete daild --set batch.lane = '')" ""

# Files, runs, models
mkdir -p "$work/data/sets" "$work/runs/one/checkpoints/step-000000010" "$work/empty"
touch "$work/a.yaml" "$work/b.txt" "$work/c name.yaml" "$work/data/x.h5" "$work/data/x.onnx" "$work/data/x.tsv" \
    "$work/runs/one/status.jsonl" "$work/runs/one/checkpoints/step-000000010/COMMIT"
mkdir "$work/runs/one/checkpoints/step-000000020.tmp"
is "files of the right ending, and folders" "$(complete daild '')" "a.yaml c name.yaml data empty runs"
is "a name with a blank" "$(complete daild c)" "c name.yaml"
is "sets for dail eval, behind the model" "$(complete dail eval runs/one data/)" "data/sets data/x.h5"
is "also behind options with values" "$(complete dail eval --batch 3 runs/one -t 2 data/)" "data/sets data/x.h5"
is "a model, though a flag is before it" "$(complete dail eval --json data/x)" "data/x.onnx"
is "any file" "$(complete dail info data/)" "data/sets data/x.h5 data/x.onnx data/x.tsv"
is "a folder alone" "$(complete dail unpack x.h5 -o '')" "data empty runs"
is "a picture or a table" "$(complete dail overlap runs/one --truth data/x)" "data/x.tsv"
is "runs and folders that lead on" "$(complete dail report '')" "data runs"
is "a run" "$(complete dail report runs/)" "runs/one"
is "nothing within it" "$(complete dail report runs/one/)" ""
is "its log" "$(complete dail tail runs/one/s)" "runs/one/status.jsonl"
is "a checkpoint, not one in the making" "$(complete dail export runs/one/checkpoints/)" \
    "runs/one/checkpoints/step-000000010"
is "a configuration for dail run" "$(complete dail run -n 2 a)" "a.yaml"
is "nothing of mpirun's" "$(complete dail run a.yaml -- --)" ""
finish
