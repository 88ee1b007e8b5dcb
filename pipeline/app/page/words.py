"""What a model says, in words: how likely, how sure, and between what it wavers."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.app.analysis import Branch

SURE, UNSURE = 0.25, 0.75
"""entropy, as a part of the highest there can be, below which a model is sure, and above which it is unsure"""
NEAR = 0.6
"""what of the likeliest emotion's probability another has that a model wavers to"""
SPACE = "\N{NO-BREAK SPACE}"
"""between a number and its unit"""
HEARINGS = {
    "logmel": "the spectrogram (how loud each pitch range is, moment by moment)",
    "lpcc": "the shape of the vocal tract (linear prediction)",
    "mfcc": "the colour of the sound (MFCC)",
    "opensmile": "pitch, loudness and voice quality (openSMILE)",
    "prosody": "melody, loudness and tempo (prosody)",
    "ssl": "what a network trained on much unlabelled speech makes of the sound",
    "stft": "the spectrogram (how loud each frequency is, moment by moment)",
    "waveform": "the sound wave itself",
}
"""extractor -> what it takes from a voice; others go by their names"""
WEIGHINGS = {
    "share of the coefficients' sizes": "so large are its coefficients beside the others', the same for every recording"
}
"""as `analyse` says it -> as a visitor reads it"""


def percent(share: float) -> str:
    """A share in whole percent; what is not quite 0 or 1 is not called so."""
    if 0 < share < 0.01:
        return f"under 1{SPACE}%"
    if 0.99 < share < 1:
        return f"over 99{SPACE}%"
    return f"{100 * share:.0f}{SPACE}%"


def certainty(probabilities: NDArray[np.float64], classes: Sequence[str], entropy: float) -> str:
    """How sure a model is, in a sentence.

    Args:
        probabilities: of all classes, (classes,).
        classes: their names.
        entropy: of the probabilities (bits).
    """
    part = entropy / np.log2(len(classes))
    if part < SURE:
        return f"It is sure, among the {len(classes)} emotions that it knows."
    order = np.argsort(-probabilities, kind="stable")
    if part < UNSURE:
        second = int(order[1])
        return f"It is fairly sure. Next comes {classes[second]}, {percent(probabilities[second])}."
    near = [f"{classes[i]} ({percent(probabilities[i])})" for i in order if wavers(probabilities, int(i))]
    return f"It is unsure between {listed(near)}." if len(near) > 1 else "It is unsure: much else is possible."


def wavers(probabilities: NDArray[np.float64], number: int) -> bool:
    """Whether a class is nearly as likely as the likeliest."""
    return bool(probabilities[number] >= NEAR * probabilities.max())


def doubt(entropy: float, classes: int) -> str:
    """Entropy (bits) as how many equally likely classes have as much: 2 to its power (perplexity)."""
    bits = f"(entropy {entropy:.2f} of {np.log2(classes):.2f} bits)"
    choices = 2**entropy
    if choices < 1.05:
        return f"Doubt: next to none {bits}."
    return f"Doubt: as between {choices:.1f} equally likely emotions, of {classes} {bits}."


def minded(marks: Iterable[str]) -> str:
    """What a reader must know, shortly: what stands before the colon of each mark."""
    return "; ".join(note.split(":")[0].replace("`", "") for note in marks)


def weighed(branch: Branch) -> str:
    """How a fusion took a branch, in a sentence."""
    if branch.weight is None:
        return f"In {branch.fusion}, {branch.weighing}."
    counts = f"{branch.fusion} gives it {percent(branch.weight)} of the say"
    return f"{counts}: {WEIGHINGS.get(branch.weighing, branch.weighing)}."


def listens(extractors: Iterable[str]) -> str:
    """What an experiment with these features hears of a voice, in a sentence."""
    return f"It listens to {listed([HEARINGS.get(name, name) for name in extractors])}."


def listed(texts: Sequence[str], last_by: str = "and") -> str:
    """Texts as "a, b and c"."""
    *first, last = texts
    return f"{', '.join(first)} {last_by} {last}" if first else last
