"""A warm-up that is longer than its training, which never reaches its learning rate, as `ser` and the stages say it."""

import pytest
import yaml
from in_process import ser, stage
from rated_project import add_second, rated_project

from pipeline.systems import systems
from pipeline.systems.regression import takes_targets

NEURAL = [name for name, entry in systems().items() if entry.neural]
FILLED = {"logmel": "mel", "mfcc": "cepstra", "waveform": "wave", "ssl": "tiny", "prosody": "sung", "opensmile": "sung"}
"""role -> a feature of the project"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rated_project(tmp_path, x="{system: pooled, corpus: mine, protocol: loso, logmel: mel}")
    add_second(tmp_path)
    return tmp_path


def write_experiments(folder, experiments, **sections):
    data = yaml.safe_load((folder / "params.yaml").read_text())
    data["features"] |= {"wave": {"extractor": "waveform", "clip": 1.0}, "sung": {"extractor": "prosody"}}
    data["embeddings"] = {"tiny": {"model": "tiny", "layers": [1, 9]}}
    data["experiments"] = experiments
    (folder / "params.yaml").write_text(yaml.safe_dump(data | sections, sort_keys=False))


def experiment(name, warmup, epochs=5, **own):
    entry = systems()[name]
    roles = {role: FILLED[role] for role in entry.roles or entry.optional[:1]}
    params = {"epochs": epochs, "warmup_epochs": warmup}
    return {"system": name, "corpus": "mine", "protocol": "validated", **roles, "params": params, **own}


def said(folder):
    """Key -> what is wrong with it, of warm-ups."""
    lines = (line.split(": ", 3)[1:] for line in ser("graph").stderr.splitlines())
    return {key: problem for _, key, problem in lines if key.endswith("warmup_epochs")}


TOO_LONG = "should be at most `epochs` = 5, or the learning rate never reaches its value; it is "


def test_every_system_refuses_a_warmup_that_does_not_end(folder):
    experiments = {name: experiment(name, 5.5) for name in NEURAL}
    numbers = {f"{name}_n": experiment(name, 6, targets=["valence"]) for name in NEURAL if takes_targets(name)}
    write_experiments(folder, experiments | numbers)
    assert said(folder) == {
        **{f"experiments.{name}.params.warmup_epochs": f"{TOO_LONG}5.5" for name in experiments},
        **{f"experiments.{name}.params.warmup_epochs": f"{TOO_LONG}6" for name in numbers},
    }
    assert len(numbers) == len(NEURAL) > 10


def test_one_as_long_as_the_training_is_taken(folder):
    write_experiments(folder, {"net": experiment("mlp", 5), "one": experiment("mlp", 0.5, epochs=1)})
    done = ser("graph")
    assert done.exit_code == 0, done.stderr


def test_the_epochs_of_a_system_count_where_none_are_given(folder):
    long = experiment("lstm", 21)
    del long["params"]["epochs"]
    write_experiments(folder, {"net": long})
    assert said(folder) == {"experiments.net.params.warmup_epochs": f"{TOO_LONG.replace('= 5', '= 20')}21"}


def test_a_training_stage_says_it_too(folder):
    """It may run without `ser graph` before, as by `dvc repro`."""
    write_experiments(folder, {"net": experiment("mlp", 9)})
    done = stage("train", "net")
    assert done.exit_code in (1, 2)
    assert f"experiments.net.params.warmup_epochs: {TOO_LONG}9" in done.stderr


def test_a_transfer_of_fewer_epochs_than_the_warmup_of_its_source(folder):
    transfer = {"source": "net", "corpus": "other", "share": 0.5, "draws": 2, "params": {"epochs": 2}}
    own = {**transfer, "params": {"epochs": 2, "warmup_epochs": 1}}
    write_experiments(folder, {"net": experiment("mlp", 4)}, transfers={"few": transfer, "own": own})
    problem = f"{TOO_LONG.replace('= 5', '= 2')}4, as net has it"
    assert said(folder) == {"transfers.few.params.warmup_epochs": problem}
