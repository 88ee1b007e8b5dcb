"""Utterances that are too long to be held in memory: extractors read what they need, and give some frames at a time."""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.atomic import scratch_file
from pipeline.audio.samples import Wave, to_float
from pipeline.features.base import Streams
from pipeline.storage.feature_file import FeatureFile

LONG = 10 * 60 * 16000
"""samples above which an utterance is long: ten minutes at 16 kHz"""


@dataclass(frozen=True)
class LongWave:
    """An utterance in an audio file; a slice of it is read when it is asked for.

    Attributes:
        audio: the file.
        row: of the utterance.
        length: samples of it that are used, from its beginning.
    """

    audio: FeatureFile
    row: int
    length: int

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, part: slice) -> Wave:
        start, stop, _ = part.indices(self.length)
        return to_float(self.audio.part(self.row, start, max(start, stop)))


def spooled(blocks: Iterable[Streams], folder: Path) -> Streams:
    """Blocks of frames one after another: each stream mapped from a file in `folder`, which has no name.

    Raises:
        ValueError: a block has other streams or dimensions than the first.
        UserError: the disk is full.
    """
    with ExitStack() as stack:
        spools: dict[str, _Spool] = {}
        for block in blocks:
            if not spools:
                spools = {name: _Spool(stack.enter_context(scratch_file(folder / name)), block[name]) for name in block}
            if block.keys() != spools.keys():
                raise ValueError(f"a block has the streams {sorted(block)}, expected {sorted(spools)}")
            for name, frames in block.items():
                spools[name].append(frames)
        return {name: spool.mapped() for name, spool in spools.items()}


class _Spool:
    """Frames of a stream on their way into a file."""

    def __init__(self, file: IO[bytes], like: NDArray[Any]) -> None:
        self._file, self._dims, self._dtype = file, like.shape[1:], like.dtype
        self._frames = 0

    def append(self, frames: NDArray[Any]) -> None:
        if frames.shape[1:] != self._dims or frames.dtype != self._dtype:
            raise ValueError(f"a block is {frames.dtype} {frames.shape}, expected {self._dtype} (..., {self._dims})")
        self._file.write(np.ascontiguousarray(frames).data)
        self._frames += len(frames)

    def mapped(self) -> NDArray[Any]:
        """All frames."""
        self._file.flush()
        return np.memmap(self._file, self._dtype, "r", shape=(self._frames, *self._dims))
