"""eSpeak NG through ctypes: text to samples, the same samples every time.

Calls are those of eSpeak NG's C interface (`speak_lib.h`): espeak_Initialize, espeak_SetSynthCallback,
espeak_SetVoiceByName, espeak_SetParameter, espeak_Synth, espeak_Terminate; and of `espeak_ng.h`: espeak_ng_SetRandSeed.
"""

import _ctypes
import ctypes
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError

SAMPLE_RATE = 22050
"""Hz, eSpeak NG's own."""

_SYNCHRONOUS, _DONT_EXIT, _CHARS_UTF8 = 2, 0x8000, 1
_PARAMETERS = {"rate": 1, "volume": 2, "pitch": 3, "range": 4, "word_gap": 7}
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


def speak(text: str, voice: str, *, rate: int, pitch: int, pitch_range: int, word_gap: int) -> NDArray[np.int16]:
    """Speak one text.

    Args:
        text: what to say.
        voice: eSpeak NG voice and variant, e.g. "en-us+f1".
        rate: words per minute, 80 to 450.
        pitch: 0 to 99; 50 is the voice's own, and 50 steps are an octave (pitch_adjust_tab in eSpeak NG's wavegen.c).
        pitch_range: 0 to 99; 50 is the voice's own, 0 is monotone.
        word_gap: extra pause between words (units of 10 ms, at the normal rate).

    Returns:
        Samples at SAMPLE_RATE, shape (samples,), from eSpeak's pause before the text to its last sound. They depend on
        the arguments alone, not on the time or on what was spoken before.

    Raises:
        UserError: espeakng-loader is not installed, or eSpeak NG cannot read its data.
        ValueError: no such voice.
        RuntimeError: eSpeak NG refused a value or made no sound.
    """
    values = {"rate": rate, "volume": 60, "pitch": pitch, "range": pitch_range, "word_gap": word_gap}
    chunks: list[bytes] = []

    def collect(samples: int | None, count: int, _events: int | None) -> int:
        if samples and count > 0:
            chunks.append(ctypes.string_at(samples, 2 * count))
        return 0

    callback = _Callback(collect)  # kept in a name: eSpeak holds only its address
    with _fresh_library() as library:
        library.espeak_SetSynthCallback(callback)
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"eSpeak NG has no voice {voice!r}")
        for name, value in values.items():
            _check(library.espeak_SetParameter(_PARAMETERS[name], value, 0), f"set {name} to {value}")
        data = text.encode()
        size = ctypes.c_size_t(len(data) + 1)
        _check(library.espeak_Synth(data, size, 0, 1, 0, _CHARS_UTF8, None, None), f"speak {text!r}")
    if not chunks:
        raise RuntimeError(f"eSpeak NG made no sound for {text!r}")
    return np.frombuffer(b"".join(chunks), dtype="<i2").astype(np.int16)


@contextmanager
def _fresh_library() -> Iterator[ctypes.CDLL]:
    """Load a private copy of the library for one utterance.

    eSpeak keeps its place in the flutter table, filter memories and gain control from one utterance to the next, and
    espeak_Terminate does not clear them: only a newly loaded library starts from the same state. Its breath noise is
    seeded with the time of day by espeak_Initialize, so the seed is set after it. (The klatt variants draw from the C
    library's rand() too, which nothing here resets: do not use them.) The copy keeps this apart from any other user of
    eSpeak in the process. Loading it anew takes less than a millisecond.
    """
    try:
        import espeakng_loader
    except ImportError:
        raise UserError("the demo speech needs eSpeak NG: pip install '.[demo]'") from None
    source, data = Path(espeakng_loader.get_library_path()), espeakng_loader.get_data_path()
    with tempfile.TemporaryDirectory() as folder:
        library = ctypes.CDLL(str(shutil.copyfile(source, Path(folder, source.name))))
        try:
            if library.espeak_Initialize(_SYNCHRONOUS, 0, str(data).encode(), _DONT_EXIT) != SAMPLE_RATE:
                raise UserError(f"eSpeak NG cannot read its data in {data} (it allows 159 characters)")
            library.espeak_ng_SetRandSeed(ctypes.c_long(1))
            yield library
            library.espeak_Terminate()
        finally:
            _unload(library)


def _unload(library: ctypes.CDLL) -> None:
    if sys.platform == "win32":
        _ctypes.FreeLibrary(library._handle)
    else:
        _ctypes.dlclose(library._handle)


def _check(status: int, action: str) -> None:
    if status != 0:
        raise RuntimeError(f"eSpeak NG could not {action} (error {status})")
