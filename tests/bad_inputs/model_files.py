"""Folders of trained models whose files are no files of this program, through `ser predict`."""

import json
import os

from bad_inputs.model_folder import NO_CARD, NO_MODEL, replaced, sign, write
from bad_inputs.registry import bad_input


def shared(folder):
    os.unlink(folder / "card.json")  # noqa: PTH108 (as below)
    os.mkfifo(folder / "card.json")


def headed(header):
    """A safetensors file of this header."""

    def change(folder):
        data = header if isinstance(header, bytes) else json.dumps(header).encode()
        (folder / "fold_00.safetensors").write_bytes(len(data).to_bytes(8, "little") + data)
        sign(folder)

    return change


replaced("a card that is a fifo", "model/card.json: is missing, or no card", shared)
replaced(
    "a card of 100 MB",
    "model/card.json: is missing, or no card",
    lambda f: (f / "card.json").write_bytes(b" " * 100_000_000),
)
replaced("a card nested 100 000 deep", NO_CARD, lambda f: (f / "card.json").write_text("[" * 100_000))
replaced("a card that is no JSON", NO_CARD, lambda f: (f / "card.json").write_text("{"))
replaced("a card that is not UTF-8", NO_CARD, lambda f: (f / "card.json").write_bytes(b'{"\xff": 1}'))
replaced("a card that is a list", NO_CARD, lambda f: (f / "card.json").write_text("[]"))
replaced("a fold's file that is missing", "is missing", lambda f: (f / "fold_01.safetensors").unlink())
replaced("a fold's file that is empty", NO_MODEL, lambda f: ((f / "fold_00.safetensors").write_bytes(b""), sign(f)))
replaced(
    "a header of 10^18 bytes",
    NO_MODEL,
    lambda f: ((f / "fold_00.safetensors").write_bytes(b"\0" * 7 + b"\x0d"), sign(f)),
)
replaced("a header that is no JSON", NO_MODEL, headed(b"{" * 100))
huge = {"bias": {"dtype": "F64", "shape": [1 << 50], "data_offsets": [0, 1 << 53]}}
replaced("an array of 2^53 bytes that are not there", NO_MODEL, headed(huge))
low = {"bias": {"dtype": "BF16", "shape": [0], "data_offsets": [0, 0]}}
replaced("an array in bfloat16", NO_MODEL, headed(low))


def pickled(folder):
    (folder / "fold_00.safetensors").write_bytes(b"cos\nsystem\n(S'touch owned'\ntR.")
    sign(folder)


replaced("a pickle in the place of a fold's file", NO_MODEL, pickled)


def text_of(folder, change):
    path = folder / "card.json"
    path.write_text(change(path.read_text()))


def holes(size):
    return lambda folder: os.truncate(folder / "fold_00.safetensors", size)


replaced("a key twice", "'name' stands twice", lambda f: text_of(f, lambda text: text[:-1] + ', "name": "other"}'))
replaced(
    "a key twice, deep in the card",
    "'parameters' stands twice",
    lambda f: text_of(f, lambda text: text.replace('"parameters": 9', '"parameters": 9, "parameters": 8')),
)
replaced("a fold's file of 3 GiB, of which nothing is on the disk", "are on the disk", holes(3 << 30))
replaced("a fold's file of 8 TB, of which nothing is on the disk", "are the most", holes(1 << 43))
replaced("a fold's file of 200 MB, of which nothing is on the disk", "its digest is another", holes(200 << 20))


def moved(name):
    """A link to what lies beside the folder."""

    def change(folder):
        (folder / name).rename(folder.parent / "outside")
        (folder / name).symlink_to("../outside")

    return change


replaced("a card that is a link out of the folder", "is a link out of the folder", moved("card.json"))
replaced("a fold's file that is a link out of the folder", "is a link out of the folder", moved("fold_00.safetensors"))
replaced("a card that is a link to /etc/passwd", "is a link out of the folder", lambda f: linked(f, "/etc/passwd"))


def linked(folder, place):
    (folder / "card.json").unlink()
    (folder / "card.json").symlink_to(place)


def of_itself(folder):
    known = {"format": "ser-fusion/2", "params": {"of": ["a", "../.."]}}
    (folder / "card.json").write_text(json.dumps(json.loads((folder / "card.json").read_text()) | known))


replaced("a fusion of a path outside", NO_CARD, of_itself)


@bad_input("model folder: a place of a self-supervised model for models that take none", says="leave it out", code=2)
def no_backbone(folder):
    return [*write(folder), "--ssl-model", "model"]
