"""Cut and extend utterances to the length that an extractor's params ask for."""

import numpy as np

from pipeline.audio.samples import Wave
from pipeline.features.base import FeatureParams


def fit(wave: Wave, params: FeatureParams) -> Wave:
    """Clip or extend a wave as `params.clip`, `params.pad_to` and `params.pad` say.

    With `pad: repeat`, whole copies are appended until `pad_to` is reached; `clip`, applied afterwards, cuts the last.
    """
    if params.pad_to is not None:
        missing = round(params.pad_to * params.sample_rate) - len(wave)
        if missing > 0 and params.pad == "repeat" and len(wave):
            wave = np.tile(wave, 1 + -(-missing // len(wave)))
        elif missing > 0:
            wave = np.pad(wave, (0, missing))
    if params.clip is not None:
        wave = wave[: round(params.clip * params.sample_rate)]
    return wave


def fitted_length(samples: int, params: FeatureParams) -> int:
    """How many samples `fit` makes of so many."""
    if params.pad_to is not None and (missing := round(params.pad_to * params.sample_rate) - samples) > 0:
        repeated = params.pad == "repeat" and samples
        samples += samples * -(-missing // samples) if repeated else missing
    if params.clip is not None:
        samples = min(samples, round(params.clip * params.sample_rate))
    return samples
