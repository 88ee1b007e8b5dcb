"""What is known of a model without loading it: found again by content, and never taken for another model's."""

import json
import os
import shutil

import numpy as np
import pytest
from ssl_checkpoints import build, build_whisper, save, save_whisper

from pipeline.audio.audio_file import write_audio
from pipeline.errors import UserError
from pipeline.extraction.extraction import Summary
from pipeline.extraction.recipe import extract_feature, memory_beside
from pipeline.features.ssl import card, extractor, known_files
from pipeline.features.ssl.extractor import SSL, SSLParams
from pipeline.jobs.workplace import Workplace
from pipeline.storage.feature_file import FeatureFile

FACTS = ("weights_digest", "frame_rate", "first_frame", "dims", "dtypes", "pretrained_parameters")


USUAL = {"layers": (1,), "chunk_seconds": 5.0}


def made(kind, folder, seed=0):
    if kind == "whisper":
        return save_whisper(build_whisper(seed), folder)
    return save(build("wav2vec2-group", seed), folder)


@pytest.fixture(scope="module", params=["wav2vec2", "whisper"])
def checkpoint(request, tmp_path_factory):
    return made(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture
def model(checkpoint, tmp_path):
    return str(shutil.copytree(checkpoint, tmp_path / "model"))


@pytest.fixture
def loads(monkeypatch):
    """The models loaded so far."""
    names, load = [], SSL._load
    monkeypatch.setattr(extractor.SSL, "_load", lambda self: names.append(self.params.model) or load(self))
    return names


@pytest.fixture
def run(tmp_path):
    """Extract layer 1 of utterances of so many samples, with the output of the runs before it still there."""
    rng = np.random.default_rng(0)
    waves = {n: rng.integers(-9999, 9999, n).astype(np.int16) for n in (4000, 5000, 6000, 7000)}

    def run(model, *lengths):
        write_audio(tmp_path / "audio/16k.h5", "mine", 16000, [(str(n), waves[n]) for n in lengths])
        return extract_feature(
            SSL, SSLParams(model=model, **USUAL), tmp_path / "audio", tmp_path / "out.h5", "mine", Workplace(1)
        )

    return run


def test_a_model_is_loaded_only_to_compute(run, model, loads, tmp_path):
    assert run(model, 4000, 5000, 6000) == Summary(3, 0, 0)
    first = (tmp_path / "out.h5").read_bytes()
    assert run(model, 4000, 5000, 6000) == Summary(0, 3, 0)
    assert (tmp_path / "out.h5").read_bytes() == first
    assert loads == [model]
    assert run(model, 4000, 5000, 6000, 7000) == Summary(1, 3, 0)
    assert loads == [model] * 2


@pytest.mark.skipif(os.name == "nt", reason="files are always read")
def test_a_models_files_are_not_read_again_once_they_have_been_there_for_long(run, model, monkeypatch):
    read, there = [], known_files.files_digest
    monkeypatch.setattr(known_files, "files_digest", lambda folder, model: read.append(model) or there(folder, model))
    monkeypatch.setattr(known_files, "SETTLED", -(10**18))
    assert run(model, 4000) == Summary(1, 0, 0)
    assert run(model, 4000) == Summary(0, 1, 0)
    assert read == [model]


def test_the_bytes_are_those_without_a_card(run, model, tmp_path):
    """Whether recordings come or go, so that the one of median length, whose cost is written down, changes too."""
    for lengths in ((4000, 5000, 6000), (4000, 5000), (4000, 5000, 6000, 7000), (7000,)):
        run(model, *lengths)
        with_card = (tmp_path / "out.h5").read_bytes()
        memory_beside(tmp_path / "out.h5").unlink()
        run(model, *lengths)
        assert (tmp_path / "out.h5").read_bytes() == with_card


def test_other_weights_in_its_place_are_another_model(run, model, tmp_path):
    run(model, 4000, 5000)
    before = FeatureFile(tmp_path / "out.h5").row(0, "layer_01")
    kind = json.loads((tmp_path / "model/config.json").read_text())["model_type"]
    made(kind, tmp_path / "model", seed=1)
    assert run(model, 4000, 5000) == Summary(2, 0, 0)
    assert not np.array_equal(before, FeatureFile(tmp_path / "out.h5").row(0, "layer_01"))


def test_other_settings_in_their_place_are_another_model(run, model, tmp_path):
    run(model, 4000, 5000)
    path = tmp_path / "model/config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"hidden_act": "relu", "activation_function": "relu"}))
    assert run(model, 4000, 5000) == Summary(2, 0, 0)


def test_the_same_model_elsewhere_is_recognised(run, model, loads, tmp_path):
    run(model, 4000, 5000)
    there = str(shutil.copytree(model, tmp_path / "elsewhere"))
    assert SSL(SSLParams(model=there, **USUAL)).recall(memory_beside(tmp_path / "out.h5"))
    assert loads == [model]


@pytest.mark.parametrize("params", [{"layers": (0, 1)}, {"pool": "mean"}, {"precision": "float32"}, {"clip": 0.2}])
def test_other_params_have_another_card(run, model, loads, params, tmp_path):
    run(model, 4000, 5000)
    assert not SSL(SSLParams(**{"model": model} | USUAL | params)).recall(memory_beside(tmp_path / "out.h5"))


def test_a_card_says_what_the_model_does(model, tmp_path):
    loaded, recalled = (SSL(SSLParams(model=model, pool="mean_std", **USUAL)) for _ in range(2))
    memory = tmp_path / "card"
    assert not loaded.recall(memory)
    operations = loaded.pretrained_operations(5000)
    loaded.keep(memory)
    assert recalled.recall(memory)
    assert recalled.pretrained_operations(5000) == operations
    assert [getattr(recalled, fact) for fact in FACTS] == [getattr(loaded, fact) for fact in FACTS]
    assert "encoder" not in vars(recalled)


@pytest.mark.parametrize("versions", [("torch", "0.1"), ("transformers", "9.9")])
def test_other_packages_have_another_card(model, monkeypatch, versions, tmp_path):
    params = SSLParams(model=model).model_dump(mode="json")
    before = card.origin(model, params, tmp_path / "none").digest
    there = card.version
    monkeypatch.setattr(card, "version", lambda name: versions[1] if name == versions[0] else there(name))
    assert card.origin(model, params, tmp_path / "none").digest != before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{",
        '{"origin": "x"}',
        "[" * 100_000,
        "\udce9",
        {"hidden_size": -1},
        {"hop": "320"},
        {"weights": 5},
        {"operations": [1]},
        {"operations": {"a": 1}},
        {"more": 1},
        {"origin": "0" * 64},
    ],
)
def test_a_damaged_card_is_none(run, model, loads, text, tmp_path):
    run(model, 4000)
    memory = memory_beside(tmp_path / "out.h5")
    whole = memory.read_text()
    if isinstance(text, dict):
        text = json.dumps(json.loads(whole) | text)
    memory.write_text(text, errors="surrogateescape")
    assert run(model, 4000) == Summary(0, 1, 0)
    assert loads == [model] * 2
    assert memory.read_text() == whole


def test_a_model_that_is_gone_is_an_error_though_there_is_nothing_to_compute(run, model):
    run(model, 4000)
    shutil.rmtree(model)
    with pytest.raises(UserError, match="no model folder"):
        run(model, 4000)
