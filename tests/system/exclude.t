#!/bin/sh
# Lists that clean a dataset: by identity, by image and as a table for many datasets; and how many images an identity has.
. "$(dirname "$0")/lib.sh"

"$build/dail" synth -o "$work/made" --name drawn --datasets 1 --identities 4 --images 5 --size 32 --pairs 0 --seed "$seed" \
    >"$work/out" 2>&1
"$build/dail" unpack "$work/made/drawn0.yaml" -o "$work/drawn" >"$work/out" 2>&1
number=0
for person in "$work"/drawn/*; do
    number=$((number + 1))
    mkdir -p "$work/faces/p$number"
    image=0
    for file in "$person"/*; do
        image=$((image + 1))
        cp "$file" "$work/faces/p$number/$image.jpg"
        echo "p$number/$image.jpg p$number" >>"$work/list"
    done
done

# pack NAME [OPTION...]: of the folder; packed NAME: people and images
pack() {
    name=$1
    shift
    "$build/dail" pack -o "$work/data" -n "$name" --size 32 --left-out "$work/left" "$@" >"$work/out" 2>&1
}
packed() { sed -n 's/^\(classes\|images\): //p' "$work/data/$1.yaml" | tr '\n' ' '; }

printf 'p1/2.jpg\np1/2.jpg\r\n\np4\np4/1.jpg\n' >"$work/lines"
pack lines "$work/faces" --exclude "$work/lines"
exits "an identity and an image are excluded" $? 0
is "they alone" "$(packed lines)" "3 14 "
says "and counted" '^left out: 1 identity to be excluded; 1 image to be excluded$'
says "and listed" '^image	.*/p1/2.jpg	.*to be excluded' "$work/left"

printf 'dataset\tidentity\timage\treason\nother\tp3\t\tblurred\ntable\tp1\t2.jpg\tanother person\ntable\tp4\t\toverlap\n' >"$work/table"
pack table "$work/faces" --exclude "$work/table"
exits "a table for many datasets is taken" $? 0
is "by the rows of this one" "$(packed table)" "3 14 "
pack nobody "$work/faces" --exclude "$work/table"
exits "a table without a row of this dataset is refused" $? 3
says "with what to do" 'no row of the table is of dataset nobody.*--name'
pack slip "$work/faces" --exclude "$work/table" -n other
is "another dataset has its own rows" "$(packed other)" "3 15 "

printf 'p1/2.jpg\np1/9.jpg\n' >"$work/slip"
pack slip "$work/faces" --exclude "$work/slip"
exits "an image that is not there is refused" $? 3
says "by line" "image 'p1/9.jpg' is not in .*slip:2"
printf 'p9/2.jpg\n' >"$work/slip"
pack slip "$work/faces" --exclude "$work/slip"
exits "so is one of nobody" $? 3
printf 'p1\t2\t3\n' >"$work/slip"
pack slip "$work/faces" --exclude "$work/slip"
exits "a table without its header is no table" $? 3

pack listed --list "$work/list" --images "$work/faces" --exclude "$work/lines"
exits "images of a list are excluded by the name of their file" $? 0
is "likewise" "$(packed listed)" "3 14 "

pack capped "$work/faces" --max-images 3
is "the first images of an identity are taken" "$(packed capped)" "4 12 "
says "and the others counted" '^left out: 8 images more than an identity.s most'
printf 'p1/1.jpg\np1/2.jpg\np1/3.jpg\n' >"$work/three"
pack both "$work/faces" --exclude "$work/three" --min-images 3 --max-images 4
is "both count what is left" "$(packed both)" "3 12 "
pack listed-capped --list "$work/list" --images "$work/faces" --exclude "$work/three" --min-images 3 --max-images 4
is "also of a list" "$(packed listed-capped)" "3 12 "

if [ -d ../shared/formats ]; then
    pack records --rec ../shared/formats/faces_orl10 --max-images 4
    is "also of records" "$(packed records)" "10 40 "
    pack refused --rec ../shared/formats/faces_orl10 --exclude "$work/lines"
    exits "whose images have no names" $? 2
    says "which is told" "records have no names"
else
    skip "no ../shared/formats"
fi
finish
