#include "proto/yaml_depth.h"

bool yaml_depth_is_bounded(const char *text, size_t size)
{
    size_t depth = 0;
    for (size_t i = 0; i < size && depth <= YAML_DEPTH_MAX; i++) {
        if (text[i] == '[' || text[i] == '{') {
            depth++;
        } else if ((text[i] == ']' || text[i] == '}') && depth > 0) {
            depth--;
        }
    }
    return depth <= YAML_DEPTH_MAX;
}
