"""Recordings under two names stay in one part, in every protocol, and folds that part them are refused."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from branches import branch
from feature_files import corpus, manifest_row

from pipeline.config.fusions import FusionParams
from pipeline.config.protocols import GroupedKFold, LeaveOneSessionOut, LeaveOneSpeakerOut, StratifiedSplit
from pipeline.errors import UserError
from pipeline.experiments import fusion as fusions
from pipeline.experiments.fusion import Fusion
from pipeline.experiments.protocols import Fold, check, inner_folds, split

PARTS = ("train", "validation", "test")
PROTOCOLS = {
    "loso": LeaveOneSpeakerOut(scheme="leave_one_speaker_out", inner_folds=2),
    "sessions": LeaveOneSessionOut(scheme="leave_one_session_out", inner_folds=2),
    "grouped": GroupedKFold(scheme="grouped_kfold", folds=3, inner_folds=2, repeats=2),
    "stratified": StratifiedSplit(scheme="stratified_split", test=0.2, validation=0.2, inner_folds=3, repeats=5),
    "unvalidated": StratifiedSplit(scheme="stratified_split", test=0.3, validation=0.0, inner_folds=3, repeats=5),
}


def twinned(speakers=6, takes=12):
    """Rows of which each third of one speaker and emotion is two others' twin."""
    rows = corpus(speakers, takes=takes)
    firsts = {i: i - i % takes % 3 for i in range(len(rows))}
    twins = [rows[first].key if i != first else "" for i, first in firsts.items()]
    return [replace(row, twin=twin, session=row.speaker) for row, twin in zip(rows, twins, strict=True)]


def contents(rows, part):
    return {rows[i].content for i in part}


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("seed", range(3))
def test_twins_are_in_one_part(name, seed):
    rows, protocol = twinned(), PROTOCOLS[name]
    for fold in split(rows, protocol, seed):
        parts = [getattr(fold, part) for part in PARTS]
        assert sorted(np.concatenate(parts)) == list(range(len(rows)))
        assert all(part.tolist() == sorted(part) for part in parts)
        places = Counter(content for part in parts for content in contents(rows, part))
        assert set(places.values()) == {1}
        inner = inner_folds(rows, fold.train, protocol, seed)
        assert len(inner) == protocol.inner_folds
        for fitted, predicted in inner:
            assert not contents(rows, fitted) & contents(rows, predicted)
        assert sorted(np.concatenate([predicted for _, predicted in inner])) == fold.train.tolist()


def test_a_corpus_without_twins_is_split_as_ever():
    rows = corpus(speakers=4, takes=5)
    fold = split(rows, PROTOCOLS["stratified"], 0)[0]
    assert fold.test.tolist() == [0, 3, 10, 19, 25, 26, 27, 32, 35, 36, 38, 42, 49, 54, 60, 74]


def test_one_of_two_twins_may_be_of_no_class():
    rows = [row for row in twinned() if row.twin]  # the first of each group is gone
    fold = split(rows, PROTOCOLS["stratified"], 0)[0]
    assert not contents(rows, fold.train) & contents(rows, fold.test)


@pytest.mark.parametrize(
    ("twin", "of", "problem"),
    [
        (0, 4, "'u4' of the test part is the recording 'u0' of the training part of fold 0"),
        (1, 2, "'u2' of the validation part is the recording 'u1' of the training part of fold 0"),
        (3, 5, "'u5' of the test part is the recording 'u3' of the validation part of fold 0"),
    ],
)
@pytest.mark.parametrize("name", ["loso", "stratified"])
def test_folds_that_part_twins_are_refused(name, twin, of, problem):
    rows = [manifest_row(f"u{i}", f"s{i // 2}", ["angry", "sad"][i % 2]) for i in range(6)]
    fold = Fold(np.array([0, 1]), np.array([2, 3]), np.array([4, 5]))
    check(rows, [fold], PROTOCOLS[name])
    rows[of] = replace(rows[of], twin=f"u{twin}")
    with pytest.raises(UserError, match=f"^toy: {problem}$"):
        check(rows, [fold], PROTOCOLS[name])


def test_a_fusion_is_cross_fitted_with_twins_together(monkeypatch):
    """Of a speaker-dependent protocol, in which nothing else keeps them together."""
    twins = {f"k{fold}-{n:02d}": f"k{fold}-{n - 3:02d}" for fold in range(3) for n in range(3, 12) if n // 3 % 2}
    members = {name: branch(seed, 1.0, speaker_dependent=True, twins=twins) for seed, name in enumerate("ab")}
    seen = []
    true = fusions.cross_fits
    monkeypatch.setattr(fusions, "cross_fits", lambda y, groups, seed: seen.append(groups) or true(y, groups, seed))
    fused = Fusion("both", FusionParams(of=["a", "b"], fit_on="training"), members).predictions()
    assert [len(set(groups)) for groups in seen] == [6, 6, 6]
    assert fused.card["twins"] == twins
    assert (
        "twins" not in Fusion("both", FusionParams(of=["a", "b"]), {n: branch(0, 1.0) for n in "ab"}).predictions().card
    )
