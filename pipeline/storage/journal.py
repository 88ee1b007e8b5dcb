"""The journal of a long job: its finished pieces, kept beside the output until the whole is written.

`NAME.parts` has a folder for each plan, named by the plan's digest: `plan`, which says all that the pieces depend on,
and a safetensors file a piece, whose name carries the SHA-256 of its bytes. So a piece that a crash, a full disk or a
flipped bit has damaged is found and made again, and what a lost worker writes late never gets among the pieces of
another plan.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from glob import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.atomic import atomic_path, renamed_path
from pipeline.errors import UserError
from pipeline.storage.mapped import blocks, is_large

Piece = Mapping[str, NDArray[Any]]
PLAN = "plan"
SUFFIX = ".safetensors"

Buffer = bytes | memoryview

DTYPES = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "int16": "I16",
    "int32": "I32",
    "int64": "I64",
    "float16": "F16",
    "float32": "F32",
    "float64": "F64",
}
"""numpy's names -> those of safetensors"""

MAPPED = 1 << 24
"""bytes of an array above which it is not read before it is used"""


def save_piece(folder: Path, number: int, arrays: Piece) -> None:
    """Keep one finished piece; it appears whole or not at all. Any process that sees the folder may call this."""
    state = hashlib.sha256()
    for part in _serialised(arrays):
        state.update(part)
    with (
        renamed_path(folder / f"{number:06d}.{state.hexdigest()}{SUFFIX}") as temporary,
        temporary.open("wb") as file,
    ):
        file.writelines(_serialised(arrays))


def _serialised(arrays: Piece) -> Iterator[Buffer]:
    """Arrays in the format of safetensors, whose own functions would copy all of them, and hold the copies at once."""
    entries, end = {}, 0
    for name, values in sorted(arrays.items()):
        shape, start, end = list(values.shape), end, end + values.nbytes
        entries[name] = {"dtype": DTYPES[values.dtype.name], "shape": shape, "data_offsets": [start, end]}
    header = json.dumps(entries, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    yield len(header).to_bytes(8, "little") + header
    for _, values in sorted(arrays.items()):
        for block in blocks(values) if is_large(values) else [values]:
            yield np.ascontiguousarray(block).reshape(-1).view(np.uint8).data


def _load(path: Path) -> Piece:
    """The arrays of a piece; large ones stay in the file until they are used."""
    with path.open("rb") as file:
        start = 8 + int.from_bytes(file.read(8), "little")
        entries = json.loads(file.read(start - 8))
    names = {name: dtype for dtype, name in DTYPES.items()}
    arrays = {}
    for name, entry in entries.items():
        dtype, shape, (first, stop) = np.dtype(names[entry["dtype"]]), tuple(entry["shape"]), entry["data_offsets"]
        if first == stop:
            arrays[name] = np.zeros(shape, dtype)
            continue
        mapped = np.memmap(path, dtype, "r", start + first, shape)
        arrays[name] = mapped if stop - first > MAPPED else np.array(mapped)
    return arrays


def left_plan(out: Path) -> tuple[str, set[int]]:
    """The plan of an interrupted job, and the numbers of its finished pieces; "" and none when there is none."""
    plans: dict[str, set[int]] = {}
    for path in sorted(_root(out).glob(f"*/{PLAN}")):
        text = path.read_bytes()
        if path.parent.name == _name(text):
            plans[text.decode()] = {number for number, _ in _pieces(path.parent)}
    return max(plans.items(), key=lambda plan: len(plan[1]), default=("", set()))


def check_journal(out: Path) -> None:
    """Refuse a folder for the pieces that is somebody else's, as all in it would be removed.

    Raises:
        UserError: it is no folder, a link, or has something in it that no journal has.
    """
    root = _root(out)
    if root.is_symlink() or (root.exists() and not root.is_dir()) or not all(map(_is_own, root.rglob("*"))):
        raise UserError(f"{root}: where pieces wait, is no folder of this program; give another output, or delete it")


def _is_own(path: Path) -> bool:
    """Whether what is in a journal's folder is of a journal, or what systems leave in any folder."""
    return not path.is_symlink() and (
        path.is_dir() or path.name.startswith(".") or path.suffix == SUFFIX or path.name == PLAN
    )


class Journal:
    """The pieces of one plan.

    Args:
        out: the output the pieces belong to.
        plan: says all that the pieces depend on; another plan's pieces are removed.
        adopted: pieces of the plan that was left (its number -> the number here) that serve this one too.

    Attributes:
        folder: where the pieces are.
        resumed: numbers of the pieces that were there, whole, when the journal was opened.

    Raises:
        UserError: its folder is somebody else's.
    """

    def __init__(self, out: Path, plan: str, adopted: Mapping[int, int] | None = None) -> None:
        check_journal(out)
        self._root = _root(out)
        self.folder = self._root / _name(plan.encode())
        for left in [*out.parent.glob(f".{escape(out.name)}.*.tmp"), *self.folder.glob(".*.tmp")]:
            left.unlink()  # of a killed run
        source = self._root / _name(left_plan(out)[0].encode())
        if not (self.folder / PLAN).is_file():
            shutil.rmtree(self.folder, ignore_errors=True)
            with atomic_path(self.folder / PLAN) as temporary:
                temporary.write_bytes(plan.encode())
        for number, path in _pieces(source) if source != self.folder else ():
            if adopted and number in adopted:
                path.rename(self.folder / f"{adopted[number]:06d}.{path.name.split('.', 1)[1]}")
        for other in self._root.iterdir():
            if other != self.folder:
                shutil.rmtree(other) if other.is_dir() else other.unlink()
        for _, path in _pieces(self.folder):
            if _digest(path) != path.name.split(".")[1]:
                path.unlink()
        self._paths = dict(_pieces(self.folder))
        self.resumed = set(self._paths)

    def load(self, number: int) -> Piece:
        """A finished piece."""
        if number not in self._paths:
            self._paths = dict(_pieces(self.folder))
        return _load(self._paths[number])

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._root, ignore_errors=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _root(out: Path) -> Path:
    return out.with_name(out.name + ".parts")


def _name(plan: bytes) -> str:
    return hashlib.sha256(plan).hexdigest()[:32]


def _pieces(folder: Path) -> Iterator[tuple[int, Path]]:
    """Piece files by number; of one that was made twice, as its worker was thought lost, either will do."""
    yield from {int(path.name.split(".")[0]): path for path in sorted(folder.glob(f"[0-9]*{SUFFIX}"))}.items()
