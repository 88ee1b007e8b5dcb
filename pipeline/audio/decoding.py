"""Decode recordings to samples in [-1, 1], block by block: the one decoder of all commands and stages.

It trusts no count of frames, neither one that is too large nor one that is too small (`containers.py`), and checks the
samples that come out.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.containers import check_log, source
from pipeline.audio.limits import LONGEST
from pipeline.audio.quiet import QUIET
from pipeline.audio.suffixes import FORMATS, advice
from pipeline.errors import UserError
from pipeline.paths import check_regular

if TYPE_CHECKING:
    from soundfile import SoundFile

UNKNOWN_FRAMES = 2**63 - 1
"""libsndfile's frame count of a file whose header does not say it, as of a FLAC file written to a pipe"""

BLOCK_VALUES = 1 << 18
"""decoded at once: memory is taken for the samples that come, not for those that a header says"""

LOUDEST = 8.0
"""no recording is so far beyond full scale; a float file on another scale is"""

SLOWEST, FASTEST = 4000, 768_000
"""sampling rates (Hz) between which speech is recorded: half of a telephone's, and the highest of converters"""

Samples = NDArray[np.float64]


class Recording:
    """A recording that is decoded once, from its beginning to its end, in a `with` block.

    Attributes:
        rate: sampling rate (Hz).
        channels: how many there are.
        frames: samples of each channel that were decoded until now.

    Raises:
        UserError: the file cannot be read, is cut short, or has an unbelievable sampling rate.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.frames = 0

    def __enter__(self) -> Self:
        check_regular(self._path)
        if self._path.is_dir():
            raise UserError(f"{self._path}: is a folder, not a recording; rename or remove it")
        with ExitStack() as self._stack:
            self._stack.enter_context(QUIET)
            self._open()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, category: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def _open(self) -> None:
        import soundfile

        try:
            given = self._stack.enter_context(source(self._path))
            self._file = self._stack.enter_context(soundfile.SoundFile(given.file, closefd=False))
        except (OSError, ValueError, soundfile.SoundFileError) as error:
            raise self._unreadable(error) from error
        if self._file.format not in FORMATS:
            name = self._file.format_info
            raise UserError(
                f"{self._path}: is {name}, which cannot be checked to be whole; {advice(self._path.suffix)}"
            )
        # soundfile seeks after each read, which fails at the end of a file whose length its header does not say.
        self._file.seekable = lambda: False
        self.rate, self.channels = self._file.samplerate, self._file.channels
        self._promised = given.promised or _promised(self._file)
        check_log(self._path, self._file.extra_info)
        if not SLOWEST <= self.rate <= FASTEST:
            raise UserError(
                f"{self._path}: says that its sampling rate is {self.rate} Hz, which is not between {SLOWEST} and "
                f"{FASTEST}; mend or remove the file"
            )

    def blocks(self) -> Iterator[Samples]:
        """Yield the samples of all channels, (frames, channels), `BLOCK_VALUES` at once.

        Raises:
            UserError: the file cannot be decoded, holds fewer samples than its header says or none, is too long, or
                its samples are on another scale.
        """
        import soundfile

        most = max(1, BLOCK_VALUES // self.channels)
        left = self._file.frames
        try:
            while left and len(block := self._file.read(min(left, most), dtype="float64", always_2d=True)):
                left -= len(block)
                self.frames += len(block)
                self._check_block(block)
                yield block
        except (OSError, ValueError, soundfile.SoundFileError) as error:
            raise self._unreadable(error) from error
        if self.frames < (self._promised or 0):
            raise UserError(f"{self._path}: holds {self.frames} of {self._promised} samples; mend or remove the file")
        if not self.frames:
            raise UserError(f"{self._path}: holds no audio samples; mend or remove the file")

    def mono(self) -> Iterator[Samples]:
        """Yield the mean of all channels, (frames,), as `blocks` does."""
        for block in self.blocks():
            yield block.mean(axis=1)

    def _check_block(self, block: Samples) -> None:
        if not np.isfinite(block).all():
            raise UserError(f"{self._path}: holds samples that are no numbers; mend or remove the file")
        peak = max(block.max(), -block.min())
        if peak > LOUDEST:
            raise UserError(f"{self._path}: holds samples up to {peak:.6g}, and full scale is 1; rescale it")
        if self.frames > LONGEST * 3600 * self.rate:
            raise UserError(f"{self._path}: is longer than {LONGEST} h; split it, or mend or remove the file")

    def _unreadable(self, error: Exception) -> UserError:
        reason = getattr(error, "error_string", "") or getattr(error, "strerror", "") or str(error)
        return UserError(f"{self._path}: cannot be read as audio ({reason.rstrip('.')}); mend or remove the file")


def _promised(file: "SoundFile") -> int | None:
    """How many frames a header promises: an MP3's count is an estimate, a lossless file's is kept."""
    return None if file.frames == UNKNOWN_FRAMES or file.format == "MP3" else file.frames


def decode(path: Path) -> tuple[Samples, int]:
    """Decode a recording to mono: (samples,) in [-1, 1], and its sampling rate (Hz). Channels are averaged.

    Raises:
        UserError: the file cannot be read, is cut short, holds no samples, or is on another scale.
    """
    with Recording(path) as recording:
        return np.concatenate(list(recording.mono())), recording.rate
