"""Segments: parts of audio files, in seconds from the beginning, that are cut out while the file is decoded, once.

A segment's first sample is that nearest to its start, and the first after it is that nearest to its end, both at the
file's rate: what is made of it is what would be made of a file of these samples.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.audio.limits import LONGEST
from pipeline.errors import UserError

if TYPE_CHECKING:
    from pipeline.audio.decoding import Recording

ROUNDED = 0.01
"""seconds by which an end may lie after the file's, as tables round it; the segment ends with the file then"""


PORTION = 1 << 17
"""bytes of the files of a portion, from which on it is whole: seconds of speech, and minutes where it is packed well"""

FILES = 32
"""of a portion, at most"""

LATEST = LONGEST * 3600
"""seconds that no file is longer than"""


@dataclass(frozen=True)
class Segment:
    """A part of an audio file, or all of it.

    Attributes:
        path: the file.
        start: seconds from its beginning.
        end: likewise; None for the file's end.
        where: the place that says so, to be mended; "" where it is unknown.
    """

    path: Path
    start: float = 0.0
    end: float | None = None
    where: str = ""

    @property
    def whole(self) -> bool:
        """Whether this is all of the file."""
        return not self.start and self.end is None

    def __str__(self) -> str:
        return segment_title(str(self.path), self.start, self.end)

    def samples(self, rate: int) -> tuple[int, int]:
        """The first sample of the file at `rate` Hz that is inside, and the next that is not."""
        return round(self.start * rate), sys.maxsize if self.end is None else round(self.end * rate)

    def check_inside(self, recording: "Recording") -> None:
        """Refuse a segment that is not inside its file, or has no sample.

        Args:
            recording: the file, wholly decoded.

        Raises:
            UserError: it is so.
        """
        first, after = self.samples(recording.rate)
        seconds = recording.frames / recording.rate
        cure = f"mend {self.where or 'its start and end'}"
        if first >= recording.frames or (self.end is not None and self.end > seconds + ROUNDED):
            raise UserError(f"{self}: the file has {seconds:.6g} s; {cure}")
        if first >= after:
            raise UserError(f"{self}: holds no sample at {recording.rate} Hz; {cure}")


Source = Path | Segment
"""a file, or a part of it"""


def as_segment(source: Source) -> Segment:
    """A file as the segment that is all of it."""
    return source if isinstance(source, Segment) else Segment(source)


def segment_title(file: str, start: float | None, end: float | None) -> str:
    """What to call a segment in a message: `talk.wav from 1.5 to 2.25 s`; the file's name where it is all of it."""
    if not start and end is None:
        return file
    return f"{file} from {start or 0:.10g} {'s' if end is None else f'to {end:.10g} s'}"


def segment_key(stem: str, start: float | None, end: float | None) -> str:
    """The key of a segment: its file's, and start and end in ms, so that keys sort as the segments follow each other.

    `talk` from 1.5 to 2.25 s is `talk#00001500-00002250`, and to the file's end `talk#00001500-end`.
    """
    if start is None and end is None:
        return stem
    return f"{stem}#{round(1000 * (start or 0)):08d}-{'end' if end is None else f'{round(1000 * end):08d}'}"


def bounds_problem(start: float | None, end: float | None) -> str:
    """Why no segment can have this start and end (s); "" where one can."""
    for name, value in (("start", start), ("end", end)):
        if value is not None and not 0 <= value <= LATEST:
            return f"{name} must be seconds from the beginning of the file, 0 to {LATEST}; it is {str(value)[:20]}"
    if end is not None and end <= (start or 0):
        return f"end must be after start; it is {end:.10g}, and start is {start or 0:.10g}"
    return ""


def by_file(recordings: Mapping[str, Source]) -> list[dict[str, Segment]]:
    """Recordings (key -> file or segment) with the segments of one file together, in the order of their first ones."""
    groups: dict[Path | str, dict[str, Segment]] = {}
    for key, source in recordings.items():
        segment = as_segment(source)
        groups.setdefault(key if segment.whole else segment.path, {})[key] = segment
    return list(groups.values())


def in_portions(groups: Iterable[dict[str, Segment]]) -> Iterator[list[dict[str, Segment]]]:
    """The segments of each file, in their order, with small files together: a portion is what one thread does at once.

    A file that is not there, or cannot be looked at, is said to be so where it is read.
    """
    portion: list[dict[str, Segment]] = []
    filled = 0
    for segments in groups:
        filled += _bytes(next(iter(segments.values())).path)
        portion.append(segments)
        if filled >= PORTION or len(portion) == FILES:
            yield portion
            portion, filled = [], 0
    if portion:
        yield portion


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
