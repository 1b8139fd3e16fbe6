#include "daemon/terminal/warning.h"

#include <stdio.h>

void warning_print(const char *text)
{
    if (text[0] != '\0') {
        fprintf(stderr, "dail: warning: %s\n", text);
    }
}

void warning_hear(void *context, const char *text)
{
    (void)context;
    warning_print(text);
}
