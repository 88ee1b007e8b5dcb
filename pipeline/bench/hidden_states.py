"""Hidden states beside a loop of whole `transformers` models, at several batch sizes, in half precision, of Whisper's
two contexts; and their share of the processor's rate in matrix products.
"""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.audio.samples import Wave
from pipeline.bench.extraction import LAYERS, RATE, encoder, make
from pipeline.bench.product_share import product_shares
from pipeline.bench.timing import Figure, interleaved, seconds
from pipeline.features.base import Extractor

SIZES = (10.0, 30.0, 60.0)
"""audio in a batch (s)"""
CPU_COUNT = 12
"""utterances on the CPU: each takes about half a second"""
PADDED_COUNT = 3
"""utterances of Whisper padded to 30 s: each takes about a second"""
WHISPER: dict[str, Any] = {
    "d_model": 512,
    "encoder_layers": 6,
    "encoder_attention_heads": 8,
    "encoder_ffn_dim": 2048,
    "decoder_layers": 1,
    "decoder_attention_heads": 8,
    "vocab_size": 8,
    **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"), 0),
}
"""the encoder of Whisper base; its decoder is not used"""
QUICK_WHISPER = WHISPER | {
    "d_model": 32,
    "encoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
}


def on_cpu(folder: Path, waves: Sequence[Wave], quick: bool) -> list[Figure]:
    """Layers 1 and 9 of an encoder of base size with random weights, on one core."""
    model, waves = encoder(folder, quick), waves[: 2 if quick else CPU_COUNT]
    extractor, loop = ours(model, "cpu"), one_by_one(model, waves, "cpu")
    error = max(
        float(np.abs(mine["layer_09"].astype(np.float32) - other).max())
        for mine, other in zip(extract_all(extractor, waves, 60.0), loop(), strict=True)
    )
    times = interleaved({"loop": loop, "ours": lambda: extract_all(extractor, waves, 60.0)}, 1 if quick else 3)
    each = {name: time / len(waves) for name, time in times.items()}
    note = f"{each['ours']:.3g} s an utterance, loop {each['loop']:.3g} s; {_said(quick)}"
    figures = [
        Figure("ssl", "beside a loop of 12 blocks", each["loop"] / each["ours"], "times", 1.25, note=note),
        Figure("ssl", "largest difference from the loop", error, "", note="in half precision, as stored"),
    ]
    length = sum(map(len, waves)) / RATE
    for size in SIZES[:1] if quick else SIZES:
        _reset_peak()
        taken = seconds(partial(extract_all, extractor, waves, size))
        note = f"{taken / length:.3g} of real time; peak memory of the process {_peak()}"
        figures.append(Figure("ssl", f"batches of {size:g} s", length / taken, "times real time", note=note))
    return figures + _contexts_and_formats(model, whisper_encoder(folder, quick), waves, quick)


def _contexts_and_formats(model: str, whisper: str, waves: Sequence[Wave], quick: bool) -> list[Figure]:
    """What Whisper gains by seeing an utterance alone, and each encoder by bfloat16 where the processor has it.

    Args:
        model: folder of a wav2vec 2.0 encoder.
        whisper: folder of a Whisper encoder.
        waves: utterances at 16 kHz, (samples,) each.
        quick: whether the encoders are toys.
    """
    from pipeline.features.ssl.batches import has_bfloat16
    from pipeline.jobs.kernels import has_amx

    few, blocks = waves[:PADDED_COUNT], (QUICK_WHISPER if quick else WHISPER)["encoder_layers"]
    padded, exact = {"model": whisper, "layers": (blocks,)}, {"model": whisper, "layers": (blocks,), "context": "exact"}
    half = {"compute": "bfloat16"} if has_bfloat16() else {}
    chosen = {
        "padded": (padded, few),
        "exact": (exact, waves),
        "wav2vec": ({"model": model, "layers": LAYERS}, waves),
        "padded half": (padded | half, few),
        "wav2vec half": ({"model": model, "layers": LAYERS} | half, waves),
    }
    tasks = {name: partial(extract_all, make("ssl", **own), some, 60.0) for name, (own, some) in chosen.items()}
    times = interleaved(tasks, 1 if quick else 3)
    each = {name: time / len(chosen[name][1]) for name, time in times.items()}
    length = sum(map(len, waves)) / RATE / len(waves)
    note = f"{each['exact']:.3g} s an utterance of {length:.2g} s, padded {each['padded']:.3g} s; random weights"
    figures = [
        Figure("ssl", "Whisper base, exact beside padded", each["padded"] / each["exact"], "times", 10, note=note)
    ]
    for name, label in {"padded": "Whisper base, padded", "wav2vec": "wav2vec2-base"}.items() if half else ():
        ratio, note = each[name] / each[f"{name} half"], f"{each[f'{name} half']:.3g} s an utterance"
        least, said = (
            (2, note) if has_amx() else (None, f"{note}; at least 2 is the target with AMX, which is not here")
        )
        figures.append(Figure("ssl", f"{label}: bfloat16 beside float32", ratio, "times", least, note=said))
    return figures + _eight_bits(exact, half, waves, quick) + _shares(model, whisper, waves, quick)


def _eight_bits(exact: dict[str, Any], half: dict[str, Any], waves: Sequence[Wave], quick: bool) -> list[Figure]:
    """What dynamic quantisation of the linear layers would gain, and what it does to the states.

    It is no choice: its scale is of a whole batch, so that an utterance's states depend on what is beside it.

    Args:
        exact: params of the extractor in float32.
        half: those it has besides in bfloat16; none where the processor has not that.
        waves: utterances at 16 kHz, (samples,) each.
        quick: whether the encoder is a toy.
    """
    import torch

    choices = {"float32": make("ssl", **exact), "int8": make("ssl", **exact)}
    if half:
        choices["bfloat16"] = make("ssl", **exact, **half)
    blocks: Any = choices["int8"].encoder.backbone.encoder  # type: ignore[attr-defined]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says of its own tensors of int8 that they are to go
        try:
            torch.ao.quantization.quantize_dynamic(blocks.layers, {torch.nn.Linear}, torch.qint8, inplace=True)
        except (AttributeError, RuntimeError):  # torch is to lose it, and has it not on every processor
            return []
    states = {name: _states(extract_all(extractor, waves, 60.0)) for name, extractor in choices.items()}
    tasks = {name: partial(extract_all, extractor, waves, 60.0) for name, extractor in choices.items()}
    times = interleaved(tasks, 1 if quick else 3)
    alone = {name: _states([extract_all(own, [wave], 60.0)[0] for wave in waves]) for name, own in choices.items()}
    exactly = states.pop("float32")
    said = [
        f"{name} {times[name] / len(waves):.3g} s, states off by {_off(own, exactly):.3g} %, and from those of the "
        f"utterance alone by {_off(own, alone[name]):.3g} %"
        for name, own in states.items()
    ]
    note = f"an utterance: float32 {times['float32'] / len(waves):.3g} s; {'; '.join(said)}"
    gain = times["float32"] / times["int8"]
    return [Figure("ssl", "Whisper base, exact: int8 beside float32", gain, "times", note=note)]


def _off(states: Any, right: Any) -> float:
    """How far states are from the right ones (%), of their norm."""
    return float(100 * np.linalg.norm(states - right) / np.linalg.norm(right))


def _states(features: Sequence[dict[str, Any]]) -> Any:
    """The states of all utterances, one after another, in single precision."""
    return np.concatenate([states for one in features for states in one.values()]).astype(np.float32)


def _shares(model: str, whisper: str, waves: Sequence[Wave], quick: bool) -> list[Figure]:
    """The share of the rate of matrix products that each encoder reaches; see `product_shares`."""
    from pipeline.features.ssl.batches import has_bfloat16

    blocks = (QUICK_WHISPER if quick else WHISPER)["encoder_layers"]
    settings: dict[str, dict[str, Any]] = {
        "wav2vec2-base": {"model": model, "layers": LAYERS},
        "Whisper base, padded": {"model": whisper, "layers": (blocks,)},
        "Whisper base, exact": {"model": whisper, "layers": (blocks,), "context": "exact"},
    }
    encoders = {
        f"{name}, {compute}": (make("ssl", compute=compute, **own), waves[: 2 if "padded" in name else None])
        for compute in ("float32", "bfloat16")[: 1 + has_bfloat16()]
        for name, own in settings.items()
    }
    return product_shares(encoders, lambda extractor, some: extract_all(extractor, some, 60.0), 1 if quick else 5)


def whisper_encoder(folder: Path, quick: bool) -> str:
    """Save a Whisper of base size (a quick one: tiny) with random weights, and return its folder."""
    import torch
    from transformers import WhisperConfig, WhisperModel

    config: Any = QUICK_WHISPER if quick else WHISPER
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        WhisperModel(WhisperConfig(**config)).save_pretrained(folder / "whisper")
    return str(folder / "whisper")


def ours(model: str, device: str, compute: str = "float32") -> Extractor[Any]:
    """Our extractor of layers 1 and 9."""
    from pipeline.features import find_extractor

    cls = find_extractor("ssl")
    return cls(cls.Params(model=model, layers=LAYERS, compute=compute), device)  # type: ignore[call-arg]


def extract_all(extractor: Extractor[Any], waves: Sequence[Wave], size: float) -> list[dict[str, Any]]:
    """All waves, by length in batches of `size` s as extraction makes them; results in the order given."""
    order = sorted(range(len(waves)), key=lambda i: -len(waves[i]))
    results: dict[int, dict[str, Any]] = {}
    while order:
        batch: list[int] = []
        filled = 0.0
        while order and (not batch or filled + len(waves[order[0]]) / RATE <= size):
            filled += len(waves[order[0]]) / RATE
            batch.append(order.pop(0))
        results.update(zip(batch, extractor.extract([waves[i] for i in batch]), strict=True))
    return [results[i] for i in range(len(waves))]


def one_by_one(model: str, waves: Sequence[Wave], device: str) -> Callable[[], list[Any]]:
    """One utterance at a time through all blocks, keeping layer 9: what users run today."""
    import torch
    from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2Model

    prepare: Any = Wav2Vec2FeatureExtractor()
    whole: Any = Wav2Vec2Model.from_pretrained(model).eval().to(device)

    def run() -> list[Any]:
        results = []
        with torch.no_grad():
            for wave in waves:
                values = prepare(wave, sampling_rate=RATE, return_tensors="pt").input_values.to(device)
                out = whole(values, output_hidden_states=True)
                results.append(out.hidden_states[max(LAYERS)][0].cpu().numpy())
        return results

    return run


def _said(quick: bool) -> str:
    return "a toy encoder, not representative" if quick else "random encoder of wav2vec2-base's size"


def _reset_peak() -> None:
    """Let the process's peak memory start anew (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def _peak() -> str:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return "unknown here"
    kilobytes = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
    return f"{kilobytes / 1e6:.2f} GB"
