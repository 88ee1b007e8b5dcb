"""What this processor makes of the project's operations; run as `python -m pipeline.bench.operations`.

As a stage, it computes as params.yaml in the working folder says of `arithmetic`. It prints a list of JSON for each
operation: its name, the SHA-256 of the bytes, and the processor time.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import arithmetic

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pipeline.systems.view import View

SPEAKERS, UTTERANCES = 4, 6
"""how many speakers, and utterances of 1 s of each, in two classes"""
EXTRACTORS: dict[str, dict[str, Any]] = {
    "logmel": {"n_mels": 64},
    "mfcc": {"n_mfcc": 40},
    "prosody": {},
    "lpcc": {},
    "stft": {"n_fft": 512, "power": 1.0},
    "waveform": {},
    "ssl": {"model": "tiny", "layers": (1, 9)},
}
"""role -> params; what is not a role is extracted only"""
SYSTEMS: dict[str, dict[str, Any]] = {
    "caf": {},
    "spectrogram": {},
    "wav2vec": {},
    "hump_cat": {},
    "serct": {"channels": 32, "width": 64, "heads": 4, "feed_forward": 64, "depth": 2},
    "cnn": {},
    "mlp": {"optimizer": "sgd"},
    "probe": {},
    "pooled": {},
    "svm": {},
    "ca_ser": {"width": 64, "lstm_units": 32, "heads": 4, "head_width": 16, "feed_forward": 128},
    "cnn_bilstm": {},
}
"""system -> params of one epoch; those with LSTMs are the last, as emulators of processors may fail there"""

ONE_EPOCH = {"epochs": 1, "patience": 0, "batch_size": 8}

Streams = Mapping[str, Mapping[str, "list[NDArray[Any]]"]]
"""role -> stream -> frames of each utterance"""


def digest(*arrays: "NDArray[Any]") -> str:
    """Hex SHA-256 of the bytes of arrays, one after another."""
    import numpy as np

    state = hashlib.sha256()
    for values in arrays:
        state.update(np.ascontiguousarray(values).tobytes())
    return state.hexdigest()


def extracted(name: str, waves: "list[NDArray[np.int16]]") -> "dict[str, list[NDArray[Any]]]":
    """Stream -> frames of each recording (samples,), by the extractor of that name."""
    from pipeline.bench.extraction import make
    from pipeline.extraction.computation import streams_of

    each = streams_of(make(name, **EXTRACTORS[name]), {str(number): wave for number, wave in enumerate(waves)})
    return {stream: [streams[stream] for streams in each] for stream in sorted(each[0])}


def frames(name: str, waves: "list[NDArray[np.int16]]") -> "list[NDArray[Any]]":
    """The frames of `extracted`, stream by stream."""
    return [rows for stream in extracted(name, waves).values() for rows in stream]


def seen(features: Streams, roles: tuple[str, ...]) -> "View":
    """The view of these roles."""
    from pipeline.storage.source import Arrays
    from pipeline.systems.view import View

    keys = [f"{number:02d}" for number in range(SPEAKERS * UTTERANCES)]
    rates = {"mfcc": 100.0, "ssl": 50.0, "logmel": 100.0, "waveform": 16000.0}
    return View(
        keys,
        {
            role: [Arrays(features[role], keys, role, EXTRACTORS[role] | {"seed": 0}, rates.get(role, 0.0))]
            for role in roles
        },
    )


def trained(name: str, features: Streams) -> "list[NDArray[np.float64]]":
    """Probabilities (utterances, classes) of a system after an epoch on these features; in a list of one."""
    import numpy as np

    from pipeline.jobs.executors import single_thread
    from pipeline.systems import find_system

    entry = find_system(name)
    view = seen(features, entry.roles or tuple(role for role in entry.optional if role in features))
    y = np.array(["angry", "sad"])[np.arange(len(view)) % 2]
    options = SYSTEMS[name] | (ONE_EPOCH if entry.neural else {})
    with single_thread():
        model = entry.load()(**options, seed=0).fit(view, y)
        return [np.asarray(model.predict_proba(view), np.float64)]


def operations(report: Callable[[str, str, float], None]) -> None:
    """Do each operation twice; report its name, the digest of what it gives, and the second's processor time (s)."""
    import numpy as np

    from pipeline.audio.copies import change_speed, shift_pitch
    from pipeline.audio.fingerprint import fingerprint
    from pipeline.bench.extraction import synthetic_speech

    def done(name: str, task: Callable[[], "list[NDArray[Any]]"]) -> None:
        first = task()
        start = time.process_time()
        again = task()
        taken = time.process_time() - start
        report(name, digest(*first) if digest(*first) == digest(*again) else "", taken)

    rng = np.random.default_rng(0)
    waves = [synthetic_speech(rng, 1.0) for _ in range(SPEAKERS * UTTERANCES)]
    done("speech", lambda: [synthetic_speech(np.random.default_rng(0), 1.0)])
    done("resampling", lambda: [change_speed(wave / 32768, 1.1) for wave in waves])
    done("pitch", lambda: [shift_pitch(wave / 32768, 16000, 1.0) for wave in waves[:4]])
    done("fingerprints", lambda: [fingerprint(wave / 32768, 16000).words for wave in waves])
    features = {}
    for name in EXTRACTORS:
        done(name, partial(frames, name, waves))
        features[name] = extracted(name, waves)
    for name in SYSTEMS:
        done(name, partial(trained, name, features))


def main() -> None:
    """Print what the operations give, a line each, as they are done."""
    arithmetic.hold(Path("params.yaml"))
    operations(lambda name, sha, seconds: print(json.dumps([name, sha, seconds]), flush=True))


if __name__ == "__main__":
    main()
