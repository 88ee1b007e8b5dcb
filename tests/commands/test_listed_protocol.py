"""Folds of others and chosen recordings, from params.yaml to the summary."""

import json
import re

import numpy as np
import pytest
import yaml
from emobox_lists import line, write_lists
from feature_files import write_features
from in_process import make_audio, ser, stage

from pipeline import paths
from pipeline.corpora import manifest

PARAMS = """\
seed: 0
corpora:
  mine: {reader: folder, root: recordings, table: labels.csv}
features:
  cepstra: {extractor: mfcc, n_mfcc: 12, n_mels: 20}
protocols:
  takes: {scheme: emobox, folder: lists/mine}
  own: {scheme: predefined}
  table: {scheme: predefined, file: folds.csv}
experiments:
  shared: {system: pooled, corpus: mine, protocol: takes, mfcc: cepstra}
  parts: {system: pooled, corpus: mine, protocol: own, mfcc: cepstra}
  women: {system: pooled, corpus: mine, protocol: table, mfcc: cepstra, only: {gender: female}}
scoring: {bootstrap: 100}
"""
GENDER = {"anna": "female", "ben": "male", "cleo": "female"}
PART = {"anna": "test", "ben": "dev", "cleo": "train"}
CODES = {"angry": "Anger", "happy": "Happy", "sad": "sad"}


@pytest.fixture
def listed(project):
    """A project whose folds others made: by takes, in the corpus's own table, and in one more."""
    project.params.write_text(PARAMS, encoding="utf-8")
    names = [path.relative_to(project.folder / "recordings").as_posix() for path in project.recordings]
    rows = ["path,emotion,speaker,gender,part"]
    for name in names:
        emotion, speaker = name.split("/")[0], name.split("/")[1].split("_")[0]
        rows.append(f"{name},{emotion},{speaker},{GENDER[speaker]},{PART[speaker]}")
    (project.folder / "recordings/labels.csv").write_text("\n".join(rows) + "\n")
    (project.folder / "folds.csv").write_text(
        "path,fold\n" + "".join(f"recordings/{name},{name.split('/')[1]}\n" for name in names)
    )
    folds = [{"train": [], "test": []}, {"train": [], "test": []}]
    for i, name in enumerate(sorted(names)):
        one = line("mine", name.removesuffix(".wav"), CODES[name.split("/")[0]])
        for number, fold in enumerate(folds):
            fold["test" if i % 2 == number else "train"].append(one)
    write_lists(project.folder / "lists/mine", "mine", folds)
    return project


def test_from_params_to_the_summary(listed):
    done = ser("graph")
    assert done.exit_code == 0, done.stderr
    stages = yaml.safe_load((listed.folder / "dvc.yaml").read_text())["stages"]
    assert "lists/mine" in stages["train-shared"]["deps"]
    assert "folds.csv" in stages["train-women"]["deps"]
    make_audio()
    assert stage("features", "mine", "cepstra").exit_code == 0
    for name in ("shared", "parts", "women"):
        done = stage("train", name)
        assert done.exit_code == 0, done.stderr
    cards = {
        name: json.loads((listed.folder / f"data/predictions/{name}/card.json").read_text())
        for name in ("shared", "parts", "women")
    }
    assert {name: card["speaker_dependent"] for name, card in cards.items()} == {
        "shared": True,
        "parts": False,
        "women": False,
    }
    assert cards["shared"]["speakers_shared"] == "3 of 3"
    assert cards["women"]["only"] == {"gender": ["female"]}
    listed_here = [cards[name].get("listed") for name in ("shared", "parts", "women")]
    whole = {"recordings": len(listed.recordings), "here": len(listed.recordings), "unlisted": 0}
    assert listed_here == [whole, None, {**whole, "here": 6}]
    folds = json.loads((listed.folder / "data/predictions/women/folds.json").read_text())
    assert [sorted(fold["test"]) for fold in folds] == [
        [f"{emotion}/{name}_1" for emotion in CODES] for name in ("anna", "cleo")
    ]
    done = stage("evaluate")
    assert done.exit_code == 0, done.stderr
    summary = (listed.folder / "metrics/summary.md").read_text()
    assert "emobox, 2 folds; speakers shared between parts: 3 of 3" in summary
    assert re.search(r"\| women +\| mine, female +\| predefined, 2 folds; 6 of the 9 listed recordings +\|", summary)
    assert summary.count("speakers shared") == 1
    assert ser("audit", "women", "parts", "--strict").exit_code == 0
    assert ser("audit", "shared", "--strict").exit_code == 1


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "gender: female",
            "gender: femal",
            "women.only: no recording of corpus mine has the gender 'femal'",
        ),
        ("gender: female", "sex: female", "'sex' is no filter"),
        (
            "gender: female",
            "language: en",
            "has the language 'en'; take it out of",
        ),
        ("{gender: female}", "female", "should map language or gender"),
        ("gender: female", "gender: []", "gender names nothing"),
        ("file: folds.csv", "file: fold.csv", "fold.csv: does not exist; name the CSV"),
        ("folder: lists/mine", "folder: lists/your", "lists/your: does not exist; give one corpus's folder"),
    ],
)
def test_mistakes_are_one_line(listed, old, new, says):
    listed.edit(old, new)
    done = ser("graph")
    assert done.exit_code == 2
    (one,) = done.stderr.splitlines()
    assert says in one


def test_branches_of_a_fusion_have_the_same_recordings(listed):
    listed.edit("protocol: table", "protocol: own")
    listed.edit("scoring:", "fusions:\n  both: {of: [parts, women], fit_on: validation}\nscoring:")
    assert "'parts' and 'women' differ in only" in ser("graph").stderr


NET = "net: {system: mlp, corpus: mine, protocol: own, mfcc: cepstra, params: {epochs: 1PATIENCE}}"


def without_dev(listed, patience=""):
    """The corpus's own parts without a validation part, and a network under them."""
    table = listed.folder / "recordings/labels.csv"
    table.write_text(table.read_text().replace(",dev", ",train"))
    listed.edit("experiments:", "experiments:\n  " + NET.replace("PATIENCE", patience))


def test_own_parts_without_a_validation_part_train_without_and_no_card_says_otherwise(listed):
    without_dev(listed)
    assert ser("graph").exit_code == 0
    make_audio()
    write_features(
        paths.feature_file("mine", "cepstra", embedding=False),
        {row.key: np.full((5, 3), i, np.float32) for i, row in enumerate(manifest.read(paths.manifest("mine")))},
        "mfcc",
    )
    for name in ("net", "parts"):
        done = stage("train", name)
        assert done.exit_code == 0, done.stderr
        card = json.loads((listed.folder / f"data/predictions/{name}/card.json").read_text())
        assert not card["trained_on_validation"]
        assert not card["selected_on_validation"]


def test_what_wants_a_validation_part_that_own_parts_lack_is_said_beforehand(listed):
    without_dev(listed, ", patience: 2")
    listed.edit("scoring:", "fusions:\n  both: {of: [net, parts], fit_on: validation}\nscoring:")
    done = ser("graph")
    assert done.exit_code == 2
    assert "net.params: patience 2 needs a validation part, and protocol 'own' has none" in done.stderr
    for name in ("net", "parts"):
        assert f"experiments.{name}.protocol: a fusion reads the validation part, and 'own' has none" in done.stderr


def test_a_class_that_lists_never_test_is_marked(listed):
    table = listed.folder / "recordings/labels.csv"
    rows = table.read_text().splitlines()
    table.write_text("\n".join(row.replace("test", "train") if ",sad,anna" in row else row for row in rows) + "\n")
    assert ser("graph").exit_code == 0
    make_audio()
    assert stage("features", "mine", "cepstra").exit_code == 0
    for name in ("shared", "parts", "women"):
        assert stage("train", name).exit_code == 0
    cards = {
        name: json.loads((listed.folder / f"data/predictions/{name}/card.json").read_text())
        for name in ("shared", "parts")
    }
    assert {name: card.get("untested") for name, card in cards.items()} == {"shared": None, "parts": ["sad"]}
    assert stage("evaluate").exit_code == 0
    summary = (listed.folder / "metrics/summary.md").read_text()
    assert "never tested: sad" in summary
    assert "classes not tested: test parts have none of some that the models tell apart" in summary
