#include "daemon/command/completion.h"

#include "daemon/command/commands.h"
#include "daemon/terminal/daild_command.h"
#include "proto/config/config_table.h"

#include <stdio.h>

/* The script: tables, then functions that read them. A rule says what is offered for a value: "words a b",
 * "files .h5 .yaml" (all without an ending), "folders", "runs .jsonl", "models .onnx", "settings" or "none". */
static const char offering[] =
    "# _dail_paths WORD TEST [ENDING...]: folders that TEST takes, and files with one of the endings\n"
    "_dail_paths() {\n"
    "    local path ending word=$1 test=$2\n"
    "    shift 2\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    while IFS= read -r path; do\n"
    "        if [ -d \"$path\" ]; then\n"
    "            $test \"$path\" && COMPREPLY+=(\"$path\")\n"
    "            continue\n"
    "        fi\n"
    "        for ending; do\n"
    "            case $path in *\"$ending\") COMPREPLY+=(\"$path\"); break ;; esac\n"
    "        done\n"
    "    done < <(compgen -f -- \"$word\")\n"
    "}\n"
    "_dail_leads_on() { [ -n \"$(compgen -d -- \"$1/\")\" ]; }\n"
    "_dail_is_run() { [ -e \"$1/status.jsonl\" ] || { [ ! -e \"$1/../status.jsonl\" ] && _dail_leads_on "
    "\"$1\"; }; }\n"
    "_dail_is_model() { [ -e \"$1/status.jsonl\" ] || [ -e \"$1/COMMIT\" ] || _dail_leads_on \"$1\"; }\n"
    "\n"
    "_dail_settings() { # WORD\n"
    "    local key=${1%%=*}\n"
    "    if [ \"$key\" = \"$1\" ]; then\n"
    "        compopt -o nospace 2>/dev/null\n"
    "        COMPREPLY=($(compgen -W \"${!_dail_keys[*]}\" -S = -- \"$1\"))\n"
    "    else\n"
    "        COMPREPLY=($(compgen -W \"${_dail_keys[$key]-}\" -P \"$key=\" -- \"${1#*=}\"))\n"
    "    fi\n"
    "}\n"
    "\n"
    "_dail_offer() { # WORD RULE...\n"
    "    local word=$1 kind=$2\n"
    "    shift 2\n"
    "    case $kind in\n"
    "    words) COMPREPLY=($(compgen -W \"$*\" -- \"$word\")) ;;\n"
    "    files) _dail_paths \"$word\" true \"${@:-}\" ;;\n"
    "    folders) _dail_paths \"$word\" true ;;\n"
    "    runs) _dail_paths \"$word\" _dail_is_run \"$@\" ;;\n"
    "    models) _dail_paths \"$word\" _dail_is_model \"$@\" ;;\n"
    "    settings) _dail_settings \"$word\" ;;\n"
    "    esac\n"
    "}\n\n";

static const char walking[] =
    "# _dail_join: the words up to the cursor, in words; bash parts them at =. head: what it leaves out of "
    "the last\n"
    "_dail_join() {\n"
    "    local i glue=\n"
    "    words=() head=\n"
    "    for ((i = 0; i <= COMP_CWORD; i++)); do\n"
    "        if [ $i -gt 1 ] && { [ \"$glue\" ] || [ \"${COMP_WORDS[i]}\" = = ]; }; then\n"
    "            head=${words[-1]}\n"
    "            words[-1]+=${COMP_WORDS[i]}\n"
    "            [ \"${COMP_WORDS[i]}\" = = ] && glue=1 head=${words[-1]} || glue=\n"
    "        else\n"
    "            words+=(\"${COMP_WORDS[i]}\")\n"
    "            head=\n"
    "        fi\n"
    "    done\n"
    "}\n"
    "\n"
    "_dail_complete() { # COMMAND FIRST: completes the last of words, the first behind the command being "
    "FIRST\n"
    "    local command=$1 i word=${words[-1]} rule= operand=0 ended= last=$((${#words[@]} - 1))\n"
    "    for ((i = $2; i < last; i++)); do\n"
    "        if [ \"$ended\" ] || [ \"${words[i]#-}\" = \"${words[i]}\" ]; then\n"
    "            operand=$((operand + 1))\n"
    "        elif [ \"${words[i]}\" = -- ]; then\n"
    "            ended=1\n"
    "        elif [ \"${_dail_rules[$command ${words[i]}]-}\" ]; then\n"
    "            i=$((i + 1))\n"
    "            [ $i = $last ] && rule=${_dail_rules[$command ${words[last - 1]}]}\n"
    "        fi\n"
    "    done\n"
    "    COMPREPLY=()\n"
    "    if [ \"$rule\" ]; then\n"
    "        _dail_offer \"$word\" $rule\n"
    "    elif [ ! \"$ended\" ] && [[ $word == --*=* ]]; then\n"
    "        _dail_offer \"${word#*=}\" ${_dail_rules[$command ${word%%=*}]-none}\n"
    "        COMPREPLY=(\"${COMPREPLY[@]/#/${word%%=*}=}\")\n"
    "    elif [ ! \"$ended\" ] && [[ $word == -* ]]; then\n"
    "        COMPREPLY=($(compgen -W \"${_dail_options[$command]}\" -- \"$word\"))\n"
    "    else\n"
    "        while [ $operand -gt 0 ] && [ ! \"${_dail_rules[$command $operand]-}\" ]; do operand=$((operand "
    "- 1)); done\n"
    "        _dail_offer \"$word\" ${_dail_rules[$command $operand]-none}\n"
    "    fi\n"
    "    [ ! \"$head\" ] || COMPREPLY=(\"${COMPREPLY[@]#\"$head\"}\")\n"
    "}\n"
    "\n"
    "_dail() {\n"
    "    local words head\n"
    "    _dail_join\n"
    "    if [ ${#words[@]} -le 2 ]; then\n"
    "        COMPREPLY=($(compgen -W \"${!_dail_options[*]} --help --version\" -X daild -- "
    "\"${words[1]}\"))\n"
    "    elif [ \"${_dail_options[${words[1]}]-}\" ]; then\n"
    "        _dail_complete \"${words[1]}\" 2\n"
    "    fi\n"
    "}\n"
    "\n"
    "_daild() {\n"
    "    local words head\n"
    "    _dail_join\n"
    "    _dail_complete daild 1\n"
    "}\n"
    "\n"
    "complete -F _dail dail\n"
    "complete -F _daild daild\n";

/* --- Tables --- */

/* Words parted by '|', parted by blanks. */
static void print_words(const char *words)
{
    for (; *words != '\0'; words++) {
        putchar(*words == '|' ? ' ' : *words);
    }
}

static void print_rule(enum option_word word, const char *choices, const char *endings)
{
    static const char *const kinds[] = {
        [WORD_ANY] = "none", [WORD_FILE] = "files",   [WORD_FOLDER] = "folders",
        [WORD_RUN] = "runs", [WORD_MODEL] = "models", [WORD_SETTING] = "settings",
    };
    if (choices) {
        fputs("\"words ", stdout);
        print_words(choices);
        fputs("\"\n", stdout);
    } else {
        printf("\"%s%s%s\"\n", kinds[word], endings ? " " : "", endings ? endings : "");
    }
}

static void print_command_rules(const struct command *command)
{
    for (const struct option_spec *spec = command->options; spec && spec->name; spec++) {
        for (int is_short = 0; is_short < 2 && spec->kind != OPTION_FLAG; is_short++) {
            if (is_short && spec->short_name == 0) {
                continue;
            }
            printf("    [\"%s ", command->name);
            if (is_short) {
                printf("-%c\"]=", spec->short_name);
            } else {
                printf("--%s\"]=", spec->name);
            }
            print_rule(spec->word, option_choices(spec), spec->endings);
        }
    }
    size_t place = 0;
    for (const struct operand_spec *spec = command->operands; spec && spec->name; spec++) {
        printf("    [\"%s %zu\"]=", command->name, place++);
        print_rule(spec->word, spec->choices, spec->endings);
    }
}

static void print_command_options(const struct command *command)
{
    printf("    [%s]=\"", command->name);
    for (const struct option_spec *spec = command->options; spec && spec->name; spec++) {
        printf("--%s ", spec->name);
    }
    fputs("--help\"\n", stdout);
}

static void print_key(const struct config_row *row)
{
    size_t count;
    const struct margin_row *margins = config_margins(&count);
    printf("    [%s]=\"", row->key);
    if (row->choices) {
        print_words(row->choices);
    } else if (row->type == CONFIG_BOOL) {
        fputs("true false", stdout);
    } else if (row->type == CONFIG_AUTO) {
        fputs("auto", stdout);
    }
    for (size_t i = 0; row->type == CONFIG_MARGIN && i < count; i++) {
        printf("%s%s", i > 0 ? " " : "", margins[i].name);
    }
    fputs("\"\n", stdout);
}

static void print_each(void (*print)(const struct command *command))
{
    for (size_t i = 0; commands[i]; i++) {
        print(commands[i]);
    }
    print(&daild_command);
}

void completion_print(void)
{
    size_t count;
    const struct config_row *rows = config_rows(&count);
    fputs("# Completion for bash of dail and daild; made by dail manual.\n"
          "# The options of each command.\n"
          "declare -gA _dail_options=(\n",
          stdout);
    print_each(print_command_options);
    fputs(
        ")\n# What is offered for the value of an option, and for an operand; further ones are as the last.\n"
        "declare -gA _dail_rules=(\n",
        stdout);
    print_each(print_command_rules);
    fputs(
        ")\n# The configuration's keys, and the words that their values may be.\ndeclare -gA _dail_keys=(\n",
        stdout);
    for (size_t i = 0; i < count; i++) {
        print_key(&rows[i]);
    }
    fputs(")\n\n", stdout);
    fputs(offering, stdout);
    fputs(walking, stdout);
}
