"""Twenty utterances, and runs over them with the toy extractor that can be interrupted."""

import numpy as np
import pytest
from toy_extractor import Toy, ToyParams

from pipeline.audio.audio_file import write_audio
from pipeline.extraction.extraction import extract
from pipeline.storage.feature_file import FeatureFile


def pcm(i):
    return np.random.default_rng(i).integers(-9999, 9999, 300 + 40 * (i * 7 % 20)).astype(np.int16)


TWENTY = {f"u{i:02d}": pcm(i) for i in range(20)}


class Interrupted(Toy):
    """The toy, until so many batches are done."""

    after = 3

    def extract(self, waves):
        if not self.after:
            raise KeyboardInterrupt
        self.after -= 1
        return super().extract(waves)


def runner(folder):
    """A function that extracts utterances (key -> samples) to a file; interrupted after some batches if asked."""

    def run(utterances, out="out.h5", after=None, seconds=0.1, compression=None, **params):
        audio = folder / "audio.h5"
        write_audio(audio, "mine", 16000, list(utterances.items()))
        toy = (Toy if after is None else Interrupted)(ToyParams(**params))
        toy.after, toy.batch_seconds = after, seconds
        if after is None:
            return extract(toy, FeatureFile(audio), folder / out, "mine", compression=compression)
        with pytest.raises(KeyboardInterrupt):
            extract(toy, FeatureFile(audio), folder / out, "mine", compression=compression)
        return None

    return run
