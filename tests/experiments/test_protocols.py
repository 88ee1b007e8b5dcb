"""Protocols: every utterance where it belongs, and no fold that leaks passes the check."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from conftest import drawn
from feature_files import EMOTIONS, corpus, manifest_row
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.protocols import GroupedKFold, LeaveOneSpeakerOut, StratifiedSplit
from pipeline.errors import ParamsError, UserError
from pipeline.experiments.protocols import Fold, check, inner_folds, is_speaker_dependent, split
from pipeline.strict import validate

pytestmark = pytest.mark.filterwarnings("ignore:The least populated class")
many = drawn(40)
PARTS = ("train", "validation", "test")


def loso(**options):
    return LeaveOneSpeakerOut(scheme="leave_one_speaker_out", **options)


def grouped(**options):
    return GroupedKFold(scheme="grouped_kfold", **options)


def stratified(**options):
    return StratifiedSplit(scheme="stratified_split", **options)


def speakers_of(rows, part):
    return {rows[i].speaker for i in part}


def as_lists(folds):
    return [[getattr(fold, part).tolist() for part in PARTS] for fold in folds]


def ravdess_like():
    """1440 utterances: 24 speakers, neutral 4 times a speaker and seven other emotions 8 times."""
    takes = {"neutral": 4} | dict.fromkeys(("calm", "happy", "sad", "angry", "fearful", "disgusted", "surprised"), 8)
    return [
        manifest_row(f"{speaker:02d}-{emotion}-{take}", f"actor{speaker:02d}", emotion)
        for speaker in range(24)
        for emotion, count in takes.items()
        for take in range(count)
    ]


@st.composite
def corpora(draw, fewest_speakers=1):
    """Rows in which anything may be unbalanced or missing."""
    speakers = draw(st.integers(fewest_speakers, 8))
    said = draw(st.lists(st.tuples(st.integers(0, speakers - 1), st.sampled_from(EMOTIONS)), min_size=2, max_size=60))
    return [manifest_row(f"u{i}", f"s{speaker}", emotion) for i, (speaker, emotion) in enumerate(said)]


protocols = st.one_of(
    st.builds(loso, validation_speakers=st.integers(0, 3), inner_folds=st.sampled_from([0, 2, 3])),
    st.builds(
        grouped,
        folds=st.integers(2, 5),
        validation_speakers=st.integers(0, 3),
        inner_folds=st.sampled_from([0, 2, 3]),
    ),
    st.builds(
        stratified,
        validation=st.just(0.0) | st.floats(0.05, 0.4),
        test=st.floats(0.05, 0.55),
        inner_folds=st.sampled_from([0, 2, 3]),
    ),
)


# --- repeats ---


def test_each_random_split_is_that_of_its_own_seed():
    rows = ravdess_like()
    together = split(rows, stratified(repeats=3), 7)
    assert as_lists(together) == [fold for seed in (7, 8, 9) for fold in as_lists(split(rows, stratified(), seed))]
    assert [fold.repeat for fold in together] == [0, 1, 2]


def uneven():
    """Ten speakers with counts of their own, as EmoDB's, whom scikit-learn deals in one way whatever the seed."""
    rng = np.random.default_rng(0)
    counts = {f"s{i}": rng.integers(4, 14, len(EMOTIONS)) for i in range(10)}
    return [
        manifest_row(f"{speaker}-{emotion}-{take}", speaker, emotion)
        for speaker, own in counts.items()
        for emotion, count in zip(EMOTIONS, own, strict=True)
        for take in range(count)
    ]


@pytest.mark.parametrize("rows", [ravdess_like(), uneven()], ids=["even", "uneven"])
def test_each_deal_of_the_speakers_is_another_and_near_even(rows):
    protocol = grouped(folds=3, repeats=6)
    folds = split(rows, protocol, 7)
    assert [fold.repeat for fold in folds] == [n for n in range(6) for _ in range(3)]
    assert as_lists(folds[:3]) == as_lists(split(rows, grouped(folds=3), 7))
    assert as_lists(folds) == as_lists(split(rows, protocol, 7))
    parts = [frozenset(frozenset(speakers_of(rows, fold.test)) for fold in folds[n : n + 3]) for n in range(0, 18, 3)]
    assert len(set(parts)) == 6
    for fold in folds:
        assert len(fold.test) == pytest.approx(len(rows) / 3, rel=0.25)


def test_speakers_that_cannot_be_dealt_in_other_ways_are_refused():
    rows = [row for row in uneven() if row.speaker in ("s0", "s1", "s2")]
    with pytest.raises(UserError, match=r"3 speakers cannot be dealt into 3 folds in 2 ways; lower repeats"):
        split(rows, grouped(folds=3, repeats=2, validation_speakers=1), 0)


@pytest.mark.parametrize("repeats", [0, -1, 1.5])
def test_a_corpus_is_split_once_or_more(repeats):
    with pytest.raises(ParamsError, match="repeats"):
        validate(StratifiedSplit, {"scheme": "stratified_split", "repeats": repeats}, "protocols.random")


# --- whatever the corpus ---


@drawn(150)
@given(corpora(), protocols, st.integers(0, 9))
def test_a_corpus_is_split_without_leaks_or_refused(rows, protocol, seed):
    try:
        folds = split(rows, protocol, seed)
    except UserError:
        return
    for fold in folds:
        train, validation, test = (set(getattr(fold, part).tolist()) for part in PARTS)
        assert train
        assert bool(validation) == bool(getattr(protocol, "validation", getattr(protocol, "validation_speakers", 0)))
        assert test
        assert not train & validation
        assert not train & test
        assert not validation & test
        assert {rows[i].emotion for i in test} <= {rows[i].emotion for i in train}
        if is_speaker_dependent(protocol):
            assert len(train | validation | test) == len(rows)
        else:
            assert train | validation | test == set(range(len(rows)))
            for one, other in combinations((train, validation, test), 2):
                assert not speakers_of(rows, one) & speakers_of(rows, other)
    if not is_speaker_dependent(protocol):
        assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(rows)))
    assert as_lists(split(rows, protocol, seed)) == as_lists(folds)


@drawn(150)
@given(corpora(fewest_speakers=3), protocols, st.integers(0, 9))
def test_inner_folds_cover_the_training_part_or_are_refused(rows, protocol, seed):
    train = np.arange(0, len(rows), 2)
    try:
        parts = inner_folds(rows, train, protocol, seed)
    except UserError:
        return
    assert len(parts) == protocol.inner_folds
    for fitted, predicted in parts:
        assert sorted([*fitted, *predicted]) == train.tolist()
        if not is_speaker_dependent(protocol):
            assert not speakers_of(rows, fitted) & speakers_of(rows, predicted)
    if parts:
        assert sorted(np.concatenate([predicted for _, predicted in parts])) == train.tolist()
    again = inner_folds(rows, train, protocol, seed)
    assert [[p.tolist() for p in pair] for pair in again] == [[p.tolist() for p in pair] for pair in parts]


# --- the schemes ---


@pytest.mark.parametrize("validation_speakers", [1, 2])
def test_loso_tests_one_speaker_a_fold_and_validates_on_each_equally_often(validation_speakers):
    rows = corpus(speakers=5, takes=2)
    folds = split(rows, loso(validation_speakers=validation_speakers), 0)
    assert [speakers_of(rows, fold.test) for fold in folds] == [{f"s{i}"} for i in range(5)]
    heard = Counter(speaker for fold in folds for speaker in speakers_of(rows, fold.validation))
    assert heard == {f"s{i}": validation_speakers for i in range(5)}
    assert all(len(speakers_of(rows, fold.train)) == 4 - validation_speakers for fold in folds)


def test_grouped_folds_are_of_near_equal_size():
    rows = ravdess_like()
    folds = split(rows, grouped(folds=6, validation_speakers=4), 0)
    assert [len(speakers_of(rows, fold.test)) for fold in folds] == [4] * 6
    assert [len(fold.test) for fold in folds] == [240] * 6
    assert [len(fold.validation) for fold in folds] == [240] * 6


def test_the_seed_deals_speakers_and_utterances():
    rows = ravdess_like()
    for protocol in (grouped(folds=6), stratified()):
        assert as_lists(split(rows, protocol, 1)) == as_lists(split(rows, protocol, 1))
        assert as_lists(split(rows, protocol, 1)) != as_lists(split(rows, protocol, 2))


def test_stratified_split_of_a_corpus_like_ravdess():
    rows = ravdess_like()
    (fold,) = split(rows, stratified(), 0)
    assert [len(getattr(fold, part)) for part in PARTS] == [1152, 144, 144]
    whole = Counter(row.emotion for row in rows)
    for part in PARTS:
        indices = getattr(fold, part)
        found = Counter(rows[i].emotion for i in indices)
        for emotion, count in whole.items():
            assert abs(found[emotion] - count * len(indices) / 1440) <= 1, (part, emotion)
    assert speakers_of(rows, fold.test) & speakers_of(rows, fold.train)


@pytest.mark.parametrize("protocol", [loso(inner_folds=3), stratified(inner_folds=3)], ids=["speakers", "any"])
def test_inner_folds_are_balanced(protocol):
    rows = ravdess_like()
    fold = split(rows, protocol, 0)[0]
    parts = inner_folds(rows, fold.train, protocol, 0)
    for fitted, predicted in parts:
        assert not set(predicted) & {*fold.validation, *fold.test}
        assert not set(fitted) & {*fold.validation, *fold.test}
        assert len(predicted) == pytest.approx(len(fold.train) / 3, rel=0.1)


def test_no_inner_folds_unless_asked_for():
    rows = corpus()
    assert inner_folds(rows, np.arange(len(rows)), loso(), 0) == []


@pytest.mark.parametrize(
    ("protocol", "dependent"), [(loso(), False), (grouped(), False), (stratified(), True)], ids=str
)
def test_only_the_stratified_split_is_speaker_dependent(protocol, dependent):
    assert is_speaker_dependent(protocol) == dependent


# --- what cannot be ---


@pytest.mark.parametrize("protocol", [loso(), grouped(folds=2)], ids=["loso", "grouped"])
def test_unknown_speakers_are_refused_by_name(protocol):
    rows = [*corpus(), manifest_row("nameless")]
    with pytest.raises(UserError, match="'nameless' is unknown"):
        split(rows, protocol, 0)


def test_fewer_utterances_of_every_emotion_than_folds():
    rows = [manifest_row(f"u{i}", f"s{i % 4}", EMOTIONS[i // 2]) for i in range(8)]
    with pytest.raises(
        UserError, match="toy: cannot be cut into 3 folds: no emotion has so many recordings; lower folds"
    ):
        split(rows, grouped(folds=3), 0)
    for protocol in (grouped(inner_folds=3), stratified(inner_folds=3)):
        with pytest.raises(UserError, match="toy: inner_folds 3 are too many: no emotion has so many training"):
            inner_folds(rows, np.arange(8), protocol, 0)


def test_unknown_speakers_do_for_a_split_that_ignores_them():
    rows = [manifest_row(f"u{i}", "", emotion) for i, emotion in enumerate(EMOTIONS * 10)]
    assert len(split(rows, stratified(), 0)) == 1


@pytest.mark.parametrize(
    ("protocol", "speakers", "needed"),
    [(loso(), 2, 3), (loso(validation_speakers=2), 3, 4), (grouped(folds=5), 4, 5), (grouped(folds=2), 1, 3)],
    ids=str,
)
def test_too_few_speakers(protocol, speakers, needed):
    with pytest.raises(UserError, match=f"has {speakers} speakers.* at least {needed}"):
        split(corpus(speakers), protocol, 0)


def test_too_few_training_speakers_for_inner_folds():
    rows = corpus(speakers=4)
    with pytest.raises(UserError, match="2 training speakers, but inner_folds 3; lower inner_folds"):
        inner_folds(rows, split(rows, loso(), 0)[0].train, loso(inner_folds=3), 0)


@pytest.mark.parametrize(
    ("model", "scheme"),
    [
        (LeaveOneSpeakerOut, "leave_one_speaker_out"),
        (GroupedKFold, "grouped_kfold"),
        (StratifiedSplit, "stratified_split"),
    ],
)
def test_one_inner_fold_is_refused(model, scheme):
    with pytest.raises(ParamsError, match="inner_folds: one fold"):
        validate(model, {"scheme": scheme, "inner_folds": 1})


@pytest.mark.parametrize(("takes", "where"), [(1, "one recording, and the test"), (2, "one recording beside the test")])
def test_emotion_too_rare_to_be_split(takes, where):
    rows = [*corpus(takes=10), *(manifest_row(f"rare {i}", "s0", "bored") for i in range(takes))]
    with pytest.raises(UserError, match=f"toy: cannot be split by emotion: emotion 'bored' of toy has {where}"):
        split(rows, stratified(validation=0.4, test=0.4), 0)


@pytest.mark.parametrize(
    ("takes", "shares", "problem", "cure"),
    [
        (3, {"validation": 0, "test": 0.2}, "test part would have 5 of 24 recordings", {"test": 0.34}),
        (3, {"validation": 0, "test": 0.7}, "training part would have 7 of 24 recordings", {"test": 0.66}),
        (5, {"validation": 0.1, "test": 0.2}, "validation part would have 4 of 32 recordings", {"validation": 0.2}),
        (5, {"validation": 0.6, "test": 0.3}, "training part would have 4 of 28 recordings", {"validation": 0.5}),
    ],
)
def test_parts_too_small_for_each_emotion(takes, shares, problem, cure):
    rows = [manifest_row(f"u{i}", "", emotion) for i, emotion in enumerate("abcdefgh" * takes)]
    with pytest.raises(UserError) as said:
        split(rows, stratified(**shares), 0)
    ((name, share),) = cure.items()
    assert str(said.value) == (
        f"toy: cannot be split by emotion: the {problem}, too few for one of each emotion (8); "
        f"{'raise' if share > shares[name] else 'lower'} {name} to {share}"
    )
    assert split(rows, stratified(**shares | cure), 0)


@pytest.mark.parametrize("takes", [2, 3, 5])
@pytest.mark.parametrize("seed", range(5))
def test_each_part_has_a_rare_emotion(takes, seed):
    """Though a fifth of two recordings is less than half of one."""
    rows = [manifest_row(f"u{i}", "", "happy") for i in range(260)]
    rows += [manifest_row(f"rare {i}", "", "sad") for i in range(takes)]
    (fold,) = split(rows, stratified(validation=0, test=0.2), seed)
    tested = [rows[i].emotion for i in fold.test]
    assert 1 <= tested.count("sad") < takes
    assert sorted([*fold.train, *fold.test]) == list(range(len(rows)))
    assert abs(len(fold.test) - 0.2 * len(rows)) < 2


def test_three_parts_have_a_rare_emotion_each():
    rows = [manifest_row(f"u{i}", "", "happy") for i in range(260)]
    rows += [manifest_row(f"rare {i}", "", "sad") for i in range(3)]
    (fold,) = split(rows, stratified(validation=0.1, test=0.2), 0)
    for part in (fold.train, fold.validation, fold.test):
        assert [rows[i].emotion for i in part].count("sad") == 1


def test_emotion_tested_but_never_trained_on():
    rows = [*corpus(), manifest_row("x", "s2", "bored")]
    with pytest.raises(UserError, match="'bored' is tested in fold 2 but not trained on"):
        split(rows, loso(), 0)


ROWS = corpus(speakers=6, emotions=("angry", "sad"))  # rows 2i and 2i + 1 are speaker i's


def fold(train, validation, test):
    return Fold(np.array(train, int), np.array(validation, int), np.array(test, int))


GOOD = [fold(range(4, 12), [2, 3], [0, 1]), fold([0, 1, *range(6, 12)], [4, 5], [2, 3])]


def test_folds_that_do_not_leak_pass():
    check(ROWS, GOOD, loso())


@pytest.mark.parametrize(
    ("folds", "problem"),
    [
        ([fold([], [2, 3], [0, 1])], "training part of fold 0 is empty"),
        ([fold(range(4, 12), [], [0, 1])], "validation part of fold 0 is empty"),
        ([fold(range(4, 12), [2, 3], [])], "test part of fold 0 is empty"),
        ([fold(range(1, 12), [2, 3], [0, 1])], "overlap"),
        ([fold(range(2, 12), [2, 3], [0, 1])], "overlap"),
        ([fold(range(4, 12), [1, 2, 3], [0, 1])], "overlap"),
        ([GOOD[0], GOOD[1], GOOD[0]], "fold 2 is tested twice"),
        ([GOOD[0], fold([0, 1, 3, *range(6, 12)], [4, 5], [2])], "speaker 's1' of the test part of fold 1"),
        ([fold([3, *range(4, 12)], [2], [0, 1])], "speaker 's1' of the validation part of fold 0"),
        ([fold([4, 6, 8, 10], [2, 3], [0, 1])], "emotion 'sad' is tested in fold 0"),
    ],
)
def test_folds_that_leak_are_refused(folds, problem):
    with pytest.raises(UserError, match=problem):
        check(ROWS, folds, loso())


def test_a_speaker_dependent_protocol_may_share_speakers_but_no_utterance():
    shared = fold(range(2, 12), [1], [0])
    check(ROWS, [shared], stratified())
    with pytest.raises(UserError, match="overlap"):
        check(ROWS, [fold(range(12), [1], [0])], stratified())
