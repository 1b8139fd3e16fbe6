#!/bin/sh
# Each room may include only itself and the rooms before it in the Makefile's list, and the layers and the losses
# know nothing of MPI, of the data, or of each other. Then tests/readmes.sh.
cd "$(dirname "$0")/.." || exit 1
rooms=$(sed -n '/^ROOMS :=/,/[^\\]$/p' Makefile | tr -d '\\' | sed 's/^ROOMS :=//')
[ -n "$rooms" ] || { echo 'floors: no list of rooms in the Makefile' >&2; exit 1; }

unlisted=$(for folder in $(find proto shard worker daemon -name "*.[ch]" | xargs -n1 dirname | sort -u); do
    echo "$rooms" | tr -s ' ' '\n' | grep -qx "$folder" || echo "$folder"
done)
# shellcheck disable=SC2086
bad=$({
    [ -z "$unlisted" ] || echo "not in the list of rooms: $unlisted"
    for room in $rooms; do
        ls "$room"/*.[ch]
    done | xargs awk -v rooms="$rooms" '
        BEGIN { n = split(rooms, name, " "); for (i = 1; i <= n; i++) order[name[i]] = i }
        /^#include "/ {
            here = FILENAME; sub(/\/[^\/]*$/, "", here)
            there = $2; gsub(/"/, "", there)
            if (!sub(/\/[^\/]*$/, "", there)) next
            if (!(there in order)) print FILENAME ":" FNR ": no such room: " $0
            else if (order[there] > order[here]) print FILENAME ":" FNR ": " $0
        }'
    grep -nE 'mpi\.h|exchange_mpi' worker/nn/*.[ch] worker/nn/conv/*.[ch] worker/loss/*.[ch]
    grep -nE '#include "(worker/exchange|worker/loss|shard)/' worker/nn/*.[ch] worker/nn/conv/*.[ch]
    grep -nE '#include "(worker/nn|shard)/' worker/loss/*.[ch]
    for room in $rooms; do
        sources=$(ls "$room"/*.[ch] | wc -l)
        [ "$sources" -le 31 ] || echo "$room: $sources sources, and a room holds 31"
    done
} 2>&1)
[ -z "$bad" ] && exec tests/readmes.sh
printf 'a room reaches up, or is none:\n%s\n' "$bad" >&2
exit 1
