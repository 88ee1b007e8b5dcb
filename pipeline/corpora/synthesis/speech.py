"""Synthesise the demo corpora: emotional speech by eSpeak NG, so that the whole pipeline runs with no data.

What is said and how is in `script.py`; `demo.py` reads the files back.
"""

import math
import re
import wave
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.atomic import atomic_path
from pipeline.audio.samples import FULL_SCALE
from pipeline.corpora.synthesis.espeak import SAMPLE_RATE, speak
from pipeline.corpora.synthesis.script import (
    EMOTIONS,
    ESPEAK_VOICES,
    SENTENCES,
    SPEAKERS,
    SPREAD,
    STEM,
    Language,
    Setting,
)
from pipeline.jobs.progress import Progress
from pipeline.strict import Strict

REFERENCE_LEVEL = -27.0
"""dBFS (RMS over the utterance) of a neutral utterance at the reference distance."""

PEAK = 0.9
"""Highest sample of a file, as a part of full scale: louder utterances are turned down to it, never clipped."""


class DemoParams(Strict):
    """Size and difficulty of a demo corpus: voices x 4 emotions x sentences x takes files."""

    language: Language = Field("en", description="language spoken, en or de")
    voices: int = Field(8, ge=1, le=8, description="number of speakers, women and men in turn")
    sentences: int = Field(8, ge=1, le=12, description="number of sentences each speaker says in each emotion")
    takes: int = Field(1, ge=1, le=99, description="number of times each of them is said, each time varied")
    variation: float = Field(1.0, ge=0, le=3, description="spread of the utterances of an emotion (1: classes overlap)")


def synthesise(out_dir: Path, params: DemoParams, seed: int) -> int:
    """Write one demo corpus: 16-bit mono WAV at 22050 Hz, named `<language>_<speaker>_<emotion>_s<nn>_t<n>.wav`.

    A file depends only on its name, `params.variation` and `seed`: a larger corpus contains the smaller one. Made
    again, it has the same bytes; another processor or numpy may round a sample differently.

    Args:
        out_dir: made if missing. Demo files in it that are not part of this corpus are removed, others are left.
        params: size and difficulty.
        seed: 0 or more.

    Returns:
        Number of files written.

    Raises:
        UserError: espeakng-loader is not installed, or eSpeak NG cannot read its data.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    stems = _stems(params)
    _remove_others(out_dir, {f"{stem}.wav" for stem in stems})
    with Progress(len(stems), "demo speech") as progress:
        for stem in stems:
            _write(out_dir / f"{stem}.wav", render(stem, params.variation, seed))
            progress.update()
    return len(stems)


def render(stem: str, variation: float, seed: int) -> NDArray[np.int16]:
    """Make the samples of one file, shape (samples,), at 22050 Hz. `stem` is its name without `.wav`."""
    match = STEM.fullmatch(stem)
    if match is None:
        raise ValueError(f"{stem!r} is not the name of a demo utterance, such as en_f1_angry_s03_t1")
    language: Language = "de" if match["language"] == "de" else "en"
    speaker = SPEAKERS[language][match["speaker"]]
    person = _generator(seed, f"{language}_{match['speaker']}")
    rng = _generator(seed, stem)
    setting = _vary(EMOTIONS[match["emotion"]], variation, person, rng)
    spoken = speak(
        SENTENCES[language][int(match["sentence"]) - 1],
        f"{ESPEAK_VOICES[language]}+{speaker.variant}",
        rate=_within(speaker.rate * setting.rate, 80, 450),
        pitch=_within(50 + 50 / 12 * (speaker.pitch + setting.pitch), 0, 99),
        pitch_range=_within(50 * setting.range, 0, 99),
        word_gap=_within(setting.gap / 10, 0, 20),
    )
    return _colour(spoken / FULL_SCALE, setting, speaker.level, rng)


def _stems(params: DemoParams) -> list[str]:
    return [
        f"{params.language}_{speaker}_{emotion}_s{sentence:02d}_t{take}"
        for speaker in list(SPEAKERS[params.language])[: params.voices]
        for emotion in EMOTIONS
        for sentence in range(1, params.sentences + 1)
        for take in range(1, params.takes + 1)
    ]


def _remove_others(out_dir: Path, wanted: set[str]) -> None:
    ours = re.compile(rf"\.?{STEM.pattern}\.wav(\.\d+\.tmp)?")  # with what a killed run left half written
    for path in out_dir.iterdir():
        if path.name not in wanted and ours.fullmatch(path.name):
            path.unlink()


def _generator(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def _vary(emotion: Setting, variation: float, person: np.random.Generator, utterance: np.random.Generator) -> Setting:
    """Draw the setting of one utterance: people express themselves more or less, and never twice the same."""
    neutral = np.array(EMOTIONS["neutral"])
    habit = 1 + 0.15 * variation * person.standard_normal(len(neutral))
    strength = 1 + 0.2 * variation * utterance.standard_normal()
    drawn = neutral + np.clip(habit * strength, 0, 2) * (np.array(emotion) - neutral)
    drawn += variation * np.array(SPREAD) * utterance.standard_normal(len(neutral))
    return Setting(*drawn.tolist())


def _colour(voice: NDArray[np.float64], setting: Setting, gain: float, rng: np.random.Generator) -> NDArray[np.int16]:
    """Apply what eSpeak has no parameter for: tilt, breath, the two modulations and the level."""
    times = np.arange(len(voice)) / SAMPLE_RATE
    for depth, hertz in ((setting.tremor, rng.uniform(5, 7)), (setting.rough, rng.uniform(50, 90))):
        voice = voice * (1 + min(max(depth, 0.0), 0.9) * np.sin(2 * math.pi * hertz * times))
    window = np.hanning(SAMPLE_RATE // 50)
    envelope = np.sqrt(np.convolve(voice**2, window / window.sum(), mode="same"))
    voice = voice + max(setting.breath, 0.0) * envelope * rng.standard_normal(len(voice))

    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(voice), 1 / SAMPLE_RATE), 60) / 1000)
    voice = np.fft.irfft(np.fft.rfft(voice) * 10 ** (setting.tilt * octaves / 20), len(voice))
    voice *= 10 ** ((REFERENCE_LEVEL + gain + setting.level) / 20) / np.sqrt(np.mean(voice**2))
    voice *= min(1.0, PEAK / np.abs(voice).max())
    return np.round(voice * 32767).astype(np.int16)


def _within(value: float, low: int, high: int) -> int:
    return min(max(round(value), low), high)


def _write(path: Path, samples: NDArray[np.int16]) -> None:
    with atomic_path(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples.astype("<i2").tobytes())
