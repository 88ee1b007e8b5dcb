"""Leaving out one recording session at a time."""

from dataclasses import replace

import pytest
from feature_files import corpus
from pydantic import TypeAdapter

from pipeline.config.protocols import ProtocolParams
from pipeline.errors import UserError
from pipeline.experiments.protocols import inner_folds, is_speaker_dependent, split

SESSIONS = {"s0": "1", "s1": "1", "s2": "2", "s3": "2", "s4": "3", "s5": "3"}


def rows(sessions=SESSIONS):
    return [replace(row, session=sessions[row.speaker]) for row in corpus(speakers=len(sessions), takes=2)]


def protocol(**params):
    return TypeAdapter(ProtocolParams).validate_python({"scheme": "leave_one_session_out", **params})


def test_each_session_is_tested_once_on_speakers_that_were_not_trained_on():
    found = rows()
    folds = split(found, protocol(validation_speakers=1), 0)
    assert [{found[i].session for i in fold.test} for fold in folds] == [{"1"}, {"2"}, {"3"}]
    for fold in folds:
        assert {found[i].session for i in fold.test}.isdisjoint(found[i].session for i in fold.train)
        assert len({found[i].speaker for i in fold.validation}) == 1
        assert len(fold.train) + len(fold.validation) + len(fold.test) == len(found)
    assert not is_speaker_dependent(protocol())


def test_inner_folds_go_along_speakers():
    found = rows()
    fold = split(found, protocol(), 0)[0]
    for fitted, predicted in inner_folds(found, fold.train, protocol(inner_folds=3), 0):
        assert {found[i].speaker for i in fitted}.isdisjoint(found[i].speaker for i in predicted)


@pytest.mark.parametrize(
    ("sessions", "says"),
    [
        (SESSIONS | {"s3": ""}, "toy: the session of 's3-angry-0' is unknown"),
        (dict.fromkeys(SESSIONS, "1"), "toy: has one session, and leave_one_session_out needs at least 2"),
        ({"s0": "1", "s1": "2", "s2": "2"}, "toy: the training part of fold 1 is empty"),
        ({"s0": "1", "s1": "2"}, "toy: has 2 speakers, and this protocol needs at least 3"),
    ],
)
def test_sessions_that_cannot_be_left_out(sessions, says):
    with pytest.raises(UserError, match=says):
        split(rows(sessions), protocol(), 0)


def test_a_speaker_of_two_sessions_is_refused():
    found = rows()
    found[0] = replace(found[0], session="3")
    with pytest.raises(UserError, match="speaker 's0' is in the sessions '3' and '1'"):
        split(found, protocol(), 0)
