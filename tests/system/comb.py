"""Miniatures of the paper's ten datasets and three verification sets, each laid out as its users hold it.

    comb.py FACES FOLDER    FACES/<person>/<image> of drawn faces, 96 x 96: 40 people and more, four images each
"""
import pathlib
import pickle
import shutil
import struct
import sys

sys.path.insert(0, "tests/oracle")
import recordio

SIDE = 96
POINTS = [(0.34, 0.46), (0.66, 0.46), (0.50, 0.64), (0.37, 0.82), (0.63, 0.82)]
EACH = 4  # people a set
IMAGES = 4  # a person


def pixels(image):
    """Its five points, each image's a little elsewhere."""
    shift = sum(map(ord, str(image))) % 5 - 2
    return [(round(x * SIDE) + shift, round(y * SIDE)) for x, y in POINTS]


def photographs(people, folder, person_name, image_name):
    """A folder of people; returns (path below it, person) of each image."""
    placed = []
    for p, images in enumerate(people):
        for i, image in enumerate(images):
            path = pathlib.Path(person_name(p), image_name(p, i))
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(image, folder / path)
            placed.append((path, p))
    return placed


def table(path, header, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n")


def record_set(people, folder):
    """As InsightFace writes one: record 0 tells where the identities' records are."""
    folder.mkdir(parents=True)
    images = [(p, image.read_bytes()) for p, images in enumerate(people) for image in images]
    with open(folder / "train.rec", "wb") as record, open(folder / "train.idx", "w") as index:
        def write(key, data):
            index.write(f"{key}\t{record.tell()}\n")
            record.write(recordio.encode(data))

        first = len(images) + 1
        write(0, struct.pack("<IfQQff", 2, 0, 0, 0, first, first + len(people)))
        for key, (person, image) in enumerate(images, 1):
            write(key, recordio.image_record(key, person, image))
        for p in range(len(people)):
            write(first + p, struct.pack("<IfQQff", 2, 0, p, 0, p * IMAGES + 1, (p + 1) * IMAGES + 1))
    (folder / "property").write_text(f"{len(people)},112,112")


def detector_table(path, placed):
    table(path, "file,left_eye_x,left_eye_y,right_eye_x,right_eye_y,nose_x,nose_y,mouth_left_x,mouth_left_y,"
          "mouth_right_x,mouth_right_y",
          [f"{name}," + ",".join(f"{v}" for point in pixels(name) for v in point) for name, _ in placed])


def celeba(people, folder):
    """One flat folder, a list of who is who, and the landmarks."""
    (folder / "img_celeba").mkdir(parents=True)
    numbered = [(p, image) for p, images in enumerate(people) for image in images]
    listed, faces = [], []
    for number, (p, image) in enumerate(numbered, 1):
        name = f"{number:06}.jpg"
        shutil.copy(image, folder / "img_celeba" / name)
        listed.append(f"{name} {2880 + 13 * p}")
        faces.append(f"{name} " + " ".join(f"{v:4}" for point in pixels(name) for v in point))
    table(folder / "identity_CelebA.txt", listed[0], listed[1:])
    table(folder / "list_landmarks_celeba.txt", f"{len(faces)}",
          ["lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y",
           *faces])


def vggface2(people, folder):
    placed = photographs(people, folder / "train", lambda p: f"n{p + 2:06}", lambda p, i: f"{i + 1:04}_01.jpg")
    table(folder / "bb_landmark/loose_landmark_train.csv",
          "NAME_ID," + ",".join(f"P{k}X,P{k}Y" for k in range(1, 6)),
          [f'"{path.with_suffix("")}",' + ",".join(f"{v}.5" for point in pixels(path) for v in point)
           for path, _ in placed])


def umdfaces(people, folder):
    """21 points of each face, of which five are InsightFace's, in a CSV of the batch."""
    names = ["aaron_hughes", "abby_elliott", "adam_brody", "zoe_ball"]
    placed = photographs(people, folder, lambda p: names[p], lambda p, i: f"{names[p]}_{i + 1:04}.jpg")
    of_five = {8: 0, 11: 1, 15: 2, 18: 3, 20: 4}
    header = ["SUBJECT_ID", "FILE", "FACE_X", "FACE_Y", "FACE_WIDTH", "FACE_HEIGHT"]
    header += [f"{what}{k}{axis}" for k in range(1, 22) for what, axis in (("P", "X"), ("P", "Y"), ("VIS", ""))]
    rows = []
    for path, p in placed:
        row = [f"{p}", f"{path}", "10", "10", f"{SIDE - 20}", f"{SIDE - 20}"]
        for k in range(1, 22):
            x, y = pixels(path)[of_five[k]] if k in of_five else (1, 1)
            row += [f"{x}", f"{y}", "1"]
        rows.append(",".join(row))
    table(folder / "umdfaces_batch1_ultraface.csv", ",".join(header), rows)


def lfw(people, folder):
    """The tree, and pairs.txt of ten folds, here of two pairs each."""
    name = lambda p: f"Name_{chr(65 + p)}"
    placed = photographs(people, folder / "lfw", name, lambda p, i: f"{name(p)}_{i + 1:04}.jpg")
    lines = []
    for fold in range(10):
        p, q = fold % len(people), (fold + 1) % len(people)
        i = fold // len(people)
        lines += [f"{name(p)}\t{i + 1}\t{i + 2}", f"{name(p)}\t{i + 1}\t{name(q)}\t{i + 2}"]
    table(folder / "pairs.txt", "10\t1", lines)
    detector_table(folder / "faces.csv", placed)


def verification_pickle(people, path):
    """As InsightFace's scripts write one: the images of each pair, and whether they are of one person."""
    images, same = [], []
    for pair in range(20):
        p = pair % len(people)
        other = p if pair % 2 == 0 else (p + 1) % len(people)
        images += [people[p][0].read_bytes(), people[other][1 + pair % 3].read_bytes()]
        same.append(other == p)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps((images, same), protocol=4))


def main(faces, folder):
    everybody = [sorted(person.iterdir())[:IMAGES] for person in sorted(faces.iterdir())]
    people = [everybody[at:at + EACH] for at in range(0, len(everybody), EACH)]
    for number, name in enumerate(("faces_glintasia", "faces_webface_112x112", "faces_glint", "faces_emore")):
        record_set(people[number], folder / name)
    stars = photographs(people[4], folder / "14-celebrity/train",
                        lambda p: ["anne_hathaway", "arnold_schwarzenegger", "ben_afflek", "will_smith"][p],
                        lambda p, i: f"httpimg.example{p}x{i}.jpg")
    detector_table(folder / "14-celebrity.csv", stars)
    photographs(people[4], folder / "14-celebrity/val", lambda p: f"seen_{p}", lambda p, i: f"{i}.jpg")
    pins = photographs(people[5], folder / "105_classes_pins_dataset",
                       lambda p: ["pins_Adriana Lima", "pins_Alex Lawther", "pins_alycia dabnem carey", "pins_Zendaya"][p],
                       lambda p, i: f"Some Body{p}_{i}.jpg")
    detector_table(folder / "pins.csv", pins)
    stars = photographs(people[6], folder / "200-celeb", lambda p: f"Star {p}", lambda p, i: f"{i}.jpg")
    detector_table(folder / "200-celeb.csv", stars)
    celeba(people[7], folder / "celeba")
    vggface2(people[8], folder / "vggface2")
    umdfaces(people[9], folder / "umdfaces_batch1")
    lfw(people[0], folder)
    verification_pickle(people[1], folder / "faces_emore/cfp_fp.bin")
    verification_pickle(people[2], folder / "faces_emore/agedb_30.bin")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
