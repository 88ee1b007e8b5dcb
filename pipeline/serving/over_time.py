"""What models say over time as answers: of a file, of samples in memory, and of a stream."""

from collections.abc import Iterator
from typing import Any

from pipeline.audio.voice_activity import NOTHING
from pipeline.serving.loaded import Loaded, Recording
from pipeline.serving.samples import Sound, opened_sound
from pipeline.serving.tasks import task_of
from pipeline.serving.windows import Windows


def over_time(
    model: Loaded[Any], key: str, recording: Recording, rate: int | None, windows: Windows, least: float
) -> Iterator[Any]:
    """What is said of a recording, window after window.

    Args:
        model: who is asked.
        key: the recording's.
        recording: a file, or samples as `Loaded.embed` takes them.
        rate: of samples (Hz); None of a file.
        windows: where they begin and end.
        least: a probability below which no emotion is named.

    Raises:
        ParamsError: a probability is given, and the model gives none.
        UserError: as `LoadedModel.predict_segments`.
    """
    with opened_sound(recording, rate) as sound:
        yield from sound_over_time(model, key, sound, windows, least)


def sound_over_time(model: Loaded[Any], key: str, sound: Sound, windows: Windows, least: float) -> Iterator[Any]:
    """What is said of samples that come once, each answer as soon as its window is full; see `over_time`."""
    task = task_of(model.source, least)
    for clip, numbers in model.numbers_of(model.cut(sound, windows)):
        voiced = None if windows.voice_activity == NOTHING else clip.voiced
        yield task.answer(key, numbers, (clip.start, clip.end), voiced)
