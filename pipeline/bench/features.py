"""`ser bench features`: each feature beside what its users run today, on the same recordings and in the same run."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.audio.samples import Wave, resample, to_float, to_pcm16
from pipeline.bench.disvoice import peer
from pipeline.bench.extraction import RATE, make, synthetic_speech
from pipeline.bench.hidden_states import on_cpu
from pipeline.bench.timing import Figure, all_met, check_parts, interleaved, measured, table, write_json
from pipeline.errors import UserError
from pipeline.features.base import Extractor, Streams
from pipeline.features.presets import PRESETS
from pipeline.jobs.executors import single_thread

COUNT = 40
"""utterances made, or taken of those given"""
LENGTHS = (1.5, 4.0)
"""shortest and longest utterance made (s)"""
SPECTRA: dict[str, dict[str, Any]] = {
    "2048/512, 128 mels": {},
    "2048/512, 224 mels (CAF)": PRESETS["caf_logmel"][1],
    "400/160, 80 mels": {"n_fft": 400, "hop_length": 160, "n_mels": 80},
}
"""settings of log-Mel spectrograms, by window and step (samples)"""
CEPSTRA: dict[str, dict[str, Any]] = {
    "2048/512, 13 of 128 mels": {},
    "400/160, 40 of 64 mels (CA-SER)": PRESETS["ca_ser_mfcc"][1],
    "640/320, 13 of 40 mels, two deltas": {**PRESETS["hump_cat_mfcc"][1], "energy": False},
}
"""settings of MFCC"""
FITTED = {"clip", "pad_to", "pad", "resize", "sample_rate"}
"""params that librosa does not have: recordings are taken as they are"""


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this thread, and those started meanwhile (Praat's), to one core; and numeric libraries to one thread."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    try:
        if cores:
            os.sched_setaffinity(0, {max(cores)})
        with single_thread():
            yield
    finally:
        if cores:
            os.sched_setaffinity(0, cores)


def batches(waves: Sequence[Wave], seconds: float) -> list[list[Wave]]:
    """Waves in batches of about so many seconds, as extraction makes them."""
    cut: list[list[Wave]] = [[]]
    for wave in waves:
        if cut[-1] and sum(map(len, cut[-1])) + len(wave) > seconds * RATE:
            cut.append([])
        cut[-1].append(wave)
    return cut


def run_all(extractor: Extractor[Any], waves: Sequence[Wave]) -> list[Streams]:
    """The features of all waves, batch by batch."""
    return [streams for batch in batches(waves, extractor.batch_seconds) for streams in extractor.extract(batch)]


def logmel(folder: Path, waves: Sequence[Wave], quick: bool) -> list[Figure]:
    """Log-Mel spectrograms beside `librosa.feature.melspectrogram` and `librosa.power_to_db`, a call per utterance."""
    import librosa

    def theirs(wave: Wave, settings: dict[str, Any]) -> Any:
        return librosa.power_to_db(librosa.feature.melspectrogram(y=wave, sr=RATE, **settings)).T

    return _beside_librosa("logmel", SPECTRA, theirs, waves, quick)


def mfcc(folder: Path, waves: Sequence[Wave], quick: bool) -> list[Figure]:
    """MFCC beside `librosa.feature.mfcc` and `librosa.feature.delta`, a call per utterance."""
    import librosa

    def theirs(wave: Wave, settings: dict[str, Any]) -> Any:
        known = {name: value for name, value in settings.items() if name not in {"deltas", "pre_emphasis", "energy"}}
        if settings.get("pre_emphasis"):
            wave = librosa.effects.preemphasis(wave, coef=settings["pre_emphasis"])
        cepstra = librosa.feature.mfcc(y=wave, sr=RATE, **({"n_mfcc": 13} | known))
        orders = range(1, settings.get("deltas", 0) + 1)
        return np.concatenate([cepstra, *(librosa.feature.delta(cepstra, order=order) for order in orders)]).T

    return _beside_librosa("mfcc", CEPSTRA, theirs, waves, quick)


def _beside_librosa(
    part: str,
    cases: dict[str, dict[str, Any]],
    theirs: Callable[[Wave, dict[str, Any]], Any],
    waves: Sequence[Wave],
    quick: bool,
) -> list[Figure]:
    figures = []
    for label, params in cases.items():
        settings = {name: value for name, value in params.items() if name not in FITTED}
        extractor = make(part, **settings)

        def librosa_loop(settings: dict[str, Any] = settings) -> list[Any]:
            return [theirs(wave, settings) for wave in waves]

        def ours(extractor: Extractor[Any] = extractor) -> list[Streams]:
            return run_all(extractor, waves)

        error = max(
            np.linalg.norm(mine["values"] - other) / np.linalg.norm(other)
            for mine, other in zip(ours(), librosa_loop(), strict=True)
        )
        times = interleaved({"librosa": librosa_loop, "ours": ours}, 2 if quick else 9)
        each = {name: 1000 * time / len(waves) for name, time in times.items()}
        note = f"{each['ours']:.3g} ms an utterance, librosa {each['librosa']:.3g} ms"
        figures += [
            Figure(part, label, times["librosa"] / times["ours"], "times", at_least=5, note=note),
            Figure(part, f"{label}: relative difference", float(error), "", below=1e-4, check=True),
        ]
    return figures


def prosody(folder: Path, waves: Sequence[Wave], quick: bool) -> list[Figure]:
    """The prosodic features beside DisVoice in Praat mode, with the same range of F0, and their stages."""
    import soundfile

    from pipeline.features.prosody import extractor as prosody
    from pipeline.features.prosody import f0

    theirs, label = peer(folder)
    files = [folder / f"u{i:03d}.wav" for i in range(len(waves))]
    for file, wave in zip(files, waves, strict=True):
        soundfile.write(file, wave, RATE, subtype="PCM_16")
    extractor = make("prosody", mode="compat")
    rules, ceiling = extractor.params.rules, extractor.params.ceiling

    def read() -> list[Wave]:
        return [soundfile.read(file, dtype="float32")[0] for file in files]

    clean = make("prosody", f0_ceiling=ceiling)
    wrong = max(
        difference(streams["values"][0], theirs(file))
        for streams, file in zip(run_all(extractor, read()), files, strict=True)
    )
    exact = [f0.praat_f0(wave, RATE, extractor.params.f0_floor, ceiling) for wave in waves]
    tracks = f0.f0_tracks(waves, RATE, extractor.params.f0_floor, ceiling)
    apart = max(difference(ours, praats) for ours, praats in zip(tracks, exact, strict=True))
    times = interleaved(
        {
            "peer": lambda: [theirs(file) for file in files],
            "compat": lambda: run_all(extractor, read()),
            "clean": lambda: run_all(clean, read()),
            "praat": lambda: [f0.praat_f0(wave, RATE, extractor.params.f0_floor, ceiling) for wave in waves],
            "f0": lambda: f0.f0_tracks(waves, RATE, extractor.params.f0_floor, ceiling),
            "after": lambda: [
                prosody.static_prosody(wave, RATE, track, rules) for wave, track in zip(waves, tracks, strict=True)
            ],
        },
        1 if quick else 5,
    )
    each = {name: 1000 * time / len(waves) for name, time in times.items()}
    length = sum(map(len, waves)) / RATE / len(waves)
    note = f"{each['clean']:.3g} ms an utterance of {length:.2g} s, peer {each['peer']:.3g} ms: {label}"
    return [
        Figure("prosody", "clean, WAV file to features", each["peer"] / each["clean"], "times", 20, note=note),
        Figure("prosody", "compat, with Praat's own F0", each["peer"] / each["compat"], "times"),
        Figure("prosody", "stage after F0", each["after"], "ms", below=3, note="an utterance"),
        Figure("prosody", "F0 of clean", each["f0"], "ms", note=f"an utterance; Praat's own {each['praat']:.3g} ms"),
        Figure("prosody", "F0 of clean: relative difference from Praat's", apart, "", below=1e-6, check=True),
        Figure(
            "prosody",
            "compat: relative difference from the peer",
            wrong,
            "",
            below=1e-6,
            note="NaNs the same",
            check=True,
        ),
    ]


def difference(ours: Any, theirs: Any) -> float:
    """Largest difference relative to the value, or to 1e-6 where it is smaller; infinite where only one is NaN.

    Of values that are 0 in theory, such as the skewness of two values, there is rounding noise on both sides.
    """
    if not np.array_equal(np.isnan(ours), np.isnan(theirs)):
        return float("inf")
    scale = np.maximum(np.abs(theirs), 1e-6)
    return float(np.nanmax(np.abs(ours - theirs) / scale))


def speech(inputs: Sequence[Path], quick: bool) -> tuple[list[Wave], str]:
    """Recordings at 16 kHz: those given (`COUNT` of them, evenly spaced), or synthetic ones; and what they are.

    Raises:
        UserError: an input is no recording, or cannot be decoded.
    """
    count = 4 if quick else COUNT
    if inputs:
        from pipeline.audio.cutting import decode_source
        from pipeline.serving.recordings import find

        sources = list(find(inputs).values())
        if not sources:
            raise UserError(f"{inputs[0]}: no recordings")
        chosen = [sources[i * len(sources) // count] for i in range(count)] if len(sources) > count else sources
        waves = [to_float(to_pcm16(resample(*decode_source(source), RATE))) for source in chosen]
        return waves, f"{len(waves)} of {len(sources)} recordings"
    rng = np.random.default_rng(0)
    lengths = rng.uniform(*((1.0, 1.5) if quick else LENGTHS), count)
    waves = [to_float(synthetic_speech(rng, length)) for length in lengths]
    return waves, f"{count} synthetic utterances"


PARTS: dict[str, Callable[[Path, Sequence[Wave], bool], list[Figure]]] = {
    "logmel": logmel,
    "mfcc": mfcc,
    "prosody": prosody,
    "ssl": on_cpu,
}
"""name for --only -> what measures it, on these recordings, quickly or fully"""


def run(
    inputs: Sequence[Path],
    only: Sequence[str],
    quick: bool,
    json: Path | None,
    echo: Callable[[str], None],
    say: Callable[[str], None],
) -> bool:
    """Measure these parts (default: all) on one core, print the table, and write it to `json`.

    Returns:
        Whether every part could be run and, but for the speed of quick figures, every target is met.

    Raises:
        ParamsError: a part is unknown; the message lists those there are.
        UserError: an input is no recording, or cannot be decoded.
    """
    check_parts(only, PARTS)
    waves, label = speech(inputs, quick)
    label += f", {sum(map(len, waves)) / RATE / len(waves):.2g} s on average"
    with one_core():
        figures, skipped = measured(PARTS, only, say, waves, quick)
    echo(table(figures, skipped))
    echo(f"Measured on {label}; medians, peers taking turns with ours, on one core.")
    if json is not None:
        write_json(json, figures, skipped, benchmark="features", quick=quick, recordings=label)
    return all_met(figures, skipped, quick, echo)
