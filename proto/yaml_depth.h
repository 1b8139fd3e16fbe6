/* A guard before libyaml, whose work grows with the square of how deep lists and mappings in brackets lie
 * within each other: a megabyte of "[" keeps it busy for many minutes, before it tells of any node. */
#ifndef DAIL_PROTO_YAML_DEPTH_H
#define DAIL_PROTO_YAML_DEPTH_H

#include <stdbool.h>
#include <stddef.h>

#define YAML_DEPTH_MAX 1000

/* What to say of a text that is refused. */
#define YAML_TOO_DEEP "brackets lie within each other more than 1000 deep"

/* Whether no more than YAML_DEPTH_MAX brackets are open at once. Brackets in texts and comments count too:
 * nothing of ours comes near the bound. */
bool yaml_depth_is_bounded(const char *text, size_t size);

#endif
