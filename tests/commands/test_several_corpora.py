"""Experiments on several corpora: who is in which fold, what of two corpora is one recording, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
import yaml
from feature_files import corpus
from in_process import stage
from several_corpora import experiment_params, write_corpora

from pipeline import paths
from pipeline.config.document import load
from pipeline.config.protocols import LeaveOneCorpusOut
from pipeline.errors import ParamsError, UserError
from pipeline.experiments.balance import balance_cells, balanced
from pipeline.experiments.joint_corpora import check_consistent, joint_rows
from pipeline.experiments.predictions import Predictions
from pipeline.experiments.protocols import split
from pipeline.serving.models import Model


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trained(name="both"):
    done = stage("train", name)
    assert done.exit_code == 0, done.stderr
    return Predictions.read(paths.predictions(name))


def test_each_corpus_is_tested_by_what_was_trained_on_the_other(project):
    write_corpora(project)
    found = trained()
    assert found.classes == ["angry", "glad", "sad"]
    assert [{key.partition("/")[0] for key in fold["test"]} for fold in found.folds] == [{"one"}, {"two"}]
    assert [{key.partition("/")[0] for key in fold["train"]} for fold in found.folds] == [{"two"}, {"one"}]
    assert {*found.speakers} == {f"{corpus}/s{i}" for corpus in ("one", "two") for i in range(3)}
    tested = found.where("test")
    assert (found.probabilities(tested).argmax(axis=1) == found.labels(tested)).mean() > 0.6
    assert found.card["corpus"] == "one + two"
    assert not found.card["speaker_dependent"]


def test_scores_tables_and_the_page_show_each_corpus(project):
    write_corpora(project)
    trained()
    assert stage("evaluate").exit_code == 0
    groups = (paths.METRICS / "groups" / "both.csv").read_text()
    assert "corpus,one,9,3" in groups
    assert "corpus,two,9,3" in groups
    assert "one + two, 3 classes" in (paths.METRICS / "summary.md").read_text()
    card = json.loads((paths.models("both") / "card.json").read_text())
    assert (card["corpus"], card["protocol"]["scheme"]) == ("one + two", "leave_one_corpus_out")


def test_speakers_of_one_name_in_two_corpora_are_two_people(project):
    write_corpora(project, experiment_params(protocol="speakers"))
    found = trained()
    for fold in found.folds:
        voices = {part: {key.split("-")[0] for key in fold[part]} for part in ("train", "test")}
        assert not voices["train"] & voices["test"]
    assert {len({key.split("-")[0] for key in fold["test"]}) for fold in found.folds} == {3}


def test_a_random_split_has_each_corpus_in_each_part(project):
    write_corpora(project, experiment_params(protocol="random"))
    (fold,) = trained().folds
    counts = {part: sum(key.startswith("one/") for key in fold[part]) for part in ("train", "test")}
    assert counts["test"] in (4, 5)
    assert sum(counts.values()) == 9


def test_a_recording_of_both_corpora_stays_in_one_part(project):
    write_corpora(project, experiment_params(protocol="random"), same=["s0-angry-0", "s1-sad-0"])
    found = trained()
    (fold,) = found.folds
    for key in ("s0-angry-0", "s1-sad-0"):
        assert len({part for part in ("train", "test") for c in ("one", "two") if f"{c}/{key}" in fold[part]}) == 1
    assert found.card["twins"] == {f"two/{key}": f"one/{key}" for key in ("s0-angry-0", "s1-sad-0")}


def test_a_recording_that_sounds_the_same_in_both_corpora_stays_in_one_part(project):
    write_corpora(project, experiment_params(protocol="random"), near=["s0-angry-0"])
    found = trained()
    (fold,) = found.folds
    assert len({part for part in ("train", "test") for c in ("one", "two") if f"{c}/s0-angry-0" in fold[part]}) == 1
    assert found.card["twins"] == {"two/s0-angry-0": "one/s0-angry-0"}


def test_evaluate_finds_a_leak_that_only_the_sound_tells(project):
    write_corpora(project, experiment_params(protocol="random"), near=["s0-angry-0"])
    trained()
    path = paths.predictions("both") / "folds.json"
    (fold,) = json.loads(path.read_text())
    here, there = ("train", "test") if "two/s0-angry-0" in fold["train"] else ("test", "train")
    fold[here].remove("two/s0-angry-0")
    fold[there].append("two/s0-angry-0")
    path.write_text(json.dumps([fold]))
    done = stage("evaluate")
    assert done.exit_code == 1
    tested, heard = ("two", "one") if there == "test" else ("one", "two")
    assert f"'{tested}/s0-angry-0' of the test part of fold 0 is the recording '{heard}/s0-angry-0'" in done.stderr


def test_a_recording_that_only_sounds_the_same_leaks_where_a_corpus_is_left_out(project):
    write_corpora(project, near=["s0-angry-0"])
    done = stage("train", "both")
    assert done.exit_code == 1
    assert "'one/s0-angry-0' of the test part is the recording 'two/s0-angry-0' of the training part" in done.stderr


def test_fingerprints_that_are_not_there_are_asked_for(project):
    write_corpora(project)
    paths.fingerprints("two").unlink()
    done = stage("train", "both")
    says = (
        "error: data/manifests/two.fingerprints.safetensors: no such fingerprints; `dvc repro manifest-two` makes them"
    )
    assert (done.exit_code, done.stderr.splitlines()) == (1, [says])


def test_a_recording_of_both_corpora_leaks_where_one_is_left_out(project):
    write_corpora(project, same=["s0-angry-0"])
    done = stage("train", "both")
    assert done.exit_code == 1
    assert "one + two: 'one/s0-angry-0' of the test part is the recording 'two/s0-angry-0' of the training part" in (
        done.stderr
    )


def test_a_recording_of_both_corpora_with_two_labels_is_refused(project):
    rows = write_corpora(project)
    one, two = rows["one"][0], rows["two"][1]
    joint = joint_rows(rows, {f"one/{one.key}": b"x", f"two/{two.key}": b"x"})
    with pytest.raises(UserError, match="are one recording, with the labels 'angry' and 'excited'"):
        check_consistent(joint)


def test_equal_bytes_are_one_recording_and_silence_is_not(project):
    rows = write_corpora(project)
    rows["one"][0], rows["two"][0] = (replace(own[0], sha256="ab") for own in rows.values())
    assert [row.twin for row in joint_rows(rows) if row.twin] == ["one/s0-angry-0"]
    rows["two"][0] = replace(rows["two"][0], twin=rows["two"][0].key)
    assert [row.twin for row in joint_rows(rows) if row.twin] == ["two/s0-angry-0"]


def test_validation_speakers_are_taken_from_each_training_corpus_in_turn(project):
    rows = joint_rows(write_corpora(project, one=4, two=3) | {"three": write_three(3)})
    protocol = LeaveOneCorpusOut(scheme="leave_one_corpus_out", validation_speakers=3)
    with pytest.raises(UserError, match="'excited' is tested in fold 1 but not trained on; give the experiment"):
        split(rows, protocol, 0)
    rows = [row for row in rows if row.emotion != "excited"]
    held_out = [{rows[i].speaker for i in fold.validation} for fold in split(rows, protocol, 0)]
    assert held_out[0] == {"two/s0", "three/s0", "two/s1"}
    assert held_out[2] == {"one/s0", "two/s0", "one/s1"}


def write_three(speakers):
    return [replace(row, dataset="three") for row in corpus(speakers=speakers)]


@pytest.mark.parametrize("balance", ["class", "corpus", "corpus_and_class"])
def test_balancing_repeats_until_all_have_as_many(balance):
    corpora = ["a"] * 7 + ["b"] * 3
    emotions = ["x", "x", "x", "x", "y", "y", "y", "x", "y", "y"]
    cells = balance_cells(balance, corpora, emotions)
    order = balanced(cells, 0)
    counts = {cell: sum(cells[i] == cell for i in order) for cell in cells}
    assert len({*counts.values()}) == 1
    assert order[:10] == [*range(10)]
    times = np.bincount(order)
    for cell in {*cells}:
        own = [times[i] for i in range(10) if cells[i] == cell]
        assert max(own) - min(own) <= 1
    assert order == balanced(cells, 0)


def test_nothing_is_repeated_where_nothing_is_balanced():
    assert balanced(balance_cells("none", ["a"] * 5, ["x"] * 5), 0) == [0, 1, 2, 3, 4]


def test_balanced_training_is_another_training(project):
    write_corpora(project, experiment_params(protocol="speakers"), one=5, two=2)
    plain = trained().rows
    (project / "params.yaml").unlink()
    params = experiment_params(protocol="speakers", balance="corpus_and_class")
    (project / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    found = trained()
    assert found.card["balance"] == "corpus_and_class"
    assert all(len({*fold["train"]}) == len(fold["train"]) for fold in found.folds)
    assert np.abs(np.array(found.rows) - np.array(plain)).max() > 1e-6


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"corpus": ["one", "tow"]}, "experiments.both.corpus: 'tow' is not in corpora (did you mean 'two'?)"),
        ({"corpus": ["one", "one"]}, "experiments.both.corpus"),
        ({"corpus": "one"}, "'corpora' leaves one corpus out, and the experiment has one; list several"),
        ({"corpus": "one", "protocol": "speakers", "balance": "corpus"}, "corpus is of several corpora"),
        ({"emotions": "threee"}, "'threee' is not in class_sets (did you mean 'three'?); known: three"),
    ],
)
def test_mistakes_are_named(project, changed, problem):
    write_corpora(project, experiment_params(**changed))
    with pytest.raises(ParamsError) as error:
        load()
    assert problem in str(error.value)


def test_speakers_who_share_a_recording_are_in_one_part(project):
    params = experiment_params(protocol="speakers")
    write_corpora(project, params, same=["s0-angry-0"], one=3, two=3)
    found = trained()
    for fold in found.folds:
        voices = {part: {key.split("-")[0] for key in fold[part]} for part in ("train", "test")}
        assert len([part for part in voices.values() if {"one/s0", "two/s0"} <= part]) == 1


def test_experiments_on_several_corpora_can_be_fused(project):
    params = experiment_params(protocol="speakers")
    both = params["experiments"]["both"]
    params["protocols"] = {**params["protocols"], "speakers": {**params["protocols"]["speakers"], "inner_folds": 2}}
    params["experiments"] = {"both": both, "other": {**both, "system": "svm"}}
    params["fusions"] = {"fused": {"of": ["both", "other"]}}
    write_corpora(project, params, one=4, two=4)
    for name in ("both", "other"):
        trained(name)
    assert stage("fuse", "fused").exit_code == 0
    assert stage("evaluate").exit_code == 0
    assert "fused" in (paths.METRICS / "summary.md").read_text()


def test_a_repeated_training_can_be_read_again(project):
    write_corpora(project, experiment_params(protocol="speakers", trainings=2))
    trained()
    assert len(Model.read(paths.models("both")).card.folds) == 4
