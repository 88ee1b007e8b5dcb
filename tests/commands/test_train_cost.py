"""The stage `train` says what a system costs, and writes it into the cards: of the trained and the pretrained model."""

import json

import pytest
from in_process import make_audio, stage

from pipeline.features.ssl.extractor import SSL, SSLParams

EXPERIMENTS = """
  cepstral: {system: pooled, corpus: mine, protocol: dealt, mfcc: cepstra}
  states: {system: caf_ssl, corpus: mine, protocol: dealt, ssl: tiny, params: {epochs: 1, layer: 1}}
  blocks: {system: caf_ssl, corpus: mine, protocol: dealt, ssl: tiny, params: {epochs: 1, layer: 1, top_blocks: 11}}
  whole: {system: wav2vec_end_to_end, corpus: mine, protocol: dealt, waveform: wave, params: {epochs: 1, patience: 0}}
"""
CLASSES, MEDIAN, SAMPLES = 3, 0.2, 3200
"""of the project's recordings: emotions, and the length of the middle one (s, and samples)"""
STATES = 64 * 256 + 256 + 256 * CLASSES + CLASSES
"""parameters of CAF's stream of the model `tiny`, without blocks"""


@pytest.fixture
def cost(project):
    """Train an experiment: what its cards have for its cost, and what the terminal says."""
    project.edit("experiments:", f"experiments:{EXPERIMENTS.rstrip()}")
    project.edit("features:", "features:\n  wave: {extractor: waveform}")
    make_audio()

    def train(name, feature):
        assert stage("features", "mine", feature).exit_code == 0
        done = stage("train", name)
        assert done.exit_code == 0, done.stderr
        cards = [project.folder / "data" / kind / name / "card.json" for kind in ("predictions", "models")]
        first, second = (json.loads(path.read_text(encoding="utf-8"))["cost"] for path in cards)
        assert first == second
        assert list(first) == ["parameters", "pretrained_parameters", "operations", "pretrained_operations", "features"]
        return first, done.stdout

    return train


def model(layer):
    return SSL(SSLParams(layers=(layer,)))


def test_a_classical_system_has_no_pretrained_model(cost):
    found, said = cost("cepstral", "cepstra")
    assert found["operations"] == pytest.approx(2 * found["parameters"] / MEDIAN)
    assert (found["pretrained_parameters"], found["pretrained_operations"]) == (0, 0.0)
    assert said == (
        f"cepstral: 3 folds, {found['parameters']:,} trained parameters, "
        f"{found['operations'] / 1e3:.3g} kFLOP per second of speech\n"
    )


def test_a_system_of_hidden_states_costs_the_model_up_to_their_layer_too(cost):
    found, said = cost("states", "tiny")
    assert found["parameters"] == STATES
    assert found["operations"] == pytest.approx(2 * (64 * 256 + 256 * CLASSES) / MEDIAN)
    assert found["pretrained_parameters"] == model(1).pretrained_parameters
    assert found["pretrained_operations"] == pytest.approx(model(1).pretrained_operations(SAMPLES) / MEDIAN, rel=1e-5)
    assert f" s per epoch; pretrained: {found['pretrained_parameters']:,} parameters, " in said


@pytest.mark.slow
def test_blocks_that_are_trained_are_no_pretrained_ones(cost):
    found, _ = cost("blocks", "tiny")
    assert found["pretrained_parameters"] == model(1).pretrained_parameters
    assert found["parameters"] + found["pretrained_parameters"] == model(12).pretrained_parameters + STATES
    both = found["operations"] + found["pretrained_operations"]
    assert both == pytest.approx(model(12).pretrained_operations(SAMPLES) / MEDIAN, rel=0.01)


@pytest.mark.slow
def test_a_network_that_holds_the_model_has_its_frozen_part_in_it(cost):
    found, _ = cost("whole", "wave")
    classifier = 64 * 256 + 256 + 256 * 256 + 256 + 256 * CLASSES + CLASSES
    assert found["parameters"] + found["pretrained_parameters"] == model(12).pretrained_parameters + classifier
    assert 0 < found["pretrained_parameters"] < model(9).pretrained_parameters
    assert found["operations"] == pytest.approx(model(12).pretrained_operations(SAMPLES) / MEDIAN, rel=0.03)
    assert found["pretrained_operations"] == 0.0
