"""Recordings that the page plays: short, 16 kHz, MP3, which all browsers play, and few; the same bytes on every run."""

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import zip_longest
from pathlib import Path

from pipeline.config.params import Params
from pipeline.graph.report_inputs import played_audio
from pipeline.report.page.scored import Scored
from pipeline.report.page.tables import Row
from pipeline.storage.qualified import Place

RATE = 16000
"""Hz"""
LONGEST = 6.0
"""seconds of a recording, from its beginning"""
COMPRESSION = 0.9
"""libsndfile's level, from 0 (largest) to 1: some 5 kB a second, speech clear"""


@dataclass(frozen=True)
class Clip:
    """A recording that the page plays.

    Attributes:
        number: of the clip, from 1.
        owner: the experiment beside whose mistake it stands; others that mistook it point there.
        data: MP3, in base64.
        is_cut: whether it is longer than what is played.
    """

    number: int
    owner: str
    data: str
    is_cut: bool


def clips(params: Params, found: Sequence[Scored], mistakes: dict[str, list[Row]]) -> dict[Place, Clip]:
    """Recordings of the surest mistakes of all, as many as params allow: the surest of each experiment first.

    Args:
        params: of the project.
        found: what was scored.
        mistakes: of each, those that are listed, the surest first.

    Raises:
        UserError: audio is damaged, or has no such recording.
    """
    files = {corpus: _audio(params, corpus) for one in found for corpus in one.corpora}
    played: dict[Place, Clip] = {}
    for owner, (corpus, key) in _in_turn(found, mistakes):
        path = files[corpus]
        if path is not None and (corpus, key) not in played and len(played) < params.report.clips:
            data, is_cut = mp3(path, key)
            played[corpus, key] = Clip(len(played) + 1, owner, data, is_cut)
    return played


def _audio(params: Params, corpus: str) -> Path | None:
    path = played_audio(params, corpus) if corpus in params.corpora else None
    return path if path is not None and path.exists() else None


def _in_turn(found: Sequence[Scored], mistakes: dict[str, list[Row]]) -> Iterator[tuple[str, Place]]:
    """Each one's surest mistake, then each one's next: experiment, and where the recording is."""
    columns: Iterable[Iterable[tuple[str, Place]]] = (
        [(one.name, one.place(row["key"])) for row in mistakes[one.name]] for one in found
    )
    for line in zip_longest(*columns):
        yield from (place for place in line if place is not None)


def mp3(path: Path, key: str) -> tuple[str, bool]:
    """The beginning of a recording of an audio file of the project as MP3 in base64, and whether that is not all."""
    import numpy as np
    import soundfile
    import soxr

    from pipeline.storage.feature_file import FeatureFile

    audio = FeatureFile(path)
    samples = audio.row(int(audio.index([key])[0]))[:, 0]
    rate = audio.header.frame_rate
    start = np.asarray(samples[: round(LONGEST * rate)], np.int16)
    buffer = BytesIO()
    soundfile.write(
        buffer,
        start if rate == RATE else soxr.resample(start, rate, RATE),
        RATE,
        format="MP3",
        subtype="MPEG_LAYER_III",
        compression_level=COMPRESSION,
    )
    return base64.b64encode(buffer.getvalue()).decode("ascii"), len(samples) > len(start)
