#!/bin/sh
# Every room has a README.md that names each of its sources (`name.c`, or `name.[hc]` for both), and no document of the
# tree names a source, script or page that is not there.
cd "$(dirname "$0")/.." || exit 1
rooms=$(sed -n '/^ROOMS :=/,/[^\\]$/p' Makefile | tr -d '\\' | sed 's/^ROOMS :=//')
[ -n "$rooms" ] || { echo 'readmes: no list of rooms in the Makefile' >&2; exit 1; }

unnamed() {
    for room in $rooms; do
        [ -f "$room/README.md" ] || { echo "$room has no README.md"; continue; }
        for source in "$room"/*.[ch] "$room"/*.def "$room"/*.proto; do
            [ -f "$source" ] || continue
            name=${source##*/}
            grep -qF -e "\`$name\`" -e "\`${name%.[ch]}.[hc]\`" "$room/README.md" || echo "$room/README.md does not name $name"
        done
    done
}

# In a room's page `file` is one beside it, in any other page some file of the tree; with a folder it is a whole path.
missing() {
    files=$(git ls-files -co --exclude-standard)
    for document in $(echo "$files" | grep '\.md$'); do
        [ -f "$document" ] || continue
        folder=$(dirname "$document")
        echo " $(echo "$rooms" | tr -s ' \n' '  ') " | grep -qF " $folder " && anywhere=no || anywhere=yes
        for name in $(grep -oE '`[A-Za-z0-9_][A-Za-z0-9_/.-]*\.(c|h|\[hc\]|def|proto|py|sh|t)`' "$document" | tr -d '`' |
            sed -E 's/^(.*)\[hc\]$/\1h\n\1c/' | sort -u); do
            [ ! -f "$folder/$name" ] && [ ! -f "$name" ] || continue
            case $name in
            */*) ;;
            *) [ "$anywhere" = no ] || ! echo "$files" | grep -q "/$name\$" || continue ;;
            esac
            echo "$document names $name, which is not there"
        done
    done
}

bad=$(unnamed; missing)
[ -z "$bad" ] && exit 0
printf '%s\n' "$bad" >&2
exit 1
