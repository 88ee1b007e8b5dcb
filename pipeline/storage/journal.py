"""The journal of a long job: its finished pieces, kept beside the output until the whole is written.

`NAME.parts` has a folder for each plan, named by the plan's digest: `plan`, which says all that the pieces depend on,
and a safetensors file a piece, whose name carries the SHA-256 of its bytes. So a piece that a crash, a full disk or a
flipped bit has damaged is found and made again, and what a lost worker writes late never gets among the pieces of
another plan.
"""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from glob import escape
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors.numpy import load, save

from pipeline.atomic import atomic_path, renamed_path

Piece = Mapping[str, NDArray[Any]]
PLAN = "plan"
SUFFIX = ".safetensors"


def save_piece(folder: Path, number: int, arrays: Piece) -> None:
    """Keep one finished piece; it appears whole or not at all. Any process that sees the folder may call this."""
    data = save(dict(arrays))
    with renamed_path(folder / f"{number:06d}.{hashlib.sha256(data).hexdigest()}{SUFFIX}") as temporary:
        temporary.write_bytes(data)


def left_plan(out: Path) -> tuple[str, set[int]]:
    """The plan of an interrupted job, and the numbers of its finished pieces; "" and none when there is none."""
    plans: dict[str, set[int]] = {}
    for path in sorted(_root(out).glob(f"*/{PLAN}")):
        text = path.read_bytes()
        if path.parent.name == _name(text):
            plans[text.decode()] = {number for number, _ in _pieces(path.parent)}
    return max(plans.items(), key=lambda plan: len(plan[1]), default=("", set()))


class Journal:
    """The pieces of one plan.

    Args:
        out: the output the pieces belong to.
        plan: says all that the pieces depend on; another plan's pieces are removed.
        adopted: pieces of the plan that was left (its number -> the number here) that serve this one too.

    Attributes:
        folder: where the pieces are.
        resumed: numbers of the pieces that were there, whole, when the journal was opened.
    """

    def __init__(self, out: Path, plan: str, adopted: Mapping[int, int] | None = None) -> None:
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
            if hashlib.sha256(path.read_bytes()).hexdigest() != path.name.split(".")[1]:
                path.unlink()
        self._paths = dict(_pieces(self.folder))
        self.resumed = set(self._paths)

    def load(self, number: int) -> Piece:
        """A finished piece."""
        if number not in self._paths:
            self._paths = dict(_pieces(self.folder))
        return load(self._paths[number].read_bytes())

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._root, ignore_errors=True)


def _root(out: Path) -> Path:
    return out.with_name(out.name + ".parts")


def _name(plan: bytes) -> str:
    return hashlib.sha256(plan).hexdigest()[:32]


def _pieces(folder: Path) -> Iterator[tuple[int, Path]]:
    """Piece files by number; of one that was made twice, as its worker was thought lost, either will do."""
    yield from {int(path.name.split(".")[0]): path for path in sorted(folder.glob(f"[0-9]*{SUFFIX}"))}.items()
