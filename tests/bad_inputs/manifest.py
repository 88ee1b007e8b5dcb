"""Manifests (`.jsonl`) from a stranger, through `ser extract`."""

import json
from pathlib import Path

from bad_inputs.registry import bad_input
from recorded import record

ROW = {
    "key": "a", "dataset": "theirs", "wav": "000.wav", "speaker": "", "gender": "", "language": "", "emo": "sad",
    "raw_emo": "sad", "text": "", "session": "", "length": 0.1, "sample_rate": 16000, "channel": 1, "sha256": "",
}  # fmt: skip


def listed(name, says, data=None, size=0, /, **changes):
    """A manifest with one recording beside it, in which some values, or all its bytes, are others."""

    def make(folder: Path) -> list[str]:
        record(folder / "theirs", 1)
        (folder / "outside.wav").write_bytes((folder / "theirs/000.wav").read_bytes())
        row = {key: value for key, value in (ROW | changes).items() if value is not ...}
        path = folder / "theirs/list.jsonl"
        path.write_bytes(json.dumps(row).encode() + b"\n" if data is None else data)
        if size:
            with path.open("r+b") as file:
                file.truncate(size)
        return ["extract", "mfcc", "theirs/list.jsonl", "--out", "out.h5"]

    make.__module__ = __name__
    bad_input(f"manifest: {name}", says=says)(make)


INSIDE = "must be a path inside the folder of the recordings"
listed("a path out of its folder", INSIDE, wav="../outside.wav")
listed("a path out of its folder and back", INSIDE, wav="x/../../theirs/000.wav")
listed("an absolute path", INSIDE, wav="/etc/passwd")
listed("a path with a NUL", "holds a control character", wav="000\x00.wav")
listed("a key with an escape code", "holds a control character", key="\x1b[31mred")
listed("half a surrogate pair", "not a manifest row", key="\ud800")
listed("no path", "it has no 'wav'", wav=...)
listed("a path that is a number", "'wav' must be text", wav=7)
listed("a rate that is text", "'sample_rate' must be a whole number", sample_rate="16000")
listed("a length that is no number", "is nan", length=float("nan"))
listed("another key", "is not in theirs", wav="111.wav")
listed("a key twice", "stands twice", b'{"key": "a", "key": "b"}\n')
listed("a list", "it is no JSON object", b"[1, 2]\n")
listed("nested 100 000 deep", "not a manifest row", b"[" * 100_000 + b"\n")
listed("no text", "not UTF-8 text", bytes(range(128, 256)))
listed("nothing", "not a manifest row", b"")
listed("3 GiB of nothing", "has more than 256 MiB", b"{}\n", 3 << 30)
listed("a number of 100 000 digits", "not a manifest row", b'{"key": ' + b"9" * 100_000 + b"}\n")
