/* JSON values of what JSON cannot always hold. */
#ifndef DAIL_PROTO_JSON_VALUE_H
#define DAIL_PROTO_JSON_VALUE_H

#include <jansson.h>

/* JSON has no infinity: a figure that is not finite becomes null. */
json_t *json_figure(double value);

/* JSON is UTF-8: in a text that is not, every byte beyond ASCII becomes a question mark. */
json_t *json_text(const char *string);

#endif
