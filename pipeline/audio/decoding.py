"""Decode recordings: WAV, FLAC, OGG or MP3 to mono samples in [-1, 1]."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError
from pipeline.paths import check_fetched, check_regular

if TYPE_CHECKING:
    from soundfile import SoundFile

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
        check_fetched(path)
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
