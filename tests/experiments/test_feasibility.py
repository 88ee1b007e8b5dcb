"""Whether a corpus can serve a protocol is known before any audio is read, and agrees with what training does."""

from contextlib import nullcontext

import pytest
from feature_files import corpus, manifest_row
from hypothesis import given
from test_protocols import corpora, grouped, loso, many, protocols, stratified

from pipeline.config.protocols import LeaveOneSessionOut, LeaveOneSpeakerOut
from pipeline.corpora.base import Utterance
from pipeline.errors import UserError
from pipeline.experiments.classes import class_set
from pipeline.experiments.feasibility import ListedRow, listed_rows, protocol_problem, too_many_held_out
from pipeline.experiments.protocols import inner_folds, split

pytestmark = pytest.mark.filterwarnings("ignore:The least populated class")


def listed(rows):
    return [ListedRow(row.key, row.dataset, row.speaker, row.session, row.emotion) for row in rows]


@many
@given(corpora(), protocols)
def test_it_says_what_splitting_the_manifest_would(rows, protocol):
    problem = protocol_problem(listed(rows), protocol, 0)
    with nullcontext() if problem is None else pytest.raises(UserError) as refused:
        for fold in split(rows, protocol, 0):
            inner_folds(rows, fold.train, protocol, 0)
    assert problem is None or problem == str(refused.value)


@pytest.mark.parametrize(
    ("rows", "protocol", "says"),
    [
        (corpus(speakers=4), loso(), None),
        (corpus(speakers=2), loso(), "toy: has 2 speakers, and this protocol needs at least 3"),
        (corpus(speakers=4), loso(inner_folds=3), "toy: 2 training speakers, but inner_folds 3; lower inner_folds"),
        (corpus(speakers=4), grouped(folds=9), "toy: has 4 speakers, and this protocol needs at least 9"),
        ([manifest_row(f"k{i}", "", "sad") for i in range(9)], loso(), "toy: the speaker of 'k0' is unknown"),
        (corpus(speakers=4), LeaveOneSessionOut(scheme="leave_one_session_out"), "toy: the session of 's0-angry-0' is"),
        ([*corpus(speakers=4), manifest_row("x", "s0", "bored")], stratified(), "toy: cannot be split by emotion: "),
        ([*corpus(speakers=4), manifest_row("x", "s0", "bored")], loso(), "toy: emotion 'bored' is tested in fold 0"),
        ([], loso(), "there is no recording"),
    ],
)
def test_problems(rows, protocol, says):
    problem = protocol_problem(listed(rows), protocol, 0)
    assert problem is None if says is None else (problem or "").startswith(says)
    assert protocol_problem(rows, protocol, 0) == problem


def test_two_recordings_of_an_emotion_can_do_without_a_validation_part():
    rows = [*corpus(speakers=4), manifest_row("x", "s0", "bored"), manifest_row("y", "s1", "bored")]
    problem = protocol_problem(rows, stratified(validation=0.3, test=0.3), 0)
    assert "has one recording beside the test part" in problem
    assert "bring more of it, take `validation: 0`, or leave it out" in problem
    assert protocol_problem(rows, stratified(validation=0, test=0.3), 0) is None


@pytest.mark.parametrize(
    ("rows", "protocol", "refused"),
    [
        (corpus(speakers=4), loso(validation_speakers=2), False),
        (corpus(speakers=4), loso(validation_speakers=3), True),
        (corpus(speakers=4), grouped(folds=2, validation_speakers=50), True),
        (corpus(speakers=2), LeaveOneSpeakerOut(scheme="leave_one_speaker_out"), False),  # as by default
        (corpus(speakers=2), loso(validation_speakers=0), False),
        (corpus(speakers=2), stratified(), False),
        ([manifest_row(f"k{i}", "", "sad") for i in range(9)], loso(), False),  # of which more is to be said
    ],
)
def test_no_system_can_have_more_validation_speakers_than_there_are(rows, protocol, refused):
    problem = too_many_held_out(rows, protocol)
    assert bool(problem) == refused
    if problem and isinstance(protocol, LeaveOneSpeakerOut):
        assert problem.startswith(f"{protocol_problem(rows, protocol, 0)}: validation_speakers 3, one to test and ")


def test_what_a_reader_lists_is_labelled_and_in_the_manifests_order():
    utterances = [Utterance("b.wav", "b", "W", "s1", session="2"), Utterance("a.wav", "a", "Happiness")]
    rows = listed_rows("mine", utterances, {"W": "angry"})
    assert rows == [
        ListedRow("a", "mine", "", "", "happy", "a.wav"),
        ListedRow("b", "mine", "s1", "2", "angry", "b.wav"),
    ]
    assert class_set(rows, {"loud": ["angry"]}) == [ListedRow("b", "mine", "s1", "2", "loud", "b.wav")]
    with pytest.raises(UserError, match=r"mine: b.wav: unknown emotion code 'W'.*; map it in corpora.mine.emotions"):
        listed_rows("mine", utterances, {})
