"""The papers' feature settings by name, for `preset: NAME` in params.yaml and `--set preset=NAME`."""

from collections.abc import Mapping
from typing import Any

from pipeline.errors import ParamsError, nearest

HUBERT, WAV2VEC2 = "facebook/hubert-base-ls960", "facebook/wav2vec2-base"

# Deeb et al. 2024: at most 8 s, at least 3
CA_SER = {"sample_rate": 16000, "clip": 8.0, "pad_to": 3.0, "pad": "repeat"}

# Zhao et al. 2025: 7 s, in frames of 40 ms every 20 ms, which makes 349 of them, as many as HuBERT's
HUMP_CAT = {"sample_rate": 16000, "clip": 7.0, "pad_to": 7.0, "pad": "repeat"}
HUMP_CAT_FRAMES = {**HUMP_CAT, "n_fft": 640, "hop_length": 320, "window": "hamming", "center": False}

# Wei et al. 2025: 3 s
DUAL_BRANCH = {"clip": 3.0, "pad_to": 3.0}

PRESETS: dict[str, tuple[str, dict[str, Any]]] = {
    # Yu et al. 2024, with the hop's "512 ms" read as samples; layer 9 is what CAF starts from here
    "caf_logmel": ("logmel", {"sample_rate": 16000, "n_fft": 2048, "hop_length": 512, "n_mels": 224, "resize": 224}),
    "caf_hubert": ("ssl", {"model": HUBERT, "layers": [9]}),
    "caf_wav2vec2": ("ssl", {"model": WAV2VEC2, "layers": [9]}),
    # n_fft, n_mels and pre_emphasis are not in the paper
    "ca_ser_mfcc": (
        "mfcc",
        {**CA_SER, "n_mfcc": 40, "n_fft": 400, "hop_length": 160, "n_mels": 64, "pre_emphasis": 0.97},
    ),
    "ca_ser_wav2vec2": ("ssl", {**CA_SER, "model": WAV2VEC2, "layers": [9]}),
    # 12 coefficients and energy, with two derivatives; the bands of the MFCC and the order of the LPCC are not in the
    # paper; the prosody is of the whole utterance, as repeating it would add pauses and F0 jumps that nobody spoke
    "hump_cat_hubert": ("ssl", {**HUMP_CAT, "model": HUBERT, "layers": [1, 9]}),
    "hump_cat_mfcc": ("mfcc", {**HUMP_CAT_FRAMES, "n_mfcc": 13, "energy": True, "deltas": 2, "n_mels": 40}),
    "hump_cat_prosody": ("prosody", {"sample_rate": 16000, "mode": "clean"}),
    "hump_cat_lpcc": ("lpcc", {**HUMP_CAT_FRAMES, "order": 16, "n_lpcc": 16}),
    "hump_cat_stft": ("stft", HUMP_CAT_FRAMES),
    # 278 frames
    "dual_branch_logmel": (
        "logmel",
        {**DUAL_BRANCH, "sample_rate": 48000, "n_fft": 2048, "hop_length": 512, "n_mels": 128, "center": False},
    ),
    "dual_branch_wav2vec2": ("ssl", {**DUAL_BRANCH, "model": WAV2VEC2, "layers": [9]}),
    "dual_branch_waveform": ("waveform", {**DUAL_BRANCH, "sample_rate": 16000}),
    # Zheng et al. 2024: 3 s at most; shorter ones are padded, and masked, batch by batch
    "serct_waveform": ("waveform", {"sample_rate": 16000, "clip": 3.0}),
}
"""name -> its extractor and params; lengths in samples, clip and pad_to in seconds"""


def presets_of(extractor: str) -> dict[str, dict[str, Any]]:
    """The presets of one extractor: name -> params."""
    return {name: values for name, (owner, values) in PRESETS.items() if owner == extractor}


def resolve(extractor: str, values: Mapping[str, Any], key: str = "") -> dict[str, Any]:
    """Params with the key `preset`, if there, replaced by what it stands for; other keys override the preset's.

    Args:
        extractor: the extractor's name.
        values: params as the user wrote them; they are not validated here.
        key: where they stand, for the error.

    Raises:
        ParamsError: the preset is not known, or is another extractor's.
    """
    if "preset" not in values:
        return dict(values)
    name = values["preset"]
    place = f"{key}.preset" if key else "preset"
    own = presets_of(extractor)
    if not isinstance(name, str) or name not in PRESETS:
        known = ", ".join(own) or "none"
        raise ParamsError(f"{place}: {name!r} is not known{nearest(str(name), own or PRESETS)}; known: {known}")
    if name not in own:
        raise ParamsError(f"{place}: {name!r} is of {PRESETS[name][0]}, not {extractor}; known: {', '.join(own)}")
    return own[name] | {field: value for field, value in values.items() if field != "preset"}
