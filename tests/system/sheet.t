#!/bin/sh
# dail sheet draws some images of people who are named, or drawn by a seed.
. "$(dirname "$0")/lib.sh"

# Person p<n> has images of the grey 20 x n.
for n in 1 2 3 4 5 6 7 8 9; do
    mkdir -p "$work/faces/p$n"
    for i in 1 2 3; do
        { printf 'P6 32 32 255\n'; perl -e 'print chr(20 * $ARGV[0]) x 3072' $n; } >"$work/faces/p$n/$i.ppm"
    done
done
"$build/dail" pack "$work/faces" -o "$work" -n grey --size 32 --encoding png >"$work/out" 2>&1
exits "a dataset is packed" $? 0

# sheet NAME [OPTION or IDENTITY...]
sheet() {
    name=$1
    shift
    "$build/dail" sheet "$work/grey.yaml" -o "$work/$name.png" "$@" >"$work/out" 2>&1
}
sheet drawn --identities 4 --seed "$seed"
exits "people are drawn" $? 0
says "as many as are wanted" "drawn.png: 4 identities of grey"
sheet again --identities 4 --seed "$seed"
check "one seed draws the same" cmp "$work/drawn.png" "$work/again.png"
differs=0
for other in 1 2 3 4 5 6; do
    sheet other --identities 4 --seed $((seed + other))
    cmp -s "$work/drawn.png" "$work/other.png" || differs=1
done
is "others draw others" $differs 1
sheet all
says "no more than there are" "9 identities of grey"

sheet named p7 p2 --images 5
exits "people are named" $? 0
if $python -c 'import PIL' 2>/dev/null; then
    # Rows are of 112 pixels and a caption; three of the five places of each are taken.
    is "they are shown in that order, with the images that they have" "$($python -c "
from PIL import Image
sheet = Image.open('$work/named.png').convert('L')
rows = [sheet.height // 4 + 4, sheet.height * 3 // 4]
print([sheet.getpixel((68 + 56 + 112 * i, row)) for row in rows for i in range(5)])" 2>&1)" \
        "[140, 140, 140, 255, 255, 40, 40, 40, 255, 255]"
else
    skip "no PIL"
fi
# Of a grey image the recipes change the shape alone, but for AdaFace's light: with a crop on each, corners turn black.
printf 'data: {datasets: [%s], augment: {crop: 1, crop_area: 0.3}}\n' "$work/grey.yaml" >"$work/run.yaml"
sheet plain p5 --images 4 --augment none
exits "and how a training alters an image" $? 0
sheet altered p5 --images 4 --augment "$work/run.yaml"
exits "by a configuration" $? 0
if $python -c 'import PIL' 2>/dev/null; then
    for name in plain altered; do
        is "of each its first image, and that as epochs see it: $name" "$($python -c "
from PIL import Image
sheet = Image.open('$work/$name.png').convert('L')
columns = [sheet.crop((68 + 112 * i, 24, 68 + 112 * (i + 1), 24 + 90)).getcolors() for i in range(4)]
print([sorted(grey for _, grey in colours) for colours in columns])" 2>&1)" \
            "$([ $name = plain ] && echo '[[100], [100], [100], [100]]' || echo '[[100], [0, 100], [0, 100], [0, 100]]')"
    done
else
    skip "no PIL"
    skip "no PIL"
fi
sheet other p5 --augment ada
exits "a recipe that is not there is refused" $? 2
says "with those that are" "there is no preset 'ada'"
sheet nobody p77
exits "a name of nobody is refused" $? 3
says "with the nearest" "identity 'p77' is not in it; the nearest is 'p7'"
check "and nothing is written" test ! -e "$work/nobody.png"
exit_code "it must be said where it goes" 2 "$build/dail" sheet "$work/grey.yaml"
says "by which option" "add -o FILE.png"
finish
