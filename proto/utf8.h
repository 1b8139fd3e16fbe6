/* Text from files, which may be anything, as characters that can be shown.
 */
#ifndef DAIL_PROTO_UTF8_H
#define DAIL_PROTO_UTF8_H

#include <stddef.h>

/* Bytes of the character at `text`; 0 if it is no printable UTF-8 character. */
size_t utf8_character(const char *text);

#endif
