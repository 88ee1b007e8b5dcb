"""The peer of prosody: DisVoice 0.1.10 in Praat mode, from a WAV file to its 103 features.

Where DisVoice is installed (`pip install --no-deps disvoice` is enough) its own functions and Praat script run; where
not, `plain_prosody` takes the place of its functions. Its script is run by the program `praat` where there is one, as
DisVoice does, and otherwise within this process by praat-parselmouth, which saves DisVoice the start of a program.
"""

import shutil
import subprocess
import warnings
from collections.abc import Callable
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Features = Callable[[Path], FloatArray]

FLOOR, CEILING, STEP = 60, 350, 0.01
"""DisVoice's (Hz, Hz, s)"""

SCRIPT = """form F0
text wav
text pitch
text voicing
endform
Read from file: wav$
sound = To Pitch: 0.01, 60, 350
Down to PitchTier
Save as headerless spreadsheet file: pitch$
selectObject: sound
To PointProcess
To TextGrid (vuv): 0.02, 0.01
Save as short text file: voicing$
"""
"""what DisVoice asks Praat for: the pitch, and a segmentation that the static features do not use"""


def peer(folder: Path) -> tuple[Features, str]:
    """Features of a WAV file as DisVoice computes them, and what runs; temporary files go into `folder`."""
    spec = find_spec("disvoice")
    home = Path(next(iter(spec.submodule_search_locations or [""]))) if spec else None
    praat = shutil.which("praat")
    if home is not None and (home / "prosody" / "prosody_functions.py").is_file():
        functions = _load(home / "prosody" / "prosody_functions.py")
        decode = _load(home / "praat" / "praat_functions.py").decodeF0
        script, arguments = home / "praat" / "vuv_praat.praat", (FLOOR, CEILING, STEP, 0.02, 0.01)
        label = "DisVoice's own code"
    else:
        functions, decode, arguments = None, _decode, None
        script = folder / "peer.praat"
        script.write_text(SCRIPT, encoding="ascii")
        label = "stand-in for DisVoice (not installed): a plain loop over segments and frames"

    def run(wav: Path) -> FloatArray:
        from scipy.io.wavfile import read

        rate, samples = read(wav)
        signal = samples - np.mean(samples)
        signal = signal / float(np.max(np.abs(signal)))
        pitch, voicing = folder / "f0.txt", folder / "vuv.txt"
        _run(praat, script, wav, pitch, voicing, *(arguments or ()))
        f0 = decode(str(pitch), len(signal) / float(rate), STEP)[0]
        pitch.unlink()
        voicing.unlink()
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return _disvoice(functions, signal, rate, f0) if functions else _plain(signal, rate, f0)

    return run, f"{label}; Praat {'as a program' if praat else 'in this process'}"


def _run(praat: str | None, script: Path, *arguments: Any) -> None:
    if praat:
        subprocess.run([praat, "--run", str(script), *map(str, arguments)], check=True)  # noqa: S603
        return
    import parselmouth

    parselmouth.praat.run_file(str(script), *(str(value) if isinstance(value, Path) else value for value in arguments))


def _disvoice(functions: ModuleType, signal: FloatArray, rate: int, f0: FloatArray) -> FloatArray:
    """`Prosody.prosody_static` after F0, by DisVoice's functions."""
    step, frame, pause = 0.01 * rate, 0.02 * rate, 0.14 * rate
    voiced = functions.V_UV(f0, signal, type_seg="Voiced", size_stepS=step)
    rest = functions.V_UV(f0, signal, type_seg="Unvoiced", size_stepS=step)
    pauses = [segment for segment in rest if len(segment) > pause]
    unvoiced = [segment for segment in rest if len(segment) <= pause]
    return np.hstack(
        [
            functions.F0feat(f0),
            functions.energy_feat(voiced, rate, frame, step),
            functions.energy_feat(unvoiced, rate, frame, step),
            functions.duration_feat(voiced, unvoiced, pauses, signal, rate),
        ]
    )


def _plain(signal: FloatArray, rate: int, f0: FloatArray) -> FloatArray:
    from pipeline.bench.plain_prosody import features

    return features(signal, rate, f0, clean=False)


def _decode(path: str, duration: float, step: float) -> tuple[FloatArray, FloatArray]:
    """F0 from Praat's text file onto a grid, value by value."""
    grid = np.linspace(0.0, duration, int(duration / step))
    track = np.zeros(len(grid))
    if Path(path).stat().st_size:
        for time, value in np.loadtxt(path, ndmin=2):
            track[np.argmin(np.abs(grid - time))] = value
    return track, grid


def _load(path: Path) -> ModuleType:
    """Run one module of DisVoice, without the packages that the rest of it imports."""
    spec = spec_from_file_location(f"disvoice_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(str(path))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
