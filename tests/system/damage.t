#!/bin/sh
# Damaged HDF5 files: HDF5 itself crashes over many of them and goes on without end over others, and dail does
# neither. Bytes are flipped, one at a time, in a shard that h5py wrote, one that it wrote in HDF5's newer form, and
# one of dail's own; dail info and dail verify must end with 0 or 3 each time, and say why (or with 2, where nothing
# is left in a file by which to verify it).
#
# DAIL_DAMAGE_EVERY=1 prove -v tests/system/damage.t flips every byte; without it a choice that takes seconds.
. "$(dirname "$0")/lib.sh"

# survives NAME FILE EVERY: flips every EVERYth byte of a file, but for those within long runs of zeros; counts what
# became of it
survives() {
    name=$1
    every=${DAIL_DAMAGE_EVERY:-$3}
    BUILD=$build WORK=$work SLOW=$slow perl -e '
        my ($file, $every) = @ARGV;
        open my $in, "<:raw", $file or die;
        my $bytes = do { local $/; <$in> };
        my $copy = "$ENV{WORK}/damaged.h5";
        my (%ends, $runs, $contained);
        for (my $at = 0; $at < length $bytes; $at += $every) {
            next if substr($bytes, $at, 64) !~ /[^\0]/;
            my $damaged = $bytes;
            substr($damaged, $at, 1) = chr(ord(substr $bytes, $at, 1) ^ ($at % 2 ? 255 : 1 << $at / 2 % 8));
            open my $out, ">:raw", $copy or die;
            print $out $damaged;
            close $out;
            for my $command ("info", "verify") {
                my $begin = time;
                my $said = qx(timeout -k 5 @{[60 * $ENV{SLOW}]} "$ENV{BUILD}/dail" $command "$copy" 2>&1 >/dev/null);
                my $end = $? & 127 ? "signal @{[$? & 127]}" : "exit @{[$? >> 8]}";
                my $is_fine = $end eq "exit 0" || ($end eq "exit 3" && $said =~ /^dail: .*\Q$copy\E/) ||
                    ($end eq "exit 2" && $said =~ /^dail: this kind of file records nothing/);
                print "byte $at, dail $command: $end: $said\n" unless $is_fine;
                $ends{$is_fine ? $end : "$end, which must not be"}++;
                $runs++;
                $contained++ if $said =~ /structures are damaged/;
                $crashed++ if $said =~ /HDF5 crashed/;
                $stopped++ if $said =~ /still at them/;
            }
        }
        unlink $copy;
        printf "%d runs: %s; contained: %d crashes of HDF5, %d without end, %d in all\n", $runs,
            join(", ", map { "$ends{$_} $_" } sort keys %ends), $crashed, $stopped, $contained;
        exit($runs == 0 || grep { /must not be/ } keys %ends)' "$2" "$every" >"$work/said" 2>&1
    verdict "$name"
    tail -n 1 "$work/said" | sed 's/^/# /'
}

"$build/dail" synth -o "$work/data" --datasets 1 --identities 2 --images 2 --size 16 --pairs 0 --name tiny \
    >"$work/out" 2>&1
survives "a shard of dail's own" "$work/data/tiny0-00000.h5" 97

# What fails to look into a file says nothing of the file.
loader=$(awk '$6 ~ /\/ld[^\/]*\.so/ { print $6; exit }' /proc/self/maps)
exit_code "a program that its loader was called with cannot start another" 1 "$loader" "$build/dail" info \
    "$work/data/tiny0-00000.h5"
says "which it says" "^dail: .*did not begin as this program's .*: /proc/self/exe must be it"
is "and blames no file" "$(grep -c 'restore the file' "$work/out")" 0

if "$python" -c 'import h5py' 2>/dev/null; then
    check "h5py writes shards" "$python" - "$work" <<'END'
import sys
import h5py

work = sys.argv[1]
with h5py.File(f"{work}/data/tiny0-00000.h5", "r") as shard:
    arrays = {name: shard[name][...] for name in ("image", "offset", "label", "crc")}
    attributes = dict(shard.attrs)
for name, form in (("earliest", "earliest"), ("latest", "latest")):
    with h5py.File(f"{work}/{name}.h5", "w", libver=form) as shard:
        shard["image"] = arrays["image"]
        shard.create_dataset("offset", data=arrays["offset"], compression="gzip", chunks=(2,))
        shard.create_dataset("label", data=arrays["label"], chunks=(2,), maxshape=(None,))
        shard.create_dataset("crc", data=arrays["crc"], shuffle=True, fletcher32=True)
        for key, value in attributes.items():
            shard.attrs[key] = value.decode() if isinstance(value, bytes) else value
END
    check "dail verify finds them sound" "$build/dail" verify "$work/earliest.h5"
    check "dail verify finds the newer form sound" "$build/dail" verify "$work/latest.h5"
    survives "a shard of h5py's" "$work/earliest.h5" 191
    survives "a shard of h5py's in HDF5's newer form" "$work/latest.h5" 191
else
    skip "a shard of h5py's: $python has no h5py"
fi
finish
