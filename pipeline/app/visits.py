"""A visitor's recording: received by piece into a file of its own, checked, and gone after the answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.app.analysis import WINDOWS, Analysis, analyse
from pipeline.app.audible import TooLongError, audible
from pipeline.errors import UserError, message_line
from pipeline.serving.loaded import LoadedModel
from pipeline.serving.samples import opened_sound

NAME = "recording"


class UnreadableError(UserError):
    """The recording is none, or cannot be asked about."""


@contextmanager
def own_file(folder: Path) -> Iterator[Path]:
    """A place in a folder for a visitor's recording, which is empty again when the block ends, however it does."""
    with TemporaryDirectory(dir=folder, prefix="visit-") as own:
        yield Path(own) / NAME


def answered(model: LoadedModel, path: Path, longest: float, segments: bool) -> Analysis:
    """What a model says of a visitor's file; errors name neither the file's folder nor anything else of the server.

    Args:
        model: what is asked.
        path: the file.
        longest: how long it may be (s).
        segments: whether emotion over time is asked for.

    Raises:
        UnreadableError: the file is no recording, is damaged, too short or silent.
        TooLongError: it is longer; it is decoded up to there and no further.
        UserError: the model cannot answer.
    """
    try:
        with opened_sound(path) as sound:
            for _ in audible(sound, longest):
                pass
        return analyse(model, path, windows=WINDOWS if segments else None)
    except UserError as error:
        if not str(error).startswith(str(path)):
            raise
        line = message_line(str(error).splitlines()[0].replace(str(path), NAME))
        raise (TooLongError if isinstance(error, TooLongError) else UnreadableError)(line) from error
