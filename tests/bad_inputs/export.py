"""Exports from a stranger, as folders and as .zip, through `ser predict`; and places that no export can be put to."""

import json
import stat
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from bad_inputs import model_folder
from bad_inputs.registry import bad_input


def write(folder, **changes):
    """An export with nothing wrong but the changes, and a recording; the arguments of a prediction."""
    arguments = model_folder.write(folder)
    known = {**model_folder.export_card(folder / "model"), **changes}
    (folder / "model/model.json").write_text(json.dumps(known))
    return arguments


def packed(folder, *members, **changes):
    """The same as a .zip, with members besides."""
    write(folder, **changes)
    with ZipFile(folder / "model.zip", "w", ZIP_DEFLATED) as archive:
        for file in sorted((folder / "model").iterdir()):
            archive.write(file, file.name)
        for member, data in members:
            archive.writestr(member, data)
    return ["predict", "model.zip", "a.wav"]


def link(name):
    member = ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


@bad_input("export: another schema", says="model/model.json: is no card of trained models (format: ")
def another_schema(folder: Path) -> list[str]:
    return write(folder, format="ser-export/2")


@bad_input("export: a key that is unknown", says="is no card of trained models (script: unknown key")
def unknown_key(folder: Path) -> list[str]:
    return write(folder, script="import os")


@bad_input("export: the digest of another card", says="model/card.json: is not the card that model.json was written")
def another_digest(folder: Path) -> list[str]:
    return write(folder, cards={"card.json": "0" * 64})


@bad_input("export: a card outside the folder", says="is no card of trained models (cards")
def card_outside(folder: Path) -> list[str]:
    return write(folder, cards={"../../card.json": "0" * 64})


@bad_input("export: of other classes than its models", says="model/model.json: is of other models than card.json")
def other_classes(folder: Path) -> list[str]:
    return write(folder, classes=["happy", "sad"])


@bad_input("export: an interval without its score", says="is no card of trained models (the interval of UA does not")
def wrong_interval(folder: Path) -> list[str]:
    return write(folder, scores={"UA": {"value": 0.9, "low": 0.4, "high": 0.6}})


@bad_input("export: a .zip with a path out of it", says="model.zip: holds '../../card.json', which no export does")
def path_out(folder: Path) -> list[str]:
    return packed(folder, ("../../card.json", "x"))


@bad_input("export: a .zip with a link", says="model.zip: holds 'fold_07.safetensors', which no export does")
def zip_link(folder: Path) -> list[str]:
    return packed(folder, (link("fold_07.safetensors"), "/etc/passwd"))


@bad_input("export: a .zip with a pickle", says="model.zip: holds 'model.pkl', which no export does; do not use it")
def pickle(folder: Path) -> list[str]:
    return packed(folder, ("model.pkl", "cos\nsystem\n"))


@bad_input("export: a .zip that is a bomb", says="fold_09.safetensors says 200000000 bytes, too many; do not use it")
def bomb(folder: Path) -> list[str]:
    return packed(folder, ("fold_09.safetensors", bytes(200_000_000)))


@bad_input("export: a .zip that is cut short", says="model.zip: cannot be read as a .zip")
def cut(folder: Path) -> list[str]:
    arguments = packed(folder)
    path = folder / "model.zip"
    path.write_bytes(path.read_bytes()[:-100])
    return arguments


@bad_input("export: a .zip of another digest", says="model.zip/card.json: is not the card that model.json was written")
def zip_digest(folder: Path) -> list[str]:
    return packed(folder, cards={"card.json": "0" * 64})


@bad_input("export: a .zip that is not there", says="model.zip: there is no such export; exports here: none", code=2)
def nothing(folder: Path) -> list[str]:
    return [model_folder.write(folder)[0], "model.zip", "a.wav"]


@bad_input("export: without a project", says="params.yaml: not found; run the command in the project's folder", code=2)
def no_project(folder: Path) -> list[str]:
    return ["export", "mine"]


@bad_input("embed: a file that is no recording", says="a.txt: not a recording")
def embed_text(folder: Path) -> list[str]:
    (folder / "a.txt").write_text("text")
    return ["embed", *write(folder)[1:2], "a.txt", "--to", "v.csv"]


@bad_input("embed: a name without a format", says="--to v.mat: should end with .h5, .csv, .npy", code=2)
def embed_format(folder: Path) -> list[str]:
    return ["embed", *write(folder)[1:], "--to", "v.mat"]


@bad_input(
    "windows: a hop without a window", says="--hop 1.0: is the step from window to window; give --window", code=2
)
def hop_alone(folder: Path) -> list[str]:
    return [*write(folder), "--hop", "1"]


@bad_input("windows: longer than ten minutes", says="window: 601.0 s is not between 0.1 and 600", code=2)
def long_window(folder: Path) -> list[str]:
    return [*write(folder), "--window", "601"]


@bad_input("standard input: nothing comes", says="standard input: nothing came; pipe a recording in")
def empty_input(folder: Path) -> list[str]:
    return [*write(folder)[:2], "-"]


@bad_input(
    "export: a folder of trained models that is none", says="m: is trained models, and no export (it has no model"
)
def trained_models(folder: Path) -> list[str]:
    arguments = write(folder)
    (folder / "model").rename(folder / "m")
    (folder / "m/model.json").unlink()
    return [arguments[0], "m", *arguments[2:]]


@bad_input("export: a folder of something else", says=".: is something else, and no export (it has no model.json)")
def something_else(folder: Path) -> list[str]:
    return ["predict", ".", *write(folder)[2:]]


@bad_input(
    "export: an experiment of the project", says="mine: is an experiment of this project; export it first", code=2
)
def own_experiment(folder: Path) -> list[str]:
    arguments = write(folder)
    (folder / "data/models").mkdir(parents=True)
    (folder / "model").rename(folder / "data/models/mine")
    return [arguments[0], "mine", *arguments[2:]]


@bad_input("export: cards that model.json does not have", says="model/model.json: is of other models than card.json")
def cards_besides(folder: Path) -> list[str]:
    from bad_inputs import fusion_folder

    arguments = fusion_folder.fusion(folder)
    path = folder / "fusion/model.json"
    known = json.loads(path.read_text())
    known["cards"].pop("branches/one/card.json")
    path.write_text(json.dumps(known))
    (folder / "model").rename(folder / "other")
    (folder / "fusion").rename(folder / "model")
    return [arguments[0], "model", *arguments[2:]]


def to(folder: Path, place: str) -> list[str]:
    """The arguments of an export to a place, in a project with nothing in it."""
    (folder / "params.yaml").write_text("seed: 0\ncorpora: {}\nexperiments: {}\n")
    return ["export", "mine", "--to", place]


@bad_input("export: over a .zip of something else", says="--to other.zip: is a file that holds something else than")
def over_another_zip(folder: Path) -> list[str]:
    with ZipFile(folder / "other.zip", "w") as archive:
        archive.writestr("notes.txt", "dear diary")
    return to(folder, "other.zip")


@bad_input("export: to /dev/null", says="--to /dev/null: is a file that holds something else than an export")
def to_device(folder: Path) -> list[str]:
    return to(folder, "/dev/null")


@bad_input("export: to a .tar.gz", says="--to a.tar.gz: exports are folders or .zip files, not .tar.gz", code=2)
def to_tar(folder: Path) -> list[str]:
    return to(folder, "a.tar.gz")


@bad_input("export: to nothing", says="names nothing to make; give a folder, as exports/mine, or FILE.zip", code=2)
def to_nothing(folder: Path) -> list[str]:
    return to(folder, "")
