"""Projects of any shape finish with `dvc repro`, and are up to date afterwards."""

import shutil

import numpy as np
import pytest
import soundfile
from projects import REPOSITORY, code_project, ran, ser, sh

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
                noise = np.random.default_rng(take + 10 * number + 100 * ord(speaker[0])).standard_normal(8000)
                soundfile.write(path, 0.1 * (1 + number) * noise / abs(noise).max(), 16000)
    return lambda params: code_project(tmp_path, BASE + params)


@pytest.mark.parametrize(
    ("params", "stages"),
    [
        ("keep: {mine: [cepstra]}\n", {"features-mine-cepstra"}),
        (
            "experiments: {one: {system: pooled, corpus: mine, protocol: loso, mfcc: cepstra, prosody: melody}}\n",
            {"features-mine-cepstra", "features-mine-melody", "train-one", "evaluate", "report"},
        ),
        (
            "experiments: {one: {system: svm, corpus: mine, protocol: loso, ssl: tiny}}\n",
            {"features-mine-tiny", "train-one", "evaluate", "report"},
        ),
        (
            "conditions: {noise: {snr: 10}, telephone: {band: [300, 3400], rate: 8000}}\n"
            "experiments:\n"
            "  one: {system: pooled, corpus: mine, protocol: loso, mfcc: cepstra, test_on: [noise], trainings: 2}\n"
            "  two: {system: svm, corpus: mine, protocol: loso, ssl: tiny, test_on: [telephone, noise]}\n",
            {"features-mine-cepstra", "features-mine-tiny", "train-one", "train-two", "test-one", "test-two"}
            | {"evaluate", "report"}
            | {"condition-mine-noise", "condition-mine-telephone", "features-mine-noise-cepstra"}
            | {"features-mine-noise-tiny", "features-mine-telephone-tiny"},
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
            {"features-mine-cepstra", "features-mine-mel", "features-mine-melody", "fuse-both", "evaluate", "report"}
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


def test_the_examples_of_contributing_run_through_the_graph(tmp_path):
    """A feature, a system and a corpus, each one file put into its folder, and no list of modules anywhere."""
    for actor in ("01", "02", "03"):
        for letter in "CT":
            for sentence in (1, 2, 3):
                noise = np.random.default_rng(100 * int(actor) + ord(letter) + sentence).standard_normal(4000)
                path = tmp_path / "cafe" / letter / f"{actor}-{letter}-1-{sentence}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, 0.1 * noise * (1 + (letter == "T")) / abs(noise).max(), 16000)
    folder = code_project(
        tmp_path,
        "corpora: {cafe: {reader: cafe, root: cafe}}\n"
        "features:\n"
        "  crossings: {extractor: zero_crossings, hop_length: 320}\n"
        "  cepstra: {extractor: mfcc}\n"
        "protocols: {loso: {scheme: leave_one_speaker_out, validation_speakers: 0}}\n"
        "experiments:\n"
        "  attentive: {system: attentive_mfcc, corpus: cafe, protocol: loso, mfcc: cepstra, params: {epochs: 2}}\n"
        "keep: {cafe: [crossings]}\n"
        "scoring: {bootstrap: 100}\n",
    )
    for name, room in (("zero_crossings", "features"), ("attentive_mfcc", "systems"), ("cafe", "corpora")):
        shutil.copy(REPOSITORY / f"tests/examples/{name}.py", folder / f"pipeline/{room}")
    ser(folder, "graph")
    stages = {"manifest-cafe", "audio-cafe", "features-cafe-crossings", "features-cafe-cepstra", "train-attentive"}
    assert ran(sh(folder, "dvc", "repro")) == {"code", *stages, "evaluate", "report"}
    assert "pipeline/systems/attentive_mfcc.py" in (folder / "data/code/train-attentive_mfcc.txt").read_text()
    path = folder / "pipeline/features/zero_crossings.py"
    path.write_text(path.read_text().replace('version = "1"', 'version = "2"'))
    assert ran(sh(folder, "dvc", "repro")) == {"code", "features-cafe-crossings"}
