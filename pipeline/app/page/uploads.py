"""Visitors' files, from their arrival to their answer."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from pipeline.errors import UserError

if TYPE_CHECKING:
    import gradio as gr

ABANDONED = 20.0
"""after which a file is deleted that nobody asked about (s): the page asks as soon as it has sent one"""
UNANSWERED = 300.0
"""after which one is deleted whose visitor asked and went away before it was its turn (s)"""
MOST = 4
"""of the largest files: what all that wait may hold together"""


class NoRoomError(Exception):
    """More bytes would wait for an answer than are let in."""


class Uploads:
    """The files that wait for an answer, each in a folder of its own, called by its path from the folder of all.

    Args:
        blocks: the page, which has sets of the files that it knows.
    """

    def __init__(self, blocks: "gr.Blocks") -> None:
        self._waiting, self._known = blocks.upload_file_set, blocks.temp_file_sets
        self._coming, self._asked = 0, set[str]()

    @property
    def folder(self) -> Path:
        """Of all files."""
        from gradio.utils import get_upload_folder

        return Path(get_upload_folder())

    def path(self, name: object) -> str | None:
        """Where the file is that a visitor sent and that was not answered; None if there is none of that name."""
        path = str(self.folder / name) if isinstance(name, str) else ""
        return path if path in self._waiting else None

    def add(self, path: Path) -> str:
        """Have a file wait, for as long as somebody may want an answer; its name."""
        self._waiting.add(str(path))
        asyncio.get_running_loop().call_later(ABANDONED, self._abandon, str(path))
        return path.relative_to(self.folder).as_posix()

    def ask(self, path: str) -> None:
        """Keep a file until it is its turn."""
        self._asked.add(path)

    def _abandon(self, path: str) -> None:
        if path in self._asked:
            self._asked.discard(path)
            asyncio.get_running_loop().call_later(UNANSWERED, self._forget, path)
        else:
            self._forget(path)

    def _forget(self, path: str) -> None:
        if path in self._waiting:
            for paths in self._known:
                paths.discard(path)
            rmtree(Path(path).parent, ignore_errors=True)

    @contextmanager
    def room(self, size: int, largest: int) -> Iterator[None]:
        """Hold room for a file that comes in the block.

        Args:
            size: of the file (bytes).
            largest: of any file (bytes).

        Raises:
            NoRoomError: there is none.
        """
        if self._bytes() + self._coming + size > MOST * largest:
            raise NoRoomError
        self._coming += size
        try:
            yield
        finally:
            self._coming -= size

    def _bytes(self) -> int:
        return sum(_size(Path(path)) for path in [*self._waiting])

    @contextmanager
    def taken(self, path: str) -> Iterator[Path]:
        """A file that waits, to be read in the block; afterwards it is gone, and so are its folder and its name.

        Raises:
            UserError: no such file waits.
        """
        if path not in self._waiting:
            raise UserError("The recording is no longer here; give it again")
        try:
            yield Path(path)
        finally:
            self._forget(path)


def _size(path: Path) -> int:
    """Of a file (bytes); 0 of one that was answered meanwhile."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
