#include "daemon/terminal/status_page.h"

#include "daemon/terminal/roff.h"
#include "proto/status/status_record.h"

static const char *const types[] = {[STATUS_TYPE_INTEGER] = "whole number",
                                    [STATUS_TYPE_FIGURE] = "number, or null where it is not finite",
                                    [STATUS_TYPE_TEXT] = "text",
                                    [STATUS_TYPE_OPTION] = "text or null",
                                    [STATUS_TYPE_OBJECT] = "object",
                                    [STATUS_TYPE_LIST] = "list of objects"};

static void print_field(FILE *out, const struct status_field *field, const char *within)
{
    fputs(".TP\n.B ", out);
    roff_text(out, within);
    roff_text(out, field->key);
    fputs("\n", out);
    roff_text(out, field->meaning);
    fputs(".\n.br\n", out);
    roff_text(out, types[field->type]);
    if (field->unit[0] != '\0') {
        fputs("; unit: ", out);
        roff_text(out, field->unit);
    }
    if (field->when[0] != '\0') {
        fputs("; there only ", out);
        roff_text(out, field->when);
    }
    if (field->tag[0] != '\0') {
        fputs("; TensorBoard: ", out);
        roff_text(out, field->tag);
    }
    fputs(".\n", out);
}

static void print_part(FILE *out, const struct status_part *part, const char *within)
{
    for (size_t i = 0; i < part->count; i++) {
        const struct status_field *field = &part->fields[i];
        char inner[128];
        print_field(out, field, within);
        if (field->part) {
            snprintf(inner, sizeof inner, "%s%s%s.", within, field->key,
                     field->type == STATUS_TYPE_LIST ? "[]" : "");
            print_part(out, field->part, inner);
        }
    }
}

void status_page_print(FILE *out)
{
    fputs(".SH SYNOPSIS\n.I RUN/status.jsonl\n.SH DESCRIPTION\n", out);
    roff_text(out,
              "What a run does, for programs: one JSON object a line, in UTF-8, appended by the coordinator "
              "alone with one write each. A run that is started again goes on with the log; records of steps "
              "beyond the checkpoint that a start goes on from are replaced by those that follow it.\n");
    fputs(".PP\n", out);
    roff_text(out,
              "A log that has reached log.rotate_mb is put aside as RUN/status.jsonl.000001, the next one as "
              "RUN/status.jsonl.000002 and so on; the newest log.keep of them are kept. The log that follows "
              "begins with copies of older records, which tell of the run from its beginning: steps, "
              "evaluations and checkpoints evenly spread over the training, and the newest of each kind. "
              "Copies keep their t and seq, and their lists workers and datasets may be empty. Who reads all "
              "the files passes over what has the t and seq of a record that came before.\n");
    fputs(".PP\n", out);
    roff_text(
        stdout,
        "A reader passes over kinds and members that it does not know, as later versions may add some, and "
        "over a last line without its end, which is still being written. A name such as workers[].rank is "
        "that of a member of each object in a list. Epochs count from 1, as everywhere that people read of "
        "them; steps count those done. Where TensorBoard is named, log.tensorboard draws the curve of this "
        "tag; %s stands for the verification set.\n");
    fputs(".SH EVERY RECORD\n", out);
    print_part(out, status_head_part(), "");
    fputs(".SH RECORDS\n", out);
    for (enum status_kind kind = STATUS_KIND_UNKNOWN + 1; kind < STATUS_KINDS; kind++) {
        fputs(".SS ", out);
        roff_text(out, status_kind_name(kind));
        fputs("\n", out);
        roff_text(out, status_kind_meaning(kind));
        fputs("\n", out);
        print_part(out, status_kind_part(kind), "");
    }
    fputs(".SH SEE ALSO\n.BR daild (1),\n.BR dail (1),\n.BR dail.yaml (5)\n", out);
}
