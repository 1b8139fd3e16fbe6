#!/bin/sh
# What is installed: man pages that know every command, option and key, and a tarball that builds.
. "$(dirname "$0")/lib.sh"

page() { "$build/dail" manual "$1" >"$work/$1" 2>"$work/out"; }

# options_of COMMAND...: the long options that --help lists
options_of() { "$@" --help | sed -n 's/^  \(-., \|    \)\(--[a-z0-9-]*\).*/\2/p' | sort -u; }

# plain PAGE: its text without roff's own characters
plain() { sed 's/\\-/-/g; s/\\(aq/'"'"'/g; s/\\&//g' "$work/$1"; }

# man_has_options: dail.1 has each command with each of its options
man_has_options() {
    for command in $commands; do
        plain dail.1 | sed -n "/^\.SS $command\$/,/^\.S[SH] /p" >"$work/section"
        options_of "$build/dail" "$command" >"$work/options"
        [ -s "$work/options" ] || { echo "$command lists no option"; return 1; }
        while read -r option; do
            grep -q "^\.B \".*$option\( .*\)\?\"\$" "$work/section" || { echo "$command: no $option"; return 1; }
        done <"$work/options"
    done
}

# lint PAGE: no warning of mandoc or groff
lint() {
    if command -v mandoc >/dev/null; then
        mandoc -T lint -W warning "$work/$1" || return 1
    fi
    [ -z "$(groff -ww -man -Tutf8 "$work/$1" 2>&1 >/dev/null)" ]
}

commands=$("$build/dail" --help | sed -n 's/^  \([a-z]*\) .*/\1/p')
check "dail --help lists its commands" [ -n "$commands" ]
for name in dail.1 daild.1 dail.yaml.5 dail-status.5 dail.bash; do
    check "dail manual $name" page $name
done
"$build/dail" manual dail.2 >"$work/out" 2>&1
exits "a page that there is not" $? 2
if command -v mandoc >/dev/null || command -v groff >/dev/null; then
    for name in dail.1 daild.1 dail.yaml.5 dail-status.5; do
        check "$name is a man page without warnings" lint $name
    done
else
    skip "neither mandoc nor groff"
fi
check "dail.1 has every command with every option" man_has_options
"$build/daild" --print-config 2>/dev/null | sed -n 's/^ *\([a-z_]*\):.*/\1/p' | sort -u >"$work/keys"
check "dail.yaml.5 has every key" sh -c '
    [ -s "$0" ] || { echo "no keys"; exit 1; }
    while read -r key; do grep -q "^\.\(B\|SS\) \(.*\.\)\?$key\(\..*\)\?\$" "$1" || { echo "no $key"; exit 1; }; done <"$0"' \
    "$work/keys" "$work/dail.yaml.5"
root=$work/root
check "make install" make -s BUILD="$build" DESTDIR="$root" PREFIX=/usr install
check "puts all in place" sh -c 'cd "$0/usr" && ls bin/dail bin/daild share/man/man1/dail.1 share/man/man1/daild.1 \
    share/man/man5/dail.yaml.5 share/man/man5/dail-status.5 share/bash-completion/completions/dail share/bash-completion/completions/daild \
    share/doc/dail/README.md share/dail/etc/dail.yaml share/dail/slurm/dail.sh' "$root"
is "and nothing that is not listed" \
    "$(cd "$root/usr" && find . ! -type d | sed 's|^./||' | sort)" "$(sort "$root/usr/share/dail/installed")"
# dead_links: what a page in place links to and is not there
dead_links() {
    find "$root/usr/share/doc/dail" -name '*.md' | while read -r page; do
        grep -o '](\([^)#]*\)' "$page" | sed 's/^](//' | grep -v -e '^$' -e '^[a-z]*:' |
            while read -r link; do [ -e "$(dirname "$page")/$link" ] || echo "$page: $link"; done
    done
}
is "its pages link to what is there" "$(dead_links)" ""
is "the installed program runs" "$("$root/usr/bin/dail" --version)" "$("$build/dail" --version)"
check "nothing is for the owner alone" sh -c '[ -z "$(find "$0" ! -perm -444)" ]' "$root"
# The demo's beginning and end, on smaller data; the training itself is make demo's.
demo=$root/usr/share/dail/etc
sed -i 's/--identities [0-9]*/--identities 12/; s/--images [0-9]*/--images 12/; s/--pairs [0-9]*/--pairs 40/' "$demo/demo.synth"
(cd "$work" && DAIL_DEMO_LEAST=0 DAIL_DEMO_EPOCHS=1 timeout $((120 * slow)) "$demo/demo.sh") >"$work/out" 2>&1
exits "the installed demo runs from another folder" $? 0
check "and leaves what it makes there" sh -c 'ls "$0"/dail-demo/data/synth0.yaml "$0"/dail-demo/run/checkpoints/*/COMMIT' "$work"
touch "$root/usr/bin/other" "$demo/own.yaml"
check "make uninstall" make -s BUILD="$build" DESTDIR="$root" PREFIX=/usr uninstall
is "removes what was installed and nothing else" "$(cd "$root" && find . ! -type d | sort | paste -s -d ' ')" \
    "./usr/bin/other ./usr/share/dail/etc/own.yaml"
make -s BUILD="$build" DESTDIR="$root" PREFIX=/usr uninstall >"$work/out" 2>&1
exits "and a second time finds nothing" $? 2

if [ -n "$DAIL_SANITIZED" ] || ! git rev-parse HEAD >/dev/null 2>&1; then
    skip "the tarball is made of a git tree, and built once, without sanitizers"
    finish
    exit
fi
version=$("$build/dail" --version | cut -d ' ' -f 2)
check "make dist" make -s DIST="$work" dist
check "its tarball holds the sources below one folder" sh -c '
    cd "$0" && tar xzf "$0/dail-$1.tar.gz" && cd "dail-$1" && ls Makefile README.md daemon/dail.c etc/dail.yaml' \
    "$work" "$version"
check "and builds" make -s -C "$work/dail-$version" BUILD="$work/built" OPT=-O0 "$work/built/dail"
is "the same version" "$("$work/built/dail" --version)" "dail $version"
finish
