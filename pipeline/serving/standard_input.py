"""A recording on standard input, which `-` stands for among inputs."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.errors import UserError

MARK = Path("-")
NAME, KEY = "standard input", "stdin"
"""in messages, and of the recording"""
MOST = 1 << 32
"""bytes: what a WAV file can hold"""
PIECE = 1 << 20


@contextmanager
def with_standard_input(inputs: Sequence[Path]) -> Iterator[list[Path]]:
    """The inputs, with a temporary file of what comes on standard input in the place of `-`, until the block ends.

    The file is empty where nothing comes, and there are other inputs, which may be asked about without it.

    Raises:
        UserError: nothing comes, or too much; or a file beside it has the name that it gets.
    """
    if MARK not in inputs:
        yield list(inputs)
        return
    for given in inputs:
        if given.stem == KEY:
            raise UserError(f"{given}: {KEY!r} is what {NAME} is called; ask about it by itself")
    with TemporaryDirectory(prefix="ser-input-") as folder:
        path = Path(folder) / f"{KEY}.wav"
        _save(path, alone=len(inputs) == 1)
        try:
            yield [path if given == MARK else given for given in inputs]
        except UserError as error:
            if str(path) not in str(error):
                raise
            raise UserError(str(error).replace(str(path), NAME)) from error


def by_name(text: str, inputs: Sequence[Path], files: Sequence[Path]) -> str:
    """A message with the name of standard input for that of its file; `files` are what `inputs` became."""
    for given, file in zip(inputs, files, strict=True):
        text = text.replace(str(file), NAME) if given == MARK else text
    return text


def _save(path: Path, alone: bool) -> None:
    if sys.stdin.isatty():
        raise UserError(f"{NAME}: is a terminal; pipe a recording in, as `sox talk.mp3 -t wav - | ser predict MODEL -`")
    left = MOST
    with path.open("wb") as file:
        while left > 0 and (piece := sys.stdin.buffer.read(min(PIECE, left))):
            file.write(piece)
            left -= len(piece)
    if left == MOST and alone:
        raise UserError(f"{NAME}: nothing came; pipe a recording in")
    if left <= 0:
        raise UserError(f"{NAME}: more than {MOST >> 30} GiB came; give the file's name")
