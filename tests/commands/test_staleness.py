"""A dvc.yaml that is older than params.yaml: the stages that would go wrong say so, and `ser graph` mends it."""

from pathlib import Path

import pytest
from in_process import failing_stage, make_audio, make_manifest, ser, stage

OLDER = "dvc.yaml is older than params.yaml: stage"
RUN = "; run `ser graph`"


@pytest.fixture
def written(project):
    """A project whose dvc.yaml is current."""
    assert ser("graph").exit_code == 0
    return project


def new_experiment(project):
    project.edit("fusions:\n", "  new: {system: svm, corpus: mine, protocol: loso, mfcc: cepstra}\nfusions:\n")


def other_feature(project):
    project.edit("copies: loud, protocol: dealt, logmel: mel", "copies: loud, protocol: dealt, logmel: high")
    project.edit("features:\n", "features:\n  high: {extractor: logmel, n_mels: 24, clip: 0.5, pad_to: 0.5}\n")


def dropped_fusion(project):
    project.edit("fusions:\n  both: {of: [statistics, again], fit_on: validation}\n", "")


def dropped_experiment(project):
    dropped_fusion(project)
    start = "  again: {system: pooled,"
    line = next(line for line in project.params.read_text(encoding="utf-8").splitlines() if line.startswith(start))
    project.edit(f"{line}\n", "")


@pytest.mark.parametrize(
    ("change", "command", "says"),
    [
        (new_experiment, ["train", "new"], "train-new is new in it"),
        (new_experiment, ["evaluate"], "train-new is new in it"),
        (other_feature, ["train", "picture"], "train-picture is changed by it"),
        (other_feature, ["features", "mine", "high"], "features-mine-high is new in it"),
        (other_feature, ["features", "loud", "mel"], "features-loud-mel is no longer in it"),
        (other_feature, ["evaluate"], "features-mine-high is new in it"),
        (dropped_experiment, ["train", "again"], "train-again is no longer in it"),
        (dropped_experiment, ["fuse", "both"], "fuse-both is no longer in it"),
        (dropped_experiment, ["evaluate"], "train-again is no longer in it"),
        (dropped_fusion, ["evaluate"], "fuse-both is no longer in it"),
        (dropped_fusion, ["train", "statistics"], "train-statistics is changed by it"),  # it holds out no more
    ],
)
def test_a_stage_that_would_go_wrong_says_so(written, change, command, says):
    change(written)
    assert failing_stage(written, *command, code=2) == f"{OLDER} {says}{RUN}"


@pytest.mark.parametrize(
    ("change", "trained"),
    [
        (new_experiment, "statistics"),
        (other_feature, "statistics"),
        (dropped_experiment, "picture"),
        (dropped_fusion, "picture"),
    ],
)
def test_a_stage_that_is_not_concerned_runs(written, change, trained):
    change(written)
    assert stage("manifest", "mine").exit_code == 0
    assert stage("audio", "mine", "16k", "48k").exit_code == 0
    result = stage("features", "mine", "cepstra")
    assert (result.exit_code, result.stderr) == (0, "")
    assert failing_stage(written, "train", trained).startswith("data/features/mine/mel.h5: no such feature file")


def test_ser_graph_mends_it(written):
    other_feature(written)
    make_audio()
    assert failing_stage(written, "features", "mine", "high", code=2).startswith(OLDER)
    assert ser("graph").exit_code == 0
    assert stage("features", "mine", "high").exit_code == 0
    assert failing_stage(written, "evaluate").startswith("data/predictions/statistics: predictions missing or damaged")


def test_values_do_not_make_it_older(written):
    """DVC holds values against dvc.lock."""
    for old, new in (("n_mels: 32", "n_mels: 40"), ("epochs: 1", "epochs: 2"), ("bootstrap: 100", "bootstrap: 200")):
        written.edit(old, new)
    assert failing_stage(written, "evaluate").startswith("data/predictions/")
    assert failing_stage(written, "train", "picture").startswith("data/manifests/mine.jsonl: no such manifest")


def test_a_key_that_was_not_there_makes_it_older(written):
    """DVC would not see it, as dvc.yaml names the keys that a stage depends on."""
    written.edit("corpus: mine, copies: loud,", "corpus: mine, copies: loud, emotions: [angry, sad],")
    assert failing_stage(written, "train", "picture", code=2) == f"{OLDER} train-picture is changed by it{RUN}"
    assert ser("graph").stdout.startswith("changed  train-picture (params)\n")


def test_what_the_user_changed_in_a_stage_does_not_make_it_older(written):
    graph = Path("dvc.yaml")
    text = graph.read_text(encoding="utf-8")
    text = text.replace("  train-picture:\n", "  train-picture:\n    frozen: true\n")
    graph.write_text(text + "\nartifacts: {best: {path: x}}\n", encoding="utf-8")
    assert failing_stage(written, "train", "picture").startswith("data/manifests/mine.jsonl: no such manifest")


def test_without_a_graph_nothing_is_held_against_it(project):
    """As in a script of one's own."""
    new_experiment(project)
    make_manifest()
    assert failing_stage(project, "train", "new").startswith("data/features/mine/cepstra.h5: no such feature file")


def test_a_stage_that_is_in_no_graph_runs(written):
    """One may try a feature that no experiment reads."""
    make_audio()
    assert stage("features", "mine", "tiny").exit_code == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("stages: [", "dvc.yaml: cannot be read ("),
        ("- code\n", "dvc.yaml: is no graph of stages; mend it, or delete it and run `ser graph`"),
        ("stages: 3\n", "dvc.yaml: is no graph of stages"),
        ("[" * 99999, "dvc.yaml: cannot be read (more than 100 levels of nesting"),
    ],
)
@pytest.mark.parametrize("command", [["manifest", "mine"], ["evaluate"], ["code"]])
def test_a_dvc_yaml_that_is_no_graph(project, text, says, command):
    Path("dvc.yaml").write_text(text, encoding="utf-8")
    assert failing_stage(project, *command).startswith(says)
