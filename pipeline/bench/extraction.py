"""What extraction costs beside computing: writing, adding to a corpus, and how well two workers share the work."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.audio_file import write_audio
from pipeline.bench.timing import Figure, Skipped, clocked, interleaved, seconds
from pipeline.extraction import computation, extraction
from pipeline.extraction.assembly import Assembly
from pipeline.extraction.recipe import memory_beside
from pipeline.features import find_extractor
from pipeline.features.base import Extractor
from pipeline.jobs.executors import cores, open_executor
from pipeline.jobs.workplace import Workplace
from pipeline.storage.feature_file import FeatureFile

RATE = 16000
"""Hz"""
BANK = 50
"""different voices; further utterances are these, shifted and scaled"""
LAYERS = (1, 9)
UTTERANCE = 4.0
"""length of an utterance that workers share (s)"""
WORKED: dict[str, tuple[float, dict[str, Any]]] = {
    "logmel": (2.0, {"n_mels": 128}),
    "mfcc": (2.0, {"n_mfcc": 40, "n_fft": 400, "hop_length": 160, "n_mels": 64, "pre_emphasis": 0.97}),
    "prosody": (0.5, {}),
}
"""extractor -> how much audio workers share (h), and its params"""
QUICK_ENCODER: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 9,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}


def synthetic_speech(rng: np.random.Generator, length: float) -> NDArray[np.int16]:
    """Bursts of gliding harmonics and of noise between pauses, `length` s at 16 kHz: (samples,)."""
    time = np.arange(round(length * RATE)) / RATE
    pitch = rng.uniform(90, 250) * (1 + 0.15 * np.sin(2 * np.pi * rng.uniform(0.3, 1.5) * time))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = sum(np.sin(k * phase) / k for k in range(1, 9))
    syllables = np.sin(2 * np.pi * rng.uniform(1.5, 4) * time + rng.uniform(0, 6))
    noise = rng.standard_normal(len(time))
    wave = np.where(syllables > -0.2, voice, np.where(syllables > -0.7, 0.2 * noise, 0.005 * noise))
    return np.asarray(wave / np.abs(wave).max() * rng.uniform(3000, 30000), np.int16)


def corpus(path: Path, count: int, length: float, without: frozenset[int] = frozenset()) -> FeatureFile:
    """Write the audio of `count` different utterances of `length` s, in key order; `without` leaves some out."""
    rng = np.random.default_rng(0)
    bank = [synthetic_speech(rng, length) for _ in range(min(count, BANK))]
    rows = [(f"u{i:06d}", np.roll(bank[i % BANK], 37 * (i // BANK))) for i in range(count) if i not in without]
    write_audio(path, "synthetic", RATE, rows)
    return FeatureFile(path)


def encoder(folder: Path, quick: bool) -> str:
    """Save a wav2vec 2.0 encoder of base size (a quick one: tiny) with random weights, and return its folder."""
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2Model
    from transformers.utils import logging

    logging.disable_progress_bar()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config: Any = QUICK_ENCODER if quick else {}
        Wav2Vec2Model(Wav2Vec2Config(**config)).save_pretrained(folder / "encoder")
    return str(folder / "encoder")


def make(name: str, **params: Any) -> Extractor[Any]:
    """An extractor, on the CPU."""
    cls = find_extractor(name)
    return cls(cls.Params(**params))


def run(extractor: Extractor[Any], audio: FeatureFile, out: Path, workers: int = 1) -> None:
    """Extract on this machine, whatever the environment says."""
    extraction.extract(extractor, audio, out, "synthetic", Workplace(workers, cluster=""))


def writing(folder: Path, quick: bool) -> list[Figure]:
    """What the journal, the final file and its checksum take of an extraction of hidden states.

    Pieces are kept by a thread beside the computation; their time counts in full nevertheless.
    """
    audio = corpus(folder / "audio.h5", 4 if quick else 60, 2.0)
    extractor = make("ssl", model=encoder(folder, quick), layers=LAYERS)
    run(extractor, corpus(folder / "warm.h5", 1, 1.0), folder / "warm-out.h5")
    with (
        clocked(extraction, "Journal") as begun,
        clocked(computation, "save_piece") as kept,
        clocked(Assembly, "__exit__") as assembled,
    ):
        total = seconds(lambda: run(extractor, audio, folder / "out.h5"))
    journal, final = 100 * (begun["Journal"] + kept["save_piece"]) / total, 100 * assembled["__exit__"] / total
    note = f"{len(audio)} utterances of 2 s in {total:.3g} s, layers {LAYERS}, {_encoder_said(quick)}"
    return [
        Figure("writing", "journal, of an SSL extraction", journal, "%"),
        Figure("writing", "final file and checksum", final, "%"),
        Figure("writing", "both", journal + final, "%", below=5, note=note),
    ]


def adding(folder: Path, quick: bool) -> list[Figure]:
    """A second extraction after 1 % of the utterances came to the corpus, against one of the whole corpus."""
    model = encoder(folder, quick)
    count = 20 if quick else 1000
    _, fresh, _, whole = _add(folder, partial(make, "prosody"), count, quick)
    note = f"{max(1, count // 100)} of {count} utterances of 2 s, one worker; all take {whole:.3g} s"
    prosody = Figure("adding", "1 % to prosody", 100 * fresh / whole, "%", below=5, note=note)
    count = 10 if quick else 100
    kept, fresh, load, whole = _add(folder, partial(make, "ssl", model=model, layers=LAYERS), count, quick)
    note = f"1 of {count} utterances of 2 s; all take {whole:.3g} s, loading {load:.2g} s, {_encoder_said(quick)}"
    return [
        prosody,
        Figure("adding", "1 % to SSL, model loaded before", 100 * kept / whole, "%", below=5, note=note),
        Figure("adding", "1 % to SSL, with loading the model", 100 * fresh / (whole + load), "%", below=5),
    ]


def _add(
    folder: Path, fresh: Callable[[], Extractor[Any]], count: int, quick: bool
) -> tuple[float, float, float, float]:
    """Time of adding 1 % with a used extractor and with a new one, of loading one, and of all utterances (s).

    A new one knows of its model what stages keep beside features.
    """
    new = frozenset(range(count // 2 % 100, count, 100))
    whole, most = corpus(folder / "whole.h5", count, 2.0), corpus(folder / "most.h5", count, 2.0, new)
    before, again = folder / "before.h5", folder / "again.h5"
    memory = memory_beside(before)
    used = fresh()
    used.recall(memory)
    run(used, corpus(folder / "warm.h5", 1, 1.0), again)  # imports what it needs
    load = seconds(lambda: fresh().weights_digest)
    before.unlink(missing_ok=True)
    total = seconds(lambda: run(used, whole, before))
    run(used, most, before)
    used.keep(memory)

    def informed() -> Extractor[Any]:
        extractor = fresh()
        extractor.recall(memory)
        return extractor

    def add(extractor: Callable[[], Extractor[Any]]) -> float:
        shutil.copyfile(before, again)
        return seconds(lambda: run(extractor(), whole, again))

    rounds = [(add(lambda: used), add(informed)) for _ in range(1 if quick else 5)]
    return median(kept for kept, _ in rounds), median(cold for _, cold in rounds), load, total


def _encoder_said(quick: bool) -> str:
    return "a toy encoder, not representative" if quick else "random encoder of wav2vec2-base's size"


def two_workers(folder: Path, quick: bool) -> list[Figure]:
    """Whole extractions by two worker processes, started before, against this process; each has one numeric thread."""
    if cores() < 2:
        raise Skipped("two workers need two cores")
    warm = corpus(folder / "warm.h5", 4, UTTERANCE)
    figures: list[Figure] = []
    with open_executor(2, 2, cluster="") as pool:

        @contextmanager
        def started(workers: int, *_: Any) -> Iterator[Executor | None]:
            yield pool if workers > 1 else None

        def once(extractor: Extractor[Any], file: FeatureFile, out: Path, workers: int) -> None:
            out.unlink(missing_ok=True)
            with mock.patch.object(computation, "open_executor", started):
                run(extractor, file, out, workers)

        for name, (hours, params) in WORKED.items():
            audio = corpus(folder / "audio.h5", 20 if quick else round(hours * 3600 / UTTERANCE), UTTERANCE)
            extractor, out = make(name, **params), folder / f"{name}.h5"
            extractor.batch_seconds = 20.0 if quick else extractor.batch_seconds
            if not figures:
                start = seconds(partial(once, extractor, warm, out, 2))
                figures.append(Figure("workers", "starting the pool", start, "s", note="not counted below"))
            tasks = {str(workers): partial(once, extractor, audio, out, workers) for workers in (1, 2)}
            times = interleaved(tasks, 1 if quick else 7)
            note = f"{len(audio) * UTTERANCE / 3600:.2g} h of audio, {times['1']:.3g} s by one"
            ratio = times["1"] / times["2"]
            figures.append(Figure("workers", f"two on {name}, of one", ratio, "times", at_least=1.6, note=note))
    return figures
