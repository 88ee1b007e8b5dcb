"""Segments cut out of a file while it is decoded, once for all of them."""

from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.audio.decoding import Recording, Samples
from pipeline.audio.segments import Segment, Source, as_segment


def cut(recording: Recording, segments: Sequence[Segment]) -> Iterator[tuple[int, Samples, bool]]:
    """Decode a recording, and yield the samples of segments as they come, those of each in their order.

    Yields:
        The number of a segment, the next of its samples (frames, channels), and whether they are its last; nothing of
        a segment that begins after the file's end.

    Raises:
        UserError: as `Recording.blocks`.
    """
    bounds = [segment.samples(recording.rate) for segment in segments]
    ahead = sorted(range(len(segments)), key=lambda i: bounds[i], reverse=True)
    inside: list[int] = []
    begin = 0
    for block in recording.blocks():
        end = begin + len(block)
        while ahead and bounds[ahead[-1]][0] < end:
            inside.append(ahead.pop())
        for i in inside:
            first, after = bounds[i]
            yield i, block[max(0, first - begin) : max(0, after - begin)], after <= end
        inside = [i for i in inside if bounds[i][1] > end]
        begin = end
    for i in inside:
        yield i, np.zeros((0, recording.channels)), True


def decode_source(source: Source) -> tuple[Samples, int]:
    """Decode a recording, or a segment, to mono: (samples,) in [-1, 1], and its sampling rate (Hz).

    Raises:
        UserError: as `Recording`, or the segment is not inside the file.
    """
    segment = as_segment(source)
    with Recording(segment.path) as recording:
        blocks = [block.mean(axis=1) for _, block, _ in cut(recording, [segment])]
        segment.check_inside(recording)
        return np.concatenate(blocks), recording.rate
