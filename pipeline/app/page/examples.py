"""Recordings to try the page with: read by a speech synthesiser, so that they are nobody's."""

from collections.abc import Mapping

import numpy as np

from pipeline.app.page.heard import Heard
from pipeline.audio.samples import FULL_SCALE

SEED = 1
"""other than that of the demo corpora, so that no model was trained on these"""
PAUSE = 0.4
"""between two sentences (s)"""

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "An angry sentence": ("en_m1_angry_s09_t1",),
    "A sad sentence": ("en_f1_sad_s12_t1",),
    "From neutral to happy": (
        "en_f2_neutral_s10_t1",
        "en_f2_neutral_s11_t1",
        "en_f2_happy_s12_t1",
        "en_f2_happy_s09_t1",
    ),
}
"""what it is called -> its sentences, as `corpora/synthesis/speech.py` names them"""


def example(name: str) -> Heard:
    """Synthesise an example of `EXAMPLES`, the same each time.

    Raises:
        UserError: the synthesiser is not installed.
    """
    from pipeline.corpora.synthesis.espeak import SAMPLE_RATE
    from pipeline.corpora.synthesis.speech import render

    pause = np.zeros(round(PAUSE * SAMPLE_RATE))
    spoken = [part for stem in EXAMPLES[name] for part in (pause, render(stem, 1.0, SEED) / FULL_SCALE)]
    return Heard(name, np.concatenate(spoken[1:]), SAMPLE_RATE)
