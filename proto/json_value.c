#include "proto/json_value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *json_figure(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *json_text(const char *string)
{
    json_t *json = json_string(string);
    if (json) {
        return json;
    }
    char *ascii = strdup(string);
    for (char *at = ascii; at && *at != '\0'; at++) {
        if ((unsigned char)*at >= 0x80) {
            *at = '?';
        }
    }
    json = json_string(ascii ? ascii : "");
    free(ascii);
    return json;
}
