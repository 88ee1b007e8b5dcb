"""How long recordings are, found by decoding them: the check that comes before models are asked about any."""

from collections.abc import Mapping
from pathlib import Path

from pipeline.audio.audio_file import check_long_enough
from pipeline.audio.bad_recordings import RecordingsError
from pipeline.audio.decoding import Recording
from pipeline.errors import UserError
from pipeline.jobs.executors import in_threads, worker_count


def checked_lengths(recordings: Mapping[str, Path], longest: float, workers: int | None = None) -> dict[str, float]:
    """Key -> length (s) of recordings (key -> file).

    Args:
        recordings: key -> file.
        longest: what can be used (s).
        workers: recordings that are decoded at once.

    Raises:
        RecordingsError: some cannot be decoded, or are too short or too long.
    """
    lengths: dict[str, float] = {}
    bad: dict[str, str] = {}

    def length(path: Path) -> float | UserError:
        try:
            return _length(path, longest)
        except UserError as error:
            return error

    for key, found in zip(recordings, in_threads(length, recordings.values(), worker_count(workers)), strict=True):
        if isinstance(found, UserError):
            bad[key] = str(found)
        else:
            lengths[key] = found
    if bad:
        raise RecordingsError(bad)
    return lengths


def _length(path: Path, longest: float) -> float:
    with Recording(path) as recording:
        for _ in recording.blocks():
            pass
    check_long_enough(path, recording.frames, recording.rate)
    seconds = recording.frames / recording.rate
    if seconds > longest:
        raise UserError(f"{path}: has {seconds:.0f} s, and {longest:.0f} are the most here; split it")
    return seconds
