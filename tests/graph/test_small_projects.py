"""Projects of any shape finish with `dvc repro`, and are up to date afterwards."""

import numpy as np
import pytest
import soundfile
from projects import code_project, ran, ser, sh

pytestmark = pytest.mark.slow

BASE = """\
corpora:
  mine: {reader: folder, root: recordings, speaker_pattern: '/([a-z]+)_'}
features:
  mel: {extractor: logmel, n_fft: 512, n_mels: 20}
  cepstra: {extractor: mfcc, n_mfcc: 12, n_mels: 20}
  melody: {extractor: prosody}
embeddings:
  tiny: {model: tiny, layers: [1], pool: mean_std}
protocols:
  loso: {scheme: leave_one_speaker_out, validation_speakers: 0}
scoring: {bootstrap: 100}
"""


@pytest.fixture
def project(tmp_path):
    """A corpus of 27 short noises, by three speakers."""
    for number, emotion in enumerate(("angry", "happy", "sad")):
        for speaker in ("anna", "ben", "cleo"):
            for take in range(3):
                path = tmp_path / "recordings" / emotion / f"{speaker}_{take}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                noise = np.random.default_rng(take + 10 * number).standard_normal(8000)
                soundfile.write(path, 0.1 * (1 + number) * noise / abs(noise).max(), 16000)
    return lambda params: code_project(tmp_path, BASE + params)


@pytest.mark.parametrize(
    ("params", "stages"),
    [
        ("keep: {mine: [cepstra]}\n", {"features-mine-cepstra"}),
        (
            "experiments: {one: {system: pooled, corpus: mine, protocol: loso, mfcc: cepstra, prosody: melody}}\n",
            {"features-mine-cepstra", "features-mine-melody", "train-one", "evaluate"},
        ),
        (
            "experiments: {one: {system: svm, corpus: mine, protocol: loso, ssl: tiny}}\n",
            {"features-mine-tiny", "train-one", "evaluate"},
        ),
        (
            "experiments:\n"
            "  one: {system: svm, corpus: mine, protocol: loso, mfcc: cepstra}\n"
            "  two: {system: pooled, corpus: mine, protocol: loso, logmel: mel, emotions: [angry, happy, sad]}\n"
            "  three: {system: pooled, corpus: mine, protocol: loso, prosody: melody}\n"
            "  four:\n"
            "    {system: pooled, corpus: mine, protocol: loso, mfcc: cepstra, emotions: [sad, {up: [angry, happy]}]}\n"
            "fusions:\n"
            "  both: {of: [one, three], fit_on: other_folds}\n",
            {"features-mine-cepstra", "features-mine-mel", "features-mine-melody", "fuse-both", "evaluate"}
            | {f"train-{name}" for name in ("one", "two", "three", "four")},
        ),
    ],
)
def test_a_project_finishes_and_is_up_to_date(project, params, stages):
    folder = project(params)
    ser(folder, "graph")
    assert ran(sh(folder, "dvc", "repro")) == {"code", "manifest-mine", "audio-mine", *stages}
    assert ran(sh(folder, "dvc", "repro")) == set()
    assert "up to date" in sh(folder, "dvc", "status")
    assert "is current" in ser(folder, "graph", "--check")
