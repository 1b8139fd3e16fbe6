/* Questions about text. */
#ifndef DAIL_PROTO_TEXT_H
#define DAIL_PROTO_TEXT_H

#include <stdbool.h>

/* Whether `text` is `ending`, or has it at its end. */
bool text_ends_with(const char *text, const char *ending);

#endif
