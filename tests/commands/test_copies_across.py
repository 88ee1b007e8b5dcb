"""Copies of a source's recordings in the target of a transfer, and in another corpus of a joint experiment."""

import shutil
from pathlib import Path

import pytest
import soundfile
import soxr
import yaml
from in_process import stage
from test_duplicates import RATE, speech

from pipeline import paths
from pipeline.experiments.predictions import Predictions

LOSO = {"scheme": "leave_one_speaker_out", "validation_speakers": 0}
PARAMS = {
    "corpora": {
        name: {"reader": "folder", "root": name, "speaker_pattern": "/([a-z]+)_"} for name in ("mine", "yours")
    },
    "features": {"cepstra": {"extractor": "mfcc", "n_mfcc": 12, "n_mels": 20}},
    "protocols": {"loso": LOSO, "random": {"scheme": "stratified_split", "validation": 0, "test": 0.5}},
    "experiments": {
        "one": {"system": "pooled", "corpus": "mine", "protocol": "loso", "mfcc": "cepstra"},
        "both": {"system": "pooled", "corpus": ["mine", "yours"], "protocol": "random", "mfcc": "cepstra"},
    },
    "transfers": {"zero": {"source": "one", "corpus": "yours", "share": 0}},
    "scoring": {"bootstrap": 100},
}


def write(folder, name, wave, rate=RATE):
    path = Path(folder) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate)


def listed(corpus):
    for name, *arguments in (("manifest",), ("audio", "16k"), ("features", "cepstra")):
        done = stage(name, corpus, *arguments)
        assert done.exit_code == 0, done.stderr


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A project whose experiment `one` is trained, and the recordings of the other corpus, without a copy."""
    folder = tmp_path_factory.mktemp("copies")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("params.yaml").write_text(yaml.safe_dump(PARAMS, sort_keys=False))
        for number, corpus in enumerate(("mine", "yours")):
            for i, emotion in enumerate(("angry", "happy", "sad")):
                for j, speaker in enumerate(("anna", "ben", "cleo")):
                    write(corpus, f"{emotion}/{speaker}_1.wav", speech(100 * number + 10 * i + j))
        listed("mine")
        assert stage("train", "one").exit_code == 0
    return folder


@pytest.fixture
def project(source, tmp_path, monkeypatch):
    shutil.copytree(source, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


COPIES = {
    "softer": lambda wave: write("yours", "happy/dora_1.wav", 0.6 * wave),
    "trimmed": lambda wave: write("yours", "happy/dora_1.wav", wave[1234:-777]),
    "mp3": lambda wave: write("yours", "happy/dora_1.mp3", wave),
    "telephone": lambda wave: write("yours", "happy/dora_1.wav", soxr.resample(wave, RATE, 8000), 8000),
}


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_of_the_source_in_the_target_is_refused_with_both_names(project, name):
    COPIES[name](speech(11))  # mine/happy/ben_1
    listed("yours")
    done = stage("transfer", "zero")
    assert done.exit_code == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "'yours/happy/dora_1' is the recording 'mine/happy/ben_1', which one has: a transfer is tested on" in line
    assert not paths.predictions("zero").exists()


def test_a_target_of_its_own_is_tested(project):
    listed("yours")
    done = stage("transfer", "zero")
    assert done.exit_code == 0, done.stderr
    paths.fingerprints("mine").unlink()
    done = stage("transfer", "zero")
    says = "no such fingerprints; `dvc repro manifest-mine` makes them"
    assert (done.exit_code, done.stderr) == (1, f"error: {paths.fingerprints('mine')}: {says}\n")


def test_a_copy_in_the_other_corpus_of_a_joint_experiment_is_its_twin(project):
    COPIES["telephone"](speech(11))
    listed("yours")
    done = stage("train", "both")
    assert done.exit_code == 0, done.stderr
    found = Predictions.read(paths.predictions("both"))
    assert found.card["twins"] == {"yours/happy/dora_1": "mine/happy/ben_1"}
    (fold,) = found.folds
    pair = {"yours/happy/dora_1", "mine/happy/ben_1"}
    assert pair <= {*fold["train"]} or pair <= {*fold["test"]}


def test_the_manifest_stage_leaves_the_same_fingerprints_each_time(project):
    before = paths.fingerprints("mine").read_bytes()
    assert stage("manifest", "mine").exit_code == 0
    assert paths.fingerprints("mine").read_bytes() == before
