"""The journal of a long job: its finished pieces, kept beside the output until the whole is written.

The folder `NAME.parts` holds the plan's identity and one file a piece, whose name carries the SHA-256 of its bytes: a
piece that a crash, a full disk or a flipped bit has damaged is found, and made again.
"""

import hashlib
import io
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.atomic import atomic_path

Piece = Mapping[str, NDArray[Any]]


def save_piece(folder: Path, number: int, arrays: Piece) -> None:
    """Keep one finished piece; it appears whole or not at all. Any process that sees the folder may call this."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    data = buffer.getbuffer()
    with atomic_path(folder / f"{number:06d}.{hashlib.sha256(data).hexdigest()}.npz") as temporary:
        temporary.write_bytes(data)


class Journal:
    """The pieces of one plan.

    Args:
        out: the output the pieces belong to.
        plan: says all that the pieces depend on; another plan's pieces are removed.

    Attributes:
        folder: where the pieces are.
        resumed: numbers of the pieces that were there, whole, when the journal was opened.
    """

    def __init__(self, out: Path, plan: str) -> None:
        self.folder = out.with_name(out.name + ".parts")
        for left in [*out.parent.glob(f".{out.name}.*.tmp"), *self.folder.glob(".*.tmp")]:
            left.unlink()  # of a killed run
        identity = hashlib.sha256(plan.encode()).hexdigest()
        named = self.folder / "plan.sha256"
        if not named.is_file() or named.read_text(encoding="utf-8", errors="replace") != identity:
            self.remove()
            with atomic_path(named) as temporary:
                temporary.write_text(identity, encoding="utf-8")
        for _, path in self._files():
            if hashlib.sha256(path.read_bytes()).hexdigest() != path.name.split(".")[1]:
                path.unlink()
        self.resumed = {number for number, _ in self._files()}

    def _files(self) -> Iterator[tuple[int, Path]]:
        for path in sorted(self.folder.glob("[0-9]*.npz")):
            yield int(path.name.split(".")[0]), path

    def load_all(self) -> Iterator[tuple[int, Piece]]:
        """Every finished piece by number, one at a time."""
        for number, path in self._files():
            with np.load(path, allow_pickle=False) as piece:
                yield number, dict(piece)

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
