"""Params of a system that change nothing beside the others are refused before anything is computed, as of fusions."""

import pytest
import yaml

from pipeline.config.document import load
from pipeline.config.system_params import system_params_problems

FEATURES = {
    "mel": {"extractor": "logmel", "resize": 224},
    "cepstra": {"extractor": "mfcc"},
    "wave": {"extractor": "waveform"},
}
ROLES = {
    "caf": {"logmel": "mel", "ssl": "tiny"},
    "caf_logmel": {"logmel": "mel"},
    "caf_ssl": {"ssl": "tiny"},
    "lstm": {"mfcc": "cepstra"},
    "serct": {"waveform": "wave"},
    "spectrogram": {"logmel": "mel"},
}


@pytest.fixture
def problems(tmp_path):
    """What is wrong with the params of one experiment."""

    def problems(system, own):
        experiment = {"system": system, "corpus": "mine", "protocol": "dealt", **ROLES[system], "params": own}
        data = {
            "corpora": {"mine": {"reader": "folder", "root": "."}},
            "protocols": {"dealt": {"scheme": "grouped_kfold", "folds": 3, "validation_speakers": 1}},
            "features": FEATURES,
            "embeddings": {"tiny": {"model": "tiny", "layers": [1, 9]}},
            "experiments": {"x": experiment},
        }
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
        return system_params_problems(load(tmp_path / "params.yaml"))

    return problems


@pytest.mark.parametrize(
    ("system", "own", "says"),
    [
        ("lstm", {"momentum": 0.9}, "momentum 0.9 is of no use to optimizer adam; leave it out"),
        ("lstm", {"schedule": "cosine", "step_epochs": 3}, "step_epochs 3 is of no use to schedule cosine"),
        ("caf_ssl", {"step_factor": 0.5}, "step_factor 0.5 is of no use to schedule constant"),
        ("lstm", {"masks": 2}, "masks 2 is of no use without time_mask or frequency_mask"),
        ("caf_logmel", {"pool": "last"}, "pool last is of no use to encoder dpcnn"),
        ("caf_logmel", {"encoder": "textrcnn", "shared_convolutions": True}, "to encoder textrcnn"),
        ("caf_ssl", {"backbone_dropout": 0.5}, "backbone_dropout 0.5 is of no use without top_blocks"),
        ("caf", {"fusion": "sum", "fused_dim": 512}, "fused_dim 512 is of no use to fusion sum"),
        ("caf", {"heads": 8}, "heads 8 is of no use to fusion caf"),
        ("caf", {"pool": "last"}, "pool last is of no use to encoder dpcnn"),
        ("caf", {"backbone_dropout": 0.5}, "backbone_dropout 0.5 is of no use without top_blocks"),
        ("serct", {"front": "frames", "channels": 64}, "channels 64 is of no use to front frames"),
        ("serct", {"attention": "vanilla", "window_scale": 99}, "window_scale 99 is of no use to attention vanilla"),
        ("serct", {"attention": "none", "depth": 2}, "depth 2 is of no use to attention none"),
    ],
)
def test_what_changes_nothing_is_refused(problems, system, own, says):
    (problem,) = problems(system, own)
    assert problem.startswith("experiments.x.params: ")
    assert says in problem
    assert problem.endswith("; leave it out")


@pytest.mark.parametrize(
    ("system", "own"),
    [
        ("spectrogram", {"optimizer": "sgd", "momentum": 0.5}),
        ("spectrogram", {"optimizer": "adam"}),  # whose own momentum is a default
        ("lstm", {"momentum": 0.0, "masks": 1}),  # no other than the default
        ("lstm", {"time_mask": 9, "masks": 2, "step_epochs": 3}),
        ("caf_logmel", {"encoder": "textrcnn", "pool": "last"}),
        ("caf", {"fusion": "attention", "heads": 8}),
        ("caf", {"fused_dim": 64, "top_blocks": 1, "backbone_dropout": 0.5}),
        ("serct", {"window_scale": 99, "channels": 64, "depth": 2}),
    ],
)
def test_what_has_an_effect_is_taken(problems, system, own):
    assert problems(system, own) == []
