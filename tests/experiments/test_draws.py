"""Draws of a share: whole speakers or stratified utterances, one recording on one side, the same for everyone."""

from dataclasses import replace

import pytest
from feature_files import corpus

from pipeline.config.transfers import TransferParams
from pipeline.errors import UserError
from pipeline.experiments.draws import draws

ROWS = corpus(speakers=8, takes=2)


def plan(share=0.2, **others):
    return TransferParams(source="one", corpus="toy", share=share, **others)


def parts(fold, rows=ROWS):
    return [rows[i] for i in fold.train], [rows[i] for i in fold.test]


@pytest.mark.parametrize("of", ["speakers", "utterances"])
@pytest.mark.parametrize("seed", range(5))
def test_each_draw_cuts_the_corpus_in_two_and_has_every_class(of, seed):
    for number, fold in enumerate(draws(ROWS, plan(of=of), seed)):
        assert fold.repeat == number
        assert not len(fold.validation)
        assert sorted([*fold.train, *fold.test]) == list(range(len(ROWS)))
        assert {row.emotion for row in parts(fold)[0]} == {row.emotion for row in ROWS}


def test_speakers_are_drawn_whole_and_as_many_as_are_nearest_to_the_share():
    for share, count in ((0.2, 2), (0.1875, 2), (0.18, 1), (0.9, 7)):
        for fold in draws(ROWS, plan(share), 0):
            train, test = ({row.speaker for row in part} for part in parts(fold))
            assert len(train) == count
            assert not train & test


def test_utterances_are_drawn_by_class():
    for fold in draws(ROWS, plan(0.25, of="utterances"), 0):
        drawn = [row.emotion for row in parts(fold)[0]]
        assert {drawn.count(emotion) for emotion in drawn} == {4}


def test_draws_differ_and_fewer_are_the_first_of_more():
    many = draws(ROWS, plan(0.125, draws=8), 3)
    assert len({tuple(fold.train) for fold in many}) == 8
    for few, same in zip(draws(ROWS, plan(0.125, draws=3), 3), many, strict=False):
        assert few.train.tolist() == same.train.tolist()
    assert [f.train.tolist() for f in draws(ROWS, plan(0.125, draws=8), 4)] != [f.train.tolist() for f in many]


def test_what_is_trained_and_how_changes_no_draw():
    first = draws(ROWS, plan(), 0)
    for others in ({"tune": "head"}, {"weights": "fresh"}, {"align": "moments"}, {"params": {"epochs": 3}}):
        assert [f.train.tolist() for f in draws(ROWS, plan(**others), 0)] == [f.train.tolist() for f in first]


def test_share_0_tests_everything_once():
    (fold,) = draws(ROWS, plan(0), 0)
    assert not len(fold.train)
    assert fold.test.tolist() == list(range(len(ROWS)))


@pytest.mark.parametrize("of", ["speakers", "utterances"])
def test_recordings_of_one_content_are_on_one_side(of):
    twin = {"s1-angry-0": "s0-angry-0", "s3-sad-1": "s2-sad-0"}
    rows = [replace(row, twin=twin.get(row.key, "")) for row in ROWS]
    for fold in draws(rows, plan(0.4, of=of), 0):
        train, test = ({row.content for row in part} for part in parts(fold, rows))
        assert not train & test
        if of == "speakers":
            speakers = [{row.speaker for row in part} for part in parts(fold, rows)]
            assert not speakers[0] & speakers[1]


def test_a_share_without_a_class_is_drawn_again():
    rows = [row for row in ROWS if row.emotion != "sad" or row.speaker == "s5"]
    for fold in draws(rows, plan(0.25, draws=7), 0):
        assert "s5" in {row.speaker for row in parts(fold, rows)[0]}


@pytest.mark.parametrize(
    ("rows", "options", "says"),
    [
        (ROWS, {"share": 0.01}, "share 0.01 of 8 speakers is none; 0.12 is one"),
        (ROWS, {"share": 0.99}, "share 0.99 of 8 speakers leaves none to test; lower it"),
        ([replace(ROWS[0], speaker=""), *ROWS[1:]], {}, "the speaker of 's0-angry-0' is not known.*of: utterances"),
        (ROWS, {"share": 0.125, "draws": 9}, "fewer than 9 draws of such a share with every class; lower draws"),
        ([row for row in ROWS if (row.emotion == "sad") == (row.speaker == "s7")], {"share": 0.125},
         "no such share has 'angry' and all other classes; raise share"),
        ([*ROWS[:3], ROWS[2]], {"of": "utterances"}, "has one recording of 'happy'"),
    ],
)  # fmt: skip
def test_shares_that_cannot_be_drawn(rows, options, says):
    with pytest.raises(UserError, match=says):
        draws(rows, plan(**options), 0)
