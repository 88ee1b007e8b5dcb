"""Which models can be one ONNX graph: said before anything is computed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.errors import UserError
from pipeline.experiments.fusion_methods import Average, Linear
from pipeline.serving.models import FusedModel, Model
from pipeline.systems.normalisation import GROUPS, own_statistics

LONGEST = 30.0
"""of a clip that a graph takes, at most (s): what Whisper sees, and the usual window of other encoders"""

FEATURES = ("logmel", "mfcc", "ssl", "stft", "waveform")
"""extractors that there are modules for"""
OF_VECTORS = ("mlp", "pooled", "probe")
"""systems of one vector an utterance, which can be those of hidden states"""
OF_FRAMES = (
    "ca_ser",
    "caf",
    "caf_logmel",
    "caf_ssl",
    "cnn",
    "cnn_bilstm",
    "lstm",
    "serct",
    "spectrogram",
    "wav2vec",
)


def check_exportable(source: Model | FusedModel) -> None:
    """Refuse models that cannot be one graph from the waveform to the probabilities.

    Raises:
        UserError: they cannot; the message says which of them, and why.
    """
    for model in source.leaves():
        for problem in _problems(model):
            raise UserError(f"--onnx: {model.card.name} {problem}")
    rates = {recipe.params["sample_rate"] for model in source.leaves() for recipe in model.card.features.values()}
    if len(rates) > 1:
        both = " and ".join(map(str, sorted(rates)))
        raise UserError(f"--onnx: {source.card.name} reads audio at {both} Hz, and a graph takes one waveform")
    if isinstance(source, FusedModel):
        _check_fusions(source)


def rate_of(source: Model | FusedModel) -> int:
    """The sampling rate (Hz) of what a graph takes, which is one, as `check_exportable` sees to."""
    recipes = [recipe.params for model in source.leaves() for recipe in model.card.features.values()]
    return max(int(params["sample_rate"]) for params in recipes)


def longest_clip(source: Model | FusedModel) -> float:
    """Of a clip that a graph takes (s): windows of longer ones are beyond it."""
    recipes = [recipe.params for model in source.leaves() for recipe in model.card.features.values()]
    windows = [float(params["chunk_seconds"]) for params in recipes if "chunk_seconds" in params]
    return min([LONGEST, *windows])


def _check_fusions(source: FusedModel) -> None:
    for fusion in source.fusions.values():
        if not all(isinstance(combiner, Linear | Average) for combiner in fusion.folds):
            method = fusion.card.params.method
            raise UserError(
                f"--onnx: {fusion.card.name} is fused by {method}; a graph can have logistic_regression and "
                "weighted_average"
            )


def _problems(model: Model) -> Iterator[str]:
    card, features = model.card, model.card.features
    if normalisation := own_statistics(card.params):
        yield (
            f"standardises by statistics of each {GROUPS[normalisation]} (normalisation: {normalisation}), and a graph "
            "hears one recording; choose normalisation: training"
        )
    if card.system not in (*OF_VECTORS, *OF_FRAMES):
        yield f"is of the system {card.system}; a graph can have {', '.join(sorted((*OF_VECTORS, *OF_FRAMES)))}"
    for role, recipe in features.items():
        if recipe.extractor not in FEATURES:
            yield f"reads {recipe.extractor}, which no graph computes; those can be {', '.join(FEATURES)}"
        if card.system in OF_VECTORS and role != "ssl":
            yield f"reads functionals of {role}, which no graph computes; {card.system} of hidden states can be one"
    yield from _formats(card.params, [recipe.params for recipe in features.values()])


def _formats(params: Mapping[str, Any], features: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Number formats below single precision, whose rounding a graph would not repeat."""
    if params.get("precision", "float32") != "float32":
        yield f"computes in {params['precision']} (params.precision); a graph has float32"
    for given in features:
        if given.get("compute", "float32") != "float32":
            yield f"reads hidden states computed in {given['compute']}; a graph has float32, so set compute: float32"
