"""Audio: decode, mix down, resample, fit to a length."""

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError
from pipeline.features.base import FeatureParams, Wave

if TYPE_CHECKING:
    from soundfile import SoundFile

RATES = {"16k": 16000, "48k": 48000}
"""file name in an audio folder -> sampling rate (Hz)"""

COPY = re.compile(r"@(-?[0-9.e+-]+dB|[0-9.e-]+x|[+-][0-9.e-]+st)$")
"""what the key of a copy ends with"""

FULL_SCALE = 32768.0

CUT_SHORT = re.compile(r"^data : (\d+) \(should be \d+\)$", re.MULTILINE)
"""in libsndfile's log of a WAV file with fewer bytes of audio than its header says; its frame count hides it"""

UNKNOWN_LENGTH = 0x7FFF0000
"""bytes; a WAV header that was written to a pipe says this or more, and is right for every length"""

UNKNOWN_FRAMES = 2**63 - 1
"""libsndfile's frame count of a file whose header does not say it, as of a FLAC file written to a pipe"""

BLOCK_VALUES = 1 << 21
"""decoded at once: memory is taken for the samples that come, not for those that a header says"""

FRAMES_PER_BYTE = 64
"""a header that says more frames of audio than this in a byte of file is held against the samples"""

LOUDEST = 8.0
"""no recording is so far beyond full scale; a float file on another scale is"""


def decode(path: Path) -> tuple[NDArray[np.float64], int]:
    """Decode a WAV, FLAC, OGG or MP3 file to mono: (samples,) in [-1, 1], and its sampling rate (Hz).

    Channels are averaged.

    Raises:
        UserError: the file cannot be read, is cut short, holds no samples, or is on another scale.
    """
    import soundfile

    check_regular(path)
    try:
        with soundfile.SoundFile(path) as file:
            expected, rate = file.frames, file.samplerate
            cut = CUT_SHORT.search(file.extra_info)
            samples = _samples(file)
    except (OSError, ValueError, soundfile.SoundFileError) as error:
        raise UserError(f"{path}: cannot be read as audio ({error}); mend or remove the file") from error
    except MemoryError as error:
        raise UserError(f"{path}: is too long to be read into memory; mend or remove the file") from error
    _check_samples(path, samples, expected, cut)
    return samples.mean(axis=1), rate


def check_regular(path: Path) -> None:
    """Refuse a device or a pipe, which may keep a reader waiting for ever.

    Raises:
        UserError: the path is there, and is neither a file nor a folder.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UserError(f"{path}: is no regular file; remove it, or save the audio to a file")


def measure(path: Path) -> tuple[int, int, int]:
    """The number of frames, sampling rate (Hz) and number of channels, as the header says.

    The frames are counted where the header does not say them, or says more than the file can be thought to hold.

    Raises:
        UserError: the frames had to be counted, and the file cannot be decoded.
        OSError: the file is not there.
        soundfile.SoundFileError: the file is no audio.
    """
    import soundfile

    info = soundfile.info(str(path))
    frames = info.frames
    if frames > FRAMES_PER_BYTE * path.stat().st_size:
        frames = len(decode(path)[0])
    return frames, info.samplerate, info.channels


def _samples(file: "SoundFile") -> NDArray[np.float64]:
    """All samples, (frames, channels), read in blocks as long as some come."""
    # soundfile seeks after each read, which fails at the end of a file whose length its header does not say.
    file.seekable = lambda: False
    most = max(1, BLOCK_VALUES // file.channels)
    blocks = [np.empty((0, file.channels))]
    left = file.frames
    while left and len(block := file.read(min(left, most), dtype="float64", always_2d=True)):
        blocks.append(block)
        left -= len(block)
    return blocks[1] if len(blocks) == 2 else np.concatenate(blocks)


def _check_samples(path: Path, samples: NDArray[np.float64], expected: int, cut: re.Match[str] | None) -> None:
    if cut and int(cut[1]) < UNKNOWN_LENGTH:
        raise UserError(f"{path}: is cut short, its header says {cut[1]} bytes of audio; mend or remove the file")
    # An MP3's frame count is an estimate; a lossless file's is a promise.
    promised = expected != UNKNOWN_FRAMES and path.suffix.lower() != ".mp3"
    if not len(samples) or (len(samples) < expected and promised):
        of = "" if expected == UNKNOWN_FRAMES else f" of {expected}"
        raise UserError(f"{path}: holds {len(samples)}{of} samples; mend or remove the file")
    if not np.isfinite(samples).all():
        raise UserError(f"{path}: holds samples that are no numbers; mend or remove the file")
    peak = max(samples.max(), -samples.min())
    if peak > LOUDEST:
        raise UserError(f"{path}: holds samples up to {peak:.6g}, and full scale is 1; rescale it")


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


def source_key(key: str) -> str:
    """The key of the utterance that this is a copy of, as `copies` names them (its own key when it is no copy)."""
    return COPY.sub("", key)
