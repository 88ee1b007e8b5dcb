"""Encoders of the real shapes with random weights, utterances made for them, and what is taken of a device."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.audio.samples import Wave, to_float
from pipeline.bench.extraction import QUICK_ENCODER, RATE, encoder, synthetic_speech
from pipeline.bench.hidden_states import whisper_encoder
from pipeline.errors import UserError
from pipeline.features import find_extractor
from pipeline.features.base import Extractor, Streams
from pipeline.features.ssl.batches import Compute, check_compute

NAMES = ("wav2vec2-base", "hubert-base", "whisper-base")


def model_folder(name: str, folder: Path, quick: bool) -> str:
    """The folder of an encoder below `folder`, where it is made unless it is there; a quick one is a toy."""
    own = folder / (f"{name}-toy" if quick else name)
    own.mkdir(exist_ok=True)
    made = {"wav2vec2-base": encoder, "hubert-base": _hubert, "whisper-base": whisper_encoder}[name]
    there = next(own.glob("*/config.json"), None)
    return made(own, quick) if there is None else str(there.parent)


def states_of(name: str, folder: Path, quick: bool, device: str, **params: Any) -> Extractor[Any]:
    """An extractor of an encoder's layers 1 and 9, in full precision; of Whisper 1 and the last."""
    last = (2 if quick else 6) if name == "whisper-base" else 9
    settings: dict[str, Any] = {"layers": (1, last), "precision": "float32", **params}
    cls = find_extractor("ssl")
    return cls(cls.Params(model=model_folder(name, folder, quick), **settings), device)  # type: ignore[call-arg]


def formats(device: str) -> list[Compute]:
    """The number formats that a device has, of float32 and bfloat16."""
    try:
        check_compute("bfloat16", device)
    except UserError:
        return ["float32"]
    return ["float32", "bfloat16"]


@cache
def utterances(count: int, shortest: float = 1.5, longest: float = 4.0) -> Sequence[Wave]:
    """Synthetic speech, (samples,) each, of these lengths (s)."""
    rng = np.random.default_rng(0)
    return [to_float(synthetic_speech(rng, length)) for length in rng.uniform(shortest, longest, count)]


def length(waves: Sequence[Wave]) -> float:
    """Of all of them (s)."""
    return sum(map(len, waves)) / RATE


def difference(ours: Sequence[Streams], theirs: Sequence[Streams]) -> float:
    """The largest relative difference of a stream of an utterance: norm of the difference over that of `theirs`."""
    return max(
        float(np.linalg.norm(np.subtract(one[name], other[name], dtype=np.float64)) / np.linalg.norm(other[name]))
        for one, other in zip(ours, theirs, strict=True)
        for name in other
    )


def on_cuda(device: str) -> bool:
    """Whether a device is a GPU of CUDA's."""
    return torch.device(device).type == "cuda"


def finish(device: str) -> None:
    """Wait for what a device was given to do."""
    if on_cuda(device):
        torch.cuda.synchronize(device)


def forget_peak(device: str) -> None:
    """Give back what is cached, and let the device's peak memory start anew."""
    if on_cuda(device):
        torch.cuda.init()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peak(device: str) -> float:
    """The device's peak memory (bytes); 0 where it is not counted."""
    return float(torch.cuda.max_memory_allocated(device)) if on_cuda(device) else 0.0


def memory_used(device: str) -> str:
    """The same for a note; "" where it is not counted."""
    return f"; peak memory {peak(device) / 1e9:.2f} GB" if on_cuda(device) else ""


def _hubert(folder: Path, quick: bool) -> str:
    from transformers import HubertConfig, HubertModel

    options: Any = QUICK_ENCODER if quick else {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        HubertModel(HubertConfig(**options)).save_pretrained(folder / "encoder")
    return str(folder / "encoder")
