"""Audio: decode, mix down, resample, fit to a length, add noise."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError
from pipeline.features.base import FeatureParams, Wave
from pipeline.manifest import Row
from pipeline.store import FeatureWriter, Header, canonical_json

RATES = {"16k": 16000, "48k": 48000}
"""file name in an audio folder -> sampling rate (Hz)"""

COPY = re.compile(r"@(-?[0-9.e+-]+dB|[0-9.e-]+x|[+-][0-9.e-]+st)$")
"""what the key of a copy ends with"""

VERSION = "1"
FULL_SCALE = 32768.0

CUT_SHORT = re.compile(r"^data : (\d+) \(should be \d+\)$", re.MULTILINE)
"""in libsndfile's log of a WAV file with fewer bytes of audio than its header says; its frame count hides it"""

UNKNOWN_LENGTH = 0x7FFF0000
"""bytes; a WAV header that was written to a pipe says this or more, and is right for every length"""


def decode(path: Path) -> tuple[NDArray[np.float64], int]:
    """Decode a WAV, FLAC, OGG or MP3 file to mono: (samples,) in [-1, 1], and its sampling rate (Hz).

    Channels are averaged.

    Raises:
        UserError: the file cannot be read, is cut short, or holds no samples.
    """
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            expected, rate = file.frames, file.samplerate
            cut = CUT_SHORT.search(file.extra_info)
            samples = file.read(dtype="float64", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise UserError(f"{path}: cannot be read as audio ({error}); mend or remove the file") from error
    if cut and int(cut[1]) < UNKNOWN_LENGTH:
        raise UserError(f"{path}: is cut short, its header says {cut[1]} bytes of audio; mend or remove the file")
    # An MP3's frame count is an estimate; a lossless file's is a promise.
    if not len(samples) or (len(samples) < expected and path.suffix.lower() != ".mp3"):
        raise UserError(f"{path}: holds {len(samples)} of {expected} samples; mend or remove the file")
    if not np.isfinite(samples).all():
        raise UserError(f"{path}: holds samples that are no numbers; mend or remove the file")
    return samples.mean(axis=1), rate


def resample(samples: NDArray[np.float64], source: int, target: int) -> NDArray[np.float64]:
    """Resample (samples,) from `source` to `target` Hz with soxr at very high quality; equal rates change nothing."""
    if source == target:
        return samples
    import soxr

    return np.asarray(soxr.resample(samples, source, target, quality="VHQ"))


def to_pcm16(samples: NDArray[np.float64]) -> NDArray[np.int16]:
    """Round [-1, 1] to 16 bits; a 16-bit recording comes back as it was. Louder samples are clipped."""
    return np.clip(np.rint(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def to_float(pcm: NDArray[np.int16]) -> Wave:
    """16-bit samples of any shape as (samples,) float32 in [-1, 1)."""
    return np.asarray(pcm, np.float32).reshape(-1) / np.float32(FULL_SCALE)


def fit(wave: Wave, params: FeatureParams) -> Wave:
    """Clip or extend a wave as `params.clip`, `params.pad_to` and `params.pad` say.

    With `pad: repeat`, whole copies are appended until `pad_to` is reached; `clip`, applied afterwards, cuts the last.
    """
    if params.pad_to is not None:
        missing = round(params.pad_to * params.sample_rate) - len(wave)
        if missing > 0 and params.pad == "repeat" and len(wave):
            wave = np.tile(wave, 1 + -(-missing // len(wave)))
        elif missing > 0:
            wave = np.pad(wave, (0, missing))
    if params.clip is not None:
        wave = wave[: round(params.clip * params.sample_rate)]
    return wave


def fitted_length(samples: int, params: FeatureParams) -> int:
    """How many samples `fit` makes of so many."""
    if params.pad_to is not None and (missing := round(params.pad_to * params.sample_rate) - samples) > 0:
        repeated = params.pad == "repeat" and samples
        samples += samples * -(-missing // samples) if repeated else missing
    if params.clip is not None:
        samples = min(samples, round(params.clip * params.sample_rate))
    return samples


def row_digest(*parts: str | bytes) -> NDArray[np.uint8]:
    """SHA-256 over parts, each preceded by its length, as 32 uint8."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little") + data)
    return np.frombuffer(state.digest(), np.uint8)


def write_audio(
    path: Path, corpus: str, rate: int, rows: Sequence[tuple[str, NDArray[np.int16]]], **params: Any
) -> None:
    """Write utterances (key, 16-bit samples) at `rate` Hz as a feature file with stream `values`, (samples, 1)."""
    said = {"sample_rate": rate, **params}
    writer = FeatureWriter(
        path,
        Header(extractor="audio", version=VERSION, params=said, frame_rate=rate, corpus=corpus),
        [key for key, _ in rows],
        np.array([row_digest("audio", VERSION, canonical_json(said), pcm.tobytes()) for _, pcm in rows], np.uint8),
        np.array([len(pcm) for _, pcm in rows], np.int64),
        {"values": 1},
        {"values": np.dtype(np.int16)},
    )
    with writer:
        for i, (_, pcm) in enumerate(rows):
            writer.put(i, "values", pcm[:, None])


def prepare(rows: Iterable[Row], root: Path, out: Path, corpus: str) -> None:
    """Write a corpus's audio at every rate of `RATES` into the folder `out`: `16k.h5`, `48k.h5`.

    Raises:
        UserError: a recording cannot be decoded, or its key would be taken for a copy's.
    """
    waves: dict[str, list[tuple[str, NDArray[np.int16]]]] = {name: [] for name in RATES}
    for row in rows:
        if source_key(row.key) != row.key:
            raise UserError(f"{root / row.wav}: {row.key!r} ends as the key of a copy does; rename the file")
        samples, rate = decode(root / row.wav)
        for name, target in RATES.items():
            waves[name].append((row.key, to_pcm16(resample(samples, rate, target))))
    for name, target in RATES.items():
        write_audio(out / f"{name}.h5", corpus, target, waves[name])


def source_key(key: str) -> str:
    """The key of the utterance that this is a copy of, as `copies` names them (its own key when it is no copy)."""
    return COPY.sub("", key)
