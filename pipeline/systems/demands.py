"""What systems ask of the features that they read, as far as the params of features tell: before any is computed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.features.base import FeatureParams


@dataclass(frozen=True)
class Feature:
    """An entry of `features` or `embeddings`.

    Attributes:
        name: the entry's.
        params: its params, validated.
        blocks: how many the model of an embedding has; None where that is not known, or of no model.
    """

    name: str
    params: FeatureParams
    blocks: int | None = None

    def get(self, param: str) -> Any:
        """The value of a param; None where the extractor has none of that name."""
        return getattr(self.params, param, None)


Features = Mapping[str, Feature]
"""role -> the feature that fills it"""


def unequal_lengths(features: Features, roles: Sequence[str], reader: str, cure: str) -> Iterator[str]:
    """Features whose utterances have frames as many as they are long, where all must have the same number.

    Args:
        features: of the experiment.
        roles: that must be of one length, of those that there are.
        reader: what wants that, for the error.
        cure: what to set, for the error.
    """
    for role in roles:
        if role in features and not _of_one_length(features[role]):
            name = features[role].name
            yield f"{role}: utterances of {name!r} differ in length, and {reader} takes one length; {cure}"


def _of_one_length(feature: Feature) -> bool:
    clip, pad_to = feature.get("clip"), feature.get("pad_to")
    return bool(feature.get("resize")) or (clip is not None and pad_to is not None and pad_to >= clip)


def other_rate(features: Features, reader: str) -> Iterator[str]:
    """Waveforms that are not at 16 kHz.

    Args:
        features: of the experiment.
        reader: what wants that, for the error.
    """
    waveform = features["waveform"]
    if (rate := waveform.get("sample_rate")) != 16000:
        yield f"waveform: {waveform.name!r} is at {rate} Hz, and {reader} takes 16000 Hz; set its sample_rate"
