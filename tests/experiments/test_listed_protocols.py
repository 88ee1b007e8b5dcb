"""Folds that others made, as protocols: whom they test, what is missing, and whether they share speakers."""

from dataclasses import replace

import pytest
from emobox_lists import line, write_lists
from feature_files import corpus
from pydantic import TypeAdapter

from pipeline.config.protocols import ProtocolParams, has_validation, without_validation
from pipeline.errors import ParamsError, UserError
from pipeline.experiments.classes import class_set
from pipeline.experiments.listed_folds import coverage
from pipeline.experiments.protocols import inner_folds, is_validated, split
from pipeline.experiments.selection import chosen
from pipeline.experiments.shared_speakers import shared_speakers
from pipeline.strict import validate

ROWS = corpus(speakers=4, takes=2)
CODES = {"angry": "Anger", "happy": "Joy", "neutral": "neutral", "sad": "Sadness"}


def protocol(scheme, **params):
    return TypeAdapter(ProtocolParams).validate_python({"scheme": scheme, **params})


def lists(folder, tested, rows=ROWS, more=()):
    """EmoBox's lists in which fold after fold tests the rows for which `tested` says its number, from 1."""
    lines = [(tested(row), line("toy", row.key, CODES[row.emotion])) for row in rows]
    numbers = sorted({number for number, _ in lines})
    folds = [
        {
            "train": [each for number, each in lines if number != fold] + list(more),
            "test": [each for number, each in lines if number == fold],
        }
        for fold in numbers
    ]
    return write_lists(folder / "toy", "toy", folds, {"anger": "Angry", "joy": "Happy"})


def by_speaker(row):
    return int(row.speaker[1:]) // 2 + 1


def by_take(row):
    return int(row.key[-1]) + 1


def keys(rows, part):
    return {rows[i].key for i in part}


@pytest.mark.parametrize(("tested", "shared"), [(by_speaker, "0 of 4"), (by_take, "4 of 4")])
def test_emoboxs_folds_test_what_its_lists_say_and_it_is_seen_whether_speakers_are_shared(tmp_path, tested, shared):
    folds = split(ROWS, protocol("emobox", folder=lists(tmp_path, tested)), 0)
    assert [keys(ROWS, fold.test) for fold in folds] == [
        {row.key for row in ROWS if tested(row) == number} for number in (1, 2)
    ]
    for fold in folds:
        assert sorted([*fold.train, *fold.test]) == list(range(len(ROWS)))
        assert not len(fold.validation)
    assert str(shared_speakers(ROWS, folds)) == shared
    assert shared_speakers(ROWS, folds).dependent == (shared != "0 of 4")


def test_without_known_speakers_nobody_can_say():
    rows = [replace(row, speaker="") for row in ROWS]
    sharing = shared_speakers(rows, split(rows, protocol("stratified_split", test=0.25), 0))
    assert (str(sharing), sharing.dependent) == ("unknown", True)


def test_what_the_corpus_lacks_is_counted_and_the_first_is_named(tmp_path):
    given = protocol("emobox", folder=lists(tmp_path, by_speaker))
    rows = [row for row in ROWS if row.key not in ("s1-angry-0", "s3-sad-1")]
    with pytest.raises(UserError, match=r"toy: lacks 2 of the 32 recordings of .*, first 'toy-s.*train_fold_1.jsonl"):
        split(rows, given, 0)
    folds = split(rows, given.model_copy(update={"missing": "leave_out"}), 0)
    assert sum(len(fold.test) for fold in folds) == 30


def test_what_no_list_has_is_counted_too(tmp_path):
    given = protocol("emobox", folder=lists(tmp_path, by_speaker, ROWS[1:]))
    with pytest.raises(UserError, match=r"toy: 1 of its 32 recordings are not in .*, first 's0-angry-0'"):
        split(ROWS, given, 0)
    folds = split(ROWS, given.model_copy(update={"missing": "leave_out"}), 0)
    assert not any("s0-angry-0" in keys(ROWS, [*fold.train, *fold.test]) for fold in folds)


def counted(rows, given, left_out=()):
    return coverage(rows, given, split(rows, given, 0, left_out), left_out)


def test_how_much_of_the_lists_is_here_is_counted(tmp_path):
    given = protocol("emobox", folder=lists(tmp_path, by_speaker, ROWS[1:]), missing="leave_out")
    assert counted(ROWS[1:], given) == {"recordings": 31, "here": 31, "unlisted": 0}
    assert counted(ROWS, given) == {"recordings": 31, "here": 31, "unlisted": 1}
    assert counted(ROWS[:-2], given) == {"recordings": 31, "here": 29, "unlisted": 1}
    assert coverage(ROWS, protocol("stratified_split"), []) == {}
    own = [replace(row, part=PART_OF[row.speaker]) for row in ROWS]
    assert coverage(own, protocol("predefined"), []) == {}


def test_classes_that_are_not_here_are_counted_too_though_nothing_is_missed(tmp_path):
    given = protocol("emobox", folder=lists(tmp_path, by_speaker))
    assert counted([row for row in ROWS if row.emotion != "sad"], given)["here"] == 24
    own, others = chosen(ROWS, None, {"angry": ["angry"], "sad": ["sad"]})
    assert counted(own, given, others) == {"recordings": 32, "here": 16, "unlisted": 0}


def test_fewer_classes_and_filters_leave_recordings_of_the_lists_out(tmp_path):
    given = protocol("emobox", folder=lists(tmp_path, by_speaker))
    rows, left_out = chosen(ROWS, None, {"good": ["happy", "neutral"], "sad": ["sad"]})
    folds = split(rows, given, 0, left_out)
    assert [len(fold.test) for fold in folds] == [12, 12]
    rows = [replace(row, gender="female" if row.speaker in ("s0", "s2") else "male") for row in ROWS]
    own, others = chosen(rows, {"gender": ["female"]}, None)
    assert [len(fold.test) for fold in split(own, given, 0, others)] == [8, 8]


def test_emotions_that_the_corpus_on_this_disk_has_not_are_not_missed(tmp_path):
    rows = class_set(ROWS, {"angry": ["angry"], "sad": ["sad"]})
    assert sum(len(f.test) for f in split(rows, protocol("emobox", folder=lists(tmp_path, by_speaker)), 0)) == 16


def test_a_fold_of_which_nothing_is_wanted_is_no_fold(tmp_path):
    rows = [replace(row, gender="male" if row.speaker == "s3" else "female") for row in ROWS]
    given = protocol("emobox", folder=lists(tmp_path, lambda row: int(row.speaker[1:]) + 1))
    own, others = chosen(rows, {"gender": ["female"]}, None)
    folds = split(own, given, 0, others)
    assert [keys(own, fold.test).pop()[:2] for fold in folds] == ["s0", "s1", "s2"]


def test_lists_of_another_corpus_test_nothing(tmp_path):
    strange = [replace(row, key=f"x{i}", wav=f"x{i}.wav") for i, row in enumerate(ROWS)]
    given = protocol("emobox", folder=lists(tmp_path, by_speaker))
    with pytest.raises(UserError, match="toy: lacks 32 of the 32 recordings"):
        split(strange, given, 0)
    with pytest.raises(UserError, match="tests none of its recordings"):
        split(strange, given.model_copy(update={"missing": "leave_out"}), 0)


def test_a_recording_under_another_emotion_is_another_recording(tmp_path):
    given = protocol("emobox", folder=lists(tmp_path, by_speaker))
    rows = [replace(row, emotion="happy") if row.key == "s2-sad-1" else row for row in ROWS]
    with pytest.raises(UserError, match=r"'toy-s2-sad-1' is 'Sadness', as 's.-sad-.' is, which are 'happy' and 'sad'"):
        split(rows, given, 0)


# --- planted leaks ---


def test_a_recording_in_two_parts_is_refused(tmp_path):
    leak = line("toy", "s0-angry-0", "Anger")
    says = r"toy: 's0-angry-0' is listed as 'toy-s0-angry-0' \(.*train_fold_1.jsonl, line 17\) and 'toy-s0-angry-0' "
    with pytest.raises(UserError, match=says + r"\(.*line 1\): in the train and in the test part of fold 1; take one"):
        split(ROWS, protocol("emobox", folder=lists(tmp_path, by_speaker, more=[leak])), 0)


def test_the_same_recording_under_another_name_is_refused(tmp_path):
    rows = [replace(row, twin="s3-sad-0") if row.key == "s0-sad-0" else row for row in ROWS]
    with pytest.raises(UserError, match="'s0-sad-0' of the test part is the recording 's3-sad-0' of the training part"):
        split(rows, protocol("emobox", folder=lists(tmp_path, by_speaker)), 0)


@pytest.mark.parametrize("missing", ["fail", "leave_out"])
def test_a_recording_that_two_lines_name_under_two_keys_is_one_and_not_left_out(tmp_path, missing):
    again = line("toy", "other", "Anger", wav="downloads/toy/./s0-angry-0.wav")
    given = protocol("emobox", folder=lists(tmp_path, by_speaker, more=[again]), missing=missing)
    with pytest.raises(UserError, match=r"'s0-angry-0' is listed as 'toy-other' .* and 'toy-s0-angry-0' .* of fold 1"):
        split(ROWS, given, 0)


def test_a_recording_in_the_training_and_the_validation_part_is_refused_though_both_are_trained_on(tmp_path):
    parts = "".join(f"{row.key},{PART_OF[row.speaker]}\n" for row in ROWS)
    (tmp_path / "folds.csv").write_text(f"key,part\n{parts}s2-sad-0,train\n")
    with pytest.raises(UserError, match="in the train and in the validation part of fold 0"):
        split(ROWS, protocol("predefined", file=tmp_path / "folds.csv", validation=0), 0)


def test_an_utterance_that_is_tested_twice_is_refused(tmp_path):
    text = "key,fold,part\n" + "".join(
        f"{row.key},{fold},{'test' if row.speaker == 's0' else 'train'}\n" for row in ROWS for fold in (1, 2)
    )
    (tmp_path / "folds.csv").write_text(text)
    with pytest.raises(UserError, match=r"'s0-angry-0' is listed as .*, line 2\) and .*: tested twice, in fold 2"):
        split(ROWS, protocol("predefined", file=tmp_path / "folds.csv"), 0)


# --- tables and the corpus's own parts ---


def table(folder, column, part):
    path = folder / "folds.csv"
    name = (lambda row: f"wav/{row.wav}") if column == "path" else (lambda row: row.key)
    kind = "fold" if isinstance(part(ROWS[0]), int) else "part"
    path.write_text(f"{column},{kind}\n" + "".join(f"{name(row)},{part(row)}\n" for row in ROWS))
    return path


PART_OF = {"s0": "train", "s1": "train", "s2": "validation", "s3": "test"}


@pytest.mark.parametrize("column", ["key", "path"])
def test_a_table_of_parts(tmp_path, column):
    given = protocol("predefined", file=table(tmp_path, column, lambda row: PART_OF[row.speaker]))
    (fold,) = split(ROWS, given, 0)
    parts = (fold.train, fold.validation, fold.test)
    assert [{ROWS[i].speaker for i in part} for part in parts] == [{"s0", "s1"}, {"s2"}, {"s3"}]
    assert has_validation(given)
    (fold,) = split(ROWS, without_validation(given), 0)
    assert ({ROWS[i].speaker for i in fold.train}, len(fold.validation)) == ({"s0", "s1", "s2"}, 0)
    assert not has_validation(without_validation(given))
    with pytest.raises(UserError, match="has a validation part of its own"):
        split(ROWS, given.model_copy(update={"validation": 0.2}), 0)


def test_a_table_of_folds(tmp_path):
    folds = split(ROWS, protocol("predefined", file=table(tmp_path, "key", by_speaker)), 0)
    assert [{ROWS[i].speaker for i in fold.test} for fold in folds] == [{"s0", "s1"}, {"s2", "s3"}]


def test_the_corpuss_own_parts_are_those_of_its_manifest():
    rows = [replace(row, part=PART_OF[row.speaker]) for row in ROWS]
    (fold,) = split(rows, protocol("predefined"), 0)
    assert {rows[i].speaker for i in fold.test} == {"s3"}
    for part, says in (("", "has no part of its own"), ("tset", r"'tset' is no part \(train, validation, test\)")):
        strange = [replace(row, part=part) for row in rows]
        with pytest.raises(UserError, match=f"{says}, and this protocol takes the corpus's own"):
            split(strange, protocol("predefined", missing="leave_out"), 0)


def test_recordings_in_none_of_the_corpuss_own_parts_are_missed_or_left_out():
    rows = [replace(row, part="" if row.key.endswith("sad-1") else PART_OF[row.speaker]) for row in ROWS]
    with pytest.raises(UserError, match="toy: 4 of its 32 recordings are not in its own split, first 's0-sad-1'; give"):
        split(rows, protocol("predefined"), 0)
    (fold,) = split(rows, protocol("predefined", missing="leave_out"), 0)
    assert [len(part) for part in (fold.train, fold.validation, fold.test)] == [14, 7, 7]
    assert keys(rows, fold.test) == {row.key for row in rows if row.part == "test"}


@pytest.mark.parametrize(("dev", "validated"), [("dev", True), ("train", False)])
def test_own_parts_have_a_validation_part_where_the_manifest_has_one(dev, validated):
    rows = [replace(row, part=dev if row.speaker == "s2" else PART_OF[row.speaker]) for row in ROWS]
    (fold,) = split(rows, protocol("predefined"), 0)
    assert (bool(len(fold.validation)), is_validated(rows, protocol("predefined"), 0)) == (validated, validated)


def test_lists_whose_validation_part_is_not_on_this_disk_are_without_one(tmp_path):
    given = protocol("predefined", file=table(tmp_path, "key", lambda row: PART_OF[row.speaker]), missing="leave_out")
    rows = [row for row in ROWS if row.speaker != "s2"]
    assert [len(fold.validation) for fold in split(rows, given, 0)] == [0]
    assert not is_validated(rows, given, 0)


@pytest.mark.parametrize(("tested", "by_whole_speakers"), [(by_speaker, True), (by_take, False)])
def test_a_share_to_validate_on_is_whole_speakers_where_the_folds_share_none(tmp_path, tested, by_whole_speakers):
    given = protocol("emobox", folder=lists(tmp_path, tested), validation=0.5, inner_folds=2)
    folds = split(ROWS, given, 0)
    again = split(ROWS, given, 0)
    for fold, same in zip(folds, again, strict=True):
        assert fold.validation.tolist() == same.validation.tolist()
        assert len(fold.validation) == 8
        validated, trained = ({ROWS[i].speaker for i in part} for part in (fold.validation, fold.train))
        assert validated.isdisjoint(trained) == by_whole_speakers
    if not by_whole_speakers:
        pairs = inner_folds(ROWS, folds[0].train, given, 0, folds[0].test)
        assert any({ROWS[i].speaker for i in fitted} & {ROWS[i].speaker for i in held} for fitted, held in pairs)


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"scheme": "emobox"}, "protocols.p.emobox.folder|folder: is missing"),
        ({"scheme": "predefined", "file": ""}, "file: should name what holds the folds"),
        ({"scheme": "predefined", "missing": "ignore"}, "missing"),
        ({"scheme": "predefned"}, r"'predefned' is not known \(did you mean 'predefined'"),
        ({"scheme": "predefined", "validation": 1.0}, "validation"),
    ],
)
def test_params_that_do_not_fit(params, says):
    from pipeline.config.params import Params

    with pytest.raises(ParamsError, match=says):
        validate(Params, {"protocols": {"p": params}})
