#!/bin/sh
# No two files need each other: headers do not include each other in a circle, and of the sources of the rooms as they
# are linked none needs what another defines that needs it in turn. Reads the objects of DAIL_BUILD (default build).
cd "$(dirname "$0")/.." || exit 1
build=${DAIL_BUILD:-build}
rooms=$(sed -n '/^ROOMS :=/,/[^\\]$/p' Makefile | tr -d '\\' | sed 's/^ROOMS :=//')
[ -n "$rooms" ] || { echo 'circles: no list of rooms in the Makefile' >&2; exit 1; }

# Pairs "needs needed" that are allowed to close a circle, with the reason.
# - The table of commands names the command that prints the table.
allowed='daemon/command/commands daemon/command/command_manual'

includes() {
    for room in $rooms; do
        ls "$room"/*.h 2>/dev/null
    done | xargs awk '/^#include "/ { there = $2; gsub(/"/, "", there); print FILENAME, there }'
}

# The objects of the sources that there are; a source for several instruction sets has several.
objects() {
    for room in $rooms; do
        ls "$room"/*.c
    done | while read -r source; do
        base=$build/obj/${source%.c}
        [ "$source" = "${source%.isa.c}" ] && echo "$base.o" || ls "${base%.isa}".*.o
    done
}

needs() {
    objects | xargs nm -A -P | awk -v allowed="$allowed" -v skip="$build/obj/" '
        {
            file = substr($1, length(skip) + 1)
            sub(/(\.[a-z0-9]+)?\.o:$/, "", file)
        }
        $3 ~ /^[TDBRC]$/ { defined[$2] = file }
        $3 == "U" { needed[file " " $2] }
        END {
            for (pair in needed) {
                split(pair, part, " ")
                there = defined[part[2]]
                if (there != "" && there != part[1] && part[1] " " there != allowed) print part[1], there
            }
        }'
}

[ -d "$build/obj" ] || { echo "circles: no objects in $build: make first" >&2; exit 1; }
bad=$({ includes | tsort >/dev/null; needs | tsort >/dev/null; } 2>&1)
[ -z "$bad" ] && exit 0
printf 'files that need each other:\n%s\n' "$bad" >&2
exit 1
